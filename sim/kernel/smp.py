"""Which CPUs are present and online, and the boot arguments that an arriving CPU takes.

One record, ``secondary_data``, holds the idle task for the CPU that is being brought up. It is cleared where
the wait for a CPU was in vain, and *only* there: after a CPU came online its idle task stays in the record
until the next bring-up. A CPU that arrives too late takes whatever it finds.

Source: arch/arm64/kernel/smp.c (``__cpu_up``, ``secondary_start_kernel``, ``cpu_die_early``), head.S
(``__secondary_too_slow``), psci.c.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sim.errnos import Errno
from sim.kernel.printk import Printk

WAIT_NS = 5_000_000_000
"""How long a CPU waits for another to come online: a fact, not a latency."""
MIDR = 0x000F0510


@dataclass(slots=True)
class SecondaryData:
    """``secondary_data``: the arguments for the next CPU to arrive."""

    task: int | None = None
    """Whose idle task it takes, as a logical number."""
    killed: bool = False
    """``status`` is CPU_KILL_ME: the CPU refused itself."""


class Smp:
    """CPU sets and boot arguments; CPUs are logical numbers.

    Args:
        cpus: how many CPUs are possible.
        mpidr: MPIDR_EL1 of a CPU.
        printk: the kernel log.
    """

    def __init__(self, cpus: int, mpidr: Callable[[int], int], printk: Printk) -> None:
        self._printk = printk
        self._mpidr = mpidr
        self._present = bytearray(b"\1") * cpus
        self._online = bytearray(cpus)
        self.runs: dict[int, int] = {}
        """Idle task to the CPU that runs it, both as logical numbers: the same, unless something went wrong.

        Where two CPUs took one, it is the first that came online, or else the first that took it.
        """

    def is_online(self, number: int) -> bool:
        """Whether a CPU is online."""
        return bool(self._online[number])

    def is_present(self, number: int) -> bool:
        """Whether a CPU is present: one that was refused is not."""
        return bool(self._present[number])

    def online(self) -> list[int]:
        """The CPUs that are online, ascending."""
        return [number for number, is_online in enumerate(self._online) if is_online]

    def boot_cpu_online(self) -> None:
        """The boot CPU needs nobody to bring it up."""
        self._online[0] = 1
        self.runs[0] = 0

    def booted(self, task: int, hw_cpu: int) -> None:
        """A CPU has come through its start and is online, as the CPU whose idle task it took."""
        self._printk.line(f"CPU{task}: Booted secondary processor {self._mpidr(hw_cpu):#012x} [{MIDR:#010x}]")
        if not self._online[task]:
            self.runs[task] = hw_cpu
        self._online[task] = 1

    def cpu_die_early(self, task: int, hw_cpu: int, data: SecondaryData) -> None:
        """A CPU refused itself: the number it took leaves the present set, and it waits to be killed."""
        self._printk.line(f"CPU{task}: will not boot")
        self._present[task] = 0
        data.killed = True
        if self.runs.get(task) == hw_cpu:
            del self.runs[task]

    def failed_to_boot(self, number: int, error: Errno) -> None:
        """CPU_ON was answered with an error."""
        self._printk.line(f"psci: failed to boot CPU{number} ({-error})")
        self._printk.line(f"CPU{number}: failed to boot: {-error}")

    def failed_to_come_online(self, number: int, data: SecondaryData) -> Errno:
        """The wait for a CPU was in vain: say what is known, and return the errno."""
        self._printk.line(f"CPU{number}: failed to come online")
        data.task = None
        if data.killed:
            self._killed_line(number)
            self._printk.line(f"CPU{number}: died during early boot")
        else:
            self._printk.line(f"CPU{number}: failed in unknown state : 0x0")
        return Errno.EIO

    def cpu_down(self, number: int) -> int:
        """A CPU has gone offline; the answer is the CPU that it was."""
        self._online[number] = 0
        self._killed_line(number)
        return self.runs.pop(number)

    def _killed_line(self, number: int) -> None:
        self._printk.line(f"psci: CPU{number} killed (polled 0 ms)")
