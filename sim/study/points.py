"""The points of a space in a fixed order, as blocks of columns: all of them, all up to symmetry, or a sample.

Points are counted by dials, the last turning fastest. In a walk through all points each group is a dial over its
candidate sets; up to symmetry each class of interchangeable groups is a dial over the ways to hand out sets to them,
and a point's weight says how many points it stands for. What does not change within a block is one element.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, prod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.study.column import Sets
from sim.study.system_space import Group, Space

Weights = NDArray[np.uint64]

BLOCK_ROWS = 1 << 15
"""At most so many rows in a block: its columns stay in a core's cache."""
MOST_POINTS = 10**12
"""So many points can be walked through."""
MOST_SYSTEMS = 1 << 62
"""The weights of all points together: sums of them are 64 bits wide."""
_KEPT = 1 << 20
"""The values of a dial that has at most so many are kept."""


class Block(NamedTuple):
    """Systems of a space."""

    first: int
    """The number of the first row."""
    rows: int
    columns: tuple[Sets, ...]
    """Each group's set, for every row or one for all rows."""
    weights: Weights
    """How often each system counts; or one for all rows."""

    def part(self, start: int, stop: int) -> "Block":
        """Some of the rows, counted from the block's first."""
        columns = tuple(one if len(one) == 1 else one[start:stop] for one in self.columns)
        weights = self.weights if len(self.weights) == 1 else self.weights[start:stop]
        return Block(self.first + start, stop - start, columns, weights)


class Points(Protocol):
    """The points of a space that a sweep visits, in order."""

    @property
    def space(self) -> Space:
        """Whose points they are."""
        ...

    @property
    def points(self) -> int:
        """How many there are."""
        ...

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """The points from one number up to another, as blocks in order."""
        ...


def sets_at(points: Points, number: int) -> tuple[int, ...]:
    """Each group's set of lengths at a point.

    Raises:
        InputError: there is no such point.
    """
    if not 0 <= number < points.points:
        raise InputError(f"there is no point {number:,}: there are {points.points:,}, counted from 0")
    block = next(points.blocks(number, number + 1))
    return tuple(int(column[0]) for column in block.columns)


