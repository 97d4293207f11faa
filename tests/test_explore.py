"""Exploring: every order of a boot's own steps, and no hazard lost by leaving out what is independent."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sim.booting import Running, boot
from sim.cli import main
from sim.explore.choosing import ChosenEnvironment
from sim.explore.exploring import Explored, explore, follow
from sim.explore.schedule_file import read_schedule, replay_schedule, save_schedule, schedule_text
from sim.files.scenario_file import read_scenario
from sim.files.shipped import find
from sim.hazards import HazardKind
from sim.scenario import Action, Fault, KvmMode, Relay, Scenario
from sim.timing import Distribution, Latencies
from sim.topology import Topology
from tests.systems import guest, off, on

WIDE, NARROW = [128, 256, 512], [128]
DRAWN = Latencies(
    cpu_on=Distribution("exponential", (200_000,)),
    probe=Distribution("exponential", (100_000,)),
    sysfs_write=Distribution("exponential", (1_000_000,)),
    cpu_off=Distribution("exponential", (2_000_000,)),
    guest_run=Distribution("exponential", (500_000,)),
)


def scenario(*sve_bits: list[int], early: int, actions: list[Action], **more: object) -> Scenario:
    settings = {"kvm_mode": KvmMode.PROTECTED, "relay": Relay.RELAXED, "kernel": "6.12"} | more
    return Scenario(Topology.of(sve_bits), maxcpus=early, actions=tuple(actions), **settings)  # type: ignore[arg-type]


def agents(*, late: list[int], guests: list[int]) -> list[Action]:
    """An agent for each late CPU, and one for each guest."""
    return [
        *(on(number, agent=f"onlines {number}") for number in late),
        *(guest(number, agent=f"guest on {number}", guest=f"guest {number}") for number in guests),
    ]


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
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_leaving_out_what_is_independent_loses_no_hazard_and_no_end(name: str) -> None:
    few, every = explore(SCENARIOS[name]), explore(SCENARIOS[name], reduced=False)
    assert few.schedules.keys() == every.schedules.keys()
    assert few.ends == every.ends
    assert few.states <= every.states
    assert few.complete
    assert every.complete


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_time_does_was_explored(name: str) -> None:
    found = explore(SCENARIOS[name]).schedules.keys()
    for seed in range(40):
        outcome = boot(SCENARIOS[name].but(seed=seed, latencies=DRAWN))
        assert {one.kind for one in outcome.found} <= found


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_schedule_shows_its_hazard_and_no_step_of_it_can_be_left_out(name: str) -> None:
    one = SCENARIOS[name]
    for kind, schedule in explore(one).schedules.items():
        outcome, done = follow(one, schedule)
        assert done == schedule
        assert kind in {hazard.kind for hazard in outcome.found}
        assert follow(one, schedule)[0].log_text == outcome.log_text
        for place in range(len(schedule)):
            without, _ = follow(one, schedule[:place] + schedule[place + 1 :])
            assert kind not in {hazard.kind for hazard in without.found}


@pytest.mark.parametrize("name", ["a store that panics", "a late CPU that exceeds", "the bug"])
def test_no_schedule_is_shorter_than_those_of_all_orders(name: str) -> None:
    one = SCENARIOS[name]
    few, every = explore(one).schedules, explore(one, reduced=False).schedules
    assert {kind: len(steps) for kind, steps in few.items()} == {kind: len(steps) for kind, steps in every.items()}


@pytest.mark.parametrize(
    ("name", "hazards"),
    [
        ("the relay", set()),
        ("refused", set()),
        ("a store that panics", {HazardKind.KERNEL_PANIC}),
        ("a CPU that is late", {HazardKind.SHARED_IDLE_TASK, HazardKind.CPU_LOST_TO_FIRMWARE}),
        ("a CPU that never comes", {HazardKind.CPU_LOST_TO_FIRMWARE}),
    ],
)
def test_what_can_be_reached(name: str, hazards: set[HazardKind]) -> None:
    assert explore(SCENARIOS[name]).schedules.keys() == hazards


def test_a_random_order_is_one_of_those_explored() -> None:
    one = SCENARIOS["a late CPU that exceeds"]
    found = explore(one).schedules.keys()
    for seed in range(50):
        draw = random.Random(seed)  # noqa: S311 (an order, not a secret)
        outcome = Running(one, ChosenEnvironment(draw.choice, frozenset())).to_the_end()
        assert {hazard.kind for hazard in outcome.found} <= found


def test_independent_late_cpus_need_few_states() -> None:
    def of(late: int) -> Explored:
        numbers = list(range(1, late + 1))
        actions = agents(late=numbers, guests=[0, *numbers])
        return explore(scenario(*[NARROW] * (late + 1), early=1, actions=actions))

    assert [of(late).ends for late in (1, 2, 3)] == [2, 4, 8]
    assert of(3).states < 200


def test_a_limit_ends_the_search_and_what_was_found_is_kept() -> None:
    one = SCENARIOS["the bug"]
    some = explore(one, reduced=False, most_states=20)
    assert (some.complete, some.states) == (False, 20)


# Schedules as files, and the commands


def asymboot(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_a_schedule_is_found_written_and_replayed(tmp_path: Path) -> None:
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
    assert "kernel panic: 14 steps" in found.stdout
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
    for kind, schedule in explore(one).schedules.items():
        save_schedule(one, schedule, tmp_path / f"{kind.name}.json")
        assert read_schedule(tmp_path / f"{kind.name}.json") == (one, schedule)
        assert replay_schedule(one, schedule).log_text == follow(one, schedule)[0].log_text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:1], "is no schedule"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 2'), "is of version 2, and this reads 1"),
        (lambda text: text.replace("[topology]", "[topolgy]"), "scenario: "),
        (
            lambda text: text.replace('"finalise"', '"finalize"'),
            "step 6 of the schedule, 'finalize cpu0', cannot be next",
        ),
        (lambda text: text.replace('"steps": [', '"steps": [["probe", 7],'), "step 1 of the schedule, 'probe cpu7'"),
        (lambda text: text.replace('"steps"', '"stages"'), "is no schedule"),
        (lambda text: text[: text.rindex("]")].rstrip() + ', ["probe", 2]]}', "nothing more can happen"),
    ],
)
def test_a_schedule_that_does_not_fit_is_one_line(change: Callable[[str], str], message: str, tmp_path: Path) -> None:
    one = read_scenario(find(Path("late-cpu-above-maximum"))).but(design="brown-v4", relay=Relay.RELAXED)
    text = change(schedule_text(one, explore(one).schedules[HazardKind.KERNEL_PANIC]))
    (tmp_path / "one.json").write_text(text)
    result = asymboot("replay", str(tmp_path / "one.json"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_limit_is_told_and_nothing_found_is_exit_code_0(tmp_path: Path) -> None:
    some = asymboot("explore", "late-arrival", "--states", "3")
    assert (some.exit_code, "some orders: 3 states" in some.stdout) == (2, True)
    assert some.stderr == "asymboot: 3 states were covered, and there are more: --states covers more\n"
    none = asymboot("explore", "graviton3")
    assert (none.exit_code, "no hazard can be reached" in none.stdout) == (0, True)
    assert asymboot("replay", str(tmp_path)).exit_code == 2
    assert "unknown design" in asymboot("explore", "bug", "--design", "nosuch").stderr
