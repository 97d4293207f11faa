"""The actions of user space in a kernel log: CPUs that are brought up or taken down one by one, and suspends.

A suspend takes the CPUs down and brings the same CPUs up again. The kernel logs a line before each of the two, a line
for each CPU that is up again, and a line at the end. Any of these lines may be lost, as from a log that was cut to the
lines on single CPUs; one of them is enough to find the suspend. A suspend that was given up half way is left as single
steps: the model does not know why.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec

from sim.importer.hotplug_history import Hotplug, HotplugResult, SuspendMark
from sim.importer.suspend_lines import CpuIsUpLine, ResumeErrorLine, SuspendEndLine, SuspendGivenUpLine, SuspendLine


class LateAction(NamedTuple):
    """An action of user space, by the steps that the log shows of it: one, or all those of a suspend."""

    steps: tuple[Hotplug, ...]
    is_suspend: bool = False


def late_actions(steps: Sequence[Hotplug], marks: Sequence[SuspendMark]) -> tuple[LateAction, ...]:
    """Return the actions that late steps belong to.

    Args:
        steps: the steps after the early bring-up, in the order of the log.
        marks: the lines on suspend between them.
    """
    actions: list[LateAction] = []
    done = 0
    for suspend in _suspends(steps, marks):
        actions += (LateAction((step,)) for step in steps[done : suspend.start])
        actions.append(LateAction(tuple(steps[suspend.start : suspend.stop]), is_suspend=True))
        done = suspend.stop
    actions += (LateAction((step,)) for step in steps[done:])
    return tuple(actions)


class _Marks(msgspec.Struct):
    """The lines on one suspend; positions are numbers of steps that come before the line."""

    start: int | None = None
    """The position of its first line; None: that line is lost."""
    resume: int | None = None
    """The position from which on CPUs come up again; None: no line shows that they do."""
    end: int | None = None
    """The position of its last line, or of the next suspend's first."""
    returns: dict[int, int] = msgspec.field(default_factory=dict)
    """The positions of the lines that tell that a CPU came back or failed to, by CPU."""
    tells_returns: bool = False
    """True if there is a line for each CPU that came back."""
    is_given_up: bool = False

    @property
    def is_open(self) -> bool:
        """True if no line shows that it is over."""
        return self.end is None

    def close(self, position: int) -> None:
        """Note that the suspend is over, if that is not known yet."""
        self.end = position if self.end is None else self.end

    def returned(self, cpu: int, position: int, came_at: int) -> None:
        """Note the line that tells that a CPU came back or failed to, and the position before its step."""
        self.resume = came_at if self.resume is None else self.resume
        self.returns[cpu] = position


def _suspends(steps: Sequence[Hotplug], marks: Sequence[SuspendMark]) -> Iterator[range]:
    """Yield the places of the steps of each suspend in which CPUs went down and came up."""
    done = 0
    for one in _group(steps, marks):
        if one.resume is None or one.is_given_up:
            continue
        start = _start(steps, one, done)
        stop = _stop(steps, start, one)
        if start < stop:
            yield range(start, stop)
            done = stop


def _group(steps: Sequence[Hotplug], marks: Sequence[SuspendMark]) -> list[_Marks]:
    """Put the lines of each suspend together."""
    found: list[_Marks] = []
    for position, line in marks:
        current = found[-1] if found else _Marks(end=0)
        match line:
            case SuspendLine() if not line.is_resume:
                current.close(position)
                found.append(_Marks(start=position))
            case SuspendLine():
                if not current.is_open or current.resume is not None:
                    current.close(position)
                    found.append(_Marks())
                found[-1].resume = position
            case SuspendGivenUpLine() | ResumeErrorLine(direction="down"):
                if not current.is_open:
                    found.append(_Marks())
                found[-1].is_given_up = True
            case CpuIsUpLine(cpu=cpu) | ResumeErrorLine(cpu=cpu):
                if not current.is_open or cpu in current.returns or _went_down_since(steps, current, position, cpu):
                    found.append(_Marks())
                found[-1].returned(cpu, position, _came_at(steps, position, cpu))
                found[-1].tells_returns |= isinstance(line, CpuIsUpLine)
            case SuspendEndLine():
                current.close(position)
    return found


def _came_at(steps: Sequence[Hotplug], position: int, cpu: int) -> int:
    """Return the position before the step by which a CPU came back, which is the last step before its line."""
    is_last = position > 0 and steps[position - 1].cpu == cpu and steps[position - 1].is_attempt
    return position - 1 if is_last else position


def _went_down_since(steps: Sequence[Hotplug], current: _Marks, position: int, cpu: int) -> bool:
    """Return True if a CPU went down after others had come up again, so that its return is that of another suspend.

    A CPU of which no line says that it went down has its step just before it comes up.
    """
    if current.resume is None:
        return False
    known = [*current.returns.items(), (cpu, position)]
    return any(
        step.result is HotplugResult.OFFLINE and (step.cpu, place + 2) not in known
        for place, step in enumerate(steps[current.resume : position], current.resume)
    )


def _start(steps: Sequence[Hotplug], one: _Marks, done: int) -> int:
    """Return where a suspend begins: at its first line, or with the CPUs that went down just before they came back."""
    assert one.resume is not None
    if one.start is not None:
        return max(one.start, done)
    # Without a line for each CPU that is up again, the attempts that follow each other are those of the resume.
    attempts = takewhile(lambda step: step.is_attempt, steps[one.resume : one.end])
    came = set(one.returns) if one.tells_returns else {step.cpu for step in attempts}
    start = one.resume
    while start > done and steps[start - 1].result is HotplugResult.OFFLINE and steps[start - 1].cpu in came:
        start -= 1
    return start


def _stop(steps: Sequence[Hotplug], start: int, one: _Marks) -> int:
    """Return where a suspend ends: behind the last CPU that went down for it and came up again, or did not come."""
    assert one.resume is not None
    down = {step.cpu for step in steps[start : one.resume]}
    place, limit = one.resume, len(steps) if one.end is None else one.end
    while place < limit:
        step = steps[place]
        if step.is_attempt and (step.cpu in down or one.returns.get(step.cpu) == place + 1):
            down.discard(step.cpu)
        elif one.returns.get(step.cpu) == place + 2 and not step.is_attempt:
            down.add(step.cpu)  # no line says that it went down, and it comes next
        else:
            break
        place += 1
    return place
