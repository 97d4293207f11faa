"""What a scenario can be exported as, and what an export is."""

from dataclasses import dataclass
from enum import StrEnum


class ExportFormat(StrEnum):
    """What an export is written as."""

    QEMU = "qemu"
    """A shell script that starts QEMU and gives each CPU its lengths."""
    FVP = "fvp"
    """Parameters of Arm's FVP_Base_RevC-2xAEMvA."""
    DTS = "dts"
    """A device tree's /cpus node."""
    GRAPHML = "graphml"
    """The topology's graph."""
    DOT = "dot"
    """The topology as nested boxes, for Graphviz."""


@dataclass(frozen=True)
class Exported:
    """An export's text, and what of the scenario it could not hold, in words."""

    text: str
    lost: tuple[str, ...] = ()
