"""Values that emit LLVM IR: the rules, run on them, write the body of a compiled loop (`sim.study.compiled_batch`).

The rules run at 16 bits. A value whose range fits 8 bits with a sign is kept in 8, so that a vector register holds
twice as many rows: it stands for the number of 16 bits with the same sign and amount. The range of each result follows
from the ranges of its operands, so that this is exact.
"""

from typing import NamedTuple, final

from llvmlite import ir

WIDE, NARROW = ir.IntType(16), ir.IntType(8)
_WIDE_NUMBERS, _NARROW_NUMBERS = range(-0x8000, 0x8000), range(-0x80, 0x80)


class Range(NamedTuple):
    """The numbers that a value may be, as numbers of 16 bits with a sign."""

    low: int
    high: int

    @property
    def kind(self) -> ir.IntType:
        """The narrowest type that holds all of them."""
        return NARROW if self.low in _NARROW_NUMBERS and self.high in _NARROW_NUMBERS else WIDE

    def within_16_bits(self) -> "Range":
        """Return this range, or every number where some of it does not fit 16 bits and wraps."""
        is_within = self.low in _WIDE_NUMBERS and self.high in _WIDE_NUMBERS
        return self if is_within else Range(_WIDE_NUMBERS[0], _WIDE_NUMBERS[-1])


def range_of_bits(low: int, high: int) -> Range:
    """Return the range of all patterns of as many bits as the numbers from `low` to `high` have."""
    bits = max(low.bit_length() if low >= 0 else (~low).bit_length(), high.bit_length())
    return Range(0 if low >= 0 else -1 << bits, (1 << bits) - 1)


@final
class Emitted:
    """The value of the row at hand: its operators emit LLVM instructions.

    Args:
        builder: takes the instructions.
        value: the value, of one of the two types.
        span: the numbers that it may be.
    """

    def __init__(self, builder: ir.IRBuilder, value: ir.Value, span: Range) -> None:
        self._builder, self.span = builder, span
        self.value = builder.trunc(value, NARROW) if value.type == WIDE and span.kind == NARROW else value

    @classmethod
    def constant(cls, builder: ir.IRBuilder, bits: int) -> "Emitted":
        """Return a constant, from an unsigned number of 16 bits or a negative one."""
        number = (bits & 0x7FFF) - (bits & 0x8000)
        span = Range(number, number)
        return cls(builder, span.kind(number), span)

    def as_kind(self, kind: ir.IntType) -> ir.Value:
        """Return the value in its own type or in the wider."""
        return self.value if self.value.type == kind else self._builder.sext(self.value, kind)

    def _operand(self, other: "Emitted | int") -> "Emitted":
        return self.constant(self._builder, other) if isinstance(other, int) else other

    def _with(self, instruction: str, other: "Emitted", span: Range) -> "Emitted":
        """Emit an instruction of two operands, at the width that operands and result need."""
        is_narrow = NARROW == self.value.type == other.value.type == span.kind
        kind = NARROW if is_narrow else WIDE
        return Emitted(
            self._builder, getattr(self._builder, instruction)(self.as_kind(kind), other.as_kind(kind)), span
        )

    def __and__(self, other: "Emitted | int", /) -> "Emitted":
        other = self._operand(other)
        # A number without a sign bounds the result.
        bounds = [span.high for span in (self.span, other.span) if span.low >= 0]
        span = Range(0, min(bounds)) if bounds else self._of_both(other)
        return self._with("and_", other, span)

    def __or__(self, other: "Emitted | int", /) -> "Emitted":
        other = self._operand(other)
        return self._with("or_", other, self._of_both(other))

    def _of_both(self, other: "Emitted") -> Range:
        return range_of_bits(min(self.span.low, other.span.low), max(self.span.high, other.span.high))

    def __invert__(self) -> "Emitted":
        return Emitted(self._builder, self._builder.not_(self.value), Range(~self.span.high, ~self.span.low))

    def __neg__(self) -> "Emitted":
        return self.constant(self._builder, 0) - self

    def __sub__(self, other: "Emitted | int", /) -> "Emitted":
        other = self._operand(other)
        span = Range(self.span.low - other.span.high, self.span.high - other.span.low).within_16_bits()
        return self._with("sub", other, span)

    def __rshift__(self, other: int, /) -> "Emitted":
        # A logical shift: sets are unsigned, as in numpy's columns.
        if self.span.low < 0:
            shifted = self._builder.lshr(self.as_kind(WIDE), WIDE(other))
            return Emitted(self._builder, shifted, Range(0, 0xFFFF >> other).within_16_bits())
        return self._shifted("lshr", other, Range(self.span.low >> other, self.span.high >> other))

    def __lshift__(self, other: int, /) -> "Emitted":
        return self._shifted("shl", other, Range(self.span.low << other, self.span.high << other).within_16_bits())

    def _shifted(self, instruction: str, distance: int, span: Range) -> "Emitted":
        # Where nothing is left, the distance may be a type's whole width, which LLVM leaves undefined.
        nothing = self.constant(self._builder, 0)
        return nothing if span == (0, 0) else self._with(instruction, self.constant(self._builder, distance), span)

    def is_below(self, other: "Emitted", /) -> "Emitted":
        """Return a mask: every bit where this number is smaller than the other, else none."""
        kind = NARROW if NARROW == self.value.type == other.value.type else WIDE
        truth = self._builder.icmp_unsigned("<", self.as_kind(kind), other.as_kind(kind))
        return Emitted(self._builder, self._builder.sext(truth, NARROW), Range(-1, 0))
