"""Values that emit LLVM IR compute what columns of numpy compute, in however few bits they are kept."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.rules import above, largest, limit_one_too_many, one_if_any, smallest, smear, when
from sim.study.column import Column
from tests.examples import examples

pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra asymboot[sweep] is not tested")

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "minus": lambda a, b: a - b,
    "below": lambda a, b: a.is_below(b),
    "above": above,
    "not": lambda a, _: ~a,
    "negative": lambda a, _: -a,
    "smear": lambda a, _: smear(a),
    "largest": lambda a, _: largest(a),
    "smallest": lambda a, _: smallest(a),
    "one if any": lambda a, _: one_if_any(a),
    "when": lambda a, _: when(a),
    "one too many": lambda a, _: limit_one_too_many(a),
    "bit 9 where any": lambda a, _: when(a) & 0x200,
    "low bits": lambda a, _: a & 0x3C,
    "less 1": lambda a, _: a - 1,
    "left by 2": lambda a, _: a << 2,
    "left by 12": lambda a, _: a << 12,
    "right by 3": lambda a, _: a >> 3,
    "right by 9": lambda a, _: a >> 9,
}
STEPS = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 9), st.integers(0, 9)), max_size=8)


def computed(steps: list[tuple[str, int, int]], first: Any, second: Any) -> Any:
    """The last result of some steps; each takes two of the values before it."""
    values = [first, second]
    for name, one, other in steps:
        values.append(OPERATIONS[name](values[one % len(values)], values[other % len(values)]))
    return values[-1]


def compiled(steps: list[tuple[str, int, int]], largest_set: int) -> Callable[[int, int], int]:
    from llvmlite import ir

    from sim.study.compiled_batch import _engine
    from sim.study.emitted import WIDE, Emitted, range_of_bits

    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(WIDE, [WIDE, WIDE]), "entry")
    builder = ir.IRBuilder(function.append_basic_block())
    span = range_of_bits(0, largest_set).within_16_bits()
    builder.ret(computed(steps, *(Emitted(builder, one, span) for one in function.args)).as_kind(WIDE))
    engine = _engine(module)
    call = ctypes.CFUNCTYPE(ctypes.c_uint16, ctypes.c_uint16, ctypes.c_uint16)(engine.get_function_address("entry"))
    call.engine = engine  # type: ignore[attr-defined]  # the machine code lives as long as it
    return call


@examples(0.5)
@given(STEPS, st.sampled_from([0xF, 0x7F, 0xFF, 0x7FFF, 0xFFFF]), st.data())
def test_a_step_has_the_same_result_as_on_columns(
    steps: list[tuple[str, int, int]], largest_set: int, data: st.DataObject
) -> None:
    call = compiled(steps, largest_set)
    for first, second in data.draw(st.lists(st.tuples(*[st.integers(0, largest_set)] * 2), min_size=1, max_size=20)):
        expected = computed(steps, *(Column(np.array([one], np.uint16)) for one in (first, second)))
        assert call(first, second) == int(expected.array[0])
