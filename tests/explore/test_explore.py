"""Exploring: every order of a boot's own steps, and no hazard lost by leaving out what is independent."""

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sim.boot_run import boot
from sim.designs import Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.environment import Step, StepKind
from sim.errors import InputError
from sim.explore.breadth_first import Shortest
from sim.explore.controlled_env import controlled_boot
from sim.explore.exploration import Exploration, Explored, explore_orders
from sim.explore.exploration_record import exploration_record
from sim.explore.findings import Deadlock, Reached, Schedule, file_names, reached
from sim.explore.random_orders import Strategy, sample_orders
from sim.explore.schedule_file import (
    SCHEDULE_VERSION,
    StepRecord,
    read_schedule,
    replay_schedule,
    save_schedule,
    schedule_text,
)
from sim.explore.schedule_run import Run, follow
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.hazard_kinds import HazardKind
from sim.latencies import Distribution, Latencies, fixed
from sim.scenario import Action, BringUp, Fault, KvmInit, KvmMode, MemoryLayout, Relay, Scenario
from sim.schemas import schema_text
from sim.show.exploration_text import show_explored
from sim.show.schedule_text import show_schedule
from sim.topology import Topology
from tests.command_line import Asymboot
from tests.examples import examples
from tests.systems import cpu_of, guest, off, on, suspend, wait_for

SCHEDULES = jsonschema.Draft202012Validator(json.loads(schema_text("schedule")))
WIDE, NARROW = [128, 256, 512], [128]
FULL = [128, 256, 512, 1024, 2048]
DRAWN = Latencies(
    cpu_on=Distribution("exponential", (200_000,)),
    probe=Distribution("exponential", (100_000,)),
    sysfs_write=Distribution("exponential", (1_000_000,)),
    cpu_off=Distribution("exponential", (2_000_000,)),
    guest_run=Distribution("exponential", (500_000,)),
)


def scenario(*sve_bits: list[int] | None, early: int, actions: list[Action], **more: object) -> Scenario:
    chosen = {"kvm_mode": KvmMode.PROTECTED, "relay": Relay.RELAXED, "kernel": "6.12"} | more
    return Scenario(Topology.of(sve_bits), maxcpus=early, actions=tuple(actions), **chosen)  # type: ignore[arg-type]


def agents(*, late: list[int], guests: list[int]) -> list[Action]:
    """An agent for each late CPU, and one for each guest."""
    return [
        *(on(number, agent=f"onlines {number}") for number in late),
        *(guest(number, agent=f"guest on {number}", guest=f"guest {number}") for number in guests),
    ]


