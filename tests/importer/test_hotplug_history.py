"""The history of single CPUs in a log: bring-ups, refusals, and lines that are lost."""

from pathlib import Path

import pytest

from sim import Action, Do, KvmMode, Scenario, Topology, boot, read_scenario
from sim.importer.hotplug_history import Hotplug, HotplugHistory, HotplugResult, KeptOut, Refusal
from sim.importer.log_lines import LengthsVerdict
from sim.importer.log_reader import parse_kernel_log
from sim.importer.log_text import understood_lines
from sim.vectors import VectorType
from tests.importer.machines import BOOTED, HEAD, KILLED, SETS, dmesg_of, imported_log, vls

START = HEAD.format(cpus=3) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
REFUSED = (
    "SVE: cpu2: Required vector length(s) missing\nCPU features: CPU2: SVE: vector length support mismatch\n"
    "CPU2: will not boot\nCPU2: failed to come online\n"
)
AGAIN = BOOTED.replace("0.1", "9.1")
"""The line of a CPU that comes back: an equal stamp would make it a repetition by a second console."""
COMES, GOES = HotplugResult.ONLINE, HotplugResult.OFFLINE
MISSING = Refusal(VectorType.SVE, verdict=LengthsVerdict.MISSING)


def late(text: str) -> list[Hotplug]:
    log = parse_kernel_log(START + text)
    assert log.oddities == ()
    return [*log.late]


def test_a_cpu_goes_and_comes_back() -> None:
    assert late(KILLED.format(1) + AGAIN.format(1)) == [Hotplug(1, GOES), Hotplug(1, COMES)]


def test_a_cpu_that_comes_again_went_offline_before_though_the_line_is_lost() -> None:
    assert late(AGAIN.format(1)) == [Hotplug(1, GOES), Hotplug(1, COMES)]


def test_the_boot_cpu_may_go_offline_and_come_back(tmp_path: Path) -> None:
    assert late(KILLED.format(0) + BOOTED.format(0)) == [Hotplug(0, GOES), Hotplug(0, COMES)]
    assert late(BOOTED.format(0)) == [Hotplug(0, GOES), Hotplug(0, COMES)]
    imported = imported_log(START + KILLED.format(0) + BOOTED.format(0), tmp_path, cluster0=None)
    assert imported.contradictions == ()
    assert [(one.do, one.cpu) for one in imported.scenario.actions] == [(Do.OFFLINE, "cpu0"), (Do.ONLINE, "cpu0")]
    assert list(boot(imported.scenario).facts.online) == [0, 1]


def test_a_cpu_cannot_go_offline_twice(tmp_path: Path) -> None:
    off = "[    {}.000001] psci: CPU1 killed (polled 0 ms)\n"
    begins = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
    text = begins + AGAIN.format(1) + off.format(11) + off.format(12)
    imported = imported_log(text, tmp_path, cluster0=None)
    assert [action.do for action in imported.scenario.actions] == [Do.OFFLINE, Do.ONLINE, Do.OFFLINE]
    assert imported.contradictions == ("the log says that cpu1 goes offline, and it is not online",)


def test_a_refused_cpu_is_killed_which_is_no_step_of_its_own() -> None:
    assert late(REFUSED + KILLED.format(2)) == [Hotplug(2, HotplugResult.REFUSED, MISSING)]


def test_a_refused_cpu_whose_killing_is_lost_may_come_and_go_later() -> None:
    steps = late(REFUSED + BOOTED.format(2) + KILLED.format(2))
    assert steps == [Hotplug(2, HotplugResult.REFUSED, MISSING), Hotplug(2, COMES), Hotplug(2, GOES)]


def test_a_refused_cpu_is_killed_once_only() -> None:
    steps = late(REFUSED + KILLED.format(2) + BOOTED.format(2) + "[    9.000001] " + KILLED.format(2))
    assert steps == [Hotplug(2, HotplugResult.REFUSED, MISSING), Hotplug(2, COMES), Hotplug(2, GOES)]


