"""The details of events, in words."""

from collections.abc import Callable

from sim.kernel.printk import Event, EventKind


def event_detail(event: Event) -> str:
    """Return the particulars of an event in words; empty for most kinds."""
    words = _WORDS.get(event.kind)
    return event.text if words is None else words(event)


def _arrived(event: Event) -> str:
    return "" if event.task is None else f"takes the idle task of cpu{event.task}"


def _cpu_on_answered(event: Event) -> str:
    return f"{event.answer} by pKVM's relay" if event.by_relay else event.answer


def _guest(event: Event) -> str:
    return event.guest


_WORDS: dict[EventKind, Callable[[Event], str]] = {
    EventKind.ARRIVED: _arrived,
    EventKind.REFUSED: lambda event: f"{event.extension}: {event.reason}",
    EventKind.CPU_ON_ANSWERED: _cpu_on_answered,
    EventKind.ALLOCATED: lambda event: f"{event.buffers} buffers of {event.size_bytes} bytes",
    EventKind.ALLOCATION_FAILED: lambda event: f"{event.size_bytes} bytes",
    EventKind.GUEST_ENTERS: _guest,
    EventKind.GUEST_LEAVES: _guest,
    EventKind.SAVE: lambda event: f"{event.vl_bits} bits",
}
