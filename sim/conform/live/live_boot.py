"""A boot of a real kernel under QEMU, recorded in the format of the corpus (tests/truth).

A record has three sources: the guest's console, the kernel's memory, which is read after the guest's end, and QEMU.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.conform.live.console_parser import ConsoleReport, parse_console
from sim.conform.live.initramfs import build_initramfs
from sim.conform.live.kernel_image import Image
from sim.conform.live.kernel_memory import (
    VL_INFOS_BYTES,
    VlInfos,
    decode_vl_infos,
    image_offset,
    image_start,
    search_vl_infos,
)
from sim.conform.live.qemu_args import kernel_arguments
from sim.conform.live.qemu_machine import launch_machine
from sim.conform.recorded_actions import action_text
from sim.conform.run_records import ObservedBoot, RecordedBoot, RecordedCpu
from sim.designs import Design
from sim.errors import InputError
from sim.scenario import EL2, Do, Scenario
from sim.vectors import bits_from_vqs

# earlycon: a kernel that dies before its console driver is there still shows why. nokaslr: the image lies at a multiple
# of 2 MiB, on which kernel_memory relies. panic=-1: a panic reboots at once, and QEMU shuts down instead (-no-reboot).
_ARGUMENTS = "console=ttyAMA0 earlycon nokaslr panic=-1 rdinit=/init"
_TIMEOUT_S, _TIMEOUT_PER_CPU_S, _TIMEOUT_PER_ACTION_S, _TIMEOUT_PER_SUSPEND_S = 60, 10, 20, 200
"""The longest boot, in seconds of real time: the sum of these. In a suspend the kernel counts 5 s in a loop."""
_LONGEST_COMMAND_LINE_BYTES = 2000
"""Below the kernel's COMMAND_LINE_SIZE, 2048 bytes on arm64, which would cut the line without an error."""
_BITS_PER_BYTE = 8
_NEVER_READ = ["guest_vls_bits", "guest_rdvl_bits"]
"""Fields that would take a virtual machine in the guest, which only the oldest recordings had."""
_SIZE_LINE = re.compile(r"(SVE|SME): (minimum|maximum|default) \D*(\d+) bytes")


@dataclass(frozen=True)
class LiveBoot:
    """The record of a boot of a real kernel, and its console as text."""

    record: RecordedBoot
    console: str


async def boot_live(identity: str, scenario: Scenario, image: Image) -> LiveBoot:
    """Boot a scenario's system under QEMU, and record what it shows.

    Args:
        identity: the id of the record.
        scenario: a scenario that `bootable_scenario` returned.
        image: the kernel to boot.

    Raises:
        EmulatorFailed: QEMU does not start, or the guest does not end in time.
        InputError: QEMU's CPUs cannot have the lengths, or there are too many actions.
    """
    cpus = [_recorded_cpu(spec.usable_sve_vqs, spec.usable_sme_vqs) for spec in scenario.topology.logical]
    suspends = sum(action.do is Do.SUSPEND for action in scenario.actions)
    timeout_s = _TIMEOUT_S + _TIMEOUT_PER_CPU_S * len(cpus) + _TIMEOUT_PER_ACTION_S * len(scenario.actions)
    timeout_s += _TIMEOUT_PER_SUSPEND_S * suspends
    asked = [action_text(action.do, scenario.cpu_of(action)) for action in scenario.actions]
    command_line = _command_line(scenario, asked)
    initramfs = build_initramfs(image.busybox)
    # The memory must be read inside the block: the machine is stopped, and QEMU still there.
    async with launch_machine(image.kernel, initramfs, command_line, cpus, el2=scenario.el(0) == EL2) as machine:
        await machine.run(timeout_s)
        report = parse_console(machine.console)
        observed = _observed_boot(report, await _read_kernel_memory(machine, report))
        qemu = machine.version
    switches = {"arm64.nosve": scenario.sve_off, "arm64.nosme": scenario.arm64_nosme}
    record = RecordedBoot(
        id=identity,
        kernel=image.release.series_name,
        release=str(image.release),
        page_bytes=image.page_bytes,
        qemu=qemu,
        cpus=cpus,
        early=len(scenario.early_candidates[: scenario.maxcpus]),
        el2=scenario.el(0) == EL2,
        kvm_mode=str(scenario.kvm_mode),
        command_line=" ".join(argument for argument, is_on in switches.items() if is_on),
        design=scenario.design.name if isinstance(scenario.design, Design) else None,
        asked=asked,
        # A guest that never started has read nothing: no lengths for tasks would be a wrong observation.
        not_read=_NEVER_READ if report.release else [*_NEVER_READ, "task_vls_bits"],
        observed=observed,
    )
    return LiveBoot(record, report.console)


