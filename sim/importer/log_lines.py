"""The lines of a kernel log that this package understands, as records with typed fields.

Each kind of line is a class with its pattern, its fields, and the phase of the boot that the line proves. To understand
one more kind of line, add a class to `KINDS`, and handle it where it matters: in `sim.importer.hotplug_history` if it
is about a CPU that comes or goes, in `sim.importer.log_reader` otherwise. A word of its pattern must be among the words
that `sim.importer.log_text` looks for first.

A pattern matches the kernel's message. Stamps, levels, callers, host names and mail quotes before it are passed over.

Sources: arch/arm64/kernel/setup.c, smp.c, cpufeature.c, fpsimd.c, arch/arm64/kvm/arm.c, drivers/firmware/psci/psci.c,
drivers/base/devtmpfs.c, init/main.c, kernel/smp.c, kernel/cpu.c, kernel/rcu/tree_plugin.h, mm/slub.c, kernel/panic.c.
"""

import re
from enum import IntEnum, StrEnum
from typing import ClassVar

import msgspec

from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType


class Phase(IntEnum):
    """The phases of a boot; a line proves that its phase is reached."""

    EARLY = 0
    """Early CPUs may still be brought up."""
    BROUGHT_UP = 1
    """The early bring-up has ended: a CPU that comes or goes from now on does so late."""
    FINAL = 2
    """The kernel's capabilities are final: an extension that no line mentioned by now is not in use."""


class Bound(StrEnum):
    """A vector length that the kernel reports for the whole system."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    DEFAULT = "default"


class LengthsVerdict(StrEnum):
    """The kernel's reason to refuse a late CPU for its vector lengths, in the kernel's words."""

    MISSING = "Required vector length(s) missing"
    UNSUPPORTED = "Unsupported vector length(s) present"
    ABOVE_MAXIMUM = "would increase maximum VL"


class Hex(int):
    """A number that the kernel prints in hexadecimal, with 0x before it."""


# Numbers are bounded in length, so that none takes long to convert, and have no leading zeros, which the kernel never
# prints and msgspec refuses.
_NUMBER = r"(?:0|[1-9]\d{0,6})"
_BYTES = r"(?:0|[1-9]\d{0,8})"
_REGISTER = r"0x[0-9a-f]{1,16}"
_CPU = rf"CPU(?P<cpu>{_NUMBER}): "
_IDENTITY = rf"(?P<mpidr>{_REGISTER}) \[(?P<midr>0x[0-9a-f]{{1,8}})\]"
_CAPABILITIES = {traits.capability: extension for extension, traits in VECTOR_TYPES.items()}
_ID_FIELDS = {traits.id_field.register: (extension, traits.id_field) for extension, traits in VECTOR_TYPES.items()}


class LogLine(msgspec.Struct, frozen=True):
    """A line of the log that is understood; a subclass has a field for each group of its pattern."""

    pattern: ClassVar[str]
    phase: ClassVar[Phase] = Phase.EARLY


class CpuLine(LogLine, frozen=True):
    """A line on one CPU, by its logical number."""

    cpu: int


# The boot as a whole


class BootLine(LogLine, frozen=True):
    """The kernel's first line, with the boot CPU's MPIDR and MIDR."""

    pattern = rf"Booting Linux on physical CPU {_IDENTITY}"
    mpidr: Hex
    midr: Hex


class ReleaseLine(LogLine, frozen=True):
    """The kernel's release, such as 6.12.117+deb13-arm64.

    Debian's 6.1.0-27-arm64 does not say which point release it is; the package's version at the end of the line does.
    """

    pattern = r"Linux version (?P<release>\d\S*)(?:.* Debian (?P<debian>\d+\.\d+\.\d+)-)?"
    release: str
    debian: str | None = None


class CommandLineLine(LogLine, frozen=True):
    """The kernel's command line; the kernel prints a long one in parts, a line each."""

    pattern = r"Kernel command line: (?P<text>.*)"
    text: str


class PossibleLine(LogLine, frozen=True):
    """The number of possible CPUs, as SLUB or RCU report it."""

    pattern = rf"(?:SLUB: .*\bCPUs=|.*\bnr_cpu_ids[=:])(?P<count>{_NUMBER})\b"
    count: int


