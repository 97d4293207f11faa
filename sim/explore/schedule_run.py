"""Runs of a scenario that follow a schedule."""

from collections import deque
from collections.abc import Callable, Sequence

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.controlled_env import controlled_boot
from sim.explore.findings import Reached, Schedule, reached
from sim.outcome import Outcome
from sim.scenario import Scenario


class Run:
    """A run that follows a schedule from the beginning, and the steps that may follow it.

    Generators cannot be copied, so a state cannot be kept to be continued: each run starts from the beginning.
    """

    def __init__(self, scenario: Scenario, schedule: Schedule, choices: "Choices", *, goes_on: bool = False) -> None:
        """Run a scenario.

        Args:
            scenario: what to run.
            schedule: the steps to follow.
            choices: returns the steps to explore of those that are enabled after the schedule.
            goes_on: True: go on from there as long as there is a single step to explore.
        """
        self._choices, self._goes_on = choices, goes_on
        self._taken = list(schedule)
        self.enabled: list[Step] = []
        """The steps that are enabled after the schedule."""
        self.next: list[Step] = []
        """The enabled steps to explore."""
        self.left_out = 0
        """The number of enabled steps beyond the schedule that need not be explored."""
        self.boot_run = controlled_boot(scenario, self._choose, schedule)
        self.outcome = self.boot_run.to_the_end()

    @property
    def schedule(self) -> Schedule:
        """The steps that happened."""
        return tuple(self._taken)

    @property
    def reached(self) -> set[Reached]:
        """The hazards and deadlocks of the run."""
        return reached(self.outcome)

    def _choose(self, enabled: list[Step]) -> Step | None:
        self.enabled, self.next = enabled, self._choices(self.boot_run, enabled)
        self.left_out += len(enabled) - len(self.next)
        if len(self.next) > 1 or not self._goes_on:
            return None
        self._taken.append(self.next[0])
        # Emptied: if this was the last step, nothing is enabled after it, and this method is not called again.
        self.enabled, self.next, only = [], [], self.next[0]
        return only


Choices = Callable[[BootRun, list[Step]], list[Step]]
"""Return the steps to explore of those that are enabled in a boot."""


def follow(scenario: Scenario, schedule: Sequence[Step]) -> tuple[Outcome, Schedule]:
    """Run a scenario by a schedule, to its end; a step that is not enabled is left out.

    Delta debugging needs that: with a step go the steps that it would have enabled.

    Returns:
        The outcome, and the steps that happened.
    """
    left, done = deque(schedule), list[Step]()

    def choose(enabled: list[Step]) -> Step | None:
        while left and left[0] not in enabled:
            left.popleft()
        if not left:
            return None
        done.append(left.popleft())
        return done[-1]

    outcome = controlled_boot(scenario, choose).to_the_end()
    return outcome, tuple(done)
