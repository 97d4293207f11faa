"""The faults by which the late CPUs of a log arrive when the kernel has given them up.

A log shows in which order CPUs came, and the model must have the same order: whose place a CPU takes depends on nothing
else. The model's bring-ups take other times than the machine's, so the scenario is booted and its order compared with
the log's. The first difference is mended by the time at which the CPU of that line arrives, or by a CPU that never
arrives, until the orders agree, or no fault mends the difference. What follows from an earlier late arrival needs no
fault: each CPU may take the place of the next, and a wait that a late CPU has ended beforehand fails at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from sim.boot_run import boot
from sim.importer.arrival_times import ArrivalTimes, SimulatedBoot
from sim.importer.faults_of_log import ANSWERS, NEAREST, USUAL_NS, CpuOnCalls, simulated_error
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.simulated_steps import SimulatedSteps
from sim.scenario import Fault, Scenario

_MOST_BOOTS = 24

_Call = tuple[int, int]
"""A CPU_ON: the CPU, and the number of the call, counted from 1."""


def with_late_arrivals(scenario: Scenario, log: KernelLog) -> Scenario:
    """Return a scenario of a log, with faults by which CPUs arrive late as they did in the log.

    Args:
        scenario: the scenario, whose CPUs are in Linux's order.
        log: the log.
    """
    return _Search(scenario, log).scenario() if log.has_late_arrivals else scenario


def _kind(step: Hotplug) -> object:
    """Return what two boots must have in common at a step: reasons of refusals are compared elsewhere."""
    is_refused = step.result in {HotplugResult.REFUSED, HotplugResult.REFUSED_OTHERWISE}
    error = None if step.error is None else simulated_error(step.error)
    return step.cpu, HotplugResult.LOST if is_refused else step.result, error, step.hw_cpu


class _Search:
    """A search for the faults with which a scenario's boot has the order of its log."""

    def __init__(self, scenario: Scenario, log: KernelLog) -> None:
        self._scenario = scenario
        self._steps = log.sequence
        self._named = {cpu for step in log.sequence for cpu in (step.cpu, step.runs)}
        self._calls = CpuOnCalls(log, has_pkvm=scenario.has_pkvm)
        self._boots = 0

    def scenario(self) -> Scenario:
        """Return the scenario with the faults whose boot agrees with the log as far as any does."""
        faults = self._by_call()
        told = self._boot(faults)
        while self._boots < _MOST_BOOTS and (mended := self._mended(faults, told)) is not None:
            again = self._boot(mended)
            if self._agreement(again) <= self._agreement(told):
                break
            faults, told = mended, again
        if self._agreement(told) == (len(self._steps), -len(self._steps)):
            faults = self._needed(faults)
        return self._scenario.but(faults=tuple(self._faults(faults)))

    def _boot(self, faults: Mapping[_Call, Fault]) -> SimulatedBoot:
        """Boot the scenario with other faults, and return the steps of the CPUs that the log names."""
        self._boots += 1
        facts = boot(self._scenario.but(faults=tuple(self._faults(faults)))).facts
        simulated = SimulatedSteps(facts)
        kept = [
            (step, time_ns)
            for step, time_ns in zip(simulated.sequence, simulated.times_ns, strict=True)
            if not self._named.isdisjoint({step.cpu, step.runs})
        ]
        return SimulatedBoot(facts, tuple(step for step, _ in kept), tuple(time_ns for _, time_ns in kept))

    def _agreed(self, told: SimulatedBoot) -> int:
        """Return the number of steps, from the first on, that a boot has as the log has them."""
        pairs = zip(self._steps, told.steps, strict=False)
        return next(
            (place for place, (one, other) in enumerate(pairs) if _kind(one) != _kind(other)),
            min(len(self._steps), len(told.steps)),
        )

    def _agreement(self, told: SimulatedBoot) -> tuple[int, int]:
        return self._agreed(told), -len(told.steps)

    def _needed(self, faults: dict[_Call, Fault]) -> dict[_Call, Fault]:
        """Leave out the CPUs that need not be lost, because the model loses them without a fault."""
        for call in sorted(faults):
            fewer = {other: fault for other, fault in faults.items() if other != call}
            is_late = faults[call].arrives_after_ns is not None
            if self._boots < _MOST_BOOTS and not is_late:
                agreement = self._agreement(self._boot(fewer))
                faults = fewer if agreement == (len(self._steps), -len(self._steps)) else faults
        return faults

    # Faults, a CPU_ON each

    def _by_call(self) -> dict[_Call, Fault]:
        numbers = {self._name(cpu): cpu for cpu in self._named}
        found = {}
        for fault in self._scenario.faults:
            cpu = numbers[fault.cpu]
            for call, step in enumerate(self._calls.of(cpu), 1):
                # A fault without an end concerns calls that firmware answers by itself, once the CPU is on its way.
                is_meant = fault.last is not None or (step.result is HotplugResult.NOT_STARTED) is bool(fault.answer)
                if fault.concerns(call) and is_meant:
                    found[cpu, call] = replace(fault, first=1, last=1)
        return found

    def _faults(self, by_call: Mapping[_Call, Fault]) -> Iterator[Fault]:
        """Yield the faults, one for calls in a row that go wrong alike."""
        # Calls in a row keep their distance from their places.
        places = enumerate(sorted(by_call))
        for (cpu, fault, _), run in groupby(places, lambda one: (one[1][0], by_call[one[1]], one[1][1] - one[0])):
            calls = [call for _, (_, call) in run]
            # Nothing says that a CPU which never came would come at a later attempt.
            once = fault.never_arrives and len(self._calls.of(cpu)) == 1
            yield replace(fault, first=calls[0], last=None if once else calls[-1])

    def _name(self, cpu: int) -> str:
        return self._scenario.topology.logical[cpu].name

    def _answer(self, call: _Call, answer: str) -> dict[_Call, Fault]:
        return {call: Fault(self._name(call[0]), answer, first=1, last=1)}

    def _arrival(self, call: _Call, after_ns: int) -> dict[_Call, Fault]:
        return {call: Fault(self._name(call[0]), arrives_after_ns=after_ns, first=1, last=1)}

    def _loss(self, call: _Call) -> dict[_Call, Fault]:
        return {call: Fault(self._name(call[0]), never_arrives=True, first=1, last=1)}

    # The first difference

    def _mended(self, faults: dict[_Call, Fault], told: SimulatedBoot) -> dict[_Call, Fault] | None:
        """Return faults with which the boot has the log's next step as well; None if no fault is known to do that."""
        place = self._agreed(told)
        stated = self._steps[place] if place < len(self._steps) else None
        implied = told.steps[place] if place < len(told.steps) else None
        found: dict[_Call, Fault] = {}
        if stated is not None and stated.is_late_arrival:
            found = self._late(told, place, stated)
        elif stated is not None and implied is not None and stated.is_attempt and stated.cpu == implied.runs:
            found = self._result(place, stated)
        elif implied is not None and implied.comes_online:
            # The model's CPU comes too early: it comes later, for which another difference stands, or never.
            call = self._calls.last_start(implied.runs, place + 1)
            found = {} if call is None else self._loss((implied.runs, call))
        return {**faults, **found} if found else None

    def _late(self, told: SimulatedBoot, place: int, stated: Hotplug) -> dict[_Call, Fault]:
        """Return the fault with which a CPU arrives at a step; none if none is known."""
        call = self._calls.last_start(stated.runs, place)
        if call is None or place == 0:
            return {}
        after_ns = ArrivalTimes(self._steps, told, place).after_ns(stated.runs, call)
        return {} if after_ns is None else self._arrival((stated.runs, call), after_ns)

    def _result(self, place: int, stated: Hotplug) -> dict[_Call, Fault]:
        """Return the fault with which an attempt has the log's result, where the model has another."""
        call = stated.cpu, len(self._calls.of(stated.cpu, place)) + 1
        if stated.result is HotplugResult.NOT_STARTED:
            return self._answer(call, ANSWERS.get(stated.error or 0, NEAREST))
        return self._arrival(call, USUAL_NS) if stated.comes_online else self._loss(call)
