"""Matchers: whether a CPU, or the system, has what an entry of the tables asks for.

A matcher takes the system as it is so far, the entry, and a CPU; None for the CPU means that the sanitised registers
decide. The names are the kernel's. A few matchers of hardware that no model of a core has are never true here: Apple's
PMU traps, broken GICs, GICv5, nested virtualisation that a command line would have to ask for.

Source: arch/arm64/kernel/cpufeature.c, cpu_errata.c, proton-pack.c.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from sim import rules
from sim.cpufeature_tables import Capability, KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import GIC, TDS
from sim.kernel.features.cache_type import DIC, IDC
from sim.kernel.features.core_models import is_in_list, is_kryo, is_listed, is_mended
from sim.kernel.features.cpu_id import LocalReading
from sim.kernel.features.field_entries import is_met_by, is_visible
from sim.kernel.features.id_fields import (
    BBM,
    CLRBHB,
    CSV2,
    FP,
    HAS_HCR,
    MPAM,
    PMUVER,
    RAS,
    RAS_FRAC,
    SIMD_FIELDS,
    SME,
    SSBS,
    TGRAN4,
    TGRAN4_2,
    TGRAN16,
    TGRAN16_2,
)
from sim.kernel.features.system_registers import SystemRegisters
from sim.topology import Weakness


class SystemSoFar(Protocol):
    """The system, as far as a matcher may ask."""

    tables: KernelTables
    registers: SystemRegisters

    def has(self, name: str) -> bool:
        """Return True if the system has a capability so far."""
        ...

    def needs_kpti(self, cpu: LocalReading, one: Requirement) -> bool:
        """Return True if page tables must be isolated."""
        ...

    def detected(self, words: str) -> None:
        """Log a capability that the kernel's matcher logs itself."""
        ...

    def dbm_seen(self, cpu: LocalReading) -> None:
        """Log that a CPU sets the dirty bit itself, in kernels that tell it at once."""
        ...

    @property
    def firmware_enables_mpam(self) -> bool:
        """True if firmware enabled MPAM on the boot CPU."""
        ...

    @property
    def wants_pseudo_nmi(self) -> bool:
        """True if the command line asks for interrupts that are masked by priority."""
        ...

    @property
    def kvm_is_protected(self) -> bool:
        """True if KVM will be pKVM."""
        ...

    @property
    def kvm_uses_vhe(self) -> bool:
        """True if KVM's hypervisor will run with VHE beside a kernel at EL1."""
        ...

    @property
    def bhb_affects_unlisted(self) -> bool:
        """True if Spectre-BHB concerns every core that is not known to be safe."""
        ...

    @property
    def allows_mismatched_32bit_el0(self) -> bool:
        """True if 32-bit programs may run on some CPUs only."""
        ...

    @property
    def every_cpu_started_at_el2(self) -> bool:
        """True if every CPU that has started so far did so at EL2."""
        ...

    @property
    def has_threads(self) -> bool:
        """True if some CPU's MPIDR has an affinity level 0 that is not 0."""
        ...


_HIGHEST_BIT = 63

Matcher = Callable[[SystemSoFar, Requirement, LocalReading | None], bool]

OF_EXTENSIONS = {"has_sve_feature": "SVE", "has_sme_feature": "SME"}
"""Matchers of parts of an extension, each with the extension's capability."""


