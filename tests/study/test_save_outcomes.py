"""The outcomes of saves are those of the engine, at every pair of lengths and at every place."""

from itertools import product

import pytest

from sim.designs import Pointer
from sim.kernel.save_area import BufferSize, Save, SaveArea, StoreFault
from sim.machine.registers import VectorUnit
from sim.rules import ARCHITECTURE_VQS
from sim.scenario import MemoryLayout
from sim.study.save_outcomes import (
    REACH,
    BufferPlace,
    SaveCase,
    SaveOutcomes,
    save_outcomes_at,
    save_signature,
)
from sim.study.verdict_bits import DENIED, HEADER, NOT_RESTORED, OUTSIDE, PANIC, SILENT
from tests.study.columns import ints, random_columns
from tests.systems import cpu_of

ALL = 0xFFFF
VQS = range(1, 17)
MANY = 2 * REACH + 4


def saved(place: BufferPlace, pointer: Pointer, allocation_vq: int, running_vq: int) -> Save:
    """A save and restore of the engine, by a CPU that has 128 bits and one length more, which all may use."""
    vqs = 1 | 1 << (running_vq - 1)
    area = SaveArea(
        place.cpus,
        BufferSize.of(allocation_vq, 4096),
        place.memory,
        allocation_vqs=1 << (allocation_vq - 1),
        limit_vqs=ARCHITECTURE_VQS,
        ffr_pointer=pointer,
        vq_map=vqs,
    )
    unit = VectorUnit(cpu_of("cpu", vqs))
    try:
        area.save(place.cpu, unit, time_ns=0, event=0)
        area.restore(place.cpu, unit)
    except StoreFault:
        pass
    return area.saves[0]


