"""The outcomes of saves, for every length that a buffer may be for and every length that the CPU may run with.

Where the bytes of a save go depends only on the buffer's length, the running length, what places the pointer to FFR,
the memory, and the place of the buffer among the others. So the engine of a boot (`sim.kernel.save_area`) saves and
restores once for each pair of lengths, 256 times for a place. Its outcomes are kept as sets of running lengths, and a
batch of many systems needs no bytes. `tests/study/test_save_outcomes.py` compares the words with saves of the engine.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property, reduce
from operator import or_
from typing import NamedTuple

from sim import rules
from sim.designs import Pointer
from sim.kernel.save_area import BufferSize, Save, SaveArea, StoreFault
from sim.machine.registers import VectorUnit
from sim.rules import ARCHITECTURE_VQS, S, when
from sim.scenario import MemoryLayout, Scenario
from sim.study.verdict_bits import DENIED, HEADER, NOT_RESTORED, OUTSIDE, PANIC, SILENT, without_restore
from sim.topology import cpu
from sim.vectors import VQ_MAX, bits_from_vqs

REACH = 3
"""The number of page runs beyond its own that a save is taken to reach, below or above.

It reaches 2 at most: 34 (256 - 16) - 16 = 8144 bytes below a run of 4096 bytes. CPUs that are at least `REACH` CPUs
away from the first and from the last CPU are alike.
"""
_BITS = (PANIC, OUTSIDE, HEADER, NOT_RESTORED)
"""The hazards that depend on where the bytes of a save go, in the order of `RunningLengths`."""


class BufferPlace(NamedTuple):
    """The place of a CPU's buffer among the buffers that a save there can reach; equal for CPUs that are alike."""

    cpu: int
    """The number of buffers below it, at most `REACH`."""
    cpus: int
    """The number of buffers within reach, with its own."""
    memory: MemoryLayout

    @classmethod
    def of(cls, cpu: int, cpus: int, memory: MemoryLayout) -> "BufferPlace":
        """Return the place of a CPU's buffer in a system of `cpus` CPUs, without those out of reach."""
        below, above = min(cpu, REACH), min(cpus - 1 - cpu, REACH)
        return cls(below, below + 1 + above, memory)


class SaveCase(NamedTuple):
    """A hazard of saves that run with some lengths, where the buffer is for one of some lengths."""

    bit: int
    """The hazard's bit in a word (`sim.study.verdict_bits`)."""
    allocation_vqs: int
    """The lengths of buffers, as a set."""
    running_vqs: int
    """The running lengths, as a set."""


@dataclass(frozen=True)
class SaveOutcomes:
    """The hazards of saves at one place, as bits of a word.

    Most hazards come with every save that exceeds its buffer, or with none: one condition then serves all of them, and
    a batch computes each condition for every system. `on_exceeding_at` needs a second condition. `cases` lists the
    hazards that fit neither form, with a condition for each.
    """

    on_exceeding: int
    """The hazards of every save that exceeds its buffer."""
    on_exceeding_at: int
    """The hazards of the saves among them that run with a length of `at_vqs`."""
    at_vqs: int
    cases: tuple[SaveCase, ...]

    @cached_property
    def may_panic(self) -> bool:
        """True if any save here may panic."""
        any_save = self.on_exceeding | self.on_exceeding_at
        return bool(any_save & PANIC) or any(case.bit == PANIC for case in self.cases)

    @cached_property
    def adds_up(self) -> bool:
        """True if CPUs together have the hazards of one CPU with the lengths of them all.

        Each condition is then that some length of a CPU is a member of a set, which does not depend on its other
        lengths; and no panic takes the place of a restore.
        """
        return not (self.on_exceeding_at or self.cases or self.may_panic)

    def without_exceeding(self) -> "SaveOutcomes":
        """Return the outcomes at a place where no save exceeds its buffer."""
        return replace(self, on_exceeding=0, on_exceeding_at=0, at_vqs=0)

    def word(self, own_vqs: S, limit_vqs: S, allocation_vqs: S, vq_map: S) -> S:
        """Return the hazards of a save and restore on one CPU; none where there is no buffer.

        Args:
            own_vqs: the CPU's lengths.
            limit_vqs: every VQ that ZCR_EL2 lets through.
            allocation_vqs: the length that the buffer is for, as a set of one.
            vq_map: the lengths that all early CPUs have.
        """
        exceeds = rules.save_exceeds(own_vqs, limit_vqs, allocation_vqs)
        word = when(exceeds) & self.on_exceeding
        if self.on_exceeding_at or self.cases:
            running = rules.selected(own_vqs, limit_vqs)
            word = word | (when(exceeds & running & self.at_vqs) & self.on_exceeding_at)
            for case in self.cases:
                happens = when(allocation_vqs & case.allocation_vqs) & when(running & case.running_vqs)
                word = word | (happens & case.bit)
        # Registers do not come back whole where the save ran with less than tasks use, wherever its bytes went.
        cut_off = when(rules.save_denies(vq_map, own_vqs, limit_vqs)) & (NOT_RESTORED | DENIED)
        return without_restore(word | cut_off) & when(allocation_vqs)


