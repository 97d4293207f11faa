"""The history of each CPU in a kernel log: when it came online, went offline or was refused, and why.

The kernel logs a refusal in several lines: the reason first, by the CPU itself, then "failed to come online" by the
CPU that waits for it, 5 s later. Of a CPU that is stuck it logs the reason behind that line. A refused CPU is killed
with the same line as a CPU that user space takes down. The reader therefore keeps the reasons until the refusal, and
the refused CPUs until their "killed" line. Any of these lines may be lost.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import singledispatchmethod
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
from sim.importer.log_text import understood_lines
from sim.importer.suspend_lines import CpuIsUpLine, ResumeErrorLine, SuspendEndLine, SuspendGivenUpLine, SuspendLine
from sim.vectors import VectorType


class HotplugResult(StrEnum):
    """The result of bringing a CPU up or taking it down; the values are for people."""

    ONLINE = "comes online"
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

    @property
    def is_attempt(self) -> bool:
        """True if the step began with a CPU_ON."""
        return self.result in _ATTEMPTS

    @property
    def kept_out_words(self) -> str:
        """The fate of a CPU that was kept out, not for vector lengths, in words."""
        return self.kept_out.format(reason=self.other_reason)

    @property
    def is_einval(self) -> bool:
        """True if firmware answered with an error that became EINVAL."""
        return self.result is HotplugResult.NOT_STARTED and self.error == -Errno.EINVAL

    def __str__(self) -> str:
        if self.may_be_on:
            return f"{self.result}, and may be on"
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


class HotplugHistory:
    """A reader of the lines on single CPUs, from the first line of a boot on.

    Args:
        online: the CPUs that are online before the first line; None where this is unknown.
    """

    def __init__(self, online: Iterable[int] | None) -> None:
        self.early: list[Hotplug] = []
        self.late: list[Hotplug] = []
        self.suspend_marks: list[SuspendMark] = []
        self.oddities: list[str] = []
        """Sentences on lines that contradict earlier lines."""
        self.late_cpus = LateCpus()
        self._online = None if online is None else set(online)
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
        """Every step, in the order of the log."""
        return [*self.early, *self.late]

    def read(self, line: LogLine) -> None:
        """Read the next line of the log, of whatever kind."""
        self.late_cpus.read(line)
        self._read(line)

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
        self._add(Hotplug(line.cpu, HotplugResult.ONLINE))

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
        elif self._online is not None and line.cpu not in self._online:
            self.oddities.append(f"the log says that cpu{line.cpu} goes offline, and it is not online")
        else:
            self._add(Hotplug(line.cpu, HotplugResult.OFFLINE, may_be_on=isinstance(line, NotKilledLine)))

    @_read.register
    def _resume_error(self, line: ResumeErrorLine) -> None:
        # Newer kernels log no other line where firmware denies CPU_ON.
        if line.direction == "up" and not self._has_just_tried(line.cpu):
            lost = Hotplug(line.cpu, HotplugResult.LOST)
            denied = Hotplug(line.cpu, HotplugResult.NOT_STARTED, error=line.error)
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
        if step.is_attempt and self._online is not None and step.cpu in self._online:
            # It was taken down, and no line says so: PSCI before 0.2 logs none, and lines get lost.
            self._add(Hotplug(step.cpu, HotplugResult.OFFLINE))
        if step.is_attempt and not step.is_einval:
            self._went_off_after_all(step.cpu)
        if self._online is not None:
            if step.result is HotplugResult.ONLINE:
                self._online.add(step.cpu)
            else:
                self._online.discard(step.cpu)
        self._steps_of_phase().append(step)

    def _steps_of_phase(self) -> list[Hotplug]:
        return self.early if self.phase is Phase.EARLY else self.late


def _reason_of(line: UnfitLine) -> _Reason:
    is_refused = isinstance(line, WillNotBootLine)
    return _Reason(printable(line.reason), KeptOut.UNEXPLAINED if is_refused else KeptOut.STUCK)


def _kept_out(cpu: int, reason: _Reason) -> Hotplug:
    return Hotplug(cpu, HotplugResult.REFUSED_OTHERWISE, other_reason=reason.words, kept_out=reason.kept_out)


def hotplugs_of(lines: Iterable[str]) -> list[Hotplug]:
    """Return the steps of CPUs in some lines of a log; which CPUs are online before the lines is unknown."""
    history = HotplugHistory(online=None)
    for found in understood_lines("\n".join(lines)):
        history.read(found.line)
    return history.steps
