"""Sets of more than 64 members, in several words: of capabilities, of hwcaps, of values of registers.

A word is an int or a column of numpy ``uint64``, one row for each system. Everything that evaluates mixtures of cores
(`sim.study.mixture_evaluation`) runs on both.
"""

from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.rules import Bits

W = TypeVar("W", bound=Bits)
WORD_BITS = 64
_WORD = (1 << WORD_BITS) - 1
Words = NDArray[np.uint64]
"""A word for each row; or one word for all rows."""


@final
class WordColumn:
    """A word for each row; or one for all rows."""

    __slots__ = ("array",)

    def __init__(self, array: Words) -> None:
        self.array = array

    def __and__(self, other: "WordColumn | int", /) -> "WordColumn":
        return WordColumn(self.array & _operand(other))

    def __or__(self, other: "WordColumn | int", /) -> "WordColumn":
        return WordColumn(self.array | _operand(other))

    def __invert__(self) -> "WordColumn":
        return WordColumn(~self.array)

    def __neg__(self) -> "WordColumn":
        return WordColumn(-self.array)

    def __sub__(self, other: "WordColumn | int", /) -> "WordColumn":
        return WordColumn(self.array - _operand(other))

    def __rshift__(self, other: int, /) -> "WordColumn":
        return WordColumn(self.array >> np.uint64(other))

    def __lshift__(self, other: int, /) -> "WordColumn":
        return WordColumn(self.array << np.uint64(other))


def _operand(other: WordColumn | int) -> Words | np.uint64:
    return np.uint64(other & _WORD) if isinstance(other, int) else other.array


def words_of(members: int, count: int) -> tuple[int, ...]:
    """Return a set's words, the lowest first.

    >>> words_of(1 << 64 | 5, 2)
    (5, 1)
    """
    return tuple(members >> WORD_BITS * place & _WORD for place in range(count))


class Wide(Generic[W]):
    """A set in several words."""

    __slots__ = ("words",)

    def __init__(self, words: tuple[W, ...]) -> None:
        self.words = words

    def _each(self, other: "Wide[W] | int") -> Iterator[tuple[W, W | int]]:
        return zip(self.words, words_of(other, len(self.words)) if isinstance(other, int) else other.words, strict=True)

    # Words of a constant that change nothing cost nothing.
    def __and__(self, other: Self | int, /) -> Self:
        return type(self)(tuple(one if two == _WORD else one & two for one, two in self._each(other)))

    def __or__(self, other: Self | int, /) -> Self:
        return type(self)(tuple(one if two == 0 else one | two for one, two in self._each(other)))

    def __invert__(self) -> Self:
        return type(self)(tuple(~one for one in self.words))

    def with_members(self, mask: W, members: int) -> Self:
        """Return the set with some more members where a mask has every bit, and the set as it is elsewhere."""
        parts = zip(self.words, words_of(members, len(self.words)), strict=True)
        return type(self)(tuple(one | (mask & part) if part else one for one, part in parts))

    def without_members(self, mask: W, members: int) -> Self:
        """Return the set without some members where a mask has every bit, and the set as it is elsewhere."""
        parts = zip(self.words, words_of(members, len(self.words)), strict=True)
        return type(self)(tuple(one & ~(mask & part) if part else one for one, part in parts))

    def where(self, mask: W) -> Self:
        """Return the set where a mask has every bit, and the empty set elsewhere."""
        return type(self)(tuple(one & mask for one in self.words))

    def shared_where(self, mask: W, other: Self) -> Self:
        """Return the members that another set shares where a mask has every bit, and the set as it is elsewhere."""
        without = ~mask
        return type(self)(tuple(one & (two | without) for one, two in zip(self.words, other.words, strict=True)))

    def lowest(self) -> Self:
        """Return the set of the lowest member alone."""
        first, *others = self.words
        words, lower = [first & -first], first
        for one in others:
            words.append(one & -one & ~rules.any_of(lower, WORD_BITS - 1))
            lower = lower | one
        return type(self)(tuple(words))

    def any(self) -> W:
        """Return a mask: every bit where the set has members."""
        first, *others = self.words
        for one in others:
            first = first | one
        return rules.any_of(first, WORD_BITS - 1)

    def has(self, place: int) -> W:
        """Return a mask: every bit where the set has a member."""
        word, bit = divmod(place, WORD_BITS)
        return -(self.words[word] >> bit & 1)

    def meets(self, members: int) -> W:
        """Return a mask: every bit where the set has any of some members."""
        mask: W | None = None
        for one, part in zip(self.words, words_of(members, len(self.words)), strict=True):
            if part:
                found = one & part
                mask = found if mask is None else mask | found
        return self.words[0] & 0 if mask is None else rules.any_of(mask, WORD_BITS - 1)


Make = Callable[[int, int], Wide[W]]
