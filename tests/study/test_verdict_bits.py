"""The word of a late CPU, and of its saves: the same on ints as on columns, and what it must be in plain cases."""

from itertools import product

import pytest

from sim.rules import LateVerdict, late_findings, late_verdict
from sim.study.verdict_bits import (
    ACCEPTED,
    ANNOUNCED,
    BY_RELAY,
    DENIED,
    HARMLESS,
    HAZARDS,
    HEADER,
    KERNEL_PANIC,
    NOT_RESTORED,
    OUTSIDE,
    PANIC,
    REFUSED,
    SILENT,
    WARNED,
    announced_save,
    late_word,
    without_restore,
)
from tests.study.columns import ints, random_columns

ALL = 0xFFFF
MASKS = (0, ALL)


def test_bits_are_consecutive_as_the_words_of_stored_sweeps_have_them() -> None:
    of_hazards = (KERNEL_PANIC, PANIC, OUTSIDE, NOT_RESTORED, HEADER, SILENT, ANNOUNCED, DENIED, HARMLESS)
    assert (*of_hazards, ACCEPTED, REFUSED, BY_RELAY, WARNED) == tuple(1 << place for place in range(13))
    assert len(of_hazards) == len(HAZARDS)


def test_the_verdict_on_a_late_cpu_is_the_same_on_ints_as_on_columns() -> None:
    columns = random_columns(5, 3000)
    rows = list(zip(*map(ints, columns), strict=True))
    found = late_findings(*columns)
    for announces, refuses in product(MASKS, MASKS):
        verdict = late_verdict(found, announces, refuses)
        of_ints = [late_verdict(late_findings(*row), announces, refuses) for row in rows]
        for part, expected in zip(verdict, zip(*of_ints, strict=True), strict=True):
            assert ints(part) == [one & ALL for one in expected]


def test_the_word_of_a_late_cpu_is_the_same_on_ints_as_on_columns() -> None:
    refused, announced, passes, save = columns = random_columns(4, 3000)
    word = late_word(LateVerdict(refused, announced, passes), save)
    rows = zip(*map(ints, columns), strict=True)
    assert ints(word) == [late_word(LateVerdict(a, b, c), d) & ALL for a, b, c, d in rows]


@pytest.mark.parametrize(
    ("verdict", "save", "word"),
    [
        ((0, 0, ALL), 0, ACCEPTED),
        ((0, 0, ALL), SILENT | OUTSIDE, ACCEPTED | SILENT | OUTSIDE),
        ((0, ALL, ALL), SILENT, ACCEPTED | SILENT | WARNED),
        ((ALL, 0, 0), SILENT, REFUSED),
        ((ALL, 0, 0), 0, REFUSED),
        ((ALL, ALL, ALL), SILENT, REFUSED | WARNED),
        ((ALL, ALL, ALL), NOT_RESTORED | DENIED, REFUSED | WARNED),
        ((ALL, ALL, ALL), 0, REFUSED | WARNED | HARMLESS),
    ],
)
def test_a_late_cpu_is_accepted_with_its_saves_or_refused(verdict: tuple[int, int, int], save: int, word: int) -> None:
    assert late_word(LateVerdict(*verdict), save) & ALL == word


def test_a_save_that_panics_is_not_restored() -> None:
    for word in range(1 << 9):
        expected = word & ~NOT_RESTORED if word & PANIC else word
        assert without_restore(word) == expected


def test_an_allocation_is_exceeded_silently_unless_the_log_names_a_length_as_large() -> None:
    word = SILENT | HEADER | KERNEL_PANIC
    announced = ANNOUNCED | HEADER | KERNEL_PANIC
    assert announced_save(word, 0b1011, ALL, 0b1001) == announced
    assert announced_save(word, 0b1011, ALL, 0b11) == word
    assert announced_save(word, 0b1011, 0b11, 0b11) == announced
    assert announced_save(word, 0b1011, ALL, 0) == word
    assert announced_save(HEADER, 0b1011, ALL, 0b1011) == HEADER
    columns = random_columns(4, 3000)
    rows = zip(*map(ints, columns), strict=True)
    assert ints(announced_save(*columns)) == [announced_save(*row) & ALL for row in rows]
