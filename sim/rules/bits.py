"""Sets of vector lengths as bits, and the operations that every rule is made of.

A set is encoded as in `sim.vectors`: bit VQ - 1 stands for VQ. Every rule is AND, OR, NOT, shifts and subtraction,
without a branch on a value, so that the same source runs on

- a Python ``int``: one boot;
- a column of numpy ``uint16`` (`sim.study.column.Column`, or an array itself): many systems, one a row;
- a value that emits LLVM IR (`sim.study.compiled_batch`): the loop over those rows, compiled;
- a Z3 bit-vector of 16 bits (`sim.prove.symbols.Symbol`): all systems at once. Its ``>>`` must be logical. Z3's own
  ``>>`` copies the sign bit, so a plain `z3.BitVec` must be wider than 16 bits.

All sets that a rule takes are of one kind; constants may be ints.

A truth is a mask, which has every bit or none, because a mask selects without a branch: `a & mask` is a or 0. On ints
the mask of every bit is -1, which has bits above the sixteenth; ANDed with a set it gives that set.
"""

from typing import Protocol, Self, TypeVar

ARCHITECTURE_VQS = 0xFFFF
"""Every VQ that the architecture allows: 128 to 2048 bits."""


class Bits(Protocol):
    """The operators that a set must offer."""

    def __and__(self, other: Self | int, /) -> Self: ...
    def __or__(self, other: Self | int, /) -> Self: ...
    def __invert__(self) -> Self: ...
    def __neg__(self) -> Self: ...
    def __sub__(self, other: Self | int, /) -> Self: ...
    def __rshift__(self, other: int, /) -> Self: ...
    def __lshift__(self, other: int, /) -> Self: ...


S = TypeVar("S", bound=Bits)


class Members(Protocol):
    """The operators of a set of which only its members matter, such as a set of capabilities of several words."""

    def __and__(self, other: Self | int, /) -> Self: ...
    def __or__(self, other: Self | int, /) -> Self: ...
    def __invert__(self) -> Self: ...


M = TypeVar("M", bound=Members)


def smear(vqs: S) -> S:
    """Return every VQ up to the largest member: the lengths that a limit set to that member lets through.

    >>> bin(smear(0b1001))
    '0b1111'
    """
    # After each line, every member has set twice as many bits: itself and the 1, 3, 7 and at last 15 bits below it.
    vqs = vqs | (vqs >> 1)
    vqs = vqs | (vqs >> 2)
    vqs = vqs | (vqs >> 4)
    return vqs | (vqs >> 8)


def largest(vqs: S) -> S:
    """Return the largest member as a set of one; the empty set has none.

    >>> bin(largest(0b1011))
    '0b1000'
    """
    up_to = smear(vqs)
    return up_to & ~(up_to >> 1)


def smallest(vqs: S) -> S:
    """Return the smallest member as a set of one; the empty set has none.

    >>> bin(smallest(0b1010))
    '0b10'
    """
    return vqs & -vqs


def one_if_any(vqs: S) -> S:
    """Return 1 for a set with members, 0 for the empty set.

    >>> one_if_any(0b1000), one_if_any(0)
    (1, 0)
    """
    # Bit 15 of v | -v is set unless v is 0: either v is at least 2^15 and has it, or -v, which is 2^16 - v in 16 bits,
    # is above 2^15. The last AND drops the further sign bits of an int.
    return ((vqs | -vqs) >> 15) & 1


def when(vqs: S) -> S:
    """Return a mask: every bit where a set has members, else none.

    >>> when(0b1000), when(0)
    (-1, 0)
    """
    return -one_if_any(vqs)


def above(vqs: S, other_vqs: S) -> S:
    """Return the members above the other set's largest.

    >>> bin(above(0b1011, 0b11)), bin(above(0b11, 0b11))
    ('0b1000', '0b0')
    """
    return vqs & ~smear(other_vqs)
