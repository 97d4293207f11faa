"""The faults of firmware that a kernel log shows: each concerns those CPU_ONs of its CPU that went wrong.

Some failures need no fault, because the system itself explains them: pKVM's relay refuses every CPU that was not online
when KVM was initialised, a CPU that was started and never arrived is ON_PENDING when it is asked for again, and a CPU
that did not go off is ALREADY_ON.

A CPU that something else than PSCI could not start, such as ACPI's parking protocol, has the nearest fault that there
is: `sim.importer.start_errors` says what its errno is from.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import groupby

from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.latencies import Latencies
from sim.scenario import CPU_ON_ERRORS, LONGEST_REASON, Fault

# Linux makes one errno of several answers. Reversed, so that the first of them stands for all.
ANSWERS = {-error: answer for answer, error in reversed(CPU_ON_ERRORS.items())}
"""The answer that stands for an errno."""
NEAREST = "EINVAL"
"""The answer that stands for an errno which no answer becomes: the CPU is not started, and the kernel knows at once."""
USUAL_NS = round(Latencies().cpu_on.parameters[0])
"""The time in which a CPU arrives that nothing delays, in nanoseconds."""
_NEVER_ARRIVES = {HotplugResult.LOST, HotplugResult.REFUSED_OTHERWISE}


class CpuOnCalls:
    """The calls of CPU_ON that reach firmware, in the order of a log.

    Args:
        log: the log.
        has_pkvm: KVM came up in protected mode, so that its relay is there. It does not pass its refusals on, so that
            firmware counts none of these calls.
    """

    def __init__(self, log: KernelLog, *, has_pkvm: bool) -> None:
        self._early = {step.cpu for step in log.early}
        self._steps = log.sequence
        self._has_pkvm = has_pkvm

    def of(self, cpu: int, place: int | None = None) -> list[Hotplug]:
        """Return the results of the calls for a CPU, before a step or all of them."""
        return [step for step in self._steps[:place] if step.cpu == cpu and step.is_attempt and self.reaches(step)]

    def last_start(self, cpu: int, place: int) -> int | None:
        """Return the number of the last call before a step that started a CPU, counted from 1; None if none did."""
        calls = enumerate(self.of(cpu, place), 1)
        return max((call for call, step in calls if step.result is not HotplugResult.NOT_STARTED), default=None)

    def reaches(self, step: Hotplug) -> bool:
        """Return True if an attempt is not refused by pKVM's relay."""
        return not (self._has_pkvm and step.cpu not in self._early and step.result is HotplugResult.NOT_STARTED)


def faults_of_log(log: KernelLog, *, has_pkvm: bool) -> Iterator[Fault]:
    """Yield the faults of each CPU, by ascending CPU and CPU_ON.

    Args:
        log: the log.
        has_pkvm: see `CpuOnCalls`.
    """
    calls_of_log = CpuOnCalls(log, has_pkvm=has_pkvm)
    steps_of: dict[int, list[Hotplug]] = {}
    for step in log.steps:
        if calls_of_log.reaches(step):
            steps_of.setdefault(step.cpu, []).append(step)
    for cpu, steps in sorted(steps_of.items()):
        if calls := _calls_before_staying_on(steps):
            yield Fault(f"cpu{cpu}", first=calls, last=calls, stays_on=True)
        attempts = [step for step in steps if step.is_attempt]
        # What follows on a CPU that stays on follows from that.
        yield from _of_cpu(cpu, attempts[:calls] if calls else attempts)


def _calls_before_staying_on(steps: Sequence[Hotplug]) -> int:
    """Return the number of the CPU_ON after which a CPU did not go off any more; 0 if it went off."""
    place = next((place for place, step in enumerate(steps) if step.may_be_on), 0)
    return sum(before.is_attempt for before in steps[:place])


def _of_cpu(cpu: int, attempts: list[Hotplug]) -> Iterator[Fault]:
    """Yield the faults of a CPU, one for each run of CPU_ONs that go wrong alike."""
    kinds = {number: _kind(number, attempts) for number in range(1, len(attempts) + 1)}
    of_firmware = {number: kind for number, kind in kinds.items() if kind is not _Kind.PENDING}
    # Calls in a row keep their distance from their places.
    for (kind, _), run in groupby(enumerate(of_firmware), lambda one: (of_firmware[one[1]], one[1] - one[0])):
        numbers = [number for _, number in run]
        # Nothing says that a CPU which failed at every attempt would come at a later one.
        always, once = len(numbers) == len(of_firmware), len(of_firmware) == 1
        first, last = numbers[0], numbers[-1]
        match kind:
            case _Kind.NEVER:
                why = _why_kept_out([attempts[number - 1] for number in numbers])
                end = None if once else last
                yield Fault(f"cpu{cpu}", never_arrives=True, first=first, last=end, stands_for=why)
            case _Kind.AT_LAST:
                yield Fault(f"cpu{cpu}", arrives_after_ns=USUAL_NS, first=first, last=last)
            case str():
                yield Fault(f"cpu{cpu}", answer=kind, first=first, last=None if always else last)


def _why_kept_out(attempts: Sequence[Hotplug]) -> str:
    """Return why the kernel kept a CPU out that is simulated as lost; empty if it did not."""
    is_kept_out = all(step.result is HotplugResult.REFUSED_OTHERWISE for step in attempts)
    return attempts[0].kept_out_words[:LONGEST_REASON] if is_kept_out else ""


class _Kind(Enum):
    """The result of a CPU_ON, if firmware did not answer it with an error of its own."""

    RIGHT = auto()
    NEVER = auto()
    """The CPU never arrives."""
    PENDING = auto()
    """Firmware answers ON_PENDING by itself, because the CPU was lost before."""
    AT_LAST = auto()
    """Firmware starts a CPU that was lost before, to which it would answer ON_PENDING without a fault."""


def _kind(number: int, attempts: list[Hotplug]) -> _Kind | str:
    """Return the result of a CPU_ON, or firmware's answer."""
    step, before = attempts[number - 1], attempts[: number - 1]
    if step.result in _NEVER_ARRIVES:
        return _Kind.NEVER
    last = next((one for one in reversed(before) if one.result is not HotplugResult.NOT_STARTED), None)
    is_awaited = last is not None and last.result in _NEVER_ARRIVES
    if step.result is HotplugResult.NOT_STARTED:
        return _Kind.PENDING if is_awaited and step.is_einval else ANSWERS.get(step.error or 0, NEAREST)
    return _Kind.AT_LAST if is_awaited else _Kind.RIGHT


def is_of_psci(error: int) -> bool:
    """Return True if Linux makes a negative errno of some answer of PSCI's."""
    return error in ANSWERS


def simulated_error(error: int) -> int:
    """Return the negative errno that the simulated kernel has where a log's has another."""
    return error if is_of_psci(error) else -CPU_ON_ERRORS[NEAREST]
