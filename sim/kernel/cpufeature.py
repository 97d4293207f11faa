"""CPU features: early CPUs are counted, capabilities become final, and late CPUs are verified.

The features are those of `sim.kernel.features`. Where some CPU's core is not known, the system is modelled by the
entries of its vector lengths alone, and the log has no other lines. The lengths themselves are in
`sim.kernel.length_records`.

`tests/conform/test_conform.py` holds the decisions and the log lines to recorded boots of real kernels.

Source: arch/arm64/kernel/cpufeature.c, cpuinfo.c, setup.c, head.S.
"""

from collections.abc import Collection, Mapping
from functools import cache, lru_cache, partial
from typing import NamedTuple

from sim.cpufeature_tables import KernelTables, kernel_tables, newest_registers
from sim.id_registers import GIC, TDS, IdField
from sim.kernel.feature_history import FeatureHistory, KnownFeatures, KnownLengths
from sim.kernel.feature_options import feature_options, id_overrides
from sim.kernel.features.capabilities import Conflict
from sim.kernel.features.cpu_id import CpuId
from sim.kernel.features.id_fields import (
    ATOMIC,
    ECV,
    MOPS,
    PARANGE,
    S1PIE,
    TCRX,
    TGRAN4,
    TGRAN4_2,
    TGRAN16,
    TGRAN16_2,
    TGRAN64,
    TGRAN64_2,
)
from sim.kernel.features.system_features import (
    TAINT_CPU_OUT_OF_SPEC,
    Surroundings,
    SystemFeatures,
    physical_bits,
)
from sim.kernel.hyp_mode import HypMode
from sim.kernel.length_records import VectorLengths
from sim.kernel.printk import EventKind, Printk, Variation, Words
from sim.kernel.refusal import Refusal
from sim.rules import Reason
from sim.scenario import Scenario
from sim.topology import PARTS_OF_EXTENSIONS, AssumedRegisters, Features, Firmware, cpu_list
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, len_field

VHE = "Virtualization Host Extensions"
"""The words of the log for the capability to run the kernel at EL2."""
_BESIDE_LENGTHS = (VHE, "ICV_DIR_EL1 trapping")
"""Capabilities without lengths that decide on CPUs of different exception levels, whatever their cores."""
_GRANULES = {4096: (TGRAN4, range(8)), 16384: (TGRAN16, range(1, 16)), 65536: (TGRAN64, range(8))}
"""By the size of pages: the granule's field, and its values on CPUs that have it."""
_WITH_LPA2 = {4096: range(1, 8), 16384: range(2, 8)}
"""The values of that field on CPUs with 52-bit addresses; the kernel's first code reads it as a signed number."""
_STAGE_2_GRANULES = {4096: TGRAN4_2, 16384: TGRAN16_2, 65536: TGRAN64_2}
_NO_STAGE_2, _LARGEST_STAGE_2 = 1, 7
"""The value of those fields without the granule at stage 2, and the largest that the kernel knows."""
_USUAL_IPA_BITS = 40
_DEADLOCKS_WITH_GUESTS = ("WORKAROUND_DEVICE_LOAD_ACQUIRE", "WORKAROUND_1508412")
_AFF0 = 0xFF
_LSE_ATOMICS = 2
"""The least value of ATOMIC with the instructions."""
_MOST_PHYSICAL_BITS_WITHOUT_LPA2 = 48


@cache
def _lengths_alone(series: tuple[int, int], page_bytes: int) -> KernelTables:
    """Return a kernel's tables with the entries of vector lengths, and those of exception levels."""
    fields = [(traits.id_field.register, traits.id_field.name) for traits in VECTOR_TYPES.values()]
    descriptions = [traits.capability for traits in VECTOR_TYPES.values()]
    return kernel_tables(series, page_bytes).only(fields, [*descriptions, *_BESIDE_LENGTHS])


