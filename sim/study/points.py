"""The points of a space in a fixed order, as blocks of columns: all of them, all up to symmetry, or a sample.

A point's number is a mixed-radix number with one digit for each group; the last digit changes fastest. Up to symmetry,
a class of interchangeable groups has one digit, and a point's weight is the number of points that it stands for, times
the weights of its candidates. A column that does not change within a block has one element.

A point has the same number whatever part of the points is asked for, so that parts can be computed anywhere.
`tests/study/test_points.py` compares blocks with an enumeration of every point.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple, Protocol

import numpy as np

from sim.errors import InputError
from sim.study.column import Sets, narrow_sets
from sim.study.point_digits import MOST_SYSTEMS, ClassDigit, Digit, GroupDigit, Weights
from sim.study.system_space import Group, Space

BLOCK_ROWS = 1 << 16
"""The largest number of rows in a block: its columns then stay in a core's cache."""
MOST_POINTS = 10**12
"""The largest number of points of a walk or a sample."""


class Block(NamedTuple):
    """Consecutive points of a space."""

    first: int
    """The number of the first point."""
    rows: int
    columns: tuple[Sets, ...]
    """The sets of each group: an array with a set for each row, or with one set for all rows."""
    weights: Weights
    """The number of times that each point counts; or one number for all rows."""

    def part(self, start: int, stop: int) -> "Block":
        """Return the rows from `start` to before `stop`, counted from the block's first row."""
        columns = tuple(one if len(one) == 1 else one[start:stop] for one in self.columns)
        weights = self.weights if len(self.weights) == 1 else self.weights[start:stop]
        return Block(self.first + start, stop - start, columns, weights)


class Points(Protocol):
    """The points of a space that a sweep visits, in order."""

    @property
    def space(self) -> Space:
        """The space."""
        ...

    @property
    def points(self) -> int:
        """The number of points."""
        ...

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield the points from number `start` to before `stop`, as blocks in ascending order."""
        ...

    def blocks_to_count(self, start: int, stop: int) -> Iterator[Block]:
        """Yield as few of these blocks as have the same counts, and the same first example of everything, as all.

        Of blocks that differ only by an exchange of interchangeable groups it is the first, with the weight of all.
        """
        ...

    def rows_to_count(self, start: int, stop: int) -> int:
        """Return the number of rows of `blocks_to_count`."""
        ...


def sets_at(points: Points, number: int) -> tuple[int, ...]:
    """Return each group's set of lengths at a point.

    Raises:
        InputError: there is no such point.
    """
    if not 0 <= number < points.points:
        raise InputError(f"there is no point {number:,}: there are {points.points:,}, counted from 0")
    block = next(points.blocks(number, number + 1))
    return tuple(int(column[0]) for column in block.columns)


_Kind = tuple[tuple[int, ...], ...]
"""The values of a turn's digits, those of interchangeable groups together."""


class _Span(NamedTuple):
    """The place of a block in a walk, or of a part of one: the points from number `start` to before `end`."""

    turn: int
    value: int
    """The first value of the middle digit."""
    values: int
    """The number of its values."""
    first: int
    """The number of the whole block's first point."""
    start: int
    end: int


