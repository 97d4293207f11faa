"""The evaluation of systems under one setting: a word (`sim.study.verdict_bits`) for each unit and for the whole.

Late CPUs are brought online, then a guest visits every CPU that is online, as in `Space.scenario`. Nothing is booted:
the rules of a boot (`sim.rules`, `sim.designs`) and the outcomes of its saves (`sim.study.save_outcomes`) say what a
boot would find. `tests/study/test_batch.py` compares every word with boots.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property, reduce
from operator import or_
from typing import Generic, NamedTuple

from sim import rules
from sim.designs import IGNORED, LateCpu, LateStore
from sim.rules import LateVerdict
from sim.scenario import Relay
from sim.study import ordering, verdict_bits
from sim.study.ordering import Turn
from sim.study.space_model import Unit
from sim.study.system_space import Setting
from sim.study.systems import Systems
from sim.study.value import V
from sim.study.verdict_bits import WARNED

OutcomeKey = tuple[StrEnum | bool, ...]


class UnitOutcome(NamedTuple, Generic[V]):
    """The outcome of a unit, or of the system as a whole."""

    word: V
    cpus: int
    """The number of CPUs that the word is about; 1 for the system."""
    warned_cpus: int
    """The number of these CPUs that the log announces where the word has WARNED."""


def outcome_key(setting: Setting) -> OutcomeKey:
    """Return a key that is equal only for settings that give every system the same word.

    A sweep evaluates one setting for each key. The key leaves out the choices that cannot matter.
    """
    design = setting.design
    # Without SVE nothing is saved, and no CPU is judged by its lengths: only the relay still refuses CPUs.
    if design.nosve:
        return (design.nosve, setting.has_pkvm and setting.relay)
    saves = (design.buffer_sized_by, design.zcr_el2, design.ffr_pointer, setting.memory) if setting.has_pkvm else ()
    # An enforcing relay starts no late CPU, so what the kernel would do about one does not matter.
    if setting.has_pkvm and setting.relay is Relay.ENFORCING:
        return saves
    return (*saves, setting.has_pkvm, design.late_cpu, design.late_cpu is LateCpu.RAISES and design.late_store)


class Evaluation(Generic[V]):
    """The evaluation of systems under a setting.

    Args:
        systems: the systems.
        setting: the setting to boot them under.
        exact: True: each unit's bits are exact, as counting needs. False: only their OR over the system is.
    """

    def __init__(self, systems: Systems[V], setting: Setting, *, exact: bool) -> None:
        self.systems, self.setting, self._design, self._exact = systems, setting, setting.design, exact
        above_maximum = IGNORED if setting.design.nosve else setting.design.above_maximum(has_pkvm=setting.has_pkvm)
        self._announces, self._refuses, self._late_store = above_maximum
        self._relay_refuses = setting.has_pkvm and setting.relay is Relay.ENFORCING
        # A store to read-only data panics the kernel at the first announcement, so that no guest's save follows one.
        self._has_announced_saves = (
            self._announces and not self._relay_refuses and self._late_store is not LateStore.READ_ONLY
        )

    @cached_property
    def word(self) -> V:
        """The word of the system: the OR of all outcomes."""
        words = [outcome.word for outcome in self.outcomes] if self._needs_each_unit else self._few_words()
        return reduce(or_, words or [self.systems.none])

    @property
    def _needs_each_unit(self) -> bool:
        """True if the word of the system needs those of all early units: for counts, announcements or panics."""
        if self._exact or not self.setting.has_saves:
            return True
        may_be_announced = self._has_announced_saves and not self._design.save_always_fits(late=False)
        return may_be_announced or any(self._may_panic(unit) for unit in self.systems.model.units)

    def _few_words(self) -> list[V]:
        """Return words whose OR is that of all outcomes, with the saves of as many CPUs as possible in one."""
        units, own = self.systems.model.units, self.systems.vqs
        online = [(unit, own[unit.group]) for unit in units if not unit.late]
        # Where announced CPUs are refused, no save on an accepted CPU exceeds a buffer that fits all early CPUs.
        all_fit = self._refuses and self._design.save_always_fits(late=False)
        if self._has_announced_saves and not self._refuses:
            late = [*self._with_announced({unit: self._late_word(unit) for unit in self.systems.model.late}).values()]
        elif self._relay_refuses:
            late = [self._late_word(unit) for unit in self.systems.model.late]
        else:
            late = [self._fate_word(unit) for unit in self.systems.model.late]
            online += [(unit, own[unit.group] & ~self._verdict(unit).refused) for unit in self.systems.model.late]
        saves = self.systems.joint_save_words(online, self._design, self.setting.memory, all_fit=all_fit)
        return [*late, *map(self._unless_kernel_panics, saves), *(outcome.word for outcome in self._of_system())]

    @cached_property
    def outcomes(self) -> list[UnitOutcome[V]]:
        """The outcomes of the system as a whole, then of every unit that has any."""
        # The first CPU of a unit raises the maximum to its own length, or panics the kernel: the log does not announce
        # the unit's other CPUs, which have equal lengths.
        once = self._late_store in {LateStore.WORKS, LateStore.READ_ONLY}
        of_units = (UnitOutcome(word, unit.cpus, 1 if once else unit.cpus) for unit, word in self.by_unit.items())
        return [*self._of_system(), *of_units]

    def _of_system(self) -> Iterator[UnitOutcome[V]]:
        """Yield the outcomes that belong to no unit: lengths that ``arm64.nosve`` denies, and a panic of the kernel."""
        if self._design.nosve:
            # CPUs with SVE share 128 bits at least.
            yield UnitOutcome(self.systems.record.has_sve & verdict_bits.DENIED, 1, 1)
        if self._kernel_panic is not None:
            yield UnitOutcome(ordering.ever(self._kernel_panic) & verdict_bits.KERNEL_PANIC, 1, 1)

    @cached_property
    def by_unit(self) -> dict[Unit, V]:
        """The word of every late unit and, where there are saves, of every early unit."""
        late = {unit: self._late_word(unit) for unit in self.systems.model.late}
        if not self.setting.has_saves:
            return late
        words = {unit: late[unit] if unit.late else self._save_word(unit) for unit in self.systems.model.units}
        if self._has_announced_saves:
            words = self._with_announced(words)
        return self._until_panic(words)

    # Late CPUs

    def _late_word(self, unit: Unit) -> V:
        """Return the word of a late unit, with the hazards of its saves where it is accepted."""
        if self._relay_refuses:
            return self.systems.constant(verdict_bits.BY_RELAY)
        verdict = self._verdict(unit)
        # Where the maximum was raised before, an earlier CPU was announced: the OR over the system has WARNED anyway.
        if self._late_store is LateStore.WORKS and self._exact:
            verdict = verdict._replace(announced=verdict.announced & ~self._raised_before(unit))
        return self._until_kernel_panic(verdict_bits.late_word(verdict, self._save_word(unit)), unit)

    def _fate_word(self, unit: Unit) -> V:
        """Return the word of a late unit without the hazards of its saves."""
        # A save tells whether a refusal was needless. Without either of these only faulty CPUs are refused.
        can_be_needless = self._refuses or self.systems.model.has_pseudo_registers
        save = self._save_word(unit) if can_be_needless else self.systems.none
        return self._until_kernel_panic(verdict_bits.fate_word(self._verdict(unit), save), unit)

    def _until_kernel_panic(self, word: V, unit: Unit) -> V:
        """Return the word of a late unit, without what a panic of the kernel forestalls.

        The CPU whose announcement is the kernel's last is announced, and neither accepted nor refused.
        """
        panic, turn = self._kernel_panic, self.systems.turn(unit)
        if panic is None:
            return word
        is_before, is_after = ordering.precedes(turn, panic), ordering.precedes(panic, turn)
        return word & (is_before | (~is_after & WARNED))

    def _save_word(self, unit: Unit) -> V:
        """Return the hazards of the saves on a unit's CPUs; none in a setting without saves."""
        if not self.setting.has_saves:
            return self.systems.none
        return self.systems.save_word(unit, self._design, self.setting.memory)

    def _verdict(self, unit: Unit) -> LateVerdict[V]:
        """Return the verdict on a late unit, by the kernel's record of the early CPUs alone.

        A maximum that an earlier late CPU raised does not count here; `_raised_before` corrects the announcement.
        """
        if self._design.nosve:
            return LateVerdict(self.systems.none, self.systems.none, self.systems.every_bit)
        return self.systems.late_verdict(unit, announces=self._announces, refuses=self._refuses)

    @cached_property
    def _kernel_panic(self) -> Turn[V] | None:
        """The turn at which a store to read-only data panics the kernel; None where no store can."""
        if self._late_store is not LateStore.READ_ONLY or self._relay_refuses:
            return None
        panic = self.systems.never
        for unit in self.systems.model.late:
            panic = ordering.earliest(panic, self._verdict(unit).announced, self.systems.turn(unit))
        return panic

    def _raised_before(self, unit: Unit) -> V:
        """Return a mask: every bit where an earlier CPU raised the maximum to a unit's largest length.

        The mask is right only where the unit is above the early CPUs' maximum, and is used only there: an earlier CPU
        with the same largest length is then above that maximum too, so that it was announced.
        """
        before = self.systems.none
        own, turn = self.systems.vqs[unit.group], self.systems.turn(unit)
        for other in self.systems.model.late:
            if other is not unit:
                # CPUs come in ascending order of sets: what an earlier CPU raised is at most this CPU's largest length.
                is_smaller = rules.when(rules.above(own, self.systems.vqs[other.group]))
                before = before | (ordering.precedes(self.systems.turn(other), turn) & ~is_smaller)
        return before

    # Guests

    def _with_announced(self, words: dict[Unit, V]) -> dict[Unit, V]:
        """Return the words with SILENT made ANNOUNCED for saves that the log announced, by a length as large.

        All late CPUs come online before the first guest, so every announcement precedes every save.
        """
        announced_vqs = self.systems.none
        for unit in self.systems.model.late:
            announced_vqs = announced_vqs | (rules.when(words[unit] & WARNED) & self.systems.vqs[unit.group])
        limit = self.systems.buffers(self._design)[1]
        return {
            unit: verdict_bits.announced_save(word, self.systems.vqs[unit.group], limit, announced_vqs)
            for unit, word in words.items()
        }

    def _until_panic(self, words: dict[Unit, V]) -> dict[Unit, V]:
        """Return the words without the saves that a panic of the kernel or of the hypervisor forestalls."""
        words = {unit: self._unless_kernel_panics(word) for unit, word in words.items()}
        panicking = [unit for unit in words if self._may_panic(unit)]
        if not panicking:
            return words
        panic = self.systems.never
        for unit in panicking:
            panics = rules.when(words[unit] & verdict_bits.PANIC)
            panic = ordering.earliest(panic, panics, self.systems.turn(unit))
        return {unit: ordering.until(word, self.systems.turn(unit), panic) for unit, word in words.items()}

    def _unless_kernel_panics(self, word: V) -> V:
        """Return a word without the hazards of saves where the kernel panics, since that is before all guests."""
        return word if self._kept_in_panic is None else word & self._kept_in_panic

    @cached_property
    def _kept_in_panic(self) -> V | None:
        """The bits that words keep where the kernel panics, and all bits elsewhere; None where it never panics."""
        panic = self._kernel_panic
        return None if panic is None else ~(ordering.ever(panic) & verdict_bits.OF_SAVES)

    def _may_panic(self, unit: Unit) -> bool:
        """Return True if a save on a unit's CPUs panics in any system; without such units no order is computed."""
        return self.systems.model.save_outcomes(unit, self._design, self.setting.memory).may_panic
