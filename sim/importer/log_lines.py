"""The lines of a kernel log that this package understands, as records with typed fields.

Each kind of line is a class with its pattern, its fields, and the phase of the boot that the line proves. To understand
one more kind of line, add a class to `KINDS`, and handle it where it matters: in `sim.importer.hotplug_history` if it
is about a CPU that comes or goes, in `sim.importer.log_reader` otherwise. A word of its pattern must be among the words
that `sim.importer.log_text` looks for first.

A pattern matches the kernel's message from its beginning: `sim.importer.log_formats` takes off what stands before it.
Lines that change no scenario, and that only an explanation of the log reads, are in `sim.importer.explained_lines`.

Sources: arch/arm64/kernel/setup.c, smp.c, cpufeature.c, fpsimd.c, arch/arm64/mm/context.c, arch/arm64/kvm/arm.c,
drivers/firmware/psci/psci.c, drivers/base/devtmpfs.c, init/main.c, kernel/smp.c, kernel/cpu.c,
kernel/rcu/tree_plugin.h, mm/slub.c, kernel/panic.c, lib/dump_stack.c.
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
    """The early bring-up has ended, so that a CPU that comes or goes from now on does so late."""
    FINAL = 2
    """The kernel's capabilities are final, so that an extension that no line mentioned by now is not in use."""


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
NUMBER = r"(?:0|[1-9]\d{0,6})"
_BYTES = r"(?:0|[1-9]\d{0,8})"
REGISTER = r"0x[0-9a-f]{1,16}"
CPU_PREFIX = rf"CPU(?P<cpu>{NUMBER}): "
_GRANULE = re.compile(r"\b(\d{1,2})K granule")
_IDENTITY = rf"(?P<mpidr>{REGISTER}) \[(?P<midr>0x[0-9a-f]{{1,8}})\]"
VECTOR_CAPABILITIES = {traits.capability: extension for extension, traits in VECTOR_TYPES.items()}
ID_FIELDS = {traits.id_field.register: (extension, traits.id_field) for extension, traits in VECTOR_TYPES.items()}
"""The vector extensions with the fields that tell of them, by register."""


class LogLine(msgspec.Struct, frozen=True):
    """A line of the log that is understood; a subclass has a field for each group of its pattern."""

    pattern: ClassVar[str]
    phase: ClassVar[Phase] = Phase.EARLY
    is_of_any_kernel: ClassVar[bool] = False
    """True if kernels of other architectures log the same."""
    is_taken_for_arm64: ClassVar[bool] = False
    """True if 32-bit Arm or RISC-V log the same, and a text with such lines alone is taken for a log of arm64."""


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

    A name such as 6.1.0-27-arm64 or 6.8.0-45-generic is that of an ABI and does not tell the point release. The version
    of Debian's package at the end of the line does, and what Ubuntu writes there: (Ubuntu 6.8.0-45.45-generic 6.8.12).
    """

    pattern = (
        r"Linux version (?P<release>\d\S*)"
        r"(?:.* Debian (?:\d+:)?(?P<debian>\d+\.\d+\.\d+)-"
        r"|.*\(Ubuntu [\d.]+-[\w.~+]+-[a-z]\S* (?P<ubuntu>\d+\.\d+\.\d+)\))?"
    )
    is_of_any_kernel = True
    release: str
    debian: str | None = None
    ubuntu: str | None = None

    @property
    def point_release(self) -> str | None:
        """The point release that the kernel is built from, where its maker says so."""
        return self.debian or self.ubuntu


class UnameLine(ReleaseLine, frozen=True):
    """The output of ``uname -a``, which people paste beside a log."""

    pattern = (
        r"Linux \S{1,64} (?P<release>\d+\.\d\S*) #\d(?:.* Debian (?:\d+:)?(?P<debian>\d+\.\d+\.\d+)-)?.*\baarch64\b"
    )
    is_of_any_kernel = False


class CrashReleaseLine(ReleaseLine, frozen=True):
    """The line above the registers and the call trace of a crash or a warning, which has the release.

    Source: lib/dump_stack.c (``dump_stack_print_info``).
    """

    pattern = (
        rf"CPU: {NUMBER} (?:UID: \d{{1,10}} )?PID: {NUMBER} Comm: .{{1,20}}? (?:Not tainted|Tainted: [A-Z ]{{1,40}}) +"
        r"(?P<release>\d+\.\d\S*)(?:.* Debian (?:\d+:)?(?P<debian>\d+\.\d+\.\d+)-)?"
    )


class CommandLineLine(LogLine, frozen=True):
    """The kernel's command line; the kernel prints a long one in parts, a line each."""

    pattern = r"Kernel command line: (?P<text>.*)"
    is_of_any_kernel = True
    text: str


