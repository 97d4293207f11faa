"""The difference between two boots as text: settings, what differs first, hazards, log lines, values."""

from itertools import groupby

from rich.console import Console

from sim.hazard_kinds import KINDS
from sim.show.console import heading, line
from sim.show.table_forms import Layout, table
from sim.study.difference_rows import LogDifferenceRow, Value
from sim.study.outcome_difference import INTRODUCTIONS, SETTINGS, Difference, value_text
from sim.titles import title
from sim.units import timestamp

_STYLES = {"a": "red", "b": "green"}
_MARKS = {"a": "-", "b": "+"}


def show_difference(difference: Difference, console: Console) -> None:
    """Print everything that `asymboot diff` shows."""
    for side, outcome in (("a", difference.a), ("b", difference.b)):
        scenario = outcome.scenario
        line(console, f"{side}: {scenario.name or 'a scenario without a name'}, kernel {scenario.kernel_words}")
        line(console, outcome.verdict, indent="   ")
    if not difference:
        heading(console, "Nothing differs")
        return
    line(console, f"they differ first: {difference.first or _nothing_first(difference)}", "bold")
    _hazards(difference, console)
    _log(difference.log_rows, console)
    _values(difference, console)


def _nothing_first(difference: Difference) -> str:
    lines = f" and {INTRODUCTIONS}" if difference.has_introductions else ""
    return f"in their settings{lines} alone"


def _hazards(difference: Difference, console: Console) -> None:
    if not difference.hazard_rows:
        return
    heading(console, "Hazards of one of them")
    for row in difference.hazard_rows:
        told = f"{row.side}: {KINDS[row.hazard].title}: {row.sentence}"
        line(console, told, _STYLES[row.side], len(row.side) + 1)


def _log(rows: list[LogDifferenceRow], console: Console) -> None:
    if not rows:
        return
    heading(console, "Lines of the kernel log")
    for row in rows:
        # A line of the kernel stays exact to the letter, so it does not go through rich, which would wrap it.
        console.file.write(f"{_MARKS[row.side]}{timestamp(row.time_ns)} {row.text}\n")


def _values(difference: Difference, console: Console) -> None:
    columns: dict[str, Layout] = {"of": "wrap", "column": "wrap", "a": "wrap", "b": "wrap"}
    # What a CPU of one boot lacks says nothing where the other boot has no such CPU.
    told = [row for row in difference.value_rows if _shown(row.a) != _shown(row.b)]
    for name, rows in groupby(told, lambda row: row.table):
        members = list(rows)
        heading(console, f"{name[0].upper()}{name[1:]}")
        own = columns if any(row.of for row in members) else {key: columns[key] for key in ("column", "a", "b")}
        cells = [{"of": row.of, "column": title(row.column), "a": _shown(row.a), "b": _shown(row.b)} for row in members]
        table(console, own, [[cell[key] for key in own] for cell in cells])
        if name == SETTINGS and difference.has_lines_left_out:
            line(console, "Log lines that repeat settings (Linux version, command line) are left out.")


def _shown(value: Value) -> str:
    return "" if value is None else value_text(value)
