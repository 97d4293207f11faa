"""A boot whose steps happen when they are chosen, whatever time they take.

What is chosen are the events of the SimPy run itself: nothing is modelled twice. What follows from a step without time
passing follows at once, in the order in which it was made. Time counts steps, a microsecond each.
"""

from collections.abc import Callable, Generator
from heapq import heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, Event, EventPriority, Process
from simpy.resources.resource import Request

from sim.boot_run import BootRun
from sim.environment import Environment, Step
from sim.kernel.smp import WAIT_NS
from sim.processes.hotplug import GIVE_UP, LATE_ARRIVAL
from sim.scenario import Do, Scenario

STEP_NS = 1_000
ON_ITS_WAY = ("cpu_on", LATE_ARRIVAL, "probe")
"""The steps of a CPU that was started and is not online yet."""

Choose = Callable[[list[Step]], Step | None]
"""Which of the steps that may be next is; None: none, the run is left there."""


class ChosenEnvironment(Environment):
    """What lets a step happen when it is chosen."""

    def __init__(self, choose: Choose, late: frozenset[int]) -> None:
        super().__init__()
        self._choose, self.late = choose, late
        self._awaited: dict[Step, Event] = {}
        self.processes: list[Process] = []
        self.agents: dict[Process, str] = {}
        self.locks: list[ChosenLock] = []

    def after(self, delay_ns: int, step: Step) -> Event:  # noqa: ARG002 (any step may be next)
        """An event for a step that happens when it is chosen."""
        event = self._awaited[step] = Event(self)
        event._ok, event._value = True, None  # noqa: SLF001 (as simpy.Timeout is made)
        return event

    def process(self, generator: Generator[Event, Any, Any]) -> Process:
        """Start a process; it is known from then on."""
        process = super().process(generator)
        self.processes.append(process)
        return process

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space's when its beginning is chosen."""

        def begun() -> Generator[Event, Any, None]:
            yield self.after(0, Step("begin", agent))
            yield from process

        self.agents[self.process(begun())] = agent

    def lock(self, what: str) -> "ChosenLock":
        """Something that one process holds at a time; which of those that wait gets it is chosen."""
        self.locks.append(ChosenLock(self, what))
        return self.locks[-1]

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue what follows from a step: it happens at once, first come first served."""
        assert delay == 0
        queue: list[Any] = self._queue
        heappush(queue, (self._now, priority, next(self._eid), event))

    def enabled(self) -> list[Step]:
        """The steps that may be next, in order.

        The wait for a CPU ends in vain only where that CPU is not on its way, or may come too late.
        """
        awaited = self.awaited()
        steps = [step for step in awaited if step.what != GIVE_UP or self._may_give_up(step, awaited)]
        return sorted([*steps, *self._grants()], key=lambda step: (step.what, str(step.who)))

    def awaited(self) -> set[Step]:
        """The steps that somebody waits for."""
        return {step for step, event in self._awaited.items() if event.callbacks}

    def _grants(self) -> dict[Step, tuple["ChosenLock", Request]]:
        """Who may get a lock that is free."""
        waiting = ((lock, request) for lock in self.locks if not lock.users for request in lock.queue)
        return {Step(f"take {lock.what}:", self._who(request)): (lock, request) for lock, request in waiting}

    def _who(self, request: Request) -> int | str:
        """The agent that waits for a lock; what belongs to none is the boot CPU's."""
        return self.agents.get(request.proc, 0) if request.proc is not None else 0

    def _may_give_up(self, step: Step, awaited: set[Step]) -> bool:
        return step.who in self.late or not any(Step(what, step.who) in awaited for what in ON_ITS_WAY)

    def step(self) -> None:
        """Let the next event happen: what follows from the last step, or else a chosen one."""
        if not self._queue:
            enabled = self.enabled()
            chosen = self._choose(enabled) if enabled else None
            if chosen is None:
                self.left_early = bool(enabled)
                raise EmptySchedule
            self._now += STEP_NS
            if chosen in self._awaited:
                self.schedule(self._awaited.pop(chosen))
            else:
                lock, request = self._grants()[chosen]
                lock.grant(request)
        super().step()


class ChosenLock(simpy.Resource):
    """A lock that is granted when that is chosen."""

    def __init__(self, env: ChosenEnvironment, what: str) -> None:
        super().__init__(env, capacity=1)
        self.what = what
        self._granted: Request | None = None

    def grant(self, request: Request) -> None:
        """Give the lock to one of those that wait for it."""
        self._granted = request
        self._trigger_put(None)

    def _do_put(self, event: Request) -> bool:  # type: ignore[override]
        if event is self._granted:
            super()._do_put(event)
        return True


def chosen_boot(scenario: Scenario, choose: Choose) -> BootRun:
    """A boot whose steps are chosen, about to begin."""
    return BootRun(scenario, ChosenEnvironment(choose, late_arrivals(scenario)))


def late_arrivals(scenario: Scenario) -> frozenset[int]:
    """The CPUs that somebody brings up, and that may need longer than the wait for them.

    Here alone it matters how long something takes: until the CPU arrives, by a fault or by the latency of ``cpu_on``,
    and until it is probed.
    """
    number = scenario.topology.number
    brought_up = {*scenario.early[1:], *(number(action.cpu) for action in scenario.actions if action.do is Do.ONLINE)}
    faults = {number(fault.cpu): fault.arrives_after_ns for fault in scenario.faults}
    cpu_on_ns, probe_ns = scenario.latencies.cpu_on.longest_ns, scenario.latencies.probe.longest_ns

    def longest_ns(cpu: int) -> int:
        after_ns = faults.get(cpu)
        return probe_ns + (cpu_on_ns if after_ns is None else after_ns)

    return frozenset(cpu for cpu in brought_up if longest_ns(cpu) >= WAIT_NS)
