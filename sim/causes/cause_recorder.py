"""A boot that notes what caused each of its events.

The cause is read off the SimPy run itself: whatever makes or triggers a SimPy event is what its waiters waited for, and
a step's latency is how long. Nothing is guessed from times.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from simpy.events import NORMAL, Event, EventPriority, Process

from sim.boot_run import BootRun
from sim.environment import SeededEnvironment, Step
from sim.errors import InputError
from sim.outcome import Outcome


class Wait(NamedTuple):
    """A step that had to take its time."""

    step: Step
    waited_ns: int


class Cause(NamedTuple):
    """What let an event happen."""

    before: int | None
    """The event that it waited for, as the place in the outcome's events; None: the beginning."""
    waits: tuple[Wait, ...]
    """What took time between the two."""
    of_process: int | None
    """The event before it in its own process, whether or not that let it happen."""


_Position = tuple[int | None, tuple[Wait, ...]]


class RecordingEnvironment(SeededEnvironment):
    """What runs a boot as `boot()` does, and notes causes.

    What one callback of a SimPy event does is caused by whatever made that event happen.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.causes: list[Cause] = []
        self.count_events: Callable[[], int] = lambda: 0
        self._here: _Position = (None, ())
        self._process: object = None
        self._latest: dict[object, int] = {}
        self._origins: dict[Event, _Position] = {}

    def note(self) -> _Position:
        """Note what was emitted since the last call; the answer is what anything that now follows is caused by."""
        for event in range(len(self.causes), self.count_events()):
            self.causes.append(Cause(*self._here, self._latest.get(self._process)))
            self._here = event, ()
            if isinstance(self._process, Process):
                self._latest[self._process] = event
        return self._here

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event, and keep what caused it."""
        self._origins[event] = self.note()
        super().schedule(event, priority, delay)

    def after(self, delay_ns: int, step: Step) -> Event:
        """An event for a step that happens so much later."""
        event = super().after(delay_ns, step)
        before, waits = self._origins[event]
        self._origins[event] = before, (*waits, Wait(step, delay_ns))
        return event

    def step(self) -> None:
        """Let the next event happen."""
        if self._queue:
            entry: tuple[Any, ...] = self._queue[0]
            event: Event = entry[-1]
            self._here = origin = self._origins.pop(event)
            event.callbacks = [partial(self._call, callback, origin) for callback in event.callbacks]
        super().step()

    def _call(self, callback: Callable[[Event], None], origin: _Position, event: Event) -> None:
        self._here, self._process = origin, getattr(callback, "__self__", None)
        callback(event)
        self.note()


def recorded_causes(outcome: Outcome) -> list[Cause]:
    """The cause of each of a boot's events, in their order: it is booted again, and watched.

    Raises:
        InputError: it was not `boot()` that made the outcome, but a schedule, which has no times.
    """
    env = RecordingEnvironment(outcome.scenario.seed)
    running = BootRun(outcome.scenario, env)
    events = running.system.printk.events
    env.count_events = lambda: len(events)
    running.to_the_end()
    env.note()
    if events != outcome.facts.events:
        raise InputError("what waited for what is known of boots by time alone, and this one followed a schedule")
    return env.causes