@pytest.mark.parametrize("pointer", Pointer)
@pytest.mark.parametrize("memory", MemoryLayout)
def test_the_word_of_a_save_is_the_outcome_of_the_engine(memory: MemoryLayout, pointer: Pointer) -> None:
    for cpu in (0, 1, REACH, MANY // 2, MANY - 1):
        place = BufferPlace(cpu, MANY, memory)
        outcomes = save_outcomes_at(BufferPlace.of(cpu, MANY, memory), pointer, ALL, ALL)
        for allocation_vq, running_vq in product(VQS, VQS):
            save = saved(place, pointer, allocation_vq, running_vq)
            expected = {
                PANIC: save.panicked,
                OUTSIDE: bool(save.outside),
                HEADER: not save.header_intact,
                NOT_RESTORED: not save.panicked and not save.at_save_vq_restored,
                SILENT: running_vq > allocation_vq,
                DENIED: False,
            }
            own, allocation = 1 | 1 << (running_vq - 1), 1 << (allocation_vq - 1)
            word = outcomes.word(own, ARCHITECTURE_VQS, allocation, own)
            assert {bit: bool(word & bit) for bit in expected} == expected, (cpu, allocation_vq, running_vq)


@pytest.mark.parametrize(
    ("pointer", "vqs", "outcomes"),
    [
        (Pointer.BUFFER, ALL, SaveOutcomes(SILENT | PANIC, 0, 0, ())),
        (Pointer.RDVL, 0x808B, SaveOutcomes(SILENT, OUTSIDE, 0x8080, ())),
        (
            Pointer.RDVL,
            ALL,
            SaveOutcomes(SILENT, 0, 0, (SaveCase(OUTSIDE, 0x7F, 0xFF80), SaveCase(OUTSIDE, 0x3F80, 0xC000))),
        ),
    ],
)
def test_few_hazards_need_cases(pointer: Pointer, vqs: int, outcomes: SaveOutcomes) -> None:
    """Cases take longest: a hazard has them only if no mask for all saves, or for some lengths, gives the same bits."""
    assert save_outcomes_at(BufferPlace.of(0, MANY, MemoryLayout.ADJACENT), pointer, vqs, vqs) == outcomes


def test_a_hazard_at_some_lengths_comes_with_a_save_that_exceeds_and_runs_with_one_of_them() -> None:
    outcomes = SaveOutcomes(SILENT, OUTSIDE, 0b1000, (SaveCase(HEADER, 0b10, 0b1000),))
    assert outcomes.word(0b1011, ALL, 0b10, 1) == SILENT | OUTSIDE | HEADER
    assert outcomes.word(0b1011, ALL, 0b1, 1) == SILENT | OUTSIDE
    assert outcomes.word(0b0111, ALL, 0b10, 1) == SILENT
    assert outcomes.word(0b1011, ALL, 0b1000, 1) == 0
    assert outcomes.word(0b1011, 0b111, 0b10, 1) == 0


@pytest.mark.parametrize("case", [SaveCase(PANIC, 1, 2), SaveCase(OUTSIDE, 1, 2)])
def test_a_place_where_some_save_panics_is_known(case: SaveCase) -> None:
    assert SaveOutcomes(SILENT, 0, 0, (SaveCase(HEADER, 1, 2), case)).may_panic == (case.bit == PANIC)
    assert SaveOutcomes(SILENT | PANIC, 0, 0, ()).may_panic
    assert SaveOutcomes(SILENT, PANIC, 1, ()).may_panic


def test_a_buffer_out_of_reach_changes_nothing() -> None:
    for memory, pointer in product(MemoryLayout, Pointer):
        middle = save_signature(BufferPlace.of(REACH, 2 * REACH + 1, memory), pointer, ALL)
        assert save_signature(BufferPlace(REACH + 1, 2 * REACH + 3, memory), pointer, ALL) == middle


def test_signatures_differ_where_a_neighbour_is_missing() -> None:
    signatures = [
        save_signature(BufferPlace.of(cpu, MANY, MemoryLayout.ADJACENT), Pointer.BUFFER, ALL) for cpu in range(MANY)
    ]
    assert signatures[0] != signatures[MANY // 2]
    first, middle = (BufferPlace.of(cpu, MANY, MemoryLayout.ADJACENT) for cpu in (0, MANY // 2))
    for vqs in (0b11, 0xC000):  # the smallest buffer exceeded, and the largest but one
        assert save_signature(first, Pointer.BUFFER, vqs) != save_signature(middle, Pointer.BUFFER, vqs)
    small = save_signature(BufferPlace.of(0, MANY, MemoryLayout.ADJACENT), Pointer.BUFFER, 0b1)
    assert small == save_signature(BufferPlace.of(MANY // 2, MANY, MemoryLayout.ADJACENT), Pointer.BUFFER, 0b1)


def test_without_a_buffer_nothing_is_saved() -> None:
    assert SaveOutcomes(ALL, ALL, ALL, (SaveCase(HEADER, ALL, ALL),)).word(ALL, ALL, 0, ALL) == 0


def test_a_length_that_is_cut_off_is_denied_and_not_restored() -> None:
    word = SaveOutcomes(SILENT, 0, 0, ()).word(0x808B, 0b1, 0x8000, 0x808B)
    assert word == NOT_RESTORED | DENIED
    assert SaveOutcomes(SILENT, 0, 0, ()).word(0x808B, 0b1, 0x8000, 0b1) == 0
    assert SaveOutcomes(SILENT, 0, 0, ()).word(0b1, 0b1, 0x8000, 0x808B) == 0


@pytest.mark.parametrize(
    "outcomes",
    [
        SaveOutcomes(SILENT | HEADER, 0, 0, ()),
        SaveOutcomes(SILENT, OUTSIDE | PANIC, 0xFF00, ()),
        SaveOutcomes(SILENT, 0, 0, (SaveCase(PANIC, 0b1, 0x8000), SaveCase(NOT_RESTORED, 0b1111, 0xFFF0))),
        SaveOutcomes(SILENT, OUTSIDE, 0xF0F0, (SaveCase(HEADER, 0x00FF, 0xFF00),)),
    ],
)
def test_the_word_of_a_save_is_the_same_on_ints_as_on_columns(outcomes: SaveOutcomes) -> None:
    columns = random_columns(4, 3000)
    rows = zip(*map(ints, columns), strict=True)
    assert ints(outcomes.word(*columns)) == [outcomes.word(*row) & ALL for row in rows]
