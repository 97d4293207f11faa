"""The faults of firmware that a kernel log shows: each concerns those CPU_ONs of its CPU that went wrong.

Some failures need no fault, because the system itself explains them: pKVM's relay refuses every CPU that was not online
when KVM was initialised, a CPU that was started and never arrived is ON_PENDING when it is asked for again, and a CPU
that did not go off is ALREADY_ON.

A CPU that something else than PSCI could not start, such as ACPI's parking protocol, has the nearest fault that there
is: `sim.importer.start_errors` says what its errno is from.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.scenario import CPU_ON_ERRORS, Fault

# Linux makes one errno of several answers. Reversed, so that the first of them stands for all.
_ANSWERS = {-error: answer for answer, error in reversed(CPU_ON_ERRORS.items())}
_NEAREST = "EINVAL"
"""The answer that stands for an errno which no answer becomes: the CPU is not started, and the kernel knows at once."""
_NEVER_ARRIVES = {HotplugResult.LOST, HotplugResult.REFUSED_OTHERWISE}


def faults_of_log(log: KernelLog, *, has_pkvm: bool) -> Iterator[Fault]:
    """Yield the faults of each CPU, by ascending CPU and CPU_ON.

    Args:
        log: the log.
        has_pkvm: KVM came up in protected mode, so that its relay is there.
    """
    early = {step.cpu for step in log.early}
    steps_of: dict[int, list[Hotplug]] = {}
    for step in log.steps:
        # The relay does not pass its refusals on, so that firmware counts none of these calls.
        refused_by_relay = has_pkvm and step.cpu not in early and step.result is HotplugResult.NOT_STARTED
        if not refused_by_relay:
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
    kinds = [(number, _kind(step)) for number, step in enumerate(attempts, 1) if not _is_pending(step, attempts)]
    for kind, run in groupby(kinds, itemgetter(1)):
        numbers = [number for number, _ in run]
        if kind is None:
            continue
        # Nothing says that a CPU which never came would come at a later attempt.
        never_came = len(numbers) == len(kinds)
        first, last = (1, None) if never_came else (numbers[0], numbers[-1])
        yield Fault(f"cpu{cpu}", answer=kind or None, never_arrives=not kind, first=first, last=last)


def _is_pending(step: Hotplug, attempts: list[Hotplug]) -> bool:
    """Return True if a CPU was lost before, so that firmware answers ON_PENDING by itself."""
    was_lost = any(before.result in _NEVER_ARRIVES for before in attempts[: attempts.index(step)])
    return was_lost and step.is_einval


def _kind(step: Hotplug) -> str | None:
    """Return what firmware does wrong at an attempt: its answer, or "" if the CPU never arrives; None: nothing."""
    if step.result in _NEVER_ARRIVES:
        return ""
    return _ANSWERS.get(step.error or 0, _NEAREST) if step.result is HotplugResult.NOT_STARTED else None


def is_of_psci(error: int) -> bool:
    """Return True if Linux makes a negative errno of some answer of PSCI's."""
    return error in _ANSWERS


def simulated_error(error: int) -> int:
    """Return the negative errno that the simulated kernel has where a log's has another."""
    return error if is_of_psci(error) else -CPU_ON_ERRORS[_NEAREST]
