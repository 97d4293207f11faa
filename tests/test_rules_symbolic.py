"""The rules run unchanged on Z3's bit-vectors, and mean the same there as on whole numbers."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from sim import rules
from tests.examples import examples

WIDTH = 32
SETS = st.integers(0, 0xFFFF)
RULES: list[Callable[..., Any]] = [
    rules.smear,
    rules.largest,
    rules.smallest,
    rules.one_if_any,
    rules.shared_with,
    rules.seen_with,
    rules.virtualisable,
    rules.missing,
    rules.unsupported,
    rules.above,
    rules.below_floor,
    rules.pseudo_register,
    rules.selected,
    rules.limit_one_too_many,
    rules.guest_lengths,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@examples(0.25)
@given(st.data())
def test_a_rule_means_the_same_on_symbols(rule: Callable[..., Any], data: st.DataObject) -> None:
    places = range(len(signature(rule).parameters))
    values = [data.draw(SETS) for _ in places]
    symbols = [z3.BitVec(f"x{place}", WIDTH) for place in places]
    given_values = [(symbol, z3.BitVecVal(value, WIDTH)) for symbol, value in zip(symbols, values, strict=True)]
    result = z3.simplify(z3.substitute(rule(*symbols), *given_values))
    assert result.as_long() & 0xFFFF == rule(*values) & 0xFFFF


def test_a_theorem_about_all_sets_is_proved_and_a_false_one_refuted() -> None:
    shared, seen = z3.BitVecs("shared seen", WIDTH)
    legal = z3.And(shared & 1 == 1, shared & ~seen == 0, seen & ~0xFFFF == 0)
    bound = rules.virtualisable(shared, seen)
    hidden = rules.guest_lengths(shared, bound) & ~shared
    partial = bound & seen & ~shared
    solver = z3.Solver()
    solver.add(legal)
    assert solver.check(z3.Or(hidden != 0, partial != 0)) == z3.unsat
    assert solver.check(bound & ~shared != 0) == z3.sat
