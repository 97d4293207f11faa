"""CPU features: early CPUs are counted, capabilities become final, and late CPUs are verified.

This engine works on the tables of `sim.kernel.feature_tables`. The sanitised value of an ID register's field combines
the values of all early CPUs; the system has a capability if the sanitised field is at least the capability's minimum.
An extension with vector lengths also has a record of them (`sim.kernel.fpsimd`).

`tests/conform/test_conform.py` holds the decisions and the log lines to recorded boots of real kernels.

Source: arch/arm64/kernel/cpufeature.c (``init_cpu_features``, ``update_cpu_features``, ``check_update_ftr_reg``,
``verify_local_cpu_capabilities``, ``verify_sve_features``, ``verify_sme_features``).
"""

from dataclasses import dataclass
from typing import NamedTuple

from sim import rules
from sim.designs import IGNORED, LateStore
from sim.kernel.feature_tables import CAPABILITIES, FTR_REGS, ICV_DIR_TRAPPING, VHE, Capability
from sim.kernel.fpsimd import VlInfo
from sim.kernel.hyp_mode import HypMode
from sim.kernel.printk import EventKind, KernelPanic, Printk, Words
from sim.rules import LateVerdict, Reason
from sim.scenario import Scenario
from sim.topology import Cpu
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq, vl_bytes_from_vq

_EVERY_BIT = -1
"""The mask "yes" of `sim.rules`, on ints."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of a late CPU: by which extension, why, and the lengths in question, in bits."""

    extension: str
    """The name of the ID register's field: SVE, SME."""
    vector_type: VectorType | None
    """The extension's vector type; None where it has no lengths."""
    reason: Reason
    verdict: LateVerdict[int]
    lengths: str = ""


class Announced(NamedTuple):
    """A line of the log that says that a late CPU, with these lengths as a set, is above the maximum."""

    time_ns: int
    cpu: int
    type: VectorType
    vqs: int


