"""Breadth-first search for the shortest schedules that show a finding.

Schedules are tried in the order of their length. A step that is independent of everything that may happen without it,
and that shows no hazard itself, can be put off until just before a step that it enables (`Reduction.postponable`); so
after such a step only the steps that it enabled are tried. Putting off does not make a schedule longer, so a shortest
schedule is still among those that are tried. Partial-order reduction itself would not do here: its order of independent
steps reaches every hazard, but not always by the fewest steps.
"""

import time
from heapq import heappop, heappush

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.findings import Reached, Schedule
from sim.explore.fingerprint import fingerprint
from sim.explore.reduction import Reduction
from sim.explore.schedule_run import Run
from sim.scenario import Scenario

MOST_RUNS = 20_000


class Shortest:
    """A search for the shortest schedules of findings that are known to be reachable."""

    def __init__(self, scenario: Scenario, known: dict[Reached, Schedule]) -> None:
        """Prepare to search.

        Args:
            scenario: what is run.
            known: for each finding, a schedule that shows it.
        """
        self._scenario = scenario
        self.schedules = dict(known)
        """For each finding, the shortest known schedule."""
        self._tried = 0

    def is_shortest(self, what: Reached) -> bool:
        """Return True if all shorter schedules were tried."""
        return self._tried >= len(self.schedules[what]) - 1

    def search(self, until: float, *, reduced: bool = True, most_runs: int = MOST_RUNS) -> None:
        """Try schedules, the shortest first, until all findings have their shortest, a time, or a number of runs."""
        first = self._run((), reduced=reduced)
        # By length; of the same length by the number of the run, so that the heap never compares two runs.
        waiting = [(0, 0, first, first.enabled)]
        seen: set[tuple[bytes, tuple[Step, ...]]] = set()
        runs = 0
        longest = max(map(len, self.schedules.values()), default=0)
        while waiting:
            length, _, before, steps = heappop(waiting)
            # The heap gives the shortest first, so every schedule of this length has been run when the first is taken.
            self._tried = length
            if length + 1 >= longest:
                return  # what would follow is not shorter than any known schedule
            for step in steps:
                if runs == most_runs or time.monotonic() >= until:
                    return
                runs += 1
                run = self._run((*before.schedule, step), reduced=reduced)
                newly_enabled = [one for one in run.enabled if one not in before.enabled]
                after = newly_enabled if step in before.postponable else run.enabled
                # The steps belong to the key: a state that was reached by a postponed step is tried with fewer steps.
                key = (run.state, tuple(after))
                if after and key not in seen:
                    seen.add(key)
                    heappush(waiting, (length + 1, runs, run, after))
            longest = max(map(len, self.schedules.values()))
        self._tried = longest  # no schedule is left to try

    def _run(self, schedule: Schedule, *, reduced: bool) -> "_Look":
        run = _Look(self._scenario, schedule, reduced=reduced)
        for what in run.reached & self.schedules.keys():
            if len(schedule) < len(self.schedules[what]):
                self.schedules[what] = schedule
        return run


class _Look:
    """A run's findings, its state, and the steps that are enabled after it."""

    def __init__(self, scenario: Scenario, schedule: Schedule, *, reduced: bool) -> None:
        self.postponable: frozenset[Step] = frozenset()
        self._reduced = reduced
        run = Run(scenario, schedule, self._all)
        self.schedule, self.enabled, self.reached = schedule, run.enabled, run.reached
        self.state = fingerprint(run.boot_run)

    def _all(self, run: BootRun, enabled: list[Step]) -> list[Step]:
        if self._reduced:
            self.postponable = Reduction(run, enabled).postponable()
        return enabled
