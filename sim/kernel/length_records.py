"""The system's vector lengths: early CPUs are counted, limits are computed, and late CPUs are judged by their lengths.

Source: arch/arm64/kernel/fpsimd.c (``sve_setup``, ``sme_setup``, ``vec_verify_vq_map``), cpufeature.c
(``verify_sve_features``, ``verify_sme_features``).
"""

from collections.abc import Collection
from typing import NamedTuple

from sim import rules
from sim.designs import IGNORED, LateStore
from sim.kernel.fpsimd import VlInfo
from sim.kernel.printk import EventKind, KernelPanic, Printk, Words
from sim.kernel.refusal import Refusal
from sim.rules import Reason
from sim.scenario import Scenario
from sim.topology import Cpu
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq, vl_bytes_from_vq

_EVERY_BIT = -1
"""The mask "yes" of `sim.rules`, on ints."""


class Announced(NamedTuple):
    """A line of the log that says that a late CPU, with these lengths as a set, is above the maximum."""

    time_ns: int
    cpu: int
    type: VectorType
    vqs: int


class VectorLengths:
    """The records of lengths of one system, one for each vector type.

    Args:
        scenario: what is booted.
        printk: the kernel log.
    """

    def __init__(self, scenario: Scenario, printk: Printk) -> None:
        self._printk = printk
        self._has_pseudo_registers = scenario.flags.pseudo_registers
        design = scenario.active_design
        above_maximum = IGNORED if design is None else design.above_maximum(has_pkvm=scenario.has_pkvm)
        self._announces = _EVERY_BIT if above_maximum.announces else 0
        self._refuses = _EVERY_BIT if above_maximum.refuses else 0
        self._late_store = above_maximum.late_store
        self.vl_info = {vector_type: VlInfo(vector_type) for vector_type in VectorType}
        self.announced: list[Announced] = []

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on.

        Announcements are in it without their times: all of them precede every later save.
        """
        records = tuple(info.snapshot() for info in self.vl_info.values())
        return records, tuple((one.cpu, one.type, one.vqs) for one in self.announced)

    def count_boot_cpu(self, boot: Cpu, supported: Collection[VectorType]) -> None:
        """Count the boot CPU's lengths of the types that the system has."""
        for vector_type in supported:
            vqs = boot.usable_vqs(vector_type)
            if vqs is not None:
                self.vl_info[vector_type].vec_init_vq_map(vqs)

    def count(self, cpu: Cpu, supported: Collection[VectorType]) -> None:
        """Count an early secondary's lengths of the types that the system still has, with this CPU."""
        for vector_type in supported:
            vqs = cpu.usable_vqs(vector_type)
            if vqs is not None:
                self.vl_info[vector_type].vec_update_vq_map(vqs)

    def setup(self, supported: Collection[VectorType]) -> None:
        """Compute and log the limits of the types that the system has."""
        for vector_type in supported:
            self._setup(self.vl_info[vector_type])

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

    def verify(
        self, number: int, cpu: Cpu, supported: Collection[VectorType], *, hyp_available: bool
    ) -> Refusal | None:
        """Verify a late CPU's lengths, SVE before SME, and return its refusal; None where it is accepted.

        Args:
            number: the CPU.
            cpu: its hardware.
            supported: the types that the system has.
            hyp_available: the CPUs started at EL2.

        Raises:
            KernelPanic: the design raises ``max_cpu_vl`` by a store to read-only memory.
        """
        for vector_type in supported:
            refusal = self._verify_one(number, cpu, vector_type, hyp_available=hyp_available)
            if refusal is not None:
                self._printk.line(f"CPU features: CPU{number}: {vector_type}: vector length support mismatch")
                return refusal
        return None

    def _verify_one(self, number: int, cpu: Cpu, vector_type: VectorType, *, hyp_available: bool) -> Refusal | None:
        """Verify a late CPU's lengths of a vector type, log what is found, and return its refusal."""
        vqs, info = cpu.usable_vqs(vector_type), self.vl_info[vector_type]
        assert vqs is not None
        findings = info.vec_verify_vq_map(
            vqs, hyp_available=hyp_available, has_pseudo_register=self._has_pseudo_registers
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
