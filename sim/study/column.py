"""Columns of sets: one row for each system, as numpy arrays with the operators of the rules.

numpy's own arrays have these operators too, but their types do not say that ``uint16`` stays ``uint16``. Negation and
subtraction wrap modulo 2^16, as the rules need: -1 is every bit.
"""

from collections.abc import Sequence
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

Sets = NDArray[np.uint8 | np.uint16]
"""A set of lengths for each row, encoded as in `sim.vectors`, in the narrowest type; or one set for all rows."""


def narrow_sets(sets: Sequence[int]) -> Sets:
    """Return an array of sets in the narrowest type that holds all of them: 8 bits for lengths up to 1024 bits.

    Columns are read from memory no faster than they are computed with, so half the bytes take nearly half the time.

    >>> narrow_sets([0b1, 0b10001011]).dtype, narrow_sets([1 << 15]).dtype
    (dtype('uint8'), dtype('uint16'))
    """
    is_narrow = max(sets) <= np.iinfo(np.uint8).max
    return np.array(sets, np.uint8) if is_narrow else np.array(sets, np.uint16)


@final
class Column:
    """A set, a mask or a word for each row; or one for all rows, so that what a batch shares is computed once."""

    __slots__ = ("array",)

    def __init__(self, array: NDArray[np.uint16]) -> None:
        self.array = array

    def __and__(self, other: "Column | int", /) -> "Column":
        return Column(self.array & (np.uint16(other) if isinstance(other, int) else other.array))

    def __or__(self, other: "Column | int", /) -> "Column":
        return Column(self.array | (np.uint16(other) if isinstance(other, int) else other.array))

    def __invert__(self) -> "Column":
        return Column(~self.array)

    def __neg__(self) -> "Column":
        return Column(-self.array)

    def __sub__(self, other: "Column | int", /) -> "Column":
        return Column(self.array - (np.uint16(other) if isinstance(other, int) else other.array))

    def __rshift__(self, other: int, /) -> "Column":
        return Column(self.array >> np.uint16(other))

    def __lshift__(self, other: int, /) -> "Column":
        return Column(self.array << np.uint16(other))

    def is_below(self, other: "Column", /) -> "Column":
        """Return a mask: every bit where this number is smaller than the other, else none."""
        return Column(-(self.array < other.array).astype(np.uint16))


@cache
def constant(bits: int) -> Column:
    """Return a column that holds the same in every row."""
    array = np.array([bits], np.uint16)
    array.flags.writeable = False  # it is shared
    return Column(array)


def largest_vqs(sets: Sets) -> NDArray[np.intp]:
    """Return the largest VQ of each set; 0 of an empty set."""
    # The exponent of a float is the position of the highest bit.
    return np.frexp(sets.astype(np.float32))[1].astype(np.intp)
