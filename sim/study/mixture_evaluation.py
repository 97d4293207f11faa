"""The outcome of a mixture of cores: who comes online, what the system has, and what it loses, as operations on bits.

The order is a boot's: the boot CPU, early CPUs, final capabilities, KVM, and then late CPUs one after the other. The
bits of a core are those of `sim.study.core_model`. A value is an int or a column with a row for each mixture; a truth
is a mask, as in `sim.rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

from sim import rules
from sim.study import core_model
from sim.study.core_model import CoreModel
from sim.study.wide_sets import W, Wide

REFUSED, LOST, PANICS, TAINTED, LOSES_CAPABILITIES, LOSES_HWCAPS = (1 << place for place in range(6))
"""The bits of an outcome: a CPU was refused, a CPU was lost, the system stopped, the kernel is tainted because CPUs
differ, and a capability, or a hwcap, is missing that some core would have by itself."""
OUTCOMES = ("refused", "lost", "panicked", "tainted", "capabilities_lost", "hwcaps_lost")
"""The names of these bits, the lowest first."""


class CoreBits(NamedTuple, Generic[W]):
    """A core beside the boot CPU of its mixture."""

    beside: W
    has: Wide[W]
    dies_without: Wide[W]
    hwcaps: Wide[W]
    values: Wide[W]
    truths: Wide[W]
    vqs: W


class Alone(NamedTuple, Generic[W]):
    """The capabilities and hwcaps of a system of one core."""

    capabilities: Wide[W]
    hwcaps: Wide[W]


@dataclass(slots=True)
class _State(Generic[W]):
    """A mixture under way."""

    values: Wide[W]
    """The sanitised values, as bits."""
    has_stopped: W
    refused: W
    lost: W
    tainted: W


@dataclass(slots=True)
class _Early(Generic[W]):
    """The part of a system that early CPUs decide."""

    shared: Wide[W]
    """The capabilities that each early CPU has by itself."""
    local: Wide[W]
    """The capabilities that some early CPU decides by itself."""
    hwcaps: Wide[W]
    vq_map: W
    vq_partial_map: W
    floor_vqs: W


@dataclass(slots=True)
class _Final(Generic[W]):
    """The part of a system that is final before user space begins."""

    capabilities: Wide[W]
    hwcaps: Wide[W]
    values: Wide[W]
    every_vq: W
    virtualisable_vqs: W
    ipa_limit: list[W]
    """Masks: KVM's limit is at least the number of bits of each of the model's ranges."""


class Mixture(Generic[W]):
    """The outcome of a mixture.

    Args:
        model: the cores under a kernel.
        boot_capabilities: those that the boot CPU decides.
        cores: the cores of the clusters, the boot CPU's first.
        late: for each cluster but the first, whether it comes late.
        cpus: the number of CPUs of each cluster.
    """

    def __init__(
        self,
        model: CoreModel,
        boot_capabilities: Wide[W],
        cores: Sequence[CoreBits[W]],
        late: Sequence[bool],
        cpus: int = 1,
    ) -> None:
        self._model = model
        boot, *others = cores
        none = boot.beside & 0
        self._every = ~none
        silent = self._bit(boot.beside, core_model.SILENT)
        self._state = _State(boot.values, silent, none, none, none)
        early = _Early(
            boot.has,
            boot_capabilities,
            boot.hwcaps,
            boot.vqs,
            boot.vqs,
            rules.smear(boot.vqs) if model.has_pseudo_registers else none,
        )
        for core, is_late in zip(others, late, strict=True):
            if not is_late:
                self._come_early(core, early)
        self._final = final = self._finalise(early)
        # A second late CPU of a core meets what the first left; a third meets the same as the second.
        for core, is_late in zip(others, late, strict=True):
            for _cpu in range(min(cpus, 2) if is_late else 0):
                self._come_late(core, early, final)

    @staticmethod
    def _bit(word: W, bit: int) -> W:
        return -(word >> (bit.bit_length() - 1) & 1)

    def _come_early(self, core: CoreBits[W], early: _Early[W]) -> None:
        model, state = self._model, self._state
        counts = self._start(core)
        early.shared = early.shared.shared_where(counts, core.has)
        found = (core.has & model.of_local).where(counts)
        for one in model.contextual:
            if one.of_cpu is not None:
                mask = one.of_cpu(state.values, core.truths) & counts
                found = found.with_members(mask, 1 << one.place)
        early.local = early.local | found
        early.hwcaps = early.hwcaps.shared_where(counts, core.hwcaps)
        # As long as every CPU has SVE; without, lengths no longer matter.
        uncounted = ~counts
        early.vq_map = rules.shared_with(early.vq_map, core.vqs | uncounted)
        early.vq_partial_map = rules.seen_with(early.vq_partial_map, core.vqs & counts)
        if model.has_pseudo_registers:
            early.floor_vqs = rules.pseudo_register(early.floor_vqs, core.vqs | uncounted)
        self._store(core, counts)

    def _start(self, core: CoreBits[W], lost: W | None = None) -> W:
        """Start a secondary, and return a mask: every bit where it survives the comparison with the boot CPU."""
        state, runs = self._state, ~self._state.has_stopped
        is_lost = self._bit(core.beside, core_model.LOST)
        if lost is not None:
            is_lost = is_lost | lost
        arrives = runs & ~is_lost
        panics = arrives & self._bit(core.beside, core_model.PANICS)
        refused = arrives & self._bit(core.beside, core_model.REFUSED)
        state.lost = state.lost | (runs & is_lost)
        state.refused = state.refused | refused
        state.has_stopped = state.has_stopped | panics
        return arrives & ~panics & ~refused

    def _store(self, core: CoreBits[W], counts: W) -> None:
        """Make the system's values safe for a CPU, and find whether it taints the kernel."""
        model, state = self._model, self._state
        state.values = state.values.shared_where(counts, core.values)
        differs = self._bit(core.beside, core_model.DIFFERS) | (
            self._bit(core.beside, core_model.DIFFERS_IN_32_BITS) & model.el1_is_32_bits(state.values)
        )
        if model.has_pseudo_registers:
            in_lengths = self._bit(core.beside, core_model.DIFFERS_IN_LENGTHS)
            differs = differs | (in_lengths & model.has_sve(state.values))
        state.tainted = state.tainted | (differs & counts)

    def _finalise(self, early: _Early[W]) -> _Final[W]:
        model, values = self._model, self._state.values
        # What any early CPU decides is the system's, except for what all of them must have.
        found = early.local & ~model.of_all_early | (early.local & early.shared & model.of_all_early)
        found = found | (early.shared & model.of_system)
        for one in model.contextual:
            # A statement that is false of all values adds nothing.
            if one.of_system is not None and one.of_system.constant is not False:
                found = found.with_members(one.of_system(values), 1 << one.place)
        found = found.without_members(found.meets(model.errata_against_cnp), model.cnp)
        return _Final(
            found,
            self._promised(early, found),
            values,
            early.vq_map & 0 | rules.ARCHITECTURE_VQS,
            rules.virtualisable(early.vq_map, early.vq_partial_map),
            self._ipa_limit(found),
        )

    def _promised(self, early: _Early[W], capabilities: Wide[W]) -> Wide[W]:
        model = self._model
        place = model.table.place
        contextual = sum(1 << one for one, _statement in model.contextual_hwcaps)
        hwcaps = early.hwcaps & ~contextual
        for one, statement in model.contextual_hwcaps:
            hwcaps = hwcaps.with_members(statement(self._state.values), 1 << one)
        for extension, parts in model.of_extension.items():
            without = ~capabilities.has(place[extension]) if extension in place else self._every
            hwcaps = hwcaps.without_members(without, parts)
        for erratum, hidden in model.hidden_by:
            if hidden:
                hwcaps = hwcaps.without_members(capabilities.has(erratum), hidden)
        without_32_bits = ~capabilities.has(place[model.name_of_32_bits])
        hwcaps = hwcaps.without_members(without_32_bits, model.of_32_bits)
        if model.erratum_of_aes is not None:
            mask = capabilities.has(model.erratum_of_aes)
            hwcaps = hwcaps.without_members(mask, model.aes_of_32_bits)
        return hwcaps | model.promised_always

    def _ipa_limit(self, capabilities: Wide[W]) -> list[W]:
        model, values = self._model, self._state.values
        has_kvm = model.kvm_has_pages(values)
        with_lpa2 = None if model.lpa2 is None else capabilities.has(model.lpa2)
        limit = []
        for bits, reaches in model.ranges:
            mask = reaches(values) & has_kvm
            if bits > model.most_bits_without_lpa2:
                mask = mask & (self._every & 0 if with_lpa2 is None else with_lpa2)
            limit.append(mask)
        return limit

    def _come_late(self, core: CoreBits[W], early: _Early[W], final: _Final[W]) -> None:
        model, state = self._model, self._state
        arrives = self._start(core, (final.capabilities & core.dies_without).any())
        refused = arrives & (
            self._conflicts(core, final)
            | self._breaks_promise(core, final)
            | self._refused_by_lengths(core, early, final)
            | self._unfit_for_guests(core, final)
        )
        state.refused = state.refused | refused
        accepted = arrives & ~refused
        self._store(core, accepted)
        lacks_breakpoints = self._every & 0
        for at_least in model.breakpoints:
            lacks_breakpoints = lacks_breakpoints | (at_least(final.values) & ~at_least(core.values))
        state.has_stopped = state.has_stopped | (accepted & lacks_breakpoints)

    def _conflicts(self, core: CoreBits[W], final: _Final[W]) -> W:
        model = self._model
        has = core.has.without_members(final.capabilities.meets(model.errata_against_cnp), model.cnp)
        for one in model.contextual:
            if one.of_cpu is not None:
                has = has.with_members(one.of_cpu(self._state.values, core.truths), 1 << one.place)
            elif one.late is not None and one.late.constant is not None:
                has = has | 1 << one.place if one.late.constant else has & ~(1 << one.place)
            elif one.late is not None:
                has = (has & ~(1 << one.place)).with_members(one.late(self._state.values), 1 << one.place)
        table = model.table
        found = rules.conflicts(final.capabilities, has, table.optional_late, table.permitted_late)
        return (found & model.of_late).any()

    def _breaks_promise(self, core: CoreBits[W], final: _Final[W]) -> W:
        model = self._model
        missing = final.hwcaps & ~core.hwcaps
        of_64_bits = (missing & ~model.of_32_bits).any()
        return of_64_bits | ((missing & model.of_32_bits).any() & self._bit(core.beside, core_model.RUNS_32_BITS))

    def _refused_by_lengths(self, core: CoreBits[W], early: _Early[W], final: _Final[W]) -> W:
        place = self._model.table.place.get("SVE")
        if place is None or not any(self._model.vqs):
            return self._every & 0
        findings = rules.late_findings(core.vqs, early.vq_map, final.every_vq, final.virtualisable_vqs, early.floor_vqs)
        return rules.late_verdict(findings, 0, 0).refused & final.capabilities.has(place)

    def _unfit_for_guests(self, core: CoreBits[W], final: _Final[W]) -> W:
        model, now = self._model, self._state.values
        unfit = model.has_wide_vmids(now) & ~model.has_wide_vmids(core.values)
        compared = core.values if model.compares_own_ipa_range else now
        for limit, (_bits, reaches) in zip(final.ipa_limit, model.ranges, strict=True):
            unfit = unfit | (limit & ~reaches(compared))
        return unfit

    @property
    def capabilities(self) -> Wide[W]:
        """The capabilities that the system has."""
        return self._final.capabilities

    @property
    def hwcaps(self) -> Wide[W]:
        """The hwcaps that programs are promised."""
        return self._final.hwcaps

    @property
    def has_stopped(self) -> W:
        """A mask: the kernel panicked, or the system fell silent."""
        return self._state.has_stopped

    def lost(self, alone: Sequence[Alone[W]]) -> tuple[Wide[W], Wide[W]]:
        """Return the capabilities and hwcaps that some core would have by itself; none where the system stopped."""
        first, *others = alone
        capabilities, hwcaps = first
        for one in others:
            capabilities, hwcaps = capabilities | one.capabilities, hwcaps | one.hwcaps
        model, runs = self._model, ~self._state.has_stopped
        # Where no 32-bit programs run, a capability is lost, and none of their hwcaps.
        without_32_bits = ~self.capabilities.has(model.table.place[model.name_of_32_bits])
        return (
            (capabilities & model.features & ~self.capabilities).where(runs),
            (hwcaps & ~self.hwcaps).without_members(without_32_bits, model.of_32_bits).where(runs),
        )

    def word(self, lost: tuple[Wide[W], Wide[W]]) -> W:
        """Return the outcome's bits."""
        state, (capabilities, hwcaps) = self._state, lost
        return (
            (state.refused & REFUSED)
            | (state.lost & LOST)
            | (state.has_stopped & PANICS)
            | (state.tainted & TAINTED)
            | (capabilities.any() & LOSES_CAPABILITIES)
            | (hwcaps.any() & LOSES_HWCAPS)
        )
