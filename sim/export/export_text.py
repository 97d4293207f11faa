"""A scenario in any of the formats of exports."""

from sim.errors import choice
from sim.export.dot import dot
from sim.export.dts import dts
from sim.export.export_formats import Exported, ExportFormat
from sim.export.fvp import fvp
from sim.export.graphml import graphml
from sim.export.qemu import qemu
from sim.scenario import Scenario


def exported(scenario: Scenario, to: ExportFormat) -> Exported:
    """Export a scenario, and tell what is lost of it.

    Raises:
        InputError: what matters of it cannot be had there.
    """
    match to:
        case ExportFormat.QEMU:
            return qemu(scenario)
        case ExportFormat.FVP:
            return fvp(scenario)
        case ExportFormat.DTS:
            return dts(scenario)
        case ExportFormat.GRAPHML:
            return graphml(scenario)
        case ExportFormat.DOT:
            return dot(scenario)


def export_text(scenario: Scenario, to: ExportFormat | str) -> str:
    r"""Export a scenario for another emulator or tool; the same text for the same scenario.

    Args:
        scenario: whose topology it is.
        to: the format, or its name: qemu, fvp, dts, graphml or dot.

    Raises:
        InputError: there is no such format, or what matters of the scenario cannot be had there.

    >>> from sim import Scenario, Topology
    >>> print(export_text(Scenario(Topology.of([[128, 256]])), "dot"), end="")
    graph {
      label="";
      node [shape=box];
      cpu0 [label="cpu0\nSVE {128,256}"];
    }
    """
    return exported(scenario, choice(ExportFormat, "to", to)).text
