"""The rules on fields of ID registers: on ints, on columns and on Z3's bit-vectors, beside a plain reference."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import z3

from sim import rules

VALUES = range(16)
PAIRS = list(product(VALUES, repeat=2))
SIGN = 8


def order(value: int, sign: int) -> int:
    """Return a value as a number, negative if its sign bit is set."""
    return value - 2 * sign if value & sign else value


REFERENCES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int, int], int]]] = {
    "lower": (rules.lower_safe, min),
    "higher": (rules.higher_safe, max),
    "signed lower": (
        lambda a, b: rules.lower_safe(a, b, SIGN),
        lambda a, b: min(a, b, key=lambda value: order(value, SIGN)),
    ),
    "signed higher": (
        lambda a, b: rules.higher_safe(a, b, SIGN),
        lambda a, b: max(a, b, key=lambda value: order(value, SIGN)),
    ),
    "higher or zero": (rules.higher_or_zero_safe, lambda a, b: max(a, b) if a and b else 0),
    "exact": (lambda a, b: rules.exact(a, b, 5), lambda a, b: a if a == b else 5),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_the_safe_value_of_every_two_values(name: str) -> None:
    rule, reference = REFERENCES[name]
    expected = [reference(a, b) for a, b in PAIRS]
    assert [rule(a, b) for a, b in PAIRS] == expected
    columns = np.array(PAIRS, dtype=np.uint16).T
    assert (rule(columns[0], columns[1]) == np.array(expected)).all()


@pytest.mark.parametrize("name", REFERENCES)
def test_the_safe_value_on_every_bit_vector(name: str) -> None:
    """The vectors are wider than the rules' words, so that an arithmetic shift leaves the tested bit alone."""
    rule, reference = REFERENCES[name]
    a, b = z3.BitVecs("a b", 17)
    value = z3.simplify(rule(a, b))
    for one, other in PAIRS:
        at = z3.simplify(z3.substitute(value, (a, z3.BitVecVal(one, 17)), (b, z3.BitVecVal(other, 17))))
        assert at.as_long() == reference(one, other)


@pytest.mark.parametrize("sign", [0, SIGN])
def test_a_range_has_its_ends(sign: int) -> None:
    for smallest, largest in PAIRS:
        low, high = order(smallest, sign), order(largest, sign)
        found = [bool(rules.in_range(value, smallest, largest, sign)) for value in VALUES]
        assert found == [low <= order(value, sign) <= high for value in VALUES]


def test_a_wide_field_needs_a_bit_above_it() -> None:
    assert rules.exact(1 << 31, 0, 7, top=63) == 7
    assert rules.exact(1 << 31, 1 << 31, 7, top=63) == 1 << 31


@pytest.mark.parametrize(
    ("system", "cpu", "optional", "permitted", "found"),
    [
        (1, 0, 0, 0, 1),
        (1, 0, 1, 0, 0),
        (0, 1, 0, 0, 1),
        (0, 1, 0, 1, 0),
        (1, 1, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ],
)
def test_conflicts_of_one_capability(system: int, cpu: int, optional: int, permitted: int, found: int) -> None:
    assert rules.conflicts(system, cpu, optional, permitted) == found


@pytest.mark.parametrize("value", VALUES)
def test_any_of_a_value(value: int) -> None:
    assert bool(rules.any_of(value)) == bool(value)


@pytest.mark.parametrize(("sanitised", "effective", "raw"), list(product((0, 1, 2, 5), repeat=3)))
def test_a_cache_type_mismatches_if_both_values_differ_in_compared_bits(
    sanitised: int, effective: int, raw: int
) -> None:
    strict = 0b011
    found = rules.mismatches(sanitised, effective, raw, strict)
    assert bool(found) == (effective & strict != sanitised & strict and raw & strict != sanitised & strict)
