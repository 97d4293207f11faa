"""The details of events, in words."""

from sim.kernel.printk import Allocation, Arrival, Event, Guest, RefusedBy, SaveLength, Variation, Words
from sim.machine.firmware import CpuOnAnswer
from sim.units import plural


def event_detail(event: Event) -> str:
    """Return the particulars of an event in words; empty for many kinds."""
    match event.detail:
        case Arrival(task) if task is not None:  # without a task the CPU parks, which has no particulars
            words = f"takes the idle task of cpu{task}"
        case CpuOnAnswer(answer, by_relay):
            words = f"{answer} by pKVM's relay" if by_relay else answer
        case RefusedBy(extension, reason):
            words = f"{extension}: {reason}"
        case Variation(registers):
            words = ", ".join(registers)
        case Allocation(buffers, run_bytes):
            words = f"{buffers} {plural(buffers, 'buffer')} of {run_bytes} bytes" if buffers else f"{run_bytes} bytes"
        case SaveLength(vl_bits):
            words = f"{vl_bits} bits"
        case Guest(words) | Words(words):
            pass
        case _:
            words = ""
    return words
