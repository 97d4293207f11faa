"""What a boot costs beside SimPy itself: `boot()` of 8 CPUs against the same processes written by hand."""

from functools import partial

from benchmarks.handwritten import boot as by_hand
from benchmarks.timing import in_turns
from sim import Action, Do, Scenario, Topology, boot

CPUS = 8


def main() -> None:
    """Measure and print."""
    topology = Topology.of([[128, 256]] * CPUS)
    for early in (CPUS, CPUS // 2):
        late = tuple(Action(Do.ONLINE, f"cpu{number}") for number in range(early, CPUS))
        scenario = Scenario(topology, maxcpus=early, actions=late)
        assert boot(scenario).facts.online == by_hand(CPUS, early) == list(range(CPUS))
        pair = in_turns(partial(boot, scenario), partial(by_hand, CPUS, early), calls=200, rounds=15)
        print(
            f"boot() of {CPUS} CPUs, {CPUS - early} of them late: {pair.first_s * 1e6:.0f} us, "
            f"{1 / pair.first_s:,.0f} boots a second; by hand {pair.second_s * 1e6:.0f} us; "
            f"ratio {pair.ratio:.2f} (at most 5)"
        )


if __name__ == "__main__":
    main()
