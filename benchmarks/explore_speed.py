"""The time of explorations, against the program before symmetry: late CPUs with an onlining agent and a guest each.

Both programs run in turns (`benchmarks.older_program`); the time is the process's own, which the machine's other work
changes least. The older program explores 5 late CPUs with KVM's initcall at any time in
minutes, so it runs once, for `python -m benchmarks.explore_speed --all` alone.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.older_program import BEFORE, HERE, older_program, python
from benchmarks.timing import hold, measured

ROUNDS = 3
MOST_STATES = 150
# For each late CPU, its guest comes before its onlining and fails, or after it and runs: only the numbers count.
ALIKE_ENDS, KINDS_ENDS = 7, 5**3
ALIKE_LIMIT = 0.1
KINDS_LIMIT = 6
ANY_TIME_LIMIT = 0.2
EXPLORES = """
import sys, time
from sim import Action, Do, KvmMode, Relay, Scenario, Topology, explore_orders
from sim.scenario import KvmInit
kinds, of_kind, kvm_init = int(sys.argv[1]), int(sys.argv[2]), KvmInit(sys.argv[3])
sets = ([128, 256], [128, 256, 512], [128, 256, 512, 1024])[:kinds]
early, cpus = 2, 2 + kinds * of_kind
actions = [Action(Do.ONLINE, f"cpu{n}", agent=f"onlines cpu{n}") for n in range(early, cpus)]
actions += [Action(Do.GUEST, f"cpu{n}", agent=f"guest on cpu{n}", guest=f"guest{n}") for n in range(cpus)]
topology = Topology.of([[128, 256]] * early + [one for one in sets for _ in range(of_kind)])
scenario = Scenario(topology, "6.12", kvm_mode=KvmMode.PROTECTED, relay=Relay.RELAXED, maxcpus=early,
    kvm_init=kvm_init, actions=tuple(actions))
start = time.process_time()
explored = explore_orders(scenario)
taken_s = time.process_time() - start
assert explored.complete and not explored.found
print(taken_s, explored.states, explored.ends, explored.runs)
"""
"""Late CPUs of some kinds, the same number of each, beside two early CPUs; an agent and a guest for each CPU."""


class Told(NamedTuple):
    """The time of an exploration in seconds, and its counts."""

    taken_s: float
    states: int
    ends: int
    runs: int


def main() -> None:
    """Measure and print."""
    with older_program() as before:
        old = partial(explores, before, 1, 6, "in-order")
        alike, _ = of("6 late CPUs, all alike", partial(explores, HERE, 1, 6, "in-order"), old, ALIKE_LIMIT)
        hold("states of 6 late CPUs", alike.states, MOST_STATES)
        assert alike.ends == ALIKE_ENDS
        kinds, _ = of("12 late CPUs of 3 kinds", partial(explores, HERE, 3, 4, "in-order"), old, KINDS_LIMIT)
        assert kinds.ends == KINDS_ENDS
        if "--all" in sys.argv:
            new, old = (partial(explores, program, 1, 5, "any-time") for program in (HERE, before))
            of("KVM's init at any time, 5 late CPUs", new, old, ANY_TIME_LIMIT, rounds=1)


def of(
    what: str, new: Callable[[], Told], old: Callable[[], Told], limit: float, rounds: int = ROUNDS
) -> tuple[Told, Told]:
    """Measure an exploration against the older program's, and return the last of both."""
    told = [(new(), old()) for _ in range(rounds)]
    ratio = median(of_new.taken_s / of_old.taken_s for of_new, of_old in told)
    last, last_old = told[-1]
    print(
        f"{what}: {last.states:,} states, {last.runs:,} runs, {last.taken_s:.2f} s; {BEFORE}: {last_old.states:,} "
        f"states, {last_old.taken_s:.2f} s; ratio {ratio:.3f} (at most {limit})"
    )
    hold(what, ratio, limit)
    return told[-1]


def explores(program: Path, kinds: int, of_kind: int, kvm_init: str) -> Told:
    """Explore in a process of its own."""
    told = python(program, "-c", EXPLORES, str(kinds), str(of_kind), kvm_init)
    taken_s, states, ends, runs = told.split()
    return Told(float(taken_s), int(states), int(ends), int(runs))


if __name__ == "__main__":
    measured(main)
