"""Guests: each stay on a CPU touches SVE, so that the hypervisor saves and restores the host's registers.

A CPU has a seat, a lock that a guest holds during a stay. Taking the CPU offline asks its guests to leave and then
takes the seat itself, so that the host's registers are restored before the CPU goes. A CPU runs one guest at a time,
and a guest whose CPU is gone moves to the online CPU with the lowest number: both are assumptions of the model.
"""

from collections.abc import Generator
from functools import lru_cache
from typing import Any

import msgspec
import simpy
from simpy.events import Event

from sim.environment import Lock, StepKind, Until
from sim.errnos import Errno
from sim.facts import ActionOutcome, GuestVisit
from sim.kernel.printk import EventKind, Guest, SaveLength
from sim.processes.system import Steps, System
from sim.scenario import Action
from sim.vectors import bits_from_vq

# Events of the same guest, and saves of the same length, share their details, so that large boots stay small.
_detail = lru_cache(maxsize=256)(Guest)


@lru_cache(maxsize=16)
def _save_length(running_vq: int) -> SaveLength:
    return SaveLength(bits_from_vq(running_vq))


class _GuestRun(msgspec.Struct):
    """The progress of an agent's guest."""

    number: int
    """The logical number of the CPU that it is on, or wants to enter."""
    rounds: int = 0
    """The number of stays that are over."""
    killed: bool = False
    """True if the host killed the process that ran it."""

    def is_over(self, rounds: int) -> bool:
        """Return True if the guest was killed or has made its rounds."""
        return self.killed or self.rounds >= rounds


class Guests:
    """The guests of a system; CPUs are logical numbers."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._printk = system.printk
        self._smp = system.smp
        self._env = system.env
        self._kvm = system.kvm
        self._seats: dict[int, simpy.Resource] = {}
        self._told_to_leave: set[int] = set()
        """The CPUs that guests may not be on: they are taken down, or the system suspends."""
        self._stays: dict[int, Until] = {}
        """The time that the guest of each CPU still has there, if its registers are in place."""
        self._runs: dict[str, _GuestRun] = {}

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on; locks and awaited steps are the environment's."""
        # The time that a guest still has on its CPU is a step of the environment's.
        leaving = tuple(sorted(self._told_to_leave))
        runs = tuple(sorted((agent, run.number, run.rounds, run.killed) for agent, run in self._runs.items()))
        return leaving, runs

    def _may_enter(self, number: int) -> bool:
        """Return True if a CPU is online and is not being taken down."""
        return self._smp.is_online(number) and number not in self._told_to_leave

    def leave(self, number: int) -> None:
        """Tell a CPU's guests to leave it. The caller then takes the seat, which it gets when they have left."""
        self._told_to_leave.add(number)
        if number in self._stays:
            self._stays[number].cut_short()

    def left(self, number: int) -> None:
        """Forget that guests were told to leave a CPU, which is offline now, so that they may enter once it is back."""
        self._told_to_leave.remove(number)

    def freeze(self) -> Steps:
        """Make all guests leave their CPUs, and wait until they have; the caller holds the hotplug lock.

        The tasks that run them are frozen then, and do not enter any CPU until `thaw`.
        """
        online = self._smp.online()
        for number in online:
            self.leave(number)
        for number in online:
            if self.seat(number).users:
                with self.seat(number).request() as seat:
                    yield seat

    def thaw(self) -> None:
        """Let guests enter their CPUs again."""
        self._told_to_leave.clear()

    def seat(self, number: int) -> simpy.Resource:
        """Return the lock that a guest holds while it is on a CPU."""
        if number not in self._seats:
            self._seats[number] = self._env.lock(Lock(StepKind.TAKE_SEAT, number))
        return self._seats[number]

    def run(self, action: Action, number: int) -> Generator[Event, Any, tuple[ActionOutcome, Errno]]:
        """Run a guest on a CPU, and return its outcome with an errno.

        When the CPU goes offline, the guest moves to the online CPU with the lowest number.

        Args:
            action: the action of user space, with the guest's name and its number of rounds.
            number: the logical number of the first CPU.
        """
        if not self._kvm.initialised:
            return ActionOutcome.FAILED, Errno.ENOENT
        if not self._smp.is_online(number):
            return ActionOutcome.FAILED, Errno.EINVAL
        run = self._runs[action.agent] = _GuestRun(number)
        while not run.is_over(action.rounds):
            with self.seat(run.number).request() as seat:
                yield seat
                # The CPU may have gone while the guest waited for the seat.
                if self._may_enter(run.number):
                    yield from self._round(action.guest, run)
                    run.rounds += 1
            yield from self._system.freezer.thawed(action.agent)
            # Another CPU is always online: the last CPU cannot be taken down.
            if not (run.is_over(action.rounds) or self._may_enter(run.number)):
                run.number = next(online for online in self._smp.online() if online != run.number)
        del self._runs[action.agent]
        return ActionOutcome.KILLED if run.killed else ActionOutcome.RAN, Errno.OK

    def _round(self, guest: str, run: _GuestRun) -> Generator[Event, Any, None]:
        """Let a guest stay on a CPU once: it touches SVE, so the host's registers are saved and restored."""
        number, detail, latencies = run.number, _detail(guest), self._system.scenario.latencies
        # The vector unit is that of the hardware CPU that runs under the number, which may be another CPU's.
        unit = self._system.unit(self._smp.runs[number])
        view = self._kvm.guest_view(unit)
        entered = self._printk.event(EventKind.GUEST_ENTERS, number, detail)
        visit = GuestVisit(guest, number, self._env.now_ns, view.vqs, view.killed, entered)
        self._system.recorder.guests.append(visit)
        # The guest still makes this stay: the host sees the difference only when it saves the guest's registers.
        run.killed = view.killed
        pkvm, area = self._kvm.pkvm, self._kvm.save_area
        if pkvm is not None and area is not None:
            save = pkvm.save(number, unit, self._env.now_ns)
            self._printk.event(EventKind.SAVE, number, _save_length(save.running_vq))
            yield self._system.wait(latencies.save, StepKind.SAVE, number)
            self._printk.event(EventKind.SAVED, number)
        whole_stay = self._system.wait(latencies.guest_run, StepKind.GUEST_RUN, number)
        stay = self._stays[number] = Until(self._env, whole_stay)
        if number in self._told_to_leave:
            stay.cut_short()
        yield stay
        del self._stays[number]
        self._printk.event(EventKind.GUEST_LEAVES, number, detail)
        if area is not None:
            area.restore(number, unit)
            self._printk.event(EventKind.RESTORE, number)
            yield self._system.wait(latencies.save, StepKind.RESTORE, number)
            self._printk.event(EventKind.RESTORED, number)
