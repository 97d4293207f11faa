"""What stands for a column where the functions that judge run on something else: one value for the row at hand.

A kind of value says what its operations do; the operators are those that numpy's columns and the rules share.
"""

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Any, Self, cast

import numpy as np


class Operation(Enum):
    """What is done with one value or two; numbers have no sign."""

    AND = auto()
    OR = auto()
    XOR = auto()
    MINUS = auto()
    SHIFT_LEFT = auto()
    SHIFT_RIGHT = auto()
    IS_LESS = auto()
    IS_MORE = auto()
    NOT = auto()
    NEGATIVE = auto()


class Value(ABC):
    """A set of lengths, or a condition, in the row at hand."""

    __array_ufunc__ = None
    """A numpy constant beside a value leaves the operation to it."""

    @abstractmethod
    def _do(self, operation: Operation, *others: object) -> Self:
        """Do something with this and another value, or a constant."""

    @abstractmethod
    def astype(self, kind: type[np.uint16]) -> Self:
        """A condition as a number: 1 where it holds, else 0."""

    def __and__(self, other: object) -> Self:
        return self._do(Operation.AND, other)

    def __or__(self, other: object) -> Self:
        return self._do(Operation.OR, other)

    def __xor__(self, other: object) -> Self:
        return self._do(Operation.XOR, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __sub__(self, other: object) -> Self:
        return self._do(Operation.MINUS, other)

    def __lshift__(self, other: object) -> Self:
        return self._do(Operation.SHIFT_LEFT, other)

    def __rshift__(self, other: object) -> Self:
        return self._do(Operation.SHIFT_RIGHT, other)

    def __lt__(self, other: object) -> Self:
        return self._do(Operation.IS_LESS, other)

    def __gt__(self, other: object) -> Self:
        return self._do(Operation.IS_MORE, other)

    def __invert__(self) -> Self:
        return self._do(Operation.NOT)

    def __neg__(self) -> Self:
        return self._do(Operation.NEGATIVE)


def constant(one: object) -> int:
    """A constant beside a value: an int, or numpy's, or a column of one element."""
    return int(cast("Any", one).item() if isinstance(one, np.ndarray | np.generic) else cast("int", one))
