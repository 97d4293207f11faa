"""pKVM: buffers for the host's SVE registers, the PSCI relay, and the save and restore, to the byte.

The buffer holds a header (zcr_el1, fpsr, fpcr) and the registers. The save goes by a pointer to FFR: Zn lies
at (n - 34) * W and Pn at (n - 16) * W / 8 from it, where W is the length the CPU really runs with.

Source: arch/arm64/include/asm/kvm_pkvm.h (``pkvm_host_sve_state_size``), fpsimdmacros.h (``sve_save``,
``sve_load``), arch/arm64/kvm/hyp/nvhe/hyp-main.c (``__hyp_sve_save_host``), psci-relay.c.
"""

import struct
from dataclasses import dataclass, field
from typing import NoReturn

from sim import rules
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.printk import HypervisorPanic, Printk
from sim.machine.memory import El2Memory, Extent, UnmappedAccess, merged
from sim.machine.registers import BYTES_PER_VQ, ZCR_EL1_OF_HOST, VectorState, VectorUnit, register_at
from sim.scenario import Relay, Scenario
from sim.vectors import QUADWORD_BYTES, VectorType, bits_from_vq, largest_vq, len_field

_HEADER = struct.Struct("<QII")
"""zcr_el1, fpsr and fpcr."""
_ZCR_EL1_BYTES = 8
_SAVE_STATE_ADDRESS = 0xFFFF800080252F20
_SAVE_STATE_BYTES = 0xF4
_FIRST_STORE, _FFR_STORE = 0x8, 0xD8
_INSTRUCTION_BYTES = 4


class AllocationFailure(Exception):
    """There was no memory for a CPU's buffer."""

    def __init__(self, cpu: int) -> None:
        super().__init__(cpu)
        self.cpu = cpu


@dataclass(slots=True)
class Save:
    """One save of the host's registers and, once the guest has left, their restore.

    Lengths as VQ. `touched` are the bytes written, by owner, merged; offsets from the start of each run of
    pages. What a restore shows is None until there was one.
    """

    cpu: int
    time_ns: int
    host_vq: int
    """What the host ran with before."""
    running_vq: int
    """What EL2 ran with during the save."""
    pointer_vq: int
    zcr_el1_len: int
    denied_vqs: int
    """Of the lengths that all early CPUs have and this CPU has, those that ZCR_EL2 keeps the host from afterwards."""
    touched: list[Extent] = field(default_factory=list)
    header_intact: bool = True
    """Whether zcr_el1 is still in the header after the save."""
    panicked: bool = False
    fault_byte: int | None = None
    """Where the register begins whose store met unmapped memory, from the start of the buffer's registers."""
    at_save_vq_restored: bool | None = None
    """Registers and ZCR_EL1 came back, compared at the length of the save."""
    committed_vq_restored: bool | None = None
    """The same, compared at the largest length that the host's tasks may use."""
    host_vq_after: int | None = None

    @property
    def outside(self) -> list[Extent]:
        """The bytes that it wrote outside its own run of pages."""
        return [extent for extent in self.touched if extent.foreign or extent.cpu != self.cpu]


