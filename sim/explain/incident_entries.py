"""The entry of an incident of a CPU: which of its lines decides, and what else decides."""

from collections.abc import Container

from sim.cpufeature_tables import Capability, KernelTables
from sim.cpufeature_tables.conflicts import NO_DESCRIPTION, capabilities_in_conflict
from sim.explain import cpu_entries, crash_entries
from sim.explain.cpu_incidents import CpuIncident
from sim.explain.line_entries import short_words, words_of_line
from sim.explain.log_entries import Circumstance, LogEntry
from sim.importer.explained_lines import ConfigurationPanicLine, MissingFeatureLine, PsciNotStartedLine, UncleanLine
from sim.importer.log_lines import (
    ConflictLine,
    DiedLine,
    HypMismatch,
    HypMismatchLine,
    LengthsLine,
    LengthsVerdict,
    LogLine,
    MismatchLine,
    MissingHwcapLine,
    SmallerAsidLine,
    StuckLine,
    UnsupportedLine,
    WillNotBootLine,
)
from sim.importer.start_errors import EIO, ENXIO

_EPERM, _EINVAL, _ENOSYS, _EOPNOTSUPP = -1, -22, -38, -95
_OF_PARKING = {ENXIO: cpu_entries.NO_MAILBOX, EIO: cpu_entries.MAILBOX_UNMAPPED}
"""The entries of errors that ACPI's parking protocol alone gives."""
_OF_PSCI = {_EPERM: cpu_entries.CPU_ON_DENIED, _EOPNOTSUPP: cpu_entries.CPU_ON_UNSUPPORTED}
"""The entries of errors that PSCI alone gives, and that mean the same wherever they stand."""
_DECIDING: tuple[type[LogLine], ...] = (
    ConflictLine,
    MissingFeatureLine,
    MissingHwcapLine,
    LengthsLine,
    MismatchLine,
    HypMismatchLine,
    UnsupportedLine,
    StuckLine,
    WillNotBootLine,
    DiedLine,
)
"""The lines that decide, the most telling first."""
_OF_LEVEL = "ICV_DIR_EL1 trapping"
"""The capability that a CPU lacks if it started at EL1, or came after such a CPU."""
_PANICS = "PANIC"


def entry_of_incident(
    incident: CpuIncident, tables: KernelTables, not_there: Container[Circumstance]
) -> tuple[LogEntry, dict[str, object], tuple[str, ...]]:
    """Return an incident's entry, the words for its sentence, and what is inferred.

    Args:
        incident: the attempt to bring the CPU up.
        tables: the kernel's tables.
        not_there: the things that the boot shows not to be there.
    """
    if (found := _panic(incident, tables)) is not None:
        return found
    if (error := incident.error) is not None:
        entry, inferred = _not_started(incident, error, not_there)
        return entry, {"error": error}, inferred
    for kind in _DECIDING:
        if (line := incident.first(kind)) is not None:
            if isinstance(line, ConflictLine):
                return _of_conflict(line, incident, tables)
            return _decided_by(line, incident), words_of_line(line), ()
    return _lost(incident, not_there), {}, ()


def _lost(incident: CpuIncident, not_there: Container[Circumstance]) -> LogEntry:
    """Return the entry of a CPU of which no line says why it did not come."""
    if incident.first(UncleanLine) is not None and not incident.is_given_up:
        return cpu_entries.NOT_OFF
    if incident.was_online:
        return cpu_entries.CPU_LOST_ON_RETURN
    return cpu_entries.CPU_LOST_WITHOUT_PSCI if Circumstance.PSCI in not_there else cpu_entries.CPU_LOST


def _panic(incident: CpuIncident, tables: KernelTables) -> tuple[LogEntry, dict[str, object], tuple[str, ...]] | None:
    """Return what `entry_of_incident` does for a CPU that stops the machine; None for any other."""
    conflict = incident.first(ConflictLine)
    if (asid := incident.first(SmallerAsidLine)) is not None:
        return cpu_entries.SMALLER_ASID, words_of_line(asid), ()
    inferred: tuple[str, ...] = ()
    if incident.first(ConfigurationPanicLine) is None:
        if conflict is None or not _is_fatal(conflict, tables):
            return None
        inferred = ("the log does not have the panic, which follows a conflict of this capability",)
    reason = "" if conflict is None else f": it {_verb(conflict)} {_capability_words(conflict, incident, tables)}"
    return crash_entries.CONFIGURATION_PANIC, {"reason": reason}, inferred


def _is_fatal(line: ConflictLine, tables: KernelTables) -> bool:
    return any(one.description == line.capability and _PANICS in one.type for one in tables.capabilities)


