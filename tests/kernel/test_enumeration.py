"""The kernel's record of vector lengths, from the boot CPU to the verdict on a late CPU."""

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.fpsimd import VlInfo
from sim.rules import LateFindings
from sim.vectors import VectorType, bits_from_vqs, vqs_from_bits

SVE, SME = VectorType.SVE, VectorType.SME
A64FX, GRAVITON3, GRACE = (128, 256, 512), (128, 256), (128,)
POWERS = (128, 256, 512, 1024, 2048)
Lengths = tuple[int, ...]

sme_sets = st.sets(st.sampled_from(POWERS), min_size=1).map(lambda bits: tuple(sorted(bits)))


@st.composite
def sve_sets(draw: st.DrawFn) -> Lengths:
    """A set that the architecture allows: the powers of two below its largest, and others at will."""
    largest = draw(st.sampled_from(range(128, 2049, 128)))
    others = draw(st.sets(st.sampled_from(range(128, largest + 1, 128))))
    return tuple(sorted({*others, largest, *(power for power in POWERS if power < largest)}))


def counted(vector_type: VectorType, *cpus: Lengths) -> VlInfo:
    """The record after the boot CPU and early secondaries, not yet final."""
    info = VlInfo(vector_type)
    boot, *secondaries = map(vqs_from_bits, cpus)
    info.vec_init_vq_map(boot)
    for own in secondaries:
        info.vec_update_vq_map(own)
    return info


def final(vector_type: VectorType, *cpus: Lengths) -> VlInfo:
    info = counted(vector_type, *cpus)
    info.setup()
    return info


def verdict(info: VlInfo, late: Lengths) -> LateFindings[int]:
    return info.vec_verify_vq_map(vqs_from_bits(late), hyp_available=True, has_pseudo_register=True)


def limits(info: VlInfo) -> tuple[int, int, int, int]:
    """Minimum, maximum, virtualisable and default, in bytes."""
    return info.min_vl_bytes, info.max_vl_bytes, info.max_virtualisable_vl_bytes, info.default_vl_bytes


def test_before_any_cpu_is_counted_sve_is_128_bits_and_sme_is_nothing() -> None:
    assert limits(VlInfo(SVE))[:3] == (16, 16, 16)
    assert limits(VlInfo(SME)) == (0, 0, 0, 0)
    assert VlInfo(SVE).max_cpu_vl_bytes == 0


def test_the_boot_cpu_alone_is_the_system() -> None:
    info = counted(SVE, A64FX)
    assert info.vq_map_bits == info.vq_partial_map_bits == A64FX
    assert info.max_cpu_vl_bytes == 64


def test_limits_wait_for_the_end_of_the_early_bring_up() -> None:
    assert limits(counted(SVE, A64FX, A64FX))[:3] == (16, 16, 16)


@pytest.mark.parametrize(
    ("cpus", "expected", "max_cpu_vl"),
    [
        ([GRACE], (16, 16, 16, 16), 16),
        ([GRAVITON3, GRAVITON3], (16, 32, 32, 32), 32),
        ([A64FX, A64FX], (16, 64, 64, 64), 64),
        ([A64FX, GRAVITON3], (16, 32, 32, 32), 64),
        ([GRACE, A64FX], (16, 16, 16, 16), 64),
        ([POWERS, POWERS], (16, 256, 256, 64), 256),
        ([A64FX, (128, 256, 384, 512)], (16, 64, 32, 64), 64),
        ([(128, 256, 384), (128, 256, 384)], (16, 48, 48, 48), 48),
        ([(128, 256, 512, 768), (128, 256, 512, 640, 768)], (16, 96, 64, 64), 96),
    ],
)
def test_sve_limits_follow_from_what_cpus_share(
    cpus: list[Lengths], expected: tuple[int, int, int, int], max_cpu_vl: int
) -> None:
    info = final(SVE, *cpus)
    assert limits(info) == expected
    assert info.max_cpu_vl_bytes == max_cpu_vl


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        ([POWERS], (16, 256, 0, 32)),
        ([(128, 256), (128, 512)], (16, 16, 0, 16)),
        ([(512, 1024), (512, 1024, 2048)], (64, 128, 0, 64)),
        ([(256, 2048)], (32, 256, 0, 32)),
        ([(128,), (256,)], (0, 0, 0, 0)),
        ([(128, 512), (512, 1024), (1024, 2048)], (0, 0, 0, 0)),
    ],
)
def test_sme_limits_need_no_128_and_may_be_nothing(cpus: list[Lengths], expected: tuple[int, int, int, int]) -> None:
    assert limits(final(SME, *cpus)) == expected


def test_sme_never_sets_a_virtualisable_length_so_extra_lengths_pass() -> None:
    info = final(SME, (128, 512), (128, 512))
    assert verdict(info, (128, 256, 512)).unsupported == 0
    assert bits_from_vqs(verdict(info, (128, 256)).missing) == (512,)


def test_a_late_cpu_lacks_nothing_where_sme_sets_share_nothing() -> None:
    found = verdict(final(SME, (128,), (256,)), (2048,))
    assert (found.missing, found.unsupported) == (0, 0)
    assert bits_from_vqs(found.above_maximum) == (2048,)


