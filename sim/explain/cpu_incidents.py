"""Incidents of single CPUs in a kernel log: the lines of one attempt to bring a CPU up, or of one loss, put together.

The kernel tells a refusal in up to six lines, by two CPUs, over 5 s: the reason, "will not boot", "failed to come
online", "killed", "died during early boot". Lines of other CPUs may stand between them.
"""

from typing import TypeVar

import msgspec

from sim.importer.explained_lines import (
    ConfigurationPanicLine,
    MissingFeatureLine,
    NotDeadLine,
    PsciNotStartedLine,
    UncleanLine,
)
from sim.importer.firmware_lines import CheckerErrorLine
from sim.importer.log_lines import (
    ConflictLine,
    CpuLine,
    DiedLine,
    HypMismatchLine,
    KilledLine,
    LengthsLine,
    LogLine,
    MismatchLine,
    MissingHwcapLine,
    NotKilledLine,
    NotOnlineLine,
    NotStartedLine,
    SmallerAsidLine,
    StuckLine,
    UnknownStateLine,
    UnsupportedLine,
    WillNotBootLine,
)
from sim.importer.log_text import NumberedLine
from sim.importer.suspend_lines import ResumeErrorLine

_REFUSAL = (
    ConflictLine,
    HypMismatchLine,
    LengthsLine,
    MismatchLine,
    MissingFeatureLine,
    MissingHwcapLine,
    SmallerAsidLine,
    WillNotBootLine,
)
"""The lines by which the CPU itself says that it will be refused, and why."""
_AFTERMATH = (DiedLine, StuckLine, UncleanLine, UnknownStateLine, UnsupportedLine)
"""The lines by which the waiting CPU tells in what state it found the other."""
_NOT_STARTED = (NotStartedLine, PsciNotStartedLine)
_L = TypeVar("_L", bound=LogLine)


class CpuIncident(msgspec.Struct):
    """One failed attempt to bring a CPU up."""

    cpu: int
    was_online: bool
    """True if the CPU was online at an earlier time."""
    was_lost: bool
    """True if an earlier attempt ended with the CPU lost, stuck or refused."""
    is_under_pkvm: bool
    """True if KVM was initialised in protected mode before, and the CPU was not online then."""
    is_early: bool = False
    """True if the kernel brings up the early CPUs, so that only what the boot CPU decides alone is final."""
    is_late: bool = False
    """True if the log shows that the early bring-up is over."""
    lines: list[NumberedLine] = msgspec.field(default_factory=list)
    before: "CpuIncident | None" = None
    """The incident of the same CPU before it, if the CPU did not come online in between."""
    came_later: NumberedLine | None = None
    """The line that tells that the CPU came online at a later attempt."""
    arrived: NumberedLine | None = None
    """The line that tells that the CPU came without a further attempt."""
    took: int | None = None
    """The number under which it came then, if another CPU's."""
    not_waited_for: int | None = None
    """The CPU that had come late, and so ended the wait for this CPU; None: the kernel waited."""
    went_down: bool = False
    """True if a line tells that a CPU which was online went down, or a suspend that took CPUs down."""
    cpu_on_works: bool = False
    """True if the log shows that some CPU was started, before or after."""
    stayed_on: bool = False
    """True if firmware did not say that the CPU was off when it went down before."""

    def first(self, kind: type[_L]) -> _L | None:
        """Return the first line of a kind."""
        return next((found.line for found in self.lines if isinstance(found.line, kind)), None)

    @property
    def error(self) -> int | None:
        """The negative errno of a CPU that was not started; None for other incidents."""
        line = self.first(NotStartedLine) or self.first(PsciNotStartedLine)
        return None if line is None else line.error

    @property
    def is_given_up(self) -> bool:
        """True if the kernel stopped waiting for the CPU."""
        return self.first(NotOnlineLine) is not None


class NotOff(msgspec.Struct):
    """A CPU that went down, and of which firmware did not say that it is off."""

    cpu: int
    lines: list[NumberedLine]
    came_back: bool = False
    """True if the CPU came online later."""