@lru_cache(maxsize=64)
def _capabilities_of_lengths(tables: KernelTables) -> dict[VectorType, str]:
    """Return the capability that each vector type is; empty where the kernel has none."""
    by_words = {one.description: one.label for one in tables.capabilities}
    return {vector_type: by_words.get(traits.capability, "") for vector_type, traits in VECTOR_TYPES.items()}


@lru_cache(maxsize=4096)
def _reading(features: Features, firmware: Firmware, assumed: AssumedRegisters, *, runs_at_el2: bool) -> CpuId:
    """Return the registers of a kind of CPU; CPUs that are alike share one reading."""
    registers = dict(features.id_registers)
    if not features.core.is_complete:
        assumable = {name: value for name, value in assumed.values.items() if not features.knows(name)}
        registers = {**assumable, **registers}
        for field, value in features.known_fields.items():
            registers[field.register] = field.put(registers.get(field.register, 0), value)
    if not (TDS.register in features.id_registers or TDS in features.known_fields):
        registers[TDS.register] = TDS.put(0, _traps_icv_dir(registers))
    for vector_type, traits in VECTOR_TYPES.items():
        vqs = features.vqs.get(vector_type)
        if vqs:
            registers[traits.len_register] = len_field(vqs)
    unknown = {name: bits for name in newest_registers() if (bits := features.unknown_bits(name))}
    for field in firmware.hidden:
        if field.register in unknown:
            unknown[field.register] &= ~field.mask
        registers[field.register] = field.put(registers.get(field.register, 0), field.hidden_value)
    for name, extensions in PARTS_OF_EXTENSIONS.items():
        is_stated = name in features.core.changes
        fields = (VECTOR_TYPES[one].id_field for one in extensions)
        if not is_stated and not any(one.of(registers.get(one.register, 0)) for one in fields):
            registers.pop(name, None)
    return CpuId.of(
        registers,
        features.core.midr,
        runs_at_el2=runs_at_el2,
        unaffected=firmware.unaffected,
        knows_clidr=features.core.is_complete or "CLIDR_EL1" in registers,
        unknown=unknown,
    )


def _traps_icv_dir(registers: Mapping[str, int]) -> bool:
    """Return True if a CPU's GIC is taken to trap writes to ICV_DIR_EL1 by themselves, which no source tells.

    The Technical Reference Manual of Cortex-A76 describes ICH_VTR_EL2.TDS, and a public log of 7.x on Cortex-A53 shows
    no capability that depends on it. That the CPUs with atomic instructions (Armv8.1) have it, and no others, is
    assumed.
    """
    return bool(GIC.of(registers.get(GIC.register, 0)) and ATOMIC.of(registers.get(ATOMIC.register, 0)))


def cpu_readings(scenario: Scenario) -> list[CpuId]:
    """Return each CPU as the kernel reads it, by logical number."""
    topology = scenario.topology
    return [
        _reading(cpu.features, cpu.firmware, topology.assumed_registers, runs_at_el2=scenario.runs_at_el2(number))
        for number, cpu in enumerate(topology.logical)
    ]


def register_values(scenario: Scenario) -> list[Mapping[str, int]]:
    """Return the ID registers of each CPU as the kernel reads them, by logical number."""
    return [one.registers for one in cpu_readings(scenario)]


def unheard(_text: str) -> None:
    """Drop a line on features that are not modelled, where the lengths are modelled alone."""


def _warn(printk: Printk, words: str) -> None:
    printk.event(EventKind.WARN, None, Words(words))


def _vary(printk: Printk, number: int, registers: tuple[str, ...]) -> None:
    printk.event(EventKind.VARIES, number, Variation(registers))


def has_threads(scenario: Scenario) -> bool:
    """Return True if some CPU's MPIDR has an affinity level 0 that is not 0, as second threads of a core have."""
    cpus = range(len(scenario.topology.cpus))
    return scenario.has_all_features and any(scenario.topology.mpidr(number) & _AFF0 for number in cpus)


