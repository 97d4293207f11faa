"""CPUs that arrive after the kernel gave them up: under which number, whose place they take, and their faults."""

import random
import re
from pathlib import Path

import pytest

from sim import Action, Do, Fault, Scenario, Topology, boot, read_scenario
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.imported import Imported
from sim.importer.log_reader import parse_kernel_log
from sim.importer.log_text import understood_lines
from sim.importer.own_numbers import OwnNumbers
from sim.importer.provenance import remarks
from tests.importer.machines import HEAD, imported_log
from tests.systems import N2, off, on, suspend

_MS = 1_000_000
_CPU = re.compile(r"CPU\d|cpu\d|Brought up|SMP: Total|non-boot")
BROUGHT_UP = "smp: Brought up 1 node, {0} CPUs\nSMP: Total of {0} processors activated.\n"
LOST = "CPU{0}: failed to come online\nCPU{0}: failed in unknown state : 0x0\n"
PENDING = "psci: failed to boot CPU{0} (-22)\nCPU{0}: failed to boot: -22\n"


def came(number: int, mpidr: int, stamp: str = "") -> str:
    return f"{stamp}CPU{number}: Booted secondary processor {mpidr:#012x} [0x410fd034]\n"


def on_cpus(text: str) -> list[str]:
    """The messages of a log on CPUs that come or fail to, without their MIDRs."""
    messages = (re.sub(r"^\[ *[\d.]+\] | \[0x[0-9a-f]{8}\]$", "", line) for line in text.splitlines())
    return [message for message in messages if _CPU.search(message) and not message.startswith("Detected ")]


def late(cpu: int, after_ms: float, first: int = 1, last: int | None = None) -> Fault:
    return Fault(f"cpu{cpu}", arrives_after_ns=round(after_ms * _MS), first=first, last=last)


def system(cpus: int, *faults: Fault, actions: tuple[Action, ...] = (), maxcpus: int | None = None) -> Scenario:
    return Scenario(Topology.of([N2] * cpus), kernel="6.18", faults=faults, actions=actions, maxcpus=maxcpus)


def reproduced(scenario: Scenario, folder: Path) -> Imported:
    """Import the log of a scenario; the log of the imported scenario has the same lines on CPUs."""
    text = boot(scenario).log_text
    imported = imported_log(text, folder)
    assert imported.contradictions == ()
    assert on_cpus(boot(imported.scenario).log_text) == on_cpus(text)
    return imported


