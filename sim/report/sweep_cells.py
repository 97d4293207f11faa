"""The tables of a sweep, formatted as in the terminal; each cell keeps its value, by which the table sorts."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, NamedTuple

from sim.hazard_kinds import KINDS
from sim.show.sweep_text import milliseconds, percent
from sim.sweep.parted_plan import Walk
from sim.sweep.sweep_summary import Summary
from sim.sweep.timing_study import METRICS
from sim.titles import title as title_of

_SETTING = ("design", "relay", "kvm_mode", "memory")
"""The columns that together are a setting."""
_HEADINGS = {
    "share_low": "95 % interval, from",
    "share_high": "95 % interval, to",
    "first_row": "first row",
    "smallest_row": "smallest row",
    "worst_row": "worst row",
    "mean_ns": "mean, ms",
    "low_ns": "95 % interval from, ms",
    "high_ns": "95 % interval to, ms",
    "smallest": "VLs of the smallest row, bits",
}
"""The headings of columns, where they are not the columns' titles."""


class Cell(NamedTuple):
    """A cell: its text, and its value if the text is a formatted number."""

    text: str
    order: float | int | None = None


class SweepTable(NamedTuple):
    """A table of a sweep: its headings, its rows, and as `same` the parts of the setting that all rows share."""

    headings: list[str]
    rows: list[list[Cell]]
    same: dict[str, str]


def hazard_table(summary: Summary, most_rows: int) -> SweepTable:
    """Return the hazards by setting.

    A space may have any number of groups, so that the lengths of all groups share a column. In a sample, what is
    counted are draws.

    Args:
        summary: the summary of a sweep.
        most_rows: the number of rows that the table has at most.
    """
    table = _table([_with_lengths(row, summary) for row in summary.hazard_rows[:most_rows]])
    if summary.plan.walk is not Walk.SAMPLE:
        return table
    return table._replace(headings=["draws" if heading == "systems" else heading for heading in table.headings])


def timing_table(summary: Summary) -> SweepTable:
    """Return the means of a timing study, a row for each setting and metric."""
    return _table(summary.timing_rows)


def title(hazard: str) -> str:
    """Return the title of a hazard that is named as in files."""
    return KINDS[hazard].title


def severity(hazard: str) -> int:
    """Return the rank of a hazard that is named as in files; the worst has the lowest."""
    return KINDS[hazard].rank


def _with_lengths(row: Mapping[str, Any], summary: Summary) -> dict[str, Any]:
    """Return a row whose columns of lengths, one for each group, are a single one; the worst row's follow there."""
    of_groups = {f"{group.name}_sve_bits" for group in summary.plan.space.groups}
    others = {column: value for column, value in row.items() if column not in of_groups}
    told = _lengths(row, summary)
    if row["worst_row"] not in {None, row["smallest_row"]}:
        told += f"; worst: {_lengths(summary.sets_of_row(row['worst_row']), summary)}"
    return others | {"smallest": told}


def _lengths(sets: Mapping[str, Any], summary: Summary) -> str:
    names = [group.name for group in summary.plan.space.groups]
    return ", ".join(f"{name} {{{sets[f'{name}_sve_bits']}}}" for name in names)


def _table(rows: Sequence[Mapping[str, Any]]) -> SweepTable:
    """Return rows as a table without the parts of the setting that have the same value in each of them."""
    same = {column: rows[0][column] for column in _SETTING if len({row[column] for row in rows}) == 1}
    columns = [column for column in (rows[0] if rows else ()) if column not in same]
    return SweepTable(
        [_HEADINGS.get(column) or title_of(column) for column in columns],
        [[_cell(column, row[column]) for column in columns] for row in rows],
        {title_of(column): value for column, value in same.items()},
    )


def _cell(column: str, value: Any) -> Cell:
    if value is None or (isinstance(value, float) and isnan(value)):
        return Cell("")
    if column in {"hazard", "metric"}:
        return Cell(title(value) if column == "hazard" else METRICS[value])
    if column.endswith("_ns"):
        return Cell(milliseconds(value), value)
    if isinstance(value, float):
        return Cell(percent(value), value)
    if not isinstance(value, int):
        return Cell(value)
    # Bytes read as in the kernel's own messages and in hazards' sentences.
    return Cell(str(value) if column.endswith("_bytes") else f"{value:,}", value)
