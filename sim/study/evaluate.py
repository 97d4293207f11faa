"""What every system of a batch comes to under one setting: a word for each row, and counts where they are wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.designs import LateCpu, LateStore
from sim.hazards import HazardKind
from sim.scenario import Relay
from sim.study import ordering, verdict_bits
from sim.study.batch import EVERY_BIT, NONE, Batch, OutcomeBits, Unit, column
from sim.study.ordering import Turn
from sim.study.save_outcomes import Sets
from sim.study.system_space import Setting

Counts = NDArray[np.uint32]


class UnitOutcome(NamedTuple):
    """What becomes of some CPUs, or of the system as a whole: a word, and how many there are."""

    word: OutcomeBits
    cpus: int
    told: int
    """Of how many of them the log names the length."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one setting makes of a batch, counted for each system: its late CPUs, and its hazards by kind."""

    allocation_vqs: Sets
    """What pKVM's buffers are for, as a set of one; empty where there are none."""
    late_accepted: Counts
    late_refused: Counts
    late_refused_by_relay: Counts
    late_warned: Counts
    hazards: dict[HazardKind, Counts]


def outcome_key(setting: Setting) -> tuple[object, ...]:
    """Settings that agree in this come to the same words on every system."""
    design = setting.design
    if design.nosve:
        return (design.nosve, setting.has_pkvm and setting.relay)
    saves = (design.buffer_sized_by, design.zcr_el2, design.ffr_pointer, setting.memory) if setting.has_pkvm else ()
    if setting.has_pkvm and setting.relay is Relay.ENFORCING:
        return saves
    return (*saves, setting.has_pkvm, design.late_cpu, design.late_cpu is LateCpu.RAISES and design.late_store)


def outcome_bits(batch: Batch, setting: Setting) -> OutcomeBits:
    """What each system comes to: the hazards, and whether late CPUs were accepted, refused, warned about, as bits.

    One word for each row, or one for all.
    """
    word = NONE
    for fate in Evaluation(batch, setting, singly=False).fates:
        if fate.word is not NONE:
            word = word | fate.word
    return word


def verdict(batch: Batch, setting: Setting) -> Verdict:
    """What each system comes to, counted."""
    judge = Evaluation(batch, setting, singly=True)
    allocation = batch.allocation(setting.design) if setting.has_saves else NONE
    return Verdict(
        allocation_vqs=np.broadcast_to(allocation, batch.rows),
        late_accepted=_count(batch, judge.fates, verdict_bits.ACCEPTED),
        late_refused=_count(batch, judge.fates, verdict_bits.REFUSED),
        late_refused_by_relay=_count(batch, judge.fates, verdict_bits.BY_RELAY),
        late_warned=_count(batch, judge.fates, verdict_bits.WARNED),
        hazards={kind: _count(batch, judge.fates, 1 << place) for place, kind in enumerate(verdict_bits.HAZARDS)},
    )


def _count(batch: Batch, fates: Sequence[UnitOutcome], bit: int) -> Counts:
    counts = np.zeros(batch.rows, np.uint32)
    for fate in fates:
        cpus = fate.told if bit == verdict_bits.WARNED else fate.cpus
        counts += ((fate.word & bit) != 0) * np.uint32(cpus)
    return counts