class _Digit(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def places(self) -> Sequence[int]: ...
    @property
    def weighs(self) -> bool: ...

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        """The columns of the dial's places, and the weights, for some of its values."""
        ...


class _One:
    """A group by itself: a value is a candidate."""

    def __init__(self, place: int, group: Group) -> None:
        self.size, self.places, self.weighs = len(group.sets), [place], max(group.weights) > 1
        self._sets, self._weights = np.array(group.sets, np.uint16), np.array(group.weights, np.uint64)

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        return [self._sets[start:stop]], self._weights[start:stop]


class _Alike:
    """Interchangeable groups: a value is a way to hand out candidates, the largest of them counting most.

    The ways are combinations with repetition, in the order of the combinatorial number system: candidates
    c0 <= c1 <= ... of m groups are number C(c0, 1) + C(c1 + 1, 2) + ... + C(c(m-1) + m - 1, m).
    """

    def __init__(self, places: Sequence[int], group: Group) -> None:
        self.places, self._group = places, group
        self.size = comb(len(group.sets) + len(places) - 1, len(places))
        self.weighs = len(places) > 1 or max(group.weights) > 1
        self._starts = [
            np.array([min(comb(c, m), MOST_SYSTEMS) for c in range(len(group.sets) + m)], np.int64)
            for m in range(1, len(places) + 1)
        ]

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        if self.size > _KEPT:
            return self._values(start, stop)
        columns, weights = self._all
        return [column[start:stop] for column in columns], weights[start:stop]

    @cached_property
    def _all(self) -> tuple[list[Sets], Weights]:
        return self._values(0, self.size)

    def _values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        left = np.arange(start, stop, dtype=np.int64)
        candidates = []
        for m in range(len(self.places), 0, -1):
            combined = np.searchsorted(self._starts[m - 1], left, side="right") - 1
            left -= self._starts[m - 1][combined]
            candidates.append(combined - (m - 1))
        candidates.reverse()
        sets = np.array(self._group.sets, np.uint16)
        return [sets[one] for one in candidates], self._times(candidates)

    def _times(self, candidates: list[NDArray[np.int64]]) -> Weights:
        """How many points each value stands for, weights included: orders of equal candidates count once."""
        weights = np.array(self._group.weights, np.uint64)
        times, alike = np.ones((2, len(candidates[0])), np.uint64)
        for m, one in enumerate(candidates):
            if m:
                alike = np.where(one == candidates[m - 1], alike + np.uint64(1), np.uint64(1))
            # times * (m + 1) // alike, which is whole, without a product beyond 64 bits
            whole, rest = np.divmod(times, alike)
            times = whole * np.uint64(m + 1) + rest * np.uint64(m + 1) // alike
        for one in candidates:
            times *= weights[one]
        return times


class _Walk:
    """A walk through all settings of some dials."""

    def __init__(self, space: Space, dials: Sequence[_Digit]) -> None:
        self.space, self._dials = space, dials
        self.points = prod(dial.size for dial in dials)
        self._split, self._inner_rows = len(dials) - 1, 1
        while self._split and self._inner_rows * dials[self._split].size <= BLOCK_ROWS:
            self._inner_rows *= dials[self._split].size
            self._split -= 1
        self._check()

    def _check(self) -> None:
        if self.points > MOST_POINTS:
            few = self.space.points_up_to_symmetry
            fewer = f"go up to symmetry ({few:,} points), or " if few < self.points and few <= MOST_POINTS else ""
            raise InputError(
                f"{self.points:,} points are too many to walk through: the most is {MOST_POINTS:,}; "
                f"{fewer}take a sample"
            )
        systems = prod(sum(group.weights) for group in self.space.groups)
        if systems > MOST_SYSTEMS:
            raise InputError(
                f"the weights of all points come to {systems:,}: the most is 2^62; give smaller weights or fewer sets, "
                "or take a sample"
            )

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """The points from one number up to another, as blocks in order."""
        middle = self._dials[self._split]
        step = max(1, min(BLOCK_ROWS // self._inner_rows, middle.size))
        turn_rows = middle.size * self._inner_rows
        while start < stop:
            turn, place = divmod(start, turn_rows)
            value = place // self._inner_rows // step * step
            values = min(step, middle.size - value)
            first = turn * turn_rows + value * self._inner_rows
            end = min(stop, first + values * self._inner_rows)
            yield self._block(turn, value, values, first).part(start - first, end - first)
            start = end

    def _block(self, turn: int, value: int, values: int, first: int) -> Block:
        columns: dict[int, Sets] = {}
        weights = np.ones(1, np.uint64)
        for dial, at in self._outer(turn):
            found, times = dial.values(at, at + 1)
            columns |= zip(dial.places, found, strict=True)
            weights = weights * times
        middle = self._dials[self._split]
        found, times = middle.values(value, value + values)
        columns |= {place: np.repeat(one, self._inner_rows) for place, one in zip(middle.places, found, strict=True)}
        rows = values * self._inner_rows
        columns |= {place: one[:rows] for place, one in self._inner.items()}
        if self._has_weights:
            weights = weights * np.repeat(times, self._inner_rows) * self._inner_weights[:rows]
        return Block(first, rows, tuple(columns[place] for place in range(len(columns))), weights)

    def _outer(self, turn: int) -> Iterator[tuple[_Digit, int]]:
        for dial in reversed(self._dials[: self._split]):
            turn, at = divmod(turn, dial.size)
            yield dial, at

    @cached_property
    def _has_weights(self) -> bool:
        return any(dial.weighs for dial in self._dials)

    @cached_property
    def _inner(self) -> dict[int, Sets]:
        """The columns of the dials that turn through all of their values within a block, for the largest block."""
        columns: dict[int, Sets] = {}
        before, after = self._times, self._inner_rows
        for dial in self._dials[self._split + 1 :]:
            after //= dial.size
            found, _ = dial.values(0, dial.size)
            columns |= {
                place: np.tile(np.repeat(one, after), before) for place, one in zip(dial.places, found, strict=True)
            }
            before *= dial.size
        return columns

    @cached_property
    def _inner_weights(self) -> Weights:
        weights = np.ones(1, np.uint64)
        for dial in self._dials[self._split + 1 :]:
            weights = np.multiply.outer(weights, dial.values(0, dial.size)[1]).ravel()
        return np.tile(weights, self._times)

    @property
    def _times(self) -> int:
        return max(1, min(BLOCK_ROWS // self._inner_rows, self._dials[self._split].size))


class Exhaustive(_Walk):
    """Every point.

    Raises:
        InputError: there are more than `MOST_POINTS`.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space, [_One(place, group) for place, group in enumerate(space.groups)])


class UpToSymmetry(_Walk):
    """One point for all that differ by an exchange of interchangeable groups.

    Raises:
        InputError: there are more than `MOST_POINTS`.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space, [_Alike(places, space.groups[places[0]]) for places in space.classes])


@dataclass(frozen=True)
class Sample:
    """Points drawn by their weights, each group by itself, with replacement.

    Each block has a stream of its own, spawned from the seed: a point is the same whatever is drawn beside it.

    Raises:
        InputError: no points, or too many.
    """

    space: Space
    points: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.points <= MOST_POINTS:
            raise InputError(f"a sample of {self.points:,} points: allowed are 1 to {MOST_POINTS:,}")

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """The points from one number up to another, as blocks in order."""
        while start < stop:
            number = start // BLOCK_ROWS
            first = number * BLOCK_ROWS
            end = min(stop, first + BLOCK_ROWS)
            yield self._block(number).part(start - first, end - first)
            start = end

    def _block(self, number: int) -> Block:
        stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(number,))))
        columns = tuple(self._drawn(stream, group) for group in self.space.groups)
        return Block(number * BLOCK_ROWS, BLOCK_ROWS, columns, np.ones(1, np.uint64))

    def _drawn(self, stream: np.random.Generator, group: Group) -> Sets:
        up_to = np.cumsum(np.array(group.weights, np.int64))
        drawn = np.searchsorted(up_to, stream.integers(up_to[-1], size=BLOCK_ROWS), side="right")
        return np.array(group.sets, np.uint16)[drawn]