class PossibleLine(LogLine, frozen=True):
    """The number of possible CPUs, as SLUB or RCU report it."""

    pattern = rf"(?:SLUB: .*\bCPUs=|.*\bnr_cpu_ids[=:])(?P<count>{NUMBER})\b"
    is_of_any_kernel = True
    count: int


class BroughtUpLine(LogLine, frozen=True):
    """The number of CPUs that are online after the early bring-up; the kernel logs it twice, in different words."""

    pattern = rf"(?:(?:smp: )?Brought up (?:\d+ nodes?, )?|SMP: Total of )(?P<count>{NUMBER}) (?:CPU|processors)"
    is_of_any_kernel = True
    phase = Phase.BROUGHT_UP
    count: int


class ExceptionLevelLine(LogLine, frozen=True):
    """The exception level at which all CPUs started."""

    pattern = r"CPU: All CPU\(s\) started at (?P<level>EL[12])"
    phase = Phase.BROUGHT_UP
    level: str


class InconsistentModesLine(LogLine, frozen=True):
    """Some CPUs started at EL2, and others at EL1."""

    pattern = r"CPU: CPUs started in inconsistent modes"
    phase = Phase.BROUGHT_UP


class TimerLine(LogLine, frozen=True):
    """The timer that the kernel uses, which it chooses by the level at which the boot CPU started.

    It uses the physical timer if the boot CPU started at EL2, and the virtual timer otherwise.

    Source: drivers/clocksource/arm_arch_timer.c (``arch_timer_select_ppi``); booted on 6.1, 6.12 and 7.3.
    """

    is_taken_for_arm64 = True
    pattern = (
        r"(?:arm_)?(?:arch_timer: )?(?:Architected )?cp15 (?:and mmio )?timer"
        r".{1,40}\((?P<timer>virt|phys|hyp-virt|hyp-phys)\b"
    )
    timer: str

    @property
    def boot_level(self) -> int:
        """The exception level at which the boot CPU started."""
        return 1 if self.timer == "virt" else 2


class InitcallLine(LogLine, frozen=True):
    """A line that every kernel logs some time after its capabilities are final."""

    pattern = r"(?:devtmpfs: initialized|Freeing unused kernel|Run \S+ as init process)"
    is_of_any_kernel = True
    phase = Phase.FINAL


class PanicLine(LogLine, frozen=True):
    """A panic, which ends the log."""

    pattern = r"(?P<message>Kernel panic - not syncing: .*)"
    is_of_any_kernel = True
    message: str

    @property
    def is_modelled(self) -> bool:
        """True for the panics that the simulator knows; other panics have nothing to do with bringing up CPUs.

        The idle task is killed by a store to read-only memory, or by breakpoints that a late CPU lacks. A configuration
        is unsupported if a CPU differs from the boot CPU in what all must share. The others are the hypervisor's.
        """
        return re.search("idle task|HYP panic|hyp panic|unsupported configuration", self.message) is not None


# Features and vector lengths


class DetectedLine(LogLine, frozen=True):
    """A vector extension that the system has."""

    pattern = rf"CPU features: detected: (?P<capability>{'|'.join(VECTOR_CAPABILITIES)})"
    phase = Phase.BROUGHT_UP
    capability: str

    @property
    def extension(self) -> VectorType:
        """The extension whose capability it is."""
        return VECTOR_CAPABILITIES[self.capability]


class ICacheLine(CpuLine, frozen=True):
    """The policy of a CPU's instruction cache, which each CPU logs when the kernel stores its ID registers.

    Source: arch/arm64/kernel/cpuinfo.c (``cpuinfo_detect_icache_policy``).
    """

    pattern = rf"Detected (?P<policy>[\w/]{{1,20}}) I-cache on CPU(?P<cpu>{NUMBER})"
    policy: str


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
    """A CPU whose ID register differs from the boot CPU's; older kernels leave out a part of the line."""

    pattern = (
        rf"(?:CPU features: )?SANITY CHECK: Unexpected variation in (?:SYS_)?(?P<register>\w{{1,40}})\. "
        rf"Boot CPU: (?P<boot_value>{REGISTER}), CPU(?P<cpu>{NUMBER}): (?P<value>{REGISTER})"
    )
    register: str
    boot_value: Hex
    value: Hex

    @property
    def extension(self) -> VectorType | None:
        """The vector extension that a field of the register tells of; None for other registers."""
        return ID_FIELDS[self.register][0] if self.register in ID_FIELDS else None

    def has_extension(self, value: int) -> bool:
        """Return True if a CPU with this value of the register has its vector extension."""
        return self.register in ID_FIELDS and ID_FIELDS[self.register][1].of(value) != 0


