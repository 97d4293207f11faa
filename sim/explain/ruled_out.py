"""The things that a log shows not to be there, so that no finding has them as its cause or asks to look at them.

A thing is ruled out by what lines say. A missing line rules a thing out only where the kernel must have logged it: in a
log that begins with the kernel's first line, or between two lines of which the log has both.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from sim.cores.core_table import DocumentedCore, core_of_midr, find_core
from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.conflicts import can_be_hidden
from sim.explain.cpu_incidents import CpuIncident
from sim.explain.incident_entries import in_conflict
from sim.explain.log_entries import Circumstance
from sim.importer.explained_lines import (
    FaultLine,
    MissingFeatureLine,
    OldCoreLine,
    OopsLine,
    PsciNotStartedLine,
    PsciVersionLine,
)
from sim.importer.firmware_lines import CheckerErrorLine, PerCpuLine, PsciLine
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
    NotOnlineLine,
    TimerLine,
)
from sim.importer.log_text import NumberedLine
from sim.vectors import VectorType

_LEAVE_CPUS = ("maxcpus", "nosmp")
"""The parameters by which the kernel leaves CPUs alone that user space may bring up."""


class BootState(msgspec.Struct, frozen=True):
    """The facts of a boot that rule things out."""

    not_there: frozenset[Circumstance]
    """The things that its lines show not to be there, whichever CPU a finding is about."""
    midrs: Mapping[int, int]
    """The MIDR of each CPU that came, and of the boot CPU."""
    is_complete: bool
    """True if the lines begin with the kernel's first line, so that they have every CPU that came online."""
    tells_levels: bool
    """True if all CPUs that were tried early started at the same exception level."""


def state_of_boot(boot: Sequence[NumberedLine], *, is_complete: bool) -> BootState:
    """Return the facts of a boot that rule things out.

    Args:
        boot: the boot's lines.
        is_complete: True if they begin with the kernel's first line.
    """
    lines = [found.line for found in boot]
    by_methods = _by_methods(lines, is_complete=is_complete)
    return BootState(
        frozenset((*_by_command_line(lines), *_by_cores(lines), *by_methods, *_by_level(lines))),
        midrs=dict(_midrs(lines)),
        is_complete=is_complete,
        tells_levels=any(isinstance(line, ExceptionLevelLine) for line in lines),
    )


def _midrs(lines: Sequence[LogLine]) -> Iterator[tuple[int, int]]:
    for line in lines:
        if isinstance(line, BootLine | OldCoreLine):
            yield 0, line.midr
        elif isinstance(line, BootedLine):
            yield line.cpu, line.midr


def _by_command_line(lines: Sequence[LogLine]) -> Iterator[Circumstance]:
    command_line = [line.text for line in lines if isinstance(line, CommandLineLine)]
    parsed = parse_command_line(" ".join(command_line))
    if command_line:
        if all(parsed.value(name) is None for name in _LEAVE_CPUS):
            yield Circumstance.MAXCPUS
        if parsed.value("nr_cpus") is None:
            yield Circumstance.NR_CPUS
        if parsed.value("allow_mismatched_32bit_el0") is None:
            yield Circumstance.MISMATCHED_32
    if parsed.nosve:
        yield Circumstance.SVE
    if parsed.hides_vhe:
        yield Circumstance.VHE


def _by_cores(lines: Sequence[LogLine]) -> Iterator[Circumstance]:
    """Yield what some CPU's core lacks by its documents.

    A core without SVE takes it from the whole system; a system with a core that is older than both SVE and SME is taken
    to have neither, and all CPUs run the kernel at the level of the boot CPU.
    """
    boot_core = next((_core(line.midr) for line in lines if isinstance(line, BootLine | OldCoreLine)), None)
    if boot_core is not None and not boot_core.vhe:
        yield Circumstance.VHE
    lacking = [_lacking(line.midr) for line in lines if isinstance(line, BootLine | BootedLine | OldCoreLine)]
    if any(VectorType.SVE in one for one in lacking):
        yield Circumstance.SVE
    if any(one == set(VectorType) for one in lacking):
        yield Circumstance.VECTORS


def _core(midr: int) -> DocumentedCore | None:
    """Return the core with a MIDR; None if its documents are not known, or it is an emulator's, which has anything."""
    name = core_of_midr(midr)
    core = None if name is None else find_core([name])
    return None if core is None or core.is_model else core


