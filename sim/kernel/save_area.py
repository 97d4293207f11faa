"""pKVM's buffers for the host's SVE registers, and the save and restore, to the byte.

A buffer holds a header (zcr_el1, fpsr, fpcr) and the registers. The save goes by a pointer to FFR: Zn is at
(n - 34) × W and Pn at (n - 16) × W / 8 from it, where W is the length in bytes that the CPU really runs with. A pointer
placed for another length A therefore moves the first register by 34 (A - W) bytes: upwards if W is smaller; downwards,
over the header and out of the buffer, if W is larger.

A save is one store of all registers rather than one for each of 49: they lie one after another, so the bytes and their
order are the same, and a fault's address tells which register's store met it. `tests/conform/test_conform.py` holds the
bytes to saves that were measured on a real hypervisor (`tests/truth/pkvm-saves.json`).

Source: arch/arm64/include/asm/kvm_pkvm.h (``pkvm_host_sve_state_size``), fpsimdmacros.h (``sve_save``, ``sve_load``),
arch/arm64/kvm/hyp/nvhe/hyp-main.c (``__hyp_sve_save_host``).
"""

import struct
from typing import NamedTuple

import msgspec

from sim import rules
from sim.designs import Pointer
from sim.machine.memory import El2Memory, Extent, UnmappedAccess, merged
from sim.machine.registers import BYTES_PER_VQ, ZCR_EL1_OF_HOST, VectorState, VectorUnit, register_at
from sim.scenario import MemoryLayout
from sim.vectors import largest_vq, len_field

_HEADER = struct.Struct("<QII")
"""zcr_el1, fpsr and fpcr."""
_ZCR_EL1_BYTES = 8


class StoreFault(Exception):
    """A save's store met memory that is not mapped at EL2; `register` is a place in `BYTES_PER_VQ`."""

    def __init__(self, register: int) -> None:
        self.register = register


class Save(NamedTuple):
    """A save of the host's registers and, after the guest has left, their restore.

    Lengths are VQs. `touched` are the bytes that the save wrote, merged by owner; each owner's bytes are counted from
    the start of its own run of pages. The last three fields are the restore's, and None until it.
    """

    cpu: int
    time_ns: int
    host_vq: int
    """The VQ in force at EL1 before."""
    running_vq: int
    """The VQ that EL2 ran with during the save."""
    pointer_vq: int
    """The VQ that placed the pointer to FFR."""
    zcr_el1_len: int
    """ZCR_EL1.LEN as the save stored it in the header."""
    denied_vqs: int
    """The lengths that all early CPUs and this CPU have, and that ZCR_EL2 keeps the host from afterwards."""
    event: int
    """The event of the save or, if it panicked, of the panic, as a place among the boot's events."""
    touched: tuple[Extent, ...]
    header_intact: bool
    """True if zcr_el1 is still in the header after the save, or the save panicked: then nothing reads the header."""
    panicked: bool = False
    fault_byte: int | None = None
    """The first byte of the register whose store met unmapped memory, from the start of the buffer's registers."""
    at_save_vq_restored: bool | None = None
    """True if registers and ZCR_EL1 came back, compared at the length of the save, as the measured runs did."""
    committed_vq_restored: bool | None = None
    """True if registers and ZCR_EL1 came back, compared at the largest length that the host's tasks may use.

    The two differ where a design saves less than tasks use: `constrain-v1` at 2048 bits.
    """
    host_vq_after: int | None = None
    """The VQ in force at EL1 after the restore."""

    @property
    def is_restored(self) -> bool | None:
        """True if the hardware's registers and ZCR_EL1 came back, as far as tasks may use them; None before that."""
        if self.at_save_vq_restored is None or self.committed_vq_restored is None:
            return None
        return self.at_save_vq_restored and self.committed_vq_restored

    @property
    def outside(self) -> list[Extent]:
        """The bytes that the save wrote outside its own CPU's run of pages."""
        return [extent for extent in self.touched if extent.foreign or extent.cpu != self.cpu]

    @property
    def underrun_bytes(self) -> int:
        """The bytes that the save wrote below its own CPU's run of pages."""
        return sum(extent.bytes for extent in self.outside if self._is_below(extent))

    @property
    def overrun_bytes(self) -> int:
        """The bytes that the save wrote above it."""
        return sum(extent.bytes for extent in self.outside if not self._is_below(extent))

    def _is_below(self, extent: Extent) -> bool:
        # Runs of pages lie in ascending order of CPU numbers.
        # Foreign memory is counted from the start of the run that it lies beside.
        return extent.cpu < self.cpu or (extent.cpu == self.cpu and extent.first < 0)


