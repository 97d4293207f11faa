"""Tests of the units of vector lengths, and of the sets that the architecture allows."""

import re
from collections.abc import Iterable
from itertools import permutations

import pytest

from sim.errors import InputError
from sim.vectors import (
    ALL_VQS,
    LEN_FIELD,
    SveRule,
    bits_from_vq,
    bits_from_vqs,
    braces,
    largest_vq,
    len_field,
    smallest_vq,
    vl_bytes_from_vq,
    vq_from_bits,
    vqs_from_bits,
    vqs_up_to_len,
    why_not_sme,
    why_not_sve,
)

LENGTHS = range(128, 2049, 128)
POWERS = (128, 256, 512, 1024, 2048)
A64FX = (128, 256, 512)
GRAVITON3 = (128, 256)
GRACE = (128,)


def listed(vqs: int) -> list[int]:
    """Return the members of a set in bits, found by testing each."""
    return [bits for bits in LENGTHS if vqs & 1 << (bits // 128 - 1)]


def reason(lengths_bits: Iterable[int], rule: SveRule = SveRule.MULTIPLES) -> str:
    return why_not_sve(vqs_from_bits(lengths_bits), rule) or ""


def sme_reason(lengths_bits: Iterable[int]) -> str:
    return why_not_sme(vqs_from_bits(lengths_bits)) or ""


@pytest.mark.parametrize("bits", LENGTHS)
def test_the_four_units_of_a_length_agree(bits: int) -> None:
    vq = vq_from_bits(bits)
    assert bits_from_vq(vq) == bits
    assert vl_bytes_from_vq(vq) * 8 == bits
    assert (len_field(vqs_from_bits([bits])) + 1) * 128 == bits


def test_only_multiples_of_128_up_to_2048_are_lengths() -> None:
    for bits in set(range(-2048, 4200)) - set(LENGTHS):
        with pytest.raises(
            InputError, match=f"^{bits} bits is not a vector length: .*multiples of 128 from 128 to 2048$"
        ):
            vq_from_bits(bits)


def test_a_set_is_the_same_whatever_the_order_of_its_members() -> None:
    assert {vqs_from_bits(order) for order in permutations(A64FX)} == {0b1011}


def test_a_length_given_twice_is_named() -> None:
    with pytest.raises(InputError, match=r"^256 bits is given twice$"):
        vqs_from_bits([128, 256, 512, 256])


def test_every_set_is_listed_and_measured_by_its_members() -> None:
    for vqs in range(ALL_VQS + 1):
        members = listed(vqs)
        assert list(bits_from_vqs(vqs)) == members
        assert largest_vq(vqs) * 128 == max(members, default=0)
        assert smallest_vq(vqs) * 128 == min(members, default=0)


def test_every_set_can_be_made_from_its_list() -> None:
    assert all(vqs_from_bits(listed(vqs)) == vqs for vqs in range(0, ALL_VQS + 1, 7))


def test_braces_are_what_kernel_developers_write() -> None:
    assert [braces(vqs_from_bits(lengths)) for lengths in (A64FX, GRACE, ())] == ["{128,256,512}", "{128}", "{}"]


def test_the_len_field_keeps_four_bits() -> None:
    for value in range(64):
        kept = value % 16
        assert listed(vqs_up_to_len(value)) == [bits for bits in LENGTHS if bits // 128 - 1 <= kept]


def test_writing_16_to_len_leaves_128_bits_and_15_leaves_all() -> None:
    assert bits_from_vqs(vqs_up_to_len(16)) == (128,)
    assert vqs_up_to_len(LEN_FIELD) == ALL_VQS


@pytest.mark.parametrize("part", [A64FX, GRAVITON3, GRACE], ids=["A64FX", "Graviton3", "Grace"])
def test_real_parts_are_legal_under_both_rules(part: tuple[int, ...]) -> None:
    assert [why_not_sve(vqs_from_bits(part), rule) for rule in SveRule] == [None, None]


def sve_is_legal(members: list[int], rule: SveRule) -> bool:
    """Return True if the architecture's rule allows a list of lengths in bits."""
    if 128 not in members:
        return False
    if rule is SveRule.POWERS_OF_TWO and not set(members) <= set(POWERS):
        return False
    return all(power in members for power in POWERS if power < max(members))


@pytest.mark.parametrize("rule", SveRule)
def test_every_sve_set_is_legal_exactly_where_the_architecture_allows_it(rule: SveRule) -> None:
    for vqs in range(ALL_VQS + 1):
        assert (why_not_sve(vqs, rule) is None) == sve_is_legal(listed(vqs), rule), braces(vqs)


def test_powers_of_two_leave_five_sve_sets() -> None:
    legal = [listed(vqs) for vqs in range(ALL_VQS + 1) if why_not_sve(vqs, SveRule.POWERS_OF_TWO) is None]
    assert legal == [list(POWERS[:count]) for count in range(1, 6)]


def test_multiples_of_128_are_the_default_rule() -> None:
    assert reason([128, 256, 384]) == ""


def test_every_non_empty_choice_of_powers_of_two_is_a_legal_sme_set() -> None:
    legal = [vqs for vqs in range(1, ALL_VQS + 1) if why_not_sme(vqs) is None]
    assert len(legal) == 2 ** len(POWERS) - 1
    assert all(set(listed(vqs)) <= set(POWERS) for vqs in legal)


def test_an_empty_sme_set_is_not_legal() -> None:
    assert why_not_sme(0) is not None


def test_sme_needs_no_128() -> None:
    assert sme_reason([512, 1024]) == ""
    assert sme_reason([2048]) == ""


@pytest.mark.parametrize(
    ("explanation", "pattern"),
    [
        (reason([256, 512]), r"^128 is missing: every CPU with SVE has it$"),
        (reason([]), r"^128 is missing"),
        (reason([128, 512]), r"^256 is missing: .* below the largest length \(512\) is mandatory$"),
        (reason([128, 384]), r"^256 is missing: .*\(384\)"),
        (reason([128, 2048]), r"^256, 512, 1024 are missing: .*\(2048\)"),
        (reason([128, 256, 384], SveRule.POWERS_OF_TWO), r"^384 is not a power of two, .*powers-of-two rule"),
        (sme_reason([128, 640]), r"^640 is not a power of two, and streaming lengths are$"),
    ],
)
def test_a_refused_set_is_explained_by_the_length_in_question(explanation: str, pattern: str) -> None:
    assert re.search(pattern, explanation), explanation
