"""Suspends in a kernel log: one action, whichever of its lines are lost."""

import random
from pathlib import Path

import pytest

from sim import Action, Do, Fault, Scenario, Topology, boot
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.imported import Imported, import_machine
from sim.importer.log_reader import parse_kernel_log
from sim.importer.machine_evidence import Sources
from tests.importer.machines import BOOTED, HEAD
from tests.systems import N2, V1, off, on, results, suspend

START = HEAD.format(cpus=3) + BOOTED.format(1) + BOOTED.format(2) + "smp: Brought up 1 node, 3 CPUs\n"
KILLED = "psci: CPU{} killed (polled 0 ms)\n"
DISABLING, ENABLING, EXIT = "Disabling non-boot CPUs ...\n", "Enabling non-boot CPUs ...\n", "PM: suspend exit\n"
DOWN = KILLED.format(2) + KILLED.format(1)
COMES, GOES = HotplugResult.ONLINE, HotplugResult.OFFLINE


def back(cpu: int, second: int, up: str = "CPU{} is up\n") -> str:
    """The lines of a CPU that comes back; a stamp of its own tells them from a repetition."""
    return BOOTED.replace("0.1", f"{second}.1").format(cpu) + up.format(cpu)


def acts(text: str) -> list[str | tuple[int, ...]]:
    """The actions of a log: those on one CPU in words, and the CPUs of each suspend."""
    log = parse_kernel_log(START + text)
    assert log.oddities == ()
    assert [step for action in log.actions for step in action.steps] == list(log.late)
    return [
        tuple(dict.fromkeys(step.cpu for step in action.steps))
        if action.is_suspend
        else f"cpu{action.steps[0].cpu} {action.steps[0].result}"
        for action in log.actions
    ]


UP = back(1, 20) + back(2, 21)


@pytest.mark.parametrize(
    "text",
    [
        DISABLING + DOWN + ENABLING + UP + EXIT,
        DISABLING + DOWN + ENABLING + UP,
        DOWN + UP,
        DOWN + ENABLING + UP,
        DISABLING + DOWN + UP + "PM: hibernation: hibernation exit\n",
        DISABLING + DOWN + ENABLING + back(1, 20, up="") + back(2, 21, up=""),
        # As PSCI before 0.2 has it, no line says that a CPU is down.
        DISABLING + ENABLING + UP,
        UP,
    ],
)
def test_a_suspend_is_one_action_whichever_of_its_lines_are_lost(text: str) -> None:
    (action,) = acts(text)
    assert set(action) == {1, 2}


def test_a_phones_log_has_one_suspend_after_the_other() -> None:
    first, second = DISABLING + DOWN + ENABLING + UP + EXIT, DISABLING + DOWN + ENABLING + back(1, 30) + back(2, 31)
    assert acts(first + second) == [(2, 1), (2, 1)]
    assert acts(DOWN + UP + DOWN + back(1, 30) + back(2, 31)) == [(2, 1), (2, 1)]


def test_what_user_space_does_before_and_after_stays_apart() -> None:
    text = KILLED.format(1) + DISABLING + KILLED.format(2) + ENABLING + back(2, 20) + EXIT + back(1, 21, up="")
    assert acts(text) == ["cpu1 goes offline", (2,), "cpu1 comes online"]
    assert acts(text.replace(DISABLING, "").replace(ENABLING, "").replace(EXIT, "")) == acts(text)


def test_a_log_that_ends_asleep_has_cpus_that_went_offline() -> None:
    assert acts(DISABLING + DOWN) == ["cpu2 goes offline", "cpu1 goes offline"]


def test_a_suspend_that_was_given_up_is_no_suspend() -> None:
    for why in ("Error taking CPU1 down: -16\nNon-boot CPUs are not disabled\n", "Non-boot CPUs are not disabled\n"):
        text = DISABLING + KILLED.format(2) + why + ENABLING + back(2, 20) + EXIT
        assert acts(text) == ["cpu2 goes offline", "cpu2 comes online"]


def test_a_suspend_to_idle_takes_no_cpu_down() -> None:
    assert acts("PM: suspend entry (s2idle)\n" + EXIT) == []


def test_a_cpu_that_does_not_come_back_belongs_to_the_suspend() -> None:
    lost = "CPU1: failed to come online\nCPU1: failed in unknown state : 0x0\nError taking CPU1 up: -5\n"
    log = parse_kernel_log(START + DISABLING + DOWN + ENABLING + lost + back(2, 20) + EXIT)
    (action,) = log.actions
    assert action.steps[2:] == (Hotplug(1, HotplugResult.LOST), Hotplug(2, COMES))