class FirstCode(NamedTuple):
    """The outcome of a CPU's way through the kernel's first code; a reason is None where the CPU gets on."""

    why_stuck: str | None
    why_dies_without_mmu: str | None
    cannot_run_at_el2: bool
    why_dies: str | None


class CpuFeatures:
    """The system's features; CPUs are logical numbers.

    Args:
        scenario: what is booted.
        printk: the kernel log.
        hyp: the exception levels at which CPUs have started.
    """

    def __init__(self, scenario: Scenario, printk: Printk, hyp: HypMode) -> None:
        self._scenario = scenario
        self._printk = printk
        self._hyp = hyp
        self.has_all = scenario.has_all_features
        """True if all features are modelled, and not the lengths alone."""
        self.lengths = VectorLengths(scenario, printk)
        self._history: FeatureHistory | None = None
        self.final = False
        self.judged = 0
        """The number of times so far that CPUs were judged or features decided; where it is the same, they are too."""
        self.ipa_limit_bits: int | None = 0
        """KVM's limit of guests' physical addresses; 0 before KVM is up, None if no CPU's range is known."""
        series = scenario.release.series
        tables = (kernel_tables if self.has_all else _lengths_alone)(series, scenario.page_bytes)
        self._readings: list[CpuId | None] = [None] * len(scenario.topology.cpus)
        self._kinds: dict[tuple[int, int], CpuId] = {}
        self._configured = [vector_type for vector_type in VectorType if scenario.configured(vector_type)]
        self._counted: set[CpuId] = set()
        self._first_code: dict[tuple[CpuId, int, bool], FirstCode] = {}
        self._known_at: int | None = None
        self._supported: tuple[VectorType, ...] = ()
        self._tell = printk.line if self.has_all else unheard
        self.system = SystemFeatures(
            tables,
            series,
            id_overrides(scenario, tables, self.reading(0).registers),
            feature_options(scenario),
            Surroundings(
                printk.line,
                self._tell,
                partial(_warn, printk),
                partial(_vary, printk),
                hyp.is_available,
                has_threads(scenario),
            ),
        )
        self._capability_of = _capabilities_of_lengths(tables)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.final, self.ipa_limit_bits, self.lengths.snapshot(), self.system.snapshot()

    @property
    def taint(self) -> int:
        """The kernel's taint, as far as features and exception levels of CPUs cause it."""
        return self.system.taint | (TAINT_CPU_OUT_OF_SPEC if self._hyp.is_mixed_at_boot else 0)

    def reading(self, hw_cpu: int) -> CpuId:
        """Return the registers of a hardware CPU, by its logical number; CPUs of one kind share them."""
        found = self._readings[hw_cpu]
        if found is None:
            found = self._readings[hw_cpu] = self._reading_of_kind(hw_cpu)
        return found

    def _reading_of_kind(self, hw_cpu: int) -> CpuId:
        cpu = self._scenario.topology.logical[hw_cpu]
        kind = id(cpu.features), id(cpu.firmware)
        found = self._kinds.get(kind)
        if found is None:
            assumed, runs_at_el2 = self._scenario.topology.assumed_registers, self._scenario.runs_at_el2(hw_cpu)
            found = self._kinds[kind] = _reading(cpu.features, cpu.firmware, assumed, runs_at_el2=runs_at_el2)
        return found

    def supports(self, vector_type: VectorType) -> bool:
        """Return True if the system has a vector extension, as far as is known by now."""
        return vector_type in self.supported()

    def supported(self) -> tuple[VectorType, ...]:
        """Return the vector extensions that the system has, as far as is known by now."""
        # Every change of a register and the end of the early boot make the number larger.
        known_at = self.system.registers.version + self.final
        if known_at != self._known_at:
            self._known_at = known_at
            self._supported = tuple(filter(self._is_supported, self._configured))
        return self._supported

    def _is_supported(self, vector_type: VectorType) -> bool:
        if self.final:
            return self.system.has(self._capability_of[vector_type])
        return bool(self.system.registers.field(VECTOR_TYPES[vector_type].id_field))

    def init_cpu_features(self) -> None:
        """Take the boot CPU's registers as the system's, and log what it decides."""
        self.judged += 1
        boot = self.reading(0)
        if self.has_all:
            self.system.detected_icache(0, boot)
        self.system.init_cpu_features(boot)
        self._tell("alternatives: applying boot alternatives")
        if not self.system.options.tells_mitigations_at_once:
            self.system.mitigations.print_v4_disabled()
        if self.has_all:
            self.system.check_boot_asid()
        self.lengths.count_boot_cpu(self._scenario.topology.logical[0], self.supported())
        self._keep_history()

    def watch(self) -> list[KnownFeatures]:
        """Keep a history from now on, and return the list of its moments, which grows.

        Nothing that happens depends on it, and most boots do without: it takes a tenth of their time.
        """
        self._history = FeatureHistory()
        return self._history.moments

    def _keep_history(self) -> None:
        """Append the record of lengths and the capabilities to the history, if it is kept and they have changed."""
        if self._history is None:
            return
        supported = self.supported()
        lengths = tuple(
            KnownLengths(
                vector_type,
                vector_type in supported,
                info.vq_map,
                info.vq_partial_map,
                info.min_vl_bytes,
                info.max_vl_bytes,
                info.default_vl_bytes,
                info.max_virtualisable_vl_bytes,
                info.max_cpu_vl_bytes,
            )
            for vector_type, info in self.lengths.vl_info.items()
        )
        self._history.keep(self._printk.now_ns, lengths, self.system.capabilities.entries())

    def first_code(self, hw_cpu: int) -> FirstCode:
        """Return the outcome of a CPU in the kernel's first code; CPUs of one kind are judged once."""
        judged = self.reading(hw_cpu), self.system.capabilities.system, self.final
        found = self._first_code.get(judged)
        if found is None:
            found = self._first_code[judged] = FirstCode(
                self.why_stuck(hw_cpu),
                self.why_dies_without_mmu(hw_cpu),
                self.cannot_run_at_el2(hw_cpu),
                self.why_dies(hw_cpu),
            )
        return found

    def why_stuck(self, hw_cpu: int) -> str | None:
        """Return what a CPU lacks without which it cannot even turn its MMU on; None if it has it."""
        if not self.has_all:
            return None
        page_bytes = self.system.tables.page_bytes
        field, granule = _GRANULES[page_bytes]
        if self.system.options.is_unknown(field):
            return None
        own = self.reading(hw_cpu).field(field)
        if self.system.has("HAS_VA52") and own not in _WITH_LPA2.get(page_bytes, ()):
            return "52-bit VAs"
        return None if own in granule else f"{page_bytes >> 10}K granule"

    def cannot_run_at_el2(self, hw_cpu: int) -> bool:
        """Return True if the kernel runs at EL2, and a CPU cannot."""
        return self.reading(0).runs_at_el2 and not self.reading(hw_cpu).runs_at_el2

    def why_dies_without_mmu(self, hw_cpu: int) -> str | None:
        """Return why a CPU dies in the kernel's first code, before its MMU is on; None if it does not.

        Source: arch/arm64/mm/proc.S (``__cpu_setup``).
        """
        if not self.has_all or not self._scenario.flags.pie_writes_tcr2:
            return None
        # The first code takes indirect permissions for a sign of the register that TCRX stands for.
        reading = self.reading(hw_cpu)
        if reading.field(S1PIE) and not reading.field(TCRX):
            return "it has S1PIE without TCRX, and the kernel's first code writes TCR2_EL1"
        return None

    def why_dies(self, hw_cpu: int) -> str | None:
        """Return why a CPU dies in code that the kernel patched for all CPUs; None if it does not.

        It dies before it can print: the time that stands before each line is read from the counter, and lines are
        copied and stored by instructions that the CPU lacks.

        Source: arch/arm64/include/asm/arch_timer.h, atomic_lse.h, arch/arm64/lib/memcpy.S.
        """
        if not self.has_all:
            return None
        reading = self.reading(hw_cpu)
        if not self.final:
            return None
        if self.system.has("HAS_ECV") and not reading.field(ECV):
            return "it lacks ECV's counter registers, from which the kernel reads the time by now"
        if self.system.has("HAS_LSE_ATOMICS") and reading.field(ATOMIC) < _LSE_ATOMICS:
            return "it lacks the LSE atomic instructions, which the kernel uses by now"
        if self._scenario.flags.mops_in_kernel and self.system.has("HAS_MOPS") and not reading.field(MOPS):
            return "it lacks the MOPS instructions, with which the kernel copies memory by now"
        return None

    def verify_boot_cpu_capabilities(self, number: int, hw_cpu: int) -> Refusal | None:
        """Verify what every secondary must share with the boot CPU, and return its refusal."""
        self.judged += 1
        reading = self.reading(hw_cpu)
        if self.has_all and not self.system.verify_asid(number, reading):
            sentence = f"{self._scenario.topology.label(number)} has fewer ASIDs than the boot CPU"
            return Refusal("ASID size", None, Reason.DIFFERS_FROM_BOOT_CPU, panics_because=sentence)
        conflict = self.system.verify_boot(number, reading)
        return None if conflict is None else self._refusal(number, conflict, Reason.DIFFERS_FROM_BOOT_CPU)

    def _refusal(self, number: int, conflict: Conflict, reason: Reason) -> Refusal:
        one, label = conflict.capability, self._scenario.topology.label(number)
        what = one.words_for_people
        for vector_type, name in self._capability_of.items():
            if name == one.label:
                lacks = Reason.LACKS_EXTENSION if conflict.system_has else reason
                return Refusal(vector_type, vector_type, lacks)
        verb = "lacks" if conflict.system_has else "has"
        if what == VHE:
            sentence = (
                f"the kernel would run at EL2 on {label}, and does not on the boot CPU, which started at EL1 or lacks "
                "VHE"
            )
            return Refusal(what, None, reason, panics_because=sentence)
        sentence = f"{label} {verb} {what}, in which all CPUs must be like the boot CPU" if conflict.panics else ""
        return Refusal(what, None, reason, panics_because=sentence)

    def verify_local_cpu_capabilities(self, number: int, hw_cpu: int) -> Refusal | None:
        """Verify a late CPU, and return its refusal; None where it is accepted."""
        self.judged += 1
        reading = self.reading(hw_cpu)
        conflict = self.system.verify_late(number, reading)
        if conflict is not None:
            reason = Reason.LACKS_CAPABILITY if conflict.system_has else Reason.HAS_MORE
            return self._refusal(number, conflict, reason)
        missing = self.system.verify_hwcaps(number, reading)
        if missing is not None:
            return Refusal(missing.words, None, Reason.LACKS_HWCAP)
        # Both checks of what guests need are left out of a kernel without KVM.
        hyp_available = self._scenario.has_kvm and self._hyp.is_available()
        cpu = self._scenario.topology.logical[hw_cpu]
        refusal = self.lengths.verify(number, cpu, self.supported(), hyp_available=hyp_available)
        self._keep_history()  # an announcement may have raised the maximum
        if refusal is not None:
            return refusal
        if hyp_available and self.has_all:
            unfit = self.system.verify_hyp(number, reading, self.ipa_limit_bits or 0)
            if unfit is not None:
                return Refusal(unfit, None, Reason.UNFIT_FOR_GUESTS)
        return None

    def update_cpu_features(self, number: int, hw_cpu: int) -> None:
        """Count an early secondary, or compare an accepted late CPU."""
        self.judged += 1
        reading = self.reading(hw_cpu)
        if not self.final:
            self.system.detect_local(number, reading)
        if self.has_all:
            self.system.detected_icache(number, reading)
        self.system.store(number, reading)
        # Counting lengths again changes nothing.
        if not self.final and reading not in self._counted:
            self._counted.add(reading)
            self.lengths.count(self._scenario.topology.logical[hw_cpu], self.supported())
        self._keep_history()

    def setup_system_features(self, online: Mapping[int, int]) -> None:
        """Detect what all early CPUs share, make it final, and log it."""
        self.judged += 1
        system = self.system
        system.setup_system_capabilities()
        system.enable_everywhere((number, self.reading(hw_cpu)) for number, hw_cpu in sorted(online.items()))
        self.final = True
        patches_last = self._scenario.flags.levels_checked_last
        if not patches_last:
            self.patch()
        system.capabilities.log_counted(cpu_list)
        system.print_emulated()
        if system.options.tells_mitigations_at_once:
            system.mitigations.print_disabled()
        system.finalise()
        self.lengths.setup(self.supported())
        system.check_writeback_granule(self.reading(0))
        self._keep_history()

    def patch(self) -> None:
        """Log that the kernel patches its code for the features that the system has."""
        self._tell("alternatives: applying system-wide alternatives")

    def init_fpsimd(self) -> None:
        """Log that the system has no floating point, or no Advanced SIMD, before 32-bit programs are looked after."""
        if self.has_all:
            self.system.init_fpsimd()

    def cpu_online(self, number: int, hw_cpu: int, online: Collection[int]) -> None:
        """Note that a CPU came online, which may be the first that runs 32-bit programs, or the first that does not."""
        if self.final and self.has_all:
            self.judged += 1
            self.system.cpu_online(number, self.reading(hw_cpu), online)

    def cannot_go_offline(self, number: int) -> bool:
        """Return True if a CPU must stay online, so that 32-bit programs have one."""
        return self.system.aarch32.pinned == number

    def is_like_the_boot_cpu(self, hw_cpu: int) -> bool:
        """Return True if no register that the kernel compares differs from the boot CPU's."""
        return self.system.is_like_the_boot_cpu(self.reading(hw_cpu))

    def panics_in_reset(self, hw_cpu: int) -> bool:
        """Return True if a late CPU panics the kernel when its breakpoints are reset."""
        return self.has_all and self.final and self.system.lacks_breakpoints(self.reading(hw_cpu))

    @property
    def stage_2_fields(self) -> tuple[IdField, ...]:
        """The fields that tell whether guests can have pages of the kernel's size."""
        return (_STAGE_2_GRANULES[self.system.tables.page_bytes],)

    def kvm_set_ipa_limit(self) -> bool:
        """Set KVM's limit of guests' physical addresses, log it, and return True if guests can have pages.

        CPUs that differ in the granules of stage 2 together have none, because the field's safe value says so.

        Source: arch/arm64/kvm/arm.c (``kvm_arm_init``), reset.c (``kvm_set_ipa_limit``).
        """
        self.judged += 1
        system = self.system
        if any(system.has(erratum) for erratum in _DEADLOCKS_WITH_GUESTS):
            self._tell("kvm [1]: Guests without required CPU erratum workarounds can deadlock system!")
            self._tell("Only trusted guests should be used on this system.")
        granule = system.registers.field(_STAGE_2_GRANULES[system.tables.page_bytes])
        if granule == _NO_STAGE_2:
            self._tell("kvm [1]: PAGE_SIZE not supported at Stage-2, giving up")
            return False
        if granule > _LARGEST_STAGE_2:
            self._tell("kvm [1]: Unsupported value for TGRAN_2, giving up")
            return False
        if system.options.is_unknown(PARANGE):
            self.ipa_limit_bits = None
            return True
        bits = physical_bits(system.registers.field(PARANGE))
        if not system.has("HAS_LPA2"):
            bits = min(bits, _MOST_PHYSICAL_BITS_WITHOUT_LPA2)
        self.ipa_limit_bits = bits
        reduced = " (Reduced IPA size, limited VM/VMM compatibility)" if bits < _USUAL_IPA_BITS else ""
        self._tell(f"kvm [1]: IPA Size Limit: {bits} bits{reduced}")
        return True
