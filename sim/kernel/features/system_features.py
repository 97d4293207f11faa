"""The features of a system: what a boot makes of its CPUs, in the kernel's order.

Source: arch/arm64/kernel/cpufeature.c (``init_cpu_features``, ``update_cpu_features``,
``check_local_cpu_capabilities``, ``setup_system_features``, ``verify_local_cpu_capabilities``).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache, partial

import msgspec
from msgspec.structs import replace

from sim.cpufeature_tables import Capability, Hwcap, KernelTables
from sim.cpufeature_tables.conflicts import NO_DESCRIPTION
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import AARCH32, EL1, L1IP, PAN, IdField
from sim.kernel.features.aarch32 import Asymmetric32Bit
from sim.kernel.features.cache_type import policy_name
from sim.kernel.features.capabilities import Capabilities, CapabilityTable, Conflict
from sim.kernel.features.core_models import is_listed
from sim.kernel.features.cpu_id import CpuId, LocalReading
from sim.kernel.features.hwcaps import Hwcaps, HwcapTable
from sim.kernel.features.id_fields import (
    AMU,
    ASIDBITS,
    BRPS,
    CWG,
    E0PD,
    HAFDBS,
    MPAM,
    MPAMEN,
    MTE,
    MTE_WITH_TAGS,
    PARANGE,
    SME,
    SSBS,
    SVE,
    VMIDBITS,
    WRPS,
)
from sim.kernel.features.id_override import Override
from sim.kernel.features.matchers import is_by_option, matches
from sim.kernel.features.mitigations import MitigationOptions, Mitigations
from sim.kernel.features.system_registers import SystemRegisters
from sim.topology import VH

TAINT_CPU_OUT_OF_SPEC, TAINT_WARN = 4, 512
_RELAXED = (
    ("ID_ISAR4_EL1", "SMC"),
    ("ID_PFR1_EL1", "Virt_frac"),
    ("ID_PFR1_EL1", "Sec_frac"),
    ("ID_PFR1_EL1", "Virtualization"),
    ("ID_PFR1_EL1", "Security"),
    ("ID_PFR1_EL1", "ProgMod"),
)
"""Fields of 32-bit registers whose difference means nothing where EL1 is 64-bit."""
HIDDEN_BY = (
    ("WORKAROUND_SPECULATIVE_SSBS", "ID_AA64PFR1_EL1", "SSBS"),
    ("WORKAROUND_2658417", "ID_AA64ISAR1_EL1", "BF16"),
)
"""Errata that hide a field from programs."""
_KPTI = "UNMAP_KERNEL_AT_EL0"
_32BIT_EL0 = "HAS_32BIT_EL0_DO_NOT_USE"
AES_ERRATUM = "WORKAROUND_1742098"
_16_BITS = 2
"""The value of ASIDBits and VMIDBits that means 16 bits."""
_DIRTY_BIT = 2
"""The least value of HAFDBS with hardware management of the dirty bit."""
_EXTENSIONS = {"MPAMIDR_EL1": MPAM, "ZCR_EL1": SVE, "SMCR_EL1": SME}
"""Registers of an extension, with the field that tells of it."""
_CONDITIONAL = {"GMID_EL1", *_EXTENSIONS}
"""The registers that the kernel does not read on every CPU."""
_PHYSICAL_BITS = {0: 32, 1: 36, 2: 40, 3: 42, 4: 44, 5: 48, 6: 52, 7: 56}


_COUNTED = frozenset({"HW_DBM", "HAS_AMU_EXTN"})
"""The capabilities whose CPUs the kernel counts; the others that show do so once for CPUs that are alike."""
LISTED_BY_CPU = {
    "HAS_AMU_EXTN": ("Activity Monitors Unit (AMU)", "amu_cpus"),
    "HW_DBM": ("Hardware dirty bit management", "dbm_cpus"),
}
"""Capabilities that the log once told CPU by CPU or for the first CPU alone, and tells with a list of CPUs since."""


_OF_FPSIMD = {"fp": "Floating-point", "asimd": "Advanced SIMD"}
"""The features that ``fpsimd_init`` looks for, by their names in /proc/cpuinfo, with its words for them."""
_STRICT_BOOT = ("BOOT", "PANIC")
"""``ARM64_CPUCAP_STRICT_BOOT_CPU_FEATURE``: the boot CPU decides, and the kernel panics where a CPU differs."""


class FeatureOptions(msgspec.Struct, frozen=True):
    """Everything besides the tables that tells one kernel's features from another's."""

    mitigations: MitigationOptions
    allow_mismatched_32bit_el0: bool
    """``allow_mismatched_32bit_el0``"""
    config: Mapping[str, bool]
    """Configuration options, and whether the kernel is built with them, where that is not as in the tables."""
    without: frozenset[str]
    """Capabilities of the tables, by their names, that this release does not have."""
    uses_bti: bool
    """``CONFIG_ARM64_BTI_KERNEL``: the kernel itself uses BTI, so that all CPUs must be like the boot CPU in it.

    Source: the entry of ARM64_BTI in ``arm64_features`` of arch/arm64/kernel/cpufeature.c; read.
    """
    emulates_pan: bool
    """Where CPUs lack Privileged Access Never, the kernel does without TTBR0_EL1."""
    unknown: Mapping[str, int]
    """The bits of registers that are known of no CPU, so that nothing is said of them."""
    knows_vpipt: bool
    """CTR_EL0.L1Ip 0 is a policy of instruction caches."""
    dbm_is_logged_at_once: bool
    """The log tells of dirty bit management when the first CPU has it, without the list of CPUs."""
    tells_mitigations_at_once: bool
    """The log tells once, and together, which mitigations the command line switches off."""
    pseudo_nmi: bool
    """``irqchip.gicv3_pseudo_nmi=1``"""
    protected_kvm: bool
    """``kvm-arm.mode=protected``, and the boot CPU started at EL2."""
    hvhe: bool
    """The same, in a kernel whose pKVM uses VHE where it can."""
    bhb_affects_unlisted: bool
    """Spectre-BHB concerns every core that is not known to be safe."""
    bhb_ignores_options: bool
    """Spectre-BHB is mitigated whatever the command line says."""
    gmid_follows_overrides: bool
    """GMID_EL1 has no first value where the command line hides MTE."""
    compares_own_ipa_range: bool
    """A late CPU's own range of physical addresses is compared with KVM's limit, and not the system's."""

    # Mappings have no hash. Kernels that differ in these fields are the most.
    def __hash__(self) -> int:
        return hash((self.mitigations, self.without, self.dbm_is_logged_at_once, self.protected_kvm))

    def is_unknown(self, one: IdField) -> bool:
        """Return True if a field is known of no CPU."""
        return bool(one.mask & self.unknown.get(one.register, 0))

    def builds(self, one: Requirement) -> bool:
        """Return True if the kernel is built with an entry of its tables."""
        return all(self.config.get(option, True) for option in one.config)


