"""The shortest schedules: no schedule with fewer steps shows the same.

The search tries schedules in the order of their length. A step that is independent of all that may happen without it,
and shows nothing together with others, can be put off until just before a step that it makes possible
(`Reduction.can_wait`): so after such a step only those that it made possible are tried.
"""

import time
from heapq import heappop, heappush

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.findings import Reached, Schedule
from sim.explore.fingerprint import state_of
from sim.explore.reduction import Reduction
from sim.explore.schedule_run import Run
from sim.scenario import Scenario

MOST_RUNS = 20_000


class Shortest:
    """A search for the shortest schedules that show what is known to be reached."""

    def __init__(self, scenario: Scenario, known: dict[Reached, Schedule]) -> None:
        """Prepare to search.

        Args:
            scenario: what is run.
            known: for each that is looked for, a schedule that shows it.
        """
        self._scenario = scenario
        self.schedules = dict(known)
        """For each, the shortest schedule known."""
        self._tried = 0

    def is_shortest(self, what: Reached) -> bool:
        """Whether all shorter schedules were tried."""
        return self._tried >= len(self.schedules[what]) - 1

    def search(self, until: float, *, reduced: bool = True, most_runs: int = MOST_RUNS) -> None:
        """Try schedules, the shorter ones first, until that is so of all; or until a time, or so many runs."""
        first = self._run((), reduced=reduced)
        waiting = [(0, 0, first, first.enabled)]
        seen: set[tuple[bytes, tuple[Step, ...]]] = set()
        runs = 0
        longest = max(map(len, self.schedules.values()), default=0)
        while waiting:
            length, _, before, steps = heappop(waiting)
            self._tried = length
            if length + 1 >= longest:
                return
            for step in steps:
                if runs == most_runs or time.monotonic() >= until:
                    return
                runs += 1
                run = self._run((*before.schedule, step), reduced=reduced)
                made_possible = [one for one in run.enabled if one not in before.enabled]
                after = made_possible if step in before.can_wait else run.enabled
                key = (run.state, tuple(after))
                if after and key not in seen:
                    seen.add(key)
                    heappush(waiting, (length + 1, runs, run, after))
            longest = max(map(len, self.schedules.values()))
        self._tried = longest

    def _run(self, schedule: Schedule, *, reduced: bool) -> "_Look":
        run = _Look(self._scenario, schedule, reduced=reduced)
        for what in run.reached & self.schedules.keys():
            if len(schedule) < len(self.schedules[what]):
                self.schedules[what] = schedule
        return run


class _Look:
    """What a run came to, and what may be next."""

    def __init__(self, scenario: Scenario, schedule: Schedule, *, reduced: bool) -> None:
        self.can_wait: frozenset[Step] = frozenset()
        self._reduced = reduced
        run = Run(scenario, schedule, self._all)
        self.schedule, self.enabled, self.reached = schedule, run.enabled, run.reached
        self.state = state_of(run.running)

    def _all(self, running: BootRun, enabled: list[Step]) -> list[Step]:
        if self._reduced:
            self.can_wait = Reduction(running, enabled).can_wait()
        return enabled