def test_a_late_cpu_like_the_others_is_beyond_reproach() -> None:
    assert verdict(final(SVE, A64FX, A64FX), A64FX) == LateFindings(0, 0, 0, 0, 0)


def test_a_late_cpu_is_told_each_length_it_lacks_or_has_too_many() -> None:
    info = final(SVE, A64FX, A64FX)
    assert bits_from_vqs(verdict(info, GRACE).missing) == (256, 512)
    assert bits_from_vqs(verdict(info, (128, 256, 384, 512)).unsupported) == (384,)


def test_extra_lengths_above_the_virtualisable_bound_are_accepted() -> None:
    found = verdict(final(SVE, GRAVITON3, GRAVITON3), A64FX)
    assert (found.missing, found.unsupported) == (0, 0)
    assert bits_from_vqs(found.above_maximum) == (512,)


def test_a_length_above_the_shared_maximum_is_not_above_what_an_early_cpu_has() -> None:
    info = final(SVE, GRAVITON3, POWERS)
    assert info.max_vl_bytes == 32
    assert verdict(info, A64FX).above_maximum == 0


def test_the_old_floor_can_exceed_the_maximum() -> None:
    info = final(SVE, (128, 256, 384), A64FX)
    found = verdict(info, GRAVITON3)
    assert found.below_floor
    assert (found.missing, found.unsupported) == (0, 0)
    assert info.max_vl_bytes == 32


def test_judging_a_late_cpu_leaves_the_record_alone() -> None:
    info = final(SVE, A64FX, GRAVITON3)
    verdict(info, POWERS)
    assert info == final(SVE, A64FX, GRAVITON3)


@pytest.mark.parametrize("vector_type", VectorType)
def test_every_order_of_three_different_cpus_leaves_one_record(vector_type: VectorType) -> None:
    cpus = [(128, 256, 512), (128, 256, 384), (128,)]
    assert len({repr(final(vector_type, *order)) for order in permutations(cpus)}) == 1


@settings(deadline=None)
@given(st.data(), st.lists(sve_sets(), min_size=1, max_size=8))
def test_the_sve_record_does_not_depend_on_the_order_of_cpus(data: st.DataObject, cpus: list[Lengths]) -> None:
    assert final(SVE, *data.draw(st.permutations(cpus))) == final(SVE, *cpus)


@settings(deadline=None)
@given(st.data(), st.lists(sme_sets, min_size=1, max_size=8))
def test_the_sme_record_does_not_depend_on_the_order_of_cpus(data: st.DataObject, cpus: list[Lengths]) -> None:
    assert final(SME, *data.draw(st.permutations(cpus))) == final(SME, *cpus)


@settings(deadline=None)
@given(st.lists(sve_sets(), min_size=1, max_size=8))
def test_counting_every_cpu_twice_changes_nothing(cpus: list[Lengths]) -> None:
    assert final(SVE, *cpus, *cpus) == final(SVE, *cpus)


def largest(lengths: set[int], at_most: int = 2048) -> int:
    return max((bits for bits in lengths if bits <= at_most), default=0)


@settings(deadline=None)
@given(st.lists(sve_sets(), min_size=1, max_size=8), sve_sets())
def test_the_sve_record_and_verdict_are_those_of_plain_sets(cpus: list[Lengths], late: Lengths) -> None:
    info = final(SVE, *cpus)
    shared, seen = set.intersection(*map(set, cpus)), set[int]().union(*cpus)
    differing = seen - shared
    bound = min([largest(shared), *(bits - 128 for bits in differing)])
    assert (info.vq_map_bits, info.vq_partial_map_bits) == (tuple(sorted(shared)), tuple(sorted(seen)))
    assert limits(info) == (16, largest(shared) // 8, bound // 8, largest(shared, at_most=512) // 8)
    assert info.max_cpu_vl_bytes == largest(seen) // 8

    found = verdict(info, late)
    assert set(bits_from_vqs(found.missing)) == shared - set(late)
    assert bool(found.unsupported) == any(bits <= bound for bits in set(late) - shared)
    assert bool(found.above_maximum) == (largest(set(late)) > largest(seen))
    assert bool(found.below_floor) == (largest(set(late)) < min(largest(set(one)) for one in cpus))


@settings(deadline=None)
@given(st.lists(sme_sets, min_size=1, max_size=8), sme_sets)
def test_the_sme_record_and_verdict_are_those_of_plain_sets(cpus: list[Lengths], late: Lengths) -> None:
    info = final(SME, *cpus)
    shared = set.intersection(*map(set, cpus))
    default = largest(shared, at_most=256) or min(shared, default=0)
    assert limits(info) == (min(shared, default=0) // 8, largest(shared) // 8, 0, default // 8)
    found = verdict(info, late)
    assert set(bits_from_vqs(found.missing)) == shared - set(late)
    assert found.unsupported == 0


def test_every_pair_of_power_of_two_sets_is_virtualisable_to_the_full() -> None:
    chains = [POWERS[:count] for count in range(1, 6)]
    for one, other in product(chains, chains):
        info = final(SVE, one, other)
        assert info.max_virtualisable_vl_bytes == info.max_vl_bytes == min(max(one), max(other)) // 8
