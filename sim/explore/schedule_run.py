"""Runs that follow a schedule."""

from collections import deque
from collections.abc import Callable, Sequence

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.controlled_env import chosen_boot
from sim.explore.findings import Reached, Schedule, reached
from sim.outcome import Outcome
from sim.scenario import Scenario


class Run:
    """A run by a schedule, from the beginning, and what may follow.

    Processes cannot be copied, so each run begins anew.
    """

    def __init__(self, scenario: Scenario, schedule: Schedule, choices: "Choices", *, goes_on: bool = False) -> None:
        """Run a scenario.

        Args:
            scenario: what to run.
            schedule: the steps to follow.
            choices: what is asked where the schedule ends: which of the steps that may be next are to be tried.
            goes_on: whether the run goes on from there while only one step is to be tried.
        """
        self._choices, self._goes_on = choices, goes_on
        self._taken = list(schedule)
        self._at = 0
        self.enabled: list[Step] = []
        """What may be next."""
        self.next: list[Step] = []
        """What of it is to be tried."""
        self.left_out = 0
        """So many steps that might have been next on the way, beyond the schedule, are not to be tried."""
        self.running = chosen_boot(scenario, self._choose)
        self.outcome = self.running.to_the_end()

    @property
    def schedule(self) -> Schedule:
        """The steps that happened."""
        return tuple(self._taken)

    @property
    def reached(self) -> set[Reached]:
        """What it came to."""
        return reached(self.outcome)

    def _choose(self, enabled: list[Step]) -> Step | None:
        if self._at < len(self._taken):
            self._at += 1
            return self._taken[self._at - 1]
        self.enabled, self.next = enabled, self._choices(self.running, enabled)
        self.left_out += len(enabled) - len(self.next)
        if len(self.next) > 1 or not self._goes_on:
            return None
        self._at += 1
        self._taken.append(self.next[0])
        self.enabled, self.next, only = [], [], self.next[0]
        return only


Choices = Callable[[BootRun, list[Step]], list[Step]]
"""Which of the steps that may be next in a boot are to be tried."""


def follow(scenario: Scenario, schedule: Sequence[Step]) -> tuple[Outcome, Schedule]:
    """Run a scenario by a schedule, to its end; a step that may not be next is left out.

    Returns:
        What came of it, and the steps that happened.
    """
    left, done = deque(schedule), list[Step]()

    def choose(enabled: list[Step]) -> Step | None:
        while left and left[0] not in enabled:
            left.popleft()
        if not left:
            return None
        done.append(left.popleft())
        return done[-1]

    outcome = chosen_boot(scenario, choose).to_the_end()
    return outcome, tuple(done)
