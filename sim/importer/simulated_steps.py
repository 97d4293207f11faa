"""The steps of CPUs in the log of a simulated boot, read by the reader of real logs."""

from sim.facts import ActionResult, Facts
from sim.importer.hotplug_history import Hotplug, HotplugHistory
from sim.importer.log_text import parse_line

_NANOSECONDS = 1e9


class SimulatedSteps:
    """The steps of a boot whose CPUs are in Linux's order, with their times.

    Args:
        facts: the boot. Its topology tells whose each MPIDR is.
    """

    def __init__(self, facts: Facts) -> None:
        topology = facts.scenario.topology
        own_numbers = {topology.mpidr(cpu): cpu for cpu in range(len(topology.cpus))}
        self._history = HotplugHistory({0}, own_numbers)
        self.times_ns: list[int] = []
        """The time of each step and each late arrival of the `sequence`."""
        self._counts = [0]
        """The number of steps, without late arrivals, before each line of the log, and at its end."""
        for told in facts.log:
            if (line := parse_line(told.text)) is not None:
                self._history.read(line, f"{told.time_ns / _NANOSECONDS:.9f}")
            steps = len(self._history.early) + len(self._history.late)
            self._counts.append(steps)
            self.times_ns += [told.time_ns] * (steps + len(self._history.arrivals) - len(self.times_ns))

    @property
    def sequence(self) -> list[Hotplug]:
        """Every step and every late arrival."""
        return self._history.sequence

    def of_action(self, action: ActionResult) -> list[Hotplug]:
        """Return the steps of an action of user space."""
        return self._history.steps[self._counts[action.log_from] : self._counts[action.log_to]]