def test_a_refused_cpu_that_is_killed_twice_is_a_contradiction() -> None:
    log = parse_kernel_log(START + REFUSED + KILLED.format(2) + "[    9.000001] " + KILLED.format(2))
    assert log.late == (Hotplug(2, HotplugResult.REFUSED, MISSING),)
    assert log.oddities == ("the log says that cpu2 goes offline, and it is not online",)


ANSWERED = "[{0}] psci: failed to boot CPU2 (-22)\n"
NOT_STARTED = Hotplug(2, HotplugResult.NOT_STARTED, error=-22)


@pytest.mark.parametrize(
    ("lines", "attempts"),
    [
        (ANSWERED.format("9.1"), 1),
        (ANSWERED.format("9.1") + "CPU2: failed to boot: -22\n", 1),
        (ANSWERED.format("9.1") + "psci: failed to boot CPU1 (-22)\nCPU2: failed to boot: -22\n", 1),
        (ANSWERED.format("9.1") + ANSWERED.format("9.2"), 2),
        (ANSWERED.format("9.1") + "CPU2: failed to boot: -22\n[9.2] CPU2: failed to boot: -22\n", 2),
    ],
)
def test_the_line_of_psci_and_that_of_the_kernel_are_one_attempt(lines: str, attempts: int) -> None:
    assert [step for step in late(lines) if step.cpu == 2] == [NOT_STARTED] * attempts


def test_a_cpu_that_firmware_does_not_start_or_that_never_arrives_is_a_step() -> None:
    steps = late("CPU2: failed to boot: -22\nCPU2: failed to come online\n")
    assert steps == [Hotplug(2, HotplugResult.NOT_STARTED, error=-22), Hotplug(2, HotplugResult.LOST)]


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        (
            "SME: cpu2: Unsupported vector length(s) present\n",
            Refusal(VectorType.SME, verdict=LengthsVerdict.UNSUPPORTED),
        ),
        ("CPU features: CPU2: SVE: vector length support mismatch\n", Refusal(VectorType.SVE)),
        (
            "CPU features: CPU2: Detected conflict for capability 67 (Scalable Vector Extension), System: 1, CPU: 0\n",
            Refusal(VectorType.SVE, lacks_extension=True),
        ),
    ],
)
def test_a_refusal_has_its_reason(lines: str, step: Refusal) -> None:
    assert late(f"{lines}CPU2: will not boot\nCPU2: failed to come online\n") == [
        Hotplug(2, HotplugResult.REFUSED, step)
    ]


@pytest.mark.parametrize(
    ("lines", "reason", "kept_out"),
    [
        ("CPU2: will not boot\n", "will not boot", KeptOut.UNEXPLAINED),
        (
            "CPU features: CPU2: Detected conflict for capability 9 (32-bit EL0 Support), System: 1, CPU: 0\n",
            "conflict of 32-bit EL0 Support",
            KeptOut.REFUSED,
        ),
    ],
)
def test_a_refusal_that_is_not_modelled_keeps_the_kernels_words(lines: str, reason: str, kept_out: KeptOut) -> None:
    step = Hotplug(2, HotplugResult.REFUSED_OTHERWISE, other_reason=reason, kept_out=kept_out)
    assert late(f"{lines}CPU2: failed to come online\n") == [step]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("CPU2: failed to come online\nCPU2: is stuck in kernel\n", "is stuck in kernel"),
        (
            "CPU2: failed to come online\nCPU2: is stuck in kernel\nCPU2: does not support 4K granule\n",
            "does not support 4K granule",
        ),
        ("CPU2: is stuck in kernel\nCPU2: does not support 4K granule\n", "is stuck in kernel"),
    ],
    ids=["stuck", "with a reason", "without the line before"],
)
def test_a_cpu_that_is_stuck_has_its_reason_behind_the_failure(lines: str, reason: str) -> None:
    assert late(lines) == [Hotplug(2, HotplugResult.REFUSED_OTHERWISE, other_reason=reason, kept_out=KeptOut.STUCK)]


