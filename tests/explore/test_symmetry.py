"""Alike CPUs, and agents that wait for one lock: no hazard, deadlock or end is lost by leaving out permutations."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.alike_cpus import alike_cpus
from sim.explore.exploration import Exploration, explore_orders
from sim.explore.findings import Deadlock, Schedule, reached
from sim.explore.fingerprint import fingerprint
from sim.explore.schedule_run import Run, follow
from sim.files.scenario_text import save_scenario
from sim.scenario import Action, BringUp, Fault, KvmInit, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Topology
from tests.command_line import Asymboot
from tests.explore.drawn_scenarios import drawn, parts
from tests.systems import guest, off, on, suspend, wait_for

MIDDLE, WIDE = [128, 256], [128, 256, 512]


class Searched(Exploration):
    """An exploration that does not shorten the schedules that it finds, which takes longest."""

    def _shorten(self, until: float) -> None:
        del until


class OnlySymmetric(Searched):
    """An exploration up to symmetry that explores every enabled step."""

    def _to_explore(self, run: BootRun, enabled: list[Step]) -> list[Step]:
        del run
        return enabled


def ends(exploration: Exploration) -> set[bytes]:
    """The fingerprints of the ends that an exploration stands for: its own, and their permutations."""
    symmetry, found = exploration._symmetry, set[bytes]()
    left: list[Schedule] = [state.schedule for state in exploration._states.values() if not state.next]
    while left:
        schedule = left.pop()
        end = fingerprint(Run(exploration._scenario, schedule, lambda _, enabled: enabled).boot_run)
        if end not in found:
            found.add(end)
            left += symmetry.neighbours(schedule)
    return found


def is_kept(scenario: Scenario, most_states: int) -> bool | None:
    """Compare explorations with a search that leaves nothing out; None if that search would take too long."""
    every, few, symmetric = (
        Searched(scenario, reduced=False, most_states=most_states),
        Searched(scenario),
        OnlySymmetric(scenario),
    )
    every.run()
    if not every.explored.complete:
        return None
    all_ends = ends(every)
    for one in (few, symmetric):
        one.run()
        assert one.explored.complete
        assert one.explored.found.keys() == every.explored.found.keys()
        assert ends(one) == all_ends
        assert one.explored.states <= every.explored.states
        for what, found in one.explored.found.items():
            assert what in reached(follow(scenario, found.schedule)[0])
            assert not isinstance(what, Deadlock) or len(found.schedule) == len(every.explored.found[what].schedule)
    assert symmetric.explored.orders == every.explored.orders
    return bool(few.explored.alike)


def kept(seeds: Iterable[int], most_states: int) -> Counter[str]:
    """Compare explorations of drawn scenarios, and count what was compared: alike CPUs, and parts of scenarios."""
    counts: Counter[str] = Counter()
    for scenario in map(drawn, seeds):
        has_alike = is_kept(scenario, most_states)
        if has_alike is not None:
            counts.update(("compared", *parts(scenario)))
            if has_alike:
                counts.update(("alike", *(f"alike, {part}" for part in parts(scenario))))
    return counts


@pytest.mark.no_cover
def test_small_scenarios_keep_everything() -> None:
    counts = kept(range(80), most_states=60)
    assert counts["alike"] >= 8
    assert counts["compared"] - counts["alike"] >= 15


@pytest.mark.slow
@pytest.mark.no_cover
@pytest.mark.parametrize("first", range(1000, 3000, 250))
def test_thousands_of_small_scenarios_keep_everything(first: int) -> None:
    counts = kept(range(first, first + 250), most_states=40)
    assert counts["alike"] >= 15
    assert min(counts["features"], counts["faults"], counts["pKVM"]) >= 15
    assert min(counts["alike, features"], counts["alike, faults"], counts["alike, pKVM"]) >= 1


def late(*sve_bits: list[int], actions: tuple[Action, ...] = (), **more: Any) -> Scenario:
    """The boot CPU and late CPUs under pKVM, each with an agent that brings it online and a guest."""
    numbers = range(1, len(sve_bits) + 1)
    usual = tuple(
        action
        for number in numbers
        for action in (on(number, agent=f"on {number}"), guest(number, agent=f"runs {number}", guest=f"guest {number}"))
    )
    parts: dict[str, Any] = {"kvm_mode": KvmMode.PROTECTED, "relay": Relay.RELAXED, "maxcpus": 1} | more
    return Scenario(Topology.of([MIDDLE, *sve_bits]), "6.12", actions=actions or usual, **parts)


def test_cpus_of_a_kind_are_alike_wherever_they_stand() -> None:
    explored = explore_orders(late(MIDDLE, WIDE, MIDDLE, WIDE, MIDDLE))
    assert explored.alike == ((1, 3, 5), (2, 4))
    assert explored.complete
    assert explored.ends == 4 * 3
    assert explored.states < 60


def test_early_cpus_are_alike_from_the_beginning_of_user_space_on() -> None:
    early = late(MIDDLE, MIDDLE, maxcpus=None, actions=(off(1, agent="a"), off(2, agent="b")))
    assert alike(early) == [(1, 2)]
    assert is_kept(early, most_states=1000)


TWO = late(MIDDLE, MIDDLE)


def guests(*names: str, on: int) -> list[Action]:
    """Guests on one CPU, with an agent each."""
    return [guest(on, agent=f"{place} on {on}", guest=name) for place, name in enumerate(names)]


def alike(scenario: Scenario) -> list[tuple[int, ...]]:
    return [tuple(one.number for one in group) for group in alike_cpus(scenario)]


@pytest.mark.parametrize(
    ("scenario", "groups"),
    [
        (TWO, [(1, 2)]),
        (late(MIDDLE, WIDE), []),
        (TWO.but(actions=(*TWO.actions, suspend(agent="c"))), []),
        (TWO.but(actions=(*TWO.actions, off(0, agent="c"))), []),
        (TWO.but(actions=(*TWO.actions, off(1, agent="c"))), []),
        (TWO.but(actions=(*TWO.actions, guest(1, agent="c"), guest(2, agent="c"))), []),
        (TWO.but(actions=(on(1, agent="a"), on(2, agent="b", at_ns=5))), []),
        (TWO.but(actions=(on(1, agent="a", at_ns=1), on(2, agent="b", at_ns=5))), [(1, 2)]),
        (TWO.but(actions=(guest(1, agent="a"), guest(2, agent="b", rounds=2))), []),
        (TWO.but(actions=(guest(1, agent="a", guest="g"), guest(2, agent="b", guest="h"))), [(1, 2)]),
        (
            late(
                *[MIDDLE] * 3,
                actions=(*(guest(n, agent=f"{n}", guest="g") for n in (1, 2)), guest(3, agent="c", guest="h")),
            ),
            [(1, 2)],
        ),
        # A guest that sees other lengths later is a hazard, so it matters which guests are one.
        (TWO.but(actions=(*guests("g", "g", on=1), *guests("g", "h", on=2))), []),
        (TWO.but(actions=(*guests("g", "g", on=1), *guests("h", "i", on=2))), []),
        (TWO.but(actions=(*guests("g", "h", on=1), *guests("i", "k", on=2))), [(1, 2)]),
        (
            TWO.but(
                actions=tuple(
                    guest(n, agent=f"{n}", guest=name) for n, name in ((1, "g"), (1, "g"), (2, "h"), (2, "i"))
                )
            ),
            [],
        ),
        (TWO.but(faults=(Fault("cpu1", never_arrives=True),)), []),
        (TWO.but(faults=tuple(Fault(f"cpu{n}", arrives_after_ns=6_000_000_000) for n in (1, 2))), [(1, 2)]),
        (TWO.but(allocation_fails_at="cpu1"), []),
        (TWO.but(maxcpus=2), []),
        # A save of 512 bits exceeds a buffer for 256 and reaches the next CPU's, if there is one beside it.
        (late(WIDE, WIDE, design="v6.11"), []),
        (late(WIDE, WIDE, design="v6.11", memory=MemoryLayout.ISOLATED), [(1, 2)]),
        (late(WIDE, WIDE, design="v6.11", kvm_mode=KvmMode.DEFAULT), [(1, 2)]),
        (late(WIDE, WIDE, design="v6.11", kvm_init=KvmInit.ANY_TIME), []),
        (late(WIDE, WIDE, design="brown-v4-meant", kvm_init=KvmInit.ANY_TIME), []),
        (TWO.but(kvm_init=KvmInit.ANY_TIME), [(1, 2)]),
        (TWO.but(bring_up=BringUp.PARALLEL), []),
    ],
)
def test_what_makes_cpus_alike(scenario: Scenario, groups: list[tuple[int, ...]]) -> None:
    assert alike(scenario) == groups


def test_a_deadlock_of_one_cpu_is_told_of_each_that_is_alike() -> None:
    actions = [wait_for(number, agent=f"waits {number}") for number in (1, 2)]
    actions += [do(number, agent=f"moves {number}") for number in (1, 2) for do in (on, off)]
    scenario = late(MIDDLE, MIDDLE, actions=tuple(actions), kvm_mode=KvmMode.DEFAULT)
    few, every = explore_orders(scenario), explore_orders(scenario, reduced=False)
    assert few.alike == ((1, 2),)
    assert len(few.found) == 3  # one of the CPUs is gone again before its agent looks, or the other, or both
    assert (few.ends, every.ends) == (3, 4)
    assert few.found.keys() == every.found.keys()
    for what, found in few.found.items():
        assert what in reached(follow(scenario, found.schedule)[0])
        assert found.is_shortest
        assert len(found.schedule) == len(every.found[what].schedule)


def test_an_exploration_up_to_symmetry_is_always_the_same() -> None:
    scenario = late(MIDDLE, WIDE, MIDDLE, kvm_init=KvmInit.ANY_TIME)
    assert explore_orders(scenario) == explore_orders(scenario)


@pytest.mark.no_cover
def test_the_command_says_which_cpus_are_alike(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "alike.toml"
    save_scenario(late(MIDDLE, MIDDLE, WIDE), file)
    told = asymboot("explore", str(file))
    assert "states up to symmetry" in told.stdout
    assert "cpu1-2 are alike, so states that differ by their order are one" in told.stdout
    assert json.loads(asymboot("explore", str(file), "--json").stdout)["alike"] == [[1, 2]]
    assert "symmetry" not in asymboot("explore", str(file), "--no-reduction").stdout


def test_without_reduction_every_permutation_counts() -> None:
    every = explore_orders(TWO, reduced=False)
    assert (every.alike, every.ends) == ((), 4)


def test_bring_ups_that_commute_are_tried_in_one_order() -> None:
    numbers = (1, 2, 3)
    actions = tuple(on(number, agent=f"on {number}") for number in numbers)
    one = explore_orders(late(MIDDLE, WIDE, [128, 256, 512, 1024], actions=actions))
    assert (one.alike, one.orders, one.ends) == ((), 1, 1)
    # A maximum that a late CPU raises is what the next is compared with.
    raises = late(WIDE, [128, 256, 512, 1024], actions=actions[:2], design="brown-v4-meant")
    assert explore_orders(raises).orders > 1


@pytest.mark.parametrize(
    "others",
    [
        (wait_for(2, agent="a"), guest(1, agent="a")),
        (guest(1, agent="a", guest="first"), guest(2, agent="a"), guest(1, agent="a", guest="last")),
        (guest(1, agent="a"), off(1, agent="b")),
        (wait_for(1, agent="a"), guest(2, agent="a")),
    ],
)
def test_a_bring_up_comes_first_only_if_agents_on_its_cpu_could_come_before_it(others: tuple[Action, ...]) -> None:
    """A guest of cpu1 that follows cpu2's coming finds cpu1 offline only if cpu2 comes first."""
    scenario = late(MIDDLE, WIDE, actions=(on(1, agent="on 1"), on(2, agent="on 2"), *others))
    assert is_kept(scenario, most_states=3000) is False
