"""Which event of a boot brought a hazard about, and what led to that event."""

from typing import NamedTuple

from sim.causes.critical_path import CriticalPath, path_to
from sim.hazards import Hazard, HazardKind
from sim.outcome import Outcome

_OF_SAVE = {"save", "panic"}
"""A save that panics the hypervisor is no event of its own."""
_SHOWN_BY = {
    HazardKind.KERNEL_PANIC: {"panic"},
    HazardKind.HYPERVISOR_PANIC: {"panic"},
    HazardKind.OUT_OF_BOUNDS_WRITE: _OF_SAVE,
    HazardKind.NOT_RESTORED: _OF_SAVE,
    HazardKind.HEADER_DESTROYED: _OF_SAVE,
    HazardKind.LACKS_COMMITTED_VL: {"booted"},
    HazardKind.GUEST_VLS_DIFFER: {"guest enters"},
    HazardKind.ALLOCATION_EXCEEDED_SILENTLY: _OF_SAVE,
    HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED: _OF_SAVE,
    HazardKind.SHARED_IDLE_TASK: {"arrived"},
    HazardKind.HOST_DENIED_VL: {*_OF_SAVE, "capabilities final"},
    HazardKind.HARMLESS_CPU_REFUSED: {"refused"},
    HazardKind.CPU_LOST_TO_FIRMWARE: {"CPU_ON answered", "arrived"},
}
"""The kinds of event that a hazard comes with."""
_MOST_LED = 6


class Origin(NamedTuple):
    """The event that a hazard comes with, and what led to it: rows of `outcome.events`, the last is the event."""

    event: int
    led: tuple[int, ...]


def origin(outcome: Outcome, hazard: Hazard, path: CriticalPath | None) -> Origin | None:
    """Find the event that a hazard comes with; None where the boot was over before there was one.

    Args:
        outcome: what came of the boot.
        hazard: one of its hazards.
        path: the boot's critical path, whose graph says what led where; None: that is not known.
    """
    kinds = _SHOWN_BY[hazard.kind]
    events = outcome.facts.events
    there = [
        number
        for number, one in enumerate(events)
        if one.kind in kinds and one.time_ns <= hazard.time_ns and hazard.cpu in {None, one.cpu}
    ]
    if not there:
        return None
    event = there[-1]
    led = [event] if path is None else path_to(path.graph, event)[-_MOST_LED:]
    return Origin(event, tuple(led))
