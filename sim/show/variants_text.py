"""A comparison of variants as text: a table, and for each variant what was refused, lost and not there."""

from collections.abc import Sequence

from rich.console import Console

from sim.hazard_kinds import KINDS
from sim.scenario import Scenario
from sim.show.console import Layout, heading, legend, line, table_of_columns
from sim.show.settings_text import settings
from sim.show.shared_notes import show_shared_notes
from sim.study.variant_comparison import VariantComparison
from sim.study.variant_rows import VariantRow
from sim.study.variants import OF_PKVM, Axis
from sim.titles import title

_AXES = ("boot_cpu", "early", "kernel", "kvm_mode", "design", "relay", "memory")
_LEGEND = {
    "online": "CPUs online at the end",
    "refused": "CPUs that the kernel or pKVM's relay refused",
    "lost": "CPUs that never came, or died in the kernel",
    title("capabilities_lost"): "capabilities that another variant has",
    title("hwcaps_lost"): "hwcaps that another variant has",
    "taint": "the kernel's taint",
    "hazards": "the number of hazards, and the worst",
}
"""The columns beside those of the axes, with what each holds."""


def show_variants(comparison: VariantComparison, console: Console) -> None:
    """Print a comparison of variants."""
    rows = comparison.rows
    axes = [name for name in _AXES if getattr(rows[0], name) is not None]
    columns: dict[str, tuple[Layout, Sequence[str]]] = {
        "": ("right", [str(number) for number in range(1, len(rows) + 1)])
    }
    columns |= {title(name): ("wrap", [getattr(row, name) for row in rows]) for name in axes}
    columns |= _outcome_columns(rows)
    heading(console, f"Variants of {comparison.scenario.name}", first=True)
    line(console, f"all: {_shared(comparison.scenario, axes)}")
    if "kernel" not in axes:
        show_shared_notes(comparison.scenario, console)
    legend(console, _LEGEND, table_of_columns(console, columns))
    for axis in comparison.without_effect:
        line(console, f"{title(axis)}: nothing depends on it here{_why_not(comparison.scenario, axis, axes)}")
    for number, row in enumerate(rows, 1):
        _particulars(console, number, row)


def _shared(scenario: Scenario, axes: list[str]) -> str:
    """Return the settings that all variants share, in words."""
    told = settings(scenario)
    if "design" in told and "kernel" in axes and scenario.design is None:
        told["design"] = "each kernel's"
    names = {title(axis) for axis in axes}
    return ", ".join(f"{name} {value}" for name, value in told.items() if name not in names)


def _why_not(scenario: Scenario, axis: Axis, axes: list[str]) -> str:
    """Return why nothing depends on a setting, where that is known."""
    has_no_pkvm = not scenario.has_pkvm and not {Axis.KVM_MODE, Axis.KERNEL, Axis.BOOT_CPU} & set(axes)
    return ", since there is no pKVM" if has_no_pkvm and axis in OF_PKVM else ""


def _outcome_columns(rows: list[VariantRow]) -> dict[str, tuple[Layout, Sequence[str]]]:
    """Return the columns that tell the outcome of each variant; a cell is empty where there is nothing to tell."""
    return {
        "online": ("right", ["stopped" if row.panic is not None else f"{row.online:,}" for row in rows]),
        "refused": ("right", [f"{row.refused_cpus:,}" if row.refused_cpus else "" for row in rows]),
        "lost": ("right", [f"{row.lost_cpus:,}" if row.lost_cpus else "" for row in rows]),
        title("capabilities_lost"): ("right", [str(len(row.capabilities_lost) or "") for row in rows]),
        title("hwcaps_lost"): ("right", [str(len(row.hwcaps_lost) or "") for row in rows]),
        "taint": ("right", [str(row.taint or "") for row in rows]),
        "hazards": ("wrap", [_hazards(row) for row in rows]),
    }


def _hazards(row: VariantRow) -> str:
    if not row.hazards:
        return ""
    worst = KINDS[row.hazard_kinds[0]].title
    return worst if row.hazards == 1 else f"{row.hazards}, worst: {worst}"


def _particulars(console: Console, number: int, row: VariantRow) -> None:
    """Print what the numbers of a variant stand for, and what differs first from another variant."""
    told = [f"refused: {one}" for one in row.refused] + [f"lost: {one}" for one in row.lost]
    if row.panic is not None:
        told.append(f"stopped: {row.panic}")
    if row.capabilities_lost:
        told.append(f"capabilities lost: {', '.join(row.capabilities_lost)}")
    if row.hwcaps_lost:
        told.append(f"hwcaps lost: {', '.join(row.hwcaps_lost)}")
    if len(row.hazard_kinds) > 1:
        told.append(f"hazards: {', '.join(KINDS[kind].title for kind in row.hazard_kinds)}")
    if row.differs_first is not None:
        told.append(f"differs from variant {row.compared_with} (a) first: {row.differs_first}")
        if row.worst_hazard is not None:
            told.append(f"worst hazard of one alone: {row.worst_hazard}")
    elif row.compared_with is not None:
        told.append(f"nothing else differs from variant {row.compared_with}")
    if told:
        heading(console, f"Variant {number}")
        for one in told:
            line(console, one)
