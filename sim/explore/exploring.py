"""Every order of a scenario's steps, until the whole reachable state space is covered."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.booting import Running
from sim.explore.choosing import ChosenEnvironment, late_arrivals
from sim.explore.reduction import Reduction
from sim.explore.state import state_of
from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.scenario import Scenario
from sim.scheduling import Step

Schedule = tuple[Step, ...]
"""The steps of a run, in order."""
MOST_STATES = 1_000_000


@dataclass
class Explored:
    """What came of exploring a scenario."""

    states: int = 0
    """Different states in which more than one step was tried, or none was left."""
    ends: int = 0
    """Different states in which nothing more can happen."""
    runs: int = 0
    """How often the scenario was run, from its beginning."""
    steps_tried: int = 0
    steps_left_out: int = 0
    """Steps that could have been next, and were independent of those that were tried."""
    complete: bool = True
    """Whether everything that can be reached was."""
    schedules: dict[HazardKind, Schedule] = field(default_factory=dict)
    """The hazards that can be reached, each with a schedule that does, of which no step can be left out."""


class _Stop:
    """Follows a schedule, then goes on while there is one way, and stops where there are more."""

    def __init__(self, schedule: Schedule, *, reduced: bool) -> None:
        self.schedule, self._reduced = list(schedule), reduced
        self._at = 0
        self.running: Running | None = None
        self.next: list[Step] = []
        self.left_out = 0

    def __call__(self, enabled: list[Step]) -> Step | None:
        if self._at < len(self.schedule):
            self._at += 1
            return self.schedule[self._at - 1]
        assert self.running is not None
        needed = Reduction(self.running).needed(enabled) if self._reduced else enabled
        self.left_out += len(enabled) - len(needed)
        if len(needed) > 1:
            self.next = needed
            return None
        self._at += 1
        self.schedule.append(needed[0])
        return needed[0]


def explore(scenario: Scenario, *, reduced: bool = True, most_states: int = MOST_STATES) -> Explored:
    """Let the steps of a scenario happen in every order, whatever time they take.

    Each run begins anew, since processes cannot be copied, follows a schedule, and stops where more than one step may
    be next. A state that was met before is not gone on from.

    Args:
        scenario: what to explore.
        reduced: leave out orders that come to the same (`sim.explore.reduction`).
        most_states: how many states to cover at most.
    """
    explored, seen = Explored(), set[int]()
    frontier: deque[Schedule] = deque([()])
    late = late_arrivals(scenario)
    while frontier and explored.states < most_states:
        choose = _Stop(frontier.popleft(), reduced=reduced)
        running = choose.running = Running(scenario, ChosenEnvironment(choose, late))
        _note(explored, running.to_the_end(), choose)
        state = state_of(running)
        if state not in seen:
            seen.add(state)
            _count(explored, choose)
            frontier.extend((*choose.schedule, step) for step in choose.next)
    explored.complete = not frontier
    for kind, schedule in explored.schedules.items():
        explored.schedules[kind] = _shortened(scenario, schedule, kind)
    return explored


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

    outcome = Running(scenario, ChosenEnvironment(choose, late_arrivals(scenario))).to_the_end()
    return outcome, tuple(done)


def _shortened(scenario: Scenario, schedule: Schedule, kind: HazardKind) -> Schedule:
    """A schedule without the steps that a hazard does not need: none of those that are left can be left out."""
    place = len(schedule)
    while place:
        place -= 1
        outcome, shorter = follow(scenario, schedule[:place] + schedule[place + 1 :])
        if any(hazard.kind is kind for hazard in outcome.found):
            schedule, place = shorter, min(place, len(shorter))
    return schedule


def _note(explored: Explored, outcome: Outcome, choose: _Stop) -> None:
    """Keep the schedule of each hazard that was not met before."""
    explored.runs += 1
    for hazard in outcome.found:
        explored.schedules.setdefault(hazard.kind, tuple(choose.schedule))


def _count(explored: Explored, choose: _Stop) -> None:
    explored.states += 1
    explored.ends += not choose.next
    explored.steps_tried += len(choose.next)
    explored.steps_left_out += choose.left_out
