"""An environment in which the explorer chooses the next step, whatever time steps take.

The chosen steps are the events of the SimPy run itself, so nothing is modelled twice. Whatever follows from a step
without time passing follows at once, in the order in which SimPy made it. The clock counts steps, one microsecond each.
"""

from collections.abc import Callable, Generator, Iterable
from heapq import heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, Event, EventPriority, Process
from simpy.resources.resource import Request

from sim.boot_run import BootRun
from sim.environment import Environment, Lock, Step, StepKind
from sim.latencies import WAIT_NS
from sim.scenario import Do, Scenario

STEP_NS = 1_000
ON_ITS_WAY = (StepKind.CPU_ON, StepKind.LATE_ARRIVAL, StepKind.PROBE)
"""The steps of a CPU that was started and is not online yet."""

Choose = Callable[[list[Step]], Step | None]
"""Pick one of the enabled steps; None stops the run."""


class ControlledEnvironment(Environment):
    """An environment whose steps happen when they are chosen.

    Args:
        choose: picks the next step.
        late: the CPUs that may need longer than the wait for them, as logical numbers.
        schedule: the first steps, which are known to be enabled; `choose` picks those that follow.
    """

    def __init__(self, choose: Choose, late: frozenset[int], schedule: Iterable[Step] = ()) -> None:
        super().__init__()
        self._choose, self.late = choose, late
        self._ahead = iter(schedule)
        self._awaited: dict[Step, Event] = {}
        self._agents: dict[Process, str] = {}
        self.locks: list[ControlledLock] = []

    def after(self, delay_ns: int, kind: StepKind, who: int | str) -> Event:
        """Return an event for a step that happens when it is chosen."""
        del delay_ns  # any enabled step may be next
        event = self._awaited[Step(kind, who)] = Event(self)
        event._ok, event._value = True, None  # noqa: SLF001 (as simpy.Timeout is made)
        return event

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space when its beginning is chosen."""

        def begun() -> Generator[Event, Any, None]:
            yield self.after(0, StepKind.BEGIN, agent)
            yield from process

        self._agents[self.process(begun())] = agent

    def lock(self, which: Lock) -> "ControlledLock":
        """Make a lock whose next holder is chosen among the processes that wait for it."""
        self.locks.append(ControlledLock(self, which))
        return self.locks[-1]

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event that follows from a step: it happens at once, in the order of these calls."""
        assert delay == 0
        queue: list[Any] = self._queue
        heappush(queue, (self._now, priority, next(self._eid), event))

    def snapshot(self) -> tuple[object, ...]:
        """Return the steps that are awaited, and the locks that are held or waited for.

        The order of waiting does not matter: the next holder is chosen. The enabled steps follow from both.
        """
        locks = tuple(
            (lock.which, self._names(lock.users), self._names(lock.queue))
            for lock in sorted(self.locks, key=lambda lock: (lock.which.kind, lock.which.seat or 0))
            if lock.users or lock.queue
        )
        return tuple(sorted(self.awaited(), key=_order)), locks

    def _names(self, requests: Iterable[Request]) -> tuple[str, ...]:
        return tuple(sorted(repr(self._owner(request)) for request in requests))

    def enabled(self) -> list[Step]:
        """Return the steps that may be next, in a fixed order.

        The wait for a CPU may end in vain only if that CPU is not on its way, or may come too late.
        """
        awaited = self.awaited()
        # Sorted, because sets have no order, and the same scenario must be explored in the same way.
        steps = [step for step in awaited if step.kind is not StepKind.GIVE_UP or self._may_give_up(step, awaited)]
        return sorted([*steps, *self._grants()], key=_order)

    def awaited(self) -> set[Step]:
        """Return the steps that a process waits for."""
        # A step whose wait ended otherwise, such as a wait for a CPU that came online, keeps its event. SimPy takes the
        # callback of the condition off it, and without callbacks nothing would follow from the step.
        return {step for step, event in self._awaited.items() if event.callbacks}

    def _grants(self) -> dict[Step, tuple["ControlledLock", Request]]:
        """Return the steps that grant a free lock to a process that waits for it."""
        waiting = ((lock, request) for lock in self.locks if not lock.users for request in lock.queue)
        return {
            Step(lock.which.kind, self._owner(request), lock.which.seat): (lock, request) for lock, request in waiting
        }

    def _owner(self, request: Request) -> int | str:
        """Return the agent that requests a lock; a process of no agent is the boot CPU's."""
        return self._agents.get(request.proc, 0) if request.proc is not None else 0

    def _may_give_up(self, step: Step, awaited: set[Step]) -> bool:
        # While a punctual CPU is on its way, the 5 s cannot end before it is online: time is ignored, this fact is not.
        return step.who in self.late or not any(Step(kind, step.who) in awaited for kind in ON_ITS_WAY)

    def step(self) -> None:
        """Let the next event happen: an event that follows from the last step, or else a chosen step."""
        if not self._queue:
            # The enabled steps are not computed where a schedule tells the next: most steps of an exploration.
            chosen = next(self._ahead, None) or self._chosen()
            self._now += STEP_NS
            # Grants of locks are not awaited: they are found anew from the queues of the locks.
            if chosen in self._awaited:
                self.schedule(self._awaited.pop(chosen))
            else:
                lock, request = self._grants()[chosen]
                lock.grant(request)
        super().step()

    def _chosen(self) -> Step:
        enabled = self.enabled()
        chosen = self._choose(enabled) if enabled else None
        if chosen is None:
            self.left_early = bool(enabled)
            raise EmptySchedule
        return chosen


