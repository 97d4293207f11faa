"""CPU features: counting early CPUs, final capabilities, and the verdict on late ones.

Source: arch/arm64/kernel/cpufeature.c (``init_cpu_features``, ``update_cpu_features``,
``verify_local_cpu_capabilities``, ``verify_sve_features``, ``verify_sme_features``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sim.designs import Design, LateCpu, LateStore
from sim.kernel.fpsimd import LateVerdict, VlInfo
from sim.kernel.printk import KernelPanic, Printk
from sim.scenario import Scenario
from sim.topology import Cpu
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq, vl_bytes_from_vq

_CAPABILITY = {VectorType.SVE: "Scalable Vector Extension", VectorType.SME: "Scalable Matrix Extension"}
_ID_REGISTER = {VectorType.SVE: "SYS_ID_AA64PFR0_EL1", VectorType.SME: "SYS_ID_AA64PFR1_EL1"}
_ID_WITHOUT = {VectorType.SVE: 0x1301001021110222, VectorType.SME: 0x0000000000000321}
_ID_FIELD = {VectorType.SVE: 1 << 32, VectorType.SME: 1 << 24}


class Reason(StrEnum):
    """Why a late CPU was refused by its vector lengths, or for lacking the extension."""

    LACKS_EXTENSION = "lacks the extension"
    MISSING = "lacks a length that all early CPUs have"
    UNSUPPORTED = "has a length that guests could see there and nowhere else"
    PSEUDO_REGISTER = "its largest length is below every early CPU's largest"
    ABOVE_MAXIMUM = "its largest length is above every counted CPU's largest"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A late CPU that will not boot: which extension, why, and the lengths in question, in bits."""

    type: VectorType
    reason: Reason
    lengths: str = ""


class Announced(NamedTuple):
    """The log said that a late CPU is above the maximum; its lengths as a set."""

    time_ns: int
    cpu: int
    type: VectorType
    vqs: int


def _compared(vqs: int, relation: str, other_vqs: int) -> str:
    return f"({bits_from_vq(largest_vq(vqs))} {relation} {bits_from_vq(largest_vq(other_vqs))} bits)"


def own_vqs(cpu: Cpu, vector_type: VectorType) -> int | None:
    """The lengths that the kernel finds on a CPU; None where it lacks the extension."""
    return cpu.usable_sve_vqs if vector_type is VectorType.SVE else cpu.usable_sme_vqs


