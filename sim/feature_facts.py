"""All CPU features of a system at one moment of its boot, frozen: what tables, hazards and comparisons are made from.

A boot has one state when user space begins and one at its end, because CPUs that come late still change the sanitised
registers. Where lengths alone are modelled there is no state.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from sim.cpufeature_tables import Capability, Field, KernelTables, Register
from sim.cpufeature_tables.tables import words_of_hwcap
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.features.certainty import Certainty, certainty_of
from sim.kernel.features.system_features import SystemFeatures


class Scope(StrEnum):
    """The CPUs that decide whether the system has a capability, or else the command line."""

    BOOT = "boot CPU"
    LOCAL = "any early CPU"
    ALL_EARLY = "each early CPU"
    SYSTEM = "sanitised registers"
    COMMAND_LINE = "command line"


class RegisterState(msgspec.Struct, frozen=True):
    """An ID register as the kernel keeps it (``struct arm64_ftr_reg``)."""

    table: Register
    """The register's entry in the kernel's table."""
    system_value: int
    """The sanitised value."""
    user_value: int
    """The value for programs."""
    strict_mask: int
    """The bits in which the kernel logs a difference, 0 before the first value; it may be relaxed from the table's."""
    forced: tuple[int, int]
    """The bits that the command line gives values on the boot CPU, and these values; none that the kernel ignores."""

    def forced_to(self, field: Field) -> int | None:
        """Return the value that the command line gives a field; None if it gives none."""
        mask, value = self.forced
        return field.of(value) if mask & field.mask == field.mask else None


class DetectedCapability(msgspec.Struct, frozen=True):
    """A capability that the system has."""

    entry: Capability
    """The entry of the kernel's table, with the name, the words of the log and the type."""
    decided_by: int | None
    """The logical number of the CPU that decided, or None if several CPUs did together."""
    cpus: tuple[int, ...]
    """The CPUs that have it, where the kernel counts them."""
    by_option: bool
    """True if the command line gives it, and the system's registers do not show it."""

    @property
    def scope(self) -> Scope:
        """The CPUs that decided on it, or the command line."""
        return Scope.COMMAND_LINE if self.by_option else scope_of(self.entry)


def scope_of(entry: Capability) -> Scope:
    """Return the CPUs that decide on a capability."""
    if "MATCH_ALL_EARLY" in entry.type:
        return Scope.ALL_EARLY
    return Scope.BOOT if "BOOT" in entry.type else Scope.LOCAL if "LOCAL" in entry.type else Scope.SYSTEM


class FeatureState(msgspec.Struct, frozen=True):
    """All CPU features at one moment."""

    tables: KernelTables
    """The kernel's tables."""
    has_values: bool
    """True unless the kernel stopped before it read the boot CPU's registers: then nothing is sanitised."""
    registers: Mapping[str, RegisterState]
    """The ID registers, in the order in which the kernel compares them."""
    capabilities: tuple[DetectedCapability, ...]
    """In the order of their numbers."""
    hwcaps: tuple[str, ...]
    """The names of /proc/cpuinfo, in the order of their bits."""
    compat_hwcaps: tuple[str, ...]
    """The names that 32-bit programs read there; none where no CPU runs any."""
    hwcap_words: tuple[int, ...]
    """AT_HWCAP, AT_HWCAP2 and AT_HWCAP3."""
    compat_hwcap_words: tuple[int, ...]
    """AT_HWCAP and AT_HWCAP2 of 32-bit programs."""
    vulnerabilities: Mapping[str, str | None]
    """The files of /sys/devices/system/cpu/vulnerabilities; None where registers that are unknown decide."""
    aarch32_cpus: tuple[int, ...] | None
    """The CPUs that run 32-bit programs, under ``allow_mismatched_32bit_el0``; None without it."""
    pinned_cpu: int | None
    """The CPU that can no longer be taken offline, so that 32-bit programs have one."""
    taint: int
    tainted_by: Mapping[int, int]
    """The first CPU that caused each bit of the taint; none where exception levels that differ caused it."""
    changed_late_by: Mapping[tuple[str, int], int]
    """The first late CPU that changed a field of the system's value, by register and the field's lowest bit."""
    ipa_limit_bits: int | None
    """KVM's limit of guests' physical addresses; 0 where KVM is not up, None where no CPU's range is known."""
    certainty: Certainty
    """The features that depend on registers which no source tells."""

    @property
    def hwcaps_in_words(self) -> tuple[str, ...]:
        """The hwcaps of all programs, each with the programs if they are 32-bit programs."""
        return *self.hwcaps, *(words_of_hwcap(name, compat=True) for name in self.compat_hwcaps)

    def shows_programs(self, register: str) -> bool:
        """Return True if programs read the system's value of a register, and not each CPU's own.

        The kernel traps reads of CTR_EL0 on CPUs that differ from the system in it, and never those of DCZID_EL0.

        Source: arch/arm64/kernel/cpu_errata.c (``cpu_enable_trap_ctr_access``).
        """
        if register == "CTR_EL0":
            return any(one.entry.name == "MISMATCHED_CACHE_TYPE" for one in self.capabilities)
        return self.registers[register].table.is_emulated


def feature_state(features: CpuFeatures) -> FeatureState | None:
    """Return the state of all features; None where lengths alone are modelled."""
    if not features.has_all:
        return None
    system = features.system
    forced = system.registers.forced()
    asymmetric = system.options.allow_mismatched_32bit_el0
    return FeatureState(
        tables=system.tables,
        has_values=system.has_values,
        registers={
            name: RegisterState(reg.table, reg.system_value, reg.user_view, reg.strict_mask, forced.get(name, (0, 0)))
            for name, reg in system.registers.regs.items()
        },
        capabilities=_capabilities(system),
        hwcaps=tuple(system.hwcaps.cpuinfo()),
        compat_hwcaps=tuple(system.hwcaps.compat_cpuinfo()) if system.runs_32bit_programs else (),
        hwcap_words=tuple(system.hwcaps.words()),
        compat_hwcap_words=tuple(system.hwcaps.compat),
        vulnerabilities=system.vulnerabilities(),
        aarch32_cpus=tuple(sorted(system.aarch32.cpus)) if asymmetric else None,
        pinned_cpu=system.aarch32.pinned,
        taint=features.taint,
        tainted_by=dict(system.tainted_by),
        changed_late_by=dict(system.changed_late_by),
        ipa_limit_bits=features.ipa_limit_bits,
        certainty=certainty_of(system, features.reading),
    )


def _capabilities(system: SystemFeatures) -> tuple[DetectedCapability, ...]:
    capabilities = system.capabilities
    return tuple(
        DetectedCapability(
            entry,
            capabilities.decided_by[place],
            tuple(capabilities.cpus.get(place, ())),
            place in capabilities.by_option,
        )
        for place, entry in capabilities.of_system()
    )
