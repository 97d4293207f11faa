"""The simulation's clock and the order of its events.

SimPy breaks ties between events of the same time by the order in which they were made: an accident of the
program. Here a seeded stream breaks them, so that a scenario's outcome shows where it hangs on such an
order (try other seeds), and the same seed always gives the same order.

Time is a whole number of nanoseconds.
"""

import random
from collections.abc import Generator
from heapq import heappush
from typing import Any, NamedTuple

import simpy
from simpy.events import NORMAL, Event, EventPriority


class Step(NamedTuple):
    """Something that happens after a while, and to whom; no two that are awaited at once are the same."""

    what: str
    """The name of a latency, or of what is waited for."""
    who: int | str
    """A CPU by its logical number, or an agent of user space's by its name."""

    def __str__(self) -> str:
        return f"{self.what} {f'cpu{self.who}' if isinstance(self.who, int) else repr(self.who)}"


class Environment(simpy.Environment):
    """What a boot runs in: a clock in whole nanoseconds, and steps that it lets happen."""

    left_early = False
    """Whether the run was left where more could have happened."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)

    @property
    def now_ns(self) -> int:
        """The current time in nanoseconds."""
        return int(self._now)

    def after(self, delay_ns: int, step: Step) -> Event:
        """An event for a step that happens so much later."""
        raise NotImplementedError

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space's."""
        raise NotImplementedError

    def lock(self, what: str) -> simpy.Resource:
        """Something that one process holds at a time."""
        raise NotImplementedError


class SeededEnvironment(Environment):
    """A SimPy environment whose same-time order is drawn from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._tie_breaks = random.Random(f"{seed}/same-time order")  # noqa: S311 (a simulation)

    def after(self, delay_ns: int, step: Step) -> Event:  # noqa: ARG002 (time alone decides here)
        """An event for a step that happens so much later."""
        return self.timeout(delay_ns)

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:  # noqa: ARG002 (all begin at once)
        """Start a process of user space's."""
        self.process(process)

    def lock(self, what: str) -> simpy.Resource:  # noqa: ARG002 (one is like another)
        """Something that one process holds at a time: first come, first served."""
        return simpy.Resource(self, capacity=1)

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event; events of the same time and priority are taken in a drawn order."""
        order = (self._tie_breaks.random(), next(self._eid))
        queue: list[Any] = self._queue
        heappush(queue, (self._now + delay, priority, order, event))


class Completion:
    """The kernel's completion: it counts, so a completion that nobody waited for satisfies the next wait.

    One process at a time may wait; the hotplug lock sees to that.

    Source: include/linux/completion.h; arch/arm64/kernel/smp.c never reinitialises ``cpu_running``.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.done = 0
        self._awaited: Event | None = None

    def complete(self) -> None:
        """Wake who waits, or let the next one not wait at all."""
        if self._awaited is not None and not self._awaited.triggered:
            self._awaited.succeed()
        else:
            self.done += 1

    def wait(self, timeout_ns: int, step: Step) -> Generator[Event, Any, None]:
        """Wait until completed, or for so long, which ends with a step; which of the two it was is not told."""
        if self.done:
            self.done -= 1
            return
        self._awaited = self._env.event()
        yield self._awaited | self._env.after(timeout_ns, step)
        self._awaited = None
