"""The rules run unchanged on Z3's bit-vectors and on symbols, and mean the same there as on whole numbers."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import rules
from sim.prove.symbols import Symbol

WIDTH = 32
ALL = 0xFFFF
SETS = st.integers(0, ALL)


def late_bits(own: Any, vq_map: Any, counted: Any, virtualisable: Any, floor: Any) -> Any:
    """A bit for each part of the verdict on a late CPU, and for a needless refusal."""
    findings = rules.late_findings(own, vq_map, counted, virtualisable, floor)
    verdict = rules.late_verdict(findings, ALL, ALL)
    needlessly = rules.refused_needlessly(verdict, own & counted, vq_map & floor)
    return (verdict.refused & 1) | (verdict.announced & 2) | (verdict.passes_required & 4) | (needlessly & 8)


RULES: list[Callable[..., Any]] = [
    rules.smear,
    rules.largest,
    rules.smallest,
    rules.one_if_any,
    rules.when,
    rules.shared_with,
    rules.seen_with,
    rules.virtualisable,
    rules.default_length,
    rules.missing,
    rules.unsupported,
    rules.above,
    rules.below_floor,
    rules.lacking,
    rules.pseudo_register,
    rules.selected,
    rules.limit_one_too_many,
    rules.guest_lengths,
    rules.save_exceeds,
    rules.save_denies,
    late_bits,
]


def value(term: Any, **given_values: int) -> int:
    """The value of a term whose variables have these values."""
    pairs = [(z3.BitVec(name, term.size()), z3.BitVecVal(number, term.size())) for name, number in given_values.items()]
    return int(z3.simplify(z3.substitute(term, *pairs)).as_long()) & ALL


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_rule_means_the_same_on_symbols(rule: Callable[..., Any], data: st.DataObject) -> None:
    sets = {f"x{place}": data.draw(SETS) for place in range(len(signature(rule).parameters))}
    expected = rule(*sets.values()) & ALL
    assert value(rule(*map(Symbol.named, sets)).term, **sets) == expected
    assert value(rule(*(z3.BitVec(name, WIDTH) for name in sets)), **sets) == expected


@settings(deadline=None)
@given(SETS, SETS)
def test_symbols_are_compared_without_sign(a: int, b: int) -> None:
    mask = Symbol.named("a").is_below(Symbol.named("b"))
    assert value(mask.term, a=a, b=b) == ALL * (a < b)
    difference = (Symbol.named("a") - Symbol.named("b")) | (Symbol.constant(b) << 1) | (Symbol.constant(a) >> 1)
    assert value(difference.term, a=a, b=b) == ((a - b) | (b << 1) | (a >> 1)) & ALL


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
