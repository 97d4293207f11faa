"""Many systems at once: what they have in common under every setting, as numpy columns.

A batch has a column of sets for each group of a space; a row is a system. `sim.study.evaluate` computes what each
comes to under a setting, by the rules that boot (`sim.rules`, `sim.designs`) and by what saves do
(`sim.study.save_outcomes`), without booting. The scenario of a row is `Space.scenario`'s;
tests/study/test_batch.py holds its verdict to what `sim.boot_run.boot` gives.

Every column has one element for each row, or one for all rows: what a batch has in common is computed once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.designs import Design, Pointer
from sim.kernel_series import kernel_series
from sim.scenario import MemoryLayout
from sim.study import verdict_bits
from sim.study.ordering import Turn
from sim.study.save_outcomes import Effects, Place, Sets, effects_at
from sim.study.system_space import Space

OutcomeBits = NDArray[np.uint16]
"""Bits as in `sim.study.verdict_bits`."""


@cache
def column(vqs: int) -> Sets:
    """A set, or a word, for all rows; not to be written to."""
    return np.array([vqs], np.uint16)


NONE, EVERY_BIT = column(0), column(0xFFFF)


@dataclass(frozen=True, eq=False)
class Unit:
    """CPUs next to each other that share a set, and a fate: only a CPU by itself can panic anything."""

    group: int
    first: int
    """The number of the first of them."""
    cpus: int
    late: bool
    rank: int
    """Its place among CPUs of the same set: they go online, and run guests, in this order."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the kernels of a batch counted early."""

    has_sve: Sets
    """Every bit where every early CPU has SVE, else none."""
    vq_map: Sets
    vq_partial_map: Sets
    virtualisable_vqs: Sets
    pseudo_register_vqs: Sets
    """Every length up to the pseudo register's; empty where the kernel has none."""


class SpaceModel:
    """How the systems of a space lie in memory: what is the same for every batch of it."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.floor = kernel_series(space.kernel).has_pseudo_registers
        rank = {cpu: rank for rank, cpu in enumerate(space.order)}
        self.units = tuple(self._units(rank))
        self.late = tuple(unit for unit in self.units if unit.late)
        self._effects = {
            (unit, pointer, memory): self._effects_on(unit.group, unit.first, pointer, memory)
            for unit in self.units
            for pointer, memory in space.save_settings
        }

    def effects(self, unit: Unit, design: Design, memory: MemoryLayout) -> Effects:
        """What saves do on a unit's CPUs."""
        return self._effects[unit, design.ffr_pointer, memory]

    def _units(self, rank: dict[int, int]) -> Iterator[Unit]:
        """The units, in ascending CPU number."""
        first = 0
        for place, group in enumerate(self.space.groups):
            fates = [(self._fate(place, cpu), cpu) for cpu in range(first, first + group.cpus)]
            first += group.cpus
            for key, run in groupby(fates, itemgetter(0)):
                together = [cpu for _, cpu in run]
                if key is None:
                    yield from (Unit(place, cpu, 1, group.late, rank[cpu]) for cpu in together)
                else:
                    yield Unit(place, together[0], len(together), group.late, rank[together[0]])

    def _fate(self, group: int, cpu: int) -> object:
        """What CPUs of a group have in common that may be taken together; None for one that may panic."""
        effects = [self._effects_on(group, cpu, pointer, memory) for pointer, memory in self.space.save_settings]
        return None if any(one.panics for one in effects) else tuple(map(id, effects))

    def _effects_on(self, group: int, cpu: int, pointer: Pointer, memory: MemoryLayout) -> Effects:
        place = Place(cpu, self.space.cpus, memory).shortened()
        return effects_at(place, pointer, self.space.groups[group].any_vqs, self.space.allocation_vqs)


