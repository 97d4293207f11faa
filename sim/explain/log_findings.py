"""The findings of a boot: what its lines tell, each with its entry, its CPUs and its lines, the worst first.

The lines are those that `sim.importer.log_text` understands. `line_entries` has the entries of lines that tell
something by themselves, `incident_entries` those of CPUs that do not come, and `system_findings` finds what follows
from several lines together, or from missing lines.
"""

from collections.abc import Iterable, Iterator
from functools import singledispatchmethod

from sim.cpufeature_tables.sanity_decoder import DecodingTables, RegisterDifference
from sim.explain import cpu_entries, crash_entries, feature_entries, firmware_entries, kvm_entries
from sim.explain.cpu_incidents import CpuIncident, CpuIncidents
from sim.explain.finding_collection import FindingCollection, LogFinding
from sim.explain.incident_entries import entry_of_incident
from sim.explain.line_entries import entry_of_line, short_words, words_of_line
from sim.explain.log_entries import Circumstance, LogEntry
from sim.explain.logged_registers import decoded_registers
from sim.explain.psci_test import likely_test, time_of_boot_s
from sim.explain.ruled_out import of_cpu, of_crash, of_incident, state_of_boot
from sim.explain.system_findings import BootLines, add_system_findings
from sim.importer import explained_lines as explained
from sim.importer import firmware_lines, suspend_lines
from sim.importer import log_lines as kinds
from sim.importer.hotplug_history import Hotplug, HotplugHistory
from sim.importer.log_lines import CpuLine, LogLine, Phase
from sim.importer.log_text import NumberedLine
from sim.importer.own_numbers import OwnNumbers

_COUNTER = "CNTFRQ_EL0"
_BEFORE_LATE_S = 0.02
"""The time of a boot, in seconds, before which no kernel is through with the early bring-up and its initcalls."""
_SAY_IT_WAS_ONLINE = (cpu_entries.CPU_LOST_ON_RETURN, cpu_entries.CPU_ON_STILL_ON, cpu_entries.CPU_ON_AFTER_LOSS)
"""The entries whose sentences tell that a CPU was online before, or that an earlier incident tells it."""


_BY_TEST = "; the kernel's own test of PSCI, which it makes at each boot, took it down"
_WENT_DOWN = "that the CPU went down, which the kernel must take it to be before it starts it again: no line says so"
_TESTED = (
    "likely by the kernel's test of PSCI (CONFIG_ARM_PSCI_CHECKER), which takes every CPU down and up at each boot: "
    "soon after the start, several CPUs went down and came back at once"
)
_TAKEN_FOR_ARM64 = "that the log is of an arm64 kernel: 32-bit Arm and RISC-V log the same lines"


def find(lines: Iterable[NumberedLine], decoding: DecodingTables, *, is_complete: bool) -> list[LogFinding]:
    """Return the findings of one boot, the worst first.

    Args:
        lines: the boot's lines.
        decoding: the tables of cpufeature that decode its registers.
        is_complete: True if the lines begin with the kernel's first.
    """
    boot = list(lines)
    end = _end_of_bring_up(boot)
    reader = _Reader(boot, decoding, is_complete=is_complete, bring_up_end=end, early_end=end or _later_phase(boot))
    for line in boot:
        reader.read(line)
    return reader.finish()


def _end_of_bring_up(boot: list[NumberedLine]) -> int:
    """Return the place of the line that ends the early bring-up; 0 where the log does not have it."""
    return next((found.place for found in boot if isinstance(found.line, kinds.BroughtUpLine)), 0)


def _later_phase(boot: list[NumberedLine]) -> int:
    """Return the place of the first line after a bring-up that began, and whose end the log lacks; 0 without any."""
    if not any(isinstance(found.line, explained.BringingUpLine) for found in boot):
        return 0
    later = (found.place for found in boot if found.line.phase > Phase.EARLY)
    return next(later, boot[-1].place + 1)


def every_entry() -> Iterator[LogEntry]:
    """Yield every entry, the worst first."""
    entries = (
        *crash_entries.CRASH_ENTRIES,
        *cpu_entries.CPU_ENTRIES,
        *firmware_entries.FIRMWARE_ENTRIES,
        *feature_entries.FEATURE_ENTRIES,
        *kvm_entries.KVM_ENTRIES,
    )
    yield from sorted(entries, key=lambda entry: entry.severity.rank)