class Pkvm:
    """pKVM of one boot: its buffers, and who its relay knows."""

    def __init__(self, scenario: Scenario, features: CpuFeatures, printk: Printk, online: frozenset[int]) -> None:
        self._scenario = scenario
        self._info = features.vl_info[VectorType.SVE]
        self._printk = printk
        self._known = online
        self._design = scenario.active_design if features.supports(VectorType.SVE) else None
        self.allocation_vqs = 0
        """The length that the buffers are for, as a set of one."""
        self.asked_bytes = 0
        self.page_order = 0
        self.saves: list[Save] = []
        self._memory: El2Memory | None = None
        self._saved: dict[int, tuple[Save, VectorState]] = {}

    def allocate(self, cpus: int, allocation_vqs: int) -> None:
        """Allocate a buffer for every possible CPU, online or not, for the length that a set of one holds.

        Raises:
            AllocationFailure: for the CPU at which the scenario has memory run out.
        """
        if self._design is None:
            return
        self.allocation_vqs = allocation_vqs
        self.asked_bytes = rules.buffer_bytes(largest_vq(self.allocation_vqs))
        page_bytes = self._scenario.page_bytes
        self.page_order = ((self.asked_bytes - 1) // page_bytes).bit_length()
        if self._scenario.allocation_fails_at is not None:
            number = self._scenario.topology.number(self._scenario.allocation_fails_at)
            self._printk.event("allocation failed", number, f"{self.run_bytes} bytes")
            raise AllocationFailure(number)
        self._memory = El2Memory(cpus, self.run_bytes, self._scenario.memory)
        self._printk.event("allocated", None, f"{cpus} buffers of {self.run_bytes} bytes")

    def finalise(self) -> None:
        """Deprivilege the host for good, one initcall stage after KVM's."""
        self._printk.event("pkvm finalised")

    @property
    def run_bytes(self) -> int:
        """Bytes in one buffer's run of pages."""
        return self._scenario.page_bytes << self.page_order

    @property
    def has_buffers(self) -> bool:
        """Whether the host's SVE registers are saved to buffers at all."""
        return self._memory is not None

    def relays(self, number: int) -> bool:
        """Whether the PSCI relay lets CPU_ON for a CPU through."""
        return self._scenario.relay is Relay.RELAXED or number in self._known

    def _select_vl(self, unit: VectorUnit) -> int:
        """Write ZCR_EL2 as the design does, and return the VQ that is then in force at EL2."""
        assert self._design is not None
        unit.write_zcr_el2(len_field(self._design.zcr_el2_limit(self._info.vq_map, self.allocation_vqs)))
        return unit.vq_at_el2()

    def _registers(self, number: int, running_vq: int) -> int:
        """Address of Z0: as far before FFR as the running length has it, wherever the design puts FFR."""
        assert self._memory is not None
        pointer = rules.HEADER_BYTES + rules.FFR_BYTES_PER_VQ * self._pointer_vq(running_vq)
        return self._memory.run_start(number) + pointer - rules.FFR_BYTES_PER_VQ * running_vq

    def _pointer_vq(self, running_vq: int) -> int:
        assert self._design is not None
        return largest_vq(self._design.pointer_vqs(self.allocation_vqs, 1 << (running_vq - 1)))

    def save(self, number: int, unit: VectorUnit, time_ns: int) -> Save:
        """Save the host's registers on a CPU, because a guest wants the vector unit.

        Returns:
            The save's record, to which the restore adds.

        Raises:
            HypervisorPanic: a store met memory that is not mapped at EL2. The record is in `saves` all the same.
        """
        assert self._memory is not None
        unit.write_zcr_el1(ZCR_EL1_OF_HOST)
        host = VectorState.of_host(unit.vq_at_el1(), number)
        running_vq = self._select_vl(unit)
        denied_vqs = self._info.vq_map & unit.usable_vqs & ~unit.vqs_at_el1_below(unit.zcr_el2_len)
        save = Save(number, time_ns, host.vq, running_vq, self._pointer_vq(running_vq), unit.zcr_el1_len, denied_vqs)
        self.saves.append(save)
        try:
            self._store(number, host.at(running_vq), save)
        finally:
            save.touched = merged(save.touched)
        header = self._memory.load(self._memory.run_start(number), _ZCR_EL1_BYTES)
        save.header_intact = header == save.zcr_el1_len.to_bytes(_ZCR_EL1_BYTES, "little")
        self._saved[number] = (save, host)
        return save

    def _store(self, number: int, host: VectorState, save: Save) -> None:
        """Store zcr_el1, the registers upwards, then fpsr and fpcr."""
        assert self._memory is not None
        header, registers = self._memory.run_start(number), self._registers(number, host.vq)
        self._memory.store(header, save.zcr_el1_len.to_bytes(_ZCR_EL1_BYTES, "little"), save.touched)
        try:
            self._memory.store(registers, host.image, save.touched)
        except UnmappedAccess as access:
            place = register_at(access.address - registers, host.vq)
            first = registers + sum(BYTES_PER_VQ[:place]) * host.vq
            self._panic(save, first - header - rules.HEADER_BYTES, place)
        status = host.fpsr.to_bytes(4, "little") + host.fpcr.to_bytes(4, "little")
        self._memory.store(header + _ZCR_EL1_BYTES, status, save.touched)

    def _panic(self, save: Save, first: int, place: int) -> NoReturn:
        """The store of a register, the first byte of it so far into the buffer's registers, met unmapped memory."""
        save.panicked, save.fault_byte = True, first
        instruction = _FFR_STORE if place == len(BYTES_PER_VQ) - 1 else _FIRST_STORE + place * _INSTRUCTION_BYTES
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
            f"memory that is not mapped at EL2: the store at byte {first} of its registers ({where})",
        )

    def restore(self, number: int, unit: VectorUnit) -> Save:
        """Restore the host's registers on a CPU, and compare what came back with what was there."""
        assert self._memory is not None
        save, host = self._saved.pop(number)
        running_vq = self._select_vl(unit)
        back, zcr_el1 = self._load(number, running_vq)
        unit.write_zcr_el1(zcr_el1)
        same_zcr = unit.zcr_el1_len == save.zcr_el1_len
        committed_vq = min(host.vq, self._info.max_vl_bytes // QUADWORD_BYTES)
        save.at_save_vq_restored = same_zcr and host.same_up_to(back, min(running_vq, host.vq))
        save.committed_vq_restored = same_zcr and host.same_up_to(back, committed_vq)
        save.host_vq_after = unit.vq_at_el1()
        if not self._saved:
            self._memory.forget()
        return save

    def _load(self, number: int, running_vq: int) -> tuple[VectorState, int]:
        """Read the registers and the header back."""
        assert self._memory is not None
        registers = rules.REGISTER_BYTES_PER_VQ * running_vq
        image = self._memory.load(self._registers(number, running_vq), registers)
        header = self._memory.load(self._memory.run_start(number), rules.HEADER_BYTES)
        zcr_el1, fpsr, fpcr = _HEADER.unpack(header)
        return VectorState(running_vq, image, fpsr, fpcr), zcr_el1
