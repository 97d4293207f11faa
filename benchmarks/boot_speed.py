"""A benchmark of `boot()` for 8 CPUs against the same SimPy processes written by hand."""

from functools import partial

from benchmarks.handwritten import boot as by_hand
from benchmarks.timing import hold, in_turns, measured
from sim import Action, Do, KvmMode, Scenario, Topology, boot

CPUS = 8


def main() -> None:
    """Measure and print."""
    measure("all early", early=CPUS, guests=0, limit=3.2)
    measure("4 late, brought online", early=CPUS // 2, guests=0, limit=3.8)
    measure("all early, pKVM, a guest on each", early=CPUS, guests=CPUS, limit=3.7)


def measure(what: str, *, early: int, guests: int, limit: float) -> None:
    """Measure one scenario and print its ratio."""
    actions = [Action(Do.ONLINE, f"cpu{number}") for number in range(early, CPUS)]
    actions += [Action(Do.GUEST, f"cpu{number}") for number in range(guests)]
    scenario = Scenario(
        Topology.of([[128, 256]] * CPUS),
        kvm_mode=KvmMode.PROTECTED if guests else KvmMode.DEFAULT,
        maxcpus=early,
        actions=tuple(actions),
    )
    # Both bring the same CPUs online: the programs are compared at the same work.
    assert [*boot(scenario).facts.online] == by_hand(CPUS, early, guests) == [*range(CPUS)]
    pair = in_turns(partial(boot, scenario), partial(by_hand, CPUS, early, guests), calls=100, rounds=15)
    print(
        f"boot() of {CPUS} CPUs, {what}: {pair.first_s * 1e6:.0f} us, {1 / pair.first_s:,.0f} boots a second; "
        f"by hand {pair.second_s * 1e6:.0f} us; ratio {pair.ratio:.2f} (at most {limit})"
    )
    hold(what, pair.ratio, limit)


if __name__ == "__main__":
    measured(main)
