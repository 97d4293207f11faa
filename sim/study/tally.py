"""Tallies: the number of times that each word occurs under a setting, and examples of each hazard.

Only words are counted; the counts of hazards follow from those of the words. `tests/study/test_tally.py` compares
tallies with a count of every row.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import OutcomeBits
from sim.study.column import Sets
from sim.study.point_digits import Weights
from sim.study.points import MOST_POINTS, Block
from sim.study.system_space import Group, Space
from sim.vectors import VQ_MAX

_LIMB_BITS = 26
"""Weights are added up in limbs of 26 bits, because `numpy.bincount` adds in floating point.

The sum of a block's limbs is at most 2^16 rows · 2^26 = 2^42, and exact: a double has 53 bits.
"""
_MOST_COMPARED = 16
"""The largest number of words that rows are compared with before all are counted."""


class Example(NamedTuple):
    """A point that shows a hazard. Of two examples the smaller is better.

    Examples are compared by their largest VQ, then by the number of lengths, then by the point's number.
    """

    largest_vq: int
    lengths: int
    """The number of lengths of all groups together."""
    point: int


_LARGEST = Example(VQ_MAX, 0xFFFF, MOST_POINTS)
"""An example that is not smaller than any point's."""


@dataclass
class Tally:
    """The outcomes of some points under one setting, counted.

    Blocks must be added in ascending order: the first point that shows a hazard is kept, and of equally small examples
    the first. Tallies of different parts may be merged in any order.
    """

    words: Counter[int] = field(default_factory=Counter)
    """The number of times that each word of `sim.study.verdict_bits` occurs, by weight."""
    first: dict[int, int] = field(default_factory=dict)
    """For each hazard's bit, the first point that shows it."""
    smallest: dict[int, Example] = field(default_factory=dict)
    """For each hazard's bit, the smallest example."""
    _likely: tuple[int, ...] = field(default=(), init=False, repr=False, compare=False)
    """The words of the last blocks, the last first: the next block mostly has the same."""

    def merge(self, other: "Tally") -> None:
        """Add the outcomes of other points under the same setting."""
        self.words.update(other.words)
        for bit, point in other.first.items():
            self.first[bit] = min(point, self.first.get(bit, point))
        for bit, example in other.smallest.items():
            self.smallest[bit] = min(example, self.smallest.get(bit, example))

    def add(self, block: Block, words: OutcomeBits, sizes: "Sizes") -> None:
        """Count a block.

        Args:
            block: the points.
            words: a word for each row, or one word for all rows.
            sizes: the sizes of the block's systems, which all settings share.
        """
        counts = histogram(words, block, self._likely)
        self.words.update(counts)
        of_block = sorted(counts, key=lambda word: -counts[word])
        self._likely = tuple(dict.fromkeys((*of_block, *self._likely)))[:_MOST_COMPARED]
        shown = {bit for word in counts for bit in hazard_bits(word)}
        for bit in shown - self.first.keys():
            self.first[bit] = block.first + int(np.argmax(words & bit != 0))
        # Most blocks have no smaller example. The bound shows that without a look at the rows; `least` looks at all
        # rows, but once for all settings.
        larger = [bit for bit in shown if self.smallest.get(bit, _LARGEST) > sizes.bound]
        larger = [bit for bit in larger if self.smallest.get(bit, _LARGEST) > sizes.least]
        if larger:
            self._find_smaller(block, words, sizes, larger)

    def _find_smaller(self, block: Block, words: OutcomeBits, sizes: "Sizes", bits: list[int]) -> None:
        """Look for smaller examples of some hazards, among the rows smaller than the largest example so far."""
        largest = max(self.smallest.get(bit, _LARGEST) for bit in bits)
        rows = sizes.below(largest.largest_vq << 16 | largest.lengths)
        if not len(rows):
            return
        words_there, keys = np.broadcast_to(words, block.rows)[rows], sizes.key[rows]
        for bit in bits:
            shown = np.flatnonzero(words_there & bit)
            if len(shown):
                smallest = shown[np.argmin(keys[shown])]
                size = int(keys[smallest])
                example = Example(size >> 16, size & 0xFFFF, block.first + int(rows[smallest]))
                self.smallest[bit] = min(example, self.smallest.get(bit, example))


