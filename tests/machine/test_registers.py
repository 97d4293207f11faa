"""Tests of the length that ZCR_EL1, ZCR_EL2 and ZCR_EL3 select, and of the patterns that registers hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.machine.registers import BYTES_PER_VQ, VectorState, VectorUnit, register_at
from sim.rules import REGISTER_BYTES_PER_VQ
from sim.topology import cpu
from sim.vectors import bits_from_vqs
from tests.systems import cpu_of

A64FX = [128, 256, 512]
ALL_POWERS = [128, 256, 512, 1024, 2048]


def unit(bits: list[int] | None, el3_len: int = 15) -> VectorUnit:
    return VectorUnit(cpu("a", bits, zcr_el3_len=el3_len))


def written(bits: list[int], *, el1: int = 15, el2: int = 15, el3: int = 15) -> VectorUnit:
    one = unit(bits, el3)
    one.write_zcr_el1(el1)
    one.write_zcr_el2(el2)
    return one


def test_registers_hold_patterns_that_name_them() -> None:
    *vectors, ffr = VectorState.of_host(2, 5).registers()
    tag = b"\x06" + bytes(7)
    assert vectors[:32] == [(bytes([0x40 + n]) * 8 + tag) * 2 for n in range(32)]
    assert vectors[32:] == [bytes([0x80 + n]) * 4 for n in range(16)]
    assert ffr == b"\xff" * 4


def test_a_fresh_cpu_runs_with_all_it_has() -> None:
    assert (unit(A64FX).vq_at_el1(), unit(A64FX).vq_at_el2()) == (4, 4)


def test_a_cpu_without_sve_has_no_length() -> None:
    assert (unit(None).vq_at_el1(), unit(None).vq_at_el2()) == (0, 0)
    assert unit(None).vqs_at_el1_below(15) == 0


@pytest.mark.parametrize(
    ("el1", "el2", "el3", "at_el1", "at_el2"),
    [
        (15, 15, 15, 4, 4),
        (1, 15, 15, 2, 4),
        (15, 1, 15, 2, 2),
        (15, 15, 1, 2, 2),
        (0, 3, 15, 1, 4),
        (3, 2, 15, 2, 2),
        (15, 0, 3, 1, 1),
    ],
)
def test_the_smallest_len_decides_and_el2_is_deaf_to_zcr_el1(
    el1: int, el2: int, el3: int, at_el1: int, at_el2: int
) -> None:
    one = written(A64FX, el1=el1, el2=el2, el3=el3)
    assert (one.vq_at_el1(), one.vq_at_el2()) == (at_el1, at_el2)


def test_writing_16_wraps_to_128_bits() -> None:
    assert written(ALL_POWERS, el2=16).vq_at_el2() == 1
    assert written(ALL_POWERS, el1=16).vq_at_el1() == 1
    assert written(ALL_POWERS, el2=15).vq_at_el2() == 16


def test_a_len_between_two_lengths_selects_the_lower() -> None:
    assert written(A64FX, el2=2).vq_at_el2() == 2


def test_what_is_written_to_el2_can_be_taken_back() -> None:
    one = written(A64FX, el2=0)
    one.write_zcr_el2(15)
    assert one.vq_at_el1() == 4


def test_el1_can_select_among_what_el2_and_firmware_leave() -> None:
    assert bits_from_vqs(unit(ALL_POWERS, el3_len=7).vqs_at_el1_below(3)) == (128, 256, 512)
    assert bits_from_vqs(unit(ALL_POWERS, el3_len=1).vqs_at_el1_below(15)) == (128, 256)


@settings(deadline=None)
@given(
    st.sets(st.integers(2, 16)),
    st.integers(0, 15),
    st.integers(0, 1 << 64),
    st.integers(0, 1 << 64),
    st.integers(0, 15),
)
def test_selection_agrees_with_a_search_through_the_lengths(
    lengths: set[int], el3: int, el1: int, el2: int, asked: int
) -> None:
    supported = {1, *lengths}
    one = VectorUnit(cpu_of("a", sum(1 << (vq - 1) for vq in supported), zcr_el3_len=el3))
    one.write_zcr_el1(el1)
    one.write_zcr_el2(el2)
    assert one.vq_at_el2() == max(vq for vq in supported if vq - 1 <= min(el2 % 16, el3))
    assert one.vq_at_el1() == max(vq for vq in supported if vq - 1 <= min(el1 % 16, el2 % 16, el3))
    left = {bits // 128 for bits in bits_from_vqs(one.vqs_at_el1_below(asked))}
    assert left == {vq for vq in supported if vq - 1 <= min(asked, el3)}


# Patterns


@pytest.mark.parametrize("vq", range(1, 17))
def test_registers_fill_what_a_save_writes(vq: int) -> None:
    registers = list(VectorState.of_host(vq, 0).registers())
    assert [len(one) for one in registers] == [16 * vq] * 32 + [2 * vq] * 17
    assert sum(map(len, registers)) == REGISTER_BYTES_PER_VQ * vq


@pytest.mark.parametrize("vq", [1, 4])
def test_no_two_registers_hold_the_same(vq: int) -> None:
    assert len(set(VectorState.of_host(vq, 3).registers())) == 32 + 16 + 1


def test_z_registers_tell_cpus_apart_in_every_quadword() -> None:
    one, other = VectorState.of_host(4, 1), VectorState.of_host(4, 2)
    for at in range(0, 32 * 64, 16):
        assert one.image[at : at + 16] != other.image[at : at + 16]
    assert not one.same_up_to(other, 1)


@pytest.mark.parametrize("vq", [1, 3, 16])
def test_each_byte_belongs_to_the_register_it_lies_in(vq: int) -> None:
    places = [place for place, one in enumerate(VectorState.of_host(vq, 0).registers()) for _ in one]
    assert [register_at(byte, vq) for byte in range(len(places))] == places
    with pytest.raises(IndexError):
        register_at(len(places), vq)


@given(st.integers(1, 16), st.integers(1, 16))
def test_another_length_keeps_the_low_end_of_every_register(vq: int, other_vq: int) -> None:
    state = VectorState.of_host(vq, 2)
    for one, other in zip(state.registers(), state.at(other_vq).registers(), strict=True):
        both = min(len(one), len(other))
        assert other == one[:both] + b"\0" * (len(other) - both)


@settings(deadline=None)
@given(st.integers(0, 65_535), st.integers(1, 16), st.integers(1, 16))
def test_one_cpus_pattern_is_the_same_at_every_length_they_both_have(number: int, vq: int, other_vq: int) -> None:
    one, other = VectorState.of_host(vq, number), VectorState.of_host(other_vq, number)
    both = min(vq, other_vq)
    assert one.same_up_to(other, both)
    assert one.same_up_to(other, both + 1) == (vq == other_vq)


@settings(deadline=None)
@given(st.data(), st.integers(1, 16))
def test_a_changed_byte_shows_from_its_own_quadword_on(data: st.DataObject, vq: int) -> None:
    state = VectorState.of_host(vq, 5)
    byte = data.draw(st.integers(0, len(state.image) - 1))
    place = register_at(byte, vq)
    bytes_per_vq, at = BYTES_PER_VQ[place], byte - sum(BYTES_PER_VQ[:place]) * vq
    changed = replace(state, image=state.image[:byte] + bytes([state.image[byte] ^ 0xFF]) + state.image[byte + 1 :])
    for up_to in range(1, vq + 1):
        assert state.same_up_to(changed, up_to) == (at >= bytes_per_vq * up_to)


def test_a_changed_status_or_control_register_shows_at_every_length() -> None:
    state = VectorState.of_host(2, 0)
    assert not state.same_up_to(replace(state, fpsr=1), 1)
    assert not state.same_up_to(replace(state, fpcr=1), 1)
