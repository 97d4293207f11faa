"""Many systems at once: the rules themselves on numpy columns, and a verdict on each system.

A batch has a column of sets for each group of a space; a row is a system. What a row's boot comes to is computed
without booting: by the rules that boot (`sim.rules`, `sim.designs`) and by what saves do (`sim.study.effects`). The
scenario of a row is `Space.scenario`'s; tests/test_batch.py holds its verdict to what `sim.booting.boot` gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.designs import LateCpu, LateStore
from sim.hazards import HazardKind
from sim.scenario import KvmMode, Relay
from sim.series import kernel_series
from sim.study.effects import Effects, Flags, Place, Sets, effects_on
from sim.study.space import Setting, Space
from sim.vectors import VQ_MAX

Counts = NDArray[np.uint32]
Turns = NDArray[np.int64]

_NEVER = np.int64(np.iinfo(np.int64).max)
_VQ = np.array([vqs.bit_length() for vqs in range(1 << VQ_MAX)], dtype=np.uint8)
"""The largest VQ of each set, as a number."""


class CpuColumn(NamedTuple):
    """One CPU of every system of a batch."""

    number: int
    late: bool
    vqs: Sets
    turn: Turns
    """Systems bring CPUs online and run guests by sets, then by the space's order: a smaller turn comes first."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the kernels of a batch counted early."""

    has_sve: Flags
    vq_map: Sets
    vq_partial_map: Sets
    virtualisable_vqs: Sets
    pseudo_register_vqs: Sets


@dataclass(slots=True)
class Verdict:
    """What one setting makes of a batch: for each system its late CPUs, its buffers, its hazards by kind."""

    allocation_vqs: Sets
    """What pKVM's buffers are for, as a set of one; empty where there are none."""
    online: list[Flags]
    """For each CPU: whether it came online."""
    late_accepted: Counts
    late_refused: Counts
    late_refused_by_relay: Counts
    late_warned: Counts
    announced_vqs: Sets
    hazards: dict[HazardKind, Counts]


class Batch:
    """A batch of systems of one space.

    Args:
        space: whose groups the columns are.
        columns: each group's sets, all of one length.
    """

    def __init__(self, space: Space, columns: Sequence[Sets]) -> None:
        self.space = space
        self.rows = len(columns[0])
        self.cpus = list(self._cpus(columns))

    def _cpus(self, columns: Sequence[Sets]) -> Iterator[CpuColumn]:
        number, rank = 0, {cpu: rank for rank, cpu in enumerate(self.space.order)}
        for group, vqs in zip(self.space.groups, columns, strict=True):
            for _ in range(group.cpus):
                yield CpuColumn(number, group.late, vqs, vqs.astype(np.int64) * self.space.cpus + rank[number])
                number += 1

    @cached_property
    def record(self) -> Record:
        """What the early CPUs come to."""
        boot, *secondaries = [one.vqs for one in self.cpus if not one.late]
        vq_map, seen, floor, has = boot, boot, rules.smear(boot), boot != 0
        for vqs in secondaries:
            vq_map = rules.shared_with(vq_map, vqs)
            seen = rules.seen_with(seen, vqs)
            floor = rules.pseudo_register(floor, vqs)
            has = has & (vqs != 0)
        return Record(has, vq_map, seen, rules.virtualisable(vq_map, seen), floor)

    def judge(self, setting: Setting) -> Verdict:
        """What each system comes to under a setting."""
        return _Judge(self, setting).verdict()