class _Reader:
    """A reader of one boot's lines."""

    def __init__(
        self,
        boot: list[NumberedLine],
        decoding: DecodingTables,
        *,
        is_complete: bool,
        bring_up_end: int,
        early_end: int,
    ) -> None:
        self._tables = decoding.tables
        self._registers = decoded_registers(boot, decoding)
        """The registers of SANITY CHECK lines, by the numbers of the lines."""
        self._is_complete = is_complete
        self._bring_up_end = bring_up_end
        self._early_end = early_end
        """The place of the first line after the early bring-up; 0 where the log does not show that there was any."""
        self._late_from = next((found.place for found in boot if found.line.phase > Phase.EARLY), 0)
        """The place of the first line that shows the early bring-up to be over; 0 without any."""
        self._state = state_of_boot(boot, is_complete=is_complete)
        self._found = FindingCollection(self._state.not_there)
        self._incidents = CpuIncidents()
        self._history = HotplugHistory({0} if is_complete else None, OwnNumbers(one.line for one in boot).of_mpidr())
        self._named: set[int] = set()
        """The CPUs that some line names."""
        self._lines: list[NumberedLine] = []
        self._suspends_cpus = False
        """True if the log shows that CPUs went down for suspend, or came back."""
        self._likely_test = likely_test(boot)
        self._came_back = False
        """True if a CPU came back, so that the early bring-up is over."""
        self._saw_bring_up = False
        """True if the log has the beginning of the early bring-up."""
        self._crash: list[NumberedLine] = []
        """The lines of a crash that no panic has ended yet."""
        if is_complete:
            self._incidents.boot_cpu()
            self._named.add(0)

    def read(self, found: NumberedLine) -> None:
        """Read the next line."""
        line = found.line
        self._history.read(line, found.seconds)
        self._lines.append(found)
        if isinstance(line, CpuLine):
            self._named.add(line.cpu)
            if self._incidents.take(found, line):
                return
        self._read(line, found)

    @singledispatchmethod
    def _read(self, line: LogLine, found: NumberedLine) -> None:
        """Add the finding of a line that tells something by itself; pass over any other."""
        if (entry := entry_of_line(line)) is not None:
            cpu = line.cpu if isinstance(line, CpuLine) else None
            self._found.add(entry, [found], words_of_line(line), cpu=cpu, ruled_out=self._ruled_out(found))

    def _ruled_out(self, found: NumberedLine) -> frozenset[Circumstance]:
        """Return the things that the log shows not to be there for the CPU of a line, when the line comes."""
        if not isinstance(found.line, CpuLine):
            return frozenset()
        cpu = found.line.cpu
        return frozenset(
            of_cpu(
                cpu,
                self._state,
                was_online=self._incidents.was_online(cpu),
                is_early=self._is_early(found),
                is_late=self._is_late(found),
            )
        )

    def _is_early(self, found: NumberedLine) -> bool:
        return found.place < self._early_end or 0 < time_of_boot_s(found) < _BEFORE_LATE_S

    def _is_late(self, found: NumberedLine) -> bool:
        return 0 < self._late_from < found.place

    @_read.register
    def _booted(self, line: kinds.BootedLine | explained.OldBootedLine, found: NumberedLine) -> None:
        # The test brings up only what it took down.
        is_return = self._incidents.was_online(line.cpu) or found.place in self._likely_test
        step = self._history.came if isinstance(line, kinds.BootedLine) else None
        if step is not None and step.is_late_arrival:
            self._incidents.arrived_late(found, step.cpu, step.runs)
        else:
            self._incidents.online(found, line.cpu)
        if step is not None and (step.hw_cpu is not None or self._history.came_beside_another):
            self._in_the_place_of_another(step, found)
            return
        # An excerpt shows it where it has an end of the early bring-up, or the CPU itself at an earlier time.
        begins_early = self._is_complete or bool(self._bring_up_end) or self._saw_bring_up
        if is_return:
            entry = cpu_entries.BACK_ONLINE
            self._came_back = True
        elif self._history.phase is not Phase.EARLY or self._came_back:
            entry = cpu_entries.LATE_ONLINE
        else:
            entry = cpu_entries.EARLY_ONLINE if begins_early else cpu_entries.CAME_ONLINE
        self._found.add(entry, [found], cpu=line.cpu, inferred=self._if_tested(found))

    def _in_the_place_of_another(self, step: Hotplug, found: NumberedLine) -> None:
        """Add the finding of a CPU that came under another CPU's number, or under its own beside such a CPU."""
        booted = [one for one in self._lines[:-1] if isinstance(one.line, kinds.BootedLine)]
        is_certain = step.hw_cpu is None or any(self._came_as_itself(one.line, step.runs) for one in booted)
        inferred = f"that the MPIDR in line {found.number} is CPU{step.runs}'s: MPIDRs ascend with the numbers"
        beside = [one for one in booted if isinstance(one.line, CpuLine) and one.line.cpu == step.cpu][-1:]
        is_shared = self._history.came_beside_another
        self._found.add(
            cpu_entries.SHARED_TASK if is_shared else cpu_entries.TOOK_PLACE,
            [*beside, found] if is_shared else [found],
            {"number": step.cpu},
            cpu=step.runs,
            inferred=() if is_certain else (inferred,),
        )

    def _came_as_itself(self, line: LogLine, cpu: int) -> bool:
        return isinstance(line, kinds.BootedLine) and line.cpu == cpu == self._history.own_number(line)

    @_read.register
    def _bringing_up(self, _line: explained.BringingUpLine, _found: NumberedLine) -> None:
        self._saw_bring_up = True

    @_read.register
    def _suspend(self, line: suspend_lines.SuspendLine | suspend_lines.SuspendEndLine, found: NumberedLine) -> None:
        is_resume = isinstance(line, suspend_lines.SuspendLine) and line.is_resume
        self._incidents.suspend(is_resume=is_resume)
        # Suspend to idle, of which a log has the end alone, takes no CPU down.
        self._suspends_cpus |= isinstance(line, suspend_lines.SuspendLine)
        if self._suspends_cpus:
            self._found.add(cpu_entries.SUSPENDED, [found])

    @_read.register
    def _unknown(self, _line: firmware_lines.UnknownLine, found: NumberedLine) -> None:
        self._found.add(firmware_entries.UNKNOWN, [found], {"text": short_words(found.text)})

    @_read.register
    def _went_offline(self, line: kinds.KilledLine | explained.ShutdownLine, found: NumberedLine) -> None:
        self._incidents.offline(line.cpu)
        self._found.add(cpu_entries.WENT_OFFLINE, [found], cpu=line.cpu, inferred=self._if_tested(found))

    def _if_tested(self, found: NumberedLine) -> tuple[str, ...]:
        """Return the inference that the kernel's test took a CPU down and up, if a line is likely to be of it."""
        return (_TESTED,) if found.place in self._likely_test else ()

    @_read.register
    def _sanity(self, line: kinds.SanityLine, found: NumberedLine) -> None:
        decoded = self._registers[found.number]
        register = decoded.register
        if not decoded.differs:
            words: dict[str, object] = {"register": register}
            self._found.add(feature_entries.SANITY_EQUAL, [found], words, cpu=line.cpu, register=decoded)
            return
        words = {
            "register": register,
            "lost": ", ".join(decoded.lost),
            "changed": ", ".join(decoded.changed),
            "dangers": "; ".join(decoded.dangers),
            "table": decoded.tables_words,
        }
        if register == _COUNTER:
            words |= {"value": f"{line.value:,}", "boot_value": f"{line.boot_value:,}"}
        entry = self._entry_of_register(decoded)
        # The line alone tells of these: no table is needed.
        is_plain = entry is feature_entries.SANITY_COUNTER or entry in feature_entries.KERNEL_BUGS.values()
        inferred = () if is_plain else decoded.inferred
        if not self._is_complete and entry in {feature_entries.SANITY_DANGER, feature_entries.SANITY_LATE}:
            inferred += ("that no CPU changed the system's value before: the log begins too late to show it",)
        ruled_out = self._ruled_out(found)
        self._found.add(entry, [found], words, cpu=line.cpu, inferred=inferred, register=decoded, ruled_out=ruled_out)

    def _entry_of_register(self, decoded: RegisterDifference) -> LogEntry:
        if decoded.register == _COUNTER:
            return feature_entries.SANITY_COUNTER
        if not decoded.is_known:
            return _entry_of_kernel_bug(decoded) or feature_entries.SANITY_UNKNOWN
        if decoded.dangers:
            return feature_entries.SANITY_DANGER
        if decoded.changed:
            return feature_entries.SANITY_LATE
        if decoded.lost:
            return feature_entries.SANITY_LOSS if decoded.is_certain else feature_entries.SANITY_LOSS_UNKNOWN
        return _entry_of_kernel_bug(decoded) or (
            feature_entries.SANITY_TAINT if decoded.is_certain else feature_entries.SANITY_TAINT_INFERRED
        )

    @_read.register
    def _inconsistent_modes(self, line: kinds.InconsistentModesLine, found: NumberedLine) -> None:
        timers = [one.line for one in self._lines if isinstance(one.line, kinds.TimerLine)]
        inferred = tuple(f"the boot CPU started at EL{timer.boot_level}, as its timer shows" for timer in timers[:1])
        self._found.add(cpu_entries.INCONSISTENT_MODES, [found], words_of_line(line), inferred=inferred)

    @_read.register
    def _kvm_ready(self, line: kinds.KvmReadyLine, found: NumberedLine) -> None:
        # Which CPUs were online then is only known from a log that has the early bring-up.
        if line.is_protected and self._is_complete:
            self._incidents.protected_kvm()
        self._found.add(kvm_entries.KVM_READY, [found], words_of_line(line))

    # Crashes: what led to a panic comes before it

    @_read.register
    def _crash_line(
        self, _line: explained.FaultLine | explained.OopsLine | explained.IdleUndefinedLine, found: NumberedLine
    ) -> None:
        self._crash.append(found)

    @_read.register
    def _panic(self, line: kinds.PanicLine, found: NumberedLine) -> None:
        reason, lines = _reason_of(self._crash), [*self._crash, found]
        self._crash = []
        if isinstance(line, explained.HypervisorPanicLine):
            return  # the hypervisor's own line says more
        if isinstance(line, explained.ConfigurationPanicLine):
            self._incidents.panic(found, line)
        elif isinstance(line, explained.IdleTaskPanicLine):
            self._idle_task_panic(lines, reason)
        elif isinstance(line, explained.InitIllegalPanicLine):
            self._found.add(crash_entries.INIT_ILLEGAL, lines)
        else:
            message = line.message.partition("syncing: ")[2] or "without a message"
            self._found.add(crash_entries.OTHER_PANIC, lines, {"message": short_words(message)})

    def _idle_task_panic(self, lines: list[NumberedLine], reason: str) -> None:
        last = next(
            (one for one in reversed(self._lines) if isinstance(one.line, kinds.SanityLine | kinds.BootedLine)), None
        )
        if last is None or not isinstance(last.line, kinds.SanityLine):
            self._found.add(crash_entries.IDLE_TASK_PANIC, lines, {"reason": reason}, ruled_out=of_crash(lines))
            return
        # A CPU logs its SANITY CHECK lines right before it comes online, so this CPU had not.
        decoded = self._registers[last.number]
        self._found.add(
            crash_entries.IDLE_TASK_PANIC,
            [last, *lines],
            {"reason": reason + "".join(f": {danger}" for danger in decoded.dangers)},
            cpu=last.line.cpu,
            ruled_out=of_crash(lines),
            inferred=("no line names the CPU; of this CPU the last line before tells, and none that it came online",),
        )

    def _levels_differ(self) -> bool:
        return any(isinstance(found.line, kinds.InconsistentModesLine) for found in self._lines)

    def _may_be_of_another_architecture(self) -> bool:
        return all(found.line.is_of_any_kernel or found.line.is_taken_for_arm64 for found in self._lines)

    def _add_incident(self, incident: CpuIncident) -> None:
        incident.is_early = self._is_early(incident.lines[0])
        incident.is_late = self._is_late(incident.lines[0])
        entry, words, inferred = entry_of_incident(incident, self._tables, self._state.not_there)
        further, consequence = _later(incident, entry)
        # The meaning of a state is told where a line tells the state.
        tells_no_state = entry is cpu_entries.CPU_LOST and incident.first(kinds.UnknownStateLine) is None
        came = [one for one in (incident.came_later, incident.arrived) if one is not None]
        self._found.add(
            entry,
            [*incident.lines, *came],
            words,
            cpu=incident.cpu,
            inferred=tuple(self._inferred(incident, entry, inferred)),
            further=further + _BY_TEST * (incident.first(firmware_lines.CheckerErrorLine) is not None),
            meaning=cpu_entries.CPU_LOST_MEANING if tells_no_state else "",
            consequence=consequence,
            ruled_out=of_incident(incident, self._state, self._tables),
        )

    def _inferred(self, incident: CpuIncident, entry: LogEntry, of_entry: tuple[str, ...]) -> Iterator[str]:
        """Yield what is inferred of an incident."""
        may_run_at_el2 = Circumstance.VHE not in self._state.not_there
        if entry is cpu_entries.CPU_LOST and may_run_at_el2 and self._levels_differ():
            yield "CPUs started at different exception levels, and this CPU may have died of that"
        else:
            yield from of_entry
        if self._may_be_of_another_architecture():
            yield _TAKEN_FOR_ARM64
        if entry is cpu_entries.CPU_LOST_ON_RETURN and not incident.went_down:
            yield _WENT_DOWN
        if incident.not_waited_for is not None:
            yield f"that the kernel did not wait: CPU{incident.not_waited_for}, which came late, had ended the wait"

    def finish(self) -> list[LogFinding]:
        """Return the findings, with those that follow from several lines or from missing lines."""
        for incident in self._incidents.finish():
            self._add_incident(incident)
        for not_off in self._incidents.not_off:
            further = "; came back later" if not_off.came_back else ""
            self._found.add(cpu_entries.NOT_OFF, not_off.lines, cpu=not_off.cpu, further=further)
        if self._crash:
            reason, ruled_out = _reason_of(self._crash), of_crash(self._crash)
            self._found.add(crash_entries.CRASH, self._crash, {"reason": reason}, ruled_out=ruled_out)
        boot = BootLines(tuple(self._lines), self._history.phase, frozenset(self._named), is_complete=self._is_complete)
        add_system_findings(boot, self._found, self._tables)
        return self._found.findings()