def _of_conflict(
    line: ConflictLine, incident: CpuIncident, tables: KernelTables
) -> tuple[LogEntry, dict[str, object], tuple[str, ...]]:
    """Return what `entry_of_incident` does for a CPU that was refused for a capability."""
    found = in_conflict(line, incident, tables)
    if line.capability == _OF_LEVEL and not line.in_cpu:
        entry = cpu_entries.STARTED_BELOW_EL2
    elif incident.is_early or (found and all("BOOT" in one.type for one in found)):
        entry = cpu_entries.DIFFERS_FROM_BOOT_CPU
    else:
        entry = cpu_entries.HAS_CAPABILITY if line.in_cpu else cpu_entries.LACKS_CAPABILITY
    inferred: tuple[str, ...] = ()
    if line.capability == NO_DESCRIPTION and found:
        who = "an early CPU" if incident.is_early else "a CPU that comes late, or comes back,"
        names = " or ".join(one.name for one in found)
        inferred = (f"the log does not name the capability: for {who} it can be {names}, by Linux {tables.series}",)
    return (
        entry,
        {"having": "having" if line.in_cpu else "lack of", "capability": _capability_words(line, incident, tables)},
        inferred,
    )


def in_conflict(line: ConflictLine, incident: CpuIncident, tables: KernelTables) -> tuple[Capability, ...]:
    """Return the capabilities that a conflict of an incident may concern."""
    return capabilities_in_conflict(line.capability, tables, in_system=line.in_system, is_early=incident.is_early)


def _verb(line: ConflictLine) -> str:
    return "has" if line.in_cpu else "lacks"


def _capability_words(line: ConflictLine, incident: CpuIncident, tables: KernelTables) -> str:
    """Return a capability's description in quotes; where it has none, its number and words for those that it may be.

    Numbers differ between builds, but in one log two numbers are two capabilities.
    """
    if line.capability != NO_DESCRIPTION:
        return f'"{short_words(line.capability)}"'
    found = [one.words_for_people for one in in_conflict(line, incident, tables)]
    return f"number {line.number}, {' or '.join(found) or 'a capability without a description'}"


def _decided_by(line: LogLine, incident: CpuIncident) -> LogEntry:
    """Return the entry of a CPU that was refused, or is stuck, by the line that decides."""
    match line:
        case MissingFeatureLine():
            entry = cpu_entries.LACKS_CAPABILITY
        case MissingHwcapLine():
            entry = cpu_entries.LACKS_HWCAP
        case LengthsLine():
            entry = {
                LengthsVerdict.MISSING: cpu_entries.LACKS_LENGTHS,
                LengthsVerdict.UNSUPPORTED: cpu_entries.UNSUPPORTED_LENGTHS,
                LengthsVerdict.ABOVE_MAXIMUM: cpu_entries.LARGER_LENGTHS,
            }[line.verdict]
        case MismatchLine():
            entry = cpu_entries.LENGTHS_DIFFER
        case HypMismatchLine():
            by_mismatch = {HypMismatch.VMID: cpu_entries.VMID_WIDTH, HypMismatch.IPA: cpu_entries.IPA_RANGE}
            entry = by_mismatch.get(line.mismatch, cpu_entries.MPAM_DIFFERS)
        case UnsupportedLine():
            is_of_addresses = "52-bit" in line.reason
            entry = cpu_entries.CPU_STUCK_ADDRESSES if is_of_addresses else cpu_entries.CPU_STUCK_GRANULE
        case StuckLine():
            entry = cpu_entries.CPU_STUCK
        case _:
            entry = cpu_entries.REFUSED_EARLY if incident.is_early else cpu_entries.REFUSED
    return entry


def _not_started(
    incident: CpuIncident, error: int, not_there: Container[Circumstance]
) -> tuple[LogEntry, tuple[str, ...]]:
    """Return the entry of a CPU that could not be started, and what is inferred."""
    by_psci = incident.first(PsciNotStartedLine) is not None
    if error in _OF_PARKING and not by_psci and Circumstance.PARKING not in not_there:
        return _OF_PARKING[error], ("that it is the parking protocol follows from the errno, which nothing else gives",)
    if error == _ENOSYS:
        return cpu_entries.CPU_WITHOUT_METHOD, ()
    if error not in {*_OF_PSCI, _EINVAL} or Circumstance.PSCI in not_there:
        return cpu_entries.CPU_NOT_STARTED, ()
    if error == _EINVAL:
        return _answered_einval(incident)
    inferred = () if by_psci else ("that firmware answered so follows from the errno: no line of PSCI's tells it",)
    if error == _EOPNOTSUPP and incident.cpu_on_works:
        return cpu_entries.CALL_UNSUPPORTED, inferred
    return _OF_PSCI[error], inferred


def _answered_einval(incident: CpuIncident) -> tuple[LogEntry, tuple[str, ...]]:
    """Return the entry of a CPU whose CPU_ON was answered with an error that became EINVAL, and what is inferred."""
    if incident.is_under_pkvm:
        inferred = "that pKVM answered, and not firmware, follows from its rule for CPUs that were not online"
        return cpu_entries.CPU_ON_BY_RELAY, (inferred,)
    if incident.stayed_on:
        return cpu_entries.CPU_ON_STILL_ON, ("that the answer was ALREADY_ON, which AFFINITY_INFO suggests",)
    entry = cpu_entries.CPU_ON_AFTER_LOSS if incident.was_lost else cpu_entries.CPU_ON_INVALID
    return entry, ("which of PSCI's answers became EINVAL is not in the log",)