def test_a_refused_cpu_that_is_stuck_keeps_its_reason() -> None:
    assert late(f"{REFUSED}CPU2: is stuck in kernel\n") == [Hotplug(2, HotplugResult.REFUSED, MISSING)]


def test_a_reason_counts_for_one_refusal_only() -> None:
    steps = late(f"{REFUSED}{KILLED.format(2)}[    9.000001] CPU2: failed to come online\n")
    assert steps[1] == Hotplug(2, HotplugResult.LOST)


def test_a_log_that_ends_in_a_refusal_has_the_refusal(tmp_path: Path) -> None:
    text = dmesg_of("mixed")
    cut = text[: text.index("CPU3: failed to come online")]
    imported = imported_log(cut, tmp_path, **vls(SETS["mixed"]))
    assert [action.cpu for action in imported.scenario.actions] == ["cpu3"]
    assert imported.contradictions == ()


def test_a_panic_in_the_middle_of_a_step_leaves_the_step_out() -> None:
    toggled = (Action(Do.OFFLINE, "cpu1"), Action(Do.ONLINE, "cpu1"))
    ran = boot(
        Scenario(Topology.of([[128], [128]]), kernel="6.1.176+deb12", kvm_mode=KvmMode.PROTECTED, actions=toggled)
    )
    log = parse_kernel_log(ran.log_text)
    assert (log.panic is not None, log.late) == (True, (Hotplug(1, GOES),))


def test_of_some_lines_nothing_is_known_before_the_first() -> None:
    history = HotplugHistory(online=None)
    for found in understood_lines(KILLED.format(1) + BOOTED.format(2)):
        history.read(found.line)
    assert history.steps == [Hotplug(1, GOES), Hotplug(2, COMES)]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Hotplug(1, COMES), "comes online"),
        (Hotplug(1, GOES), "goes offline"),
        (Hotplug(1, HotplugResult.LOST), "does not come online"),
        (
            Hotplug(1, HotplugResult.REFUSED_OTHERWISE, other_reason="will not boot"),
            "is refused, not for vector lengths (will not boot)",
        ),
        (Hotplug(1, HotplugResult.REFUSED, MISSING), "is refused (SVE: Required vector length(s) missing)"),
        (
            Hotplug(1, HotplugResult.REFUSED, Refusal(VectorType.SME)),
            "is refused (SME: vector length support mismatch)",
        ),
        (Hotplug(1, HotplugResult.REFUSED, Refusal(VectorType.SVE, lacks_extension=True)), "is refused (lacks SVE)"),
        (Hotplug(1, HotplugResult.NOT_STARTED, error=-22), "is not started (-22)"),
    ],
)
def test_a_step_says_its_reason(step: Hotplug, words: str) -> None:
    assert str(step) == words


COMPARED = (
    "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64DFR0_EL1. Boot CPU: 0x00000010305408, "
    "CPU2: 0x00000010303408\n"
)
IDLE_TASK_PANIC = "Kernel panic - not syncing: Attempted to kill the idle task!\n"


def test_a_cpu_crashes_the_kernel_if_it_was_compared_and_is_not_online_before_the_panic() -> None:
    init = "Run /init as init process\n"
    assert late(init + COMPARED + IDLE_TASK_PANIC) == [Hotplug(2, HotplugResult.CRASHED)]
    assert late(init + COMPARED + BOOTED.format(2) + IDLE_TASK_PANIC) == [Hotplug(2, COMES)]
    assert late(init + IDLE_TASK_PANIC) == []


def test_a_late_cpu_that_crashes_the_kernel_is_reproduced(tmp_path: Path) -> None:
    imported = imported_log(boot(read_scenario("fewer-breakpoints")).log_text, tmp_path)
    assert imported.contradictions == ()
    assert IDLE_TASK_PANIC.strip() in boot(imported.scenario).log_text
