"""The things that a log shows not to be there, so that no finding has them as its cause or asks to look at them.

A thing is ruled out by what lines say. A missing line rules a thing out only where the kernel must have logged it: in a
log that begins with the kernel's first line, or between two lines of which the log has both.
"""

from collections.abc import Iterator, Sequence

from sim.cores.core_table import core_of_midr, find_core
from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.conflicts import can_be_hidden
from sim.explain.cpu_incidents import CpuIncident
from sim.explain.incident_entries import in_conflict
from sim.explain.log_entries import Circumstance
from sim.importer.explained_lines import OldCoreLine, PsciNotStartedLine, PsciVersionLine
from sim.importer.firmware_lines import PerCpuLine, PsciLine
from sim.importer.kernel_log import parse_command_line
from sim.importer.log_lines import (
    BootedLine,
    BootLine,
    CommandLineLine,
    ConflictLine,
    ExceptionLevelLine,
    KilledLine,
    KvmLine,
    KvmReadyLine,
    LogLine,
)
from sim.importer.log_text import NumberedLine
from sim.vectors import VectorType

_LEAVE_CPUS = ("maxcpus", "nosmp")
"""The parameters by which the kernel leaves CPUs alone that user space may bring up."""


def of_boot(boot: Sequence[NumberedLine], *, is_complete: bool) -> frozenset[Circumstance]:
    """Return the things that the lines of a boot show not to be there, whichever CPU a finding is about.

    Args:
        boot: the boot's lines.
        is_complete: True if they begin with the kernel's first line.
    """
    lines = [found.line for found in boot]
    return frozenset((*_by_command_line(lines), *_by_cores(lines), *_by_methods(lines, is_complete=is_complete)))


def _by_command_line(lines: Sequence[LogLine]) -> Iterator[Circumstance]:
    command_line = [line.text for line in lines if isinstance(line, CommandLineLine)]
    parsed = parse_command_line(" ".join(command_line))
    if command_line:
        if all(parsed.value(name) is None for name in _LEAVE_CPUS):
            yield Circumstance.MAXCPUS
        if parsed.value("nr_cpus") is None:
            yield Circumstance.NR_CPUS
    if parsed.nosve:
        yield Circumstance.SVE


def _by_cores(lines: Sequence[LogLine]) -> Iterator[Circumstance]:
    """Yield what an early CPU's core lacks by its documents; a core that is as old lacks what came later as well."""
    lacking = [_lacking(line.midr) for line in lines if isinstance(line, BootLine | BootedLine | OldCoreLine)]
    if any(VectorType.SVE in one for one in lacking):
        yield Circumstance.SVE
    if any(one == set(VectorType) for one in lacking):
        yield Circumstance.VECTORS


def _lacking(midr: int) -> set[VectorType]:
    """Return the vector types that the core with a MIDR is known not to have."""
    name = core_of_midr(midr)
    core = None if name is None else find_core([name])
    if core is None or core.is_model:
        return set()
    return {vector_type for vector_type in VectorType if core.lengths(vector_type) == ()}


def _by_methods(lines: Sequence[LogLine], *, is_complete: bool) -> Iterator[Circumstance]:
    """Yield the ways to start CPUs that the kernel does not use, and what it cannot be."""
    is_used = any(isinstance(line, KilledLine | PsciNotStartedLine) for line in lines)
    is_there = is_used or any(isinstance(line, PsciLine | PsciVersionLine) for line in lines)
    if is_there:
        yield Circumstance.PARKING
    if is_used:
        yield Circumstance.SPIN_TABLE
    if is_complete and not is_there and any(isinstance(line, PerCpuLine) for line in lines):
        yield Circumstance.PSCI
    kvm = [line for line in lines if isinstance(line, KvmLine)]
    if kvm and not any(isinstance(line, KvmReadyLine) and line.is_protected for line in kvm):
        yield Circumstance.PKVM
    if any(isinstance(line, BootLine) for line in lines):
        yield Circumstance.KERNEL_OF_32_BITS


def of_cpu(cpu: int, *, was_online: bool, is_complete: bool, is_early: bool, is_late: bool) -> Iterator[Circumstance]:
    """Yield the things that a log shows not to be there for one CPU at one time.

    Args:
        cpu: its logical number.
        was_online: the CPU was online at an earlier time.
        is_complete: the log begins with the kernel's first line, so that it has every CPU that was online.
        is_early: the kernel brings up the early CPUs at that time.
        is_late: the early bring-up is over at that time.
    """
    if was_online:
        yield Circumstance.FIRST_START
    elif is_complete:
        yield Circumstance.RETURN
    if is_early:
        yield Circumstance.LATE
    if is_late:
        yield Circumstance.EARLY
    if cpu == 0:
        yield Circumstance.SECONDARY


def of_incident(incident: CpuIncident, boot: Sequence[NumberedLine], tables: KernelTables) -> frozenset[Circumstance]:
    """Return the things that a log shows not to be there for a CPU that did not come.

    Args:
        incident: the attempt to bring the CPU up.
        boot: all lines of the boot.
        tables: the kernel's tables.
    """
    found = set(
        of_cpu(
            incident.cpu,
            was_online=incident.was_online,
            is_complete=incident.is_in_complete_log,
            is_early=incident.is_early,
            is_late=incident.is_late,
        )
    )
    if incident.cpu_on_works:
        found.add(Circumstance.NONE_STARTED)
    if incident.came_later is not None:
        found.add(Circumstance.MISSING)
    # Every CPU leaves its mark before it can die: the line counts those that were tried before it.
    if incident.is_early and any(isinstance(one.line, ExceptionLevelLine) for one in boot):
        found.add(Circumstance.LEVELS)
    conflict = incident.first(ConflictLine)
    capabilities = () if conflict is None else in_conflict(conflict, incident, tables)
    if capabilities and not any(map(can_be_hidden, capabilities)):
        found.add(Circumstance.HIDING)
    return frozenset(found)
