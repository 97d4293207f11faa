"""The event that a hazard comes with, and the events that led to it."""

from typing import NamedTuple

from sim.causes.critical_path import CriticalPath, path_to
from sim.hazard_kinds import Hazard

_MOST_LED = 6
"""The number of events of a chain that are kept, from its end: a reader wants the last steps, not the whole boot."""


class Origin(NamedTuple):
    """The event of a hazard and, as `led`, the end of the chain of causes that leads to it and includes it.

    Events are places among the boot's events.
    """

    event: int
    led: tuple[int, ...]


def origin(hazard: Hazard, path: CriticalPath | None) -> Origin | None:
    """Return the origin of a hazard; None if the boot ended before any event showed the hazard.

    Args:
        hazard: a hazard of the boot.
        path: the boot's critical path, whose graph has the causes; None where the boot followed a schedule and has no
            causes, so that the chain is the event alone.
    """
    if hazard.event is None:
        return None
    led = [hazard.event] if path is None else path_to(path.graph, hazard.event)[-_MOST_LED:]
    return Origin(hazard.event, tuple(led))
