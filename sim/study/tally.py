"""What a sweep counts: how often each outcome occurs under each setting, and examples of each hazard."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import OutcomeBits
from sim.study.column import Sets
from sim.study.points import MOST_POINTS, Block, Weights
from sim.study.system_space import Group, Space
from sim.vectors import VQ_MAX

_LIMB_BITS = 26
"""Weights are added up in parts of so many bits, so that sums in floating point are exact."""


class Example(NamedTuple):
    """A point that shows a hazard; the smaller the better: by largest length, then by how many lengths there are."""

    largest_vq: int
    lengths: int
    point: int


_LARGEST = Example(VQ_MAX, 0xFFFF, MOST_POINTS)


@dataclass
class Tally:
    """What one setting came to, over some points."""

    words: Counter[int] = field(default_factory=Counter)
    """How often each word of `sim.study.verdict_bits` occurs, by weight."""
    first: dict[int, int] = field(default_factory=dict)
    """For each hazard's bit, the first point that shows it."""
    smallest: dict[int, Example] = field(default_factory=dict)
    """For each hazard's bit, the smallest example."""

    def merge(self, other: "Tally") -> None:
        """Add what the same setting came to over other points."""
        self.words.update(other.words)
        for bit, point in other.first.items():
            self.first[bit] = min(point, self.first.get(bit, point))
        for bit, example in other.smallest.items():
            self.smallest[bit] = min(example, self.smallest.get(bit, example))

    def add(self, block: Block, word: OutcomeBits, sizes: "Sizes") -> None:
        """Count one block.

        Args:
            block: the points.
            word: a word for each of them, or one for all.
            sizes: the block's.
        """
        counts = histogram(word, block)
        self.words.update(counts)
        shown = {bit for one in counts for bit in hazard_bits(one)}
        for bit in shown - self.first.keys():
            self.first[bit] = block.first + int(np.argmax(word & bit != 0))
        larger = [bit for bit in shown if self.smallest.get(bit, _LARGEST) > sizes.bound]
        larger = [bit for bit in larger if self.smallest.get(bit, _LARGEST) > sizes.least]
        if larger:
            self._find_smaller(block, word, sizes, larger)

    def _find_smaller(self, block: Block, word: OutcomeBits, sizes: "Sizes", bits: list[int]) -> None:
        largest = max(self.smallest.get(bit, _LARGEST) for bit in bits)
        rows = sizes.below(largest.largest_vq << 16 | largest.lengths)
        if not len(rows):
            return
        words, keys = np.broadcast_to(word, block.rows)[rows], sizes.key[rows]
        for bit in bits:
            shown = np.flatnonzero(words & bit)
            if len(shown):
                smallest = shown[np.argmin(keys[shown])]
                size = int(keys[smallest])
                example = Example(size >> 16, size & 0xFFFF, block.first + int(rows[smallest]))
                self.smallest[bit] = min(example, self.smallest.get(bit, example))


class Sizes:
    """How large the systems of a block are: their largest VQ, then how many lengths their groups have in all."""

    def __init__(self, space: Space, block: Block) -> None:
        self._block = block
        self._below: dict[int, NDArray[np.intp]] = {}
        least = [_least(group, one) for group, one in zip(space.groups, block.columns, strict=True)]
        self.bound = Example(max(vq for vq, _ in least), sum(lengths for _, lengths in least), block.first)
        """No system of the block is smaller."""

    @cached_property
    def least(self) -> Example:
        """The smallest system of the block is as large."""
        least = int(self.key.min())
        return Example(least >> 16, least & 0xFFFF, self._block.first)

    @cached_property
    def key(self) -> NDArray[np.uint32]:
        """The largest VQ and the number of lengths as one number for each row."""
        any_vqs, lengths = np.zeros(1, np.uint16), np.zeros(1, np.uint32)
        for one in self._block.columns:
            any_vqs = any_vqs | one
            lengths = lengths + np.bitwise_count(one)
        largest = np.frexp(any_vqs.astype(np.float32))[1].astype(np.uint32)
        return np.broadcast_to(largest << np.uint32(16) | lengths, self._block.rows)

    def below(self, key: int) -> NDArray[np.intp]:
        """The rows of systems whose key is smaller; settings mostly ask for the same."""
        if key not in self._below:
            self._below[key] = np.flatnonzero(self.key < key)
        return self._below[key]


def _least(group: Group, column: Sets) -> tuple[int, int]:
    """The smallest largest VQ, and the smallest number of lengths, that a group has in a block."""
    sets = (int(column[0]),) if len(column) == 1 else group.sets
    return min(one.bit_length() for one in sets), min(one.bit_count() for one in sets)


@cache
def hazard_bits(word: int) -> tuple[int, ...]:
    """The bits of a word that stand for hazards."""
    return tuple(1 << place for place in range(len(verdict_bits.HAZARDS)) if word >> place & 1)


def histogram(word: OutcomeBits, block: Block) -> dict[int, int]:
    """How often each word occurs in a block, by weight."""
    if len(word) == 1:
        one = block.weights
        return {int(word[0]): int(one[0]) * block.rows if len(one) == 1 else sum(map(int, one))}
    if len(block.weights) == 1:
        times = np.bincount(word)
        return {int(one): int(times[one]) * int(block.weights[0]) for one in np.flatnonzero(times)}
    return _weighted(word, block.weights)


def _weighted(word: OutcomeBits, weights: Weights) -> dict[int, int]:
    times: Counter[int] = Counter()
    most, shift = int(weights.max()), 0
    while most >> shift:
        limb = weights >> np.uint64(shift) & np.uint64((1 << _LIMB_BITS) - 1)
        counts = np.bincount(word, limb.astype(np.float64))
        times.update({int(one): int(counts[one]) << shift for one in np.flatnonzero(counts)})
        shift += _LIMB_BITS
    return dict(times)
