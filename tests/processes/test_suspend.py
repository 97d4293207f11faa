"""Suspend and resume: all CPUs but one go down and come up again, and user space stands still meanwhile."""

from typing import Any

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.facts import ActionResult, CpuState
from sim.hazard_kinds import HazardKind
from sim.kernel.printk import EventKind
from sim.latencies import Latencies, fixed
from sim.outcome import Outcome
from sim.scenario import Action, Do, Fault, KvmMode, LateBecause, Scenario
from sim.timeline import LOCK, SpanKind, timeline
from sim.topology import EnableMethod, Topology
from tests.systems import (
    A64FX,
    N2,
    V1,
    booted,
    cpu_of,
    guest,
    kinds,
    off,
    on,
    results,
    suspend,
    texts,
    under_pkvm,
    wait_for,
)

MS = 1_000_000
SLOW = Latencies(sleep=fixed("10s"))


def lines_of(outcome: Outcome, action: int = -1) -> list[str]:
    """The lines of an action, without those by which a CPU says that it comes online."""
    one = outcome.facts.actions[action]
    return [line for line in texts(outcome)[one.log_from : one.log_to] if "Booted secondary" not in line]


def of(outcome: Outcome, do: Do, agent: str = "user space") -> ActionResult:
    return next(one for one in outcome.facts.actions if (one.action.do, one.action.agent) == (do, agent))


def from_spin_table(*numbers: int, of: int = 4, **parts: Any) -> Outcome:
    """Boot CPUs of which some wait in a spin table, and suspend the system."""
    methods = [EnableMethod.SPIN_TABLE if number in numbers else EnableMethod.PSCI for number in range(of)]
    cpus = tuple(cpu_of(f"cpu{number}", 0b1, enable_method=method) for number, method in enumerate(methods))
    return boot(Scenario(Topology(cpus), actions=(suspend(),), **parts))


# The way down and up


@pytest.mark.parametrize(("kernel", "order"), [("6.1", "123"), ("6.10", "123"), ("6.11", "321"), ("7.3", "321")])
def test_the_cpus_go_down_in_the_kernels_order_and_come_up_in_ascending_order(kernel: str, order: str) -> None:
    outcome = booted(N2, N2, N2, N2, kernel=kernel, actions=(suspend(),))
    assert lines_of(outcome) == [
        "PM: suspend entry (deep)",
        "Disabling non-boot CPUs ...",
        *(f"psci: CPU{number} killed (polled 0 ms)" for number in order),
        "Enabling non-boot CPUs ...",
        *(f"CPU{number} is up" for number in "123"),
        "PM: suspend exit",
    ]
    assert results(outcome) == [("resumed", None)]
    assert outcome.facts.online == (0, 1, 2, 3)
    assert (outcome.found, outcome.notes) == ([], [])


def test_each_cpu_is_up_behind_its_own_lines() -> None:
    outcome = booted(N2, N2, actions=(suspend(),))
    assert texts(outcome)[-4:] == [
        "Enabling non-boot CPUs ...",
        "CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
        "CPU1 is up",
        "PM: suspend exit",
    ]


def test_the_cpus_that_were_online_come_back_and_no_others() -> None:
    outcome = booted(N2, N2, N2, N2, maxcpus=3, actions=(off(2), suspend()))
    assert lines_of(outcome)[2:5] == ["psci: CPU1 killed (polled 0 ms)", "Enabling non-boot CPUs ...", "CPU1 is up"]
    assert outcome.facts.online == (0, 1)


def test_without_the_boot_cpu_the_first_online_cpu_stays_up() -> None:
    outcome = booted(N2, N2, N2, kernel="6.1", actions=(off(0), suspend()))
    assert lines_of(outcome)[2:5] == ["psci: CPU2 killed (polled 0 ms)", "Enabling non-boot CPUs ...", "CPU2 is up"]
    assert outcome.facts.online == (1, 2)


def test_a_cpu_alone_suspends_and_enables_none() -> None:
    outcome = booted(N2, N2, maxcpus=1, actions=(suspend(),))
    assert lines_of(outcome) == ["PM: suspend entry (deep)", "Disabling non-boot CPUs ...", "PM: suspend exit"]
    assert results(outcome) == [("resumed", None)]


