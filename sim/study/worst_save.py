"""The search for the saves that write the most bytes outside their buffers' runs of pages, block by block.

Where nothing panics, the bytes of a save depend on the kernel's record of the early CPUs and on the CPU's own set. For
each record the sets of late CPUs are therefore listed by their bytes, once; a block is searched by comparison with
the sets that write more than the worst save so far, which are few. Where something panics these bytes are an upper
bound: the rows above the worst so far are then evaluated one by one, with the order of their saves.
`tests/study/test_worst_save.py` compares the search with an evaluation of every row.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.study import verdict_bits
from sim.study.batch import Batch, OutcomeBits
from sim.study.early_runs import EarlyRun, EarlyRuns, LateCandidates, RecordKey
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Block

_Mask = NDArray[np.bool_]
_BELOW, _ABOVE = range(2)
_FIRST_ROWS = 256
"""The number of rows that are evaluated first."""
_Turn = tuple[int, int]
"""A CPU's place in the order of saves: its set, then its rank (`sim.study.ordering`)."""


class Worst(NamedTuple):
    """The most bytes that a save writes outside its buffer's run of pages, and the first point with that number."""

    bytes: int
    point: int

    def or_worse(self, other: "Worst | None") -> "Worst":
        """Return the worse of two; if they are equally bad, that at the earlier point."""
        return self if other is None or (-self.bytes, self.point) < (-other.bytes, other.point) else other


class _Level(NamedTuple):
    """The late CPUs that write an equal number of bytes outside, where nothing panics."""

    bytes: int
    sets: list[tuple[int, int]]
    """Pairs of a group's place and a set: the CPUs of the group write that number if they have that set."""


class _Reach(NamedTuple):
    """The bytes that are possible beside some early CPUs, below or above: an upper bound where something panics."""

    early: int
    """The most bytes of the early CPUs, or an upper bound."""
    late: list[_Level]
    """In descending order of bytes."""

    @property
    def most(self) -> int:
        """The most bytes of any CPU, or an upper bound."""
        return max(self.early, self.late[0].bytes if self.late else 0)


class _EarlySave(NamedTuple):
    """The saves on the CPUs of an early unit."""

    turn: _Turn
    below: int
    above: int
    panics: bool


class _Record(NamedTuple):
    """Everything that the kernel's record of early CPUs decides about their saves and those of late CPUs."""

    buffer: int
    """The VQ that buffers are for; 0 where there are none."""
    limit: int
    """Every VQ that ZCR_EL2 lets through, as a set."""
    reaches: tuple[_Reach, _Reach]
    """The bytes that are possible, below and above; those of the early CPUs are an upper bound."""
    most_below: int
    most_above: int
    early: dict[tuple[int, int], list[_EarlySave]]
    """The saves of early groups, by the group's place and set, as far as they were asked for."""