class BufferSize(msgspec.Struct, frozen=True):
    """The size of a buffer; all buffers of a boot have the same size."""

    asked_bytes: int
    """The bytes of header and registers, before rounding."""
    page_order: int
    """A run has 2^page_order pages."""
    run_bytes: int

    @classmethod
    def of(cls, allocation_vq: int, page_bytes: int) -> "BufferSize":
        """Return the size of a buffer for a VQ: header and registers, rounded up to a power of two of pages."""
        asked_bytes = rules.buffer_bytes(allocation_vq)
        # The number of pages less 1, in bits: 1 page has order 0, 2 pages 1, 3 and 4 pages 2.
        page_order = ((asked_bytes - 1) // page_bytes).bit_length()
        return cls(asked_bytes, page_order, page_bytes << page_order)


class SaveArea:
    """The buffers of all possible CPUs, and what saves and restores do to them.

    Args:
        cpus: the number of possible CPUs.
        size: the size of a buffer.
        layout: what is around each buffer's run of pages.
        allocation_vqs: the length that the buffers are for, as a set of one.
        limit_vqs: every VQ that ZCR_EL2 lets through during saves and restores.
        ffr_pointer: what places the pointer to FFR.
        vq_map: the lengths that tasks may use.
    """

    def __init__(
        self,
        cpus: int,
        size: BufferSize,
        layout: MemoryLayout,
        *,
        allocation_vqs: int,
        limit_vqs: int,
        ffr_pointer: Pointer,
        vq_map: int,
    ) -> None:
        self.size = size
        self.allocation_vqs, self.limit_vqs = allocation_vqs, limit_vqs
        self._ffr_pointer, self._vq_map = ffr_pointer, vq_map
        self._allocation_vq, self._committed_vq = largest_vq(allocation_vqs), largest_vq(vq_map)
        self._zcr_el2_len = len_field(limit_vqs)
        self._memory = El2Memory(cpus, size.run_bytes, layout)
        self._host: dict[int, tuple[int, VectorState]] = {}
        self.saves: list[Save] = []

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on: the registers that are saved now, and memory.

        Saves whose restore is over are left out. So are times and places of events, which no later step reads.
        """
        pending = tuple(
            (cpu, self.saves[place]._replace(time_ns=0, event=0), state)
            for cpu, (place, state) in sorted(self._host.items())
        )
        return pending, self._memory.snapshot()

    def pointer_vq(self, running_vq: int) -> int:
        """Return the VQ that places the pointer to FFR on a CPU that runs with a VQ."""
        return self._ffr_pointer.vq(self._allocation_vq, running_vq)

    def _select_vl(self, unit: VectorUnit) -> int:
        """Write ZCR_EL2 as the design does, and return the VQ that is then in force at EL2.

        The register keeps the value: from then on it limits the host at EL1 as well.
        """
        unit.write_zcr_el2(self._zcr_el2_len)
        return unit.vq_at_el2()

    def _registers(self, number: int, running_vq: int) -> int:
        """Return the address of Z0 in a save that runs with a VQ; the other registers follow it upwards."""
        first_byte = rules.save_first_byte(self.pointer_vq(running_vq), running_vq)
        return self._memory.run_start(number) + rules.HEADER_BYTES + first_byte

    def save(self, number: int, unit: VectorUnit, time_ns: int, event: int) -> Save:
        """Save the host's registers on a CPU.

        Args:
            number: the CPU's logical number.
            unit: its vector unit.
            time_ns: the current time.
            event: the event that the save comes with.

        Raises:
            StoreFault: a store met memory that is not mapped at EL2. The record is in `saves` all the same.
        """
        # Registers and ZCR_EL1 are loaded anew before each save, so that the damage of an earlier restore does not
        # count again. ZCR_EL2 is not reset: it still limits the host as the last save left it.
        unit.write_zcr_el1(ZCR_EL1_OF_HOST)
        host = VectorState.of_host(unit.vq_at_el1(), number)
        running_vq, zcr_el1 = self._select_vl(unit), unit.zcr_el1_len.to_bytes(_ZCR_EL1_BYTES, "little")
        touched: list[Extent] = []
        place = first = None
        try:
            self._store(number, host.at(running_vq), zcr_el1, touched)
        except UnmappedAccess as access:
            place, first = self._faulting_register(number, running_vq, access.address)
        save = Save(
            cpu=number,
            time_ns=time_ns,
            host_vq=host.vq,
            running_vq=running_vq,
            pointer_vq=self.pointer_vq(running_vq),
            zcr_el1_len=unit.zcr_el1_len,
            denied_vqs=rules.save_denies(self._vq_map, unit.usable_vqs, self.limit_vqs),
            event=event,
            touched=tuple(merged(touched)),
            header_intact=place is not None or self._holds_header(number, zcr_el1),
            panicked=place is not None,
            fault_byte=first,
        )
        self.saves.append(save)
        if place is not None:
            raise StoreFault(place)
        self._host[number] = (len(self.saves) - 1, host)
        return save

    def _holds_header(self, number: int, zcr_el1: bytes) -> bool:
        """Return True if the header in a CPU's buffer starts with a value of ZCR_EL1."""
        return self._memory.load(self._memory.run_start(number), _ZCR_EL1_BYTES) == zcr_el1

    def _store(self, number: int, state: VectorState, zcr_el1: bytes, touched: list[Extent]) -> None:
        """Store zcr_el1, the registers upwards, then fpsr and fpcr.

        The order decides what is destroyed where registers lie over the header: Zn overwrite zcr_el1, while fpsr and
        fpcr, stored last, overwrite the Zn that lie there.

        Args:
            number: the CPU's logical number.
            state: the host's registers at the length of the save.
            zcr_el1: the value for the header.
            touched: takes the extents that are written, also of a store that faults.
        """
        header = self._memory.run_start(number)
        self._memory.store(header, zcr_el1, touched)
        self._memory.store(self._registers(number, state.vq), state.image, touched)
        status = state.fpsr.to_bytes(4, "little") + state.fpcr.to_bytes(4, "little")
        self._memory.store(header + _ZCR_EL1_BYTES, status, touched)

    def _faulting_register(self, number: int, running_vq: int, address: int) -> tuple[int, int]:
        """Return the register of a faulting store, and its first byte from the start of the buffer's registers."""
        registers = self._registers(number, running_vq)
        place = register_at(address - registers, running_vq)
        first = registers + sum(BYTES_PER_VQ[:place]) * running_vq
        return place, first - self._memory.run_start(number) - rules.HEADER_BYTES

    def restore(self, number: int, unit: VectorUnit) -> Save:
        """Restore the host's registers on a CPU, and compare them with those before the save.

        The restore finds the registers by the same pointer rule, and writes the header's zcr_el1 back. A destroyed
        header holds register data instead, so the VL in force at EL1 changes too.

        Args:
            number: the logical number of a CPU whose registers are saved.
            unit: its vector unit.
        """
        place, host = self._host.pop(number)
        save, running_vq = self.saves[place], self._select_vl(unit)
        back, zcr_el1 = self._load(number, running_vq)
        unit.write_zcr_el1(zcr_el1)
        same_zcr = unit.zcr_el1_len == save.zcr_el1_len
        committed_vq = min(host.vq, self._committed_vq)
        self.saves[place] = save._replace(
            at_save_vq_restored=same_zcr and host.same_up_to(back, min(running_vq, host.vq)),
            committed_vq_restored=same_zcr and host.same_up_to(back, committed_vq),
            host_vq_after=unit.vq_at_el1(),
        )
        # The next save writes every byte that its restore reads, so memory without saved registers need not be kept.
        if not self._host:
            self._memory.forget()
        return self.saves[place]

    def _load(self, number: int, running_vq: int) -> tuple[VectorState, int]:
        """Read the registers and the header back."""
        registers = rules.REGISTER_BYTES_PER_VQ * running_vq
        image = self._memory.load(self._registers(number, running_vq), registers)
        header = self._memory.load(self._memory.run_start(number), rules.HEADER_BYTES)
        zcr_el1, fpsr, fpcr = _HEADER.unpack(header)
        return VectorState(running_vq, image, fpsr, fpcr), zcr_el1
