"""The history of each CPU in a kernel log: when it came online, went offline or was refused, and why.

The kernel logs a refusal in several lines: the reason first, by the CPU itself, then "failed to come online" by the
CPU that waits for it, 5 s later. Of a CPU that is stuck it logs the reason behind that line. A refused CPU is killed
with the same line as a CPU that user space takes down. The reader therefore keeps the reasons until the refusal, and
the refused CPUs until their "killed" line. Any of these lines may be lost.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import singledispatchmethod
from types import MappingProxyType
from typing import NamedTuple

from sim.errnos import Errno
from sim.errors import printable
from sim.importer.explained_lines import IdleTaskPanicLine, PsciNotStartedLine
from sim.importer.late_cpus import LateCpus
from sim.importer.log_lines import (
    BootedLine,
    ConflictLine,
    HypMismatchLine,
    KilledLine,
    LengthsLine,
    LengthsVerdict,
    LogLine,
    MismatchLine,
    MissingHwcapLine,
    NotKilledLine,
    NotOnlineLine,
    NotStartedLine,
    Phase,
    SanityLine,
    SmallerAsidLine,
    StuckLine,
    UnfitLine,
    UnsupportedLine,
    WillNotBootLine,
)
from sim.importer.suspend_lines import CpuIsUpLine, ResumeErrorLine, SuspendEndLine, SuspendGivenUpLine, SuspendLine
from sim.vectors import VectorType


class HotplugResult(StrEnum):
    """The result of bringing a CPU up or taking it down; the values are for people."""

    ONLINE = "comes online"
    ARRIVED_LATE = "arrives late, and comes online"
    """No attempt led to it: a CPU that had been started earlier arrived, and took this number."""
    OFFLINE = "goes offline"
    REFUSED = "is refused"
    REFUSED_OTHERWISE = "is refused, not for vector lengths"
    """Refused for something that the simulator does not model."""
    NOT_STARTED = "is not started"
    LOST = "does not come online"
    CRASHED = "crashes the kernel"


class Refusal(NamedTuple):
    """The reason why a late CPU was refused: it lacks an extension, or has the wrong vector lengths."""

    extension: VectorType
    lacks_extension: bool = False
    verdict: LengthsVerdict | None = None
    """The reason in detail; None where the line that tells it is missing from the log."""

    def __str__(self) -> str:
        if self.lacks_extension:
            return f"lacks {self.extension}"
        return f"{self.extension}: {self.verdict or 'vector length support mismatch'}"


_ATTEMPTS = {
    HotplugResult.ONLINE,
    HotplugResult.REFUSED,
    HotplugResult.REFUSED_OTHERWISE,
    HotplugResult.NOT_STARTED,
    HotplugResult.LOST,
    HotplugResult.CRASHED,
}
"""The results of a CPU_ON."""

_COMES = {HotplugResult.ONLINE, HotplugResult.ARRIVED_LATE}
_LONGEST_START_SECONDS = 1.0
"""The longest time that a CPU is taken to need from its arrival in the kernel until it is online."""
_SHORTEST_RETRY_SECONDS = 0.1
"""The shortest time that user space is taken to need until it tries a CPU again."""
_REFUSALS = {HotplugResult.REFUSED, HotplugResult.REFUSED_OTHERWISE}


class KeptOut(StrEnum):
    """The fate of a CPU that reached the kernel and was kept out, not for vector lengths; the values are for people."""

    REFUSED = "reached the kernel and was refused there for {reason}"
    UNEXPLAINED = "reached the kernel and was refused there, and no line says why"
    STUCK = "reached the kernel and is stuck there ({reason})"


class Hotplug(NamedTuple):
    """A CPU that was brought up or taken down, and the result."""

    cpu: int
    result: HotplugResult
    refusal: Refusal | None = None
    other_reason: str = ""
    """The kernel's words for a refusal that is not modelled."""
    kept_out: KeptOut = KeptOut.REFUSED
    """The fate of a CPU with such a reason."""
    error: int | None = None
    """The negative errno of a CPU that was not started."""
    may_be_on: bool = False
    """True if firmware did not say that a CPU which went offline is off, and did not start it again."""
    is_silent: bool = False
    """True if no line but that of a resume tells that the CPU was not started."""
    hw_cpu: int | None = None
    """The CPU that runs under the number, by its own number; None if it is the number's own."""

    @property
    def runs(self) -> int:
        """The CPU that a step which brings a number online is about, by its own number."""
        return self.cpu if self.hw_cpu is None else self.hw_cpu

    @property
    def is_attempt(self) -> bool:
        """True if the step began with a CPU_ON."""
        return self.result in _ATTEMPTS

    @property
    def kept_out_words(self) -> str:
        """The fate of a CPU that was kept out, not for vector lengths, in words."""
        return self.kept_out.format(reason=self.other_reason)

    @property
    def comes_online(self) -> bool:
        """True if the number is online after the step."""
        return self.result in _COMES

    @property
    def is_late_arrival(self) -> bool:
        """True if a CPU comes that had been started earlier, and given up."""
        return self.result is HotplugResult.ARRIVED_LATE or self.hw_cpu is not None

    @property
    def is_refusal(self) -> bool:
        """True if the kernel refused the CPU, for whatever reason."""
        return self.result in _REFUSALS

    @property
    def is_einval(self) -> bool:
        """True if firmware answered with an error that became EINVAL."""
        return self.result is HotplugResult.NOT_STARTED and self.error == -Errno.EINVAL

    def __str__(self) -> str:
        if self.may_be_on:
            return f"{self.result}, and may be on"
        if self.hw_cpu is not None:
            return f"is taken by cpu{self.hw_cpu}, which arrives late"
        details = (self.refusal, self.other_reason or None, self.error)
        shown = next((f" ({detail})" for detail in details if detail is not None), "")
        return f"{self.result}{shown}"


