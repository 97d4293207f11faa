"""The time of an exploration: late CPUs with an onlining agent each, KVM's init, and a guest on every CPU, on one core.

The limits are seconds rather than ratios: the project promises them, with much room.
"""

import time

from benchmarks.timing import hold
from sim import Action, Do, KvmMode, Relay, Scenario, Topology
from sim.explore.exploration import explore_orders

EARLY = 2
MOST_S = {4: 5, 6: 60}


def scenario(late: int) -> Scenario:
    """Return a scenario of two early CPUs and `late` late CPUs, all equal, with an agent and a guest for each CPU."""
    cpus = EARLY + late
    actions = [Action(Do.ONLINE, f"cpu{n}", agent=f"onlines cpu{n}") for n in range(EARLY, cpus)]
    actions += [Action(Do.GUEST, f"cpu{n}", agent=f"guest on cpu{n}", guest=f"guest{n}") for n in range(cpus)]
    topology = Topology.of([[128, 256]] * cpus)
    return Scenario(
        topology, "6.12", kvm_mode=KvmMode.PROTECTED, relay=Relay.RELAXED, maxcpus=EARLY, actions=tuple(actions)
    )


def main() -> None:
    """Measure and print."""
    for late, most_s in MOST_S.items():
        began = time.perf_counter()
        explored = explore_orders(scenario(late))
        taken = time.perf_counter() - began
        assert explored.complete
        # For each late CPU, its guest either comes before its onlining and fails, or after it and runs.
        assert explored.ends == 1 << late
        print(
            f"{late} late CPUs: {explored.states:,} states, {explored.runs:,} runs, {explored.steps_left_out:,} steps "
            f"left out: {taken:.1f} s (under {most_s})"
        )
        hold("seconds", taken, most_s)


if __name__ == "__main__":
    main()