class WorstSaves:
    """A search under one setting; it keeps what it learns about records, and nothing about points.

    Args:
        saves: the saves under the setting.
        candidates: the candidates of late groups, which all settings share.
    """

    def __init__(self, saves: OutsideSaves, candidates: LateCandidates) -> None:
        self._saves, self._candidates, self._model = saves, candidates, saves.model
        self._has_late = any(self._model.space.groups[place].late for place in saves.saving)
        self._first_rank = {unit.group: unit.rank for unit in sorted(self._model.late, key=lambda one: -one.rank)}
        """The rank of each late group's first CPU."""
        self._records: dict[RecordKey, _Record] = {}

    def may_exceed(self, under: int, over: int) -> bool:
        """Return True if any system of the space may write more bytes below or above."""
        below, above = self._saves.bounds
        return below > under or above > over

    def find(self, block: Block, words: OutcomeBits, early: EarlyRuns, under: int, over: int) -> list[Worst | None]:
        """Return the worst saves of a block below and above, where they exceed the bytes so far.

        Args:
            block: the points.
            words: a word for each row, or one word for all rows.
            early: the block's runs, which all settings share.
            under: the most bytes below so far.
            over: the most bytes above so far.
        """
        words = np.broadcast_to(words, block.rows)
        if early.runs is None:
            return [self._find_by_row(block, words, way, so_far) for way, so_far in ((_BELOW, under), (_ABOVE, over))]
        so_far, records = (under, over), ((run, self._record(run)) for run in early.runs)
        possible = [(run, self._reach(run)) for run, one in records if one.most_below > under or one.most_above > over]
        return [
            self._find_in(block, words, [(run, reach[way]) for run, reach in possible], way, so_far[way])
            for way in (_BELOW, _ABOVE)
        ]

    def _find_in(
        self, block: Block, words: OutcomeBits, possible: Sequence[tuple[EarlyRun, _Reach]], way: int, so_far: int
    ) -> Worst | None:
        found = None
        for run, reach in possible:
            most = so_far if found is None else found.bytes
            if reach.most > most:
                found = _without_panic(block, words[run.rows], run, reach, most) or found
        # Rows with a panic come last: few of their bounds exceed what was found, and evaluating a row takes long.
        for run, reach in possible:
            least = _least(block, run.rows.start, found, so_far)
            if reach.most > least:
                rows = _with_panic(block, words[run.rows], run, reach, least)
                if len(rows) and not self._has_late:
                    # Only the order of the early CPUs matters, which the reach takes into account.
                    found = Worst(reach.most, block.first + run.rows.start + int(rows[0])).or_worse(found)
                else:
                    found = self._worse(block, rows + run.rows.start, found, way=way, bound=reach.most, least=least)
        return found

    def _find_by_row(self, block: Block, words: OutcomeBits, way: int, so_far: int) -> Worst | None:
        """Return what `_find_in` returns, without runs: by the bound of each row."""
        rows = np.flatnonzero(_has(words, verdict_bits.OUTSIDE))
        bounds = self._saves.at_most(self._batch(block, rows))[way]
        panics = words[rows] & np.uint16(verdict_bits.PANIC) != 0
        reached = np.where(panics, 0, bounds)
        most = int(np.argmax(reached))
        found = Worst(int(reached[most]), block.first + int(rows[most])) if reached[most] > so_far else None
        least = _least(block, 0, found, so_far)
        rows, bounds = rows[panics & (bounds > least)], bounds[panics]
        return self._worse(block, rows, found, way=way, bound=int(bounds.max(initial=0)), least=least)

    def _worse(
        self, block: Block, rows: NDArray[np.intp], found: Worst | None, *, way: int, bound: int, least: int
    ) -> Worst | None:
        """Return the worse of a save that was found and of the saves of some rows, evaluated in order.

        Args:
            block: the points.
            rows: the rows to evaluate.
            found: the save that was found.
            way: below or above.
            bound: an upper bound for the bytes of these rows.
            least: the bytes that they must exceed.
        """
        # The first rows mostly reach the bound, and then no other row need be evaluated.
        for some in (rows[:_FIRST_ROWS], rows[_FIRST_ROWS:]):
            if not len(some):
                break
            values = self._saves.of_rows(self._batch(block, some))[way]
            most = int(np.argmax(values))
            if values[most] > least:
                found = Worst(int(values[most]), block.first + int(some[most])).or_worse(found)
            if values[most] == bound:
                break
        return found

    def _batch(self, block: Block, rows: NDArray[np.intp]) -> Batch:
        columns = [one if len(one) == 1 else one[rows] for one in block.columns]
        return Batch(self._model, columns, len(rows))

    def _reach(self, run: EarlyRun) -> tuple[_Reach, _Reach]:
        """Return the bytes that are possible beside a run's early CPUs, below and above."""
        record, saves = self._record(run), list[_EarlySave]()
        for group in run.sets.items():
            if group not in record.early:
                record.early[group] = self._early_saves(record, *group)
            saves += record.early[group]
        # CPUs that come after the first panic of an early CPU do not save.
        last = min((one.turn for one in saves if one.panics), default=None)
        if last is not None:
            saves = [one for one in saves if one.turn <= last]
        below, above = (reach.late if last is None else list(self._until(last, reach.late)) for reach in record.reaches)
        return _Reach(max(one.below for one in saves), below), _Reach(max(one.above for one in saves), above)

    def _early_saves(self, record: _Record, place: int, vqs: int) -> list[_EarlySave]:
        """Return the saves of an early group's CPUs if they have a set."""
        running = rules.selected(vqs, record.limit).bit_length()
        return [
            _EarlySave(
                (vqs, unit.rank),
                int(self._saves.of_units[unit][_BELOW, record.buffer, running]),
                int(self._saves.of_units[unit][_ABOVE, record.buffer, running]),
                self._saves.panics(unit, record.buffer, running),
            )
            for unit in self._model.units
            if unit.group == place
        ]

    def _until(self, last: _Turn, levels: list[_Level]) -> Iterator[_Level]:
        """Yield the CPUs of some levels whose turn comes before a panic's."""
        for level in levels:
            if sets := [(place, vqs) for place, vqs in level.sets if (vqs, self._first_rank[place]) <= last]:
                yield _Level(level.bytes, sets)

    def _record(self, run: EarlyRun) -> _Record:
        """Return what the record of a run's early CPUs decides."""
        if run.key not in self._records:
            allocation, limits = self._candidates.of(run).buffers(self._saves.setting.design)
            buffer, limit = int(allocation.array[0]).bit_length(), int(limits.array[0])
            _, seen, _ = run.key
            running = min(seen.bit_length(), limit.bit_length())
            early = np.max([self._saves.of_groups[place][:, buffer, : running + 1] for place in run.sets], axis=(0, 2))
            below, above = (_Reach(int(most), late) for most, late in zip(early, self._late_levels(run), strict=True))
            self._records[run.key] = _Record(buffer, limit, (below, above), below.most, above.most, {})
        return self._records[run.key]

    def _late_levels(self, run: EarlyRun) -> list[list[_Level]]:
        batch, groups = self._candidates.of(run), self._model.space.groups
        ways: list[defaultdict[int, list[tuple[int, int]]]] = [defaultdict(list), defaultdict(list)]
        for place in self._saves.saving:
            if groups[place].late:
                written = np.broadcast_to(self._saves.of_group(batch, place), (2, batch.rows))
                for by_bytes, of_way in zip(ways, written.tolist(), strict=True):
                    # A group with fewer candidates than another repeats its last.
                    for number, vqs in zip(of_way, groups[place].sets_vqs, strict=False):
                        by_bytes[number].append((place, vqs))
        return [[_Level(*one) for one in sorted(by_bytes.items(), reverse=True) if one[0]] for by_bytes in ways]