def test_the_system_sleeps_once_all_other_cpus_are_down() -> None:
    outcome = booted(N2, N2, N2, latencies=SLOW, actions=(suspend(),))
    asleep, awake = (
        next(event for event in outcome.facts.events if event.kind is kind)
        for kind in (EventKind.ASLEEP, EventKind.AWAKE)
    )
    assert (asleep.cpu, awake.cpu, awake.time_ns - asleep.time_ns) == (0, 0, 10_000 * MS)
    (sleep,) = (span for span in timeline(outcome).spans if span.kind is SpanKind.ASLEEP)
    assert (sleep.lane, sleep.start_ns, sleep.end_ns) == (0, asleep.time_ns, awake.time_ns)
    held = [span.detail for span in timeline(outcome).spans if span.lane == LOCK]
    assert held[-1] == "for suspend"


def test_a_cpu_that_returns_is_verified_as_a_late_cpu() -> None:
    outcome = booted(N2, N2, actions=(suspend(),))
    assert outcome.facts.late_because(1) is LateBecause.RETURNS


# CPUs that do not come back


def lost(**parts: Any) -> Outcome:
    """Suspend twice, where firmware loses cpu1 when it comes back."""
    fault = Fault("cpu1", never_arrives=True, first=2)
    return booted(N2, N2, N2, faults=(fault,), actions=(suspend(), suspend()), **parts)


def test_a_cpu_that_does_not_come_back_is_lost_and_the_others_come() -> None:
    outcome = lost()
    assert lines_of(outcome, 0)[4:] == [
        "Enabling non-boot CPUs ...",
        "CPU1: failed to come online",
        "CPU1: failed in unknown state : 0x0",
        "Error taking CPU1 up: -5",
        "CPU2 is up",
        "PM: suspend exit",
    ]
    # The write to /sys/power/state has succeeded all the same.
    assert results(outcome)[0] == ("resumed", None)
    assert (outcome.facts.online, outcome.facts.state(1)) == ((0, 2), CpuState.LOST)
    assert kinds(outcome) == [HazardKind.CPU_LOST_TO_FIRMWARE]
    assert outcome.notes[0] == "cpu1 was online before the system suspended, and did not come back"


def test_firmware_does_not_suspend_while_a_lost_cpu_is_not_off() -> None:
    outcome = lost()
    assert lines_of(outcome)[2:] == [
        "psci: CPU2 killed (polled 0 ms)",
        "Enabling non-boot CPUs ...",
        "CPU2 is up",
        "PM: suspend exit",
    ]
    assert results(outcome)[1] == ("failed", "EPERM")
    assert outcome.notes[1] == "the system cannot suspend: firmware denies SYSTEM_SUSPEND while cpu1 is not off"


def test_a_cpu_that_refused_itself_is_off_and_does_not_keep_the_system_awake() -> None:
    outcome = booted(A64FX, A64FX, N2, maxcpus=2, actions=(on(2), suspend()))
    assert results(outcome) == [("failed", "EIO"), ("resumed", None)]


@pytest.mark.parametrize(("kernel", "silent"), [("6.10", False), ("6.11", True)])
def test_an_answer_of_firmware_is_an_errno_of_the_resume(kernel: str, silent: bool) -> None:
    fault = Fault("cpu1", answer="DENIED", first=2)
    outcome = booted(N2, N2, kernel=kernel, faults=(fault,), actions=(suspend(),))
    words = [] if silent else ["psci: failed to boot CPU1 (-1)", "CPU1: failed to boot: -1"]
    assert lines_of(outcome)[4:-1] == [*words, "Error taking CPU1 up: -1"]
    assert outcome.facts.state(1) is CpuState.NOT_STARTED


def test_a_cpu_that_arrives_when_the_next_comes_back_takes_its_arguments() -> None:
    fault = Fault("cpu1", arrives_after_ns=5_000 * MS + 100_000, first=2)
    outcome = booted(N2, N2, N2, faults=(fault,), actions=(suspend(),))
    assert "Error taking CPU1 up: -5" in texts(outcome)
    assert HazardKind.SHARED_IDLE_TASK in kinds(outcome)