@lru_cache(maxsize=64)
def _entries(tables: KernelTables, options: FeatureOptions) -> tuple[CapabilityTable, HwcapTable]:
    """Return the entries of the tables that a kernel is built with."""

    def as_built(one: Capability) -> Capability:
        if one.any_of:
            return replace(one, any_of=tuple(filter(options.builds, one.any_of)))
        if one.name in LISTED_BY_CPU and not options.dbm_is_logged_at_once:
            description, per_cpu = LISTED_BY_CPU[one.name]
            return replace(one, description=description, per_cpu=per_cpu)
        if one.name == "BTI" and options.uses_bti:
            return replace(one, type=_STRICT_BOOT)
        return one

    built = filter(options.builds, tables.capabilities)
    capabilities = (as_built(one) for one in built if one.name not in options.without)
    return CapabilityTable(tables, capabilities), HwcapTable(tables, filter(options.builds, tables.hwcaps))


class Surroundings(msgspec.Struct, frozen=True):
    """The log and the CPUs around a kernel's features."""

    line: Callable[[str], None]
    """Writes a line to the log."""
    tell: Callable[[str], None]
    """Writes a line that tells of features besides vector lengths."""
    warn: Callable[[str], None]
    """Records a warning in the kernel's log."""
    vary: Callable[[int, tuple[str, ...]], None]
    """Records a CPU and the registers in which it differs, unexpectedly, from the boot CPU."""
    every_cpu_started_at_el2: Callable[[], bool]
    """Tells whether every CPU that has started so far did so at EL2."""
    has_threads: bool
    """Some CPU's MPIDR has an affinity level 0 that is not 0."""


