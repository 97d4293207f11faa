"""Random orders of a scenario's steps, for scenarios with too many orders to explore.

Source of the priorities: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sim.arguments import checked, checked_fields
from sim.environment import Step
from sim.errors import InputError, NamedChoice, did_you_mean
from sim.explore.controlled_env import controlled_boot
from sim.explore.delta_debugging import first_shown, minimised
from sim.explore.findings import Deadlock, Found, Reached, found_html, reached
from sim.explore.fingerprint import fingerprint
from sim.scenario import Scenario

DEPTH = 3


class Strategy(NamedChoice):
    """The strategies by which orders are drawn.

    >>> from sim import read_scenario, sample_orders
    >>> sample_orders(read_scenario("bug"), strategy=Strategy.PCT, runs=10).runs
    10
    """

    RANDOM = "random"
    """Each step is drawn from the enabled steps."""
    PCT = "pct"
    """CPUs and agents have random priorities, which change at a few random steps."""


@dataclass(repr=False)
@checked_fields
class Sampled:
    """The result of drawn orders.

    Args:
        runs: the number of runs, each with a drawn order.
        steps: the steps of all runs together.
        most_steps: the most steps of a run.
        actors: the number of CPUs and agents that took steps.
        ends: different states in which the runs ended.
        found: the hazards and deadlocks that were reached, each with a schedule.

    >>> from sim import read_scenario, sample_orders
    >>> sample_orders(read_scenario("bug"), "random", runs=10)
    <Sampled: orders drawn 10, different ends 1, hazards and deadlocks 4>
    """

    runs: int = 0
    steps: int = 0
    most_steps: int = 0
    actors: int = 0
    ends: int = 0
    found: dict[Reached, Found] = field(default_factory=dict)

    def __repr__(self) -> str:
        told = f"orders drawn {self.runs:,}, different ends {self.ends:,}"
        return f"<Sampled: {told}, hazards and deadlocks {len(self.found):,}>"

    def _repr_html_(self) -> str:
        return found_html(repr(self)[1:-1], self.found)


class Sampling:
    """A series of drawn orders; when it is stopped, `sampled` has the findings so far."""

    def __init__(self, scenario: Scenario, strategy: Strategy, *, seed: int = 0, depth: int = DEPTH) -> None:
        """Prepare to draw orders.

        Args:
            scenario: what to run.
            strategy: how to draw.
            seed: the seed of all draws; each run has a stream of its own.
            depth: with `Strategy.PCT`, priorities change at depth - 1 steps.

        Raises:
            InputError: the depth is less than 1.
        """
        if depth < 1:
            raise InputError(f"depth: is {depth}, and must be at least 1")
        self._scenario, self._strategy, self._seed, self._depth = scenario, strategy, seed, depth
        self._ends: set[bytes] = set()
        self._actors: set[int | str] = set()
        self.sampled = Sampled()

    def run(self, runs: int, longest_s: float = float("inf")) -> None:
        """Draw a number of orders, or until a time; then shorten the schedules of the findings."""
        until = time.monotonic() + longest_s
        for number in range(runs):
            if time.monotonic() >= until:
                break
            self._draw(number)
        for what, one in self.sampled.found.items():
            if not isinstance(what, Deadlock):
                first = first_shown(self._scenario, one.schedule, what)
                self.sampled.found[what] = replace(one, schedule=first)  # kept even if Ctrl-C ends what follows
                shorter, is_minimal = minimised(self._scenario, first, what, until)
                self.sampled.found[what] = replace(one, schedule=shorter, is_minimal=is_minimal)

    def _draw(self, number: int) -> None:
        taken: list[Step] = []
        draw = random.Random(f"{self._seed}/order/{number}")  # noqa: S311 (an order, not a secret)
        choose = draw.choice if self._strategy is Strategy.RANDOM else self._by_priority(draw)

        def choose_and_note(enabled: list[Step]) -> Step:
            taken.append(choose(enabled))
            return taken[-1]

        run = controlled_boot(self._scenario, choose_and_note)
        outcome = run.to_the_end()
        sampled = self.sampled
        sampled.runs += 1
        sampled.steps += len(taken)
        sampled.most_steps = max(sampled.most_steps, len(taken))
        self._ends.add(fingerprint(run))
        self._actors |= {step.who for step in taken}
        sampled.ends, sampled.actors = len(self._ends), len(self._actors)
        for what in reached(outcome):
            known = sampled.found.get(what, Found(what, tuple(taken), runs=0))
            schedule = min(known.schedule, tuple(taken), key=len)
            sampled.found[what] = Found(what, schedule, runs=known.runs + 1)

    def _by_priority(self, draw: random.Random) -> Callable[[list[Step]], Step]:
        """Choose the step of the CPU or agent with the highest priority; at drawn steps that becomes the lowest."""
        priorities: dict[int | str, float] = {}
        # The length of a run is not known beforehand: the longest run so far stands for it. For the first run there is
        # none, and `depth` is just enough to draw from.
        longest = max(self.sampled.most_steps, self._depth)
        changes = set(draw.sample(range(longest), self._depth - 1))
        taken = 0

        def choose(enabled: list[Step]) -> Step:
            nonlocal taken
            for step in enabled:
                priorities.setdefault(step.who, draw.random())
            if taken in changes:
                first = max(enabled, key=lambda step: priorities[step.who])
                priorities[first.who] = -taken - 1  # below every drawn priority, and below every earlier change
            taken += 1
            return max(enabled, key=lambda step: priorities[step.who])

        return choose


@checked
def sample_orders(
    scenario: Scenario, strategy: Strategy | str, runs: int, *, seed: int = 0, depth: int = DEPTH
) -> Sampled:
    """Let the steps of a scenario happen in drawn orders; the same seed draws the same orders.

    Args:
        scenario: what to run.
        strategy: how to draw.
        runs: the number of orders.
        seed: the seed of all draws, from 0 to 2^62 - 1.
        depth: with `Strategy.PCT`, priorities change at depth - 1 steps: a run reaches a finding that depends on the
            order of `depth` steps with a probability of at least 1 / (actors * most_steps ** (depth - 1)).

    Raises:
        InputError: there is no such strategy, or the depth is less than 1.

    >>> from sim import read_scenario
    >>> sample_orders(read_scenario("late-arrival"), "random", 20).runs
    20
    """
    if strategy not in list(Strategy):
        there_are = f"there are {', '.join(Strategy)}{did_you_mean(strategy, Strategy)}"
        raise InputError(f"there is no strategy {strategy!r:.60}: {there_are}")
    sampling = Sampling(scenario, Strategy(strategy), seed=seed, depth=depth)
    sampling.run(runs)
    return sampling.sampled
