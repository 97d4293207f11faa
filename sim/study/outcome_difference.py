"""The difference between two boots: settings, log, record and hazards, and what differs first."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING

from sim.arguments import checked, checked_fields
from sim.boot_run import boot
from sim.feature_rows import capability_rows
from sim.frames import as_html, frame
from sim.hazard_kinds import KINDS, Hazard, HazardKind
from sim.kernel.printk import LogLine
from sim.outcome import Outcome, scenario_row
from sim.rows import SCHEMA_VERSION, Row
from sim.scenario import Scenario
from sim.study.difference_rows import (
    DifferenceRecord,
    HazardDifferenceRow,
    LogDifferenceRow,
    Value,
    ValueDifferenceRow,
)
from sim.titles import title
from sim.units import counted, timestamp

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
@checked_fields
class Difference:
    """The difference between two boots, called a and b, as `difference()` returns it.

    Args:
        a: the outcome of a boot.
        b: the outcome of the other boot.

    >>> from sim import boot, difference, read_scenario
    >>> scenario = read_scenario("bug")
    >>> difference(boot(scenario), boot(scenario.but(kernel="6.12")))
    <Difference of 'the bug of Linux 6.11' and 'the bug of Linux 6.11': 0 lines, 4 hazards>
    """

    a: Outcome
    b: Outcome

    def __repr__(self) -> str:
        lines, hazards = counted(len(self.log_rows), "line"), counted(len(self.hazard_rows), "hazard")
        return f"<Difference of {self.a.scenario.name!r} and {self.b.scenario.name!r}: {lines}, {hazards}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.values) + as_html("kernel log", self.log) + as_html("", self.hazards)

    def __bool__(self) -> bool:
        return bool(self.value_rows or self.log_rows or self.hazard_rows)

    @cached_property
    def value_rows(self) -> list[ValueDifferenceRow]:
        """The values that differ, of the settings first."""
        a, b = _tables(self.a), _tables(self.b)
        return [row for table in a for row in _differing_values(table, a[table], b[table])]

    @cached_property
    def log_rows(self) -> list[LogDifferenceRow]:
        """The log lines that only one boot has, or has there, in the order of the logs; times do not count."""
        return [row for row in self._all_log_rows if not self._is_banner(row)]

    @property
    def has_lines_left_out(self) -> bool:
        """True if lines differ that only repeat a setting, such as the banner of the kernel."""
        return len(self.log_rows) < len(self._all_log_rows)

    @cached_property
    def hazard_rows(self) -> list[HazardDifferenceRow]:
        """The hazards that only one boot has, worst first."""
        a, b = ({_identity(one): one for one in outcome.found} for outcome in (self.a, self.b))
        return [
            HazardDifferenceRow(side, one.kind.value, one.cpu, one.time_ns, one.sentence)
            for side, own, other in (("a", a, b), ("b", b, a))
            for identity, one in own.items()
            if identity not in other
        ]

    @cached_property
    def _all_log_rows(self) -> list[LogDifferenceRow]:
        return list(_differing_lines(self.a.facts.log, self.b.facts.log))

    def _is_banner(self, row: LogDifferenceRow) -> bool:
        return row.text in (self.a if row.side == "a" else self.b).scenario.banner

    def _must_differ(self, row: LogDifferenceRow) -> bool:
        """Return True for a line that only says which CPU has a number, if the boots number CPUs otherwise."""
        return not self._are_numbered_alike and _INTRODUCES_A_CPU.match(row.text) is not None

    @cached_property
    def _are_numbered_alike(self) -> bool:
        a, b = (outcome.scenario.topology.logical for outcome in (self.a, self.b))
        return [one.name for one in a] == [one.name for one in b]

    @property
    def first(self) -> str | None:
        """The first difference, in one line; None if nothing differs but the settings.

        Lines that only one log has and hazards come first, in the order of time, then values, then lines that only come
        elsewhere. Lines that only say which CPU has a number do not count where the numbers differ, as with another
        boot CPU, and the sentence says so.
        """
        first = self._first_that_counts
        return f"apart from {INTRODUCTIONS}, {first}" if first and self.has_introductions else first

    @property
    def has_introductions(self) -> bool:
        """True if lines that introduce CPUs differ, which do not count as the first difference."""
        return len(self._counted_log_rows) < len(self.log_rows)

    @cached_property
    def _counted_log_rows(self) -> list[LogDifferenceRow]:
        return [row for row in self.log_rows if not self._must_differ(row)]

    @property
    def _first_that_counts(self) -> str | None:
        row = self._first_line_or_hazard
        if row is None:
            return self._first_value_or_move
        if isinstance(row, LogDifferenceRow):
            return f"the log of {row.side} has {_logged(row)}"
        return f"{row.side} has a hazard: {row.sentence}"

    @property
    def worst_hazard(self) -> str | None:
        """The worst hazard that one boot has alone; None if there is none, or if it is what differs first."""
        rows = self.hazard_rows
        worst = min(rows, key=lambda row: (KINDS[row.hazard].rank, row.time_ns, row.side), default=None)
        if worst is None or worst is self._first_line_or_hazard:
            return None
        return f"{worst.side}: {worst.sentence}"

    @property
    def _first_line_or_hazard(self) -> LogDifferenceRow | HazardDifferenceRow | None:
        line = next((row for row in self._counted_log_rows if not row.moved), None)
        hazard = min(self.hazard_rows, key=lambda row: (row.time_ns, row.side), default=None)
        return line if line is not None and (hazard is None or line.time_ns < hazard.time_ns) else hazard

    def _is_comparable(self, row: ValueDifferenceRow) -> bool:
        return self._are_numbered_alike or row.table not in _OF_NUMBERS

    @property
    def _first_value_or_move(self) -> str | None:
        # A CPU that has another number has other rows, whose values say nothing.
        value = next((row for row in self.value_rows if row.table != SETTINGS and self._is_comparable(row)), None)
        if value is not None:
            where = ", ".join(word for word in (value.table, value.of) if word)
            return f"{where}: {title(value.column)}: {value_text(value.a)} in a, {value_text(value.b)} in b"
        # The rows are in the order of both logs, so the first side that has a line is that in which it comes earlier.
        moved = next(iter(self._counted_log_rows), None)
        return None if moved is None else f"a line comes earlier in the log of {moved.side}: {_logged(moved)}"

    @cached_property
    def log(self) -> "pd.DataFrame":
        """The log lines that differ; columns of `LogDifferenceRow`."""
        return frame(self.log_rows, LogDifferenceRow)

    @cached_property
    def values(self) -> "pd.DataFrame":
        """The values that differ; columns of `ValueDifferenceRow`."""
        return frame(self.value_rows, ValueDifferenceRow)

    @cached_property
    def hazards(self) -> "pd.DataFrame":
        """The hazards that differ; columns of `HazardDifferenceRow`."""
        return frame(self.hazard_rows, HazardDifferenceRow)

    def record(self) -> DifferenceRecord:
        """Return everything, as JSON has it."""
        return DifferenceRecord(
            SCHEMA_VERSION, self.first, self.worst_hazard, self.value_rows, self.log_rows, self.hazard_rows
        )


@checked
def difference(a: Scenario | Outcome, b: Scenario | Outcome) -> Difference:
    """Return the difference between two boots.

    Args:
        a: a scenario, which is booted, or the outcome of a boot.
        b: the other.

    >>> from sim import Scenario, Topology
    >>> scenario = Scenario(Topology.of([[128], [128, 256]]), kernel="6.11", kvm_mode="protected")
    >>> difference(scenario, scenario.but(kernel="6.12")).first
    'buffers, cpu1: a save would need, bytes: 1108 in a, 562 in b'
    """
    return Difference(*(one if isinstance(one, Outcome) else boot(one) for one in (a, b)))


SETTINGS = "settings"
_OF_NUMBERS = frozenset({"CPUs", "buffers", "actions"})
"""The tables whose rows are of CPUs by number."""
_INTRODUCES_A_CPU = re.compile(
    r"Booting Linux on physical CPU |CPU\d+: Booted secondary processor |Detected \w+ I-cache on CPU\d+$"
)
"""The kernel's lines that tell the hardware under a CPU number."""
INTRODUCTIONS = "the lines that introduce CPUs"
_Table = dict[str, dict[str, Value]]
"""The rows of a table by what each is of, with the values of its columns."""