class SystemFeatures:
    """The features of one system; CPUs are logical numbers.

    Args:
        tables: the kernel's tables.
        series: the kernel's series, which is newer than that of the tables where it has none of its own.
        overrides: the command line's values of ID registers.
        options: what else tells kernels apart.
        surroundings: the log, and the CPUs.
    """

    def __init__(
        self,
        tables: KernelTables,
        series: tuple[int, int],
        overrides: Mapping[str, Override],
        options: FeatureOptions,
        surroundings: Surroundings,
    ) -> None:
        self.tables = tables
        self.options = options
        self._series = series
        self._line = surroundings.line
        self._tell = surroundings.tell
        self._surroundings = surroundings
        self.registers = SystemRegisters(tables, overrides, options.config, options.unknown)
        table, hwcaps = _entries(tables, options)
        self.capabilities = Capabilities(table, self._tell)
        self.hwcaps = Hwcaps(hwcaps)
        self.mitigations = Mitigations(tables, options.mitigations, self._tell, surroundings.warn)
        self.aarch32 = Asymmetric32Bit()
        self.final = False
        self.is_out_of_spec = False
        """Some CPU differs, unexpectedly, from the boot CPU."""
        self.tainted_by: dict[int, int] = {}
        """The first CPU that caused each bit of the taint."""
        self.changed_late_by: dict[tuple[str, int], int] = {}
        """The first late CPU that changed a field of the system's value, by register and the field's lowest bit."""
        self._boot: CpuId | None = None
        self._boot_aarch32: CpuId | None = None
        # What was found of CPUs that are alike, so that each kind is judged once: nothing later depends on it.
        self._like_the_boot_cpu: set[tuple[CpuId, tuple[object, ...]]] = set()
        self._nothing_new: set[tuple[CpuId, tuple[object, ...]]] = set()
        self._nothing_differs: set[tuple[CpuId, tuple[object, ...]]] = set()
        self._variation_told = False
        self._dbm_told = False
        self.early_kinds: dict[CpuId, None] = {}
        """The early CPUs that have come, the boot CPU first, each kind once."""
        self.slots = 0, 0
        """The numbers of breakpoints and watchpoints that the kernel counts on, once it is up."""

    @property
    def has_values(self) -> bool:
        """True once the boot CPU's registers have given the system's registers their first values."""
        return self._boot is not None

    @property
    def taint(self) -> int:
        """The kernel's taint, as far as features cause it."""
        return self.is_out_of_spec * TAINT_CPU_OUT_OF_SPEC | self.mitigations.has_warned * TAINT_WARN

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        parts = self.registers, self.capabilities, self.hwcaps, self.mitigations, self.aarch32
        told = self._variation_told, self._dbm_told, self._boot_aarch32 is None
        first = tuple(self.tainted_by.items()), tuple(self.changed_late_by.items())
        return self.final, self.is_out_of_spec, first, told, self.slots, *(part.snapshot() for part in parts)

    # What matchers ask (`sim.kernel.features.matchers.SystemSoFar`).

    def has(self, name: str) -> bool:
        """Return True if the system has a capability so far."""
        return self.capabilities.has(name)

    def needs_kpti(self, cpu: LocalReading, one: Requirement) -> bool:
        """Return True if page tables must be isolated."""
        return self.mitigations.needs_kpti(cpu, one, knows_e0pd=not self.options.is_unknown(E0PD))

    def detected(self, words: str) -> None:
        """Log a capability that the kernel's matcher logs itself."""
        self._tell(f"CPU features: detected: {words}")

    def dbm_seen(self, cpu: LocalReading) -> None:
        """Log that a CPU sets the dirty bit itself, in kernels that tell it at once."""
        if self.options.dbm_is_logged_at_once and not self._dbm_told and self._has_dbm(cpu):
            self._dbm_told = True
            self._tell("CPU features: detected: Hardware dirty bit management")

    @property
    def firmware_enables_mpam(self) -> bool:
        """True if firmware enabled MPAM on the boot CPU."""
        return self._boot is not None and bool(self._boot.field(MPAMEN))

    @property
    def wants_pseudo_nmi(self) -> bool:
        """True if the command line asks for interrupts that are masked by priority."""
        return self.options.pseudo_nmi

    @property
    def kvm_is_protected(self) -> bool:
        """True if KVM will be pKVM."""
        return self.options.protected_kvm

    @property
    def kvm_uses_vhe(self) -> bool:
        """True if KVM's hypervisor will run with VHE beside a kernel at EL1."""
        return self.options.hvhe and self._boot is not None and bool(self._boot.field(VH))

    @property
    def bhb_affects_unlisted(self) -> bool:
        """True if Spectre-BHB concerns every core that is not known to be safe."""
        return self.options.bhb_affects_unlisted

    @property
    def allows_mismatched_32bit_el0(self) -> bool:
        """True if the command line lets 32-bit programs run on some CPUs only."""
        return self.options.allow_mismatched_32bit_el0

    @property
    def every_cpu_started_at_el2(self) -> bool:
        """True if every CPU that has started so far did so at EL2."""
        return self._surroundings.every_cpu_started_at_el2()

    @property
    def has_threads(self) -> bool:
        """True if some CPU's MPIDR has an affinity level 0 that is not 0, as second threads of a core have."""
        return self._surroundings.has_threads

    def _has_dbm(self, cpu: LocalReading) -> bool:
        return cpu.field(HAFDBS) >= _DIRTY_BIT and not is_listed(self.tables, "broken_dbm", cpu.midr)

    def _matches(self, cpu: LocalReading | None) -> Callable[[Requirement], bool]:
        return partial(matches, self, cpu=cpu)

    def _reading(self, cpu: CpuId) -> LocalReading:
        return LocalReading(cpu, self.registers)

    def detected_icache(self, number: int, cpu: CpuId) -> None:
        """Log the policy of a CPU's instruction cache."""
        if not cpu.knows(L1IP):
            return
        policy = policy_name(cpu.raw_ctr, knows_vpipt=self.options.knows_vpipt)
        self._tell(f"Detected {policy} I-cache on CPU{number}")

    def init_cpu_features(self, boot: CpuId) -> None:
        """Take the boot CPU's registers as the system's, and detect what it decides."""
        self._boot = boot
        self._note_early(boot)
        for name, table in self.tables.registers.items():
            if table.is_aarch32 and not boot.has_aarch32_el0:
                continue
            if name not in _CONDITIONAL or self._is_initialised(name, boot):
                self.registers.init(name, boot.value(name), self._tell)
        if boot.has_aarch32_el0:
            self._boot_aarch32 = boot
        reading = self._reading(boot)
        self.capabilities.detect_boot(self._matches(reading), reading)

    def _note_early(self, cpu: CpuId) -> None:
        if cpu not in self.early_kinds:
            self.early_kinds[cpu] = None
            self.mitigations.note_unknown(self._reading(cpu))

    def is_met(self, one: Requirement) -> bool:
        """Return True if the sanitised registers have what an entry of the tables asks for."""
        return self._matches(None)(one)

    def _is_initialised(self, name: str, boot: CpuId) -> bool:
        """Return True if the boot CPU gives a register its first value."""
        if name == "GMID_EL1" and self.options.gmid_follows_overrides:
            return boot.has_mte and self.registers.field(MTE) >= MTE_WITH_TAGS
        return self._is_looked_at(name, boot)

    def _is_looked_at(self, name: str, cpu: CpuId) -> bool:
        """Return True if the kernel reads a register on a CPU, as it knows the system so far.

        Registers of an extension that the system lacks, or has lost, may be UNKNOWN or trap. GMID_EL1 is the exception:
        there the CPU's own register decides.
        """
        if name == "GMID_EL1":
            return cpu.has_mte
        extension = _EXTENSIONS.get(name)
        if extension is SME and not self.options.config.get("CONFIG_ARM64_SME", True):
            return False
        return extension is None or bool(self.registers.field(extension))

    def check_boot_asid(self) -> None:
        """Log that the boot CPU has a number of ASIDs that the kernel does not know."""
        assert self._boot is not None
        self._asid_bits(0, self._boot)

    def verify_asid(self, number: int, cpu: CpuId) -> bool:
        """Return False if a CPU has fewer ASIDs than the boot CPU, so that the kernel must panic."""
        assert self._boot is not None
        own, boot = self._asid_bits(number, cpu), self._asid_bits(None, self._boot)
        if own < boot:
            self._line(f"CPU{number}: smaller ASID size({own}) than boot CPU ({boot})")
        return own >= boot

    def _asid_bits(self, number: int | None, cpu: CpuId) -> int:
        asid = cpu.field(ASIDBITS)
        if asid not in {0, _16_BITS} and number is not None:
            self._line(f"CPU{number}: Unknown ASID size ({asid}); assuming 8-bit")
        return 16 if asid == _16_BITS else 8

    def verify_boot(self, number: int, cpu: CpuId) -> Conflict | None:
        """Judge what every secondary must share with the boot CPU; a CPU like that has it."""
        if cpu is self._boot:
            return None
        judged = cpu, self._state()
        if judged in self._like_the_boot_cpu:
            return None
        reading = self._reading(cpu)
        conflict = self.capabilities.verify_boot(self._matches(reading), reading)
        if conflict is None:
            self._like_the_boot_cpu.add(judged)
        return self._told(number, conflict)

    def is_like_the_boot_cpu(self, cpu: CpuId) -> bool:
        """Return True if no register that the kernel compares differs from the boot CPU's."""
        tables = self.tables
        return not (_differing(tables.compared, cpu, self._boot) or _differing(tables.aarch32, cpu, self._boot_aarch32))

    def detect_local(self, number: int, cpu: CpuId) -> None:
        """Detect what an early CPU has itself."""
        if not self.capabilities.table.at_secondaries:
            return
        before = self._state()
        if (cpu, before) in self._nothing_new:
            return
        self._note_early(cpu)
        self.capabilities.detect_local(number, self._matches(self._reading(cpu)), cpu.midr)
        if self._state() == before:
            self._nothing_new.add((cpu, before))

    def _state(self) -> tuple[object, ...]:
        """Return what decides whether a CPU changes anything that is like a CPU before it."""
        return self.capabilities.system, self.registers.version, self._surroundings.every_cpu_started_at_el2()

    def verify_late(self, number: int, cpu: CpuId) -> Conflict | None:
        """Judge a late CPU's capabilities."""
        reading = self._reading(cpu)

        def enable(place: int, one: Capability) -> None:
            self._enable(place, one, number, reading)

        conflict = self.capabilities.verify_late(self._matches(reading), reading, enable)
        if self.mitigations.has_warned:
            self.tainted_by.setdefault(TAINT_WARN, number)
        return self._told(number, conflict)

    def _told(self, number: int, conflict: Conflict | None) -> Conflict | None:
        if conflict is not None:
            one, system = conflict.capability, int(conflict.system_has)
            self._line(
                f"CPU features: CPU{number}: Detected conflict for capability {one.number(self._series)} "
                f"({one.description or NO_DESCRIPTION}), System: {system}, CPU: {1 - system}"
            )
        return conflict

    def verify_hwcaps(self, number: int, cpu: CpuId) -> Hwcap | None:
        """Judge a late CPU's hwcaps."""
        missing = self.hwcaps.missing(self._matches(self._reading(cpu)), has_aarch32=cpu.has_aarch32_el0)
        if missing is not None:
            self._line(f"CPU features: CPU{number}: missing HWCAP: {missing.log_name}")
        return missing

    def verify_hyp(self, number: int, cpu: CpuId, ipa_limit_bits: int) -> str | None:
        """Judge a late CPU's fitness for guests, and return what is unfit.

        Args:
            number: the CPU.
            cpu: its registers.
            ipa_limit_bits: KVM's limit of guests' physical addresses; 0 before KVM is up.
        """
        if _vmid_bits(cpu.field(VMIDBITS)) < _vmid_bits(self.registers.field(VMIDBITS)):
            self._line(f"CPU features: CPU{number}: VMID width mismatch")
            return "VMID width"
        parange = cpu.field(PARANGE) if self.options.compares_own_ipa_range else self.registers.field(PARANGE)
        if physical_bits(parange) < ipa_limit_bits:
            self._line(f"CPU features: CPU{number}: IPA range mismatch")
            return "IPA range"
        return None

    def store(self, number: int, cpu: CpuId) -> None:
        """Compare a CPU that was not refused with the boot CPU, and make the system's values safe for it."""
        if cpu is self._boot and not cpu.has_aarch32_el0:
            return
        before = self._state()
        if (cpu, before) in self._nothing_differs:
            return
        differing = [name for name in self._compare(cpu) if self._is_unexpected(number, name, cpu)]
        if not differing:
            if self._state() == before:
                self._nothing_differs.add((cpu, before))
            return
        self._surroundings.vary(number, tuple(differing))
        self.is_out_of_spec = True
        self.tainted_by.setdefault(TAINT_CPU_OUT_OF_SPEC, number)
        if not self._variation_told:
            self._variation_told = True
            self._line("CPU features: Unsupported CPU feature variation detected.")

    def _is_unexpected(self, number: int, name: str, cpu: CpuId) -> bool:
        boot = self._boot_aarch32 if self.tables.registers[name].is_aarch32 else self._boot
        boot_value, own = 0 if boot is None else boot.value(name), cpu.value(name)
        unknown = cpu.unknown.get(name, 0) | (0 if boot is None else boot.unknown.get(name, 0))
        changed = self.registers.update(name, own)
        if self.final:
            for field in changed:
                self.changed_late_by.setdefault((name, field.shift), number)
        if not self.registers.differs(name, boot_value & ~unknown, own & ~unknown):
            return False
        # Where a known field differs, there is a line whatever the others are, and its digits are unknown.
        if not unknown:
            self._line(
                f"CPU features: SANITY CHECK: Unexpected variation in SYS_{name}. "
                f"Boot CPU: {boot_value:#016x}, CPU{number}: {own:#016x}"
            )
        return True

    def _compare(self, cpu: CpuId) -> Iterator[str]:
        """Yield the registers that the kernel looks at on a CPU, without those that are as the boot CPU's.

        The boot CPU's value changes nothing: what it had first is safe for it, and so is everything that followed.
        """
        differing = _differing(self.tables.compared, cpu, self._boot)
        # A register of an extension comes after that of the extension's field, which this CPU may have changed.
        yield from (name for name in differing if name not in _CONDITIONAL or self._is_looked_at(name, cpu))
        if not cpu.has_aarch32_el0:
            return
        self._lazy_init_32bit(cpu)
        if self.registers.field(EL1) != AARCH32:
            for register, name in _RELAXED:
                self.registers.relax(register, name)
        yield from _differing(self.tables.aarch32, cpu, self._boot_aarch32)

    def _lazy_init_32bit(self, cpu: CpuId) -> None:
        """Let the first CPU that runs 32-bit programs give the 32-bit registers their first value."""
        if self._boot_aarch32 is None and self.options.allow_mismatched_32bit_el0:
            self._boot_aarch32 = cpu
            for name in self.tables.aarch32:
                self.registers.init(name, cpu.value(name), self._tell)

    def vulnerabilities(self) -> dict[str, str | None]:
        """Return what /sys/devices/system/cpu/vulnerabilities tells; None where registers that are unknown decide."""
        return self.mitigations.vulnerabilities(has_kpti=self.has(_KPTI))

    def setup_system_capabilities(self) -> None:
        """Detect what the sanitised registers show."""
        self.capabilities.detect_system(self._matches(None), self.registers)
        found = self.capabilities.of_system()
        self.capabilities.by_option = frozenset(place for place, one in found if is_by_option(self, one))

    def enable_everywhere(self, online: Iterable[tuple[int, CpuId]]) -> None:
        """Enable every capability on the CPUs that are online.

        Args:
            online: the CPUs, each with its registers.
        """
        has = self.capabilities.system
        enabled = [(place, one) for place, one in self.capabilities.table.with_effects if has >> place & 1]
        if not enabled:
            return
        counted = [(place, one) for place, one in enabled if one.name in _COUNTED]
        kinds: set[CpuId] = set()
        for number, cpu in online:
            reading = self._reading(cpu)
            for place, one in counted if cpu in kinds else enabled:
                self._enable(place, one, number, reading)
            kinds.add(cpu)

    def _enable(self, place: int, one: Capability, number: int, cpu: LocalReading) -> None:
        """Enable a capability on a CPU: only what others can see of it is modelled."""
        match one.name:
            case "HW_DBM" if self._has_dbm(cpu):
                self._count(place, number)
            case "HAS_AMU_EXTN" if cpu.field(AMU):
                self._count(place, number)
                if one.description is None:
                    self._tell(f"CPU features: detected CPU{number}: Activity Monitors Unit (AMU)")
            case "SPECTRE_V2":
                self.mitigations.enable_v2(cpu)
            case "SPECTRE_V4":
                ssbs = bool(cpu.field(SSBS))
                self.mitigations.enable_v4(cpu, has_ssbs=ssbs)
            case "SPECTRE_BHB" if matches(self, one, cpu):
                self.mitigations.enable_bhb(
                    cpu,
                    ignores_options=self.options.bhb_ignores_options,
                    tells_option=not self.options.tells_mitigations_at_once,
                )

    def _count(self, place: int, number: int) -> None:
        cpus = self.capabilities.cpus.setdefault(place, [])
        if number not in cpus:
            cpus.append(number)

    def print_emulated(self) -> None:
        """Log a feature that the kernel emulates, and which is not a capability."""
        if self.options.emulates_pan and not self.has("HAS_PAN") and not self.options.is_unknown(PAN):
            self._tell("CPU features: emulated: Privileged Access Never (PAN) using TTBR0_EL1 switching")

    def check_writeback_granule(self, running: CpuId) -> None:
        """Log that caches do not state the granule in which they write back.

        Args:
            running: the CPU that looks at its own.
        """
        if not self.options.is_unknown(CWG) and not CWG.of(running.raw_ctr):
            self._tell("CPU features: No Cache Writeback Granule information, assuming 128")

    def finalise(self) -> None:
        """Make the capabilities final, and promise hwcaps."""
        self.final = self.mitigations.final = True
        self.slots = self.registers.field(BRPS) + 1, self.registers.field(WRPS) + 1
        for erratum, register, name in HIDDEN_BY:
            if self.has(erratum):
                self.registers.hide(register, name)
        self.hwcaps.setup(self._matches(None), self.registers)
        if self.has(_32BIT_EL0):
            self.setup_compat_hwcaps()

    @property
    def runs_32bit_programs(self) -> bool:
        """True if 32-bit programs run on some CPU, or on all."""
        return self.has(_32BIT_EL0) or bool(self.aarch32.cpus)

    def init_fpsimd(self) -> None:
        """Log which of floating point and Advanced SIMD programs are not promised.

        Source: ``fpsimd_init`` of arch/arm64/kernel/fpsimd.c, a core_initcall; read.
        """
        promised = self.hwcaps.cpuinfo()
        for name, words in _OF_FPSIMD.items():
            if name not in promised:
                self._tell(f"{words} is not implemented")

    def setup_compat_hwcaps(self) -> None:
        """Promise hwcaps to 32-bit programs."""
        self.hwcaps.setup_compat(self._matches(None), self.registers, without_aes=self.has(AES_ERRATUM))

    def cpu_online(self, number: int, cpu: CpuId, online: Collection[int]) -> None:
        """Count a CPU that came online among those that run 32-bit programs."""
        if not self.options.allow_mismatched_32bit_el0:
            return
        if self.aarch32.online(number, online, self._tell, is_32bit=cpu.has_aarch32_el0):
            self.setup_compat_hwcaps()

    def lacks_breakpoints(self, cpu: CpuId) -> bool:
        """Return True if a CPU has fewer breakpoints or watchpoints than the kernel resets on each CPU."""
        return cpu.field(BRPS) + 1 < self.slots[0] or cpu.field(WRPS) + 1 < self.slots[1]


@lru_cache(maxsize=4096)
def _differing(names: tuple[str, ...], cpu: CpuId, reference: CpuId | None) -> tuple[str, ...]:
    """Return the registers in which a CPU is not like another; a missing CPU's are 0."""
    return tuple(name for name in names if cpu.value(name) != (0 if reference is None else reference.value(name)))


def _vmid_bits(vmidbits: int) -> int:
    return 16 if vmidbits == _16_BITS else 8


def physical_bits(parange: int) -> int:
    """Return the number of bits of physical addresses that ID_AA64MMFR0_EL1.PARange states."""
    return _PHYSICAL_BITS.get(parange, 48)
