"""Symbols: sets of lengths as Z3 bit-vectors, on which the rules that boot hold for all sets at once."""

from typing import final

import z3

from sim import rules
from sim.vectors import POWERS_OF_TWO, VQ_MAX, SveRule


@final
class Symbol:
    """A set, a mask or a word in any system: a bit-vector of 16 bits, or of 64 where it is a register."""

    __slots__ = ("term",)

    def __init__(self, term: z3.BitVecRef) -> None:
        self.term = term

    @classmethod
    def named(cls, name: str, bits: int = VQ_MAX) -> "Symbol":
        """Return a variable, which may be any set."""
        return cls(z3.BitVec(name, bits))

    @classmethod
    def constant(cls, bits: int) -> "Symbol":
        """Return a value that is the same in every system."""
        return cls(z3.BitVecVal(bits, VQ_MAX))

    def __and__(self, other: "Symbol | int", /) -> "Symbol":
        return Symbol(self.term & _operand(other))

    def __or__(self, other: "Symbol | int", /) -> "Symbol":
        return Symbol(self.term | _operand(other))

    def __invert__(self) -> "Symbol":
        return Symbol(~self.term)

    def __neg__(self) -> "Symbol":
        return Symbol(-self.term)

    def __sub__(self, other: "Symbol | int", /) -> "Symbol":
        return Symbol(self.term - _operand(other))

    def __rshift__(self, other: int, /) -> "Symbol":
        # Z3's own >> copies the sign bit.
        return Symbol(z3.LShR(self.term, other))

    def __lshift__(self, other: int, /) -> "Symbol":
        return Symbol(self.term << other)

    def is_below(self, other: "Symbol", /) -> "Symbol":
        """Return a mask: every bit where this is the smaller number, else none."""
        return Symbol(z3.If(z3.ULT(self.term, other.term), z3.BitVecVal(-1, VQ_MAX), z3.BitVecVal(0, VQ_MAX)))

    def is_empty(self) -> z3.BoolRef:
        """Return the condition that the set has no members."""
        return self.term == 0


def _operand(other: Symbol | int) -> z3.BitVecRef | int:
    return other if isinstance(other, int) else other.term


def is_legal(vqs: Symbol, rule: SveRule, up_to_vq: int) -> z3.BoolRef:
    """Return the condition that the architecture allows a set of SVE lengths, and none is above a largest VQ."""
    # The same rule as `sim.vectors.why_not_sve`, without a branch on the set: no forbidden VQ, every power of two below
    # the largest, and 128 bits. `tests/prove/test_prove.py` compares the two.
    never = ~((1 << up_to_vq) - 1) | (~POWERS_OF_TWO if rule is SveRule.POWERS_OF_TWO else 0)
    lacking = rules.lacking(vqs, POWERS_OF_TWO)
    return z3.And((~vqs & 1).is_empty(), ((vqs & never) | lacking).is_empty())