class _Reason(NamedTuple):
    """A reason that is not modelled, in the kernel's words, and what it leads to."""

    words: str
    kept_out: KeptOut = KeptOut.REFUSED


class SuspendMark(NamedTuple):
    """A line on suspend, and its position: the number of late steps before it."""

    position: int
    line: LogLine


class LateArrival(NamedTuple):
    """A CPU that came online without an attempt, and its position: the number of steps before it."""

    position: int
    step: Hotplug
    is_early: bool
    """True if the kernel brought up the early CPUs."""


class HotplugHistory:
    """A reader of the lines on single CPUs, from the first line of a boot on.

    Args:
        online: the CPUs that are online before the first line; None where this is unknown.
        own_numbers: the own number of each CPU by its MPIDR, of those CPUs that may have come under other numbers.
    """

    def __init__(self, online: Iterable[int] | None, own_numbers: Mapping[int, int] = MappingProxyType({})) -> None:
        self.early: list[Hotplug] = []
        self.late: list[Hotplug] = []
        self.arrivals: list[LateArrival] = []
        self.came: Hotplug | None = None
        """The step of the last line that says that a CPU came; None before the first."""
        self.came_beside_another = False
        """True if that CPU came under a number that was online."""
        self._own_numbers = own_numbers
        self._awaited: set[int] = set()
        """The CPUs that were started and have not come, by their own numbers."""
        self._gave_up_at = ""
        """The stamp of the last line that says that the kernel gave a CPU up."""
        self._seconds = ""
        self.suspend_marks: list[SuspendMark] = []
        self.oddities: list[str] = []
        """Sentences on lines that contradict earlier lines."""
        self.late_cpus = LateCpus()
        self._online = set(online or ())
        self._knows_online = online is not None
        self._refusals: dict[int, Refusal] = {}
        """The reasons for refusals that are still to come."""
        self._other_reasons: dict[int, _Reason] = {}
        self._dying: set[int] = set()
        """Refused CPUs that the kernel has not killed yet."""
        self.answered_by_psci: set[int] = set()
        """The CPUs of which PSCI's own line tells that CPU_ON was answered with an error."""
        self._answers: dict[int, int] = {}
        """The errors of PSCI's lines that the kernel's own line has not repeated yet."""
        self._coming: int | None = None
        """The CPU whose registers the kernel compared last, and which is not online yet."""

    @property
    def phase(self) -> Phase:
        """The phase that the lines so far prove."""
        return self.late_cpus.phase

    @property
    def steps(self) -> list[Hotplug]:
        """Every step, in the order of the log, but for late arrivals."""
        return [*self.early, *self.late]

    @property
    def sequence(self) -> list[Hotplug]:
        """Every step and every late arrival, in the order of the log."""
        steps, found = self.steps, list[Hotplug]()
        done = 0
        for arrival in self.arrivals:
            found += (*steps[done : arrival.position], arrival.step)
            done = arrival.position
        return [*found, *steps[done:]]

    def read(self, line: LogLine, seconds: str = "") -> None:
        """Read the next line of the log, of whatever kind, with its stamp in seconds if it has one."""
        self._seconds = seconds
        self.late_cpus.read(line)
        self._read(line)

    def own_number(self, line: BootedLine) -> int:
        """Return the own number of the CPU in a line, which may be another than that in the line."""
        return self._own_numbers.get(int(line.mpidr), line.cpu)

    def finish(self) -> None:
        """Conclude that CPUs are refused for which the log gives a reason, and ends before the kernel gave them up."""
        for cpu in sorted({*self._refusals, *self._other_reasons}):
            self._refuse(cpu)

    @singledispatchmethod
    def _read(self, line: LogLine) -> None:
        """Pass over a line that does not concern a single CPU."""

    @_read.register
    def _booted(self, line: BootedLine) -> None:
        # A CPU that comes is not dying, even if its "killed" line was lost: the next such line is a step of its own.
        self._dying.discard(line.cpu)
        self._coming = None
        runs = self.own_number(line)
        hw_cpu = None if runs == line.cpu else runs
        is_late = self._is_late_arrival(line.cpu, runs)
        self.came_beside_another = is_late and line.cpu in self._online
        if is_late:
            step = Hotplug(line.cpu, HotplugResult.ARRIVED_LATE, hw_cpu=hw_cpu)
            is_early = self.phase is Phase.EARLY
            self.arrivals.append(LateArrival(len(self.early) + len(self.late), step, is_early))
            self._track(step)
        else:
            step = Hotplug(line.cpu, HotplugResult.ONLINE, hw_cpu=hw_cpu)
            self._add(step)
        self.came = step

    def _is_late_arrival(self, number: int, runs: int) -> bool:
        """Return True if a CPU comes under a number without an attempt that brings that number up.

        Args:
            number: the logical number in the line.
            runs: the CPU by its own number.
        """
        if number in self._online and runs != number:
            return True  # two CPUs on one idle task
        if runs not in self._awaited:
            return False
        if number in self._online:
            return True
        attempts = [step for step in self.steps if step.is_attempt]
        # A CPU_ON that is answered with an error leaves its idle task to any CPU that arrives, even its own, to which
        # firmware answers with EINVAL.
        last = attempts[-1] if attempts else None
        if last is not None and last.cpu == number and last.result is HotplugResult.NOT_STARTED:
            return last.is_einval or runs != number
        # A wait that is over leaves nothing but to a CPU that arrived before its end.
        waited = next((one for one in reversed(attempts) if one.result is not HotplugResult.NOT_STARTED), None)
        is_given_up = waited is not None and waited.cpu == number and waited.result is HotplugResult.LOST
        return runs == number and is_given_up and self._has_just_given_up()

    def _has_just_given_up(self) -> bool:
        """Return True if the kernel gave up the last CPU just now, so that a CPU which comes had arrived before."""
        is_early = self.phase is Phase.EARLY
        if not (self._gave_up_at and self._seconds):
            # The early bring-up tries each CPU once.
            return is_early
        passed = float(self._seconds) - float(self._gave_up_at)
        return 0 <= passed < (_LONGEST_START_SECONDS if is_early else _SHORTEST_RETRY_SECONDS)

    @_read.register
    def _sanity(self, line: SanityLine) -> None:
        self._coming = line.cpu

    @_read.register
    def _idle_task_panic(self, _line: IdleTaskPanicLine) -> None:
        if self._coming is not None:
            self._add(Hotplug(self._coming, HotplugResult.CRASHED))

    @_read.register
    def _conflict(self, line: ConflictLine) -> None:
        if line.extension is None:
            self._other_reasons[line.cpu] = _Reason(f"conflict of {printable(line.capability)}")
        else:
            self._refusals[line.cpu] = Refusal(line.extension, lacks_extension=True)

    @_read.register
    def _missing_hwcap(self, line: MissingHwcapLine) -> None:
        self._other_reasons[line.cpu] = _Reason(f"missing HWCAP: {printable(line.hwcap)}")

    @_read.register
    def _hyp_mismatch(self, line: HypMismatchLine) -> None:
        self._other_reasons[line.cpu] = _Reason(str(line.mismatch))

    @_read.register
    def _smaller_asid(self, line: SmallerAsidLine) -> None:
        words = f"smaller ASID size ({line.bits} bits, {line.boot_bits} on the boot CPU)"
        self._other_reasons[line.cpu] = _Reason(words)

    @_read.register
    def _lengths(self, line: LengthsLine) -> None:
        self._refusals[line.cpu] = Refusal(line.extension, verdict=line.verdict)

    @_read.register
    def _mismatch(self, line: MismatchLine) -> None:
        # The line before has the reason in detail, and must not be overwritten; it may be lost.
        self._refusals.setdefault(line.cpu, Refusal(line.extension))

    @_read.register
    def _unfit(self, line: UnfitLine) -> None:
        # "will not boot" follows every reason; `_refuse` prefers a refusal that is modelled to these words.
        self._other_reasons.setdefault(line.cpu, _reason_of(line))

    @_read.register(StuckLine)
    @_read.register(UnsupportedLine)
    def _stuck(self, line: StuckLine | UnsupportedLine) -> None:
        steps = self._steps_of_phase()
        result = steps[-1].result if steps and steps[-1].cpu == line.cpu else None
        if result is HotplugResult.LOST or (
            result is HotplugResult.REFUSED_OTHERWISE and isinstance(line, UnsupportedLine)
        ):
            steps[-1] = _kept_out(line.cpu, _reason_of(line))
        elif result not in _REFUSALS:
            # "failed to come online" is missing from the log.
            self._unfit(line)

    @_read.register
    def _not_online(self, line: NotOnlineLine) -> None:
        self._gave_up_at = self._seconds
        if line.cpu in self._refusals or line.cpu in self._other_reasons:
            self._refuse(line.cpu)
            self._dying.add(line.cpu)
        else:
            self._add(Hotplug(line.cpu, HotplugResult.LOST))

    @_read.register
    def _answered(self, line: PsciNotStartedLine) -> None:
        self._add(Hotplug(line.cpu, HotplugResult.NOT_STARTED, error=line.error))
        self.answered_by_psci.add(line.cpu)
        self._answers[line.cpu] = line.error

    @_read.register
    def _not_started(self, line: NotStartedLine) -> None:
        # PSCI and the kernel each log a line on one attempt, PSCI first; either may be lost.
        if self._answers.pop(line.cpu, None) != line.error:
            self._add(Hotplug(line.cpu, HotplugResult.NOT_STARTED, error=line.error))

    @_read.register
    def _killed(self, line: KilledLine) -> None:
        if line.cpu in self._dying:
            self._dying.discard(line.cpu)
        elif self._knows_online and line.cpu not in self._online:
            self.oddities.append(f"the log says that cpu{line.cpu} goes offline, and it is not online")
        else:
            self._add(Hotplug(line.cpu, HotplugResult.OFFLINE, may_be_on=isinstance(line, NotKilledLine)))

    @_read.register
    def _resume_error(self, line: ResumeErrorLine) -> None:
        # Newer kernels log no other line where firmware denies CPU_ON.
        if line.direction == "up" and not self._has_just_tried(line.cpu):
            lost = Hotplug(line.cpu, HotplugResult.LOST)
            denied = Hotplug(line.cpu, HotplugResult.NOT_STARTED, error=line.error, is_silent=True)
            self._add(lost if line.error == -Errno.EIO else denied)
        self._suspend(line)

    def _has_just_tried(self, cpu: int) -> bool:
        steps = self._steps_of_phase()
        return bool(steps) and steps[-1].cpu == cpu and steps[-1].is_attempt

    @_read.register(SuspendLine)
    @_read.register(CpuIsUpLine)
    @_read.register(SuspendGivenUpLine)
    @_read.register(SuspendEndLine)
    def _suspend(self, line: LogLine) -> None:
        self.suspend_marks.append(SuspendMark(len(self.late), line))

    def _refuse(self, cpu: int) -> None:
        # Both are removed: a reason explains one refusal only.
        refusal, other = self._refusals.pop(cpu, None), self._other_reasons.pop(cpu, None)
        if refusal is not None:
            self._add(Hotplug(cpu, HotplugResult.REFUSED, refusal))
        elif other is not None:
            self._add(_kept_out(cpu, other))

    def _went_off_after_all(self, cpu: int) -> None:
        """Correct the last step of a CPU that seemed to stay on, since firmware started it again."""
        steps = self._steps_of_phase()
        place = max((place for place, step in enumerate(steps) if step.cpu == cpu), default=None)
        if place is not None and steps[place].may_be_on:
            steps[place] = steps[place]._replace(may_be_on=False)

    def _add(self, step: Hotplug) -> None:
        self._answers.pop(step.cpu, None)
        if step.is_attempt and self._knows_online and step.cpu in self._online:
            # It was taken down, and no line says so: PSCI before 0.2 logs none, and lines get lost.
            self._add(Hotplug(step.cpu, HotplugResult.OFFLINE))
        if step.is_attempt and not step.is_einval:
            self._went_off_after_all(step.cpu)
        self._track(step)
        self._steps_of_phase().append(step)

    def _track(self, step: Hotplug) -> None:
        """Take note of the CPUs that are online, and of those that were started and have not come."""
        if step.comes_online:
            self._online.add(step.cpu)
            self._awaited.discard(step.runs)
        else:
            self._online.discard(step.cpu)
        is_started = step.result is HotplugResult.LOST or (
            step.result is HotplugResult.ONLINE and step.runs != step.cpu
        )
        if is_started:
            self._awaited.add(step.cpu)

    def _steps_of_phase(self) -> list[Hotplug]:
        return self.early if self.phase is Phase.EARLY else self.late


def _reason_of(line: UnfitLine) -> _Reason:
    is_refused = isinstance(line, WillNotBootLine)
    return _Reason(printable(line.reason), KeptOut.UNEXPLAINED if is_refused else KeptOut.STUCK)


def _kept_out(cpu: int, reason: _Reason) -> Hotplug:
    return Hotplug(cpu, HotplugResult.REFUSED_OTHERWISE, other_reason=reason.words, kept_out=reason.kept_out)