def _has_cpuid_feature(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert one.register is not None
    value = system.registers.read(one.register) if cpu is None else cpu.register(one.register)
    return is_met_by(system.tables, one, value)


def _has_user_cpuid_feature(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert one.register is not None
    if not _has_cpuid_feature(system, one, cpu):
        return False
    return is_visible(system.tables, one, system.registers.user_mask(one.register))


def _has_extension(name: str) -> Matcher:
    """Return a matcher that also wants the capability of a vector extension."""

    def matches(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
        return system.has(name) and _has_user_cpuid_feature(system, one, cpu)

    return matches


def _always(_system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return True


def never(_system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    """Match no CPU: the matcher of hardware that no model of a core has."""
    return False


def _runs_at_el2(_system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return cpu.runs_at_el2


def _has_32bit_el0(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    has_field = _has_cpuid_feature(system, one, cpu)
    if has_field and cpu is None:
        assert isinstance(one, Capability)
        assert one.words is not None
        system.detected(one.words)
    return has_field or system.allows_mismatched_32bit_el0


def _unmap_kernel_at_el0(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return system.needs_kpti(cpu, one)


def _has_hw_dbm(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    system.dbm_seen(cpu)
    return True


def _has_no_fpsimd(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return system.registers.field(FP) < 0


def _has_cache_idc(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    return bool((system.registers.read("CTR_EL0") if cpu is None else cpu.effective_ctr) & IDC)


def _has_cache_dic(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    return bool((system.registers.read("CTR_EL0") if cpu is None else cpu.raw_ctr) & DIC)


CNP_ERRATA = ("WORKAROUND_NVIDIA_CARMEL_CNP", "WORKAROUND_DISABLE_CNP")
"""The capabilities of errata that keep the system from Common not Private translations."""


def _has_useable_cnp(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    return not any(system.has(name) for name in CNP_ERRATA) and _has_cpuid_feature(system, one, cpu)


def _has_address_auth_cpucap(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    """Want the boot CPU's own level of an algorithm of address authentication, and no other."""
    assert cpu is not None
    assert one.register is not None
    if not _has_cpuid_feature(system, one, cpu):
        return False
    field = system.tables.field_of(one)
    return field.of(cpu.register(one.register)) == field.of(system.registers.read(one.register))


ADDRESS_AUTH = tuple(f"HAS_ADDRESS_AUTH_{name}" for name in ("ARCH_QARMA5", "ARCH_QARMA3", "IMP_DEF"))
GENERIC_AUTH = tuple(f"HAS_GENERIC_AUTH_{name}" for name in ("ARCH_QARMA5", "ARCH_QARMA3", "IMP_DEF"))
"""The capabilities of the algorithms of authentication, each of which is enough."""


@lru_cache(maxsize=256)
def _named(tables: KernelTables, names: tuple[str, ...]) -> tuple[Requirement, ...]:
    return tuple(one for one in tables.capabilities if one.name in names)


def _has_address_auth_metacap(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    return any(matches(system, one, cpu) for one in _named(system.tables, ADDRESS_AUTH))


def _has_generic_auth(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    # Whatever the scope, the sanitised registers decide.
    return any(matches(system, one, None) for one in _named(system.tables, GENERIC_AUTH))


LPA2 = {4096: ((TGRAN4, 1), (TGRAN4_2, 3)), 16384: ((TGRAN16, 2), (TGRAN16_2, 3))}
"""By the size of pages: the fields of translation by the kernel and by KVM, and their values with LPA2."""


def _has_lpa2(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    fields = LPA2.get(system.tables.page_bytes, ())
    return bool(fields) and all(system.registers.field(field) == value for field, value in fields)


WITHOUT_PMUV3 = (0, 15)
"""The values of PMUVer without a PMU of the architecture: without any, or with one of the maker's own."""


def _has_pmuv3(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return system.registers.field(PMUVER) not in WITHOUT_PMUV3


def _has_rasv1p1(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    ras, ras_frac = (system.registers.field(field) if cpu is None else cpu.field(field) for field in (RAS, RAS_FRAC))
    return ras > 1 or (ras == 1 and ras_frac > 0)


def _has_mpam(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    # The kernel reads MPAM1_EL1 on the CPU that asks, which for the whole system is the boot CPU.
    return bool(system.registers.field(MPAM)) and system.firmware_enables_mpam


def _has_mpam_hcr(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return bool(system.registers.field(HAS_HCR))


def _can_trap_icv_dir_el1(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return system.every_cpu_started_at_el2 and bool(cpu.field(GIC)) and bool(cpu.field(TDS))


def _has_mismatched_cache_type(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    sanitised, strict = system.registers.read("CTR_EL0"), system.registers.regs["CTR_EL0"].strict_mask
    return bool(rules.mismatches(sanitised, cpu.effective_ctr, cpu.raw_ctr, strict, _HIGHEST_BIT))


def _in_list(name: str) -> Matcher:
    """Return a matcher that wants a CPU in one of the kernel's lists."""

    def matches(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
        assert cpu is not None
        return is_listed(system.tables, name, cpu.midr)

    return matches


_BBM_LEVEL_3 = 3


def _has_bbml3(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return cpu.field(BBM) >= _BBM_LEVEL_3 or _in_list("supports_bbml3_list")(system, one, cpu)


def _has_spectre_v2(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    if not cpu.cpu.knows(CSV2) or Weakness.SPECTRE_V2 in cpu.unaffected:
        return False
    return not cpu.field(CSV2) and not _in_list("spectre_v2_safe_list")(system, one, cpu)


def _has_spectre_v4(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    if _in_list("spectre_v4_safe_list")(system, one, cpu):
        return False
    # A CPU with a switch of its own needs no firmware, and the kernel does not ask it.
    return bool(cpu.field(SSBS)) or Weakness.SPECTRE_V4 not in cpu.unaffected


_CSV2_AGAINST_BHB = 3
_BHB_LISTED_FIRST = tuple(
    (model, "0", "f0000f")
    for model in (
        *("410fd410", "410fd420", "410fd4b0", "410fd440", "410fd470", "410fd480", "410fd490", "410fd400"),
        *("410fd0b0", "410fd0d0", "410fd0c0", "410fd080", "410fd070", "410fd090", "410fd0a0"),
    )
)
"""The core models that kernels listed as affected before they took every model to be: Arm's from A57 to Neoverse V1."""


def _is_spectre_bhb_affected(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    if not cpu.cpu.knows(CSV2) or cpu.field(CSV2) >= _CSV2_AGAINST_BHB:
        return False
    if system.bhb_affects_unlisted:
        return not _in_list("spectre_bhb_safe_list")(system, one, cpu)
    return bool(cpu.field(CLRBHB)) or is_in_list(cpu.midr, _BHB_LISTED_FIRST)


def _is_affected_midr_range(_system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, one.midr) and not is_mended(cpu.midr, cpu.revidr, one.fixed)


def _is_affected_midr_range_list(_system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, one.midr)


def _has_cortex_a76_erratum_1463225(_system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, one.midr) and cpu.runs_at_el2


def _needs_tx2_tvm_workaround(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, one.midr) and system.every_cpu_started_at_el2 and system.has_threads


_NEOVERSE_N1 = ("410fd0c0", "0", "f0000f")


def _has_neoverse_n1_erratum_1542419(_system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, (_NEOVERSE_N1,)) and bool(cpu.raw_ctr & DIC)


_THUNDERX = ("430f0a10", "0", "10000f")


def _has_no_hw_prefetch(_system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    return is_in_list(cpu.midr, (_THUNDERX,))


def _is_kryo_midr(_system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    assert cpu is not None
    assert one.model is not None
    return is_kryo(cpu.midr, one.model)


def _multi_entry(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    return any(matches(system, each, cpu) for each in one.any_of)


def _has_sme_dvmsync_erratum(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    return bool(system.registers.field(SME)) and _is_affected_midr_range(system, one, cpu)


def _compat_has_neon(system: SystemSoFar, _one: Requirement, cpu: LocalReading | None) -> bool:
    return all(system.registers.field(field) if cpu is None else cpu.field(field) for field in SIMD_FIELDS)


def _can_use_gic_priorities(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    return system.wants_pseudo_nmi and _has_cpuid_feature(system, one, cpu)


def _is_kvm_protected_mode(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return system.kvm_is_protected


def _hvhe_possible(system: SystemSoFar, _one: Requirement, _cpu: LocalReading | None) -> bool:
    return system.kvm_uses_vhe


MATCHERS: dict[str, Matcher] = {
    "has_always": _always,
    "has_cpuid_feature": _has_cpuid_feature,
    "has_user_cpuid_feature": _has_user_cpuid_feature,
    "has_useable_gicv3_cpuif": _has_cpuid_feature,
    "has_useable_gicv3_cpuif_sysregs": _has_cpuid_feature,
    "runs_at_el2": _runs_at_el2,
    "has_nested_virt_support": never,
    "has_nv1": never,
    "hvhe_possible": _hvhe_possible,
    "is_kvm_protected_mode": _is_kvm_protected_mode,
    "can_use_gic_priorities": _can_use_gic_priorities,
    "test_has_mpam": _has_mpam,
    "test_has_gicv5_legacy": never,
    "has_impdef_pmuv3": never,
    "has_broken_gic_v3_seis": never,
    "need_arm_si_l1_workaround_4311569": never,
    "test_has_mpam_hcr": _has_mpam_hcr,
    "has_32bit_el0": _has_32bit_el0,
    "unmap_kernel_at_el0": _unmap_kernel_at_el0,
    "has_amu": _always,
    "has_hw_dbm": _has_hw_dbm,
    "has_no_hw_prefetch": _has_no_hw_prefetch,
    "has_no_fpsimd": _has_no_fpsimd,
    "has_cache_idc": _has_cache_idc,
    "has_cache_dic": _has_cache_dic,
    "has_useable_cnp": _has_useable_cnp,
    "has_address_auth_cpucap": _has_address_auth_cpucap,
    "has_address_auth_metacap": _has_address_auth_metacap,
    "has_generic_auth": _has_generic_auth,
    "has_lpa2": _has_lpa2,
    "has_bbml3": _has_bbml3,
    "has_bbml2_noabort": _in_list("supports_bbml2_noabort_list"),
    "has_pmuv3": _has_pmuv3,
    "has_rasv1p1": _has_rasv1p1,
    "can_trap_icv_dir_el1": _can_trap_icv_dir_el1,
    "has_mismatched_cache_type": _has_mismatched_cache_type,
    "has_spectre_v2": _has_spectre_v2,
    "has_spectre_v3a": _in_list("spectre_v3a_unsafe_list"),
    "has_spectre_v4": _has_spectre_v4,
    "is_spectre_bhb_affected": _is_spectre_bhb_affected,
    "is_affected_midr_range": _is_affected_midr_range,
    "is_affected_midr_range_list": _is_affected_midr_range_list,
    "has_cortex_a76_erratum_1463225": _has_cortex_a76_erratum_1463225,
    "needs_tx2_tvm_workaround": _needs_tx2_tvm_workaround,
    "has_neoverse_n1_erratum_1542419": _has_neoverse_n1_erratum_1542419,
    "is_kryo_midr": _is_kryo_midr,
    "cpucap_multi_entry_cap_matches": _multi_entry,
    **{matcher: _has_extension(name) for matcher, name in OF_EXTENSIONS.items()},
    "has_sme_dvmsync_erratum": _has_sme_dvmsync_erratum,
    "compat_has_neon": _compat_has_neon,
}
"""The matchers, by the kernel's names."""


def matches(system: SystemSoFar, one: Requirement, cpu: LocalReading | None) -> bool:
    """Return True if a CPU, or for None the system by its sanitised registers, has what an entry asks for."""
    return MATCHERS[one.matcher](system, one, cpu)


def is_by_option(system: SystemSoFar, one: Requirement) -> bool:
    """Return True if the command line gives the system a capability that its sanitised registers do not show."""
    if one.matcher == "has_32bit_el0":
        return not _has_cpuid_feature(system, one, None)
    return one.matcher == "is_kvm_protected_mode"