def _recorded_cpu(sve_vqs: int | None, sme_vqs: int | None) -> RecordedCpu:
    sve_bits, sme_bits = (None if vqs is None else list(bits_from_vqs(vqs)) for vqs in (sve_vqs, sme_vqs))
    return RecordedCpu(sve_bits, sme_bits)


def _command_line(scenario: Scenario, actions: Sequence[str]) -> str:
    """Return the kernel's command line; the kernel hands ``asymboot_actions`` on to init as a variable."""
    arguments = [
        _ARGUMENTS,
        *kernel_arguments(scenario),
        *([f"asymboot_actions={','.join(actions)}"] if actions else []),
    ]
    line = " ".join(arguments)
    if len(line) > _LONGEST_COMMAND_LINE_BYTES:
        raise InputError(f"{len(actions)} actions: too many for a kernel's command line")
    return line


class GuestMemory(Protocol):
    """A guest whose physical memory can be read."""

    async def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at a physical address; none where the guest has no memory there."""
        ...


@dataclass(frozen=True)
class _KernelMemory:
    """Values read from the kernel's memory; None: they could not be read."""

    vl_infos: VlInfos | None
    kvm_sve_max_vl_bytes: int | None
    kvm_host_sve_max_vl_bytes: int | None


async def _read_kernel_memory(guest: GuestMemory, report: ConsoleReport) -> _KernelMemory:
    # None if the guest did not get that far. The kernel hides physical addresses by printing 0-0, which makes
    # code_address 0.
    if not report.code_address or not report.image_end:
        return _KernelMemory(None, None, None)
    start = image_start(report.code_address)
    image = await guest.read_memory(start, report.image_end - start)

    def read(name: str, size: int) -> bytes:
        offset = image_offset(report.symbols, name)
        return b"" if offset is None else image[offset : offset + size]

    def read_u32(name: str) -> int | None:
        return int.from_bytes(memory, "little") if (memory := read(name, 4)) else None

    # /proc/kallsyms of 6.1 lists no data, so that the record must be searched for there, and KVM's two limits, which
    # nothing distinguishes from other numbers, stay unknown.
    memory = read("vl_info", VL_INFOS_BYTES)
    vl_infos = decode_vl_infos(memory) if memory else search_vl_infos(image)
    return _KernelMemory(vl_infos, read_u32("kvm_sve_max_vl"), read_u32("kvm_host_sve_max_vl"))


def _observed_boot(report: ConsoleReport, memory: _KernelMemory) -> ObservedBoot:
    sizes = {(match[1], match[2]): int(match[3]) for line in report.boot_log if (match := _SIZE_LINE.match(line))}
    sve, sme = memory.vl_infos or (None, None)
    task_bits = {name: [vl * _BITS_PER_BYTE for vl in lengths] for name, lengths in report.task_bytes.items()}
    return ObservedBoot(
        boot_log=report.boot_log,
        sve_max_bytes=sizes.get(("SVE", "maximum")),
        sve_default_bytes=sizes.get(("SVE", "default")),
        unvirtualisable_warning=any("unvirtualisable" in line for line in report.boot_log),
        sme_min_bytes=sizes.get(("SME", "minimum")),
        sme_max_bytes=sizes.get(("SME", "maximum")),
        sme_default_bytes=sizes.get(("SME", "default")),
        vl_info_sve=sve,
        # A kernel built with SME has the record even on CPUs without SME, but never fills it.
        vl_info_sme=sme if ("SME", "maximum") in sizes else None,
        kvm_sve_max_vl_bytes=memory.kvm_sve_max_vl_bytes,
        kvm_host_sve_max_vl_bytes=memory.kvm_host_sve_max_vl_bytes,
        task_vls_bits=task_bits.get("sve"),
        guest_vls_bits=None,
        guest_rdvl_bits=None,
        actions=report.actions,
        online_at_end=report.online,
        completed=report.ended,
        task_sme_vls_bits=task_bits.get("sme"),
    )