AGENTS = st.sampled_from(["a", "b"])
SCENARIOS = {
    "a late CPU, guests everywhere": scenario(NARROW, NARROW, early=1, actions=agents(late=[1], guests=[0, 1])),
    "the bug": scenario(NARROW, WIDE, early=2, actions=agents(late=[], guests=[0, 1]), design="v6.11"),
    "a late CPU that exceeds": scenario(
        NARROW, NARROW, WIDE, early=2, actions=agents(late=[2], guests=[1, 2]), design="tabba"
    ),
    "a store that panics": scenario(NARROW, WIDE, early=1, actions=agents(late=[1], guests=[0, 1]), design="brown-v4"),
    "two that raise the maximum": scenario(
        NARROW, WIDE, [128, 256], early=1, actions=agents(late=[1, 2], guests=[1]), design="brown-v4-meant"
    ),
    "refused": scenario(WIDE, NARROW, early=1, actions=agents(late=[1], guests=[0, 1])),
    "the relay": scenario(NARROW, NARROW, early=1, actions=agents(late=[1], guests=[0]), relay=Relay.ENFORCING),
    "offline and back": scenario(
        NARROW, NARROW, early=2, actions=[off(1), on(1), guest(1, agent="other"), guest(0, agent="third")]
    ),
    "a CPU that is late": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=agents(late=[1, 2], guests=[]),
        faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),),
    ),
    "a CPU that never comes": scenario(
        NARROW, NARROW, early=1, actions=agents(late=[1], guests=[0, 1]), faults=(Fault("cpu1", never_arrives=True),)
    ),
    "a CPU that is lost when it returns": scenario(
        NARROW,
        NARROW,
        early=2,
        actions=[off(1), on(1), on(1, agent="again"), guest(1, agent="other")],
        faults=(Fault("cpu1", never_arrives=True, first=2, last=2),),
    ),
    "a boot CPU that returns too late": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=2,
        actions=[off(0), on(0), on(2, agent="other")],
        faults=(Fault("cpu0", arrives_after_ns=6_000_000_000),),
    ),
    "a CPU that may make room for the next": scenario(
        NARROW,
        [128, 256],
        NARROW,
        early=2,
        actions=[on(2, agent="a"), off(2, agent="b")],
        kernel="6.1",
        faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),),
    ),
    "a CPU that dies at its start": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=[on(1, agent="a"), on(1, agent="b"), on(2, agent="c"), guest(0, agent="d")],
    ).but(topology=Topology((cpu_of("cpu0", 1), cpu_of("cpu1", 1, cptr_el3_ez=False), cpu_of("cpu2", 1)))),
    "a CPU at another exception level": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=[on(1, agent="a"), on(2, agent="b"), guest(0, agent="c")],
        kvm_mode=KvmMode.DEFAULT,
        kvm_init=KvmInit.ANY_TIME,
    ).but(
        topology=Topology(
            (cpu_of("cpu0", 1, vhe=False), cpu_of("cpu1", 1, vhe=False, el=1), cpu_of("cpu2", 1, vhe=False))
        )
    ),
    "a CPU that contradicts the boot CPU": scenario(NARROW, NARROW, early=1, actions=[on(1), guest(0, agent="b")]).but(
        topology=Topology((cpu_of("cpu0", 1, vhe=False), cpu_of("cpu1", 1))), kvm_mode=KvmMode.DEFAULT
    ),
    "an arrival after the second CPU_ON": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=[on(1, agent="a"), on(1, agent="a"), on(2, agent="b")],
        faults=(
            Fault("cpu1", arrives_after_ns=6_000_000_000, last=1),
            Fault("cpu1", answer="INVALID_PARAMETERS", first=2),
        ),
    ),
    "a CPU_ON that fails once": scenario(
        WIDE,
        NARROW,
        WIDE,
        early=1,
        actions=[on(2, agent="one"), on(2, agent="two"), guest(2, agent="two"), on(1, agent="three")],
        faults=(Fault("cpu2", answer="DENIED", last=1),),
    ),
    "an agent that waits": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=[wait_for(1, agent="vmm"), guest(1, agent="vmm"), on(1, agent="one"), guest(0, agent="other")],
    ),
    "a CPU that is gone again": scenario(
        NARROW,
        NARROW,
        early=1,
        actions=[wait_for(1, agent="vmm"), guest(1, agent="vmm"), on(1, agent="one"), off(1, agent="one")],
    ),
    "two that wait for each other": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=[wait_for(1, agent="a"), on(2, agent="a"), wait_for(2, agent="b"), on(1, agent="b")],
    ),
    "KVM at any time": scenario(
        NARROW, WIDE, early=1, actions=agents(late=[1], guests=[0, 1]), design="tabba", kvm_init=KvmInit.ANY_TIME
    ),
    "a relay that is there late": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=agents(late=[1, 2], guests=[1]),
        relay=Relay.ENFORCING,
        kvm_init=KvmInit.ANY_TIME,
    ),
    "the same again": scenario(
        NARROW, WIDE, early=2, actions=[off(1), off(1), guest(0), guest(0), guest(1, agent="other")], design="v6.11"
    ),
    "a panic while others wait": scenario(
        NARROW,
        [128, 256],
        WIDE,
        early=1,
        actions=[on(2, agent="c"), on(2, agent="a"), guest(2, agent="c")],
        design="brown-v4",
        kvm_mode=KvmMode.DEFAULT,
    ),
    "a guest beside a CPU that goes offline": scenario(
        FULL,
        FULL,
        early=2,
        actions=[guest(1), off(1), on(0, agent="nothing")],
        design="constrain-v1",
    ),
    "KVM after a refusal": scenario(
        NARROW,
        NARROW,
        early=2,
        actions=[off(0, agent="a"), off(1, agent="b"), on(1, agent="b")],
        design="brown-v1",
        kernel="6.2",
        kvm_init=KvmInit.ANY_TIME,
    ),
    "two guests of one name": scenario(
        NARROW, WIDE, early=2, actions=[guest(1, agent="a"), guest(0, agent="b")], design="tabba"
    ),
    "guests that move": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=3,
        actions=[off(1), on(1), guest(1, agent="one", rounds=2), guest(2, agent="two"), off(2, agent="three")],
    ),
    "a probe that panics the kernel": scenario(
        NARROW,
        [128, 256],
        WIDE,
        early=2,
        actions=[on(2, agent="a"), guest(1, agent="b")],
        design=Design("raises", Sizing.SHARED, ZcrEl2.ALL_ONES, Pointer.BUFFER, LateCpu.RAISES, LateStore.READ_ONLY),
        memory=MemoryLayout.MAPPED,
    ),
    "a return that panics the hypervisor": scenario(
        [128, 256],
        [128, 256],
        WIDE,
        early=2,
        actions=[off(1, agent="a"), on(1, agent="a"), on(2, agent="b")],
        kernel="6.1",
    ),
    "a wait that ends at once": scenario(
        NARROW,
        [128, 256],
        NARROW,
        early=3,
        actions=[on(2, agent="b")],
        kernel="6.1",
        faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),),
    ),
    "a suspend beside guests": scenario(
        NARROW,
        WIDE,
        early=2,
        actions=[suspend(agent="a"), guest(0, agent="b"), guest(1, agent="c", guest="other")],
        design="v6.11",
    ),
    "a suspend that loses a CPU": scenario(
        NARROW,
        NARROW,
        early=2,
        actions=[suspend(agent="a"), off(1, agent="b"), wait_for(1, agent="c")],
        faults=(Fault("cpu1", never_arrives=True, first=2),),
    ),
    "two suspends": scenario(
        NARROW, NARROW, NARROW, early=2, actions=[suspend(agent="a"), suspend(agent="b"), on(2, agent="c")]
    ),
    "a suspend while a CPU is on its way": scenario(
        NARROW,
        NARROW,
        NARROW,
        early=2,
        actions=[on(2, agent="a"), suspend(agent="b")],
        faults=(Fault("cpu2", arrives_after_ns=6_000_000_000, last=1),),
    ),
    "parallel bring-up without SVE": scenario(
        [128, 256],
        None,
        WIDE,
        early=3,
        actions=agents(late=[], guests=[0]),
        bring_up=BringUp.PARALLEL,
    ),
    "parallel bring-up": scenario(
        NARROW, WIDE, [128, 256], early=3, actions=agents(late=[], guests=[0, 1]), bring_up=BringUp.PARALLEL
    ),
}


