"""What a save does, for every length that the buffers may be for and every length that the CPU may run with.

The machine itself is asked, once for each pair: `sim.kernel.pkvm` saves and restores in `sim.machine.memory`, and what
came of it is kept as sets of running lengths. A batch of many systems then needs no bytes.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property, reduce
from operator import or_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.designs import DESIGNS, Pointer, ZcrEl2
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.pkvm import Pkvm, Save
from sim.kernel.printk import HypervisorPanic, Printk
from sim.machine.registers import VectorUnit
from sim.scenario import KvmMode, MemoryLayout, Scenario
from sim.study.verdict_bits import HEADER, NOT_RESTORED, OUTSIDE, PANIC, SILENT
from sim.topology import Cpu, Topology
from sim.vectors import VQ_MAX

Sets = NDArray[np.uint16]

REACH = 3
"""A save reaches at most so many page runs beyond its own: CPUs further from the first or the last are alike."""
EFFECTS = (PANIC, OUTSIDE, HEADER, NOT_RESTORED)
"""A store meets memory that is not mapped; bytes outside the own run are written; the header is overwritten; what the
restore brings back differs, compared at the length of the save."""


class Place(NamedTuple):
    """Where a CPU's buffer lies."""

    cpu: int
    cpus: int
    memory: MemoryLayout

    def shortened(self) -> "Place":
        """The same among as few CPUs as make no difference: a save reaches no further."""
        below, above = min(self.cpu, REACH), min(self.cpus - 1 - self.cpu, REACH)
        return Place(below, below + 1 + above, self.memory)


class Table(NamedTuple):
    """A hazard that comes with some running lengths where the buffer is for some lengths; both are sets."""

    bit: int
    allocations: int
    lengths: int


@dataclass(frozen=True)
class Effects:
    """What saves do at one place: most hazards come with every save that exceeds its buffer, or with none."""

    on_exceeding: int
    """The hazards of every save that exceeds its buffer, as bits of a word."""
    on_exceeding_at: int
    """The hazards of those alone that do so at some lengths."""
    at_vqs: int
    """These lengths, as a set."""
    tables: tuple["Table", ...]
    """Where every other hazard comes from."""

    @cached_property
    def panics(self) -> bool:
        """Whether any save here may panic."""
        any_save = self.on_exceeding | self.on_exceeding_at
        return bool(any_save & PANIC) or any(table.bit == PANIC for table in self.tables)


@cache
def effects_at(place: Place, pointer: Pointer, running_vqs: int, allocation_vqs: int) -> Effects:
    """What saves do at a place (shortened), where CPUs run with some lengths and buffers are for some lengths."""
    on_exceeding, on_exceeding_at, at_vqs = SILENT, 0, 0
    tables: list[Table] = []
    allocations = [vq for vq in range(1, VQ_MAX + 1) if allocation_vqs >> (vq - 1) & 1]
    for effect, bit in enumerate(EFFECTS):
        happens = [_lengths(place, pointer, vq)[effect] & running_vqs for vq in allocations]
        at = reduce(or_, happens, 0)
        if not at:
            continue
        if happens == [rules.above(running_vqs, 1 << (vq - 1)) for vq in allocations]:
            on_exceeding |= bit
        elif at_vqs in {0, at} and happens == [rules.above(at, 1 << (vq - 1)) for vq in allocations]:
            on_exceeding_at, at_vqs = on_exceeding_at | bit, at
        else:
            for lengths in dict.fromkeys(filter(None, happens)):
                alike = (vq for vq, one in zip(allocations, happens, strict=True) if one == lengths)
                tables.append(Table(bit, sum(1 << (vq - 1) for vq in alike), lengths))
    return Effects(on_exceeding, on_exceeding_at, at_vqs, tuple(tables))


def told_apart_by(place: Place, pointer: Pointer, lengths: int) -> tuple[tuple[int, ...], ...]:
    """What tells CPUs' places apart: equal for two places where saves with these running lengths do the same.

    Args:
        place: where the CPU's buffer lies.
        pointer: what places the pointer to FFR.
        lengths: the running lengths to compare, as a set.
    """
    tables = (_lengths(place.shortened(), pointer, vq) for vq in range(VQ_MAX + 1))
    return tuple(tuple(effect & lengths for effect in table) for table in tables)


@cache
def _lengths(place: Place, pointer: Pointer, allocation_vq: int) -> tuple[int, ...]:
    """The running lengths, as sets, with which a save has each of the `EFFECTS`."""
    sets = [0] * len(EFFECTS)
    for vq in range(1, VQ_MAX + 1) if allocation_vq else ():
        save = _save(place, pointer, allocation_vq, vq)
        shown = (save.panicked, bool(save.outside), not save.header_intact, save.at_save_vq_restored is False)
        for effect, is_shown in enumerate(shown):
            sets[effect] |= is_shown << (vq - 1)
    return tuple(sets)


def _save(place: Place, pointer: Pointer, allocation_vq: int, running_vq: int) -> Save:
    """Save and restore on a CPU that has one length only."""
    scenario = Scenario(
        Topology.of([[128]] * place.cpus),
        design=replace(DESIGNS["v6.11"], ffr_pointer=pointer, zcr_el2=ZcrEl2.ALL_ONES),
        kvm_mode=KvmMode.PROTECTED,
        memory=place.memory,
    )
    printk = Printk(lambda: 0)
    features = CpuFeatures(scenario, printk)
    features.init_cpu_features(scenario.topology.logical[0])
    pkvm = Pkvm(scenario, features, printk, frozenset())
    pkvm.allocate(place.cpus, 1 << (allocation_vq - 1))
    unit = VectorUnit(Cpu.of("asked", 1 << (running_vq - 1)))
    with suppress(HypervisorPanic):
        pkvm.save(place.cpu, unit, 0)
        pkvm.restore(place.cpu, unit)
    return pkvm.saves[0]
