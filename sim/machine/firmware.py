"""Firmware as Linux calls it: PSCI CPU_ON, with the faults that a scenario gives it.

Source: the Arm Power State Coordination Interface; drivers/firmware/psci/psci.c for the errnos.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sim.errnos import Errno
from sim.scenario import CPU_ON_ERRORS, Fault


class CpuOnAnswer(NamedTuple):
    """The answer to CPU_ON, as PSCI names it; `by_relay` is True if pKVM's relay gave it instead of firmware."""

    answer: str
    by_relay: bool = False


SUCCESS = CpuOnAnswer("SUCCESS")
"""The answer to a CPU_ON that was accepted."""


@dataclass(frozen=True, slots=True)
class CpuOn:
    """The result of a CPU_ON: an errno, and the time of the CPU's arrival.

    `arrives_after_ns` is the time of arrival after the answer, in nanoseconds, or None for the scenario's latency;
    `arrives` is False if the CPU never arrives. `by_fault` is True if a fault of the scenario causes the answer;
    otherwise it follows from the state of the CPU.
    """

    error: Errno
    arrives: bool = True
    arrives_after_ns: int | None = None
    answer: CpuOnAnswer = SUCCESS
    by_fault: bool = False


_ACCEPTED = CpuOn(Errno.OK)


class Psci:
    """The implementation of PSCI: it answers CPU_ON, and knows which hardware CPUs run.

    It knows nothing of logical numbers that CPUs took over from others: a CPU here is hardware, named by the number of
    its own MPIDR.

    Args:
        faults: each faulty CPU's fault, by logical number.
    """

    def __init__(self, faults: dict[int, Fault]) -> None:
        self._faults = faults
        self._awaited: set[int] = set()
        self._on: set[int] = {0}

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple(sorted(self._awaited)), tuple(sorted(self._on))

    def cpu_on(self, number: int) -> CpuOn:
        """Answer CPU_ON for a CPU.

        A CPU that was started and has not arrived yet is ON_PENDING; a CPU that runs, under any number or parked, is
        ALREADY_ON.
        """
        # The CPU's state comes before its fault: a fault changes only a call that could start the CPU.
        fault = self._faults.get(number)
        if number in self._awaited or number in self._on:
            name = "ON_PENDING" if number in self._awaited else "ALREADY_ON"
            return CpuOn(CPU_ON_ERRORS[name], arrives=False, answer=CpuOnAnswer(name))
        if fault is not None and fault.answer is not None:
            answer = CpuOnAnswer(fault.answer)
            return CpuOn(CPU_ON_ERRORS[fault.answer], arrives=False, answer=answer, by_fault=True)
        # A CPU that never arrives stays awaited, so that asking again is answered ON_PENDING.
        self._awaited.add(number)
        if fault is None:
            return _ACCEPTED
        return CpuOn(Errno.OK, arrives=not fault.never_arrives, arrives_after_ns=fault.arrives_after_ns)

    def arrived(self, number: int) -> None:
        """Record that a CPU runs: CPU_ON is no longer pending."""
        self._awaited.discard(number)
        self._on.add(number)

    def off(self, number: int) -> None:
        """Record that a CPU called CPU_OFF."""
        self._on.discard(number)
