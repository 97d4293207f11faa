"""Tallies: the number of times that each word occurs under a setting, and examples of each hazard.

Words are counted by cell: by the largest lengths of the first and of the last group, which a heat map shows. The counts
of hazards follow from those of the words. `tests/study/test_tally.py` compares tallies with a count of every row.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import OutcomeBits
from sim.study.cell_histogram import Cell, CellHistogram, CellsOfBlock, LastColumns
from sim.study.column import Sets
from sim.study.early_runs import EarlyRuns
from sim.study.points import MOST_POINTS, Block
from sim.study.space_model import SpaceModel
from sim.study.system_space import Group
from sim.study.worst_save import Worst, WorstSaves
from sim.vectors import VQ_MAX


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
    """The outcomes of some points under one setting, counted. Tallies may be merged in any order."""

    cells: Counter[tuple[int, Cell]] = field(default_factory=Counter)
    """The number of times that each word of `sim.study.verdict_bits` occurs in each cell, by weight."""
    first: dict[int, int] = field(default_factory=dict)
    """For each hazard's bit, the first point that shows it."""
    smallest: dict[int, Example] = field(default_factory=dict)
    """For each hazard's bit, the smallest example."""
    underrun: Worst | None = None
    """The most bytes below a buffer's run of pages; None where no save writes there."""
    overrun: Worst | None = None
    """The most bytes above it."""

    @property
    def words(self) -> Counter[int]:
        """The number of times that each word occurs, by weight."""
        words: Counter[int] = Counter()
        for (word, _), times in self.cells.items():
            words[word] += times
        return words

    def merge(self, other: "Tally") -> None:
        """Add the outcomes of other points under the same setting."""
        self.cells.update(other.cells)
        for bit, point in other.first.items():
            self.first[bit] = min(point, self.first.get(bit, point))
        for bit, example in other.smallest.items():
            self.smallest[bit] = min(example, self.smallest.get(bit, example))
        if other.underrun is not None:
            self.underrun = other.underrun.or_worse(self.underrun)
        if other.overrun is not None:
            self.overrun = other.overrun.or_worse(self.overrun)


class BlockCounter:
    """A tally under construction: it counts the blocks of some points, which must come in ascending order.

    The first point that shows a hazard is kept, and of equally small or equally bad examples the first.

    Args:
        saves: the search for the worst saves under the setting.
    """

    def __init__(self, saves: WorstSaves) -> None:
        self._saves = saves
        self._histogram = CellHistogram()
        self._tally = Tally()

    def tally(self) -> Tally:
        """Return the tally of all blocks so far."""
        self._tally.cells = self._histogram.counts()
        return self._tally

    def add(self, block: Block, words: OutcomeBits, sizes: "Sizes") -> None:
        """Count a block.

        Args:
            block: the points.
            words: a word for each row, or one word for all rows.
            sizes: the sizes and cells of the block's systems, which all settings share.
        """
        there = self._histogram.add(words, block, sizes.cells)
        tally, shown = self._tally, {bit for word in there for bit in hazard_bits(word)}
        for bit in shown - tally.first.keys():
            tally.first[bit] = block.first + int(np.argmax(words & bit != 0))
        # Most blocks have no smaller example. The bound shows that without a look at the rows; `least` looks at all
        # rows, but once for all settings.
        larger = [bit for bit in shown if tally.smallest.get(bit, _LARGEST) > sizes.bound]
        larger = [bit for bit in larger if tally.smallest.get(bit, _LARGEST) > sizes.least]
        if larger:
            self._find_smaller(block, words, sizes, larger)
        if verdict_bits.OUTSIDE in shown:
            self._find_worse(block, words, sizes.early)

    def _find_smaller(self, block: Block, words: OutcomeBits, sizes: "Sizes", bits: list[int]) -> None:
        """Look for smaller examples of some hazards, among the rows smaller than the largest example so far."""
        smallest_so_far = self._tally.smallest
        largest = max(smallest_so_far.get(bit, _LARGEST) for bit in bits)
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
                smallest_so_far[bit] = min(example, smallest_so_far.get(bit, example))

    def _find_worse(self, block: Block, words: OutcomeBits, early: EarlyRuns) -> None:
        """Look for a save that writes more bytes outside than the worst so far."""
        tally = self._tally
        under, over = (0 if one is None else one.bytes for one in (tally.underrun, tally.overrun))
        if self._saves.may_exceed(under, over):
            worse = self._saves.find(block, words, early, under, over)
            tally.underrun, tally.overrun = worse[0] or tally.underrun, worse[1] or tally.overrun


class Sizes:
    """The sizes of a block's systems: their largest VQ, then the number of lengths of all groups; and their cells.

    Args:
        model: what all systems of the space share.
        block: the block of its points.
        last_columns: the cache of the last group's lengths, which all blocks share; None: words are not counted by
            cell.
    """

    def __init__(self, model: SpaceModel, block: Block, last_columns: LastColumns | None) -> None:
        self._block = block
        self._below: dict[int, NDArray[np.intp]] = {}
        least = [_least(group, one) for group, one in zip(model.space.groups, block.columns, strict=True)]
        self.bound = Example(max(vq for vq, _ in least), sum(lengths for _, lengths in least), block.first)
        """A lower bound for the block's systems, from each group's least largest VQ and least number of lengths."""
        self.cells = CellsOfBlock(block, last_columns)
        """The cells of the block's systems."""
        self.early = EarlyRuns(model, block)
        """The runs of rows whose early CPUs have the same sets."""

    @cached_property
    def least(self) -> Example:
        """The size of the smallest system of the block, as an example at the block's first point."""
        least = int(self.key.min())
        return Example(least >> 16, least & 0xFFFF, self._block.first)

    @cached_property
    def key(self) -> NDArray[np.uint32]:
        """The size of each row's system as a number: 2^16 · (largest VQ) + (number of lengths)."""
        columns = self._block.columns
        # The narrowest types, since a block's time goes into memory. A type grows with a column of a wider one.
        any_vqs, lengths = np.zeros(1, np.uint8), np.zeros(1, np.min_scalar_type(VQ_MAX * len(columns)))
        for column in columns:
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
    sets = (int(column[0]),) if len(column) == 1 else group.sets_vqs
    return min(one.bit_length() for one in sets), min(one.bit_count() for one in sets)


@cache
def hazard_bits(word: int) -> tuple[int, ...]:
    """Return the bits of a word that stand for hazards."""
    return tuple(1 << place for place in range(len(verdict_bits.HAZARDS)) if word >> place & 1)
