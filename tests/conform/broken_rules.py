"""The rules of CPU features, each with a way to break it: records of real kernels must notice.

A breaker replaces one function or value of the model by the nearest rule that is wrong, as a developer might have it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from sim import rules
from sim.cpufeature_tables import Field, KernelTables, Register, SafeType
from sim.cpufeature_tables.tables import Requirement
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.features import capabilities, matchers, system_features
from sim.kernel.features.capabilities import Capabilities, Conflict
from sim.kernel.features.cpu_id import CpuId, LocalReading
from sim.kernel.features.hwcaps import Hwcaps
from sim.kernel.features.id_override import Override
from sim.kernel.features.mitigations import Mitigations
from sim.kernel.features.system_features import SystemFeatures
from sim.kernel.features.system_registers import SystemRegisters
from sim.kernel.smp import SecondaryData, Smp

Breaker = Callable[[pytest.MonkeyPatch], None]
_WIDEST = 63


def _replaced(owner: object, name: str, wrong: Callable[..., Any]) -> Breaker:
    """Return a breaker that replaces a function or a property."""
    is_property = isinstance(owner, type) and not callable(getattr(owner, name))
    return lambda patch: patch.setattr(owner, name, property(wrong) if is_property else wrong)


def _nothing(*_args: object, **_named: object) -> None:
    """Do nothing."""


def _compares_with_the_sanitised_value(patch: pytest.MonkeyPatch) -> None:
    differs = SystemRegisters.differs

    def wrong(self: SystemRegisters, name: str, _boot_value: int, value: int) -> bool:
        return differs(self, name, self.read(name), value)

    patch.setattr(SystemRegisters, "differs", wrong)
    # Registers that are as the boot CPU's are not even looked at.
    patch.setattr(system_features, "_differing", lambda names, _cpu, _reference: names)


def _tells_of_variation_each_time(patch: pytest.MonkeyPatch) -> None:
    store = SystemFeatures.store

    def wrong(self: SystemFeatures, number: int, cpu: CpuId) -> None:
        store(self, number, cpu)
        self._variation_told = False

    patch.setattr(SystemFeatures, "store", wrong)


def _raw_ctr(self: CpuId, name: str) -> int:
    return self.raw_ctr if name == "CTR_EL0" else self.registers.get(name, 0)


def _refused_stays_present(patch: pytest.MonkeyPatch) -> None:
    cpu_die_early = Smp.cpu_die_early

    def wrong(self: Smp, task: int, hw_cpu: int, data: SecondaryData) -> None:
        cpu_die_early(self, task, hw_cpu, data)
        self._present[task] = True

    patch.setattr(Smp, "cpu_die_early", wrong)


def _conflicts(*, optional: bool, permitted: bool) -> Breaker:
    """Return a breaker that ignores what is optional for a late CPU, or permitted to it."""

    def wrong(system: int, cpu: int, optional_late: int, permitted_late: int) -> int:
        return rules.conflicts(system, cpu, optional_late * optional, permitted_late * permitted)

    class Rules:
        conflicts = staticmethod(wrong)

    return lambda patch: patch.setattr(capabilities, "rules", Rules)


def _late_cpus_change_nothing(patch: pytest.MonkeyPatch) -> None:
    store = SystemFeatures.store

    def wrong(self: SystemFeatures, number: int, cpu: CpuId) -> None:
        before = {name: reg.system_value for name, reg in self.registers.regs.items()}
        store(self, number, cpu)
        if self.final:
            for name, value in before.items():
                self.registers.regs[name].system_value = value

    patch.setattr(SystemFeatures, "store", wrong)


def _safe_value(of: SafeType, wrong: Callable[[Field, int, int], int]) -> Breaker:
    """Return a breaker that takes another safe value of the fields of a type."""
    safe_value = Field.safe_value

    def replacement(self: Field, system: int, cpu: int) -> int:
        return wrong(self, system, cpu) if self.type is of else safe_value(self, system, cpu)

    return lambda patch: patch.setattr(Field, "safe_value", replacement)


def _boot_scope_for_late_cpus_alone(patch: pytest.MonkeyPatch) -> None:
    verify_boot = SystemFeatures.verify_boot

    def wrong(self: SystemFeatures, number: int, cpu: CpuId) -> Conflict | None:
        return verify_boot(self, number, cpu) if self.final else None

    patch.setattr(SystemFeatures, "verify_boot", wrong)


def _hwcaps_before_capabilities(patch: pytest.MonkeyPatch) -> None:
    verify_late = SystemFeatures.verify_late

    def wrong(self: SystemFeatures, number: int, cpu: CpuId) -> Conflict | None:
        self.verify_hwcaps(number, cpu)
        return verify_late(self, number, cpu)

    patch.setattr(SystemFeatures, "verify_late", wrong)


def _any_early_cpu_is_enough(
    self: Capabilities, number: int, matches: Callable[[Requirement], bool], midr: int
) -> None:
    self._detect(self.table.at_secondaries, number, matches, self.table.of_other_models(midr), 0)


def _every_register(self: KernelTables) -> tuple[str, ...]:
    return tuple(name for name, one in self.registers.items() if not one.is_aarch32)


def _strict_bits_of_fields(self: Register) -> int:
    return sum(field.mask for field in self.fields if field.strict)


def _matcher(name: str, wrong: matchers.Matcher) -> Breaker:
    return lambda patch: patch.setitem(matchers.MATCHERS, name, wrong)


def _effective_ctr_differs(system: matchers.SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    reg = system.registers.regs["CTR_EL0"]
    return cpu.effective_ctr & reg.strict_mask != reg.system_value & reg.strict_mask


def _no_compat_hwcaps(patch: pytest.MonkeyPatch) -> None:
    missing = Hwcaps.missing

    def wrong(self: Hwcaps, matches: Callable[[Any], bool], *, has_aarch32: bool) -> object:
        del has_aarch32
        return missing(self, matches, has_aarch32=False)

    patch.setattr(Hwcaps, "missing", wrong)


def _in_no_list(_tables: KernelTables, _name: str, _midr: int) -> bool:
    return False


BROKEN: dict[str, tuple[Breaker, tuple[str, ...]]] = {
    "a CPU is compared with the boot CPU, and not with the sanitised value": (
        _compares_with_the_sanitised_value,
        ("7.3/fpfr0", "6.12/cntfrq"),
    ),
    "variation is told of once": (_tells_of_variation_each_time, ("7.3/fpfr0", "6.12/cntfrq")),
    "CTR_EL0 is the effective value": (_replaced(CpuId, "value", _raw_ctr), ("7.3/fpfr0", "6.12/cntfrq")),
    "errata hide SSBS and BF16": (_replaced(SystemRegisters, "hide", _nothing), ("7.3/fpfr0", "6.12/cntfrq")),
    "a refused CPU leaves the present set": (_refused_stays_present, ("6.12/cycle@6.12", "7.3/retry-dead")),
    "some features are permitted to a late CPU": (
        _conflicts(optional=True, permitted=False),
        ("7.3/mmfr4", "6.12/ctr-late@6.12"),
    ),
    "some are optional for it": (_conflicts(optional=False, permitted=True), ("6.12/csv-ssbd4", "7.3/bhb-ecbhb")),
    "late CPUs change sanitised values": (_late_cpus_change_nothing, ("6.12/parange", "7.3/parange-kvm")),
    "early secondaries detect errata": (
        _replaced(SystemFeatures, "detect_local", _nothing),
        ("6.12/csv-ssbd4", "7.3/csv-kpti1"),
    ),
    "some cores have broken dirty bits": (
        _replaced(system_features, "is_listed", _in_no_list),
        ("6.12/v4-late", "7.3/revidr-a53@7.3"),
    ),
    "fields of type EXACT have a fixed safe value": (
        _safe_value(SafeType.EXACT, lambda field, system, cpu: rules.lower_safe(system, cpu, field.sign, _WIDEST)),
        ("6.12/cntfrq", "7.3/cntfrq-7.3"),
    ),
    "zero is the safe value of HIGHER_OR_ZERO_SAFE": (
        _safe_value(SafeType.HIGHER_OR_ZERO_SAFE, lambda _field, system, cpu: max(system, cpu)),
        ("6.12/ctr-cwg-erg@6.12", "7.3/ctr-cwg-zero-boot@7.3"),
    ),
    "what the boot CPU decides concerns early secondaries too": (
        _boot_scope_for_late_cpus_alone,
        ("6.12/gic-early", "7.3/mte-boot-none@7.3"),
    ),
    "some conflicts panic": (_replaced(Conflict, "panics", lambda _self: False), ("6.12/hcx-gain", "7.3/gic-late")),
    "capabilities are verified before hwcaps": (_hwcaps_before_capabilities, ("7.3/isar3", "6.12/one-sb")),
    "REVIDR_EL1 says that an erratum is mended": (
        _replaced(matchers, "is_mended", lambda *_args: False),
        ("7.3/revidr-a53@7.3", "6.1/real-08"),
    ),
    "all early CPUs must have some": (
        _replaced(Capabilities, "detect_local", _any_early_cpu_is_enough),
        ("7.3/el2-early-none-nvhe-el1",),
    ),
    "bits that no field lists are strict": (
        _replaced(Register, "strict_mask", _strict_bits_of_fields),
        ("7.3/fpfr0", "6.12/cntfrq"),
    ),
    "some fields are signed": (_replaced(Field, "sign", lambda _self: 0), ("7.3/mmfr4", "7.3-16k/gran16-late@16k")),
    "all CPUs have one algorithm of address authentication": (
        _matcher("has_address_auth_cpucap", matchers.MATCHERS["has_cpuid_feature"]),
        ("7.3/pac-boot-qarma5", "6.12/pac-late-mix@6.12"),
    ),
    "32-bit registers are relaxed where EL1 is 64-bit": (
        _replaced(SystemRegisters, "relax", _nothing),
        ("7.3/fpfr0", "6.12/cntfrq"),
    ),
    "overrides change what a CPU's registers are taken for": (
        _replaced(SystemRegisters, "with_overrides", lambda _self, _name, value: value),
        ("6.12/cmd-6@6.12", "7.3/mte-nomte@7.3"),
    ),
    "hwcaps of 32-bit programs are verified": (_no_compat_hwcaps, ("6.12/dir-mvfr1", "6.1/mix3-6.1")),
    "an unsafe override is dropped": (_replaced(Override, "drop", _nothing), ("6.12/cmd-5@6.12",)),
    "the first CPU with AArch32 initialises its registers": (
        _replaced(SystemFeatures, "_lazy_init_32bit", _nothing),
        ("7.3/aa32-regs-lazy", "6.12/aa32-boot-without1"),
    ),
    "a CPU stays online for 32-bit programs": (
        _replaced(CpuFeatures, "cannot_go_offline", lambda _self, _number: False),
        ("7.3/aa32-only-late1", "6.12/aa32-boot-without1"),
    ),
    "a late CPU needs as many VMIDs": (
        _replaced(system_features, "_vmid_bits", lambda _field: 16),
        ("6.1/vmid-kvm@6.1", "7.3/vmid-kvm@7.3"),
    ),
    "32-bit registers are not compared without AArch32": (
        _replaced(CpuId, "has_aarch32_el0", lambda _self: True),
        ("6.12/aa32-cmdline", "7.3/aa32-regs-lazy"),
    ),
    "6.12 does not compare ID_AA64MMFR4_EL1": (
        _replaced(KernelTables, "compared", _every_register),
        ("6.12/mmfr4-6.12",),
    ),
    "a worse mitigation is warned of": (
        _replaced(Mitigations, "_worse", lambda self, state, new: state if self.final else max(state, new)),
        ("6.12/one-ssbs",),
    ),
    "a cache type differs if the raw CTR_EL0 does too": (
        _matcher("has_mismatched_cache_type", _effective_ctr_differs),
        ("6.18/real-14",),
    ),
    "capabilities are enabled on each CPU": (
        _replaced(SystemFeatures, "_enable", _nothing),
        ("7.3/fpfr0", "6.12/cntfrq"),
    ),
    "fewer breakpoints panic": (
        _replaced(CpuFeatures, "panics_in_reset", lambda _self, _hw_cpu: False),
        ("7.3/rnd-1017",),
    ),
    "a CPU without instructions of patched code dies": (
        _replaced(CpuFeatures, "why_dies", lambda _self, _hw_cpu: None),
        ("6.12/one-lse", "6.1/real-18"),
    ),
    "a CPU without the granule is stuck": (
        _replaced(CpuFeatures, "why_stuck", lambda _self, _hw_cpu: None),
        ("7.3/retry-dead", "7.3-16k/gran16-late@16k"),
    ),
    "a core that needs it isolates page tables": (
        _replaced(Mitigations, "needs_kpti", lambda _self, _cpu, _one, **_knows: False),
        ("6.12/csv-kpti0", "7.3/csv-kpti1"),
    ),
}
"""By the rule, the breaker and records that notice."""
