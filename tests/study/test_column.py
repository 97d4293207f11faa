"""A column does in every row what an int of 16 bits does."""

import operator

import numpy as np
import pytest

from sim.study.column import Column, constant
from tests.study.columns import ints, random_columns

ALL = 0xFFFF
BINARY = {"and": operator.and_, "or": operator.or_, "minus": operator.sub}


@pytest.mark.parametrize("name", BINARY)
def test_an_operator_of_two_is_that_of_ints_modulo_two_to_the_16(name: str) -> None:
    do = BINARY[name]
    one, other = random_columns(2, 1000)
    on_columns = {"and": one & other, "or": one | other, "minus": one - other}[name]
    assert ints(on_columns) == [do(a, b) & ALL for a, b in zip(ints(one), ints(other), strict=True)]
    with_number = {"and": one & 0x8001, "or": one | 0x8001, "minus": one - 0x8001}[name]
    assert ints(with_number) == [do(a, 0x8001) & ALL for a in ints(one)]
    assert on_columns.array.dtype == with_number.array.dtype == np.uint16


def test_operators_of_one_are_those_of_ints_modulo_two_to_the_16() -> None:
    (one,) = random_columns(1, 1000)
    for column, do in (
        (~one, operator.inv),
        (-one, operator.neg),
        (one >> 3, lambda number: number >> 3),
        (one << 3, lambda number: number << 3),
    ):
        assert ints(column) == [do(number) & ALL for number in ints(one)]
        assert column.array.dtype == np.uint16


def test_is_below_compares_numbers_without_sign() -> None:
    one, other = random_columns(2, 1000)
    assert ints(one.is_below(other)) == [ALL * (a < b) for a, b in zip(ints(one), ints(other), strict=True)]
    assert ints(constant(0x7FFF).is_below(constant(0x8000))) == [ALL]
    assert ints(constant(1).is_below(constant(1))) == [0]


def test_a_constant_is_one_element_for_all_rows_and_cannot_be_written_to() -> None:
    (one,) = random_columns(1, 50)
    assert ints(one & constant(1)) == ints(one & 1)
    with pytest.raises(ValueError, match="read-only"):
        constant(1).array[0] = 2


def test_a_number_that_is_no_set_is_an_error() -> None:
    with pytest.raises(OverflowError):
        Column(np.zeros(2, np.uint16)) & -1
