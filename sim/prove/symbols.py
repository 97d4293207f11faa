"""Sets of lengths as symbols of Z3's, so that the rules that boot say what is so for all sets at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import z3

from sim import rules
from sim.study.symbolic_value import Operation, Value, constant
from sim.vectors import POWERS_OF_TWO, VQ_MAX, SveRule

_OPERATIONS: dict[Operation, Callable[..., Any]] = {
    Operation.AND: lambda one, other: one & other,
    Operation.OR: lambda one, other: one | other,
    Operation.XOR: lambda one, other: one ^ other,
    Operation.MINUS: lambda one, other: one - other,
    Operation.SHIFT_LEFT: lambda one, other: one << other,
    Operation.SHIFT_RIGHT: z3.LShR,  # Z3's >> and < take numbers for signed
    Operation.IS_LESS: z3.ULT,
    Operation.IS_MORE: z3.UGT,
    Operation.NOT: lambda one: ~one,
    Operation.NEGATIVE: lambda one: -one,
}


class Symbol(Value):
    """A bit-vector of Z3's, as wide as a set; or a condition."""

    def __init__(self, expression: Any) -> None:
        self.expression = expression

    @classmethod
    def named(cls, name: str) -> "Symbol":
        """A set that may be any."""
        return cls(z3.BitVec(name, VQ_MAX))

    def _do(self, operation: Operation, *others: object) -> "Symbol":
        return Symbol(_OPERATIONS[operation](self.expression, *map(as_z3, others)))

    def astype(self, kind: type[np.uint16]) -> "Symbol":  # noqa: ARG002 (sets are of one width)
        """A condition as a number: 1 where it holds, else 0."""
        return Symbol(z3.If(self.expression, as_z3(1), as_z3(0)))


def as_z3(one: object) -> Any:
    """The bit-vector of a symbol, or of a constant."""
    return one.expression if isinstance(one, Symbol) else z3.BitVecVal(constant(one), VQ_MAX)


def is_legal(vqs: Symbol, rule: SveRule, up_to_vq: int) -> Any:
    """Whether the architecture allows a set of SVE lengths, none of them above a largest VQ."""
    never = ~((1 << up_to_vq) - 1) | (~POWERS_OF_TWO if rule is SveRule.POWERS_OF_TWO else 0)
    lacking = rules.smear(vqs) & POWERS_OF_TWO & ~vqs
    return z3.And((vqs & 1).expression == 1, (vqs & never | lacking).expression == 0)
