"""Guests: each stay on a CPU touches SVE, so that the hypervisor saves and restores the host's registers."""

from collections.abc import Generator
from typing import Any

import simpy
from simpy.events import Event

from sim.errnos import Errno
from sim.facts import GuestVisit
from sim.processes.system import System
from sim.scenario import Action
from sim.vectors import bits_from_vq

PLACE = "a guest's place on cpu"
"""What the lock on a CPU's place for guests is called, but for the CPU's number."""


class Guests:
    """The guests of one system; CPUs are numbered logically."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._printk = system.printk
        self._facts = system.facts
        self._smp = system.smp
        self._env = system.env
        self._kvm = system.kvm
        self._seats: dict[int, simpy.Resource] = {}
        self._going_down: dict[int, Event] = {}

    def _leaving(self, number: int) -> Event:
        """The event that tells guests to leave a CPU."""
        return self._going_down.setdefault(number, self._env.event())

    def _stays(self, number: int) -> bool:
        """Whether a CPU is online and nobody takes it down."""
        return self._smp.is_online(number) and not self._leaving(number).triggered

    def leave(self, number: int) -> None:
        """Tell a CPU's guests to leave it; whoever then has its seat knows that they did."""
        self._leaving(number).succeed()

    def left(self, number: int) -> None:
        """The CPU is offline: guests may come again when it is back."""
        del self._going_down[number]

    def seat(self, number: int) -> simpy.Resource:
        """What a guest holds while it is on a CPU: one at a time."""
        if number not in self._seats:
            self._seats[number] = self._env.lock(f"{PLACE}{number}")
        return self._seats[number]

    def run(self, action: Action, number: int) -> Generator[Event, Any, tuple[str, Errno]]:
        """Run a guest on a CPU; where that goes offline, it moves to the lowest one online."""
        if not self._kvm.initialised:
            return "failed", Errno.ENOENT
        if not self._smp.is_online(number):
            return "failed", Errno.EINVAL
        rounds = 0
        while rounds < action.rounds:
            with self.seat(number).request() as seat:
                yield seat
                if self._stays(number):
                    killed = yield from self._round(action.guest, number)
                    rounds += 1
                    if killed:
                        return "killed", Errno.OK
            if not self._stays(number):
                number = next(one for one in self._smp.online() if one != number)
        return "ran", Errno.OK

    def _round(self, guest: str, number: int) -> Generator[Event, Any, bool]:
        """One stay of a guest on a CPU: it touches SVE, so the host's registers are saved and restored.

        The answer is whether the host kills the guest for what it finds afterwards.
        """
        latencies = self._system.scenario.latencies
        unit = self._system.unit(self._smp.runs[number])
        view = self._kvm.guest_view(unit)
        self._facts.guests.append(GuestVisit(guest, number, self._env.now_ns, view.vqs, view.killed))
        self._printk.event("guest enters", number, guest)
        pkvm = self._kvm.saving_pkvm
        if pkvm is not None:
            save = pkvm.save(number, unit, self._env.now_ns)
            self._printk.event("save", number, f"{bits_from_vq(save.running_vq)} bits")
            yield self._system.wait(latencies.save, "save", number)
            self._printk.event("saved", number)
        yield self._system.wait(latencies.guest_run, "guest_run", number) | self._leaving(number)
        self._printk.event("guest leaves", number, guest)
        if pkvm is not None:
            pkvm.restore(number, unit)
            self._printk.event("restore", number)
            yield self._system.wait(latencies.save, "save", number)
            self._printk.event("restored", number)
        return view.killed
