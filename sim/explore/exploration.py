"""Exhaustive exploration: a worklist of states, until the whole reachable state space is covered.

Visited states are not expanded again: they are told apart by their fingerprints (`sim.explore.fingerprint`), and states
that differ by a permutation of alike CPUs are one state (`sim.explore.symmetry`). States are covered in the order of
their shortest known schedules, as in Dijkstra's algorithm, so that no shorter schedule to a state is found after the
state was covered.
"""

import time
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from sim.arguments import checked, checked_fields
from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.breadth_first import Shortest
from sim.explore.delta_debugging import first_shown, minimised
from sim.explore.findings import Deadlock, Found, Reached, Schedule, found_html, reached
from sim.explore.fingerprint import fingerprint
from sim.explore.reduction import Reduction
from sim.explore.schedule_run import Run, follow
from sim.explore.symmetry import Symmetry
from sim.scenario import Scenario

MOST_STATES = 1_000_000


@dataclass(repr=False)
@checked_fields
class Explored:
    """The result of exploring a scenario.

    Args:
        states: different states in which more than one step was explored, or no step is enabled. States count up to
            symmetry: those that differ by a permutation of alike CPUs are one state.
        ends: different states in which no step is enabled, up to symmetry.
        orders: orders of the explored steps from the beginning to an end.
        runs: runs of the scenario from its beginning.
        steps_tried: the steps tried, each in a state.
        steps_left_out: enabled steps that were not explored, because they are independent of those that were.
        complete: every reachable state was covered.
        alike: the groups of CPUs, by logical number, that are interchangeable; empty: no two CPUs are.
        found: the hazards and deadlocks that are reachable, each with a schedule.

    >>> from sim import explore_orders, read_scenario
    >>> explore_orders(read_scenario("late-cpu-refused"))
    <Explored: every order; states 1, ends 1, runs 1, hazards and deadlocks 1>
    """

    states: int = 0
    ends: int = 0
    orders: int = 0
    runs: int = 0
    steps_tried: int = 0
    steps_left_out: int = 0
    complete: bool = False
    alike: tuple[tuple[int, ...], ...] = ()
    found: dict[Reached, Found] = field(default_factory=dict)

    def __repr__(self) -> str:
        covered = "every order" if self.complete else "not every order"
        states = "states up to symmetry" if self.alike else "states"
        told = f"{states} {self.states:,}, ends {self.ends:,}, runs {self.runs:,}"
        return f"<Explored: {covered}; {told}, hazards and deadlocks {len(self.found):,}>"

    def _repr_html_(self) -> str:
        return found_html(repr(self)[1:-1], self.found)


@dataclass(slots=True)
class _State:
    schedule: Schedule
    """The shortest known schedule that leads there."""
    next: list[Step]
    """The enabled steps to explore."""
    left_out: int
    """The number of enabled steps that were not explored, here and since the last choice before."""
    after: list[bytes] = field(default_factory=list)
    """The states that these steps lead to, once it is covered."""
    covered: bool = False


