"""pKVM of one boot: its buffers' allocation, its PSCI relay, and a guest's first use of SVE.

Source: arch/arm64/kvm/arm.c (``init_pkvm_host_sve_state``), arch/arm64/kvm/hyp/nvhe/hyp-main.c, psci-relay.c.
"""

from typing import NoReturn

from sim import rules
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.printk import Allocation, EventKind, HypervisorPanic, Printk
from sim.kernel.save_area import BufferSize, Save, SaveArea, StoreFault
from sim.machine.registers import BYTES_PER_VQ, VectorUnit
from sim.scenario import Relay, Scenario
from sim.vectors import VectorType, bits_from_vq, largest_vq

# The addresses and offsets of a 6.12.107 kernel's log, whose panics were recorded. The store of Zn is at 0x8 + 4n, as
# recorded for Z0 and Z15. The offsets of P and FFR are assumed: they fit the routine's length, 0xf4 bytes.
_SAVE_STATE_ADDRESS = 0xFFFF800080252F20
_SAVE_STATE_BYTES = 0xF4
_FIRST_STORE, _FFR_STORE = 0x8, 0xD8
_INSTRUCTION_BYTES = 4


class AllocationFailure(Exception):
    """pKVM got no memory for a CPU's buffer: the kernel's -ENOMEM."""

    def __init__(self, cpu: int) -> None:
        super().__init__(cpu)
        self.cpu = cpu


class Pkvm:
    """pKVM: its save area, and the CPUs that its relay starts.

    Args:
        scenario: what is booted.
        features: the system's features; final.
        printk: the kernel log.
        online: the CPUs that are online at KVM's init. The PSCI relay knows these for good: a CPU among them may go
            offline and come back, and an enforcing relay starts no other CPU, whatever its lengths.
    """

    def __init__(self, scenario: Scenario, features: CpuFeatures, printk: Printk, online: frozenset[int]) -> None:
        self._scenario = scenario
        self._info = features.lengths.vl_info[VectorType.SVE]
        self._printk = printk
        self._known = online
        self._design = scenario.active_design if features.supports(VectorType.SVE) else None
        self.area: SaveArea | None = None
        """The buffers; None where pKVM does not save the host's SVE registers."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple(sorted(self._known)), None if self.area is None else self.area.snapshot()

    def allocate(self, cpus: int, allocation_vqs: int) -> None:
        """Allocate a buffer for every possible CPU, online or not; nothing where the kernel has no buffers.

        Args:
            cpus: the number of possible CPUs.
            allocation_vqs: the length that the buffers are for, as a set of one.

        Raises:
            AllocationFailure: memory runs out for the CPU that the scenario names.
        """
        if self._design is None:
            return
        size = BufferSize.of(largest_vq(allocation_vqs), self._scenario.page_bytes)
        if self._scenario.allocation_fails_at is not None:
            number = self._scenario.topology.number(self._scenario.allocation_fails_at)
            self._printk.event(EventKind.ALLOCATION_FAILED, number, Allocation(0, size.run_bytes))
            raise AllocationFailure(number)
        self.area = SaveArea(
            cpus,
            size,
            self._scenario.memory,
            allocation_vqs=allocation_vqs,
            limit_vqs=self._design.zcr_el2_limit(self._info.vq_map, allocation_vqs, rules.ARCHITECTURE_VQS),
            ffr_pointer=self._design.ffr_pointer,
            vq_map=self._info.vq_map,
        )
        self._printk.event(EventKind.ALLOCATED, None, Allocation(cpus, size.run_bytes))

    def finalise(self) -> None:
        """Deprivilege the host for good, one initcall stage after KVM's."""
        self._printk.event(EventKind.PKVM_FINALISED)

    def relays(self, number: int) -> bool:
        """Return True if the PSCI relay lets CPU_ON for a CPU through."""
        return self._scenario.relay is Relay.RELAXED or number in self._known

    def save(self, number: int, unit: VectorUnit, time_ns: int) -> Save:
        """Save the host's registers on a CPU, because a guest wants the vector unit.

        Raises:
            HypervisorPanic: a store met memory that is not mapped at EL2.
        """
        assert self.area is not None
        try:
            # The caller records the save's event next, or the panic's: the number of events is that event's place.
            return self.area.save(number, unit, time_ns, event=len(self._printk.events))
        except StoreFault as fault:
            self._panic(self.area.saves[-1], fault.register)

    def _panic(self, save: Save, register: int) -> NoReturn:
        """Log the panic of a save whose store of a register met unmapped memory."""
        instruction = _FFR_STORE if register == len(BYTES_PER_VQ) - 1 else _FIRST_STORE + register * _INSTRUCTION_BYTES
        where = f"__kvm_nvhe___sve_save_state+{instruction:#x}/{_SAVE_STATE_BYTES:#x}"
        for line in (
            f"kvm [50]: nVHE hyp panic at: [<{_SAVE_STATE_ADDRESS + instruction:016x}>] {where}!",
            "kvm [50]: Cannot dump pKVM nVHE stacktrace: !CONFIG_PROTECTED_NVHE_STACKTRACE",
            "Kernel panic - not syncing: HYP panic:",
            "kvm [50]: nVHE hyp BUG at: [<ffff80008024b1a8>] __kvm_nvhe_handle_trap+0x38/0x168!",
        ):
            self._printk.line(line)
        raise HypervisorPanic(
            save.cpu,
            f"{self._scenario.topology.label(save.cpu)}'s save at {bits_from_vq(save.running_vq)} bits stores to "
            f"memory that is not mapped at EL2: the store at byte {save.fault_byte} of its registers ({where})",
        )