# Refusals. The reason comes first, and then "will not boot"


class ConflictLine(CpuLine, frozen=True):
    """A CPU lacks, or has too much of, a capability that is final: the kernel refuses it, or panics."""

    pattern = (
        rf"(?:CPU features: )?{CPU_PREFIX}Detected conflict for capability (?P<number>{NUMBER}) "
        rf"\((?P<capability>.{{1,80}}?)\), System: (?P<in_system>[01]), CPU: (?P<in_cpu>[01])"
    )
    capability: str
    """The description."""
    in_system: bool = True
    in_cpu: bool = False
    number: int = 0
    """The capability's number in this build; it differs between point releases."""

    @property
    def extension(self) -> VectorType | None:
        """The vector extension that the CPU lacks; None where the capability is another."""
        return VECTOR_CAPABILITIES.get(self.capability)


class MissingHwcapLine(CpuLine, frozen=True):
    """A late CPU lacks a CPU feature that programs were promised: the kernel refuses it."""

    pattern = (
        rf"(?:CPU features: )?{CPU_PREFIX}missing HWCAP: (?P<table>KERNEL_HWCAP_|COMPAT_HWCAP2?_)?(?P<hwcap>\w{{1,40}})"
    )
    hwcap: str
    table: str | None = None
    """The prefix of the kernel's constant, which newer kernels log; COMPAT for features of 32-bit programs."""


class HypMismatch(StrEnum):
    """A property of the hypervisor's that a late CPU must have, in the kernel's words of what is wrong with it."""

    VMID = "VMID width mismatch"
    IPA = "IPA range mismatch"
    MPAM_VERSION = "MPAM version mismatch"
    MPAM_HCR = "Missing MPAM HCR"
    MPAM_LIMITS = "MPAM PARTID/PMG max values are mismatched"


class HypMismatchLine(CpuLine, frozen=True):
    """A late CPU does not fit KVM or MPAM as they were set up at boot: the kernel refuses it."""

    pattern = rf"(?:CPU features: )?{CPU_PREFIX}(?P<mismatch>{'|'.join(map(re.escape, HypMismatch))})"
    mismatch: HypMismatch


class SmallerAsidLine(CpuLine, frozen=True):
    """A CPU has fewer bits of ASID than the boot CPU: the kernel panics."""

    pattern = rf"{CPU_PREFIX}smaller ASID size\((?P<bits>{NUMBER})\) than boot CPU \((?P<boot_bits>{NUMBER})\)"
    bits: int
    boot_bits: int


class LengthsLine(CpuLine, frozen=True):
    """The reason why a late CPU does not have the vector lengths that it must have."""

    pattern = (
        rf"(?P<extension>SVE|SME): cpu(?P<cpu>{NUMBER}): "
        rf"(?P<verdict>{'|'.join(map(re.escape, LengthsVerdict))})"
    )
    extension: VectorType
    verdict: LengthsVerdict


class MismatchLine(CpuLine, frozen=True):
    """A late CPU does not have the vector lengths that it must have; the line before says why."""

    pattern = rf"(?:CPU features: )?{CPU_PREFIX}(?P<extension>SVE|SME): vector length support mismatch"
    extension: VectorType


# CPUs that come and go


class PageSizeLine(LogLine, frozen=True):
    """A hash table of 2^order pages, which tells the size of a page.

    Source: mm/mm_init.c (``alloc_large_system_hash``).
    """

    pattern = (
        rf"Dentry cache hash table entries: \d{{1,12}} \(order: (?P<order>{NUMBER}), (?P<table_bytes>\d{{1,13}}) bytes"
    )
    is_of_any_kernel = True
    order: int
    table_bytes: int

    @property
    def page_bytes(self) -> int:
        """The size of a page."""
        return self.table_bytes >> self.order


class BootedLine(CpuLine, frozen=True):
    """A CPU is online."""

    pattern = rf"{CPU_PREFIX}Booted secondary processor {_IDENTITY}"
    mpidr: Hex
    midr: Hex


class UnfitLine(CpuLine, frozen=True):
    """A CPU that cannot be used, in the kernel's words; the kernel logs one of the subclasses."""

    reason: str


class WillNotBootLine(UnfitLine, frozen=True):
    """A CPU will be refused; the line before may say why."""

    pattern = rf"{CPU_PREFIX}(?P<reason>will not boot)"


