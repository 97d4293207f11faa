"""Delta debugging of schedules: leave steps out as long as the finding remains.

Source of the idea: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
"""

import time
from bisect import bisect_left

from sim.explore.findings import Reached, Schedule, reached
from sim.explore.schedule_run import follow
from sim.scenario import Scenario


def first_shown(scenario: Scenario, schedule: Schedule, what: Reached) -> Schedule:
    """Return the beginning of a schedule up to the step that shows a finding.

    The finding must be a hazard: what was shown once stays shown, so bisection finds the step.
    """

    def is_shown(length: int) -> bool:
        return what in reached(follow(scenario, schedule[:length])[0])

    return schedule[: bisect_left(range(len(schedule)), True, key=is_shown)]


def minimised(
    scenario: Scenario, schedule: Schedule, what: Reached, until: float = float("inf")
) -> tuple[Schedule, bool]:
    """Return a schedule without the steps that its finding does not need.

    Half of the steps are tried first, then ever smaller parts, then single steps.

    Args:
        scenario: what is run.
        schedule: a schedule that shows the finding.
        what: the finding.
        until: the time, of `time.monotonic`, at which to stop.

    Returns:
        The schedule, and whether no step of it can be left out; False: not known.
    """
    size = max(1, len(schedule) // 2)
    while True:
        end, before = len(schedule), schedule
        # From the end: later steps depend on earlier steps, and a run leaves out those that are not enabled any more.
        while end > 0:
            if time.monotonic() >= until:
                return schedule, False
            outcome, shorter = follow(scenario, schedule[: max(0, end - size)] + schedule[end:])
            if what in reached(outcome):
                schedule = shorter
            end = min(end - size, len(schedule))  # the run may have left out more than the part
        # A part that was needed at first may not be once others are gone: single steps are tried until none can go.
        if size == 1 and schedule == before:
            return schedule, True
        size = max(1, size // 2)
