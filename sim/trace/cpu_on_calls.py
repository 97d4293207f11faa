"""Calls of PSCI CPU_ON in a boot, each with its answer and with the arrival that it caused."""

from collections.abc import Iterable
from dataclasses import dataclass

from sim.kernel.printk import Event


@dataclass(slots=True)
class CpuOnCall:
    """A call of CPU_ON for a logical CPU."""

    cpu: int
    time_ns: int
    answer: str = ""
    """PSCI's name of the answer; empty if the boot ended before the call returned."""
    arrived_ns: int | None = None
    """The time at which the CPU arrived in the kernel; None: it never did, or another call caused it."""
    arrival_detail: str = ""
    """The detail of the arrival: the idle task that the CPU takes, or that none is left for it."""


def cpu_on_calls(events: Iterable[Event]) -> list[CpuOnCall]:
    """Return the calls of CPU_ON in the order in which they were made.

    The arrival of a CPU belongs to the last accepted call, not to the last call: while a slow CPU is on its way,
    further calls are answered ON_PENDING and cause nothing.
    """
    calls: list[CpuOnCall] = []
    latest: dict[int, CpuOnCall] = {}
    accepted: dict[int, CpuOnCall] = {}
    for time_ns, cpu, kind, detail in events:
        if cpu is None:
            continue
        if kind == "CPU_ON":
            latest[cpu] = CpuOnCall(cpu, time_ns)
            calls.append(latest[cpu])
        elif kind == "CPU_ON answered":
            latest[cpu].answer = detail
            if detail == "SUCCESS":
                accepted[cpu] = latest[cpu]
        elif kind == "arrived" and cpu in accepted:
            call = accepted.pop(cpu)
            call.arrived_ns, call.arrival_detail = time_ns, detail
    return calls