class Evaluation:
    """One setting and one batch: late CPUs are brought online, then a guest visits every CPU that is online.

    Args:
        batch: the systems.
        setting: what they are booted under.
        singly: whether each fate must be right by itself, or only all of a system's together.
    """

    def __init__(self, batch: Batch, setting: Setting, *, singly: bool) -> None:
        self.batch, self.setting, self._design, self._singly = batch, setting, setting.design, singly
        self._has_saves = setting.has_saves
        self._looks = self._looks_at_lengths()
        raises = self._looks and self._design.late_cpu is LateCpu.RAISES
        self._raises = self._design.late_store if raises else None

    @cached_property
    def fates(self) -> list[UnitOutcome]:
        """What becomes of the system, and of every unit."""
        told_once = self._raises in {LateStore.WORKS, LateStore.READ_ONLY}
        of_units = (UnitOutcome(word, unit.cpus, 1 if told_once else unit.cpus) for unit, word in self.by_unit.items())
        return [*self._as_a_whole(), *self._dead(), *of_units]

    @cached_property
    def by_unit(self) -> dict[Unit, OutcomeBits]:
        """What becomes of every unit."""
        if self.setting.has_pkvm and self.setting.relay is Relay.ENFORCING:
            return self._visited(dict(self._refused_by_relay()))
        late, announced = self._brought_online()
        return self._visited(late, announced)

    # The system as a whole

    def _as_a_whole(self) -> Iterator[UnitOutcome]:
        if self._design.nosve:
            record = self.batch.record
            yield UnitOutcome(record.has_sve & verdict_bits.when(record.vq_map) & column(verdict_bits.DENIED), 1, 1)

    def _dead(self) -> Iterator[UnitOutcome]:
        if self._panics_at is not None:
            yield UnitOutcome(ordering.ever(self._panics_at) & verdict_bits.KERNEL_PANIC, 1, 1)

    # Late CPUs

    def _refused_by_relay(self) -> Iterator[tuple[Unit, OutcomeBits]]:
        for unit in self.batch.layout.late:
            yield unit, column(verdict_bits.BY_RELAY)

    def _looks_at_lengths(self) -> bool:
        """Whether the design looks at a late CPU's largest length."""
        late_cpu = self._design.late_cpu
        under = self.setting.has_pkvm or late_cpu is not LateCpu.REFUSED_UNDER_PKVM
        return late_cpu is not LateCpu.SILENT and under and not self._design.nosve

    def _found(self, unit: Unit) -> OutcomeBits:
        return NONE if self._design.nosve else self.batch.found(unit)

    def _saved(self, unit: Unit) -> OutcomeBits:
        if not self._has_saves:
            return NONE
        return self.batch.saved(unit, self._design, self.setting.memory)

    @cached_property
    def _panics_at(self) -> Turn | None:
        """The turn at which a store to read-only data panics the kernel; None where no store can."""
        relayed = not self.setting.has_pkvm or self.setting.relay is Relay.RELAXED
        if self._raises is not LateStore.READ_ONLY or not relayed:
            return None
        at = ordering.NEVER
        for unit in self.batch.layout.late:
            at = ordering.earliest(at, self._found(unit), verdict_bits.ABOVE, self.batch.turn(unit))
        return at

    def _brought_online(self) -> tuple[dict[Unit, OutcomeBits], Sets]:
        """What becomes of the late units, and the lengths that the log names."""
        looks = column(verdict_bits.ABOVE if self._looks else 0)
        refuses = self._design.late_cpu in {LateCpu.REFUSED, LateCpu.REFUSED_UNDER_PKVM}
        late, announced = {}, NONE
        for unit in self.batch.layout.late:
            tried = heard = EVERY_BIT
            if self._panics_at is not None:
                turn = self.batch.turn(unit)
                tried, heard = ordering.precedes(turn, self._panics_at), ~ordering.precedes(self._panics_at, turn)
            if self._raises is LateStore.WORKS and self._singly:
                heard = ~self._raised_before(unit)
            late[unit] = verdict_bits.late(
                self._found(unit), self._saved(unit), tried, heard, looks, EVERY_BIT if refuses else NONE
            )
            if self._looks and self._has_saves:
                announced = verdict_bits.announced_with(announced, late[unit], self.batch.columns[unit.group])
        return late, announced

    def _raised_before(self, one: Unit) -> OutcomeBits:
        """Where the maximum was raised to a unit's largest length already: no earlier turn has a larger one."""
        before = NONE
        own, turn = self.batch.columns[one.group], self.batch.turn(one)
        for other in self.batch.layout.late:
            if other is not one:
                as_large = verdict_bits.when(rules.above(own, self.batch.columns[other.group]))
                before = before | (ordering.precedes(self.batch.turn(other), turn) & ~as_large)
        return before

    def _told_of(self, unit: Unit, word: OutcomeBits, announced: Sets) -> OutcomeBits:
        """A unit's word, where the log may have named lengths as large as it saves with."""
        return verdict_bits.told_of(word, self.batch.columns[unit.group], self.batch.limit(self._design), announced)

    # Guests

    def _visited(self, late: dict[Unit, OutcomeBits], announced: Sets = NONE) -> dict[Unit, OutcomeBits]:
        """A guest on every CPU that is online, each at its turn, until one of them panics the hypervisor."""
        unit_words = {unit: late[unit] if unit.late else self._saved(unit) for unit in self.batch.layout.units}
        if not self._has_saves:
            return unit_words
        if announced is not NONE:
            unit_words = {
                unit: word if word is NONE else self._told_of(unit, word, announced)
                for unit, word in unit_words.items()
            }
        return self._until_panic(unit_words)

    def _until_panic(self, unit_words: dict[Unit, OutcomeBits]) -> dict[Unit, OutcomeBits]:
        """Without the saves that a panic of the kernel or the hypervisor forestalls."""
        if self._panics_at is not None:
            alive = ~(ordering.ever(self._panics_at) & verdict_bits.OF_SAVES)
            unit_words = {unit: word if word is NONE else word & alive for unit, word in unit_words.items()}
        panicking = [unit for unit, word in unit_words.items() if word is not NONE and self._may_panic(unit)]
        if not panicking:
            return unit_words
        at = ordering.NEVER
        for unit in panicking:
            at = ordering.earliest(at, unit_words[unit], verdict_bits.PANIC, self.batch.turn(unit))
        return {
            unit: word if word is NONE else ordering.until(word, self.batch.turn(unit), at)
            for unit, word in unit_words.items()
        }

    def _may_panic(self, unit: Unit) -> bool:
        return self.batch.layout.effects(unit, self._design, self.setting.memory).panics
