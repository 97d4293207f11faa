"""One real boot of a scenario's system, recorded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sim.conform.live import kernel_memory
from sim.conform.live.console_parser import Said, said
from sim.conform.live.initramfs import initramfs
from sim.conform.live.kernel_image import Image
from sim.conform.live.qemu_args import kernel_words
from sim.conform.live.qemu_machine import Machine, machine
from sim.conform.recorded_boot import action_text
from sim.conform.run_records import ObservedBoot, RecordedBoot, RecordedCpu
from sim.designs import Design
from sim.errors import InputError
from sim.scenario import Scenario
from sim.vectors import bits_from_vqs

_ARGUMENTS = "console=ttyAMA0 earlycon nokaslr panic=-1 rdinit=/init"
_LONGEST_S, _LONGEST_OF_CPU_S, _LONGEST_OF_ACTION_S = 60, 10, 20
_MOST_ARGUMENTS_BYTES = 2000
_BITS_OF_A_BYTE = 8
_NEVER_READ = ["guest_vls_bits", "guest_rdvl_bits"]
"""What would take a virtual machine in the guest."""
_LINE = re.compile(r"(SVE|SME): (minimum|maximum|default) \D*(\d+) bytes")


@dataclass(frozen=True)
class LiveBoot:
    """A boot of a real kernel, recorded, and the console as it was."""

    record: RecordedBoot
    console: str


async def boot_live(identity: str, scenario: Scenario, image: Image) -> LiveBoot:
    """Boot a scenario's system, and record what it shows.

    Args:
        identity: the record's.
        scenario: as `as_booted` returns it.
        image: the kernel.

    Raises:
        InputError: QEMU does not start, its CPUs cannot have the lengths, or the guest does not end in time.
    """
    cpus = [_recorded(one.usable_sve_vqs, one.usable_sme_vqs) for one in scenario.topology.logical]
    longest_s = _LONGEST_S + _LONGEST_OF_CPU_S * len(cpus) + _LONGEST_OF_ACTION_S * len(scenario.actions)
    asked = [action_text(one.do, scenario.topology.number(one.cpu)) for one in scenario.actions]
    arguments = _arguments(scenario, asked)
    async with machine(image.kernel, initramfs(image.busybox), arguments, cpus, el2=scenario.el2) as guest:
        await guest.run(longest_s)
        told = said(guest.console)
        observed = _observed(told, await _of_memory(guest, told))
        qemu = guest.version
    words = [word for word, is_on in (("arm64.nosve", scenario.sve_off), ("arm64.nosme", scenario.nosme)) if is_on]
    record = RecordedBoot(
        id=identity,
        kernel=str(image.series),
        release=image.release,
        qemu=qemu,
        cpus=cpus,
        early=len(scenario.early),
        el2=scenario.el2,
        kvm_mode=str(scenario.kvm_mode),
        command_line=" ".join(words),
        design=scenario.design.name if isinstance(scenario.design, Design) else None,
        asked=asked,
        not_read=_NEVER_READ if told.release else [*_NEVER_READ, "task_vls_bits"],
        observed=observed,
    )
    return LiveBoot(record, told.console)


def _recorded(sve_vqs: int | None, sme_vqs: int | None) -> RecordedCpu:
    sve, sme = (None if vqs is None else list(bits_from_vqs(vqs)) for vqs in (sve_vqs, sme_vqs))
    return RecordedCpu(sve, sme)


def _arguments(scenario: Scenario, actions: Sequence[str]) -> str:
    """The kernel's command line."""
    words = [
        _ARGUMENTS,
        *kernel_words(scenario),
        *([f"asymboot_actions={','.join(actions)}"] if actions else []),
    ]
    line = " ".join(words)
    if len(line) > _MOST_ARGUMENTS_BYTES:
        raise InputError(f"{len(actions)} actions: too many for a kernel's command line")
    return line


@dataclass(frozen=True)
class _OfMemory:
    """What the kernel's memory holds; None: it could not be read."""

    vl_infos: kernel_memory.VlInfos | None
    kvm_sve_max_vl_bytes: int | None
    kvm_host_sve_max_vl_bytes: int | None


async def _of_memory(guest: Machine, told: Said) -> _OfMemory:
    if not told.code_address or not told.image_end:  # 0 where the kernel hides it
        return _OfMemory(None, None, None)
    begins = kernel_memory.beginning(told.code_address)
    image = await guest.memory(begins, told.image_end - begins)

    def read(name: str, size: int) -> bytes:
        place = kernel_memory.place(told.symbols, name)
        return b"" if place is None else image[place : place + size]

    def number(name: str) -> int | None:
        return int.from_bytes(memory, "little") if (memory := read(name, 4)) else None

    records = read("vl_info", kernel_memory.RECORDS_BYTES)
    vl_infos = kernel_memory.vl_infos(records) if records else kernel_memory.found_vl_infos(image)
    return _OfMemory(vl_infos, number("kvm_sve_max_vl"), number("kvm_host_sve_max_vl"))


def _observed(told: Said, memory: _OfMemory) -> ObservedBoot:
    sizes = {(match[1], match[2]): int(match[3]) for line in told.boot_log if (match := _LINE.match(line))}
    sve, sme = memory.vl_infos or (None, None)
    tasks = {name: [one * _BITS_OF_A_BYTE for one in lengths] for name, lengths in told.task_bytes.items()}
    return ObservedBoot(
        boot_log=told.boot_log,
        sve_max_bytes=sizes.get(("SVE", "maximum")),
        sve_default_bytes=sizes.get(("SVE", "default")),
        unvirtualisable_warning=any("unvirtualisable" in line for line in told.boot_log),
        sme_min_bytes=sizes.get(("SME", "minimum")),
        sme_max_bytes=sizes.get(("SME", "maximum")),
        sme_default_bytes=sizes.get(("SME", "default")),
        vl_info_sve=sve,
        vl_info_sme=sme if ("SME", "maximum") in sizes else None,
        kvm_sve_max_vl_bytes=memory.kvm_sve_max_vl_bytes,
        kvm_host_sve_max_vl_bytes=memory.kvm_host_sve_max_vl_bytes,
        task_vls_bits=tasks.get("sve"),
        guest_vls_bits=None,
        guest_rdvl_bits=None,
        actions=told.actions,
        online_at_end=told.online,
        completed=told.ended,
        task_sme_vls_bits=tasks.get("sme"),
    )
