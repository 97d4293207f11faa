"""Calls of CPU_ON, each with its answer and the arrival that it led to."""

from collections.abc import Iterable
from dataclasses import dataclass

from sim.kernel.printk import Event


@dataclass(slots=True)
class CpuOnCall:
    """A call of CPU_ON for a logical CPU."""

    cpu: int
    time_ns: int
    answer: str = ""
    """As PSCI names it; empty where the boot ended before it."""
    arrived_ns: int | None = None
    """When the CPU arrived in the kernel; None: it never did, or not because of this call."""
    as_told: str = ""
    """What the CPU finds there, in words."""


def cpu_on_calls(events: Iterable[Event]) -> list[CpuOnCall]:
    """The calls, in order. A CPU arrives because of the call that was accepted, and not because of a later one."""
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
            call.arrived_ns, call.as_told = time_ns, detail
    return calls