SCENARIOS = {
    "each takes the place of the next": system(6, late(1, 5000.05)),
    "it joins the last CPU that came": system(4, late(1, 6000)),
    "it joins an early CPU at once": system(4, late(1, 5000.25)),
    "two take each other's places": system(3, late(1, 5002), late(2, 20), actions=(on(1), on(2), on(1)), maxcpus=1),
    "two late CPUs": system(5, late(1, 5000.1), late(3, 5000.1)),
    "just before the wait ends": system(3, late(1, 4999.95)),
    "just before a late wait ends": system(3, late(1, 4999.95), actions=(on(1), on(2)), maxcpus=1),
    "after a second attempt": system(3, late(1, 5500), actions=(on(1),)),
    "at its second CPU_ON": system(3, late(1, 5001.3, 2, 2), actions=(off(1), off(2), on(1), on(2))),
    "at resume": system(4, late(1, 5000.05, 2, 2), actions=(suspend(),)),
    "whose place goes offline later": system(3, late(1, 5000.05), actions=(off(2), on(2))),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_of_a_log_with_late_cpus_logs_the_same(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    found = reproduced(scenario, tmp_path).scenario
    assert [(one.do, one.cpu) for one in found.actions] == [(one.do, one.cpu) for one in scenario.actions]
    assert [(one.cpu, one.first) for one in found.faults] == [(one.cpu, one.first) for one in scenario.faults]
    assert all(one.arrives_after_ns is not None for one in found.faults)


@pytest.mark.parametrize(
    "name",
    [
        "boot-cpu-lost-on-return",
        "denied-at-first",
        "el3-traps-sve",
        "late-arrival",
        "late-arrival-after-retry",
        "lost-at-resume",
        "lost-on-return",
        "maxcpus-makes-room",
        "stays-on",
        "suspend-resume",
    ],
)
def test_a_scenario_that_ships_is_reproduced_from_its_log(name: str, tmp_path: Path) -> None:
    reproduced(read_scenario(name), tmp_path)


def drawn(draw: random.Random) -> Scenario:
    cpus = draw.randint(3, 6)
    faults = [
        late(cpu, draw.choice([4999.95, 5000.05, 5001.5, 5700, 7000, 0.5]), call, call)
        for cpu in range(1, cpus)
        for call in (1, 2)
        if draw.random() < 1 / 3
    ]
    actions = [
        Action(draw.choice([Do.ONLINE, Do.OFFLINE]), f"cpu{draw.randrange(1, cpus)}") for _ in range(draw.randint(0, 5))
    ]
    return system(cpus, *faults, actions=tuple(actions), maxcpus=draw.choice([None, None, 1, 2]))


@pytest.mark.parametrize("seed", range(60))
def test_drawn_scenarios_with_late_cpus_are_reproduced(seed: int, tmp_path: Path) -> None:
    reproduced(drawn(random.Random(seed)), tmp_path)  # noqa: S311 (examples)


# Logs as machines write them


def of_log(lines: str, cpus: int, folder: Path) -> Scenario:
    text = HEAD.format(cpus=cpus).replace("411fd403", "410fd034") + lines
    imported = imported_log(text, folder)
    assert imported.contradictions == ()
    assert on_cpus(boot(imported.scenario).log_text) == on_cpus(lines)
    return imported.scenario


TAKEN = LOST.format(1) + came(2, 0x1) + BROUGHT_UP.format(2) + came(2, 0x2)


def test_what_is_inferred_of_late_cpus_is_said(tmp_path: Path) -> None:
    told = list(remarks(imported_log(HEAD.format(cpus=3) + TAKEN, tmp_path)))
    assert "Inferred: cpu1 arrived late and runs as cpu2, as MPIDRs ascend with the numbers of CPUs." in told
    (times,) = [one for one in told if one.startswith("The log tells in which order late CPUs came")]
    assert times.endswith("the times of their arrival are chosen for that order.")


def test_a_late_cpu_takes_the_place_of_the_next(tmp_path: Path) -> None:
    scenario = of_log(TAKEN, 3, tmp_path)
    (fault,) = scenario.faults
    assert (fault.cpu, fault.first, fault.last, scenario.actions) == ("cpu1", 1, 1, ())
    assert [scenario.topology.mpidr(cpu) for cpu in (0, 1, 2)] == [0, 1, 2]


def test_a_cpu_whose_wait_just_ended_came_by_itself_and_the_next_is_not_waited_for(tmp_path: Path) -> None:
    scenario = of_log(LOST.format(1) + came(1, 0x1) + LOST.format(2) + BROUGHT_UP.format(2), 3, tmp_path)
    assert [(fault.cpu, fault.arrives_after_ns is not None) for fault in scenario.faults] == [("cpu1", True)]


def test_a_cpu_that_comes_long_after_its_wait_was_tried_again(tmp_path: Path) -> None:
    """Pin that firmware, which takes a lost CPU for one on its way, is said to start it at last."""
    lines = "[    5.1] " + LOST.format(1).replace("\n", "\n[    5.1] ", 1) + BROUGHT_UP.format(1).replace("CPUs", "CPU")
    scenario = of_log(lines + came(1, 0x1, "[   60.000001] "), 2, tmp_path)
    assert [(fault.first, fault.last, fault.never_arrives) for fault in scenario.faults] == [
        (1, 1, True),
        (2, 2, False),
    ]
    assert [(one.do, one.cpu) for one in scenario.actions] == [(Do.ONLINE, "cpu1")]


def test_a_cpu_that_is_lost_twice_has_two_faulty_calls(tmp_path: Path) -> None:
    lines = LOST.format(1) + BROUGHT_UP.format(1).replace("CPUs", "CPU") + "[   60.1] " + LOST.format(1).split("\n")[0]
    scenario = of_log(lines + "\n[   60.2] " + LOST.format(1).split("\n")[1] + "\n", 2, tmp_path)
    assert scenario.faults == (Fault("cpu1", never_arrives=True, first=1, last=2),)


# Whose an MPIDR is


def own(lines: str) -> dict[int, int]:
    """The MPIDRs by number."""
    of_mpidr = OwnNumbers(found.line for found in understood_lines(lines)).of_mpidr()
    return {number: mpidr for mpidr, number in sorted(of_mpidr.items(), key=lambda pair: pair[1])}


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        (came(1, 0x1) + came(2, 0x1), {}),
        (LOST.format(1) + came(2, 0x2), {2: 0x2}),
        (LOST.format(1) + came(2, 0x101) + came(2, 0x2), {1: 0x2, 2: 0x101}),
        (LOST.format(1) + came(2, 0x1) + came(2, 0x2), {1: 0x1, 2: 0x2}),
        (LOST.format(1) + came(2, 0x2) + came(2, 0x1), {1: 0x1, 2: 0x2}),
        (LOST.format(2) + LOST.format(3) + came(4, 0x4) + came(4, 0x3), {3: 0x3, 4: 0x4}),
        (LOST.format(1) + came(2, 0x1) + PENDING.format(1) + came(1, 0x2), {1: 0x1, 2: 0x2}),
        # Clusters may be listed in any order.
        (LOST.format(1) + came(2, 0x1) + came(3, 0x2) + came(1, 0x101), {1: 0x101, 2: 0x1, 3: 0x2}),
        (LOST.format(3) + came(4, 0x0) + came(5, 0x1) + came(5, 0x103), {3: 0x103, 4: 0x0, 5: 0x1}),
        # Cores are numbered by Aff1, as Aff0 is 0 everywhere.
        (LOST.format(1) + came(2, 0x100) + came(2, 0x200), {1: 0x100, 2: 0x200}),
    ],
)
def test_the_mpidrs_of_a_cluster_ascend_with_the_numbers(lines: str, numbers: dict[int, int]) -> None:
    assert own(lines) == numbers


def test_of_many_cpus_each_may_have_the_place_of_the_next() -> None:
    lines = LOST.format(1) + "".join(came(number, number - 1) for number in range(2, 60)) + came(59, 59)
    assert own(lines) == {number: number for number in range(1, 60)}


def test_the_sequence_of_a_log_has_late_cpus_between_the_steps() -> None:
    log = parse_kernel_log(HEAD.format(cpus=3) + LOST.format(1) + came(2, 0x1) + came(2, 0x2) + BROUGHT_UP.format(2))
    assert log.sequence == (
        Hotplug(1, HotplugResult.LOST),
        Hotplug(2, HotplugResult.ONLINE, hw_cpu=1),
        Hotplug(2, HotplugResult.ARRIVED_LATE),
    )
    assert [str(step) for step in log.sequence[1:]] == [
        "is taken by cpu1, which arrives late",
        "arrives late, and comes online",
    ]
    assert (log.late, log.oddities, log.came) == ((), (), {1, 2})