class Batch:
    """A batch of systems of one space.

    Args:
        layout: of the space whose groups the columns are.
        columns: each group's sets: for all rows, or one for every row.
        rows: how many systems there are.
    """

    def __init__(self, layout: SpaceModel, columns: Sequence[Sets], rows: int) -> None:
        self.layout, self.columns, self.rows = layout, columns, rows
        self._findings: dict[int, OutcomeBits] = {}
        self._allocated: dict[tuple[object, ...], tuple[Sets, Sets]] = {}
        self._saves: dict[tuple[object, ...], OutcomeBits] = {}

    @cached_property
    def record(self) -> Record:
        """What the early CPUs come to."""
        boot, *secondaries = [
            vqs for group, vqs in zip(self.layout.space.groups, self.columns, strict=True) if not group.late
        ]
        vq_map, seen, has = boot, boot, verdict_bits.when(boot)
        for vqs in secondaries:
            vq_map = rules.shared_with(vq_map, vqs)
            seen = rules.seen_with(seen, vqs)
            has = has & verdict_bits.when(vqs)
        floor = self._floor(boot, secondaries) if self.layout.floor else NONE
        return Record(has, vq_map, seen, rules.virtualisable(vq_map, seen), floor)

    def _floor(self, boot: Sets, secondaries: Iterable[Sets]) -> Sets:
        floor = rules.smear(boot)
        for vqs in secondaries:
            floor = rules.pseudo_register(floor, vqs)
        return floor

    def turn(self, unit: Unit) -> Turn:
        """When a unit's first CPU goes online and runs its guest."""
        return Turn(self.columns[unit.group], column(unit.rank))

    def found(self, unit: Unit) -> OutcomeBits:
        """What verification finds of a late unit where the kernel has SVE."""
        if unit.group not in self._findings:
            self._findings[unit.group] = self._found(self.columns[unit.group])
        return self._findings[unit.group]

    def _found(self, own: Sets) -> OutcomeBits:
        record = self.record
        return verdict_bits.found(
            own,
            record.has_sve,
            record.vq_map,
            record.vq_partial_map,
            record.virtualisable_vqs,
            record.pseudo_register_vqs,
        )

    def allocation(self, design: Design) -> Sets:
        """What pKVM's buffers are for, as a set of one; empty where there are none."""
        return self._buffers(design)[0]

    def limit(self, design: Design) -> Sets:
        """What ZCR_EL2 lets through during saves."""
        return self._buffers(design)[1]

    def _buffers(self, design: Design) -> tuple[Sets, Sets]:
        key = (design.buffer_sized_by, design.zcr_el2)
        if key not in self._allocated:
            record, seen = self.record, self.record.vq_partial_map
            allocation = _column(design.allocation_vqs(record.vq_map, seen, seen)) & record.has_sve  # type: ignore[arg-type]
            limit = _column(design.zcr_el2_limit(record.vq_map, allocation))  # type: ignore[arg-type]
            self._allocated[key] = allocation, limit
        return self._allocated[key]

    def saved(self, unit: Unit, design: Design, memory: MemoryLayout) -> OutcomeBits:
        """The hazards of the saves on a unit's CPUs, should they come online."""
        key = (unit, design.ffr_pointer, memory, design.buffer_sized_by, design.zcr_el2)
        if key not in self._saves:
            self._saves[key] = self._saved(unit, design, memory)
        return self._saves[key]

    def _saved(self, unit: Unit, design: Design, memory: MemoryLayout) -> OutcomeBits:
        own, (allocation, limit) = self.columns[unit.group], self._buffers(design)
        effects = self.layout.effects(unit, design, memory)
        word = verdict_bits.saved(
            own,
            limit,
            allocation,
            self.record.vq_map,
            column(effects.on_exceeding),
            column(effects.on_exceeding_at),
            column(effects.at_vqs),
        )
        if effects.tables:
            running = rules.selected(own, limit)
            for table in effects.tables:
                happens = verdict_bits.saved_at(running, allocation, column(table.allocations), column(table.lengths))
                word = word | (happens & column(table.bit))
            word = verdict_bits.unless_panicked(word)
        return word


def _column(sets: Sets | int) -> Sets:
    """A set for all rows, or a column, as a column."""
    return column(sets) if isinstance(sets, int) else sets
