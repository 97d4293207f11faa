"""Histograms of words by cell: by the largest lengths of the first and of the last group, as a heat map shows them.

Most blocks have one word, whose cells are the block's own, and most others have the words of the last blocks: rows are
then compared with these. Otherwise a block is counted by one `numpy.bincount` over keys that have the word's place
among the block's words, and the cell: a table of all words by all cells would not stay in a core's cache.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import OutcomeBits
from sim.study.column import Sets, largest_vqs
from sim.study.point_digits import Weights
from sim.study.points import Block
from sim.vectors import VQ_MAX

Cell = tuple[int, int]
"""The largest VQs of the first and of the last group, 0 for groups without SVE."""
NO_CELL: Cell = (0, 0)
"""The cell of all systems, where words are not counted by cell."""
Times = NDArray[np.int64] | int
"""The number of systems in each cell, by weight; a single number where words are not counted by cell."""
_Mask = NDArray[np.bool_]
_Bits = NDArray[np.uint64]
"""A mask with a bit for each row, the last word filled with zeros."""

_VQS = VQ_MAX + 1
_CELLS = _VQS * _VQS
_WORDS = verdict_bits.WARNED << 1
_MOST_COMPARED = 16
"""The largest number of words that rows are compared with before all are counted."""
_MOST_WEIGHTS, _LARGEST_WEIGHT = 16, 1 << 16
"""The most weights in a block, and the largest, for which the rows of each weight are counted by themselves."""
_MOST_COLUMNS = 4
"""The number of columns that are kept: a turn of a walk has blocks of two lengths, and a part begins within one."""
_LIMB_BITS = 26
"""Weights are added up in limbs of 26 bits, because `numpy.bincount` adds in floating point.

The sum of a block's limbs is at most 2^16 rows · 2^26 = 2^42, and exact: a double has 53 bits.
"""


class LastColumn:
    """The largest VQs of a column of sets, prepared for counting.

    Args:
        column: the sets.
    """

    def __init__(self, column: Sets) -> None:
        self.vqs = largest_vqs(column)
        """The largest VQ of each row, or of all rows."""
        self.rows = np.bincount(self.vqs, minlength=_VQS)
        """The number of rows with each largest VQ."""
        self._there = np.flatnonzero(self.rows)
        self._packed = np.stack([_packed(self.vqs == vq) for vq in self._there])

    def count(self, mask: _Bits) -> NDArray[np.int64]:
        """Return the number of rows of a mask with each largest VQ.

        Rows are bits here, so that 64 of them are compared and counted at once: twenty times as fast as to select them.
        """
        times = np.zeros(_VQS, np.int64)
        times[self._there] = np.bitwise_count(self._packed & mask).sum(axis=1, dtype=np.uint32)
        return times


def _packed(mask: _Mask) -> _Bits:
    """Return a mask as bits."""
    packed = np.packbits(mask)
    words = np.zeros(-(-len(packed) // 8), np.uint64)
    words.view(np.uint8)[: len(packed)] = packed
    return words


class LastColumns:
    """A cache of columns: nearly all blocks of a walk share the sets of the last group."""

    def __init__(self) -> None:
        # The array that owns the bytes is held, so that no other array can get its address.
        self._found: dict[tuple[int, int], tuple[Sets, LastColumn]] = {}

    def of(self, column: Sets) -> LastColumn:
        """Return the largest VQs of a column."""
        key = column.__array_interface__["data"][0], len(column)
        if key not in self._found:
            if len(self._found) == _MOST_COLUMNS:
                del self._found[next(iter(self._found))]
            owner = column.base if isinstance(column.base, np.ndarray) else column
            self._found[key] = owner, LastColumn(column)
        return self._found[key][1]


class CellsOfBlock:
    """The cells of a block's systems.

    Args:
        block: the points.
        last_columns: the cache that all blocks share; None: all systems are in the cell `NO_CELL`.
    """

    def __init__(self, block: Block, last_columns: LastColumns | None) -> None:
        self._block, self._last_columns = block, last_columns
        self.by_cell = last_columns is not None

    @cached_property
    def is_plain(self) -> bool:
        """True if the systems agree in the first group, and have few weights: then a mask of rows can be counted."""
        first, last = self._block.columns[0], self._block.columns[-1]
        has_one_first = len(first) == 1 and len(last) == self._block.rows
        return self._by_weight is not None and (has_one_first or not self.by_cell)

    @cached_property
    def _by_weight(self) -> list[tuple[int, _Bits | None]] | None:
        """Each weight with the rows that have it, None for all rows; None if there are too many weights."""
        weights = self._block.weights
        if len(weights) == 1:
            return [(int(weights[0]), None)]
        if weights.max() > _LARGEST_WEIGHT:
            return None
        there = np.flatnonzero(np.bincount(weights.astype(np.intp))).tolist()
        return [(one, _packed(weights == one)) for one in there] if len(there) <= _MOST_WEIGHTS else None

    @cached_property
    def times(self) -> Times:
        """The number of systems in each cell, by weight."""
        if self._last_columns is None:
            weights = self._block.weights
            return int(weights[0]) * self._block.rows if len(weights) == 1 else int(weights.sum())
        if not self.is_plain:
            return counted(self.keys, self._block, _CELLS)
        assert self._by_weight is not None
        by_weight = (
            (weight, self._last.rows if rows is None else self._last.count(rows)) for weight, rows in self._by_weight
        )
        return self._in_cells(by_weight)

    def count(self, mask: _Mask, rows: int) -> Times:
        """Return the number of systems of a mask in each cell, by weight; only where `is_plain`.

        Args:
            mask: the rows.
            rows: their number.
        """
        assert self._by_weight is not None
        if not self.by_cell and len(self._by_weight) == 1:
            return rows * self._by_weight[0][0]
        bits = _packed(mask)
        of_weights = (
            (weight, bits if of_weight is None else bits & of_weight) for weight, of_weight in self._by_weight
        )
        if self.by_cell:
            return self._in_cells((weight, self._last.count(here)) for weight, here in of_weights)
        return sum(weight * int(np.bitwise_count(here).sum()) for weight, here in of_weights)

    @cached_property
    def keys(self) -> NDArray[np.intp]:
        """The number of each row's cell, or of all rows'."""
        if self._last_columns is None:
            return np.zeros(1, np.intp)
        return largest_vqs(self._block.columns[0]) * _VQS + largest_vqs(self._block.columns[-1])

    @cached_property
    def _last(self) -> LastColumn:
        assert self._last_columns is not None
        return self._last_columns.of(self._block.columns[-1])

    def _in_cells(self, by_weight: Iterable[tuple[int, NDArray[np.int64]]]) -> NDArray[np.int64]:
        """Return the number of systems in each cell, from the rows of each weight by the last group's largest VQ."""
        cells, start = np.zeros(_CELLS, np.int64), int(self._block.columns[0][0]).bit_length() * _VQS
        for weight, by_last in by_weight:
            cells[start : start + _VQS] += by_last * np.int64(weight)
        return cells


