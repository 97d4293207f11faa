"""The event that a hazard comes with, and the events that led to it."""

from typing import NamedTuple

from sim.causes.critical_path import CriticalPath, path_to
from sim.hazards import Hazard

_MOST_LED = 6


class Origin(NamedTuple):
    """The event of a hazard and, as `led`, the chain that ends with it; places among the boot's events."""

    event: int
    led: tuple[int, ...]


def origin(hazard: Hazard, path: CriticalPath | None) -> Origin | None:
    """Return the origin of a hazard; None if the boot ended before an event of it.

    Args:
        hazard: a hazard of the boot.
        path: the boot's critical path, whose graph says what led where; None: not known.
    """
    if hazard.event is None:
        return None
    led = [hazard.event] if path is None else path_to(path.graph, hazard.event)[-_MOST_LED:]
    return Origin(hazard.event, tuple(led))