class CpuFeatures:
    """The system's features.

    Args:
        scenario: what is booted.
        printk: the kernel log.
        hyp: the exception levels at which CPUs have started.
    """

    def __init__(self, scenario: Scenario, printk: Printk, hyp: HypMode) -> None:
        self._printk = printk
        self._scenario = scenario
        self._hyp = hyp
        self._release = scenario.release
        self._capabilities = tuple(one for one in CAPABILITIES if one.is_known_to(self._release))
        self._has_pseudo_registers = scenario.flags.pseudo_registers
        self._traps_icv_dir = False
        self._usable = {
            vector_type: scenario.configured(vector_type) and not scenario.switched_off(vector_type)
            for vector_type in VectorType
        }
        design = scenario.active_design
        above_maximum = IGNORED if design is None else design.above_maximum(has_pkvm=scenario.has_pkvm)
        self._announces = _EVERY_BIT if above_maximum.announces else 0
        self._refuses = _EVERY_BIT if above_maximum.refuses else 0
        self._late_store = above_maximum.late_store
        self.vl_info = {vector_type: VlInfo(vector_type) for vector_type in VectorType}
        self.final = False
        self.announced: list[Announced] = []
        self._boot: Cpu | None = None
        self._sanitised: dict[str, int] = {}
        self._supports = dict.fromkeys(VectorType, False)
        self._variation_seen = False

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on.

        Announcements are in it without their times: all of them precede every later save.
        """
        records = tuple(info.snapshot() for info in self.vl_info.values())
        announced = tuple((one.cpu, one.type, one.vqs) for one in self.announced)
        return (
            self.final,
            self._boot is not None,
            tuple(self._sanitised.items()),
            tuple(self._supports.items()),
            self._variation_seen,
            self._traps_icv_dir,
            records,
            announced,
        )

    def supports(self, vector_type: VectorType) -> bool:
        """Return True if the system has the extension: every counted CPU does, and the command line allows it."""
        return self._supports[vector_type]

    def _has(self, capability: Capability) -> bool:
        """Return True if the system has a capability: all counted CPUs do, and it is not switched off."""
        usable = capability.vector_type is None or self._usable[capability.vector_type]
        # A register that no field is listed of is not sanitised: the boot CPU's value stands for the system.
        assert self._boot is not None
        register = capability.field.register
        return usable and capability.is_of(self._sanitised.get(register, self._boot.features.register(register)))

    def _detect(self) -> None:
        """Derive the extensions that the system has from the sanitised ID registers."""
        for capability in self._capabilities:
            if capability.vector_type is not None:
                self._supports[capability.vector_type] = self._has(capability)

    def init_cpu_features(self, boot: Cpu) -> None:
        """Take the boot CPU's features as the first value of the system's features."""
        self._boot = boot
        self._sanitised = {reg.name: boot.features.register(reg.name) for reg in FTR_REGS}
        self._detect()
        self._traps_icv_dir = self._can_trap_icv_dir(boot)
        for vector_type, info in self.vl_info.items():
            vqs = boot.usable_vqs(vector_type)
            if vqs is not None and self.supports(vector_type):
                info.vec_init_vq_map(vqs)

    def update_cpu_features(self, number: int, cpu: Cpu) -> None:
        """Count an early secondary, or report how an accepted late CPU differs.

        An early CPU without an extension takes it from the whole system; the lengths counted so far stay. A late CPU
        changes nothing: the capabilities are final.
        """
        assert self._boot is not None
        # CPUs that are alike share their features, and most CPUs of most systems are like the boot CPU.
        if cpu.features is not self._boot.features:
            self._sanity_check(number, cpu, self._boot)
            if not self.final:
                self._sanitise(cpu)
        if self.final:
            return
        self._traps_icv_dir &= self._can_trap_icv_dir(cpu)
        # `_supports` already reflects this CPU: the kernel reads the sanitised register before it counts lengths.
        for vector_type, info in self.vl_info.items():
            vqs = cpu.usable_vqs(vector_type) if self._supports[vector_type] else None
            if vqs is not None:
                info.vec_update_vq_map(vqs)

    def _can_trap_icv_dir(self, cpu: Cpu) -> bool:
        """Return True if a CPU has the capability to trap ICV_DIR_EL1, which depends on all CPUs that have started."""
        known = self._scenario.flags.icv_dir_trapping and self._hyp.is_available()
        return known and ICV_DIR_TRAPPING.is_of(cpu.features.register(ICV_DIR_TRAPPING.field.register))

    def _sanitise(self, cpu: Cpu) -> None:
        """Combine an early CPU's ID registers with the system's, field by field."""
        for reg in FTR_REGS:
            for bits in reg.bits:
                system, own = self._sanitised[reg.name], cpu.features.register(reg.name)
                safe = bits.safe_value(bits.field.of(system), bits.field.of(own))
                self._sanitised[reg.name] = bits.field.put(system, safe)
        self._detect()

    def _sanity_check(self, number: int, cpu: Cpu, boot_cpu: Cpu) -> None:
        """Log each ID register in which a CPU differs from the boot CPU; the first difference taints the kernel."""
        differs = False
        for reg in FTR_REGS:
            boot, own = boot_cpu.features.register(reg.name), cpu.features.register(reg.name)
            if (boot ^ own) & reg.strict_mask:
                self._printk.line(
                    f"CPU features: SANITY CHECK: Unexpected variation in SYS_{reg.name}. "
                    f"Boot CPU: {boot:#016x}, CPU{number}: {own:#016x}"
                )
                differs = True
        if differs and not self._variation_seen:
            self._variation_seen = True
            self._printk.line("CPU features: Unsupported CPU feature variation detected.")

    def setup_system_features(self) -> None:
        """Make the capabilities final, and log the vector lengths."""
        self.final = True
        for vector_type, info in self.vl_info.items():
            if self.supports(vector_type):
                self._setup(info)

    def _setup(self, info: VlInfo) -> None:
        """Compute the limits of a vector type, and log them as ``sve_setup`` and ``sme_setup`` do."""
        info.setup()
        traits = VECTOR_TYPES[info.type]
        if not info.vq_map:
            self._printk.event(EventKind.WARN, 0, Words(f"{info.type.lower()}_setup: no length is common to all CPUs"))
        if traits.logs_minimum:
            self._printk.line(f"{info.type}: minimum available vector length {info.min_vl_bytes} bytes per vector")
        self._printk.line(f"{info.type}: maximum available vector length {info.max_vl_bytes} bytes per vector")
        self._printk.line(f"{info.type}: default vector length {info.default_vl_bytes} bytes per vector")
        if traits.is_virtualised and info.max_virtualisable_vl_bytes < info.max_vl_bytes:
            self._printk.line(f"{info.type}: unvirtualisable vector lengths present")

    def verify_boot_cpu_capabilities(self, number: int, hw_cpu: int) -> bool:
        """Verify what every secondary must share with the boot CPU, and return False if the kernel must panic.

        The kernel must run at EL2 on all CPUs or on none. A secondary on which it cannot, beside a boot CPU on which it
        does, dies before it gets here.
        """
        if self._scenario.runs_at_el2(hw_cpu) == self._scenario.runs_at_el2(0):
            return True
        self._log_conflict(number, VHE, system=0)
        return False

    def _log_conflict(self, number: int, capability: Capability, *, system: int) -> None:
        """Log that a CPU and the system differ in a capability: `system` is 1 if the system has it, else 0."""
        self._printk.line(
            f"CPU features: CPU{number}: Detected conflict for capability {capability.number(self._release)} "
            f"({capability.description}), System: {system}, CPU: {1 - system}"
        )

    def verify_local_cpu_capabilities(self, number: int, cpu: Cpu) -> Refusal | None:
        """Verify a late CPU, and return its refusal; None where it is accepted.

        Capabilities are compared first, then the lengths of each vector type, SVE before SME; the first failure ends
        the CPU.

        Raises:
            KernelPanic: the design raises ``max_cpu_vl`` by a store to read-only memory.
        """
        # Without the extension there are no lengths to judge. An empty set gives the finding and its verdict, which the
        # hazard of a harmless refused CPU reads.
        verdict = rules.late_verdict(rules.late_findings(0, 0, 0, 0, 0), 0, 0)
        if self._traps_icv_dir and not self._can_trap_icv_dir(cpu):
            self._log_conflict(number, ICV_DIR_TRAPPING, system=1)
            return Refusal(ICV_DIR_TRAPPING.description, None, Reason.LACKS_EXTENSION, verdict)
        for capability in self._capabilities:
            if self._has(capability) and not capability.is_of(cpu.features.register(capability.field.register)):
                self._log_conflict(number, capability, system=1)
                return Refusal(capability.field.name, capability.vector_type, Reason.LACKS_EXTENSION, verdict)
        for vector_type in VectorType:
            if self.supports(vector_type):
                refusal = self._verify_lengths(number, cpu, vector_type)
                if refusal is not None:
                    self._printk.line(f"CPU features: CPU{number}: {vector_type}: vector length support mismatch")
                    return refusal
        return None

    def _verify_lengths(self, number: int, cpu: Cpu, vector_type: VectorType) -> Refusal | None:
        """Verify a late CPU's lengths of a vector type, log what is found, and return its refusal."""
        vqs, info = cpu.usable_vqs(vector_type), self.vl_info[vector_type]
        assert vqs is not None
        findings = info.vec_verify_vq_map(
            vqs, hyp_available=self._hyp.is_available(), has_pseudo_register=self._has_pseudo_registers
        )
        counted_vqs = info.max_cpu_vqs  # as compared: the announcement may raise the record's
        verdict = rules.late_verdict(findings, self._announces, self._refuses)
        # The series announces before the other checks, so a CPU that is refused afterwards has raised the maximum too.
        if verdict.announced:
            self._announce(number, vqs, vector_type)
        match rules.first_reason(findings, self._refuses):
            case None:
                return None
            case Reason.PSEUDO_REGISTER as reason:
                lengths = _compared(vqs, "below", info.pseudo_register_vqs)
            case Reason.ABOVE_MAXIMUM as reason:
                lengths = _compared(vqs, "above", counted_vqs)
            case Reason.MISSING as reason:
                self._printk.line(f"{vector_type}: cpu{number}: Required vector length(s) missing")
                lengths = braces(findings.missing)
            case reason:  # UNSUPPORTED: a CPU that lacks the extension was refused by its capabilities
                self._printk.line(f"{vector_type}: cpu{number}: Unsupported vector length(s) present")
                lengths = braces(findings.unsupported)
        return Refusal(vector_type, vector_type, reason, verdict, lengths)

    def _announce(self, number: int, vqs: int, vector_type: VectorType) -> None:
        """Log that a late CPU is above ``max_cpu_vl``, and raise the maximum where the design does."""
        largest_bytes = vl_bytes_from_vq(largest_vq(vqs))
        what = "would increase maximum VL" if self._refuses else f"increases maximum VL to {largest_bytes}"
        self._printk.line(f"{vector_type}: cpu{number}: {what}")
        self.announced.append(Announced(self._printk.lines[-1].time_ns, number, vector_type, vqs))
        if self._late_store is not None:
            self._raise_maximum(number, vqs, self.vl_info[vector_type], self._late_store)

    def _raise_maximum(self, number: int, vqs: int, info: VlInfo, store: LateStore) -> None:
        """Store a larger ``max_cpu_vl``, with the effect that the design gives the store.

        Raises:
            KernelPanic: the store meets read-only memory.
        """
        if store is LateStore.READ_ONLY:
            # The address and the error code are those of the recorded panic, whatever the scenario.
            self._printk.line("Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc")
            self._printk.line("Internal error: Oops: 000000009600004f [#1] SMP")
            self._printk.line("Kernel panic - not syncing: Attempted to kill the idle task!")
            raise KernelPanic(
                number,
                f"the store that raises max_cpu_vl from {info.max_cpu_vl_bytes} to "
                f"{vl_bytes_from_vq(largest_vq(vqs))} bytes meets read-only memory (vl_info is __ro_after_init)",
            )
        # With LateStore.SKIPPED the record stays, and the next CPU with such a length is announced as well.
        if store is LateStore.WORKS:
            info.max_cpu_vqs |= vqs


def _compared(vqs: int, relation: str, other_vqs: int) -> str:
    return f"({bits_from_vq(largest_vq(vqs))} {relation} {bits_from_vq(largest_vq(other_vqs))} bits)"
