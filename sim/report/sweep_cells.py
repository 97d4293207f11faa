"""The cells of a sweep's tables, formatted as in the terminal; each keeps its value, by which the table sorts."""

from collections.abc import Mapping
from math import isnan
from typing import Any, NamedTuple

from sim.hazard_kinds import KINDS
from sim.show.sweep_text import milliseconds, percent
from sim.sweep.sweep_summary import Summary
from sim.sweep.timing_study import METRICS

_HEADINGS = {
    "kvm_mode": "KVM mode",
    "share_low": "95 % interval, from",
    "share_high": "95 % interval, to",
    "first_row": "first row",
    "smallest_row": "smallest row",
    "worst_row": "worst row",
    "underrun_bytes": "underrun, bytes",
    "overrun_bytes": "overrun, bytes",
    "mean_ns": "mean, ms",
    "low_ns": "95 % interval from, ms",
    "high_ns": "95 % interval to, ms",
}
"""The headings of columns, where they are not the columns' names."""


class Cell(NamedTuple):
    """A cell: its text, and its value if the text is a formatted number."""

    text: str
    order: float | int | None = None


def headings(summary: Summary) -> dict[str, str]:
    """Return the headings of columns in words, where they are not the columns' names."""
    return _HEADINGS | {f"{group.name}_sve_bits": f"{group.name}, bits" for group in summary.plan.space.groups}


def cells(row: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a row, whose keys are the columns."""
    return [_cell(column, value) for column, value in row.items()]


def title(hazard: str) -> str:
    """Return the title of a hazard that is named as in files."""
    return KINDS[hazard].title


def severity(hazard: str) -> int:
    """Return the rank of a hazard that is named as in files; the worst has the lowest."""
    return KINDS[hazard].rank


def _cell(column: str, value: Any) -> Cell:
    if value is None or (isinstance(value, float) and isnan(value)):
        return Cell("")
    if column == "hazard":
        return Cell(title(value))
    if column == "metric":
        return Cell(METRICS[value])
    if column.endswith("_ns"):
        return Cell(milliseconds(value), value)
    if isinstance(value, float):
        return Cell(percent(value), value)
    return Cell(f"{value:,}", value) if isinstance(value, int) else Cell(str(value).replace(",", ", "))
