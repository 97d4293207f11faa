"""Histograms of words by cell: by the largest lengths of the first and of the last group, as a heat map shows them.

Rows are compared with the words of the last blocks, which mostly are all. Else a block is counted by one
`numpy.bincount` over keys that have the word and the cell. There are few words, so each gets a small number when it
occurs first: a table of all words by all cells would not stay in a core's cache.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import OutcomeBits
from sim.study.column import Sets
from sim.study.point_digits import Weights
from sim.study.points import Block
from sim.vectors import VQ_MAX

Cell = tuple[int, int]
"""The largest VQs of the first and of the last group, 0 for groups without SVE."""

_VQS = VQ_MAX + 1
_CELLS = _VQS * _VQS
_WORDS = verdict_bits.WARNED << 1
_MOST_COMPARED = 16
"""The largest number of words that rows are compared with before all are counted."""
_LIMB_BITS = 26
"""Weights are added up in limbs of 26 bits, because `numpy.bincount` adds in floating point.

The sum of a block's limbs is at most 2^16 rows · 2^26 = 2^42, and exact: a double has 53 bits.
"""


class LastColumn:
    """The largest VQs of a column of sets.

    Args:
        column: the sets.
    """

    def __init__(self, column: Sets) -> None:
        self.vqs = _largest_vqs(column)
        """The largest VQ of each row, or of all rows."""
        masks = [(int(vq), self.vqs == vq) for vq in np.unique(self.vqs)]
        self.rows = [(vq, mask, int(np.count_nonzero(mask))) for vq, mask in masks]
        """For each largest VQ that occurs, the rows that have it, and their number."""


class LastColumns:
    """A cache of one column: nearly all blocks of a walk share the sets of the last group."""

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        # The array that owns the bytes is held, so that no other array can get its address.
        self._owner: Sets | None = None
        self._found: LastColumn | None = None

    def of(self, column: Sets) -> LastColumn:
        """Return the largest VQs of a column."""
        key = column.__array_interface__["data"][0], len(column)
        owner = column.base if isinstance(column.base, np.ndarray) else column
        if self._found is None or self._key != key or self._owner is not owner:
            self._key, self._owner, self._found = key, owner, LastColumn(column)
        return self._found


class CellsOfBlock:
    """The cells of a block's systems.

    Args:
        block: the points.
        last_columns: the cache that all blocks share.
    """

    def __init__(self, block: Block, last_columns: LastColumns) -> None:
        self._block, self._last_columns = block, last_columns

    @cached_property
    def last(self) -> LastColumn:
        """The largest VQs of the last group."""
        return self._last_columns.of(self._block.columns[-1])

    @cached_property
    def first_key(self) -> int | None:
        """The number of the first cell, where all systems agree in the first group and weigh the same; else None."""
        first, last = self._block.columns[0], self._block.columns[-1]
        is_plain = len(first) == len(self._block.weights) == 1 and len(last) == self._block.rows
        return int(first[0]).bit_length() * _VQS if is_plain else None

    @cached_property
    def keys(self) -> NDArray[np.intp]:
        """The number of each row's cell, or of all rows'."""
        return _largest_vqs(self._block.columns[0]) * _VQS + self.last.vqs

    @cached_property
    def times(self) -> NDArray[np.int64]:
        """The number of systems in each cell, by weight."""
        return counted(self.keys, self._block, _CELLS)


def _largest_vqs(column: Sets) -> NDArray[np.intp]:
    # The exponent of a float is the position of the highest bit.
    return np.frexp(column.astype(np.float32))[1].astype(np.intp)


class CellHistogram:
    """The number of times that each word occurs in each cell, by weight, over all blocks that were added."""

    def __init__(self) -> None:
        self._words: list[int] = []
        # For each word, the first key of its cells. Key 0 to _CELLS - 1 is for words that did not occur before.
        self._first_key = np.zeros(_WORDS, np.intp)
        self._times = np.zeros(_CELLS, np.int64)
        self._likely: tuple[int, ...] = ()
        """The words of the last blocks, the last first: the next block mostly has the same."""

    def add(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int]:
        """Count a block, and return its words.

        Args:
            words: a word for each row, or one word for all rows.
            block: the points.
            cells: the cells of the block's systems, which all settings share.
        """
        there = self._add_compared(words, block, cells)
        if there is None:
            there = self._add_all(words, block, cells)
        self._likely = tuple(dict.fromkeys((*there, *self._likely)))[:_MOST_COMPARED]
        return there

    def _add_compared(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int] | None:
        """Count a block by comparing its rows with the words of the last blocks; None if that does not suffice.

        Two thirds of the blocks of a sweep have a single word. A comparison takes a tenth of the time of counting.
        """
        if cells.first_key is None:
            return None
        left, found = block.rows, []
        for word in (int(words[0]),) if len(words) == 1 else self._likely:
            mask = words == word
            rows = block.rows if len(words) == 1 else int(np.count_nonzero(mask))
            if rows:
                found.append((rows, word, mask))
                left -= rows
            if not left:
                break
        if left:
            return None
        # The most frequent word gets what the others leave of each cell: most blocks have no other word, so that
        # nothing is counted.
        found.sort(key=lambda one: -one[0])
        there = [word for _, word, _ in found]
        self._learn(there)
        for vq, rows_with, number in cells.last.rows:
            times = [int(np.count_nonzero(mask & rows_with)) for _, _, mask in found[1:]]
            for word, many in zip(there, (number - sum(times), *times), strict=True):
                self._times[self._first_key[word] + cells.first_key + vq] += many * int(block.weights[0])
        return there

    def _add_all(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int]:
        """Count a block by the key of each row."""
        if len(words) == 1:
            self._learn([int(words[0])])
            start = int(self._first_key[words[0]])
            self._times[start : start + _CELLS] += cells.times
            return [int(words[0])]
        times = self._counted(words, block, cells)
        if times[:_CELLS].any():
            self._learn(np.unique(words).tolist())
            times = self._counted(words, block, cells)
        self._times += times
        by_word = times.reshape(-1, _CELLS)[1:].sum(axis=1)
        return [self._words[place] for place in np.argsort(-by_word, kind="stable") if by_word[place]]

    def _counted(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> NDArray[np.int64]:
        keys = self._first_key.take(words, mode="clip")  # no word is out of range, so that nothing is clipped
        keys += cells.keys
        return counted(keys, block, len(self._times))

    def _learn(self, words: Iterable[int]) -> None:
        """Give each word that did not occur before a number."""
        new = [word for word in words if not self._first_key[word]]
        if not new:
            return
        for word in new:
            self._words.append(word)
            self._first_key[word] = len(self._words) * _CELLS
        times, self._times = self._times, np.zeros((len(self._words) + 1) * _CELLS, np.int64)
        self._times[: len(times)] = times

    def counts(self) -> Counter[tuple[int, Cell]]:
        """Return the number of times of each word in each cell in which it occurs."""
        found: Counter[tuple[int, Cell]] = Counter()
        for key in np.flatnonzero(self._times):
            word, cell = divmod(int(key), _CELLS)
            found[self._words[word - 1], divmod(cell, _VQS)] = int(self._times[key])
        return found


def counted(keys: NDArray[np.intp], block: Block, size: int) -> NDArray[np.int64]:
    """Return the number of times that each key occurs in a block, by weight.

    Args:
        keys: a key for each row, or one key for all rows.
        block: the points.
        size: the number of keys.
    """
    weights = block.weights
    if len(keys) == 1:
        times = np.zeros(size, np.int64)
        times[keys[0]] = int(weights[0]) * block.rows if len(weights) == 1 else sum(map(int, weights))
        return times
    if len(weights) == 1:
        return np.bincount(keys, minlength=size) * np.int64(weights[0])
    return _weighted(keys, weights, size)


def _weighted(keys: NDArray[np.intp], weights: Weights, size: int) -> NDArray[np.int64]:
    """Return the sum of the weights of each key's rows, exact: Σ 2^(26 i) · (sum of the weights' limbs i)."""
    times = np.zeros(size, np.int64)
    most, shift = int(weights.max()), 0
    while most >> shift:
        limb = weights >> np.uint64(shift) & np.uint64((1 << _LIMB_BITS) - 1)
        counts = np.bincount(keys, limb.astype(np.float64), minlength=size)
        times += counts.astype(np.int64) << np.int64(shift)
        shift += _LIMB_BITS
    return times
