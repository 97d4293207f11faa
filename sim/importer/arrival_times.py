"""The time at which a CPU must arrive in a simulated boot, so that it comes online where it does in a log.

A CPU reads whose idle task it takes when it arrives, and logs that it is online when it has probed itself. In between
the bring-up of another CPU may begin.

Source: see `sim.processes.hotplug`, which has the order of a bring-up.
"""

from collections.abc import Sequence

import msgspec

from sim.facts import Facts
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.kernel.printk import EventKind
from sim.machine.firmware import CpuOnAnswer

_GAP_NS = 10_000
"""A time that is shorter than every latency of an imported scenario."""


class SimulatedBoot(msgspec.Struct, frozen=True):
    """A boot, and the steps in its log with their times."""

    facts: Facts
    steps: tuple[Hotplug, ...]
    times_ns: tuple[int, ...]

    def calls_ns(self, cpu: int, kind: EventKind) -> list[int]:
        """Return the times of a CPU's calls of CPU_ON that reach firmware, or of their answers."""
        return [
            event.time_ns
            for event in self.facts.events
            if event.kind is kind
            and event.cpu == cpu
            and not (isinstance(event.detail, CpuOnAnswer) and event.detail.by_relay)
        ]


class ArrivalTimes:
    """The times of arrival in a boot that has all steps of a log up to one.

    Args:
        steps: the steps of the log.
        told: the boot.
        place: the number of steps that both have.
    """

    def __init__(self, steps: Sequence[Hotplug], told: SimulatedBoot, place: int) -> None:
        self._steps, self._told, self._place = steps, told, place
        self._number = steps[place].cpu
        self._before = steps[place - 1]
        self._before_ns = told.times_ns[place - 1]
        self._probe_ns = told.facts.scenario.latencies.probe.longest_ns

    def after_ns(self, cpu: int, call: int) -> int | None:
        """Return the time between the answer to a CPU_ON and the arrival that the next step needs; None: there is none.

        Args:
            cpu: the CPU that arrives, by its own number.
            call: the number of the CPU_ON, counted from 1.
        """
        answers_ns = self._told.calls_ns(cpu, EventKind.CPU_ON_ANSWERED)
        if call > len(answers_ns):
            return None
        arrival_ns = self._during_attempt_ns() if self._steps[self._place].is_attempt else self._without_attempt_ns()
        return None if arrival_ns is None or arrival_ns < answers_ns[call - 1] else arrival_ns - answers_ns[call - 1]

    def _during_attempt_ns(self) -> int | None:
        """Return a time while the number is brought up: at the beginning, or just before its own CPU."""
        gap_ns = self._gap_before_own_ns()
        implied = self._told.steps[self._place : self._place + 1]
        if gap_ns is not None and implied and implied[0].cpu == self._number:
            return self._told.times_ns[self._place] - self._probe_ns - gap_ns
        begun_ns = self._told.calls_ns(self._number, EventKind.CPU_ON)
        return next((time_ns + _GAP_NS for time_ns in begun_ns if time_ns >= self._before_ns), None)

    def _gap_before_own_ns(self) -> int | None:
        """Return the time between a CPU that takes the number and the number's own CPU, which comes under it next.

        It is None if that CPU does not come under its number before another bring-up.
        """
        gap_ns = _GAP_NS
        for step in self._steps[self._place + 1 :]:
            if step.comes_online and step.runs == self._number:
                return gap_ns if step.cpu == self._number and not step.is_attempt else None
            if step.is_attempt and step.result is not HotplugResult.NOT_STARTED:
                return None
            if step.is_attempt:
                gap_ns = self._probe_ns // 2  # a CPU_ON that is answered with an error takes less time than a start
        return None

    def _without_attempt_ns(self) -> int:
        """Return a time with which a CPU comes without an attempt, right behind the step before."""
        is_of_number = self._before.cpu == self._number
        is_refused = self._before.result is HotplugResult.NOT_STARTED
        if is_of_number and (self._before.comes_online or self._before.result is HotplugResult.LOST):
            # It arrives before that CPU is online, or before the wait for itself ends: later the task is another.
            return self._before_ns - self._probe_ns + _GAP_NS
        if is_refused and not is_of_number:
            # It arrived before the wait for itself ended, and is online after a CPU_ON that takes less time.
            return self._given_up_ns() - self._probe_ns // 2
        return self._before_ns - _GAP_NS if is_refused else self._before_ns + _GAP_NS

    def _given_up_ns(self) -> int:
        """Return the time when the wait for the number ended the last time."""
        ended_ns = (
            time_ns
            for step, time_ns in zip(self._told.steps[: self._place], self._told.times_ns, strict=False)
            if step.cpu == self._number and step.result is HotplugResult.LOST
        )
        return max(ended_ns, default=self._before_ns)
