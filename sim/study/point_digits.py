"""The digits of a point's number: a digit is a choice of sets for a group, or for a class of interchangeable groups.

`tests/study/test_points.py` compares the digits' values and weights with an enumeration of every point.
"""

from collections.abc import Sequence
from functools import cached_property
from math import comb
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sim.study.column import Sets, narrow_sets
from sim.study.system_space import Group

Weights = NDArray[np.uint64]
"""A weight for each value of a digit, or for each row of a block; or one weight for all rows."""

MOST_SYSTEMS = 1 << 62
"""The largest allowed sum of the weights of all points: sums of weights are 64 bits wide."""
_MOST_CACHED = 1 << 20
"""The largest size of a digit whose values are kept, so that each part of a walk need not compute them again."""


class Digit(Protocol):
    """A digit of a mixed-radix number."""

    @property
    def size(self) -> int:
        """The number of its values: its base."""
        ...

    @property
    def places(self) -> Sequence[int]:
        """The groups whose sets it chooses, as places in the space."""
        ...

    @property
    def weighs(self) -> bool:
        """True if not every value has the weight 1."""
        ...

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        """Return the column of each of its groups, and the weights, for the values from `start` to before `stop`."""
        ...


class GroupDigit:
    """The digit of a group by itself: a value is a candidate set."""

    def __init__(self, place: int, group: Group) -> None:
        self.size, self.places, self.weighs = len(group.sets_vqs), [place], max(group.weights) > 1
        self._sets, self._weights = narrow_sets(group.sets_vqs), np.array(group.weights, np.uint64)

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        """Return the column of the candidates from `start` to before `stop`, and their weights."""
        return [self._sets[start:stop]], self._weights[start:stop]


class ClassDigit:
    """The digit of a class of interchangeable groups: a value is a multiset of candidates, one for each group.

    Multisets are numbered in the order of the combinatorial number system: candidates c(0) <= c(1) <= ... <= c(m-1) of
    m groups have the number C(c(0), 1) + C(c(1) + 1, 2) + ... + C(c(m-1) + m - 1, m). Adding 0, 1, ..., m - 1 makes
    the candidates distinct, which turns multisets into the combinations that the system numbers (Knuth, The Art of
    Computer Programming, volume 4A, section 7.2.1.3). A value's weight is the number of points that it stands for,
    times the weights of its candidates.

    Args:
        places: the groups of the class, as places in the space.
        group: any of them; they have the same candidates and weights.
    """

    def __init__(self, places: Sequence[int], group: Group) -> None:
        self.places, self._group = places, group
        self.size = comb(len(group.sets_vqs) + len(places) - 1, len(places))
        self.weighs = len(places) > 1 or max(group.weights) > 1
        # _starts[m - 1][c] is C(c, m): the first number whose largest combined candidate, c(m-1) + m - 1, is c. Numbers
        # too large for any walk are cut off, to fit 64 bits.
        self._starts = [
            np.array([min(comb(c, m), MOST_SYSTEMS) for c in range(len(group.sets_vqs) + m)], np.int64)
            for m in range(1, len(places) + 1)
        ]

    def values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        """Return each group's candidates in the multisets from `start` to before `stop`, and their weights."""
        if self.size > _MOST_CACHED:
            return self._values(start, stop)
        columns, weights = self._all
        return [column[start:stop] for column in columns], weights[start:stop]

    @cached_property
    def _all(self) -> tuple[list[Sets], Weights]:
        return self._values(0, self.size)

    def _values(self, start: int, stop: int) -> tuple[list[Sets], Weights]:
        """Compute the values from their numbers.

        The largest candidate comes first: it is the largest c with C(c, m) at most the number. The rest of the number
        is that of a multiset of m - 1 candidates.
        """
        rest = np.arange(start, stop, dtype=np.int64)
        candidates = []
        for m in range(len(self.places), 0, -1):
            combined = np.searchsorted(self._starts[m - 1], rest, side="right") - 1
            rest -= self._starts[m - 1][combined]
            candidates.append(combined - (m - 1))
        candidates.reverse()
        sets = narrow_sets(self._group.sets_vqs)
        return [sets[one] for one in candidates], self._times(candidates)

    def _times(self, candidates: list[NDArray[np.int64]]) -> Weights:
        """Return the weight of each multiset: m! / (k1! k2! ...) orders, for candidates that occur k1, k2, ... times.

        The quotient grows by a factor (m + 1) / k with each candidate, and is a whole number after each.
        """
        weights = np.array(self._group.weights, np.uint64)
        times, equal = np.ones((2, len(candidates[0])), np.uint64)
        for m, candidate in enumerate(candidates):
            if m:
                equal = np.where(candidate == candidates[m - 1], equal + np.uint64(1), np.uint64(1))
            # This is times * (m + 1) // equal without a product beyond 64 bits.
            whole, rest = np.divmod(times, equal)
            times = whole * np.uint64(m + 1) + rest * np.uint64(m + 1) // equal
        # No product exceeds 64 bits: a walk refuses a space whose weights amount to more than MOST_SYSTEMS.
        for candidate in candidates:
            times *= weights[candidate]
        return times
