"""The details of events, in words."""

from sim.kernel.printk import Event, EventKind


def event_detail(event: Event) -> str:
    """Return the particulars of an event in words; empty for most kinds."""
    match event.kind:
        case EventKind.ARRIVED:
            return "" if event.task is None else f"takes the idle task of cpu{event.task}"
        case EventKind.REFUSED:
            return f"{event.vector_type}: {event.reason}"
        case EventKind.CPU_ON_ANSWERED:
            return f"{event.answer} by pKVM's relay" if event.by_relay else event.answer
        case EventKind.ALLOCATED:
            return f"{event.buffers} buffers of {event.size_bytes} bytes"
        case EventKind.ALLOCATION_FAILED:
            return f"{event.size_bytes} bytes"
        case EventKind.GUEST_ENTERS | EventKind.GUEST_LEAVES:
            return event.guest
        case EventKind.SAVE:
            return f"{event.vl_bits} bits"
        case _:
            return event.text