@cache
def explored(name: str) -> Explored:
    return explore_orders(SCENARIOS[name])


def slow(names: Iterable[str], *long: str) -> list[object]:
    """The names as parameters, of which some take long."""
    return [pytest.param(name, marks=[pytest.mark.slow] if name in long else []) for name in names]


def has_the_ends(few: Explored, every: Explored) -> bool:
    """Compare the numbers of ends; those of alike CPUs count once, which `test_symmetry.py` looks at more closely."""
    return few.ends <= every.ends if few.alike else few.ends == every.ends


@pytest.mark.no_cover
@pytest.mark.parametrize("name", slow(SCENARIOS, "guests that move"))
def test_leaving_out_what_is_independent_loses_no_hazard_no_deadlock_and_no_end(name: str) -> None:
    few, every = explored(name), explore_orders(SCENARIOS[name], reduced=False)
    assert few.found.keys() == every.found.keys()
    assert has_the_ends(few, every)
    assert few.states <= every.states
    assert few.orders <= every.orders
    assert few.complete
    assert every.complete


@examples(0.6)
@given(st.data())
def test_the_same_holds_for_whatever_agents_do(data: st.DataObject) -> None:
    sets = data.draw(st.lists(st.sampled_from([NARROW, [128, 256], WIDE]), min_size=2, max_size=3))
    number = st.integers(0, len(sets) - 1)
    acts = st.builds(
        lambda do, cpu, agent: suspend(agent=agent) if do is suspend else do(cpu, agent=agent),
        st.sampled_from([on, off, guest, wait_for, suspend]),
        number,
        AGENTS,
    )
    one = scenario(
        *sets,
        early=data.draw(st.integers(1, len(sets))),
        actions=data.draw(st.lists(acts, min_size=1, max_size=4)),
        design=data.draw(st.sampled_from([None, "v6.11", "tabba", "brown-v4", "brown-v1"])),
        relay=data.draw(st.sampled_from(Relay)),
    )
    few, every = explore_orders(one), explore_orders(one, reduced=False)
    assert few.found.keys() == every.found.keys()
    assert has_the_ends(few, every)
    for what, found in few.found.items():
        assert not found.is_shortest or len(found.schedule) <= len(every.found[what].schedule)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_an_order_has_shown_it_shows_to_its_end(name: str) -> None:
    """The findings of an order would otherwise depend on the step after which its run is left."""
    taken: list[Step] = []

    def draw(enabled: list[Step]) -> Step:
        taken.append(chance.choice(enabled))
        return taken[-1]

    chance = random.Random(name)  # noqa: S311 (an order)
    controlled_boot(SCENARIOS[name], draw).to_the_end()
    shown: set[Reached] = set()
    for length in range(len(taken) + 1):
        before, shown = shown, reached(follow(SCENARIOS[name], taken[:length])[0])
        assert before <= shown