class BroughtUpLine(LogLine, frozen=True):
    """The number of CPUs that are online after the early bring-up; the kernel logs it twice, in different words."""

    pattern = rf"(?:smp: Brought up \d+ nodes?, |SMP: Total of )(?P<count>{_NUMBER}) (?:CPU|processors)"
    phase = Phase.BROUGHT_UP
    count: int


class ExceptionLevelLine(LogLine, frozen=True):
    """The exception level at which all CPUs started."""

    pattern = r"CPU: All CPU\(s\) started at (?P<level>EL[12])"
    phase = Phase.BROUGHT_UP
    level: str


class InitcallLine(LogLine, frozen=True):
    """A line that every kernel logs some time after its capabilities are final."""

    pattern = r"devtmpfs: initialized|Freeing unused kernel|Run \S+ as init process"
    phase = Phase.FINAL


class PanicLine(LogLine, frozen=True):
    """A panic, which ends the log."""

    pattern = r"(?P<message>Kernel panic - not syncing: .*)"
    message: str

    @property
    def is_modelled(self) -> bool:
        """True for the panics that the simulator knows; other panics have nothing to do with bringing up CPUs.

        The idle task is killed by a store to read-only memory on a late CPU; the others are the hypervisor's.
        """
        return re.search("idle task|HYP panic|hyp panic", self.message) is not None


# Features and vector lengths


class DetectedLine(LogLine, frozen=True):
    """A vector extension that the system has."""

    pattern = rf"CPU features: detected: (?P<capability>{'|'.join(_CAPABILITIES)})"
    phase = Phase.BROUGHT_UP
    capability: str

    @property
    def extension(self) -> VectorType:
        """The extension whose capability it is."""
        return _CAPABILITIES[self.capability]


class VectorLengthLine(LogLine, frozen=True):
    """A vector length of the whole system, in bytes."""

    pattern = (
        # "maximum available vector length", but "default vector length".
        rf"(?P<extension>SVE|SME): (?P<bound>minimum|maximum|default) .{{0,10}}vector length (?P<vl_bytes>{_BYTES})\b"
    )
    phase = Phase.BROUGHT_UP
    extension: VectorType
    bound: Bound
    vl_bytes: int


class UnvirtualisableLine(LogLine, frozen=True):
    """Some early CPUs have SVE lengths that others lack, so that guests cannot have every length."""

    pattern = r"SVE: unvirtualisable vector lengths present"
    phase = Phase.BROUGHT_UP


class SanityLine(CpuLine, frozen=True):
    """A CPU whose ID register differs from the boot CPU's."""

    pattern = (
        rf"CPU features: SANITY CHECK: Unexpected variation in SYS_(?P<register>{'|'.join(_ID_FIELDS)})\. "
        rf"Boot CPU: (?P<boot_value>{_REGISTER}), CPU(?P<cpu>{_NUMBER}): (?P<value>{_REGISTER})"
    )
    register: str
    boot_value: Hex
    value: Hex

    @property
    def extension(self) -> VectorType:
        """The extension that a field of the register tells of."""
        return _ID_FIELDS[self.register][0]

    def has_extension(self, value: int) -> bool:
        """Return True if a CPU with this value of the register has the extension."""
        return _ID_FIELDS[self.register][1].of(value) != 0


class ConflictLine(CpuLine, frozen=True):
    """A late CPU lacks, or has too much of, a capability that is final: the kernel refuses it."""

    pattern = rf"CPU features: {_CPU}Detected conflict for capability \d+ \((?P<capability>.{{1,80}}?)\), System"
    capability: str

    @property
    def extension(self) -> VectorType | None:
        """The vector extension that the CPU lacks; None where the capability is another."""
        return _CAPABILITIES.get(self.capability)


class MissingHwcapLine(CpuLine, frozen=True):
    """A late CPU lacks a hwcap that user space was promised: the kernel refuses it."""

    pattern = rf"CPU features: {_CPU}missing HWCAP: (?P<hwcap>.{{1,80}}?)$"
    hwcap: str


