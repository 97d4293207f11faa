"""Export of a scenario's topology to any format."""

from sim.arguments import checked
from sim.errors import choice
from sim.export.dot import export_dot
from sim.export.dts import export_dts
from sim.export.export_formats import Exported, ExportFormat
from sim.export.fvp import export_fvp
from sim.export.graphml import export_graphml
from sim.export.qemu import export_qemu
from sim.scenario import Scenario


def export_scenario(scenario: Scenario, to: ExportFormat) -> Exported:
    """Export a scenario to a format, and list the parts that are lost.

    Raises:
        InputError: the format cannot hold a part without which the export would mean another system.
    """
    match to:
        case ExportFormat.QEMU:
            return export_qemu(scenario)
        case ExportFormat.FVP:
            return export_fvp(scenario)
        case ExportFormat.DTS:
            return export_dts(scenario)
        case ExportFormat.GRAPHML:
            return export_graphml(scenario)
        case ExportFormat.DOT:
            return export_dot(scenario)


@checked
def export_text(scenario: Scenario, to: ExportFormat | str) -> str:
    r"""Export a scenario for another emulator or tool; the same text for the same scenario.

    Args:
        scenario: the scenario whose topology is exported.
        to: the format, or its name: qemu, fvp, dts, graphml or dot.

    Raises:
        InputError: the format is unknown, or cannot hold a part without which the export would mean another system.

    >>> from sim import Scenario, Topology
    >>> print(export_text(Scenario(Topology.of([[128, 256]])), "dot"), end="")
    graph {
      label="";
      node [shape=box];
      cpu0 [label="cpu0\nSVE {128,256}"];
    }
    """
    return export_scenario(scenario, choice(ExportFormat, "to", to)).text
