"""Recorded runs of real kernels, as files hold them: their fields and types, checked when they are read.

A file is a JSON list of runs. A run is a boot, a save of pKVM, or a boot of CPUs whose ID registers differ
(`sim.conform.feature_records`), distinguished by its fields. Null stands for a value that was not read or that the run
did not have. tests/truth/README.md describes the recordings.
"""

from pathlib import Path
from typing import ClassVar, TypeAlias

import msgspec

from sim.conform.feature_records import USUAL_PAGE_BYTES, RecordedFeatures
from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.topology import Topology
from sim.topology import cpu as make_cpu

_RECORDED_BUILD = "+deb"
LARGEST_FILE_BYTES = 16 * 1024 * 1024
"""The bound on a file of runs. Records may come from others, and are read as a whole."""


class RecordedCpu(msgspec.Struct, frozen=True):
    """The vector lengths of a CPU, in bits; None: the CPU lacks SVE, or SME."""

    sve_bits: list[int] | None
    sme_bits: list[int] | None = None


class RecordedAction(msgspec.Struct, frozen=True):
    """An action of user space, and its result."""

    action: str
    """``on:N`` or ``off:N``, where N is a logical CPU number, or ``suspend``."""
    outcome: str
    """online, offline, resumed, failed or hung."""
    error: str | None
    """The name of the errno, where the write to sysfs failed."""
    log: list[str]
    """The kernel's lines meanwhile, as far as they concern CPU hotplug, vector lengths and panics."""
    guest_seconds: float | None = None
    """The time that the write to sysfs took by the guest's clock, in seconds; not compared."""


class RecordedVlInfo(msgspec.Struct, frozen=True):
    """The kernel's ``struct vl_info``, read from its memory."""

    min_vl_bytes: int
    max_vl_bytes: int
    max_virtualisable_vl_bytes: int
    vq_map_bits: list[int]
    vq_partial_map_bits: list[int]


class ObservedBoot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The observations of one boot; docs/conformance.md says where each is read."""

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
    """The length that RDVL returned in a guest, by the logical number of its CPU."""
    actions: list[RecordedAction]
    online_at_end: str | None
    """The online CPUs as sysfs writes them, such as ``0-2,4``."""
    completed: bool
    task_sme_vls_bits: list[int] | None = None
    """None: there were none, or they were not read."""


class RecordedBoot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A boot of a distribution's kernel."""

    kind: ClassVar[str] = "boot"
    """The noun that summaries count these runs by."""
    id: str
    kernel: str
    """The kernel series, such as 6.12."""
    release: str = ""
    page_bytes: int = USUAL_PAGE_BYTES
    qemu: str = ""
    cpus: list[RecordedCpu]
    early: int
    """The number of CPUs brought up early, as ``maxcpus=`` counts them."""
    el2: bool
    kvm_mode: str
    command_line: str
    design: str | None = None
    """The design that the kernel was patched to; None: the series' own."""
    asked: list[str] | None = None
    """The actions that user space was asked to perform; None: not recorded, so those that it did perform."""
    not_read: list[str] = []
    """Names of observed fields that were not read; they are null."""
    observed: ObservedBoot


class HostVl(msgspec.Struct, frozen=True):
    """The host's VL in bytes: before the first round trip to a guest, and before and after the last round trip."""

    at_first: int
    at_last: int
    after_last: int


class ObservedSave(msgspec.Struct, frozen=True):
    """The observations of one run of saves; byte positions count from the start of the buffer's registers."""

    buffer_bytes: int | None
    page_order: int | None
    first_byte: int | None
    last_byte: int | None
    changed_ranges: int | None
    zcr_el1_intact: bool | None
    bytes_in_other_cpus_buffers: dict[str, tuple[int, int]] | None
    """First and last changed byte, by the logical number of the buffer's CPU."""
    registers_restored: bool | None
    host_vl_bytes: HostVl | None
    end: str
    """completed, or the panic that ended the run."""
    max_vl_bytes: int | None
    max_cpu_vl_bytes: int | None
    log: list[str]


class RecordedSave(msgspec.Struct, frozen=True):
    """A run of a kernel that was built with one of the designs."""

    kind: ClassVar[str] = "save"
    id: str
    design: str
    relay: str
    late_store: str | None
    cpus: list[RecordedCpu]
    early: int
    kvm_mode: str
    saving_cpu: int
    """The logical number of the CPU whose save was measured."""
    saved_before: list[int]
    """Logical numbers of the CPUs that saved before it, in order."""
    memory: str
    observed: ObservedSave


Run: TypeAlias = RecordedBoot | RecordedSave | RecordedFeatures
"""A recorded run of any kind."""


def kernel_name(series: str, page_bytes: int) -> str:
    """Return the name of a kernel in ids and names of files: its series, and its page size unless that is 4 KiB.

    >>> kernel_name("7.3", 16384)
    '7.3-16k'
    """
    return series if page_bytes == USUAL_PAGE_BYTES else f"{series}-{page_bytes >> 10}k"


def recorded_topology(cpus: list[RecordedCpu]) -> Topology:
    """Return the topology of a recorded run; the CPUs are called cpu0, cpu1, ...

    Any set of lengths is accepted: a record states what was booted, even where the architecture forbids it.
    """
    specs = (make_cpu(f"cpu{cpu}", spec.sve_bits, spec.sme_bits) for cpu, spec in enumerate(cpus))
    return Topology(tuple(specs), any_vls=True)


def release_name(record: RecordedBoot | RecordedFeatures) -> str:
    """Return the release of a record's kernel, without the package's version that may follow it.

    A record that does not name it is of a kernel of Debian's.
    """
    return record.release.partition(" ")[0] or f"{record.kernel}{_RECORDED_BUILD}"


def read_records(path: Path) -> list[Run]:
    """Read a file of recorded runs.

    Raises:
        InputError: the file cannot be read, is not a JSON list, or has a run with a wrong or missing field.
    """
    try:
        text = read_at_most(path, LARGEST_FILE_BYTES, "list of runs")
        # The runs are decoded one by one, so that an error can name the run, and each run has its own type.
        raw = msgspec.json.decode(text, type=list[msgspec.Raw])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON list of recorded runs: {error}") from None
    return [_decode_record(path, index, record) for index, record in enumerate(raw)]


def _decode_record(path: Path, index: int, raw: msgspec.Raw) -> Run:
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        kinds: dict[str, type[Run]] = {"saving_cpu": RecordedSave, "el2_machine": RecordedFeatures}
        kind = next((kind for field, kind in kinds.items() if field in fields), RecordedBoot)
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: run {index}: {error}") from None