class _Walk:
    """A walk through all values of a mixed-radix number.

    The digits are of three kinds. The inner digits are the last digits, as many of them as run through all their
    values within `BLOCK_ROWS` rows. The middle digit comes before them, and a block has some of its values. The outer
    digits come first and are constant in a block; a turn is one combination of their values.

    All blocks thus share the inner columns, which are computed once, and outer columns have one element.
    """

    def __init__(self, space: Space, digits: Sequence[Digit]) -> None:
        self.space, self._digits = space, digits
        self.points = prod(digit.size for digit in digits)
        self._middle, self._inner_rows = len(digits) - 1, 1
        while self._middle and self._inner_rows * digits[self._middle].size <= BLOCK_ROWS:
            self._inner_rows *= digits[self._middle].size
            self._middle -= 1
        self._check()

    def _check(self) -> None:
        """Refuse a walk that would take too long, or whose counts would not fit 64 bits."""
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
                f"the weights of all points amount to {systems:,}: the most is 2^62; give smaller weights or fewer "
                "sets, or take a sample"
            )

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield the points from number `start` to before `stop`, as blocks in ascending order.

        Blocks begin at fixed numbers. The first and the last may be parts of such blocks.
        """
        return map(self._block, self._spans(start, stop))

    def blocks_to_count(self, start: int, stop: int) -> Iterator[Block]:
        """Yield as few of these blocks as have the same counts, and the same first example of everything, as all."""
        for spans in self._alike(start, stop):
            block = self._block(spans[0])
            yield block._replace(weights=block.weights * np.uint64(len(spans))) if len(spans) > 1 else block

    def rows_to_count(self, start: int, stop: int) -> int:
        """Return the number of rows of `blocks_to_count`."""
        return sum(spans[0].end - spans[0].start for spans in self._alike(start, stop))

    def _alike(self, start: int, stop: int) -> Iterable[list[_Span]]:
        """Return the places of the blocks from a point to before another, those of blocks that are alike together."""
        alike: dict[tuple[_Kind, int, int, int], list[_Span]] = {}
        for span in self._spans(start, stop):
            key = self._kind(span.turn), span.value, span.start - span.first, span.end - span.first
            alike.setdefault(key, []).append(span)
        return alike.values()

    def _kind(self, turn: int) -> _Kind:
        """Return a key that is equal for turns whose points differ only by an exchange of interchangeable groups."""
        return ((turn,),)

    def _spans(self, start: int, stop: int) -> Iterator[_Span]:
        """Yield the places of the blocks from a point to before another."""
        middle, step = self._digits[self._middle], self._middle_values
        turn_rows = middle.size * self._inner_rows
        while start < stop:
            turn, place = divmod(start, turn_rows)
            value = place // self._inner_rows // step * step  # of the middle digit, where the block begins
            values = min(step, middle.size - value)
            first = turn * turn_rows + value * self._inner_rows
            end = min(stop, first + values * self._inner_rows)
            yield _Span(turn, value, values, first, start, end)
            start = end

    def _block(self, span: _Span) -> Block:
        """Return the block, or the part of one, at a place."""
        turn, value, values, first, start, end = span
        columns: dict[int, Sets] = {}
        weights = np.ones(1, np.uint64)
        for digit, at in self._outer(turn):
            found, times = digit.values(at, at + 1)
            columns |= zip(digit.places, found, strict=True)
            weights = weights * times
        middle = self._digits[self._middle]
        found, times = middle.values(value, value + values)
        columns |= {place: np.repeat(one, self._inner_rows) for place, one in zip(middle.places, found, strict=True)}
        # The last block of a turn may have fewer values of the middle digit: it has a prefix of the inner columns.
        rows = values * self._inner_rows
        columns |= {place: one[:rows] for place, one in self._inner.items()}
        if self._has_weights:
            weights = weights * np.repeat(times, self._inner_rows) * self._inner_weights[:rows]
        block = Block(first, rows, tuple(columns[place] for place in range(len(columns))), weights)
        return block.part(start - first, end - first)

    def _outer(self, turn: int) -> Iterator[tuple[Digit, int]]:
        """Yield the outer digits with their values in a turn, the last digit first."""
        for digit in reversed(self._digits[: self._middle]):
            turn, at = divmod(turn, digit.size)
            yield digit, at

    @cached_property
    def _has_weights(self) -> bool:
        return any(digit.weighs for digit in self._digits)

    @cached_property
    def _inner(self) -> dict[int, Sets]:
        """The columns of the inner digits, for the largest block; all blocks share them."""
        # Each element is repeated once for all values of the digits after it, and the result once for those before.
        columns: dict[int, Sets] = {}
        before, after = self._middle_values, self._inner_rows
        for digit in self._digits[self._middle + 1 :]:
            after //= digit.size
            found, _ = digit.values(0, digit.size)
            columns |= {
                place: np.tile(np.repeat(one, after), before) for place, one in zip(digit.places, found, strict=True)
            }
            before *= digit.size
        return columns

    @cached_property
    def _inner_weights(self) -> Weights:
        """The weights of the inner digits' values, multiplied, for the largest block."""
        weights = np.ones(1, np.uint64)
        for digit in self._digits[self._middle + 1 :]:
            weights = np.multiply.outer(weights, digit.values(0, digit.size)[1]).ravel()
        return np.tile(weights, self._middle_values)

    @property
    def _middle_values(self) -> int:
        """The number of values of the middle digit in the largest block."""
        return max(1, min(BLOCK_ROWS // self._inner_rows, self._digits[self._middle].size))


class Exhaustive(_Walk):
    """Every point.

    Raises:
        InputError: there are more than `MOST_POINTS`.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space, [GroupDigit(place, group) for place, group in enumerate(space.groups)])

    def _kind(self, turn: int) -> _Kind:
        """Return the outer digits' values, those of interchangeable groups in ascending order."""
        at = {place: value for digit, value in self._outer(turn) for place in digit.places}
        return tuple(tuple(sorted(at[place] for place in places if place in at)) for places in self.space.classes)


class UpToSymmetry(_Walk):
    """One point for all points that differ only by an exchange of interchangeable groups.

    Raises:
        InputError: there are more than `MOST_POINTS`.
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space, [ClassDigit(places, space.groups[places[0]]) for places in space.classes])


@dataclass(frozen=True)
class Sample:
    """Points drawn by their weights, each group independently, with replacement.

    Each block has its own random stream, spawned from the seed by the block's number, and is always drawn whole. A
    point therefore does not depend on which other points are asked for. The weights decide how often a point is drawn,
    so each point drawn counts once.

    Raises:
        InputError: there are no points, or more than `MOST_POINTS`.
    """

    space: Space
    points: int
    seed: int

    def __post_init__(self) -> None:
        if not 1 <= self.points <= MOST_POINTS:
            raise InputError(f"a sample of {self.points:,} points: allowed are 1 to {MOST_POINTS:,}")

    def blocks(self, start: int, stop: int) -> Iterator[Block]:
        """Yield the points from number `start` to before `stop`, as blocks in ascending order."""
        while start < stop:
            number = start // BLOCK_ROWS
            first = number * BLOCK_ROWS
            end = min(stop, first + BLOCK_ROWS)
            yield self._block(number).part(start - first, end - first)
            start = end

    blocks_to_count = blocks

    def rows_to_count(self, start: int, stop: int) -> int:
        """Return the number of rows of `blocks_to_count`."""
        return stop - start

    def _block(self, number: int) -> Block:
        stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(number,))))
        columns = tuple(self._draw(stream, group) for group in self.space.groups)
        return Block(number * BLOCK_ROWS, BLOCK_ROWS, columns, np.ones(1, np.uint64))

    def _draw(self, stream: np.random.Generator, group: Group) -> Sets:
        """Draw a set for each row: a whole number below Σ w falls into the interval of a candidate with width w."""
        up_to = np.cumsum(np.array(group.weights, np.int64))
        drawn = np.searchsorted(up_to, stream.integers(up_to[-1], size=BLOCK_ROWS), side="right")
        return narrow_sets(group.sets_vqs)[drawn]
