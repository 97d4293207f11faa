"""Calls of PSCI CPU_ON in a boot, each with its answer and with the arrival that it caused."""

from collections.abc import Iterable
from dataclasses import dataclass

from sim.event_text import answer_text
from sim.kernel.printk import Event, EventKind
from sim.machine.firmware import SUCCESS, CpuOnAnswer


@dataclass(slots=True)
class CpuOnCall:
    """A call of CPU_ON for a logical CPU."""

    cpu: int
    time_ns: int
    answer: str = ""
    """PSCI's name of the answer; empty if the boot ended before the call returned."""
    arrived_ns: int | None = None
    """The time at which the CPU arrived in the kernel; None: it never did, or another call caused it."""
    arrival: Event | None = None
    """The event of that arrival."""


def cpu_on_calls(events: Iterable[Event]) -> list[CpuOnCall]:
    """Return the calls of CPU_ON in the order in which they were made.

    The arrival of a CPU belongs to the last accepted call, not to the last call: while a slow CPU is on its way,
    further calls are answered ON_PENDING and cause nothing.
    """
    calls: list[CpuOnCall] = []
    latest: dict[int, CpuOnCall] = {}
    accepted: dict[int, CpuOnCall] = {}
    for event in events:
        cpu = event.cpu
        if cpu is None:
            continue
        if event.kind is EventKind.CPU_ON:
            latest[cpu] = CpuOnCall(cpu, event.time_ns)
            calls.append(latest[cpu])
        elif isinstance(event.detail, CpuOnAnswer):
            latest[cpu].answer = answer_text(event.detail)
            if event.detail == SUCCESS:
                accepted[cpu] = latest[cpu]
        # The boot CPU arrives without a call.
        elif event.kind is EventKind.ARRIVED and cpu in accepted:
            call = accepted.pop(cpu)
            call.arrived_ns, call.arrival = event.time_ns, event
    return calls