def _order(step: Step) -> tuple[str, str]:
    return step.words, str(step.who)


class ControlledLock(simpy.Resource):
    """A lock that is granted when that is chosen.

    Args:
        env: the environment.
        which: the lock's identity.
    """

    def __init__(self, env: ControlledEnvironment, which: Lock) -> None:
        super().__init__(env, capacity=1)
        self.which = which

    def grant(self, request: Request) -> None:
        """Give the lock, which is free, to a process that waits for it."""
        # What SimPy does with a request that is first in its queue: `Resource._do_put`, then out of the queue.
        super()._do_put(request)
        self.put_queue.remove(request)

    def _do_put(self, event: Request) -> None:
        """Leave a request in the queue, where SimPy would grant it as soon as the lock is free."""


def controlled_boot(scenario: Scenario, choose: Choose, schedule: Iterable[Step] = ()) -> BootRun:
    """Return a boot whose steps are chosen, before its first step; `schedule` has the first steps."""
    return BootRun(scenario, ControlledEnvironment(choose, late_arrivals(scenario), schedule))


def late_arrivals(scenario: Scenario) -> frozenset[int]:
    """Return the CPUs that are brought up, early or by an agent, and may need longer than the wait for them.

    This is the only place where an exploration depends on durations: the time until a CPU arrives, by a fault or by the
    latency of ``cpu_on``, and until it is probed.
    """
    number = scenario.topology.number
    # Where the limit counts online CPUs, an order in which a CPU does not come in time lets any other come early.
    early = scenario.early_candidates if scenario.flags.maxcpus_counts_online else scenario.early
    onlined = (scenario.cpu_of(action) for action in scenario.actions if action.do is Do.ONLINE)
    # A suspend brings up again what was online, and so nothing more.
    brought_up = {*early[1:], *(cpu for cpu in onlined if cpu is not None)}
    cpu_on_ns, probe_ns = scenario.latencies.cpu_on.longest_ns, scenario.latencies.probe.longest_ns
    arrives_after_ns = dict.fromkeys(brought_up, cpu_on_ns)
    for fault in scenario.faults:
        cpu, after_ns = number(fault.cpu), fault.arrives_after_ns
        if cpu in brought_up and after_ns is not None:
            arrives_after_ns[cpu] = after_ns if fault.is_of_every_cpu_on else max(after_ns, arrives_after_ns[cpu])
    return frozenset(cpu for cpu, after_ns in arrives_after_ns.items() if probe_ns + after_ns >= WAIT_NS)