class StuckLine(UnfitLine, frozen=True):
    """A CPU loops inside of the kernel; the line after may say why."""

    pattern = rf"{CPU_PREFIX}(?P<reason>is stuck in kernel)"


class UnsupportedLine(UnfitLine, frozen=True):
    """A CPU lacks 52-bit virtual addresses, or the kernel's size of pages."""

    pattern = rf"{CPU_PREFIX}(?P<reason>does not support .{{1,80}})"

    @property
    def is_of_addresses(self) -> bool:
        """True if the CPU lacks 52-bit virtual addresses, False if it lacks the kernel's size of pages."""
        return "52-bit" in self.reason

    @property
    def granule_bytes(self) -> int | None:
        """The kernel's size of a page, which the CPU lacks; None if it lacks something else."""
        kib = _GRANULE.search(self.reason)
        return None if kib is None else int(kib[1]) << 10


class NotOnlineLine(CpuLine, frozen=True):
    """A CPU did not come online within the kernel's 5 s; or within the 10 s of kernels that start CPUs in parallel."""

    is_taken_for_arm64 = True
    pattern = rf"CPU(?P<cpu>{NUMBER})(?:: failed to come online| failed to report alive state)"


class UnknownStateLine(CpuLine, frozen=True):
    """A CPU that did not come online, and did not report where it stopped."""

    pattern = rf"{CPU_PREFIX}failed in unknown state : (?P<state>{REGISTER})"
    state: Hex


class DiedLine(CpuLine, frozen=True):
    """A refused CPU is off."""

    pattern = rf"{CPU_PREFIX}died during early boot"


class NotStartedLine(CpuLine, frozen=True):
    """Firmware refused to start a CPU; the error is a negative errno."""

    is_taken_for_arm64 = True
    pattern = rf"{CPU_PREFIX}failed to boot: (?P<error>-?{NUMBER})"
    error: int


class KilledLine(CpuLine, frozen=True):
    """A CPU is off: user space took it down, or the kernel refused it."""

    pattern = rf"psci: CPU(?P<cpu>{NUMBER}) killed"


class NotKilledLine(KilledLine, frozen=True):
    """A CPU was taken down, and firmware does not say that it is off."""

    pattern = rf"psci: CPU(?P<cpu>{NUMBER}) may not have shut down cleanly"


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

    @property
    def shows_vhe(self) -> bool:
        """True if the mode uses VHE: VHE itself, and hVHE, which keeps the kernel at EL1."""
        return re.search(r"(?<!n)VHE", self.mode) is not None

    @property
    def names_flavour(self) -> bool | None:
        """True if the mode says nVHE or hVHE where older kernels say less, False if it does not; None: all say so."""
        flavours = {"Hyp": False, "Hyp nVHE": True, "Protected hVHE": True}
        return flavours.get(self.mode.strip())


class KvmUnavailableLine(KvmLine, frozen=True):
    """The CPUs did not start at EL2."""

    pattern = r"kvm \[\d+\]: HYP mode not available"


class KvmDisabledLine(KvmLine, frozen=True):
    """The command line has kvm-arm.mode=none."""

    pattern = r"kvm \[\d+\]: KVM disabled from command line"


class KvmFailedLine(KvmLine, frozen=True):
    """KVM could not be initialised; the error is a negative errno."""

    pattern = rf"kvm \[\d+\]: error initializing Hyp mode: (?P<error>-?{NUMBER})"
    error: int


KINDS: tuple[type[LogLine], ...] = (
    BootLine,
    ReleaseLine,
    UnameLine,
    CrashReleaseLine,
    CommandLineLine,
    PossibleLine,
    PageSizeLine,
    BootedLine,
    BroughtUpLine,
    ExceptionLevelLine,
    InconsistentModesLine,
    TimerLine,
    VectorLengthLine,
    UnvirtualisableLine,
    GuestsLimitedLine,
    KvmReadyLine,
    KvmUnavailableLine,
    KvmDisabledLine,
    KvmFailedLine,
    InitcallLine,
    DetectedLine,
    ICacheLine,
    SanityLine,
    ConflictLine,
    MissingHwcapLine,
    HypMismatchLine,
    SmallerAsidLine,
    LengthsLine,
    MismatchLine,
    WillNotBootLine,
    StuckLine,
    UnsupportedLine,
    NotOnlineLine,
    UnknownStateLine,
    DiedLine,
    NotStartedLine,
    KilledLine,
    NotKilledLine,
    PanicLine,
)
"""The kinds of lines that a scenario may depend on."""