@pytest.mark.parametrize("latencies", [Latencies(), Latencies(cpu_on=fixed("4s"), probe=fixed("999ms"))])
def test_a_cpu_that_arrives_within_the_wait_is_not_late(latencies: Latencies) -> None:
    late = scenario(
        NARROW,
        NARROW,
        NARROW,
        early=1,
        actions=agents(late=[1, 2], guests=[]),
        faults=(Fault("cpu1", arrives_after_ns=3_000_000_000),),
        latencies=latencies,
    )
    assert explore_orders(late).found == {}


@pytest.mark.parametrize(
    "cpu_on", [fixed("5s"), Distribution("uniform", (0, 6_000_000_000)), Distribution("exponential", (200_000_000,))]
)
def test_a_cpu_that_a_latency_may_keep_beyond_the_wait_is_late(cpu_on: Distribution) -> None:
    slow = scenario(
        NARROW,
        NARROW,
        early=1,
        actions=agents(late=[1], guests=[]),
        latencies=Latencies(cpu_on=cpu_on),
    )
    assert explore_orders(slow).found.keys() == {HazardKind.CPU_LOST_TO_FIRMWARE}


def test_a_fault_of_a_cpu_that_nobody_brings_up_costs_nothing() -> None:
    one = scenario(NARROW, NARROW, NARROW, early=1, actions=agents(late=[1], guests=[0, 1]))
    late = one.but(faults=(Fault("cpu2", arrives_after_ns=6_000_000_000),))
    assert explore_orders(late).states == explore_orders(one).states


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_time_does_was_explored(name: str) -> None:
    found = explored(name).found.keys()
    for seed in range(40):
        outcome = boot(SCENARIOS[name].but(seed=seed, latencies=DRAWN))
        assert reached(outcome) <= found


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_schedule_shows_what_it_should_and_no_shorter_one_does(name: str) -> None:
    one = SCENARIOS[name]
    for what, found in explored(name).found.items():
        outcome, done = follow(one, found.schedule)
        assert done == found.schedule
        assert what in reached(outcome)
        assert found.is_shortest
        every = Shortest(one, {what: found.schedule})
        if not isinstance(what, Deadlock):
            every.search(float("inf"), reduced=False)
            assert every.is_shortest(what)
            assert len(every.schedules[what]) == len(found.schedule)


@pytest.mark.no_cover
@pytest.mark.no_cover
@pytest.mark.parametrize(
    "name",
    slow(
        ["the bug", "refused", "the same again", "two that wait for each other", "parallel bring-up"],
        "refused",
        "parallel bring-up",
    ),
)
def test_every_order_is_counted_and_the_shortest_deadlock_is_found(name: str) -> None:
    one = SCENARIOS[name].but(actions=SCENARIOS[name].actions[:4])
    left: list[Schedule] = [()]
    orders, shortest = 0, dict[Deadlock, int]()
    while left:
        run = Run(one, left.pop(), lambda _, enabled: enabled, goes_on=True)
        left += [(*run.schedule, step) for step in run.next]
        orders += not run.next
        for what in run.reached:
            if isinstance(what, Deadlock):
                shortest[what] = min(shortest.get(what, 1000), len(run.schedule))
    assert explore_orders(one, reduced=False).orders == orders
    found = explore_orders(one).found
    assert {what: len(found[what].schedule) for what in found if isinstance(what, Deadlock)} == shortest


@pytest.mark.parametrize(
    ("name", "hazards"),
    [
        ("the relay", set()),
        ("refused", {HazardKind.CPU_REFUSED}),
        ("an agent that waits", set()),
        ("parallel bring-up", set()),
        ("a store that panics", {HazardKind.KERNEL_PANIC}),
        ("a CPU that is late", {HazardKind.SHARED_IDLE_TASK, HazardKind.CPU_LOST_TO_FIRMWARE}),
        ("a CPU that never comes", {HazardKind.CPU_LOST_TO_FIRMWARE}),
        ("a CPU that is gone again", {Deadlock(("'vmm' waits for cpu1 to be online",))}),
        (
            "two that wait for each other",
            {Deadlock(("'a' waits for cpu1 to be online", "'b' waits for cpu2 to be online"))},
        ),
    ],
)
def test_what_can_be_reached(name: str, hazards: set[HazardKind]) -> None:
    assert explored(name).found.keys() == hazards