@pytest.mark.parametrize(
    ("error", "step"),
    [
        # Of which kernels from 6.11 on log nothing else.
        (-1, Hotplug(1, HotplugResult.NOT_STARTED, error=-1, is_silent=True)),
        (-5, Hotplug(1, HotplugResult.LOST)),
    ],
)
def test_the_error_alone_tells_that_a_cpu_does_not_come_back(error: int, step: Hotplug) -> None:
    log = parse_kernel_log(START + DISABLING + DOWN + ENABLING + f"Error taking CPU1 up: {error}\n" + back(2, 20))
    assert log.actions[0].steps == (Hotplug(2, GOES), Hotplug(1, GOES), step, Hotplug(2, COMES))


# Logs of boots, and the boots of scenarios that are made from them


def imported(text: str, folder: Path) -> Imported:
    (folder / "log").write_text(text, encoding="utf-8")
    return import_machine(Sources(folder / "log"), {})


def test_the_order_in_which_the_cpus_go_down_decides_the_flag(tmp_path: Path) -> None:
    for kernel, ascends in (("6.10", True), ("6.12", False)):
        text = boot(Scenario(Topology.of([N2, N2, N2]), kernel=kernel, actions=(suspend(),))).log_text
        # A log without a release is simulated as the default kernel's.
        found = imported(text, tmp_path)
        assert found.contradictions == ()
        assert found.scenario.flags.suspend_ascends is ascends
        assert found.scenario.actions == (suspend(),)


def test_a_cpu_that_is_lost_at_resume_has_a_fault_of_that_cpu_on(tmp_path: Path) -> None:
    fault = Fault("cpu1", never_arrives=True, first=2)
    ran = boot(Scenario(Topology.of([V1] * 4), faults=(fault,), actions=(suspend(), off(2), suspend())))
    found = imported(ran.log_text, tmp_path)
    assert found.contradictions == ()
    assert found.scenario.faults == (Fault("cpu1", never_arrives=True, first=2, last=2),)
    assert results(boot(found.scenario)) == results(ran)


@pytest.mark.parametrize(
    "lost", [(), ("PM: ",), ("Disabling",), ("Enabling",), ("Disabling", "Enabling", "PM: "), ("is up", "PM: ")]
)
def test_the_scenario_of_a_log_suspends_as_often_whatever_lines_are_lost(lost: tuple[str, ...], tmp_path: Path) -> None:
    draw = random.Random(f"suspends without {lost}")  # noqa: S311 (examples)
    for _ in range(25):
        cpus = draw.randint(2, 4)
        kinds = [draw.choice([Do.SUSPEND, Do.SUSPEND, Do.ONLINE, Do.OFFLINE]) for _ in range(draw.randint(1, 5))]
        actions = [Action(do, None if do is Do.SUSPEND else f"cpu{draw.randrange(1, cpus)}") for do in kinds]
        faults = [Fault("cpu1", never_arrives=True, first=draw.randint(2, 3))] if draw.random() < 1 / 3 else []
        kernel = draw.choice(["6.1", "6.12"])
        ran = boot(Scenario(Topology.of([V1] * cpus), kernel=kernel, actions=tuple(actions), faults=tuple(faults)))
        lines = [line for line in ran.log_text.splitlines() if not any(words in line for words in lost)]
        found = imported("\n".join(lines), tmp_path)
        assert found.contradictions == ()
        # A suspend with one CPU online takes none down, and leaves no step.
        slept = [row for row in ran.action_rows() if row.do == Do.SUSPEND and any("killed" in line for line in row.log)]
        assert sum(action.do is Do.SUSPEND for action in found.scenario.actions) == len(slept)
        assert boot(found.scenario).facts.online == ran.facts.online


def test_a_panic_at_resume_is_the_models_too(tmp_path: Path) -> None:
    release = "Linux version 6.1.0-50-arm64 (b@h) #1 SMP Debian 6.1.176-1 (2026-08-01)"
    ran = boot(
        Scenario(Topology.of([V1, V1]), kernel="6.1.176+deb", kvm_mode="protected", actions=(on(1), suspend()))  # type: ignore[arg-type]
    )
    lines = ran.log_text.splitlines()
    found = imported("\n".join([lines[0], release, *lines[1:]]), tmp_path)
    assert found.contradictions == ()
    assert boot(found.scenario).facts.panic is not None
