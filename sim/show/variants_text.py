"""A comparison of variants as text: along one axis a list, with what was refused, lost and not there."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from sim.hazard_kinds import KINDS
from sim.scenario import Scenario
from sim.show.console import heading, legend, line
from sim.show.settings_text import settings
from sim.show.shared_notes import show_shared_notes
from sim.show.table_forms import Layout, table_of_columns
from sim.show.variants_matrix import dimensions, show_matrix
from sim.study.variant_comparison import VariantComparison
from sim.study.variant_rows import VariantRow
from sim.study.variants import OF_PKVM, Axis
from sim.titles import title

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
    """Print a comparison of variants: along one axis as a list, along several as a matrix.

    Of several axes, those on which nothing depends keep their first setting.
    """
    rows = comparison.rows
    axes = [axis for axis in Axis if getattr(rows[0], axis.value) is not None]
    idle = comparison.without_effect if len(axes) > 1 else ()
    numbers = [
        number
        for number, row in enumerate(rows, 1)
        if all(getattr(row, axis.value) == getattr(rows[0], axis.value) for axis in idle)
    ]
    along = dimensions([rows[number - 1] for number in numbers], [axis for axis in axes if axis not in idle])
    heading(console, f"Variants of {comparison.scenario.name}", first=True)
    line(console, f"all: {_shared(comparison.scenario, axes)}")
    if Axis.KERNEL not in axes:
        show_shared_notes(comparison.scenario, console)
    for axis in comparison.without_effect:
        shown = f"; {getattr(rows[0], axis.value)} is shown" if axis in idle else ""
        line(console, f"{title(axis)}: nothing depends on it here{_why_not(comparison.scenario, axis, axes)}{shown}")
    if len(along) > 1:
        show_matrix(comparison, numbers, along, _outcome, console)
    else:
        _show_list(rows, numbers, [axis for axis in axes if axis not in idle], console)


def _show_list(rows: Sequence[VariantRow], numbers: Sequence[int], axes: Sequence[Axis], console: Console) -> None:
    """Print a row for each of some variants, and what its numbers stand for."""
    shown = [rows[number - 1] for number in numbers]
    columns: dict[str, tuple[Layout, Sequence[str]]] = {"": ("right", list(map(str, numbers)))}
    columns |= {title(axis): ("wrap", [getattr(row, axis.value) for row in shown]) for axis in axes}
    columns |= _outcome_columns(shown)
    legend(console, _LEGEND, table_of_columns(console, columns))
    for number, row in zip(numbers, shown, strict=True):
        _particulars(console, number, row)


def _shared(scenario: Scenario, axes: Sequence[Axis]) -> str:
    """Return the settings that all variants share, in words."""
    told = settings(scenario)
    if "design" in told and Axis.KERNEL in axes and scenario.design is None:
        told["design"] = "each kernel's"
    names = {title(axis) for axis in axes}
    shared = {name: value for name, value in told.items() if name not in names}
    if Axis.KERNEL in axes and scenario.kernel_flags:
        shared = {"kernel with": scenario.flag_words} | shared
    return ", ".join(f"{name} {value}" for name, value in shared.items())


def _why_not(scenario: Scenario, axis: Axis, axes: Sequence[Axis]) -> str:
    """Return why nothing depends on a setting, where that is known."""
    has_no_pkvm = not scenario.has_pkvm and not {Axis.KVM_MODE, Axis.KERNEL, Axis.BOOT_CPU} & set(axes)
    return ", since there is no pKVM" if has_no_pkvm and axis in OF_PKVM else ""


def _outcome_columns(rows: Sequence[VariantRow]) -> dict[str, tuple[Layout, Sequence[str]]]:
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
    told = list(_outcome(row))
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


def _outcome(row: VariantRow) -> Iterator[str]:
    """Yield what the numbers of a variant stand for."""
    yield from (f"refused: {one}" for one in row.refused)
    yield from (f"lost: {one}" for one in row.lost)
    if row.panic is not None:
        yield f"stopped: {row.panic}"
    if row.capabilities_lost:
        yield f"capabilities lost: {', '.join(row.capabilities_lost)}"
    if row.hwcaps_lost:
        yield f"hwcaps lost: {', '.join(row.hwcaps_lost)}"
