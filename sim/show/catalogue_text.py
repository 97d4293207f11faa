"""What there is to boot, a line each: scenarios, designs, kernels, hazards."""

from collections.abc import Sequence

from rich.console import Console

from sim.designs import DESIGNS, Design, LateCpu
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import shipped
from sim.hazards import HazardKind
from sim.kernel_flags import kernel_flags, thresholds
from sim.kernel_series import DEFAULT, RECORDED, kernel_series
from sim.show.console import heading, line, table


def show_catalogue(console: Console, what: Sequence[str]) -> None:
    """Print the named parts of the catalogue, or all of it."""
    parts = {"topologies": _topologies, "designs": _designs, "kernels": _kernels, "hazards": _hazards}
    for place, name in enumerate(one for one in parts if one in what or not what):
        heading(console, name.capitalize(), first=not place)
        parts[name](console)


def _topologies(console: Console) -> None:
    scenarios = [(file.stem, read_scenario(file)) for file in shipped()]
    rows = [
        (stem, f"{len(one.topology.cpus):,}", one.name + "*" * one.topology.hypothetical) for stem, one in scenarios
    ]
    table(console, {"name": "left", "CPUs": "right", "what it is": "wrap"}, rows)
    line(console, "* hypothetical: no shipping system mixes CPUs with different vector lengths")


def _designs(console: Console) -> None:
    line(console, "How pKVM saves the host's SVE registers, and what becomes of a late CPU above the maximum.")
    columns = dict.fromkeys(["design", "buffer", "ZCR_EL2", "pointer", "late CPU above"], "left")
    table(console, columns, [_choices(one) for one in DESIGNS.values()])


def _choices(design: Design) -> list[str]:
    if design.nosve:
        return [design.name, "none", "", "", "arm64.nosve"]
    late = f"raises: {design.late_store}" if design.late_cpu is LateCpu.RAISES else str(design.late_cpu)
    return [design.name, design.buffer_sized_by, design.zcr_el2, design.ffr_pointer, late]


def _kernels(console: Console) -> None:
    rows, changes = [], thresholds()
    for name in sorted({*RECORDED, *changes}, key=lambda one: kernel_series(one).version):
        flags = kernel_flags(kernel_series(name))
        told = "recorded boots" if name in RECORDED else ""
        default = "the default" if name == DEFAULT else ""
        rows.append(
            (
                name,
                flags.own_design or "no buffers yet",
                "used" if flags.sme else "not used",
                ", ".join(filter(None, [told, default, *changes.get(name, ())])),
            )
        )
    table(console, {"series": "left", "pKVM's design": "left", "SME": "left", "particulars": "wrap"}, rows)
    line(console, "Any other series from 6.2 on is like the one listed before it.")


def _hazards(console: Console) -> None:
    columns = {"rank": "right", "hazard": "left", "name in files": "left"}
    table(console, columns, [(str(kind.rank), kind.title, kind.value) for kind in sorted(HazardKind)])