def _least(block: Block, row: int, found: Worst | None, so_far: int) -> int:
    """Return the bytes that rows from a row on must exceed: those before the worst save so far need only reach it."""
    if found is None:
        return so_far
    return found.bytes - 1 if block.first + row < found.point else found.bytes


def _has(words: OutcomeBits, bits: int, *, but_not: int = 0) -> _Mask:
    """Return a mask of the words that have some bits, and others not."""
    mask: _Mask = words & np.uint16(bits | but_not) == np.uint16(bits)
    return mask


def _without_panic(block: Block, words: OutcomeBits, run: EarlyRun, reach: _Reach, so_far: int) -> Worst | None:
    """Return the worst save of a run's systems in which nothing panics, if it exceeds the bytes so far."""
    goes_on, first = _has(words, verdict_bits.OUTSIDE, but_not=verdict_bits.PANIC), block.first + run.rows.start
    if not goes_on.any():
        return None
    for level in _levels(reach, above=max(reach.early, so_far)):
        here = goes_on & _has_sets(block, run, [level])
        row = int(np.argmax(here))
        if here[row]:
            return Worst(level.bytes, first + row)
    return Worst(reach.early, first + int(np.argmax(goes_on))) if reach.early > so_far else None


def _with_panic(block: Block, words: OutcomeBits, run: EarlyRun, reach: _Reach, least: int) -> NDArray[np.intp]:
    """Return a run's rows in which something panics and whose bound exceeds some bytes."""
    panics = _has(words, verdict_bits.OUTSIDE | verdict_bits.PANIC)
    if reach.early <= least and panics.any():
        panics &= _has_sets(block, run, _levels(reach, above=least))
    return np.flatnonzero(panics)


def _levels(reach: _Reach, *, above: int) -> list[_Level]:
    return [level for level in reach.late if level.bytes > above]


def _has_sets(block: Block, run: EarlyRun, levels: list[_Level]) -> _Mask:
    """Return a mask of the rows of a run in which some late group has a set of some levels."""
    mask = np.zeros(run.rows.stop - run.rows.start, np.bool_)
    for place, vqs in (one for level in levels for one in level.sets):
        column = block.columns[place]
        mask |= (column if len(column) == 1 else column[run.rows]) == vqs
    return mask