class Sizes:
    """The sizes of a block's systems: their largest VQ, then the number of lengths of all groups together.

    Args:
        space: the space.
        block: the block of its points.
    """

    def __init__(self, space: Space, block: Block) -> None:
        self._block = block
        self._below: dict[int, NDArray[np.intp]] = {}
        least = [_least(group, one) for group, one in zip(space.groups, block.columns, strict=True)]
        self.bound = Example(max(vq for vq, _ in least), sum(lengths for _, lengths in least), block.first)
        """A lower bound for the block's systems, from each group's least largest VQ and least number of lengths."""

    @cached_property
    def least(self) -> Example:
        """The size of the smallest system of the block, as an example at the block's first point."""
        least = int(self.key.min())
        return Example(least >> 16, least & 0xFFFF, self._block.first)

    @cached_property
    def key(self) -> NDArray[np.uint32]:
        """The size of each row's system as a number: 2^16 · (largest VQ) + (number of lengths)."""
        any_vqs, lengths = np.zeros(1, np.uint16), np.zeros(1, np.uint32)
        for column in self._block.columns:
            any_vqs = any_vqs | column
            lengths = lengths + np.bitwise_count(column)
        # The exponent of a float is the position of the highest bit.
        largest = np.frexp(any_vqs.astype(np.float32))[1].astype(np.uint32)
        return np.broadcast_to(largest << np.uint32(16) | lengths, self._block.rows)

    def below(self, key: int) -> NDArray[np.intp]:
        """Return the rows whose systems have a smaller key; kept, because settings mostly ask for the same key."""
        if key not in self._below:
            self._below[key] = np.flatnonzero(self.key < key)
        return self._below[key]


def _least(group: Group, column: Sets) -> tuple[int, int]:
    """Return the smallest largest VQ, and the smallest number of lengths, that a group has in a block.

    Where the group's set varies within the block, all its candidates count: the result is a lower bound.
    """
    sets = (int(column[0]),) if len(column) == 1 else group.sets
    return min(one.bit_length() for one in sets), min(one.bit_count() for one in sets)


@cache
def hazard_bits(word: int) -> tuple[int, ...]:
    """Return the bits of a word that stand for hazards."""
    return tuple(1 << place for place in range(len(verdict_bits.HAZARDS)) if word >> place & 1)


def histogram(words: OutcomeBits, block: Block, likely: tuple[int, ...] = ()) -> dict[int, int]:
    """Return the number of times that each word occurs in a block, by weight.

    Args:
        words: a word for each row, or one word for all rows.
        block: the points.
        likely: words that probably are all there are, the most frequent first. Two thirds of the blocks of a sweep have
            a single word, and a comparison with it takes a tenth of the time of `numpy.bincount`.
    """
    weights = block.weights
    times = {int(words[0]): block.rows} if len(words) == 1 else _times(words, likely)
    if len(weights) == 1:
        return {word: count * int(weights[0]) for word, count in times.items()}
    # The weights of all points fit 64 bits (`sim.study.points`), and so does a block's sum.
    return {word: int(weights.sum()) for word in times} if len(times) == 1 else _weighted(words, weights)


def _times(words: OutcomeBits, likely: tuple[int, ...]) -> dict[int, int]:
    """Return the number of rows of each word."""
    times, left = {}, len(words)
    for word in likely:
        if count := int(np.count_nonzero(words == word)):
            times[word] = count
            left -= count
        if not left:
            return times
    counted = np.bincount(words)
    return {int(word): int(counted[word]) for word in np.flatnonzero(counted)}


def _weighted(words: OutcomeBits, weights: Weights) -> dict[int, int]:
    """Return the sum of the weights of each word's rows, exact: Σ 2^(26 i) · (sum of the weights' limbs i)."""
    times: Counter[int] = Counter()
    most, shift = int(weights.max()), 0
    while most >> shift:
        limb = weights >> np.uint64(shift) & np.uint64((1 << _LIMB_BITS) - 1)
        counts = np.bincount(words, limb.astype(np.float64))
        times.update({int(word): int(counts[word]) << shift for word in np.flatnonzero(counts)})
        shift += _LIMB_BITS
    return dict(times)
