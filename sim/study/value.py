"""The operators that a system can be evaluated on: those of the rules, and a comparison.

The same source (`sim.study.evaluation` and below) then runs on a column of numpy (`sim.study.column`), on a value that
emits LLVM IR (`sim.study.compiled_batch`) and on a bit-vector of Z3 (`sim.prove.symbols`).
"""

from typing import Protocol, Self, TypeVar

from sim.rules import Bits


class Value(Bits, Protocol):
    """A set of lengths, a mask or a word, 16 bits wide, in the system at hand or in many systems."""

    def is_below(self, other: Self, /) -> Self:
        """Return a mask: every bit where this value is smaller than the other as unsigned numbers, else none."""
        ...


V = TypeVar("V", bound=Value)