def test_a_core_at_el1_costs_every_cpu_that_comes_back() -> None:
    cpus = [cpu_of("a", vhe=False), cpu_of("b", vhe=False), cpu_of("c", vhe=False, el=1, late=True)]
    outcome = boot(Scenario(Topology(tuple(cpus)), kernel="7.3", actions=(Action(Do.ONLINE, "c"), suspend())))
    assert results(outcome) == [("failed", "EIO"), ("resumed", None)]
    assert outcome.facts.state(1) is CpuState.REFUSED
    assert texts(outcome)[-3:] == ["CPU1: died during early boot", "Error taking CPU1 up: -5", "PM: suspend exit"]
    assert "cpu1 (b) was online before the system suspended, and did not come back" in outcome.notes


# CPUs that do not go down


def test_a_cpu_of_a_spin_table_cannot_go_down() -> None:
    outcome = from_spin_table(1, 2, 3)
    assert lines_of(outcome) == [
        "PM: suspend entry (deep)",
        "Disabling non-boot CPUs ...",
        "Error taking CPU3 down: -95",
        "Non-boot CPUs are not disabled",
        "PM: suspend exit",
    ]
    assert results(outcome) == [("failed", "EOPNOTSUPP")]
    assert outcome.notes == [
        "the system cannot suspend: cpu3 waits in a spin table, and cannot be taken down",
    ]


def test_a_system_without_psci_suspends_to_idle_with_all_cpus_online() -> None:
    outcome = from_spin_table(0, 1, 2, 3, latencies=SLOW)
    assert lines_of(outcome) == ["PM: suspend entry (s2idle)", "PM: suspend exit"]
    assert results(outcome) == [("resumed", None)]
    assert outcome.facts.online == (0, 1, 2, 3)
    assert not any("suspend" in note for note in outcome.notes)
    assert of(outcome, Do.SUSPEND).ended_ns - of(outcome, Do.SUSPEND).started_ns == 10_000 * MS


def test_the_cpus_that_went_down_before_it_come_back() -> None:
    outcome = from_spin_table(1)
    assert lines_of(outcome)[2:-1] == [
        *(f"psci: CPU{number} killed (polled 0 ms)" for number in "32"),
        "Error taking CPU1 down: -95",
        "Non-boot CPUs are not disabled",
        "Enabling non-boot CPUs ...",
        *(f"CPU{number} is up" for number in "23"),
    ]
    assert outcome.facts.online == (0, 1, 2, 3)


def test_psci_knows_nothing_of_a_cpu_that_never_left_its_spin_table() -> None:
    outcome = from_spin_table(1, faults=(Fault("cpu1", never_arrives=True),))
    assert results(outcome) == [("resumed", None)]


# User space and guests


def test_a_task_that_is_due_meanwhile_goes_on_after_the_resume() -> None:
    actions = (suspend(agent="a"), off(2, agent="b", at_ns=5_000 * MS), guest(1, agent="c", at_ns=5_000 * MS))
    outcome = booted(N2, N2, N2, latencies=SLOW, actions=actions)
    resumed = of(outcome, Do.SUSPEND, "a").ended_ns
    assert resumed > 10_000 * MS
    assert [of(outcome, do, agent).started_ns for do, agent in ((Do.OFFLINE, "b"), (Do.GUEST, "c"))] == [resumed] * 2
    assert outcome.facts.online == (0, 1)


def test_a_write_that_waits_for_the_lock_is_done_after_the_resume() -> None:
    actions = (suspend(agent="a"), off(2, agent="b", at_ns=1))
    outcome = booted(N2, N2, N2, actions=(off(1, agent="c"), *actions))
    assert results(outcome) == [("offline", None), ("resumed", None), ("offline", None)]
    assert outcome.facts.online == (0,)


def test_a_task_that_waits_for_a_cpu_sees_it_after_the_resume() -> None:
    # cpu1 arrives when it was given up twice, while cpu2 goes down.
    fault = Fault("cpu1", arrives_after_ns=6_000 * MS, last=1)
    actions = (on(1, agent="a"), on(1, agent="a"), suspend(agent="a", at_ns=5_500 * MS), wait_for(1, agent="b"))
    slow = Latencies(cpu_off=fixed("2s"))
    outcome = booted(
        N2, N2, N2, kernel="6.1", faults=(fault,), latencies=slow, maxcpus=1, actions=(on(2, agent="a"), *actions)
    )
    arrived = next(event for event in outcome.facts.events if event.kind is EventKind.BOOTED and event.cpu == 1)
    suspended = of(outcome, Do.SUSPEND, "a")
    assert suspended.started_ns < arrived.time_ns < suspended.ended_ns == of(outcome, Do.AWAIT, "b").ended_ns