def _tables(outcome: Outcome) -> dict[str, _Table]:
    """Return the tables of an outcome that are compared."""
    label = outcome.facts.label
    return {
        SETTINGS: {"": _values(scenario_row(outcome.scenario))},
        "vector lengths": {row.type: _values(row) for row in outcome.vector_rows()},
        "KVM": {"": _values(outcome.kvm_row())},
        "capabilities": _capabilities(outcome),
        "hwcaps": _features(outcome),
        "CPUs": {label(row.cpu): _values(row) for row in outcome.cpu_rows()},
        "buffers": {label(row.cpu): _values(row) for row in outcome.buffer_rows()},
        "actions": {
            f"{place}, {one.action.words}": {"outcome": one.outcome.value, "error": one.error}
            for place, one in enumerate(outcome.facts.actions, 1)
        },
    }


def _capabilities(outcome: Outcome) -> _Table:
    # Their numbers differ between releases and mean nothing to a reader.
    rows = capability_rows(outcome.facts)
    return {row.description: {"decided by": row.scope} for row in rows if row.description and row.cpus != ()}


def _features(outcome: Outcome) -> _Table:
    state = outcome.facts.features_at_end
    if state is None:
        return {}
    has_programs = outcome.facts.features_at_user_space is not None
    told: dict[str, Value] = dict.fromkeys(state.hwcaps_in_words if has_programs else (), "yes")
    return {"": told | {"taint": state.taint}}