def test_an_agent_that_waits_for_ever_has_not_finished() -> None:
    """It has no step either, so that only what is under way tells the two states apart."""
    actions = [*(wait_for(number, agent=f"w{number}") for number in (1, 2)), on(1), off(1), on(2), off(2)]
    found = explore_orders(scenario(NARROW, NARROW, NARROW, early=1, actions=actions))
    waits = [f"'w{number}' waits for cpu{number} to be online" for number in (1, 2)]
    assert found.found.keys() == {Deadlock((waits[0],)), Deadlock((waits[1],)), Deadlock((waits[0], waits[1]))}
    assert found.ends == 4


def test_a_late_cpu_comes_before_or_after_a_relay_that_is_free() -> None:
    free = SCENARIOS["a relay that is there late"]
    times = replace(DRAWN, kvm_init=Distribution("exponential", (2_000_000,)), user_space=fixed("1ms"))
    online = {tuple(boot(free.but(seed=seed, latencies=times)).facts.online) for seed in range(60)}
    assert online == {(0,), (0, 1), (0, 2), (0, 1, 2)}


def test_independent_late_cpus_need_few_states() -> None:
    def of(late: int) -> Explored:
        numbers = list(range(1, late + 1))
        actions = agents(late=numbers, guests=[0, *numbers])
        return explore_orders(scenario(*[NARROW] * (late + 1), early=1, actions=actions))

    # Each guest comes before its CPU, and fails, or after it: up to symmetry, only the number of either kind counts.
    assert [of(late).ends for late in (1, 2, 3, 6)] == [2, 3, 4, 7]
    assert of(6).states < 150


def test_a_limit_ends_the_search_and_what_was_found_is_kept() -> None:
    one = SCENARIOS["the bug"]
    some = explore_orders(one, reduced=False, most_states=20)
    assert (some.complete, some.states) == (False, 20)
    assert not explore_orders(one, longest_s=0).complete


def test_what_was_found_is_there_when_a_search_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    exploration = Exploration(SCENARIOS["the bug"])
    monkeypatch.setattr(Exploration, "_shorten", lambda *_: pytest.fail("stopped"))
    with pytest.raises(pytest.fail.Exception):
        exploration.run()
    assert HazardKind.OUT_OF_BOUNDS_WRITE in exploration.explored.found


# Orders that are drawn


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("name", SCENARIOS)
def test_drawn_orders_are_among_those_explored(name: str, strategy: Strategy) -> None:
    one = SCENARIOS[name]
    drawn, every = sample_orders(one, strategy, 50), explored(name)
    assert drawn.found.keys() <= every.found.keys()
    assert drawn.ends >= 1
    assert drawn.ends <= every.ends or every.alike
    for what, found in drawn.found.items():
        assert what in reached(follow(one, found.schedule)[0])
        assert 1 <= found.runs <= drawn.runs == 50
        assert len(found.schedule) >= len(every.found[what].schedule)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_seed_draws_the_same_orders(strategy: Strategy) -> None:
    one = SCENARIOS["a CPU that is late"]
    assert sample_orders(one, strategy, 20, seed=3) == sample_orders(one, strategy, 20, seed=3)
    assert sample_orders(one, strategy, 20, seed=3) != sample_orders(one, strategy, 20, seed=4)


def test_priorities_keep_their_promise() -> None:
    """A CPU arrives late on another's idle task: that hangs on three steps."""
    one = SCENARIOS["a CPU that is late"]
    drawn = sample_orders(one, Strategy.PCT, 300, depth=3)
    met = drawn.found[HazardKind.SHARED_IDLE_TASK].runs
    assert met >= 300 / (drawn.actors * drawn.most_steps**2)


# Schedules as files, and the commands