def _lacking(midr: int) -> set[VectorType]:
    """Return the vector types that the core with a MIDR is known not to have."""
    core = _core(midr)
    return set() if core is None else {vector_type for vector_type in VectorType if core.lengths(vector_type) == ()}


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
    if is_complete and not any(isinstance(line, NotOnlineLine) for line in lines):
        yield Circumstance.LOST_CPU
    if any(isinstance(line, PsciLine) and line.has_no_resident_os for line in lines):
        yield Circumstance.TRUSTED_OS
    if any(isinstance(line, BootLine) for line in lines):
        yield Circumstance.KERNEL_OF_32_BITS


def _by_level(lines: Sequence[LogLine]) -> Iterator[Circumstance]:
    """Yield what the levels at which CPUs started, and KVM's own lines, show not to be."""
    modes = [line for line in lines if isinstance(line, KvmReadyLine)]
    if any(isinstance(line, KvmLine) for line in lines) and not any(line.is_protected for line in modes):
        yield Circumstance.PKVM
    levels = [line.level for line in lines if isinstance(line, ExceptionLevelLine)]
    boot_levels = [line.boot_level for line in lines if isinstance(line, TimerLine)]
    if "EL1" in levels or 1 in boot_levels or any(not line.shows_vhe for line in modes):
        yield Circumstance.VHE


def of_crash(crash: Sequence[NumberedLine]) -> frozenset[Circumstance]:
    """Return the things that the lines of a crash show not to be there; none if it has no lines."""
    told = [found.line for found in crash if isinstance(found.line, FaultLine | OopsLine)]
    if not told:
        return frozenset()
    is_there = {
        Circumstance.UNDEFINED: any(isinstance(line, OopsLine) and line.is_undefined_instruction for line in told),
        Circumstance.READ_ONLY_STORE: any(isinstance(line, FaultLine) and line.is_store_to_read_only for line in told),
    }
    return frozenset(thing for thing, may_be in is_there.items() if not may_be)


def of_cpu(cpu: int, state: BootState, *, was_online: bool, is_early: bool, is_late: bool) -> Iterator[Circumstance]:
    """Yield the things that a log shows not to be there for one CPU at one time.

    Args:
        cpu: its logical number.
        state: the facts of the boot.
        was_online: the CPU was online at an earlier time.
        is_early: the kernel brings up the early CPUs at that time.
        is_late: the early bring-up is over at that time.
    """
    if was_online:
        yield Circumstance.FIRST_START
    elif state.is_complete or is_early:
        yield Circumstance.RETURN
    if is_early:
        yield Circumstance.LATE
    if is_late:
        yield Circumstance.EARLY
    if cpu == 0:
        yield Circumstance.SECONDARY
    if 0 in state.midrs and state.midrs.get(cpu) == state.midrs[0]:
        yield Circumstance.MIXED_CORES


def of_incident(incident: CpuIncident, state: BootState, tables: KernelTables) -> frozenset[Circumstance]:
    """Return the things that a log shows not to be there for a CPU that did not come.

    Args:
        incident: the attempt to bring the CPU up.
        state: the facts of the boot.
        tables: the kernel's tables.
    """
    is_early, is_late = incident.is_early, incident.is_late
    found = set(of_cpu(incident.cpu, state, was_online=incident.was_online, is_early=is_early, is_late=is_late))
    found.add(Circumstance.TESTED if incident.first(CheckerErrorLine) is None else Circumstance.TAKEN_DOWN)
    if incident.cpu_on_works:
        found.add(Circumstance.NONE_STARTED)
    if incident.came_later is not None or (incident.arrived is not None and incident.took is None):
        found.add(Circumstance.MISSING)
    # Every CPU leaves its mark before it can die: the line counts those that were tried before it.
    if is_early and state.tells_levels:
        found.add(Circumstance.LEVELS)
    conflict = incident.first(ConflictLine)
    capabilities = () if conflict is None else in_conflict(conflict, incident, tables)
    # No kernel that logs such a line has a parameter that hides a feature: the first came with 5.12.
    is_too_old = incident.first(MissingFeatureLine) is not None
    if is_too_old or (capabilities and not any(map(can_be_hidden, capabilities))):
        found.add(Circumstance.HIDING)
    return frozenset(found)