def _differing_values(table: str, a: _Table, b: _Table) -> Iterator[ValueDifferenceRow]:
    if not a or not b:
        if a or b:
            yield ValueDifferenceRow(table, "", "rows", len(a), len(b))
        return
    for of in dict.fromkeys([*a, *b]):
        own, other = a.get(of, {}), b.get(of, {})
        for column in dict.fromkeys([*own, *other]):
            if own.get(column) != other.get(column):
                yield ValueDifferenceRow(table, of, column, own.get(column), other.get(column))


def _values(row: Row) -> dict[str, Value]:
    """Return a row's columns, with flags in words."""
    values = {column: getattr(row, column) for column in row.__struct_fields__}
    return {
        column: ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        for column, value in values.items()
    }


def value_text(value: Value) -> str:
    """Return a value in words; a set of lengths in braces.

    >>> value_text((128, 256)), value_text(None), value_text(0)
    ('{128,256}', 'none', '0')
    """
    if isinstance(value, tuple):
        return "{" + ",".join(map(str, value)) + "}"
    return "none" if value is None else str(value)


def _differing_lines(a: Sequence[LogLine], b: Sequence[LogLine]) -> Iterator[LogDifferenceRow]:
    matcher = SequenceMatcher(None, [line.text for line in a], [line.text for line in b], autojunk=False)
    differing: list[tuple[str, int, LogLine]] = []
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag != "equal":
            differing += [("a", place, a[place]) for place in range(a_from, a_to)]
            differing += [("b", place, b[place]) for place in range(b_from, b_to)]
    counts = {side: Counter(line.text for one, _, line in differing if one == side) for side in "ab"}
    of_both = counts["a"] & counts["b"]
    moved = {"a": of_both, "b": of_both.copy()}
    for side, place, line in differing:
        has_moved = moved[side][line.text] > 0
        moved[side][line.text] -= has_moved
        yield LogDifferenceRow(side, place, line.time_ns, line.text, has_moved)


def _logged(row: LogDifferenceRow) -> str:
    return f"{timestamp(row.time_ns)} {row.text}"


def _identity(hazard: Hazard) -> tuple[HazardKind, int | None, str]:
    return hazard.kind, hazard.cpu, hazard.sentence