class LengthsLine(CpuLine, frozen=True):
    """The reason why a late CPU does not have the vector lengths that it must have."""

    pattern = (
        rf"(?P<extension>SVE|SME): cpu(?P<cpu>{_NUMBER}): "
        rf"(?P<verdict>{'|'.join(map(re.escape, LengthsVerdict))})"
    )
    extension: VectorType
    verdict: LengthsVerdict


class MismatchLine(CpuLine, frozen=True):
    """A late CPU does not have the vector lengths that it must have; the line before says why."""

    pattern = rf"CPU features: {_CPU}(?P<extension>SVE|SME): vector length support mismatch"
    extension: VectorType


# CPUs that come and go


class BootedLine(CpuLine, frozen=True):
    """A CPU is online."""

    pattern = rf"{_CPU}Booted secondary processor {_IDENTITY}"
    mpidr: Hex
    midr: Hex


class UnfitLine(CpuLine, frozen=True):
    """A CPU will be refused, in the kernel's words; the line before may say why."""

    pattern = rf"{_CPU}(?P<reason>will not boot|is stuck in kernel|does not support .{{1,80}})"
    reason: str


class NotOnlineLine(CpuLine, frozen=True):
    """A CPU did not come online within the kernel's 5 s."""

    pattern = rf"{_CPU}failed to come online"


class NotStartedLine(CpuLine, frozen=True):
    """Firmware refused to start a CPU; the error is a negative errno."""

    pattern = rf"{_CPU}failed to boot: (?P<error>-?{_NUMBER})"
    error: int


class KilledLine(CpuLine, frozen=True):
    """A CPU is off: user space took it down, or the kernel refused it."""

    pattern = rf"psci: CPU(?P<cpu>{_NUMBER}) (?:killed|may not have shut down cleanly)"


# KVM


class GuestsLimitedLine(LogLine, frozen=True):
    """The largest SVE length of guests, in bytes, where it is below the system's."""

    pattern = rf"KVM: SVE vector length for guests limited to (?P<vl_bytes>{_BYTES}) byte"
    phase = Phase.BROUGHT_UP
    vl_bytes: int


class KvmLine(LogLine, frozen=True):
    """The line that tells whether KVM is there, and in which mode; the kernel logs one of the subclasses."""

    phase = Phase.FINAL


class KvmReadyLine(KvmLine, frozen=True):
    """KVM is initialised; the mode is such as "VHE" or "Protected nVHE"."""

    pattern = r"kvm \[\d+\]: (?P<mode>.*)mode initialized successfully"
    mode: str

    @property
    def is_protected(self) -> bool:
        """True under pKVM."""
        return "Protected" in self.mode


class KvmUnavailableLine(KvmLine, frozen=True):
    """The CPUs did not start at EL2."""

    pattern = r"kvm \[\d+\]: HYP mode not available"


class KvmDisabledLine(KvmLine, frozen=True):
    """The command line has kvm-arm.mode=none."""

    pattern = r"kvm \[\d+\]: KVM disabled from command line"


class KvmFailedLine(KvmLine, frozen=True):
    """KVM could not be initialised; the error is a negative errno."""

    pattern = rf"kvm \[\d+\]: error initializing Hyp mode: (?P<error>-?{_NUMBER})"
    error: int


KINDS: tuple[type[LogLine], ...] = (
    BootLine,
    ReleaseLine,
    CommandLineLine,
    PossibleLine,
    BootedLine,
    BroughtUpLine,
    ExceptionLevelLine,
    VectorLengthLine,
    UnvirtualisableLine,
    GuestsLimitedLine,
    KvmReadyLine,
    KvmUnavailableLine,
    KvmDisabledLine,
    KvmFailedLine,
    InitcallLine,
    DetectedLine,
    SanityLine,
    ConflictLine,
    MissingHwcapLine,
    LengthsLine,
    MismatchLine,
    UnfitLine,
    NotOnlineLine,
    NotStartedLine,
    KilledLine,
    PanicLine,
)
"""Every kind of line; of two whose patterns both match, the earlier counts."""
