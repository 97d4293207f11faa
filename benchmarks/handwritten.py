"""A boot written by hand in SimPy: the processes, resources and waits of a boot.

It has no record of vector lengths, no log and no facts, so its time is that of SimPy itself. Its waits are the default
latencies of `sim.latencies`.
"""

from collections.abc import Generator
from typing import Any

import simpy

US, MS, S = 1_000, 1_000_000, 1_000_000_000
Steps = Generator[simpy.Event, Any, None]


class Boot:
    """One boot of early and late CPUs; user space brings the late CPUs online, then runs a guest on some CPUs."""

    def __init__(self, cpus: int, early: int, guests: int) -> None:
        self.env = simpy.Environment()
        self.seats = [simpy.Resource(self.env, capacity=1) for _ in range(guests)]
        self.leaving = [self.env.event() for _ in range(guests)]
        self.lock = simpy.Resource(self.env, capacity=1)
        self.early = range(1, early)
        self.late = range(early, cpus)
        self.online = [0]
        self.running = self.env.event()
        self.env.process(self.boot_cpu())

    def boot_cpu(self) -> Steps:
        """Run the boot CPU until user space starts."""
        yield self.env.timeout(100 * US)
        for number in self.early:
            yield from self.bring_up(number)
        yield self.env.timeout(300 * US)
        yield self.env.timeout(30 * MS)
        yield self.env.timeout(20 * MS)
        yield self.env.timeout(400 * MS)
        if self.late or self.seats:
            self.env.process(self.user_space())

    def bring_up(self, number: int) -> Steps:
        """Bring a CPU online under the hotplug lock."""
        with self.lock.request() as lock:
            yield lock
            yield self.env.timeout(20 * US)
            self.running = self.env.event()
            self.env.process(self.secondary(number))
            yield self.running | self.env.timeout(5 * S)

    def secondary(self, number: int) -> Steps:
        """Run a secondary CPU."""
        yield self.env.timeout(200 * US)
        yield self.env.timeout(100 * US)
        self.online.append(number)
        self.running.succeed()

    def user_space(self) -> Steps:
        """Bring the late CPUs online, then run the guests."""
        steps = [self.bring_up(number) for number in self.late]
        steps += [self.guest(number) for number in range(len(self.seats))]
        for place, step in enumerate(steps):
            if place:
                yield self.env.timeout(1 * MS)
            yield from step

    def guest(self, number: int) -> Steps:
        """Run a guest on a CPU, with the save before it and the restore after it."""
        with self.seats[number].request() as seat:
            yield seat
            yield self.env.timeout(2 * US)
            yield self.env.timeout(500 * US) | self.leaving[number]
            yield self.env.timeout(2 * US)


def boot(cpus: int, early: int, guests: int) -> list[int]:
    """Boot, and return the CPUs that are online."""
    one = Boot(cpus, early, guests)
    one.env.run()
    return one.online
