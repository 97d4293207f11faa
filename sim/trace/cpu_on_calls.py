"""Calls of CPU_ON, each with its answer and the arrival that it led to."""

from collections.abc import Iterable
from dataclasses import dataclass

from sim.event_text import event_detail
from sim.kernel.printk import Event, EventKind
from sim.machine.firmware import SUCCESS


@dataclass(slots=True)
class CpuOnCall:
    """A call of CPU_ON for a logical CPU."""

    cpu: int
    time_ns: int
    answer: str = ""
    """As PSCI names it; empty where the boot ended before it."""
    arrived_ns: int | None = None
    """When the CPU arrived in the kernel; None: it never did, or not because of this call."""
    arrival: Event | None = None
    """The event of that arrival."""


def cpu_on_calls(events: Iterable[Event]) -> list[CpuOnCall]:
    """The calls, in order. A CPU arrives because of the call that was accepted, and not because of a later one."""
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
        elif event.kind is EventKind.CPU_ON_ANSWERED:
            latest[cpu].answer = event_detail(event)
            if event.detail == SUCCESS:
                accepted[cpu] = latest[cpu]
        elif event.kind is EventKind.ARRIVED and cpu in accepted:
            call = accepted.pop(cpu)
            call.arrived_ns, call.arrival = event.time_ns, event
    return calls