@cache
def save_outcomes_at(place: BufferPlace, pointer: Pointer, running_vqs: int, allocation_vqs: int) -> SaveOutcomes:
    """Return the outcomes of saves at a place.

    Args:
        place: the place of the CPU's buffer.
        pointer: what places the pointer to FFR.
        running_vqs: the lengths that the CPU may run with; outcomes at other lengths are left out.
        allocation_vqs: the lengths that buffers may be for.
    """
    on_exceeding, on_exceeding_at, at_vqs = SILENT, 0, 0
    cases: list[SaveCase] = []
    allocations = [vq for vq in range(1, VQ_MAX + 1) if allocation_vqs >> (vq - 1) & 1]
    for hazard, bit in enumerate(_BITS):
        found = [_lengths(place, pointer, vq)[hazard] & running_vqs for vq in allocations]
        at_any = reduce(or_, found, 0)
        if not at_any:
            continue
        # Take the cheapest form that fits: on every exceeding save; on those at some lengths, which all hazards of this
        # form share; or case by case, where buffers with the same running lengths are one case.
        if found == [rules.above(running_vqs, 1 << (vq - 1)) for vq in allocations]:
            on_exceeding |= bit
        elif at_vqs in {0, at_any} and found == [rules.above(at_any, 1 << (vq - 1)) for vq in allocations]:
            on_exceeding_at, at_vqs = on_exceeding_at | bit, at_any
        else:
            for lengths in dict.fromkeys(filter(None, found)):
                alike = (vq for vq, one in zip(allocations, found, strict=True) if one == lengths)
                cases.append(SaveCase(bit, sum(1 << (vq - 1) for vq in alike), lengths))
    return SaveOutcomes(on_exceeding, on_exceeding_at, at_vqs, tuple(cases))


class RunningLengths(NamedTuple):
    """The running lengths, as sets, with which a save into a buffer for one length has each hazard."""

    panics: int
    """A store meets memory that is not mapped at EL2."""
    leaves_run: int
    """Bytes outside the buffer's own run of pages are written."""
    destroys_header: int
    """zcr_el1 is overwritten in the header."""
    changes_registers: int
    """The registers that come back differ, compared at the length of the save."""


class OutsideBytes(NamedTuple):
    """The bytes that a save into a buffer for one length writes outside its run of pages, by the running VQ, from 1."""

    underrun_bytes: tuple[int, ...]
    overrun_bytes: tuple[int, ...]


SaveSignature = tuple[RunningLengths, ...]


def save_signature(place: BufferPlace, pointer: Pointer, running_vqs: int) -> SaveSignature:
    """Return a key that is equal for two places where saves with these running lengths have the same outcomes."""
    tables = (_lengths(place, pointer, vq) for vq in range(1, VQ_MAX + 1))
    return tuple(RunningLengths(*(lengths & running_vqs for lengths in table)) for table in tables)


def outside_bytes_at(place: BufferPlace, pointer: Pointer, allocation_vq: int) -> OutsideBytes:
    """Return the bytes that saves at a place write outside, for every running length."""
    saves = _saves(place, pointer, allocation_vq)
    return OutsideBytes(tuple(one.underrun_bytes for one in saves), tuple(one.overrun_bytes for one in saves))


def panicking_vqs_at(place: BufferPlace, pointer: Pointer, allocation_vq: int) -> int:
    """Return the running lengths, as a set, with which saves at a place panic."""
    return _lengths(place, pointer, allocation_vq).panics


@cache
def _saves(place: BufferPlace, pointer: Pointer, allocation_vq: int) -> tuple[Save, ...]:
    """Return the saves into a buffer for a VQ at each running length."""
    return tuple(_save(place, pointer, allocation_vq, vq) for vq in range(1, VQ_MAX + 1))


@cache
def _lengths(place: BufferPlace, pointer: Pointer, allocation_vq: int) -> RunningLengths:
    """Return the running lengths with which saves into a buffer for a VQ have each hazard, found by saving at each."""
    sets = [0] * len(_BITS)
    for vq, save in enumerate(_saves(place, pointer, allocation_vq), 1):
        shown = (save.panicked, bool(save.outside), not save.header_intact, save.at_save_vq_restored is False)
        for hazard, is_shown in enumerate(shown):
            sets[hazard] |= is_shown << (vq - 1)
    return RunningLengths(*sets)


def _save(place: BufferPlace, pointer: Pointer, allocation_vq: int, running_vq: int) -> Save:
    """Save and restore on a CPU whose largest length is the running length, and ZCR_EL2 at its maximum.

    The limit of ZCR_EL2 decides nothing but the running length, so it need not be varied. ``vq_map`` only matters for
    `Save.committed_vq_restored`, which is not read.
    """
    area = SaveArea(
        place.cpus,
        BufferSize.of(allocation_vq, Scenario.page_bytes),
        place.memory,
        allocation_vqs=1 << (allocation_vq - 1),
        limit_vqs=ARCHITECTURE_VQS,
        ffr_pointer=pointer,
        vq_map=1,
    )
    unit = VectorUnit(cpu("", bits_from_vqs(1 | 1 << (running_vq - 1))))  # 128 bits are in every set
    with suppress(StoreFault):
        area.save(place.cpu, unit, time_ns=0, event=0)
        area.restore(place.cpu, unit)
    return area.saves[0]