def _entry_of_kernel_bug(decoded: RegisterDifference) -> LogEntry | None:
    """Return the entry of a kernel bug for which alone the line was logged; None if it may have had another reason."""
    entries = {
        feature_entries.KERNEL_BUGS.get((decoded.register, one.field.name))
        or feature_entries.KERNEL_BUGS.get((decoded.register, ""))
        for one in decoded.suspects
    }
    return entries.pop() if len(entries) == 1 else None


def _later(incident: CpuIncident, entry: LogEntry) -> tuple[str, str]:
    """Return what happened to the CPU besides and later, to be put behind a sentence, and the consequence of that."""
    if incident.came_later is not None:
        came = "came back" if incident.was_online else "came online"
        return f"; {came} at a later attempt", f"until the CPU {came}, the system ran without it"
    if incident.arrived is not None:
        as_another = "" if incident.took is None else f", and runs as CPU{incident.took}"
        gone = "until the CPU came, the system ran without it"
        runs = f"the CPU runs as CPU{incident.took}, and the kernel does not know that"
        further = f"; came online later, after the kernel had given it up{as_another}"
        return further, gone if incident.took is None else runs
    if incident.was_online and entry not in _SAY_IT_WAS_ONLINE:
        went_down = ", went down," * incident.went_down
        return f"; online before{went_down} and did not come back", ""
    return "", ""


def _reason_of(crash: list[NumberedLine]) -> str:
    """Return the kernel's words on a crash, to be put behind a sentence."""
    words = [
        found.line.fault if isinstance(found.line, explained.FaultLine) else found.line.what
        for found in crash
        if isinstance(found.line, explained.FaultLine | explained.OopsLine)
    ]
    return f" ({short_words(', '.join(dict.fromkeys(words)))})" if words else ""
