"""The simulation's clock and the order of its events.

SimPy breaks ties between events of the same time by the order in which the events were created, an accident of the
program. Here a seeded stream breaks them: the same seed always gives the same order, and other seeds show whether a
scenario's outcome depends on that order.

Time is a whole number of nanoseconds.
"""

import random
from collections.abc import Generator
from heapq import heappush
from typing import Any, NamedTuple

import simpy
from simpy.events import NORMAL, Event, EventPriority


class Step(NamedTuple):
    """A thing that happens after a delay, and the CPU or agent that it happens to; no two pending steps are equal."""

    what: str
    """The name of a latency, or of the event that is waited for."""
    who: int | str
    """A CPU by its logical number, or an agent of user space by its name."""

    def __str__(self) -> str:
        return f"{self.what} {f'cpu{self.who}' if isinstance(self.who, int) else repr(self.who)}"


class Environment(simpy.Environment):
    """The environment of a boot: a clock in whole nanoseconds, and the source of its events."""

    left_early = False
    """True if the run was stopped while steps were still pending."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)

    @property
    def now_ns(self) -> int:
        """The current time in nanoseconds."""
        return int(self._now)

    def after(self, delay_ns: int, step: Step) -> Event:
        """Return an event for a step that happens `delay_ns` nanoseconds from now."""
        raise NotImplementedError

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space."""
        raise NotImplementedError

    def lock(self, what: str) -> simpy.Resource:
        """Return a lock: a resource that one process holds at a time."""
        raise NotImplementedError


class SeededEnvironment(Environment):
    """A SimPy environment that draws the order of events of the same time from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._tie_breaks = random.Random(f"{seed}/same-time order")  # noqa: S311 (a simulation)

    def after(self, delay_ns: int, step: Step) -> Event:  # noqa: ARG002 (time alone decides here)
        """Return a timeout: the delay alone decides when the step happens."""
        return self.timeout(delay_ns)

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:  # noqa: ARG002 (all begin at once)
        """Start a process of user space at once, whatever its agent."""
        self.process(process)

    def lock(self, what: str) -> simpy.Resource:  # noqa: ARG002 (all locks are alike here)
        """Return a lock that is granted first come, first served."""
        return simpy.Resource(self, capacity=1)

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event; a drawn number orders it among the events of the same time and priority."""
        order = (self._tie_breaks.random(), next(self._eid))
        queue: list[Any] = self._queue
        heappush(queue, (self._now + delay, priority, order, event))


class Completion:
    """The kernel's completion: a counter, so that a completion without a waiter satisfies the next wait.

    One process at a time may wait; the hotplug lock ensures that.

    Source: include/linux/completion.h; arch/arm64/kernel/smp.c never reinitialises ``cpu_running``.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.done = 0
        self._awaited: Event | None = None

    def complete(self) -> None:
        """Wake the waiting process; if none waits, let the next wait return at once."""
        if self._awaited is not None and not self._awaited.triggered:
            self._awaited.succeed()
        else:
            self.done += 1

    def wait(self, timeout_ns: int, step: Step) -> Generator[Event, Any, None]:
        """Wait for a completion, or until `step` happens after `timeout_ns`; return without telling which it was."""
        if self.done:
            self.done -= 1
            return
        self._awaited = self._env.event()
        yield self._awaited | self._env.after(timeout_ns, step)
        self._awaited = None