def test_a_schedule_is_found_written_and_replayed(asymboot: Asymboot, tmp_path: Path) -> None:
    words = [
        "explore",
        "late-cpu-above-maximum",
        "--design",
        "brown-v4",
        "--relay",
        "relaxed",
        "-o",
        str(tmp_path / "s"),
    ]
    found = asymboot(*words)
    assert found.exit_code == 1
    assert "every order" in found.stdout
    assert "kernel panic: 14 steps, the shortest" in found.stdout
    assert found.stderr.endswith(f"1 schedule written to {tmp_path / 's'}\n")
    file = tmp_path / "s" / "kernel_panic.json"
    replayed = asymboot("replay", str(file))
    assert replayed.exit_code == 1
    assert "Kernel panic - not syncing" in replayed.stdout
    assert asymboot("replay", str(file)).stdout == replayed.stdout
    again = asymboot(*words)
    assert (again.exit_code, again.stderr.strip().endswith("exists already")) == (2, True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_schedules_file_says_all_of_it(name: str, tmp_path: Path) -> None:
    one = SCENARIOS[name].but(name=name)
    for number, schedule in enumerate(found.schedule for found in explored(name).found.values()):
        save_schedule(one, schedule, tmp_path / f"{number}.json")
        assert read_schedule(tmp_path / f"{number}.json") == (one, schedule)
        SCHEDULES.validate(json.loads((tmp_path / f"{number}.json").read_text()))
        assert replay_schedule(one, schedule).log_text == follow(one, schedule)[0].log_text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:1], "is not a schedule"),
        (
            lambda text: text.replace('"schema_version": 2', '"schema_version": 1'),
            "is of version 1, and this program reads 2",
        ),
        (lambda text: text.replace("[topology]", "[topolgy]"), "scenario: "),
        (lambda text: text.replace('"finalise"', '"finalize"'), "unknown kind of step 'finalize'"),
        (
            lambda text: text.replace('"finalise"', '"kvm_init"'),
            "step 6 of the schedule, 'kvm_init cpu0', cannot be next",
        ),
        (lambda text: text.replace('"steps": [', '"steps": [["probe", 7],'), "step 1 of the schedule, 'probe cpu7'"),
        (lambda text: text.replace('"steps"', '"stages"'), "is not a schedule"),
        (lambda text: text[: text.rindex("]")].rstrip() + ', ["probe", 2]]}', "nothing more can happen"),
    ],
)
def test_a_schedule_that_does_not_fit_is_one_line(
    asymboot: Asymboot, change: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    one = read_scenario(find(Path("late-cpu-above-maximum"))).but(design="brown-v4", relay=Relay.RELAXED)
    text = change(schedule_text(one, explore_orders(one).found[HazardKind.KERNEL_PANIC].schedule))
    (tmp_path / "one.json").write_text(text)
    assert message in asymboot.refused("replay", str(tmp_path / "one.json"))


def test_the_kinds_of_steps_in_files_are_those_of_version_2() -> None:
    steps = [Step(kind, "a") for kind in StepKind]
    assert SCHEDULE_VERSION == 2
    assert [StepRecord.of(step).kind for step in steps] == [
        *("probe", "finalise", "kvm_init", "pkvm_finalise", "user_space", "cpu_on_call", "cpu_on", "late arrival of"),
        *("give up waiting for", "cpu_off", "sleep", "guest_run", "save", "restore", "sysfs_write by"),
        *("time comes for", "looks again:", "goes on", "begin", "take the hotplug lock:", "take a guest's place on"),
    ]
    assert [StepRecord.of(step).step() for step in steps] == steps


def test_a_step_has_a_colon_only_where_its_cpu_or_agent_follows() -> None:
    seat = Step(StepKind.TAKE_SEAT, "a", 1)
    assert (seat.words, str(seat)) == ("take a guest's place on cpu1", "take a guest's place on cpu1: 'a'")
    assert str(Step(StepKind.LOOK_AGAIN, "a")) == "looks again: 'a'"
    assert str(Step(StepKind.TAKE_HOTPLUG_LOCK, 2)) == "take the hotplug lock: cpu2"
    assert str(Step(StepKind.GIVE_UP, 2)) == "give up waiting for cpu2"
    assert not any(":" in Step(kind, 0).words for kind in StepKind)


def test_the_words_of_a_lane_lead_over_to_nothing(asymboot: Asymboot) -> None:
    shown = asymboot("explore", "late-arrival").stdout.splitlines()
    assert any(line.split() == ["8", "arrives", "late"] for line in shown)
    assert any(line.split() == ["4", "is", "given", "up"] for line in shown)
    assert [line for line in shown if line.rstrip().endswith((" of", " for", " by"))] == []


def test_one_state_is_counted_in_the_singular(asymboot: Asymboot) -> None:
    told = asymboot("explore", "late-arrival", "--states", "1")
    assert (told.exit_code, "1 state visited, and there are more: raise --states" in told.stderr) == (2, True)


def test_files_of_deadlocks_are_numbered_whatever_hazards_are_called() -> None:
    hazard: Any = SimpleNamespace(value="deadlock_of_a_lock", rank=1)
    found: list[Any] = [
        SimpleNamespace(what=what, schedule=()) for what in (Deadlock(("b",)), hazard, Deadlock(("a",)))
    ]
    assert list(file_names(found)) == ["deadlock_of_a_lock.json", "deadlock_1.json", "deadlock_2.json"]


@pytest.mark.parametrize(
    ("strategy", "depth", "message"),
    [
        ("best", 3, "there is no strategy 'best': there are random, pct"),
        ("pct", 0, "depth: is 0, and must be at least 1"),
        ("random", -1, "depth: is -1, and must be at least 1"),
    ],
)
def test_orders_are_not_drawn_by_an_unknown_strategy_or_to_no_depth(strategy: str, depth: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        sample_orders(SCENARIOS["the bug"], strategy, 1, depth=depth)


def test_a_replayed_deadlock_is_an_error_and_a_schedule_that_ends_early_is_none(
    asymboot: Asymboot, tmp_path: Path
) -> None:
    one = SCENARIOS["a CPU that is gone again"]
    (found,) = explore_orders(one).found.values()
    save_schedule(one, found.schedule, tmp_path / "all.json")
    save_schedule(one, found.schedule[:-4], tmp_path / "some.json")
    whole, cut = asymboot("replay", str(tmp_path / "all.json")), asymboot("replay", str(tmp_path / "some.json"))
    assert (whole.exit_code, "'vmm' waits for cpu1 to be online for ever" in whole.stdout) == (1, True)
    assert (cut.exit_code, "the schedule ends here, and more could have happened" in cut.stdout) == (0, True)
    assert "for ever" not in cut.stdout
    told = json.loads(asymboot("replay", str(tmp_path / "some.json"), "--json").stdout)
    assert "under way" in {action["outcome"] for action in told["actions"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--save", "one.toml"], "--save goes with --row"),
        (["--replication", "1"], "--replication goes with --row"),
        (["--json", "--log-only"], "--json and --log-only do not go together"),
    ],
)
def test_what_does_not_go_with_a_schedule_is_refused(
    asymboot: Asymboot, words: list[str], message: str, tmp_path: Path
) -> None:
    save_schedule(SCENARIOS["the bug"], (), tmp_path / "s.json")
    result = asymboot("replay", str(tmp_path / "s.json"), *words)
    assert (result.exit_code, result.stdout, message in result.stderr) == (2, "", True)


def lanes(*steps: Step, width: int = 400) -> list[str]:
    told = StringIO()
    show_schedule(steps, Topology.of([[128]] * 64), Console(file=told, width=width, markup=False))
    return told.getvalue().splitlines()


def test_agents_may_be_called_like_a_cpu_or_a_column() -> None:
    steps = [
        Step(StepKind.PROBE, 1),
        Step(StepKind.BEGIN, "cpu1"),
        Step(StepKind.BEGIN, "step"),
        Step(StepKind.BEGIN, "[red]a"),
    ]
    assert lanes(*steps)[0].split() == ["step", "cpu1", "[red]a", "'cpu1'", "'step'"]


def test_cpus_that_only_boot_share_a_lane_where_there_are_many() -> None:
    early = [Step(StepKind.PROBE, number) for number in range(40)]
    told = lanes(*early, Step(StepKind.USER_SPACE, 0), Step(StepKind.BEGIN, "a"), Step(StepKind.CPU_ON, 50))
    assert told[0].split() == ["step", "cpu0", "cpu50", "a", "other", "CPUs"]
    assert told[8].split() == ["7", "probe", "cpu6"]
    many = lanes(Step(StepKind.USER_SPACE, 0), *early)
    assert many[0].split() == ["step", "what", "happens"]
    assert many[-1].split() == ["41", "probe", "cpu39"]


@pytest.mark.parametrize("strategy", ["exhaustive", "random"])
def test_what_was_found_is_written_before_anything_is_printed(strategy: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = ["explore", "bug", "--strategy", strategy, "-o", str(tmp_path / "s")]
    command = [sys.executable, "-m", "sim.cli", *words]
    subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, check=False)
    os.close(writing)
    assert (tmp_path / "s" / "out_of_bounds_write.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_found(
    asymboot: Asymboot, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exploration, "_shorten", lambda *_: os.kill(os.getpid(), number))
    result = asymboot("explore", "bug", "-o", str(tmp_path / "s"))
    assert result.exit_code == 128 + number
    assert "stopped" in result.stderr
    assert (tmp_path / "s" / "out_of_bounds_write.json").exists()


def test_another_deadlock_of_before_is_not_overwritten(asymboot: Asymboot, tmp_path: Path) -> None:
    (tmp_path / "deadlock_2.json").touch()
    result = asymboot("explore", "bug", "-o", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "deadlock_2.json: exists already" in result.stderr


def test_one_order_needs_no_search() -> None:
    one = scenario(NARROW, WIDE, early=2, actions=[guest(1, rounds=500)], design="v6.11")
    explored = explore_orders(one)
    assert (explored.orders, explored.runs) == (1, 1)
    assert all(found.is_shortest for found in explored.found.values())
    assert len(explored.found[HazardKind.OUT_OF_BOUNDS_WRITE].schedule) < 20


def test_time_ends_the_search_for_shorter_schedules_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SCENARIOS["the bug"]
    exploration = Exploration(one, longest_s=1000)
    times = itertools.chain([0.0] * (explore_orders(one).states + 1), itertools.repeat(2000.0))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    exploration.run()
    assert exploration.explored.complete
    found = exploration.explored.found[HazardKind.OUT_OF_BOUNDS_WRITE]
    assert not found.is_minimal
    assert HazardKind.OUT_OF_BOUNDS_WRITE in reached(follow(one, found.schedule)[0])


def test_a_limit_is_told_and_nothing_found_is_exit_code_0(asymboot: Asymboot, tmp_path: Path) -> None:
    some = asymboot("explore", "late-arrival", "--states", "3")
    assert (some.exit_code, "not every order" in some.stdout, "3 states" in some.stdout) == (2, True, True)
    told = "asymboot: 3 states visited, and there are more: raise --states; --strategy pct draws whole orders"
    assert some.stderr == f"{told}\n"
    assert asymboot("explore", "late-arrival", "--seconds", "0").exit_code == 2
    none = asymboot("explore", "graviton3")
    assert (none.exit_code, "no hazard and no deadlock can be reached" in none.stdout) == (0, True)
    assert asymboot("replay", str(tmp_path)).exit_code == 2


def test_drawn_orders_are_told(asymboot: Asymboot) -> None:
    drawn = asymboot("explore", "late-arrival", "--strategy", "pct", "--runs", "100", "--depth", "2")
    assert drawn.exit_code == 1
    assert "100 orders drawn (pct)" in drawn.stdout
    assert "depends on the order of 2 steps" in drawn.stdout
    assert asymboot("explore", "graviton3", "--strategy", "random", "--runs", "5").exit_code == 0


def test_a_freed_initcall_is_labelled(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "free.toml"
    file.write_text('kernel.kvm_init = "any-time"\n[topology]\ncpus = [{ sve_bits = [128] }]\n')
    for strategy in ("exhaustive", "random"):
        told = asymboot("explore", str(file), "--strategy", strategy).stdout
        assert "KVM initialises at any time, as in no real kernel" in told


@pytest.mark.parametrize("strategy", ["exhaustive", "random", "pct"])
def test_json_keeps_to_its_schema(asymboot: Asymboot, strategy: str) -> None:
    told = json.loads(asymboot("explore", "late-arrival", "--strategy", strategy, "--json").stdout)
    jsonschema.Draft202012Validator(json.loads(schema_text("exploration"))).validate(told)
    assert (told["strategy"], told["complete"]) == (strategy, strategy == "exhaustive")
    assert [one["what"] for one in told["found"]] == ["shared_idle_task", "cpu_lost_to_firmware"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bug", "--design", "nosuch"], "'nosuch' is not one of 'v6.11'"),
        (["bug", "--seed", "1"], "--seed does not go with --strategy exhaustive"),
        (["bug", "--strategy", "random", "--depth", "2"], "--depth does not go with --strategy random"),
        (["bug", "--strategy", "pct", "--states", "2"], "--states does not go with --strategy pct"),
        (["bug", "--seconds", "nan"], "'nan' is not a valid float"),
        (["nosuch.toml"], "nosuch.toml"),
        (["bug", "-o", "pyproject.toml"], "pyproject.toml: is not a folder"),
        (["bug", "-o", ""], "a path cannot be empty"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(asymboot: Asymboot, words: list[str], message: str) -> None:
    assert message in asymboot.refused("explore", *words)


@pytest.mark.parametrize(
    ("orders", "written", "told"),
    [
        (1 << 62, 1 << 62, "4.61e+18 orders"),
        (1 << 63, 2.0**63, "9.22e+18 orders"),
        (10**1_000, sys.float_info.max, "1.00e+1000 orders"),
    ],
)
def test_any_number_of_orders_is_told(orders: int, written: float, told: str) -> None:
    explored = Explored(orders=orders)
    record = json.loads(msgspec.json.encode(exploration_record(SCENARIOS["the bug"], explored)))
    jsonschema.validate(record, json.loads(schema_text("exploration")))
    assert record["orders"] == written
    text = StringIO()
    show_explored(SCENARIOS["the bug"], explored, Console(file=text, width=120))
    assert told in text.getvalue()