def test_one_suspend_is_under_way_at_a_time() -> None:
    # Both begin while a CPU goes down: the lock is awaited, and tasks are not frozen yet.
    actions = (off(1, agent="a"), suspend(agent="b", at_ns=1), suspend(agent="c", at_ns=2))
    outcome = booted(N2, N2, actions=actions)
    refused = of(outcome, Do.SUSPEND, "c")
    assert (refused.outcome, refused.error, refused.ended_ns - refused.started_ns) == ("failed", "EBUSY", 0)
    lines = [line.text for line in outcome.facts.log[refused.log_from : refused.log_to]]
    assert lines == ["PM: suspend entry (deep)", "PM: suspend exit"]
    assert of(outcome, Do.SUSPEND, "b").error is None


def test_guests_leave_their_cpus_and_return_to_them() -> None:
    actions = (suspend(agent="a"), guest(1, agent="b", rounds=3), guest(0, agent="c", guest="other", rounds=3))
    outcome = booted(N2, N2, latencies=SLOW, actions=(*actions,))
    assert {(visit.guest, visit.cpu) for visit in outcome.facts.guests} == {("guest", 1), ("other", 0)}
    asleep, awake = (
        next(event.time_ns for event in outcome.facts.events if event.kind is kind)
        for kind in (EventKind.ASLEEP, EventKind.AWAKE)
    )
    assert not [event for event in outcome.facts.events if asleep < event.time_ns < awake]
    assert [one.outcome for one in outcome.facts.actions if one.action.do is Do.GUEST] == ["ran"] * 2


def test_a_guest_whose_cpu_is_lost_goes_on_elsewhere() -> None:
    fault = Fault("cpu1", never_arrives=True, first=2)
    actions = (suspend(agent="a", at_ns=MS), guest(1, agent="b", rounds=9))
    outcome = booted(N2, N2, N2, faults=(fault,), actions=actions)
    cpus = [visit.cpu for visit in outcome.facts.guests]
    assert len(cpus) == 9
    assert cpus == sorted(cpus, reverse=True)
    assert set(cpus) == {0, 1}


# KVM


def test_pkvms_relay_lets_the_cpus_come_back() -> None:
    outcome = under_pkvm(V1, V1, V1, kernel="6.12", maxcpus=2, actions=(suspend(), on(2)))
    assert results(outcome) == [("resumed", None), ("failed", "EINVAL")]
    assert outcome.facts.online == (0, 1)


def test_the_first_cpu_that_comes_back_panics_the_hypervisor_of_debians_6_1() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.1.0-50-arm64", actions=(suspend(),))
    assert kinds(outcome)[0] is HazardKind.HYPERVISOR_PANIC
    assert results(outcome) == [("hung", None)]
    assert under_pkvm(V1, V1, kernel="6.1.131-android14-11", actions=(suspend(),)).facts.online == (0, 1)


def test_zcr_el2_is_as_after_the_start_on_every_cpu_that_slept() -> None:
    saved = (guest(0), guest(1))
    narrow = under_pkvm(A64FX, A64FX, N2, kernel="6.12", actions=saved)
    assert [row.host_max_vl_bytes for row in narrow.cpu_rows()] == [16, 16, 16]
    slept = under_pkvm(A64FX, A64FX, N2, kernel="6.12", actions=(*saved, suspend()))
    assert [row.host_max_vl_bytes for row in slept.cpu_rows()] == [64, 64, 16]


# The action


def test_a_suspend_has_no_cpu_and_every_other_action_has_one() -> None:
    with pytest.raises(InputError, match=r"^suspend concerns the whole system, not 'cpu1': leave the CPU out$"):
        Action(Do.SUSPEND, "cpu1")
    with pytest.raises(InputError, match=r"^guest concerns a CPU, and none is given$"):
        Action(Do.GUEST)
    assert (Action(Do.SUSPEND).words, on(1).words) == ("suspend", "online cpu1")


def test_its_row_has_no_cpu() -> None:
    outcome = booted(N2, N2, actions=(suspend(), on(1)), kvm_mode=KvmMode.NONE)
    assert [(row.do, row.cpu, row.outcome) for row in outcome.action_rows()] == [
        ("suspend", None, "resumed"),
        ("online", 1, "online"),
    ]
    assert outcome.actions["cpu"].tolist()[1:] == [1]
