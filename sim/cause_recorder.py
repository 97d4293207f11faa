"""An environment that records what caused each event of a boot.

The cause is read off the SimPy run itself. Every SimPy event is queued by some callback (`schedule`), and the latest
event of the boot at that moment is what the event's waiters waited for; a step adds how long (`after`). Nothing is
inferred from times, so two events of the same nanosecond are not confused.

`tests/causes` checks that the waits along every chain of causes add up to the time of its last event.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from simpy.events import NORMAL, Event, EventPriority, Process

from sim.environment import SeededEnvironment, Step, StepKind


class Wait(NamedTuple):
    """A step that had to take its time."""

    step: Step
    waited_ns: int


class Cause(NamedTuple):
    """The cause of an event; events are places among the boot's events."""

    before: int | None
    """The event that it waited for; None: the beginning."""
    waits: tuple[Wait, ...]
    """The steps that took time between the two."""
    of_process: int | None
    """The event before it in its own process, whether or not that let it happen."""


_Position = tuple[int | None, tuple[Wait, ...]]
"""A place in the run: the latest event of the boot that led there, and the steps that were waited for since."""


class CauseRecorder(SeededEnvironment):
    """An environment that runs a boot as `boot()` does, and records causes.

    Everything that a callback of a SimPy event does is caused by whatever made that event happen.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.events: Sequence[object] = ()
        """The boot's events, to be set to the list that grows; new events are noted after each callback."""
        self._causes: list[Cause] = []
        self._here: _Position = (None, ())
        self._process: object = None
        """The owner of the callback that runs now: a process, or a condition that combines events."""
        self._latest: dict[object, int] = {}
        """The latest event of each process."""
        self._origins: dict[Event, _Position] = {}
        """The cause of each SimPy event in the queue."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The cause of each event, in the events' order."""
        self._note()
        return tuple(self._causes)

    def _note(self) -> _Position:
        """Note the events since the last call, and return the cause of whatever follows now."""
        for event in range(len(self._causes), len(self.events)):
            self._causes.append(Cause(*self._here, self._latest.get(self._process)))
            # What the same callback does next follows from this event at once.
            self._here = event, ()
            if isinstance(self._process, Process):
                self._latest[self._process] = event
        return self._here

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event, and keep its cause."""
        self._origins[event] = self._note()
        super().schedule(event, priority, delay)

    def after(self, delay_ns: int, kind: StepKind, who: int | str) -> Event:
        """Return an event for a step that happens after a delay."""
        event = super().after(delay_ns, kind, who)
        # A timeout queues itself when it is made, so `schedule` has noted its cause already, without the wait.
        before, waits = self._origins[event]
        self._origins[event] = before, (*waits, Wait(Step(kind, who), delay_ns))
        return event

    def step(self) -> None:
        """Let the next event happen."""
        if self._queue:
            entry: tuple[Any, ...] = self._queue[0]
            event: Event = entry[-1]
            # Each callback is wrapped, because SimPy runs all of an event's callbacks in one go: what the first
            # callback did must not become the cause of what the second does.
            self._here = origin = self._origins.pop(event)
            event.callbacks = [partial(self._call, callback, origin) for callback in event.callbacks]
        super().step()

    def _call(self, callback: Callable[[Event], None], origin: _Position, event: Event) -> None:
        self._here, self._process = origin, getattr(callback, "__self__", None)
        callback(event)
        self._note()