class Exploration:
    """An exploration of a scenario; when it is stopped, `explored` has the findings so far."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        reduced: bool = True,
        most_states: int = MOST_STATES,
        longest_s: float = float("inf"),
    ) -> None:
        """Prepare to explore a scenario.

        Args:
            scenario: what to explore.
            reduced: use partial-order reduction (`sim.explore.reduction`) and symmetry (`sim.explore.symmetry`).
            most_states: the most states to cover.
            longest_s: the most seconds to search.
        """
        self._scenario, self._reduced = scenario, reduced
        self._most_states, self._longest_s = most_states, longest_s
        self._symmetry = Symmetry([])
        self._states: dict[bytes, _State] = {}
        self._representatives: dict[bytes, bytes] = {}
        self._waiting: list[tuple[int, int, bytes]] = []
        self.explored = Explored()

    def run(self) -> None:
        """Cover all states, nearest first; then search for the shortest schedules."""
        until = time.monotonic() + self._longest_s
        if self._reduced:
            self._symmetry = Symmetry.of(self._scenario)
            self.explored.alike = self._symmetry.numbers
        self._visit(())
        while self._waiting and self.explored.states < self._most_states and time.monotonic() < until:
            self._cover(heappop(self._waiting)[-1])
        self.explored.complete = not self._waiting
        self.explored.orders = self._orders()
        self._permute_deadlocks(until)
        self._shorten(until)

    def _to_explore(self, run: BootRun, enabled: list[Step]) -> list[Step]:
        return Reduction(run, enabled).persistent_set() if self._reduced and len(enabled) > 1 else enabled

    def _visit(self, schedule: Schedule) -> bytes:
        """Follow a schedule, and go on until there is a choice, or no step; return the state's fingerprint."""
        run = Run(self._scenario, schedule, self._to_explore, goes_on=True)
        self.explored.runs += 1
        for what in run.reached:
            found = self.explored.found.get(what)
            if found is None or len(run.schedule) < len(found.schedule):
                self.explored.found[what] = Found(what, run.schedule)
        state = fingerprint(run.boot_run)
        known = self._states.get(self._representatives.get(state, state))
        if known is None or len(run.schedule) < len(known.schedule):
            return self._await(state, run)
        return self._representatives.get(state, state)

    def _await(self, state: bytes, run: Run) -> bytes:
        """Let a state wait to be covered, or rather its representative, whose fingerprint is returned."""
        left_out, schedule = run.left_out, self._symmetry.representative(run.boot_run, run.schedule)
        key = state
        if schedule != run.schedule:
            run = Run(self._scenario, schedule, self._to_explore)
            self.explored.runs += 1
            key = self._representatives[state] = fingerprint(run.boot_run)
        known = self._states.get(key)
        # A shorter schedule replaces the state; its older entry in the heap is passed over when it comes up (`_cover`).
        if known is None or len(schedule) < len(known.schedule):
            self._states[key] = _State(schedule, run.next, left_out)
            heappush(self._waiting, (len(schedule), self.explored.runs, key))
        return key

    def _cover(self, key: bytes) -> None:
        """Explore the steps of a state."""
        state = self._states[key]
        if state.covered:
            return
        state.covered = True
        self.explored.states += 1
        self.explored.ends += not state.next
        self.explored.steps_tried += len(state.next)
        self.explored.steps_left_out += state.left_out
        state.after = [self._visit((*state.schedule, step)) for step in state.next]

    def _orders(self) -> int:
        """Return the number of paths from the beginning to an end."""
        # States form a graph without cycles, because every step uses up something: an action, a round, a wait. What
        # follows a state is counted before it. A state that still has steps to explore counts 0.
        orders: dict[bytes, int] = {}
        for key in TopologicalSorter({key: state.after for key, state in self._states.items()}).static_order():
            state = self._states[key]
            orders[key] = sum(orders[after] for after in state.after) if state.next else 1
        return orders[next(iter(self._states))]  # the first state visited is the beginning

    def _permute_deadlocks(self, until: float) -> None:
        """Add the deadlocks of permuted states: their agents wait for other CPUs."""
        waiting = [one for one in self.explored.found.values() if isinstance(one.what, Deadlock)]
        while waiting and time.monotonic() < until:
            for schedule in self._symmetry.neighbours(waiting.pop().schedule):
                for what in reached(follow(self._scenario, schedule)[0]) - self.explored.found.keys():
                    self.explored.found[what] = Found(what, schedule)
                    waiting.append(self.explored.found[what])

    def _shorten(self, until: float) -> None:
        """Give each hazard the shortest schedule that shows it.

        Where every state was covered, nearest first, a deadlock's schedule is the shortest already. A hazard's may not
        be: steps that it does not need can lie before it. Each result is kept as soon as it is known, since Ctrl-C may
        end the next, slower search.
        """
        found = self.explored.found
        complete = self.explored.complete
        only = complete and self.explored.orders == 1 and not self.explored.steps_left_out
        hazards: dict[Reached, Schedule] = {}
        for what, one in found.items():
            if isinstance(what, Deadlock):
                found[what] = replace(one, is_shortest=complete)
                continue
            schedule = first_shown(self._scenario, one.schedule, what)
            found[what] = replace(one, schedule=schedule, is_shortest=only)
            if not only:
                schedule, is_minimal = minimised(self._scenario, schedule, what, until)
                found[what] = replace(one, schedule=schedule, is_minimal=is_minimal)
                hazards[what] = schedule
        shortest = Shortest(self._scenario, hazards)
        shortest.search(until, reduced=self._reduced)
        for what, schedule in shortest.schedules.items():
            is_shortest = shortest.is_shortest(what)
            is_minimal = is_shortest or (found[what].is_minimal and schedule == hazards[what])
            found[what] = replace(found[what], schedule=schedule, is_shortest=is_shortest, is_minimal=is_minimal)


@checked
def explore_orders(
    scenario: Scenario,
    *,
    reduced: bool = True,
    most_states: int = MOST_STATES,
    longest_s: float = float("inf"),
) -> Explored:
    """Let the steps of a scenario happen in every order, whatever time they take.

    Visited states are not expanded again. The result is the same for the same scenario, unless time ends the search.

    Args:
        scenario: what to explore.
        reduced: use partial-order reduction (`sim.explore.reduction`) and symmetry (`sim.explore.symmetry`).
        most_states: the most states to cover.
        longest_s: the most seconds to search.

    >>> from sim import Scenario, Topology
    >>> explored = explore_orders(Scenario(Topology.of([[128], [128, 256]])))
    >>> explored.complete, explored.orders, explored.found
    (True, 1, {})
    """
    exploration = Exploration(scenario, reduced=reduced, most_states=most_states, longest_s=longest_s)
    exploration.run()
    return exploration.explored
