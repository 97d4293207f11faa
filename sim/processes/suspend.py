"""Suspend and resume: all CPUs but one go down, the system sleeps, and the same CPUs come up again.

User space is frozen meanwhile, and CPU hotplug is locked. The boot CPU stays up or, where it is offline, the online CPU
with the lowest number. A CPU that cannot go down ends the suspend; a CPU that does not come back does not. A system
without PSCI suspends to idle instead, and all CPUs stay online.

Source: kernel/power/suspend.c (``pm_suspend``, ``suspend_enter``), kernel/cpu.c (``freeze_secondary_cpus``,
``thaw_secondary_cpus``), drivers/firmware/psci/psci.c (``psci_system_suspend``). Recorded boots have the way down and
up by the kernel's test of it, ``processors`` in /sys/power/pm_test.
"""

from collections.abc import Generator, Iterator
from typing import Any

from simpy.events import Event

from sim.environment import StepKind
from sim.errnos import Errno
from sim.facts import Suspended
from sim.kernel.printk import EventKind
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.system import Answer, Steps, System


class Suspend:
    """The suspend and the resume of a system.

    Args:
        system: the system.
        hotplug: brings CPUs online, and takes them down.
        guests: the guests, which leave their CPUs before.
    """

    def __init__(self, system: System, hotplug: Hotplug, guests: Guests) -> None:
        self._system = system
        self._printk = system.printk
        self._hotplug = hotplug
        self._guests = guests
        self._is_under_way = False
        self._down: list[int] = []
        """``frozen_cpus``: the CPUs that were taken down, and that were not brought up again so far."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on; locks and awaited steps are the environment's."""
        return self._is_under_way, tuple(self._down)

    def run(self) -> Answer:
        """Suspend the system, and return the errno when it has resumed; one suspend at a time."""
        is_deep = self._system.scenario.has_psci
        self._printk.line(f"PM: suspend entry ({'deep' if is_deep else 's2idle'})")
        error = Errno.EBUSY
        if not self._is_under_way:
            self._is_under_way = True
            error = yield from self._hotplug.locked(None, self._suspend() if is_deep else self._idle())
            self._is_under_way = False
        self._printk.line("PM: suspend exit")
        return error

    def _suspend(self) -> Answer:
        self._system.freezer.freeze()
        yield from self._guests.freeze()
        primary = self._system.smp.online()[0]
        error, stayed_up = Errno.OK, None
        self._printk.line("Disabling non-boot CPUs ...")
        for number in self._secondaries(primary):
            error = yield from self._hotplug.take_down(number)
            if error:
                self._printk.line(f"Error taking CPU{number} down: {-error}")
                self._printk.line("Non-boot CPUs are not disabled")
                stayed_up = number
                break
            self._down.append(number)
        not_off = [] if error else self._system.psci.not_off(self._system.smp.runs[primary])
        if not_off:
            error = Errno.EPERM  # what the kernel makes of PSCI's DENIED
        if not error:
            yield from self._sleep(primary)
        not_back = yield from self._thaw_secondary_cpus()
        self._system.recorder.suspends.append(
            Suspended(self._system.env.now_ns, stayed_up, tuple(not_off), tuple(not_back))
        )
        self._guests.thaw()
        self._system.freezer.thaw()
        return error

    def _idle(self) -> Answer:
        """Suspend to idle: user space is frozen, and every CPU stays online.

        Without PSCI's SYSTEM_SUSPEND nothing registers operations for a suspend, and the kernel has no deeper state.

        Source: kernel/power/suspend.c (``suspend_enter``, ``s2idle_loop``, ``mem_sleep_states``).
        """
        self._system.freezer.freeze()
        yield from self._guests.freeze()
        primary = self._system.smp.online()[0]
        self._printk.event(EventKind.ASLEEP, primary)
        yield self._system.wait(self._system.scenario.latencies.sleep, StepKind.SLEEP, primary)
        self._printk.event(EventKind.AWAKE, primary)
        self._system.recorder.suspends.append(Suspended(self._system.env.now_ns, None, (), ()))
        self._guests.thaw()
        self._system.freezer.thaw()
        return Errno.OK

    def _secondaries(self, primary: int) -> Iterator[int]:
        """Yield the CPUs that go down, in the order in which they do."""
        numbers = range(len(self._system.logical))
        for number in numbers if self._system.scenario.flags.suspend_ascends else reversed(numbers):
            # The kernel looks at each CPU when its turn comes: a CPU that was given up may have arrived meanwhile.
            if number != primary and self._system.smp.is_online(number):
                yield number

    def _sleep(self, primary: int) -> Steps:
        """Let the last CPU call SYSTEM_SUSPEND: it starts again like a CPU that was off, and need not be verified.

        Source: arch/arm64/kernel/sleep.S (``cpu_resume``).
        """
        self._printk.event(EventKind.ASLEEP, primary)
        yield self._system.wait(self._system.scenario.latencies.sleep, StepKind.SLEEP, primary)
        self._system.reset_unit(self._system.smp.runs[primary])
        self._printk.event(EventKind.AWAKE, primary)

    def _thaw_secondary_cpus(self) -> Generator[Event, Any, list[int]]:
        """Bring up the CPUs that were taken down, in ascending order, and return those that do not come."""
        not_back = []
        self._down.sort()
        if self._down:
            self._printk.line("Enabling non-boot CPUs ...")
        while self._down:
            number = self._down[0]
            error = yield from self._hotplug.bring_up(number)
            del self._down[0]
            if error:
                self._printk.line(f"Error taking CPU{number} up: {-error}")
                not_back.append(number)
            else:
                self._printk.line(f"CPU{number} is up")
        return not_back
