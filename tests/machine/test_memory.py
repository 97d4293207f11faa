"""Memory around pKVM's buffers: whose bytes, what is unmapped, and what a store leaves behind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.machine.memory import El2Memory, Extent, UnmappedAccess, merged
from sim.scenario import MemoryLayout

ADJACENT, ISOLATED, MAPPED = MemoryLayout.ADJACENT, MemoryLayout.ISOLATED, MemoryLayout.MAPPED
RUN = 4096
MARGIN = 128 * 1024


def el2_memory(memory: MemoryLayout, cpus: int = 3) -> El2Memory:
    return El2Memory(cpus, RUN, memory)


def is_mapped(place: El2Memory, address: int) -> bool:
    try:
        place.load(address, 1)
    except UnmappedAccess:
        return False
    return True


def stored(place: El2Memory, address: int, data: bytes) -> list[Extent]:
    touched: list[Extent] = []
    place.store(address, data, touched)
    return touched


def cut_short(place: El2Memory, address: int, data: bytes) -> list[Extent]:
    """Store data that meets unmapped memory, and return the extents that were written before it."""
    touched: list[Extent] = []
    with pytest.raises(UnmappedAccess):
        place.store(address, data, touched)
    return touched


# What is mapped


@pytest.mark.parametrize("memory", MemoryLayout)
@pytest.mark.parametrize("cpu", range(3))
def test_every_run_is_mapped_from_its_first_byte_to_its_last(memory: MemoryLayout, cpu: int) -> None:
    place = el2_memory(memory)
    assert place.load(place.run_start(cpu), RUN) == bytes(RUN)


def test_adjacent_runs_follow_one_another_in_ascending_cpu_number() -> None:
    place = el2_memory(ADJACENT)
    assert [place.run_start(cpu) - place.run_start(0) for cpu in range(3)] == [0, RUN, 2 * RUN]


def test_nothing_lies_below_the_first_adjacent_run_nor_above_the_last() -> None:
    place = el2_memory(ADJACENT)
    assert not is_mapped(place, place.run_start(0) - 1)
    assert not is_mapped(place, place.run_start(2) + RUN)


@pytest.mark.parametrize("cpu", range(3))
def test_an_isolated_run_stands_alone(cpu: int) -> None:
    place = el2_memory(ISOLATED)
    start = place.run_start(cpu)
    assert [is_mapped(place, start + offset) for offset in (-1, 0, RUN - 1, RUN)] == [False, True, True, False]


@pytest.mark.parametrize("cpu", range(3))
def test_exactly_128_kib_are_mapped_on_either_side(cpu: int) -> None:
    place = el2_memory(MAPPED)
    start = place.run_start(cpu)
    edges = (-MARGIN - 1, -MARGIN, RUN + MARGIN - 1, RUN + MARGIN)
    assert [is_mapped(place, start + offset) for offset in edges] == [False, True, True, False]
    assert place.load(start - MARGIN, MARGIN + RUN + MARGIN) == bytes(MARGIN + RUN + MARGIN)


@pytest.mark.parametrize("memory", MemoryLayout)
def test_far_away_is_unmapped(memory: MemoryLayout) -> None:
    place = el2_memory(memory)
    assert not is_mapped(place, -(10**9))
    assert not is_mapped(place, 10**9)


# Whose bytes


def test_a_store_below_an_adjacent_run_is_the_previous_cpus() -> None:
    place = el2_memory(ADJACENT)
    assert stored(place, place.run_start(1) - 100, bytes(300)) == [
        Extent(0, RUN - 100, RUN - 1, foreign=False),
        Extent(1, 0, 199, foreign=False),
    ]


def test_a_store_over_a_whole_run_touches_three_owners() -> None:
    place = el2_memory(ADJACENT)
    assert [one.cpu for one in stored(place, place.run_start(1) - 1, bytes(RUN + 2))] == [0, 1, 2]


def test_a_store_beside_a_mapped_run_is_nobodys_buffer() -> None:
    place = el2_memory(MAPPED)
    assert stored(place, place.run_start(1) - 16, bytes(16 + RUN + 8)) == [
        Extent(1, -16, -1, foreign=True),
        Extent(1, 0, RUN - 1, foreign=False),
        Extent(1, RUN, RUN + 7, foreign=True),
    ]


def test_a_mapped_neighbourhood_belongs_to_one_cpu_alone() -> None:
    place = el2_memory(MAPPED)
    stored(place, place.run_start(0) + RUN, b"\1" * MARGIN)
    assert place.load(place.run_start(1) - MARGIN, MARGIN) == bytes(MARGIN)


# A store that crosses the end


@pytest.mark.parametrize("memory", [ADJACENT, ISOLATED])
def test_a_store_over_the_end_writes_the_mapped_part_first(memory: MemoryLayout) -> None:
    place = el2_memory(memory)
    end = place.run_start(2) + RUN
    assert cut_short(place, end - 3, b"abcdef") == [Extent(2, RUN - 3, RUN - 1, foreign=False)]
    assert place.load(end - 3, 3) == b"abc"


def test_a_store_over_the_end_of_a_margin_writes_the_mapped_part_first() -> None:
    place = el2_memory(MAPPED)
    end = place.run_start(0) + RUN + MARGIN
    assert cut_short(place, end - 2, b"abcdef") == [Extent(0, RUN + MARGIN - 2, RUN + MARGIN - 1, foreign=True)]
    assert place.load(end - 2, 2) == b"ab"


def test_a_store_that_begins_in_unmapped_memory_writes_nothing() -> None:
    place = el2_memory(ADJACENT)
    start = place.run_start(0)
    assert cut_short(place, start - 8, b"x" * 16) == []
    assert place.load(start, 8) == bytes(8)


def test_a_load_over_the_end_is_refused_whole() -> None:
    place = el2_memory(ISOLATED)
    with pytest.raises(UnmappedAccess):
        place.load(place.run_start(0) + RUN - 4, 8)


# Contents


def test_what_was_never_written_reads_as_0_and_so_does_what_was_forgotten() -> None:
    place = el2_memory(MAPPED)
    start = place.run_start(1)
    stored(place, start + 8, b"secret")
    assert place.load(start, 24) == bytes(8) + b"secret" + bytes(10)
    place.forget()
    assert place.load(start, 24) == bytes(24)


def test_the_caller_gathers_what_several_stores_touched() -> None:
    place = el2_memory(ADJACENT)
    touched: list[Extent] = []
    for offset in (0, 32):
        place.store(place.run_start(1) + offset, b"1234", touched)
    assert [(one.first, one.last) for one in touched] == [(0, 3), (32, 35)]


@st.composite
def stores(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """A CPU, an offset near some edge of its memory, and what is stored there."""
    edge = draw(st.sampled_from([-MARGIN, 0, RUN, RUN + MARGIN, -RUN]))
    data = draw(st.binary(min_size=1, max_size=40)) * draw(st.sampled_from([1, 1, 250]))
    return draw(st.integers(0, 2)), edge + draw(st.integers(-60, 60)), data


def owner(memory: MemoryLayout, cpu: int, offset: int) -> tuple[int, int, bool] | None:
    """Find the byte at an offset from the start of a CPU's run: its CPU, its own offset, and whether it is foreign."""
    if memory is ADJACENT:
        cpu, offset = cpu + offset // RUN, offset % RUN
        return (cpu, offset, False) if 0 <= cpu <= 2 else None
    margin = MARGIN if memory is MAPPED else 0
    within = -margin <= offset < RUN + margin
    return (cpu, offset, not 0 <= offset < RUN) if within else None


