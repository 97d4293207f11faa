"""The catalogue as text: scenarios, designs, kernels and hazards, a line each."""

from collections.abc import Sequence

from rich.console import Console

from sim.designs import DESIGNS, Design, LateCpu
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import shipped
from sim.hazards import HazardKind
from sim.kernel_flags import kernel_flags, thresholds
from sim.kernel_series import DEFAULT, RECORDED, kernel_series
from sim.show.console import Layout, heading, line, table


def show_catalogue(console: Console, parts: Sequence[str]) -> None:
    """Print the named parts of the catalogue (topologies, designs, kernels, hazards); without names, all of them."""
    printers = {"topologies": _topologies, "designs": _designs, "kernels": _kernels, "hazards": _hazards}
    for index, part in enumerate(name for name in printers if name in parts or not parts):
        heading(console, part.capitalize(), first=index == 0)
        printers[part](console)


def _topologies(console: Console) -> None:
    scenarios = {file.stem: read_scenario(file) for file in shipped()}
    rows = [
        (stem, f"{len(scenario.topology.cpus):,}", scenario.name + "*" * scenario.topology.hypothetical)
        for stem, scenario in scenarios.items()
    ]
    table(console, {"name": "left", "CPUs": "right", "description": "wrap"}, rows)
    line(console, "* hypothetical: no shipping system mixes CPUs with different vector lengths")


def _designs(console: Console) -> None:
    line(
        console,
        "A design says how pKVM saves the host's SVE registers, and how the kernel responds to a late CPU above the "
        "maximum.",
    )
    columns: dict[str, Layout] = dict.fromkeys(["design", "buffer", "ZCR_EL2", "pointer", "late CPU above max"], "left")
    table(console, columns, [_choices(design) for design in DESIGNS.values()])


def _choices(design: Design) -> list[str]:
    if design.nosve:
        return [design.name, "none", "", "", "arm64.nosve"]
    late = f"raises: {design.late_store}" if design.late_cpu is LateCpu.RAISES else str(design.late_cpu)
    return [design.name, design.buffer_sized_by, design.zcr_el2, design.ffr_pointer, late]


def _kernels(console: Console) -> None:
    rows, changes = [], thresholds()
    for name in sorted({*RECORDED, *changes}, key=lambda name: kernel_series(name).version):
        flags = kernel_flags(kernel_series(name))  # without a scenario, the series' defaults
        recorded = "recorded boots" if name in RECORDED else ""
        default = "the default" if name == DEFAULT else ""
        rows.append(
            (
                name,
                flags.own_design or "no buffers yet",
                "used" if flags.sme else "not used",
                ", ".join(filter(None, [recorded, default, *changes.get(name, ())])),
            )
        )
    table(console, {"series": "left", "pKVM's design": "left", "SME": "left", "notes": "wrap"}, rows)
    line(console, "From 6.2 on, a series that is not listed behaves like the series listed before it.")


def _hazards(console: Console) -> None:
    columns: dict[str, Layout] = {"rank": "right", "hazard": "left", "name in files": "left"}
    table(console, columns, [(str(kind.rank), kind.title, kind.value) for kind in sorted(HazardKind)])
