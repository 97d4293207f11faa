"""The units of a space: runs of CPUs that have the same outcome in every system, and the outcomes of their saves.

A batch computes a word for each unit instead of each CPU. CPUs of a group have equal lengths, so they differ only in
the place of their buffers and in their turn. The turn matters where a panic stops the CPUs after it, which is why a CPU
whose save may panic is a unit of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sim.designs import Design, Pointer
from sim.scenario import MemoryLayout
from sim.study.save_outcomes import BufferPlace, SaveOutcomes, save_outcomes_at
from sim.study.system_space import Space


@dataclass(frozen=True, eq=False)
class Unit:
    """Consecutive CPUs with equal lengths and equal outcome; a CPU whose save may panic is a unit of its own.

    Units are compared and hashed by identity.
    """

    group: int
    """The place of its group in the space, and so the place of its set among the sets of a system."""
    first: int
    """The logical number of its first CPU."""
    cpus: int
    late: bool
    rank: int
    """Its place among all units: CPUs with equal sets go online, and run guests, in the order of their units' ranks."""


class SpaceModel:
    """Everything that is the same for all systems of a space.

    Args:
        space: the space.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.has_pseudo_registers = space.flags.pseudo_registers
        self.units = tuple(self._units())
        self.late = tuple(unit for unit in self.units if unit.late)
        self._save_outcomes = {
            (unit, pointer, memory): self._outcomes_on(unit.group, unit.first, pointer, memory)
            for unit in self.units
            for pointer, memory in space.save_settings
        }

    def save_outcomes(self, unit: Unit, design: Design, memory: MemoryLayout) -> SaveOutcomes:
        """Return the outcomes of saves on each CPU of a unit."""
        return self._save_outcomes[unit, design.ffr_pointer, memory]

    def _units(self) -> Iterator[Unit]:
        """Yield the units in ascending CPU number."""
        runs = list(self._runs())
        # Ranks count units, not CPUs: 65,536 CPUs may have as many ranks, and the last is that of a panic that never
        # happens (`sim.study.ordering`). There are far fewer units.
        firsts = {first for _, first, _ in runs}
        rank = {cpu: rank for rank, cpu in enumerate(cpu for cpu in self.space.order if cpu in firsts)}
        for place, first, cpus in runs:
            yield Unit(place, first, cpus, self.space.groups[place].late, rank[first])

    def _runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield each unit's group, the number of its first CPU, and how many CPUs it has."""
        first = 0
        for place, group in enumerate(self.space.groups):
            keys = [(self._unit_key(place, cpu), cpu) for cpu in range(first, first + group.cpus)]
            first += group.cpus
            for key, run in groupby(keys, itemgetter(0)):
                members = [cpu for _, cpu in run]
                if key is None:
                    yield from ((place, cpu, 1) for cpu in members)
                else:
                    yield place, members[0], len(members)

    def _unit_key(self, group: int, cpu: int) -> tuple[SaveOutcomes, ...] | None:
        """Return a key that CPUs of a group share if they may be one unit; None where a save may panic."""
        outcomes = [self._outcomes_on(group, cpu, pointer, memory) for pointer, memory in self.space.save_settings]
        return None if any(one.may_panic for one in outcomes) else tuple(outcomes)

    def _outcomes_on(self, group: int, cpu: int, pointer: Pointer, memory: MemoryLayout) -> SaveOutcomes:
        """Return the outcomes of saves on a CPU, given by its logical number."""
        place = BufferPlace.of(cpu, self.space.cpus, memory)
        return save_outcomes_at(place, pointer, self.space.groups[group].any_vqs, self.space.allocation_vqs)