class CpuIncidents:
    """The incidents of a log, as its lines come."""

    def __init__(self) -> None:
        self.all: list[CpuIncident] = []
        self._open: dict[int, CpuIncident] = {}
        """The last incident of each CPU that has not come online since."""
        self._online: set[int] = set()
        self._came: set[int] = set()
        """The CPUs that were online at some time."""
        self._is_started = False
        """True if some CPU was started by another, as every CPU is but the boot CPU."""
        self.not_off: list[NotOff] = []
        """The CPUs that may not be off, and that no incident followed."""
        self._is_resuming = False
        """True while a resume brings CPUs up, which were all online before."""
        self._is_complete = False
        """True if the log has every CPU that came online, from the boot CPU on."""
        self._went_down: set[int] = set()
        """The CPUs of which a line tells that they went down."""
        self._ended_wait: int | None = None
        """The CPU that came late, so that the next wait is over at once."""
        self._at_kvm_init: set[int] | None = None
        """The CPUs that were online when pKVM was initialised; None where it was not."""

    def boot_cpu(self) -> None:
        """Count the boot CPU, where the log shows that it boots."""
        self._is_complete = True
        self._online.add(0)
        self._came.add(0)

    def protected_kvm(self) -> None:
        """Take note of the CPUs that are online when KVM is initialised in protected mode."""
        self._at_kvm_init = set(self._online)

    def online(self, found: NumberedLine, cpu: int) -> None:
        """Take note of a CPU that came online."""
        incident = self._open.get(cpu)
        self._take_online(cpu)
        while incident is not None:
            incident.came_later, incident = found, incident.before

    def arrived_late(self, found: NumberedLine, number: int, cpu: int) -> None:
        """Take note of a CPU that came online after the kernel had given it up.

        Args:
            found: the line.
            number: the number in the line, which the kernel takes to be online.
            cpu: the CPU's own number.
        """
        incident = self._open.pop(cpu, None)
        self._take_online(number)
        self._ended_wait = cpu
        while incident is not None:
            incident.arrived, incident.took = found, None if number == cpu else number
            incident = incident.before

    def _take_online(self, cpu: int) -> None:
        self._is_started = True
        self._open.pop(cpu, None)
        self._ended_wait = None
        for not_off in self.not_off:
            not_off.came_back |= not_off.cpu == cpu
        self._went_down.discard(cpu)
        self._online.add(cpu)
        self._came.add(cpu)

    def take(self, found: NumberedLine, line: CpuLine) -> bool:
        """Put a line to its incident; return False if the line belongs to none."""
        if isinstance(line, _REFUSAL):
            self._refusal(found, line.cpu)
        elif isinstance(line, NotOnlineLine):
            self._not_online(found, line.cpu)
        elif isinstance(line, UncleanLine) and line.cpu not in self._open:
            self._may_be_on(found, line.cpu)
        elif isinstance(line, _AFTERMATH):
            (self._open.get(line.cpu) or self._begin(line.cpu)).lines.append(found)
        elif isinstance(line, _NOT_STARTED):
            self._not_started(found, line)
        elif isinstance(line, ResumeErrorLine | CheckerErrorLine):
            return line.direction == "up" and self._not_back(found, line.cpu)
        elif isinstance(line, NotKilledLine | NotDeadLine):
            self._may_be_on(found, line.cpu)
        elif isinstance(line, KilledLine):
            return self._killed(found, line.cpu)
        else:
            return False
        return True

    def was_online(self, cpu: int) -> bool:
        """Return True if a CPU was online at some time, as the boot CPU was, and every CPU that a resume brings up."""
        return cpu == 0 or cpu in self._came or (self._is_resuming and not self._is_complete)

    def finish(self) -> list[CpuIncident]:
        """Return the incidents, once all lines were read."""
        for incident in self.all:
            incident.cpu_on_works = self._is_started
        return self.all

    def suspend(self, *, is_resume: bool) -> None:
        """Take note that a resume brings CPUs up again, or that it has not begun, or is over."""
        self._is_resuming = is_resume

    def _not_back(self, found: NumberedLine, cpu: int) -> bool:
        """Put the line on a CPU that did not come back to its incident; return False if there is none.

        A resume, and the test of PSCI, bring up only what they took down.
        """
        if (incident := self._open.get(cpu)) is None:
            return False
        incident.was_online = incident.went_down = True
        incident.lines.append(found)
        return True

    def _may_be_on(self, found: NumberedLine, cpu: int) -> None:
        if cpu in self._open:
            self._open[cpu].lines.append(found)
            return
        current = next((one for one in self.not_off if one.cpu == cpu and not one.came_back), None)
        if current is None:
            self.not_off.append(NotOff(cpu, [found]))
        else:
            current.lines.append(found)
        self.offline(cpu)

    def offline(self, cpu: int) -> None:
        """Take note of a CPU that went down."""
        self._is_started |= cpu != 0
        self._went_down.add(cpu)
        self._online.discard(cpu)
        self._came.add(cpu)

    def panic(self, found: NumberedLine, line: ConfigurationPanicLine) -> None:
        """Put the panic for a CPU to the incident that led to it."""
        (self._open.get(line.cpu) or self._begin(line.cpu)).lines.append(found)

    def _begin(self, cpu: int) -> CpuIncident:
        before = self._open.get(cpu)
        incident = CpuIncident(
            cpu,
            was_online=self.was_online(cpu),
            was_lost=before is not None and (before.was_lost or before.error is None),
            is_under_pkvm=self._at_kvm_init is not None and cpu not in self._at_kvm_init,
            before=before,
            went_down=cpu in self._went_down or self._is_resuming,
        )
        # What firmware said when the CPU went down explains its next answer, and is part of the same incident.
        before_it = next((one for one in self.not_off if one.cpu == cpu and not one.came_back), None)
        if before_it is not None:
            self.not_off.remove(before_it)
            incident.lines += before_it.lines
            incident.stayed_on = True
        self.all.append(incident)
        self._open[cpu] = incident
        self._online.discard(cpu)
        return incident

    def _refusal(self, found: NumberedLine, cpu: int) -> None:
        incident = self._open.get(cpu)
        if incident is None or incident.is_given_up or incident.error is not None:
            incident = self._begin(cpu)
        incident.lines.append(found)

    def _not_online(self, found: NumberedLine, cpu: int) -> None:
        incident = self._open.get(cpu)
        if incident is None or incident.is_given_up or incident.error is not None:
            incident = self._begin(cpu)
        incident.not_waited_for, self._ended_wait = self._ended_wait, None
        incident.lines.append(found)

    def _not_started(self, found: NumberedLine, line: NotStartedLine | PsciNotStartedLine) -> None:
        incident = self._open.get(line.cpu)
        # PSCI and the kernel each log a line on one attempt, PSCI first.
        is_second = (
            incident is not None
            and incident.error == line.error
            and isinstance(line, NotStartedLine)
            and isinstance(incident.lines[-1].line, PsciNotStartedLine)
        )
        if incident is None or not is_second:
            incident = self._begin(line.cpu)
        incident.lines.append(found)

    def _killed(self, found: NumberedLine, cpu: int) -> bool:
        """Return True if a CPU was killed because it was refused, and not taken down."""
        incident = self._open.get(cpu)
        if incident is None or incident.error is not None:
            return False
        if any(type(one.line) is KilledLine for one in incident.lines):
            return False
        incident.lines.append(found)
        return True
