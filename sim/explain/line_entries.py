"""The entry of a line that tells of something by itself, and the words of a line for an entry's sentence."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from sim.errnos import Errno
from sim.errors import printable
from sim.explain import cpu_entries, crash_entries, feature_entries, firmware_entries, kvm_entries
from sim.explain.log_entries import LogEntry
from sim.importer import explained_lines as explained
from sim.importer import firmware_lines, suspend_lines
from sim.importer import log_lines as kinds
from sim.importer.log_lines import Hex, LogLine

_LONGEST_WORDS = 100
_BITS_OF_BYTE = 8

_ENTRIES: Mapping[type[LogLine], LogEntry] = MappingProxyType(
    {
        kinds.TimerLine: cpu_entries.TIMER,
        explained.NotDeadLine: cpu_entries.NOT_OFF,
        explained.DisabledAboveLine: feature_entries.DISABLED_ABOVE,
        explained.FirmwareExceptionLine: crash_entries.FIRMWARE_EXCEPTION,
        explained.PsciConflictLine: cpu_entries.PSCI_CONFLICT,
        explained.TrustedOsLine: cpu_entries.TRUSTED_OS,
        explained.NoCpuOnLine: cpu_entries.NO_CPU_ON,
        explained.NoReleaseAddressLine: cpu_entries.NO_RELEASE_ADDRESS,
        explained.UnsupportedMethodLine: cpu_entries.UNSUPPORTED_METHOD,
        explained.NoBootCpuLine: cpu_entries.NO_BOOT_CPU,
        firmware_lines.NoBootNodeLine: cpu_entries.NO_BOOT_CPU,
        firmware_lines.MadtFlawLine: firmware_entries.BAD_MADT,
        firmware_lines.DisabledEntryLine: firmware_entries.DISABLED_ENTRY,
        firmware_lines.ConduitLine: firmware_entries.NO_CONDUIT,
        firmware_lines.SuspendModeLine: firmware_entries.SUSPEND_MODE,
        firmware_lines.OpteeLine: firmware_entries.OPTEE,
        firmware_lines.StuckKexecLine: firmware_entries.NO_KEXEC,
        firmware_lines.CheckerErrorLine: firmware_entries.CHECKER_FAILED,
        firmware_lines.CheckerFailedLine: firmware_entries.CHECKER_FAILED,
        firmware_lines.CheckerLine: firmware_entries.CHECKER,
        firmware_lines.VectorSlotsLine: kvm_entries.NO_SLOTS,
        firmware_lines.NoRedistributorLine: firmware_entries.NO_REDISTRIBUTOR,
        firmware_lines.ClosedRedistributorLine: firmware_entries.REDISTRIBUTOR_CLOSED,
        firmware_lines.SystemRegistersLine: firmware_entries.SYSTEM_REGISTERS,
        firmware_lines.ElfCoreLine: cpu_entries.CRASH_KERNEL,
        suspend_lines.SuspendLine: cpu_entries.SUSPENDED,
        suspend_lines.CpuIsUpLine: cpu_entries.SUSPENDED,
        suspend_lines.SuspendEndLine: cpu_entries.SUSPENDED,
        suspend_lines.SuspendGivenUpLine: cpu_entries.SUSPEND_GIVEN_UP,
        kinds.DetectedLine: feature_entries.VECTORS_DETECTED,
        kinds.UnvirtualisableLine: feature_entries.UNVIRTUALISABLE,
        kinds.GuestsLimitedLine: feature_entries.GUESTS_LIMITED,
        explained.RaisedMaximumLine: feature_entries.MAXIMUM_RAISED,
        explained.Asymmetric32Line: feature_entries.ASYMMETRIC_32,
        explained.KptiLine: feature_entries.KPTI,
        explained.NoGranuleLine: feature_entries.NO_GRANULE,
        explained.MitigationOffLine: feature_entries.MITIGATION_OFF,
        explained.WorseMitigationLine: feature_entries.WORSE_MITIGATION,
        explained.UnknownAsidLine: feature_entries.UNKNOWN_ASID,
        kinds.KvmReadyLine: kvm_entries.KVM_READY,
        kinds.KvmDisabledLine: kvm_entries.KVM_DISABLED,
        kinds.KvmFailedLine: kvm_entries.KVM_FAILED,
        explained.ProtectedWithVheLine: kvm_entries.PROTECTED_WITH_VHE,
        explained.StageTwoLine: kvm_entries.STAGE_TWO,
        explained.DeadlockLine: kvm_entries.DEADLOCK,
        explained.IpaLimitLine: kvm_entries.IPA_LIMIT,
        explained.ProtectionFailedLine: kvm_entries.PROTECTION_FAILED,
        explained.SErrorLine: crash_entries.SERROR,
        explained.StoppedLine: crash_entries.STOPPED,
        explained.AsidsLine: feature_entries.ASIDS,
        explained.StallLine: crash_entries.STALL,
        explained.LockupLine: crash_entries.LOCKUP,
        explained.NotStoppedLine: crash_entries.NOT_STOPPED,
    }
)
"""The kinds of lines that have the same entry wherever they stand."""
_NOT_SUSPENDED = {-Errno.EBUSY: cpu_entries.BUSY, -Errno.EPERM: cpu_entries.TRUSTED_OS_STAYS}
"""The entries of CPUs that do not go down for suspend, by the errno."""


def entry_of_line(line: LogLine) -> LogEntry | None:
    """Return the entry of a line; None if the line tells something only together with others."""
    match line:
        case kinds.ExceptionLevelLine():
            entry = cpu_entries.STARTED_AT_EL2 if line.level == "EL2" else cpu_entries.STARTED_AT_EL1
        case kinds.VectorLengthLine():
            entry = feature_entries.VECTOR_LENGTHS if line.vl_bytes else feature_entries.NO_SHARED_LENGTH
        case suspend_lines.ResumeErrorLine(direction="up"):
            entry = cpu_entries.NOT_RESUMED
        case suspend_lines.ResumeErrorLine():
            entry = _NOT_SUSPENDED.get(line.error, cpu_entries.NOT_SUSPENDED)
        case _:
            return _ENTRIES.get(type(line))
    return entry


def words_of_line(line: LogLine) -> dict[str, object]:
    """Return the words that an entry's sentence may name: the line's fields, and what follows from them."""
    words: dict[str, object] = {name: _word(value) for name, value in msgspec.structs.asdict(line).items()}
    match line:
        case kinds.VectorLengthLine():
            words["vl_bits"] = line.vl_bytes * _BITS_OF_BYTE
        case firmware_lines.ConduitLine():
            words["article"] = "no" if line.method is None else "an invalid"
        case explained.UnsupportedMethodLine():
            words["method_words"] = "of ACPI" if line.method is None else repr(short_words(line.method))
        case kinds.TimerLine():
            words["level_words"] = f"the boot CPU started at EL{line.boot_level}"
        case kinds.KvmReadyLine():
            # Before 6.9 the kernel says "Hyp mode" where later kernels say "Hyp nVHE mode".
            words["mode"] = short_words(line.mode.strip().removeprefix("Hyp").strip()) or "nVHE"
        case explained.MissingFeatureLine():
            words["capability"] = f'"{short_words(line.capability)}"'
        case kinds.MissingHwcapLine() if (line.table or "").startswith("COMPAT"):
            words["hwcap"] = f"{line.hwcap} of 32-bit programs"
    return words


def _word(value: object) -> object:
    if isinstance(value, Hex):
        return f"{value:#x}"
    return short_words(value) if isinstance(value, str) else value


def short_words(text: str) -> str:
    """Return text of a log that a sentence may contain: printable, and not too long."""
    return printable(text[:_LONGEST_WORDS])
