"""The formats of exports, and the result of an export."""

from dataclasses import dataclass

from sim.errors import NamedChoice


class ExportFormat(NamedChoice):
    """A format to export a topology to.

    >>> [one.value for one in ExportFormat]
    ['qemu', 'fvp', 'dts', 'graphml', 'dot']
    """

    QEMU = "qemu"
    """A shell script that starts QEMU and gives each CPU its lengths."""
    FVP = "fvp"
    """Parameters of Arm's FVP_Base_RevC-2xAEMvA."""
    DTS = "dts"
    """The /cpus node of a device tree source."""
    GRAPHML = "graphml"
    """The topology's graph as GraphML."""
    DOT = "dot"
    """Clusters as nested boxes, for Graphviz."""


@dataclass(frozen=True)
class Exported:
    """The text of an export."""

    text: str
    lost: tuple[str, ...] = ()
    """The parts of the scenario that the format cannot hold, in words."""
