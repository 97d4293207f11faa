"""Firmware as Linux calls it: PSCI CPU_ON and CPU_OFF, with the faults that a scenario gives them, and SYSTEM_SUSPEND.

Source: the Arm Power State Coordination Interface; drivers/firmware/psci/psci.c for the errnos.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from sim.errnos import Errno
from sim.scenario import CPU_ON_ERRORS, Fault


class CpuOnAnswer(NamedTuple):
    """The answer to CPU_ON, as PSCI names it; `by_relay` is True if pKVM's relay gave it instead of firmware."""

    answer: str
    by_relay: bool = False


SUCCESS = CpuOnAnswer("SUCCESS")
"""The answer to a CPU_ON that was accepted."""


class CpuOn(msgspec.Struct, frozen=True):
    """The result of a CPU_ON: an errno, and the time of the CPU's arrival.

    `arrives_after_ns` is the time of arrival after the answer, in nanoseconds, or None for the scenario's latency;
    `arrives` is False if the CPU never arrives. `fault` is the scenario's fault, if it decided; otherwise the result
    follows from the state of the CPU.
    """

    error: Errno
    arrives: bool = True
    arrives_after_ns: int | None = None
    answer: CpuOnAnswer = SUCCESS
    fault: Fault | None = None


_ACCEPTED = CpuOn(Errno.OK)


class _FaultsOfCpu:
    """The faults of one CPU, which concern different calls of CPU_ON, and the number of calls so far."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = sorted(faults, key=_first)
        self._decided_by = max((fault.first - 1 if fault.last is None else fault.last) for fault in self._faults)
        self.calls = 0

    def snapshot(self) -> int:
        """Return the number of calls, up to the number after which all calls are alike."""
        return min(self.calls, self._decided_by)

    @property
    def that_stays_on(self) -> Fault | None:
        """The first fault that keeps the CPU on when it calls CPU_OFF."""
        return next((fault for fault in self._faults if fault.stays_on), None)

    def of_next_call(self) -> Fault | None:
        """Count a call of CPU_ON, and return the fault that concerns it."""
        self.calls += 1
        return self.of_last_call

    @property
    def of_last_call(self) -> Fault | None:
        """The fault that concerns the last CPU_ON, and the CPU_OFF that follows it."""
        place = bisect_right(self._faults, self.calls, key=_first) - 1
        return self._faults[place] if place >= 0 and self._faults[place].concerns(self.calls) else None


def _first(fault: Fault) -> int:
    return fault.first


class Psci:
    """The implementation of PSCI: it answers CPU_ON and SYSTEM_SUSPEND, and knows which hardware CPUs run.

    It knows nothing of logical numbers that CPUs took over from others: a CPU here is hardware, named by the number of
    its own MPIDR.

    Args:
        faults: the faults of each faulty CPU, by logical number.
    """

    def __init__(self, faults: Mapping[int, Iterable[Fault]]) -> None:
        self._faults = {number: _FaultsOfCpu(of_cpu) for number, of_cpu in sorted(faults.items())}
        self._awaited: set[int] = set()
        self._on: set[int] = {0}
        self._released: set[int] = set()
        """The CPUs that left a spin table: PSCI knows nothing of them."""
        self._stuck: set[int] = set()
        """The CPUs that called CPU_OFF and stay on by a fault."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        calls = tuple(of_cpu.snapshot() for of_cpu in self._faults.values())
        sets = (self._awaited, self._on, self._released, self._stuck)
        return *(tuple(sorted(numbers)) for numbers in sets), calls

    def cpu_on(self, number: int) -> CpuOn:
        """Answer CPU_ON for a CPU.

        A CPU that was started and has not arrived yet is ON_PENDING; a CPU that runs, under any number or parked, is
        ALREADY_ON. A fault with an answer comes before that. So does, before ON_PENDING, a fault that ends: firmware
        that loses a CPU twice has accepted it twice.
        """
        of_cpu = self._faults.get(number)
        fault = None if of_cpu is None else of_cpu.of_next_call()
        if fault is not None and fault.answer is not None:
            answer = CpuOnAnswer(fault.answer)
            return CpuOn(CPU_ON_ERRORS[fault.answer], arrives=False, answer=answer, fault=fault)
        pending = number in self._awaited and (fault is None or fault.last is None)
        if pending or number in self._on:
            name = "ON_PENDING" if pending else "ALREADY_ON"
            return CpuOn(
                CPU_ON_ERRORS[name], arrives=False, answer=CpuOnAnswer(name), fault=self._fault_of_stuck(number)
            )
        return self._started(number, fault)

    def _fault_of_stuck(self, number: int) -> Fault | None:
        """Return the fault that keeps a CPU on which called CPU_OFF; None if it called none."""
        return self._faults[number].that_stays_on if number in self._stuck else None

    def release(self, number: int) -> CpuOn:
        """Let a CPU out of its spin table: nothing is answered, and it is not known to be on its way."""
        self._released.add(number)
        of_cpu = self._faults.get(number)
        return self._started(number, None if of_cpu is None else of_cpu.of_next_call())

    def not_off(self, caller: int) -> list[int]:
        """Return the CPUs, except the caller, that are not off, in ascending order: with any of them it is not alone.

        SYSTEM_SUSPEND is then answered DENIED. A CPU that was started and never arrived is not off either.

        Source: Trusted Firmware-A, lib/psci/psci_suspend.c (``psci_system_suspend``, ``psci_is_last_on_cpu``).
        """
        return sorted((self._awaited | self._on) - self._released - {caller})

    def _started(self, number: int, fault: Fault | None) -> CpuOn:
        self._awaited.add(number)
        if fault is None:
            return _ACCEPTED
        return CpuOn(Errno.OK, not fault.never_arrives, fault.arrives_after_ns, fault=fault)

    def arrived(self, number: int) -> None:
        """Record that a CPU runs: CPU_ON is no longer pending."""
        self._awaited.discard(number)
        self._on.add(number)

    def off(self, number: int) -> bool:
        """Record that a CPU called CPU_OFF; return True if AFFINITY_INFO then says that it is off."""
        of_cpu = self._faults.get(number)
        fault = None if of_cpu is None or not of_cpu.calls else of_cpu.of_last_call
        if fault is not None and fault.stays_on:
            self._stuck.add(number)
        else:
            self._on.discard(number)
        return number not in self._on