class _Judge:
    """One setting and one batch."""

    def __init__(self, batch: Batch, setting: Setting) -> None:
        self._batch, self._record = batch, batch.record
        self._setting, self._design = setting, setting.design
        self._pkvm = setting.kvm_mode is KvmMode.PROTECTED
        self._series = kernel_series(batch.space.kernel)
        self._has = self._record.has_sve & np.bool_(not self._design.nosve)
        self._allocation = self._allocated()
        self._zcr_el2 = self._column(self._design.zcr_el2_limit(self._record.vq_map, self._allocation))  # type: ignore[arg-type]
        self._verdict = Verdict(
            allocation_vqs=self._allocation,
            online=[np.full(batch.rows, not one.late) for one in batch.cpus],
            late_accepted=self._zeros(),
            late_refused=self._zeros(),
            late_refused_by_relay=self._zeros(),
            late_warned=self._zeros(),
            announced_vqs=np.zeros(batch.rows, np.uint16),
            hazards={kind: self._zeros() for kind in HazardKind},
        )

    def _zeros(self) -> Counts:
        return np.zeros(self._batch.rows, np.uint32)

    def _column(self, sets: "Sets | int") -> Sets:
        """A set for all systems as a column."""
        return np.broadcast_to(np.asarray(sets, np.uint16), self._batch.rows)

    def _allocated(self) -> Sets:
        record = self._record
        wanted = self._design.allocation_vqs(record.vq_map, record.vq_partial_map, record.vq_partial_map)  # type: ignore[arg-type]
        return np.where(self._has & np.bool_(self._pkvm), self._column(wanted), np.uint16(0))

    def verdict(self) -> Verdict:
        """Bring late CPUs online, run a guest on every CPU, and say what came of it."""
        hazards = self._verdict.hazards
        panics_at = self._late()
        hazards[HazardKind.KERNEL_PANIC] += panics_at != _NEVER
        if self._design.nosve:
            hazards[HazardKind.HOST_DENIED_VL] += self._record.has_sve & (self._record.vq_map != 0)
        if self._pkvm:
            self._guests(panics_at == _NEVER)
        return self._verdict

    # Late CPUs

    def _late(self) -> Turns:
        """Bring late CPUs online, each at its turn; the answer is the turn at which the kernel panics."""
        batch, verdict = self._batch, self._verdict
        late = [one for one in batch.cpus if one.late]
        never = np.full(batch.rows, _NEVER)
        if self._pkvm and self._setting.relay is Relay.ENFORCING:
            verdict.late_refused_by_relay += np.uint32(len(late))
            return never
        above = {one.number: self._above(one) for one in late}
        panics_at = never
        if (self._design.late_cpu, self._design.late_store) == (LateCpu.RAISES, LateStore.READ_ONLY):
            for one in late:
                panics_at = np.minimum(panics_at, np.where(above[one.number], one.turn, _NEVER))
        for one in late:
            told = above[one.number] & (one.turn <= panics_at) & ~self._told_before(one, late)
            tried = one.turn < panics_at
            self._verify(one, told, tried)
        return panics_at

    def _above(self, one: CpuColumn) -> Flags:
        """Where the design looks at a late CPU's largest length, and that is above every early CPU's."""
        if self._design.late_cpu is LateCpu.SILENT:
            return np.zeros(self._batch.rows, bool)
        if self._design.late_cpu is LateCpu.REFUSED_UNDER_PKVM and not self._pkvm:
            return np.zeros(self._batch.rows, bool)
        above: Flags = self._has & (rules.above(one.vqs, self._record.vq_partial_map) != 0)
        return above

    def _told_before(self, one: CpuColumn, late: list[CpuColumn]) -> Flags:
        """Where the maximum was raised to a CPU's largest length already: no earlier turn has a larger one."""
        told = np.zeros(self._batch.rows, bool)
        if (self._design.late_cpu, self._design.late_store) == (LateCpu.RAISES, LateStore.WORKS):
            for other in late:
                told |= (other.turn < one.turn) & (rules.above(one.vqs, other.vqs) == 0)
        return told

    def _verify(self, one: CpuColumn, told: Flags, tried: Flags) -> None:
        """Verify a late CPU as the kernel does."""
        record, verdict = self._record, self._verdict
        lacks_sve = self._has & (one.vqs == 0)
        below = self._has & np.bool_(self._series.has_pseudo_registers)
        below = below & (rules.below_floor(record.pseudo_register_vqs, one.vqs) != 0)
        told = told & ~lacks_sve & ~below
        verdict.late_warned += told
        verdict.announced_vqs |= np.where(told, one.vqs, np.uint16(0))
        too_large = told if self._refuses_above else np.zeros_like(told)
        lacks = rules.missing(record.vq_map, one.vqs) != 0
        extra = rules.unsupported(record.vq_map, record.virtualisable_vqs, one.vqs) != 0
        refused = tried & self._has & (lacks_sve | below | too_large | lacks | extra)
        verdict.late_refused += refused
        verdict.late_accepted += tried & ~refused
        verdict.online[one.number] = tried & ~refused
        harmless = refused & ~lacks_sve & ~lacks & ~extra & self._fits(one.vqs)
        verdict.hazards[HazardKind.HARMLESS_CPU_REFUSED] += harmless

    @property
    def _refuses_above(self) -> bool:
        return self._design.late_cpu in {LateCpu.REFUSED, LateCpu.REFUSED_UNDER_PKVM}

    def _fits(self, vqs: Sets) -> Flags:
        """Where a CPU's save stays inside the bytes asked for and keeps what tasks may use; so without buffers."""
        running = rules.selected(vqs, self._zcr_el2)
        exceeds = rules.above(running, self._allocation) != 0
        loses = rules.above(self._record.vq_map & vqs, running) != 0
        fits: Flags = (self._allocation == 0) | (~exceeds & ~loses)
        return fits

    # Guests

    def _guests(self, alive: Flags) -> None:
        """Run a guest on every CPU that is online, each at its turn, until one of them panics the hypervisor."""
        saves = alive & (self._allocation != 0)
        visits = [(one, saves & self._verdict.online[one.number]) for one in self._batch.cpus]
        done = [(one, where, self._effects(one)) for one, where in visits]
        panics_at = np.full(self._batch.rows, _NEVER)
        for one, where, effects in done:
            panics_at = np.minimum(panics_at, np.where(where & effects.panics, one.turn, _NEVER))
        self._verdict.hazards[HazardKind.HYPERVISOR_PANIC] += panics_at != _NEVER
        for one, where, effects in done:
            self._count(one, where & (one.turn <= panics_at), effects)

    def _effects(self, one: CpuColumn) -> Effects:
        running = rules.selected(one.vqs, self._zcr_el2)
        place = Place(one.number, self._batch.space.cpus, self._setting.memory)
        return effects_on(place, self._design.ffr_pointer, _VQ[self._allocation], running)

    def _count(self, one: CpuColumn, where: Flags, effects: Effects) -> None:
        """Count the hazards of one CPU's save and restore."""
        hazards, record = self._verdict.hazards, self._record
        running = rules.selected(one.vqs, self._zcr_el2)
        exceeds = where & (rules.above(running, self._allocation) != 0)
        announced = rules.above(running, self._verdict.announced_vqs) == 0
        loses = effects.changes_registers | (rules.above(record.vq_map & one.vqs, running) != 0)
        denied = record.vq_map & one.vqs & ~rules.smear(self._zcr_el2)
        hazards[HazardKind.OUT_OF_BOUNDS_WRITE] += where & effects.leaves_its_run
        hazards[HazardKind.NOT_RESTORED] += where & loses & ~effects.panics
        hazards[HazardKind.HEADER_DESTROYED] += where & effects.destroys_header
        hazards[HazardKind.ALLOCATION_EXCEEDED_SILENTLY] += exceeds & ~announced
        hazards[HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED] += exceeds & announced
        hazards[HazardKind.HOST_DENIED_VL] += where & (denied != 0)
