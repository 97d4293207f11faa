"""Which event of a boot brought a hazard about, and what led to that event."""

from typing import NamedTuple

from sim.causes.path import CriticalPath, critical_path
from sim.errors import InputError
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


def origin(outcome: Outcome, hazard: Hazard) -> Origin | None:
    """Find the event that a hazard comes with; None where the boot was over before there was one."""
    kinds = _SHOWN_BY[hazard.kind]
    events = outcome.facts.events
    there = [
        number
        for number, one in enumerate(events)
        if one.kind in kinds and one.time_ns <= hazard.time_ns and hazard.cpu in {None, one.cpu}
    ]
    if not there:
        return None
    return Origin(there[-1], _led_to(outcome, there[-1]))


def _led_to(outcome: Outcome, event: int) -> tuple[int, ...]:
    """The last events that let an event happen, where that is known: of boots by time."""
    try:
        path: CriticalPath = critical_path(outcome, event)
    except InputError:
        return (event,)
    return path.events[-_MOST_LED:]
