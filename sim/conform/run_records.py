"""Recorded runs of real kernels as they lie in files: their fields, checked when read.

A file is a JSON list. A run is a boot or a save of pKVM's; its fields tell which. tests/truth/README.md says
what each field means.
"""

from pathlib import Path
from typing import ClassVar

import msgspec

from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.topology import Topology, cpu

LARGEST_FILE_BYTES = 16 * 1024 * 1024


class RecordedCpu(msgspec.Struct, frozen=True):
    """The lengths a CPU supports, in bits; None: it has no SVE, or no SME."""

    sve_bits: list[int] | None
    sme_bits: list[int] | None = None


class RecordedAction(msgspec.Struct, frozen=True):
    """What user space did to one CPU, and what came of it."""

    action: str
    outcome: str
    error: str | None
    log: list[str]
    guest_seconds: float | None = None


class RecordedVlInfo(msgspec.Struct, frozen=True):
    """The kernel's record, read from its memory."""

    min_vl_bytes: int
    max_vl_bytes: int
    max_virtualisable_vl_bytes: int
    vq_map_bits: list[int]
    vq_partial_map_bits: list[int]


class ObservedBoot(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a boot showed."""

    boot_log: list[str]
    sve_max_bytes: int | None
    sve_default_bytes: int | None
    unvirtualisable_warning: bool
    sme_min_bytes: int | None
    sme_max_bytes: int | None
    sme_default_bytes: int | None
    vl_info_sve: RecordedVlInfo | None
    vl_info_sme: RecordedVlInfo | None
    kvm_sve_max_vl_bytes: int | None
    kvm_host_sve_max_vl_bytes: int | None
    task_vls_bits: list[int] | None
    guest_vls_bits: list[int] | None
    guest_rdvl_bits: dict[str, int] | None
    actions: list[RecordedAction]
    online_at_end: str | None
    completed: bool
    task_sme_vls_bits: list[int] | None = None
    """None: there were none, or nobody asked."""


class RecordedBoot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A boot of a distribution's kernel."""

    kind: ClassVar[str] = "boots"
    id: str
    kernel: str
    release: str = ""
    qemu: str = ""
    cpus: list[RecordedCpu]
    early: int
    el2: bool
    kvm_mode: str
    command_line: str
    design: str | None = None
    """The kernel was patched so; None: it has its series' own."""
    asked: list[str] | None = None
    """The actions that user space was told to perform; None: nobody noted them, and they are those that it did."""
    not_read: list[str] = []
    """Fields of what was observed that nobody looked at; they are null."""
    observed: ObservedBoot


class HostVl(msgspec.Struct, frozen=True):
    """The host's VL in the first round trip before any save, and in the last one before and after."""

    at_first: int
    at_last: int
    after_last: int


class ObservedSave(msgspec.Struct, frozen=True):
    """Where a save landed."""

    buffer_bytes: int | None
    page_order: int | None
    first_byte: int | None
    last_byte: int | None
    changed_ranges: int | None
    zcr_el1_intact: bool | None
    bytes_in_other_cpus_buffers: dict[str, tuple[int, int]] | None
    registers_restored: bool | None
    host_vl_bytes: HostVl | None
    end: str
    max_vl_bytes: int | None
    max_cpu_vl_bytes: int | None
    log: list[str]


class RecordedSave(msgspec.Struct, frozen=True):
    """A run of a kernel built with one of the designs."""

    kind: ClassVar[str] = "saves"
    id: str
    design: str
    relay: str
    late_store: str | None
    cpus: list[RecordedCpu]
    early: int
    kvm_mode: str
    saving_cpu: int
    saved_before: list[int]
    memory: str
    observed: ObservedSave


def topology_of(cpus: list[RecordedCpu]) -> Topology:
    """The CPUs of a recorded run, as cpu0, cpu1 and so on."""
    return Topology(
        tuple(cpu(f"cpu{number}", one.sve_bits, one.sme_bits) for number, one in enumerate(cpus)), any_vls=True
    )


def read_records(path: Path) -> list[RecordedBoot | RecordedSave]:
    """Read a file of recorded runs.

    Raises:
        InputError: the file cannot be read, is no JSON list, or a run in it lacks a field.
    """
    try:
        text = read_at_most(path, LARGEST_FILE_BYTES, "list of runs")
        raw = msgspec.json.decode(text, type=list[msgspec.Raw])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: no JSON list of recorded runs: {error}") from None
    return [_record(path, place, one) for place, one in enumerate(raw)]


def _record(path: Path, place: int, raw: msgspec.Raw) -> RecordedBoot | RecordedSave:
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        kind: type[RecordedBoot | RecordedSave] = RecordedSave if "saving_cpu" in fields else RecordedBoot
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: run {place}: {error}") from None
