"""Tests that sets in several words are what Python's sets are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.study.wide_sets import WORD_BITS, Wide, WordColumn, words_of

WORDS = 3
SETS = st.integers(0, (1 << WORDS * WORD_BITS) - 1) | st.sets(st.integers(0, WORDS * WORD_BITS - 1), max_size=3).map(
    lambda places: sum(1 << place for place in places)
)
TRUTHS = st.booleans()


def both(members: int) -> tuple[Wide[int], Wide[WordColumn]]:
    """Return a set as ints and as columns of one row."""
    words = words_of(members, WORDS)
    return Wide(words), Wide(tuple(WordColumn(np.array([word], np.uint64)) for word in words))


def masks(truth: bool) -> tuple[int, WordColumn]:
    return -truth, WordColumn(np.array([-truth & (1 << WORD_BITS) - 1], np.uint64))


def members(one: Wide[int] | Wide[WordColumn]) -> int:
    words = [int(word.array[0]) if isinstance(word, WordColumn) else word for word in one.words]
    return sum((word & (1 << WORD_BITS) - 1) << WORD_BITS * place for place, word in enumerate(words))


@given(SETS)
def test_the_lowest_member_stands_alone(drawn: int) -> None:
    for one in both(drawn):
        assert members(one.lowest()) == drawn & -drawn


@given(SETS, SETS, TRUTHS)
def test_members_come_and_go_where_a_mask_has_every_bit(drawn: int, others: int, truth: bool) -> None:
    numbers, column = both(drawn)
    of_int, of_column = masks(truth)
    told = others if truth else 0
    assert members(numbers.with_members(of_int, others)) == members(column.with_members(of_column, others))
    assert members(numbers.with_members(of_int, others)) == drawn | told
    assert members(numbers.without_members(of_int, others)) == members(column.without_members(of_column, others))
    assert members(numbers.without_members(of_int, others)) == drawn & ~told


@given(SETS, SETS)
def test_constants_and_sets_meet_and_join_alike(drawn: int, others: int) -> None:
    (numbers, column), (other_numbers, other_column) = both(drawn), both(others)
    for shared in (numbers & others, numbers & other_numbers, column & others, column & other_column):
        assert members(shared) == drawn & others
    for joined in (numbers | others, numbers | other_numbers, column | others, column | other_column):
        assert members(joined) == drawn | others
