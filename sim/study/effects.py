"""What a save does, for every length that the buffers may be for and every length that the CPU may run with.

The machine itself is asked, once for each pair: `sim.kernel.pkvm` saves and restores in `sim.machine.memory`, and what
came of it is kept as sets of running lengths. A batch of many systems then needs no bytes.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.designs import DESIGNS, Pointer, ZcrEl2
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.pkvm import Pkvm, Save
from sim.kernel.printk import HypervisorPanic, Printk
from sim.machine.registers import VectorUnit
from sim.scenario import KvmMode, Scenario, Surroundings
from sim.topology import Cpu, Topology
from sim.vectors import VQ_MAX

Sets = NDArray[np.uint16]
Flags = NDArray[np.bool_]

REACH = 3
"""A save reaches at most so many page runs beyond its own: CPUs further from the first or the last are alike."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What the saves on one CPU of many systems do: a truth for each system."""

    panics: Flags
    """A store meets memory that is not mapped."""
    leaves_its_run: Flags
    """Bytes outside the CPU's own run of pages are written."""
    destroys_header: Flags
    changes_registers: Flags
    """What the restore brings back differs, compared at the length of the save."""


class Place(NamedTuple):
    """Where a CPU's buffer lies."""

    cpu: int
    cpus: int
    memory: Surroundings

    def shortened(self) -> "Place":
        """The same among as few CPUs as make no difference: a save reaches no further."""
        below, above = min(self.cpu, REACH), min(self.cpus - 1 - self.cpu, REACH)
        return Place(below, below + 1 + above, self.memory)


def effects_on(place: Place, pointer: Pointer, allocation_vq: NDArray[np.uint8], running: Sets) -> Effects:
    """What saves do on a CPU, for each buffer's VQ (0: no buffer) and each running length, a set of one."""
    tables = np.array([_lengths(place.shortened(), pointer, vq) for vq in range(VQ_MAX + 1)], np.uint16)
    panics, leaves, destroys, changes = (running & column[allocation_vq] != 0 for column in tables.T)
    return Effects(panics, leaves, destroys, changes)


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
    """The running lengths, as sets, with which a save has each of the effects."""
    sets = [0, 0, 0, 0]
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
        surroundings=place.memory,
    )
    printk = Printk(lambda: 0)
    features = CpuFeatures(scenario, printk)
    features.init_cpu_features(scenario.topology.logical[0])
    pkvm = Pkvm(scenario, features, printk, frozenset())
    pkvm.allocate(place.cpus, 1 << (allocation_vq - 1))
    unit = VectorUnit(Cpu("asked", 1 << (running_vq - 1)))
    with suppress(HypervisorPanic):
        pkvm.save(place.cpu, unit, 0)
        pkvm.restore(place.cpu, unit)
    return pkvm.saves[0]