@pytest.mark.parametrize("memory", MemoryLayout)
@settings(deadline=None)
@given(st.lists(stores(), min_size=1, max_size=6))
def test_stores_and_loads_agree_with_a_byte_by_byte_memory(
    memory: MemoryLayout, all_stores: list[tuple[int, int, bytes]]
) -> None:
    place = el2_memory(memory)
    reference: dict[tuple[int, int, bool], int] = {}
    for cpu, offset, data in all_stores:
        expected = []
        for step, byte in enumerate(data):
            whose = owner(memory, cpu, offset + step)
            if whose is None:
                break
            expected.append(whose)
            reference[whose] = byte
        touched: list[Extent] = []
        try:
            place.store(place.run_start(cpu) + offset, data, touched)
        except UnmappedAccess:
            assert len(expected) < len(data)
        else:
            assert len(expected) == len(data)
        assert [(one.cpu, at, one.foreign) for one in touched for at in range(one.first, one.last + 1)] == expected

    for cpu, offset, data in all_stores:
        owners = [owner(memory, cpu, offset + step) for step in range(len(data))]
        whole = [reference.get(whose, 0) for whose in owners if whose is not None]
        if len(whole) == len(data):
            assert place.load(place.run_start(cpu) + offset, len(data)) == bytes(whole)


def test_extents_of_one_owner_that_touch_or_overlap_are_joined() -> None:
    def own(first: int, last: int) -> Extent:
        return Extent(0, first, last, foreign=False)

    assert merged([own(8, 11), own(0, 3), own(4, 7), own(10, 12)]) == [own(0, 12)]
    assert merged([own(0, 3), own(5, 7)]) == [own(0, 3), own(5, 7)]
    foreign = Extent(0, 4, 7, foreign=True)
    assert merged([own(0, 3), foreign]) == [own(0, 3), foreign]
