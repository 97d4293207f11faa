"""The kernel's rules, held against plain sets of VQs, and the save's bytes against a list of them."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import rules
from sim.rules import LateFindings, Reason
from sim.study.column import Column, constant

pytestmark = pytest.mark.filterwarnings("error")

A64FX, GRAVITON3, GRACE = 0b1011, 0b11, 0b1
ALL = 0xFFFF
VQS = frozenset[int]

any_set = st.integers(0, ALL)
sve_set = any_set.map(lambda vqs: vqs | 1)
systems = st.lists(sve_set, min_size=1, max_size=6)


# The reference: sets of VQs as Python has them, and the words of the facts


def members(vqs: int) -> VQS:
    return frozenset(vq for vq in range(1, 17) if vqs & 1 << (vq - 1))


def packed(vqs: Iterable[int]) -> int:
    return sum(1 << (vq - 1) for vq in set(vqs))


def up_to(vq: int) -> VQS:
    return frozenset(range(1, vq + 1))


def top(vqs: VQS) -> int:
    return max(vqs, default=0)


def only(vq: int) -> VQS:
    return frozenset({vq} - {0})


def bound(shared: VQS, seen: VQS) -> int:
    """The largest VQ that can be virtualised: below the first length that not everybody has."""
    partial = seen - shared
    return min(top(shared), min(partial) - 1) if partial else top(shared)


def default(shared: VQS, preferred: VQS) -> int:
    return top(shared & preferred) or min(shared, default=0)


def one_too_many(shared: VQS) -> VQS:
    """The lengths that a four-bit field lets through after the VQ itself, not VQ - 1, was written to it."""
    return up_to(top(shared) % 16 + 1)


UNARY: dict[Callable[[Any], Any], Callable[[VQS], VQS]] = {
    rules.smear: lambda vqs: up_to(top(vqs)),
    rules.largest: lambda vqs: only(top(vqs)),
    rules.smallest: lambda vqs: only(min(vqs, default=0)),
    rules.one_if_any: lambda vqs: only(bool(vqs)),
    rules.limit_one_too_many: one_too_many,
}
BINARY: dict[Callable[[Any, Any], Any], Callable[[VQS, VQS], VQS]] = {
    rules.shared_with: lambda shared, own: frozenset(vq for vq in shared if vq in own),
    rules.seen_with: lambda seen, own: frozenset([*seen, *own]),
    rules.virtualisable: lambda shared, seen: up_to(bound(shared, seen)),
    rules.default_length: lambda shared, preferred: only(default(shared, preferred)),
    rules.missing: lambda shared, own: shared.difference(own),
    rules.above: lambda own, counted: frozenset(vq for vq in own if vq > top(counted)),
    rules.below_floor: lambda floor, own: frozenset(vq for vq in floor if vq > top(own)),
    rules.lacking: lambda own, mandatory: frozenset(vq for vq in mandatory if vq < top(own) and vq not in own),
    rules.pseudo_register: lambda floor, own: floor & up_to(top(own)),
    rules.selected: lambda supported, limit: only(max((vq for vq in supported if vq in limit), default=0)),
    rules.guest_lengths: lambda shared, virtualisable: frozenset(vq for vq in shared if vq in virtualisable),
}
TERNARY: dict[Callable[[Any, Any, Any], Any], Callable[[VQS, VQS, VQS], VQS]] = {
    rules.unsupported: lambda shared, virtualisable, own: (own - shared) & virtualisable,
    rules.save_exceeds: lambda own, limit, buffer: frozenset(vq for vq in own if vq in limit and vq > top(buffer)),
    rules.save_denies: lambda shared, own, limit: frozenset(vq for vq in own if vq in shared and vq not in limit),
}
RULES: list[tuple[Callable[..., Any], int]] = [
    *((rule, 1) for rule in (*UNARY, rules.when)),
    *((rule, 2) for rule in BINARY),
    *((rule, 3) for rule in TERNARY),
]


def named(value: Any) -> str:
    return str(getattr(value, "__name__", value))


@pytest.mark.parametrize("rule", UNARY, ids=named)
def test_a_rule_of_one_set_is_right_for_all_65536(rule: Callable[[Any], Any]) -> None:
    reference = UNARY[rule]
    wrong = [vqs for vqs in range(ALL + 1) if rule(vqs) != packed(reference(members(vqs)))]
    assert wrong == []


SOME_VQS = (1, 2, 3, 4, 8, 16)
SOME_SETS = [packed(vq for vq, has in zip(SOME_VQS, bits, strict=True) if has) for bits in product((0, 1), repeat=6)]


@pytest.mark.parametrize("rule", BINARY, ids=named)
def test_a_rule_of_two_sets_is_right_for_every_pair_over_six_lengths(rule: Callable[[Any, Any], Any]) -> None:
    reference = BINARY[rule]
    sets = {vqs: members(vqs) for vqs in SOME_SETS}
    wrong = [(a, b) for a, b in product(sets, sets) if rule(a, b) != packed(reference(sets[a], sets[b]))]
    assert wrong == []


@pytest.mark.parametrize("rule", BINARY, ids=named)
@settings(deadline=None)
@given(a=any_set, b=any_set)
def test_a_rule_of_two_sets_is_right_for_any_two(rule: Callable[[Any, Any], Any], a: int, b: int) -> None:
    assert rule(a, b) == packed(BINARY[rule](members(a), members(b)))


@pytest.mark.parametrize("rule", TERNARY, ids=named)
def test_a_rule_of_three_sets_is_right_for_all_of_them_over_four_lengths(rule: Callable[[Any, Any, Any], Any]) -> None:
    reference = TERNARY[rule]
    sets = {vqs: members(vqs) for vqs in SOME_SETS if not vqs & ~packed([1, 2, 8, 16])}
    wrong = [
        (a, b, c)
        for a, b, c in product(sets, repeat=3)
        if rule(a, b, c) != packed(reference(sets[a], sets[b], sets[c]))
    ]
    assert wrong == []


@pytest.mark.parametrize("rule", TERNARY, ids=named)
@settings(deadline=None)
@given(a=any_set, b=any_set, c=any_set)
def test_a_rule_of_three_sets_is_right_for_any_three(
    rule: Callable[[Any, Any, Any], Any], a: int, b: int, c: int
) -> None:
    assert rule(a, b, c) == packed(TERNARY[rule](members(a), members(b), members(c)))


def test_a_mask_is_every_bit_where_a_set_has_members() -> None:
    assert rules.when(0) == 0
    assert {rules.when(vqs) & ALL for vqs in range(1, ALL + 1)} == {ALL}


# One source, two engines


@pytest.mark.parametrize("rule", [*UNARY, rules.when], ids=named)
def test_a_column_of_all_sets_agrees_with_whole_numbers(rule: Callable[[Any], Any]) -> None:
    array = rule(Column(np.arange(ALL + 1, dtype=np.uint16))).array
    assert array.dtype == np.uint16
    assert array.tolist() == [rule(vqs) & ALL for vqs in range(ALL + 1)]


@pytest.mark.parametrize(("rule", "sets"), RULES, ids=named)
@settings(deadline=None)
@given(data=st.data())
def test_columns_agree_with_whole_numbers(rule: Callable[..., Any], sets: int, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[any_set] * sets), min_size=1, max_size=20))
    array = rule(*map(Column, np.array(rows, dtype=np.uint16).T)).array
    assert array.dtype == np.uint16
    assert array.tolist() == [rule(*row) & ALL for row in rows]


@pytest.mark.parametrize("preferred", [0, 0b11, 0b1111, ALL])
def test_default_lengths_of_a_column_take_one_preference_for_all(preferred: int) -> None:
    every = Column(np.arange(ALL + 1, dtype=np.uint16))
    defaults = rules.default_length(every, constant(preferred)).array.tolist()
    assert defaults == [rules.default_length(vqs, preferred) for vqs in range(ALL + 1)]


def test_a_rule_leaves_its_columns_as_they_were() -> None:
    a, b, c = (np.arange(start, start + 64, dtype=np.uint16) for start in (0, 1000, 65_000))
    before = [a.copy(), b.copy(), c.copy()]
    for rule, sets in RULES:
        rule(*map(Column, (a, b, c)[:sets]))
    assert all((one == other).all() for one, other in zip((a, b, c), before, strict=True))


# Enumeration


def enumerated(system: list[int]) -> tuple[int, int]:
    """vq_map and vq_partial_map of CPUs counted in this order."""
    shared = seen = system[0]
    for own in system[1:]:
        shared, seen = rules.shared_with(shared, own), rules.seen_with(seen, own)
    return shared, seen


def virtualisable(system: list[int]) -> int:
    return rules.virtualisable(*enumerated(system))


@settings(deadline=None)
@given(st.data(), systems)
def test_enumeration_does_not_depend_on_the_order_of_early_cpus(data: st.DataObject, system: list[int]) -> None:
    assert enumerated(data.draw(st.permutations(system))) == enumerated(system)


@settings(deadline=None)
@given(systems, st.integers(0, 5))
def test_counting_a_cpu_again_changes_nothing(system: list[int], which: int) -> None:
    assert enumerated([*system, system[which % len(system)]]) == enumerated(system)


@settings(deadline=None)
@given(systems)
def test_enumeration_is_what_all_have_and_what_any_has(system: list[int]) -> None:
    sets = [members(one) for one in system]
    shared, seen = frozenset.intersection(*sets), frozenset[int]().union(*sets)
    assert enumerated(system) == (packed(shared), packed(seen))
    assert virtualisable(system) == packed(up_to(bound(shared, seen)))


@settings(deadline=None)
@given(systems, sve_set)
def test_one_more_cpu_never_gains_a_shared_length_nor_loses_a_seen_one(system: list[int], own: int) -> None:
    shared, seen = (members(one) for one in enumerated(system))
    shared_after, seen_after = (members(one) for one in enumerated([*system, own]))
    assert shared_after <= shared
    assert seen_after >= seen


@settings(deadline=None)
@given(systems, sve_set)
def test_one_more_cpu_never_raises_the_virtualisable_bound(system: list[int], own: int) -> None:
    assert top(members(virtualisable([*system, own]))) <= top(members(virtualisable(system)))


@settings(deadline=None)
@given(systems)
def test_the_virtualisable_bound_is_never_above_the_largest_shared_length(system: list[int]) -> None:
    shared, _ = enumerated(system)
    assert 1 <= top(members(virtualisable(system))) <= top(members(shared))


@settings(deadline=None)
@given(systems)
def test_all_cpus_agree_on_every_length_up_to_the_virtualisable_bound(system: list[int]) -> None:
    within = members(virtualisable(system))
    assert len({members(one) & within for one in system}) == 1


def test_the_virtualisable_bound_need_not_be_a_length_that_anybody_has() -> None:
    system = [packed([1, 2, 4, 7]), packed([1, 2, 4, 6, 7])]
    assert top(members(virtualisable(system))) == 5


@pytest.mark.parametrize(
    ("system", "largest_shared", "largest_virtualisable"),
    [
        ([A64FX, A64FX], 4, 4),
        ([A64FX, GRAVITON3], 2, 2),
        ([GRACE, A64FX], 1, 1),
        ([A64FX, 0b1111], 4, 2),
    ],
)
def test_guests_are_limited_only_where_cpus_differ_below_the_maximum(
    system: list[int], largest_shared: int, largest_virtualisable: int
) -> None:
    shared, _ = enumerated(system)
    assert top(members(shared)) == largest_shared
    assert top(members(virtualisable(system))) == largest_virtualisable


@settings(deadline=None)
@given(systems, systems)
def test_guests_see_only_lengths_that_each_cpu_has(system: list[int], more: list[int]) -> None:
    shared, _ = enumerated([*system, *more])
    offered = members(rules.guest_lengths(shared, virtualisable([*system, *more])))
    assert all(offered <= members(one) for one in [*system, *more])
    assert 1 in offered


# Verification of a late CPU


def refused(system: list[int], late: int) -> bool:
    shared, _ = enumerated(system)
    return bool(rules.missing(shared, late) | rules.unsupported(shared, virtualisable(system), late))


def refused_in_words(system: list[int], late: int) -> bool:
    """The same verdict with lengths in bytes, step by step."""
    sets = [members(one) for one in system]
    shared, seen = frozenset.intersection(*sets), frozenset[int]().union(*sets)
    if any(vq not in members(late) for vq in shared):
        return True
    extra = sorted(members(late) - shared)
    return bool(extra) and extra[0] * 16 <= bound(shared, seen) * 16


def test_a_late_cpu_is_refused_rightly_for_every_two_early_cpus_over_five_lengths() -> None:
    sets = [one for one in SOME_SETS if one & 1]
    wrong = [
        (a, b, late)
        for a, b, late in product(sets, sets, sets)
        if refused([a, b], late) != refused_in_words([a, b], late)
    ]
    assert wrong == []


@settings(deadline=None)
@given(systems, sve_set)
def test_a_late_cpu_is_refused_rightly(system: list[int], late: int) -> None:
    assert refused(system, late) == refused_in_words(system, late)


@settings(deadline=None)
@given(systems, sve_set)
def test_an_accepted_late_cpu_would_change_nothing_that_guests_see(system: list[int], late: int) -> None:
    if refused(system, late):
        return
    shared, _ = enumerated(system)
    after, _ = enumerated([*system, late])
    assert after == shared
    assert virtualisable([*system, late]) == virtualisable(system)


@settings(deadline=None)
@given(systems)
def test_a_late_cpu_with_just_the_shared_lengths_is_accepted(system: list[int]) -> None:
    shared, _ = enumerated(system)
    assert not refused(system, shared)


def test_extra_lengths_count_only_up_to_the_virtualisable_bound() -> None:
    assert rules.unsupported(A64FX, virtualisable([A64FX]), 0b1111) == packed([3])
    assert rules.unsupported(GRAVITON3, virtualisable([GRAVITON3]), A64FX) == 0
    assert rules.missing(A64FX, GRAVITON3) == packed([4])


@settings(deadline=None)
@given(systems, any_set)
def test_a_late_cpu_is_above_the_maximum_where_its_largest_length_is(system: list[int], late: int) -> None:
    _, seen = enumerated(system)
    assert bool(rules.above(late, seen)) == (top(members(late)) > max(top(members(one)) for one in system))


@settings(deadline=None)
@given(systems, any_set)
def test_a_late_cpu_is_below_the_floor_where_every_early_cpu_reaches_further(system: list[int], late: int) -> None:
    floor = rules.smear(system[0])
    for own in system[1:]:
        floor = rules.pseudo_register(floor, own)
    assert bool(rules.below_floor(floor, late)) == (top(members(late)) < min(top(members(one)) for one in system))


def test_the_old_floor_refuses_a_harmless_cpu() -> None:
    system = [packed([1, 2, 3]), A64FX]
    floor = rules.pseudo_register(rules.smear(system[0]), system[1])
    assert rules.below_floor(floor, GRAVITON3)
    assert not refused(system, GRAVITON3)


# The verdict on a late CPU


FINDINGS = [LateFindings(*found) for found in product((0, 0b100), repeat=5)]
"""Each combination of passed and failed checks."""
MASKS = (0, ALL)


def is_refused(findings: LateFindings[int], *, refuses: bool) -> bool:
    """The verdict in words: any check but the maximum refuses the CPU; the maximum does under some designs."""
    lacks, below, above, missing, unsupported = map(bool, findings)
    return lacks or below or missing or unsupported or (above and refuses)


@settings(deadline=None)
@given(own=any_set, shared=any_set, counted=any_set, virtualisable=any_set, floor=any_set)
def test_findings_are_the_checks_in_the_kernels_order(
    own: int, shared: int, counted: int, virtualisable: int, floor: int
) -> None:
    assert rules.late_findings(own, shared, counted, virtualisable, floor) == (
        not own,
        rules.below_floor(floor, own),
        rules.above(own, counted),
        rules.missing(shared, own),
        rules.unsupported(shared, virtualisable, own),
    )


def test_findings_of_a_cpu_without_the_extension_say_so() -> None:
    assert rules.late_findings(0, 0b11, 0b11, 0b11, 0b11).lacks_extension == 1
    assert rules.late_findings(1, 0b11, 0b11, 0b11, 0b11).lacks_extension == 0


@pytest.mark.parametrize("refuses", MASKS)
@pytest.mark.parametrize("announces", MASKS)
def test_a_verdict_follows_from_the_findings(announces: int, refuses: int) -> None:
    for findings in FINDINGS:
        lacks, below, above, missing, unsupported = map(bool, findings)
        is_announced = above and not lacks and not below and bool(announces)
        verdict = rules.late_verdict(findings, announces, refuses)
        assert verdict.announced & ALL == ALL * is_announced
        assert verdict.refused & ALL == ALL * is_refused(findings, refuses=is_announced and bool(refuses))
        assert verdict.passes_required & ALL == ALL * (not (lacks or missing or unsupported))


def test_a_refusal_is_needless_where_the_cpu_passes_and_its_save_does_no_harm() -> None:
    for refused, passes, exceeds, loses in product(MASKS, MASKS, (0, 0b100), (0, 0b100)):
        verdict = rules.LateVerdict(refused, 0, passes)
        needless = refused and passes and not exceeds and not loses
        assert rules.refused_needlessly(verdict, exceeds, loses) & ALL == (ALL if needless else 0)


def test_the_reason_is_the_first_check_that_refuses() -> None:
    order = (Reason.LACKS_EXTENSION, Reason.PSEUDO_REGISTER, Reason.ABOVE_MAXIMUM, Reason.MISSING, Reason.UNSUPPORTED)
    for findings, refuses in product(FINDINGS, MASKS):
        failed = [reason for reason, found in zip(order, findings, strict=True) if found]
        refusing = [reason for reason in failed if reason is not Reason.ABOVE_MAXIMUM or refuses]
        assert rules.first_reason(findings, refuses) == (refusing[0] if refusing else None)
        assert bool(refusing) == is_refused(findings, refuses=bool(refuses))


# Selection


@settings(deadline=None)
@given(sve_set, st.lists(st.integers(0, 15), min_size=1, max_size=3))
def test_selection_is_the_largest_length_that_no_len_forbids(supported: int, lens: list[int]) -> None:
    limit = ALL
    for value in lens:
        limit &= packed(up_to(value + 1))
    (chosen,) = members(rules.selected(supported, limit))
    assert chosen in members(supported)
    assert chosen - 1 <= min(lens)
    assert not [vq for vq in members(supported) if chosen < vq <= min(lens) + 1]


def test_one_too_many_matters_only_where_a_cpu_has_the_next_length() -> None:
    assert rules.selected(GRAVITON3, rules.limit_one_too_many(GRACE)) == packed([2])
    assert rules.selected(A64FX, rules.limit_one_too_many(GRAVITON3)) == packed([2])


def test_one_too_many_at_2048_bits_leaves_a_symmetric_system_128() -> None:
    assert rules.selected(packed([1, 2, 4, 8, 16]), rules.limit_one_too_many(packed([1, 2, 4, 8, 16]))) == packed([1])


# The save's bytes


def touched(running_vl: int) -> set[int]:
    """Every byte that a save writes at a VL in bytes, from the FFR pointer."""
    z = {(n - 34) * running_vl + byte for n in range(32) for byte in range(running_vl)}
    p = {(n - 16) * running_vl // 8 + byte for n in range(16) for byte in range(running_vl // 8)}
    return z | p | set(range(running_vl // 8))


@pytest.mark.parametrize("running_vq", range(1, 17))
def test_a_save_touches_one_stretch_of_bytes(running_vq: int) -> None:
    from_pointer = touched(16 * running_vq)
    assert len(from_pointer) == rules.REGISTER_BYTES_PER_VQ * running_vq
    for pointer_vq in range(1, 17):
        ffr = (32 * 16 + 16 * 2) * pointer_vq
        first, last = rules.save_first_byte(pointer_vq, running_vq), rules.save_last_byte(pointer_vq, running_vq)
        assert {ffr + byte for byte in from_pointer} == set(range(first, last + 1))


@pytest.mark.parametrize(("vq", "total"), [(1, 562), (2, 1108), (4, 2200), (8, 4384), (16, 8752)], ids="vq={}".format)
def test_a_buffer_holds_the_header_and_a_save_at_its_own_length(vq: int, total: int) -> None:
    assert rules.buffer_bytes(vq) == total
    assert rules.save_first_byte(vq, vq) == 0
    assert rules.HEADER_BYTES + rules.save_last_byte(vq, vq) + 1 == total


def test_a_wider_cpu_underruns_by_34_and_overruns_by_an_eighth() -> None:
    for pointer_vq, running_vq in product(range(1, 17), repeat=2):
        wider_bytes = 16 * (running_vq - pointer_vq)
        nominal_end = rules.REGISTER_BYTES_PER_VQ * pointer_vq
        assert rules.save_first_byte(pointer_vq, running_vq) == -34 * wider_bytes
        assert rules.save_last_byte(pointer_vq, running_vq) + 1 - nominal_end == wider_bytes // 8


def test_the_save_formulas_take_columns() -> None:
    pointer, running = (grid.ravel() for grid in np.meshgrid(np.arange(1, 17), np.arange(1, 17)))
    pairs = list(zip(pointer.tolist(), running.tolist(), strict=True))
    for formula in (rules.save_first_byte, rules.save_last_byte):
        of_columns: Any = formula
        assert of_columns(pointer, running).tolist() == [formula(*pair) for pair in pairs]
