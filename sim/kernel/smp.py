"""The sets of present and online CPUs, and the boot arguments that an arriving CPU takes.

One record, ``secondary_data``, holds the idle task for the CPU that is being brought up. It is cleared when the wait
for a CPU ends in vain, and *only* then: after a CPU came online its idle task stays in the record until the next
bring-up. A CPU that arrives too late takes whatever the record holds. It may then run under another CPU's logical
number; its own hardware is named `hw_cpu`, by the logical number of its MPIDR.

Source: arch/arm64/kernel/smp.c (``__cpu_up``, ``secondary_start_kernel``, ``cpu_die_early``), head.S
(``__secondary_too_slow``), psci.c.
"""

import msgspec

from sim.errnos import Errno
from sim.kernel.printk import KernelPanic, Printk
from sim.topology import Topology

_NOT_OFF = -110
"""-ETIMEDOUT, by which ``cpu_psci_cpu_kill`` says that a CPU did not go off in time."""


class SecondaryData(msgspec.Struct):
    """``secondary_data``: the arguments for the next CPU to arrive."""

    task: int | None = None
    """The logical number of the CPU whose idle task it takes; None: no boot arguments."""
    killed: bool = False
    """``status`` is CPU_KILL_ME: the CPU refused itself."""
    panics_because: str = ""
    """``status`` is CPU_PANIC_KERNEL: why the CPU waits for the kernel's panic; empty: it does not."""
    stays_on: bool = False
    """Firmware goes on reporting a CPU that refused itself as on."""
    stuck: str = ""
    """``status`` is CPU_STUCK_IN_KERNEL: what the CPU does not support; empty: it is not stuck."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.task, self.killed, self.stays_on, self.panics_because, self.stuck


class Smp:
    """The sets of CPUs, as logical numbers.

    Args:
        topology: the CPUs, all of them possible.
        printk: the kernel log.
    """

    def __init__(self, topology: Topology, printk: Printk) -> None:
        self._printk = printk
        self._topology = topology
        cpus = len(topology.cpus)
        self._present = bytearray(b"\1") * cpus
        self._online = bytearray(cpus)
        self.runs: dict[int, int] = {}
        """The hardware CPU that runs each idle task: its own, unless a late arrival took another's.

        Where two CPUs took one task, it is the first of them that came online, else the first that took it.
        """

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return bytes(self._present), bytes(self._online), tuple(sorted(self.runs.items()))

    def is_online(self, number: int) -> bool:
        """Return True if a CPU is online."""
        return bool(self._online[number])

    def is_present(self, number: int) -> bool:
        """Return True if a CPU is present; a CPU that was refused no longer is."""
        return bool(self._present[number])

    def online(self) -> list[int]:
        """Return the CPUs that are online, in ascending order."""
        return [number for number, is_online in enumerate(self._online) if is_online]

    def boot_cpu_online(self) -> None:
        """Mark the boot CPU as online."""
        self._online[0] = True
        self.runs[0] = 0

    def booted(self, task: int, hw_cpu: int) -> None:
        """Mark a CPU as online after its start.

        Args:
            task: the logical number whose idle task it took.
            hw_cpu: the hardware CPU, whose own MPIDR and MIDR the log prints.
        """
        core = self._topology.logical[hw_cpu].features.core
        if not core.is_unknown:
            mpidr = self._topology.mpidr(hw_cpu)
            self._printk.line(f"CPU{task}: Booted secondary processor {mpidr:#012x} [{core.midr:#010x}]")
        # The second of two CPUs on one idle task finds the number online. `runs` keeps the first.
        if not self._online[task]:
            self.runs[task] = hw_cpu
        self._online[task] = True

    def cpu_die_early(self, task: int, hw_cpu: int, data: SecondaryData) -> None:
        """Take the number of a CPU that refused itself out of the present set.

        ``status`` becomes CPU_KILL_ME. The caller turns the hardware off: the CPU calls CPU_OFF.

        Args:
            task: the logical number whose idle task the CPU took, and which the log names.
            hw_cpu: the hardware CPU.
            data: the boot arguments that it took the task from.
        """
        self._printk.line(f"CPU{task}: will not boot")
        self._present[task] = False
        data.killed = True
        # Not if another CPU runs under the number: it took the same task, and stays.
        if self.runs.get(task) == hw_cpu:
            del self.runs[task]

    def failed_to_boot(self, number: int, error: Errno) -> None:
        """Log that CPU_ON was answered with an error; the kernel does not clear the boot arguments then."""
        self._printk.line(f"psci: failed to boot CPU{number} ({-error})")
        self._printk.line(f"CPU{number}: failed to boot: {-error}")

    def failed_to_come_online(self, number: int, data: SecondaryData) -> Errno:
        """Log that the wait for a CPU ended in vain, clear the boot arguments, and return the errno.

        Nothing else clears ``secondary_data.task``; a CPU that arrives from now on until the next bring-up parks.

        Raises:
            KernelPanic: the CPU contradicts the boot CPU.
        """
        self._printk.line(f"CPU{number}: failed to come online")
        data.task = None
        if data.killed and data.stays_on:
            self._psci_line(number, is_off=False)
            self._printk.line(f"CPU{number}: may not have shut down cleanly")
            self._printk.line(f"CPU{number}: is stuck in kernel")
        elif data.killed:
            self._psci_line(number, is_off=True)
            self._printk.line(f"CPU{number}: died during early boot")
        elif data.panics_because:
            self._printk.line(f"Kernel panic - not syncing: CPU{number} detected unsupported configuration")
            raise KernelPanic(number, data.panics_because)
        elif data.stuck:
            self._printk.line(f"CPU{number}: is stuck in kernel")
            self._printk.line(f"CPU{number}: does not support {data.stuck}")
        else:
            self._printk.line(f"CPU{number}: failed in unknown state : 0x0")
        return Errno.EIO

    def cpu_down(self, number: int) -> int:
        """Mark a CPU as offline, and return the hardware CPU that ran under the number."""
        self._online[number] = False
        return self.runs.pop(number)

    def cpu_kill(self, number: int, *, is_off: bool) -> None:
        """Log whether a CPU that went down is off, as AFFINITY_INFO says; the kernel goes on in either case.

        It asks for a tenth of a second before it says that the CPU may still be on. The model spends no time on that.
        """
        self._psci_line(number, is_off=is_off)
        if not is_off:
            self._printk.line(f"CPU{number} may not have shut down cleanly: {_NOT_OFF}")

    def _psci_line(self, number: int, *, is_off: bool) -> None:
        outcome = "killed (polled 0 ms)" if is_off else "may not have shut down cleanly (AFFINITY_INFO reports 0)"
        self._printk.line(f"psci: CPU{number} {outcome}")