class CellHistogram:
    """The number of times that each word occurs in each cell, by weight, over all blocks that were added."""

    def __init__(self) -> None:
        self._by_word: dict[int, Times] = {}
        self._likely: tuple[int, ...] = ()
        """The words of the last blocks, the last first: the next block mostly has the same."""

    def add(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int]:
        """Count a block, and return its words.

        Args:
            words: a word for each row, or one word for all rows.
            block: the points.
            cells: the cells of the block's systems, which all settings share.
        """
        there = self._add_compared(words, cells)
        if there is None:
            there = self._add_all(words, block, cells)
        if tuple(there) != self._likely[: len(there)]:
            self._likely = tuple(dict.fromkeys((*there, *self._likely)))[:_MOST_COMPARED]
        return there

    def _add_compared(self, words: OutcomeBits, cells: CellsOfBlock) -> list[int] | None:
        """Count a block by comparing its rows with the words of the last blocks; None if that does not suffice.

        Two thirds of the blocks of a sweep have a single word. A comparison takes a tenth of the time of counting.
        """
        if len(words) == 1:
            self._add_to(int(words[0]), cells.times)
            return [int(words[0])]
        found = _masks(words, self._likely if cells.is_plain else self._likely[:1])
        if found is None and cells.is_plain:
            found = _masks(words, np.flatnonzero(np.bincount(words)).tolist()[: _MOST_COMPARED + 1])
        if found is None:
            return None
        # The most frequent word gets what the others leave of each cell.
        (_, most, _), *others = sorted(found, key=lambda one: -one[0])
        rest = cells.times
        for rows, word, mask in others:
            times = cells.count(mask, rows)
            self._add_to(word, times)
            rest = rest - times
        self._add_to(most, rest)
        return [most, *(word for _, word, _ in others)]

    def _add_all(self, words: OutcomeBits, block: Block, cells: CellsOfBlock) -> list[int]:
        """Count a block by the key of each row, which has the place of its word and its cell."""
        rows = np.bincount(words)
        there = np.flatnonzero(rows)
        first_key = np.zeros(_WORDS, np.intp)
        first_key[there] = np.arange(len(there)) * _CELLS
        keys = first_key.take(words, mode="clip")  # no word is out of range, so that nothing is clipped
        keys += cells.keys
        times = counted(keys, block, len(there) * _CELLS).reshape(-1, _CELLS)
        for word, of_word in zip(there.tolist(), times, strict=True):
            self._add_to(word, of_word if cells.by_cell else int(of_word[0]))
        return sorted(there.tolist(), key=lambda word: -int(rows[word]))

    def _add_to(self, word: int, times: Times) -> None:
        self._by_word[word] = self._by_word.get(word, 0) + times

    def counts(self) -> Counter[tuple[int, Cell]]:
        """Return the number of times of each word in each cell in which it occurs."""
        found: Counter[tuple[int, Cell]] = Counter()
        for word, times in self._by_word.items():
            if isinstance(times, int):
                found[word, NO_CELL] = times
            else:
                for cell in np.flatnonzero(times).tolist():
                    found[word, divmod(cell, _VQS)] = int(times[cell])
        return found


def _masks(words: OutcomeBits, likely: Sequence[int]) -> list[tuple[int, int, _Mask]] | None:
    """Return the number of rows of each word, the word, and its rows; None if rows have other words than the likely."""
    left, found = len(words), []
    for word in likely:
        mask = words == word
        if rows := int(np.count_nonzero(mask)):
            found.append((rows, word, mask))
            left -= rows
        if not left:
            return found
    return None


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
        times[keys[0]] = int(weights[0]) * block.rows if len(weights) == 1 else int(weights.sum())
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
