"""Schedules made shorter, as far as they still show what they should."""

import time
from bisect import bisect_left

from sim.explore.findings import Reached, Schedule, reached
from sim.explore.schedule_run import follow
from sim.scenario import Scenario


def first_shown(scenario: Scenario, schedule: Schedule, what: Reached) -> Schedule:
    """The beginning of a schedule up to the step that shows something: what is shown once stays so."""

    def is_shown(length: int) -> bool:
        return what in reached(follow(scenario, schedule[:length])[0])

    return schedule[: bisect_left(range(len(schedule)), True, key=is_shown)]


def without_needless(
    scenario: Scenario, schedule: Schedule, what: Reached, until: float = float("inf")
) -> tuple[Schedule, bool]:
    """A schedule without steps that are not needed to show something: many at a time first, then one by one.

    Args:
        scenario: what is run.
        schedule: a schedule that shows it.
        what: what it shows.
        until: a time, as `time.monotonic` tells it, at which to stop.

    Returns:
        The schedule, and whether it is known that no step of it can be left out.
    """
    size = max(1, len(schedule) // 2)
    while True:
        end, before = len(schedule), schedule
        while end > 0:
            if time.monotonic() >= until:
                return schedule, False
            outcome, shorter = follow(scenario, schedule[: max(0, end - size)] + schedule[end:])
            if what in reached(outcome):
                schedule = shorter
            end = min(end - size, len(schedule))
        if size == 1 and schedule == before:
            return schedule, True
        size = max(1, size // 2)
