"""Firmware as Linux meets it: PSCI CPU_ON, with the faults a scenario gives it.

Source: the Arm Power State Coordination Interface; drivers/firmware/psci/psci.c for the errnos.
"""

from dataclasses import dataclass

from sim.errnos import Errno
from sim.scenario import CPU_ON_ERRORS, Fault


@dataclass(frozen=True, slots=True)
class CpuOn:
    """What comes of one CPU_ON: an errno (0: accepted), and when the CPU arrives.

    `arrives_after_ns` None means after the usual latency; `arrives` False means never.
    """

    error: Errno
    arrives: bool = True
    arrives_after_ns: int | None = None
    answer: str = "SUCCESS"


class Psci:
    """Answers CPU_ON for logical CPUs."""

    def __init__(self, faults: dict[int, Fault]) -> None:
        self._faults = faults
        self._awaited: set[int] = set()

    def cpu_on(self, number: int) -> CpuOn:
        """Ask for a CPU to be started.

        One that was accepted before and has not arrived yet is still ON_PENDING.
        """
        fault = self._faults.get(number)
        if number in self._awaited:
            return CpuOn(CPU_ON_ERRORS["ON_PENDING"], arrives=False, answer="ON_PENDING")
        if fault is None:
            return CpuOn(Errno.OK)
        if fault.answer is not None:
            return CpuOn(CPU_ON_ERRORS[fault.answer], arrives=False, answer=fault.answer)
        self._awaited.add(number)
        if fault.never_arrives:
            return CpuOn(Errno.OK, arrives=False)
        return CpuOn(Errno.OK, arrives_after_ns=fault.arrives_after_ns)

    def arrived(self, number: int) -> None:
        """Note that a CPU runs: CPU_ON is no longer pending."""
        self._awaited.discard(number)
