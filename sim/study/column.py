"""Columns of sets: one row for each system, as numpy arrays with the operators of the rules.

numpy's own arrays have these operators too, but their types do not say that ``uint16`` stays ``uint16``. Negation and
subtraction wrap modulo 2^16, as the rules need: -1 is every bit.
"""

from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

Sets = NDArray[np.uint16]
"""A set of lengths for each row, encoded as in `sim.vectors`; or one set for all rows."""


@final
class Column:
    """A set, a mask or a word for each row; or one for all rows, so that what a batch shares is computed once."""

    __slots__ = ("array",)

    def __init__(self, array: Sets) -> None:
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
