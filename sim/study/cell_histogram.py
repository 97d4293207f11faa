"""Histograms of words by cell: by the largest lengths of the first and of the last group, as a heat map shows them.

A block is counted by one `numpy.bincount` over keys that have the word and the cell. There are few words, so each gets
a small number when it occurs first: a table of all words by all cells would not stay in a core's cache.
"""

from collections import Counter
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
_LIMB_BITS = 26
"""Weights are added up in limbs of 26 bits, because `numpy.bincount` adds in floating point.

The sum of a block's limbs is at most 2^16 rows · 2^26 = 2^42, and exact: a double has 53 bits.
"""


class CellsOfBlock:
    """The cells of a block's systems.

    Args:
        block: the points.
    """

    def __init__(self, block: Block) -> None:
        self._block = block

    @cached_property
    def keys(self) -> NDArray[np.intp]:
        """The number of each row's cell, or of all rows'."""
        first, last = _largest_vqs(self._block.columns[0]), _largest_vqs(self._block.columns[-1])
        return first * _VQS + last

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

    def add(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int]:
        """Count a block, and return its words.

        Args:
            words: a word for each row, or one word for all rows.
            block: the points.
            cells: the cells of the block's systems, which all settings share.
        """
        # In many settings all systems of a block have the same word. Comparing costs a tenth of counting.
        if len(words) == 1 or (words == words[0]).all():
            self._learn(words[:1])
            start = int(self._first_key[words[0]])
            self._times[start : start + _CELLS] += cells.times
            return [int(words[0])]
        times = self._counted(words, block, cells)
        if times[:_CELLS].any():
            self._learn(np.unique(words))
            times = self._counted(words, block, cells)
        self._times += times
        there = times.reshape(-1, _CELLS)[1:].any(axis=1)
        return [self._words[place] for place in np.flatnonzero(there)]

    def _counted(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> NDArray[np.int64]:
        keys = self._first_key.take(words, mode="clip")  # no word is out of range, so that nothing is clipped
        keys += cells.keys
        return counted(keys, block, len(self._times))

    def _learn(self, words: OutcomeBits) -> None:
        """Give each word that did not occur before a number."""
        for word in words.tolist():
            if not self._first_key[word]:
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