class CpuFeatures:
    """The system's features, as far as vector lengths are concerned."""

    def __init__(self, scenario: Scenario, printk: Printk) -> None:
        self._printk = printk
        self._series = scenario.series
        self._design: Design | None = scenario.active_design
        self._hyp_available = scenario.el2
        self._pkvm = scenario.has_pkvm
        self._usable = {
            VectorType.SVE: not scenario.sve_off,
            VectorType.SME: scenario.series.has_sme and not scenario.nosme,
        }
        self.vl_info = {vector_type: VlInfo(vector_type) for vector_type in VectorType}
        self.final = False
        self.announced: list[Announced] = []
        self._has = dict.fromkeys(VectorType, False)
        self._boot: Cpu | None = None
        self._variation_seen = False

    def supports(self, vector_type: VectorType) -> bool:
        """Whether the system has the extension: every counted CPU does, and nobody switched it off."""
        return self._has[vector_type]

    def init_cpu_features(self, boot: Cpu) -> None:
        """Take the boot CPU's features for the system's."""
        self._boot = boot
        for vector_type, info in self.vl_info.items():
            vqs = own_vqs(boot, vector_type)
            self._has[vector_type] = self._usable[vector_type] and vqs is not None
            if self._has[vector_type] and vqs is not None:
                info.vec_init_vq_map(vqs)

    def update_cpu_features(self, number: int, cpu: Cpu) -> None:
        """Count an early secondary, or note how an accepted late CPU differs.

        One early CPU without an extension takes it from the whole system; what was counted so far stays.
        """
        self._sanity_check(number, cpu)
        if self.final:
            return
        for vector_type, info in self.vl_info.items():
            vqs = own_vqs(cpu, vector_type)
            if vqs is None:
                self._has[vector_type] = False
            elif self._has[vector_type]:
                info.vec_update_vq_map(vqs)

    def _sanity_check(self, number: int, cpu: Cpu) -> None:
        """Log each feature in which a CPU differs from the boot CPU."""
        assert self._boot is not None
        taints = False
        for vector_type in VectorType:
            here = own_vqs(cpu, vector_type) is not None
            there = own_vqs(self._boot, vector_type) is not None
            if here != there:
                without, field = _ID_WITHOUT[vector_type], _ID_FIELD[vector_type]
                self._printk.line(
                    f"CPU features: SANITY CHECK: Unexpected variation in {_ID_REGISTER[vector_type]}. "
                    f"Boot CPU: {without + there * field:#018x}, CPU{number}: {without + here * field:#018x}"
                )
                taints = True
        if taints and not self._variation_seen:
            self._variation_seen = True
            self._printk.line("CPU features: Unsupported CPU feature variation detected.")

    def setup_system_features(self) -> None:
        """Make the capabilities final, and say what they are."""
        self.final = True
        for vector_type in VectorType:
            if self._has[vector_type]:
                self._setup(vector_type)

    def _setup(self, vector_type: VectorType) -> None:
        info = self.vl_info[vector_type]
        info.setup()
        if vector_type is VectorType.SME:
            if not info.vq_map:
                self._printk.event("WARN", 0, "sme_setup: no length is common to all CPUs")
            self._printk.line(f"SME: minimum available vector length {info.min_vl_bytes} bytes per vector")
        self._printk.line(f"{vector_type}: maximum available vector length {info.max_vl_bytes} bytes per vector")
        self._printk.line(f"{vector_type}: default vector length {info.default_vl_bytes} bytes per vector")
        if vector_type is VectorType.SVE and info.max_virtualisable_vl_bytes < info.max_vl_bytes:
            self._printk.line("SVE: unvirtualisable vector lengths present")

    def verify_local_cpu_capabilities(self, number: int, cpu: Cpu) -> Refusal | None:
        """Decide about a late CPU; None where it is accepted.

        A missing extension is found first, then SVE is verified before SME; the first failure ends the CPU.

        Raises:
            KernelPanic: the design raises ``max_cpu_vl`` by a store to read-only memory.
        """
        supported = [vector_type for vector_type in VectorType if self._has[vector_type]]
        for vector_type in supported:
            if own_vqs(cpu, vector_type) is None:
                self._printk.line(
                    f"CPU features: CPU{number}: Detected conflict for capability "
                    f"{self._series.capability_number(vector_type)} ({_CAPABILITY[vector_type]}), "
                    "System: 1, CPU: 0"
                )
                return Refusal(vector_type, Reason.LACKS_EXTENSION)
        for vector_type in supported:
            refusal = self._verify(number, cpu, vector_type)
            if refusal is not None:
                self._printk.line(f"CPU features: CPU{number}: {vector_type}: vector length support mismatch")
                return refusal
        return None

    def _verify(self, number: int, cpu: Cpu, vector_type: VectorType) -> Refusal | None:
        info = self.vl_info[vector_type]
        vqs = own_vqs(cpu, vector_type)
        assert vqs is not None
        verdict = info.vec_verify_vq_map(vqs)
        if self._series.has_pseudo_registers and verdict.below_floor:
            return Refusal(vector_type, Reason.PSEUDO_REGISTER, _compared(vqs, "below", info.pseudo_register_vqs))
        counted_vqs = info.max_cpu_vqs
        if verdict.above_maximum and self._refuses_above_maximum(number, vqs, info):
            return Refusal(vector_type, Reason.ABOVE_MAXIMUM, _compared(vqs, "above", counted_vqs))
        return self._lengths_refused(number, vector_type, verdict)

    def _lengths_refused(self, number: int, vector_type: VectorType, verdict: LateVerdict) -> Refusal | None:
        if verdict.missing:
            self._printk.line(f"{vector_type}: cpu{number}: Required vector length(s) missing")
            return Refusal(vector_type, Reason.MISSING, braces(verdict.missing))
        if self._hyp_available and verdict.unsupported:
            self._printk.line(f"{vector_type}: cpu{number}: Unsupported vector length(s) present")
            return Refusal(vector_type, Reason.UNSUPPORTED, braces(verdict.unsupported))
        return None

    def _refuses_above_maximum(self, number: int, vqs: int, info: VlInfo) -> bool:
        """What the design does about a late CPU above ``max_cpu_vl``; True where it refuses it."""
        late_cpu = LateCpu.SILENT if self._design is None else self._design.late_cpu
        largest_bytes = vl_bytes_from_vq(largest_vq(vqs))
        if late_cpu is LateCpu.REFUSED or (late_cpu is LateCpu.REFUSED_UNDER_PKVM and self._pkvm):
            self._announce(number, vqs, info.type, "would increase maximum VL")
            return True
        if late_cpu in {LateCpu.WARNED, LateCpu.RAISES}:
            self._announce(number, vqs, info.type, f"increases maximum VL to {largest_bytes}")
        if late_cpu is LateCpu.RAISES:
            assert self._design is not None
            self._raise_maximum(number, vqs, info, self._design.late_store)
        return False

    def _announce(self, number: int, vqs: int, vector_type: VectorType, what: str) -> None:
        self._printk.line(f"{vector_type}: cpu{number}: {what}")
        self.announced.append(Announced(self._printk.lines[-1].time_ns, number, vector_type, vqs))

    def _raise_maximum(self, number: int, vqs: int, info: VlInfo, store: LateStore) -> None:
        if store is LateStore.READ_ONLY:
            self._printk.line("Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc")
            self._printk.line("Internal error: Oops: 000000009600004f [#1] SMP")
            self._printk.line("Kernel panic - not syncing: Attempted to kill the idle task!")
            raise KernelPanic(
                number,
                f"the store that raises max_cpu_vl from {info.max_cpu_vl_bytes} to "
                f"{vl_bytes_from_vq(largest_vq(vqs))} bytes meets read-only memory (vl_info is __ro_after_init)",
            )
        if store is LateStore.WORKS:
            info.max_cpu_vqs |= vqs
