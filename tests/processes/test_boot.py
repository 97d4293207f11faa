"""The order of a boot, hotplug, faults of firmware, and that nothing hangs on an accident."""

import os
import subprocess
import sys
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import rules
from sim.boot_run import boot
from sim.environment import SeededEnvironment
from sim.hazard_kinds import HazardKind
from sim.kernel.printk import EventKind
from sim.latencies import WAIT_NS, Distribution, Latencies, fixed
from sim.processes.system import System
from sim.scenario import Action, BringUp, Fault, KvmMode, LateBecause, Relay, Scenario
from sim.topology import Topology
from sim.units import nanoseconds
from sim.vectors import VectorType
from tests.examples import examples
from tests.systems import A64FX, N2, V1, booted, cpu_of, guest, kinds, off, on, results, texts, under_pkvm, wait_for

SETS = st.sampled_from([N2, V1, A64FX, [128, 256, 384], [128, 256, 384, 512], [128, 256, 512, 1024]])


def test_a_boot_logs_in_the_kernel_s_order() -> None:
    outcome = booted(A64FX, [128, 256, 384, 512], A64FX, kernel="6.12", maxcpus=2, kvm_mode="protected")
    assert texts(outcome) == [
        "Booting Linux on physical CPU 0x0000000000 [0x000f0510]",
        "Linux version 6.12",
        "Kernel command line: maxcpus=2 kvm-arm.mode=protected",
        "smp: Bringing up secondary CPUs ...",
        "CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
        "smp: Brought up 1 node, 2 CPUs",
        "SMP: Total of 2 processors activated.",
        "CPU: All CPU(s) started at EL2",
        "SVE: maximum available vector length 64 bytes per vector",
        "SVE: default vector length 64 bytes per vector",
        "SVE: unvirtualisable vector lengths present",
        "KVM: SVE vector length for guests limited to 32 bytes",
        "kvm [1]: Protected hVHE mode initialized successfully",
    ]


def test_pkvm_is_finalised_after_it_allocated_and_before_user_space() -> None:
    kinds_of_events = [event.kind for event in under_pkvm(A64FX, kernel="6.12").facts.events]
    assert kinds_of_events == [
        "arrived",
        "booted",
        "capabilities final",
        "allocated",
        "kvm init",
        "pkvm finalised",
        "user space",
    ]


def test_one_cpu_is_enough() -> None:
    assert "smp: Brought up 1 node, 1 CPU" in texts(booted(V1))


def test_any_cpu_of_the_file_may_boot_and_logs_use_logical_numbers() -> None:
    topology = Topology((cpu_of("little", 0b11), cpu_of("big", 0b1011)), boot_cpu="big")
    outcome = boot(Scenario(topology))
    assert [row.name for row in outcome.cpu_rows()] == ["big", "little"]
    assert "CPU1: Booted secondary processor 0x0000000000 [0x000f0510]" in texts(outcome)


@examples(0.6)
@given(st.lists(SETS, min_size=1, max_size=5), st.integers(0, 1000))
def test_enumeration_does_not_depend_on_order_seed_or_bring_up(sets: list[list[int]], seed: int) -> None:
    reference = booted(*sets).vectors["SVE"]
    for order in list(permutations(sets[1:]))[:6]:
        for bring_up in BringUp:
            outcome = booted(sets[0], *order, bring_up=bring_up, seed=seed)
            assert outcome.vectors["SVE"] == reference
            assert len(outcome.facts.online) == len(sets)


def test_parallel_bring_up_takes_different_orders_with_different_seeds() -> None:
    sets = [V1] * 6
    logs = {booted(*sets, bring_up=BringUp.PARALLEL, seed=seed).log_text for seed in range(5)}
    assert len(logs) > 1


@examples(0.3)
@given(st.lists(SETS, min_size=2, max_size=5), st.integers(0, 5), st.sampled_from(list(KvmMode)))
def test_the_same_scenario_always_has_the_same_outcome(sets: list[list[int]], seed: int, mode: KvmMode) -> None:
    latencies = Latencies(cpu_on=Distribution("lognormal", (200_000.0, 0.5)))
    scenario = Scenario(
        Topology.of(sets),
        kernel="6.11",
        kvm_mode=mode,
        maxcpus=1,
        latencies=latencies,
        seed=seed,
        actions=(on(1), guest(0), guest(1)),
    )
    assert boot(scenario).to_dict() == boot(scenario).to_dict()


def test_the_same_bytes_in_any_process() -> None:
    command = [sys.executable, "-m", "sim.cli", "run", "topologies/bug.toml", "--json"]
    outputs = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert outputs != {b""}


# Hotplug


def test_a_refused_cpu_costs_the_wait_and_leaves_the_present_set() -> None:
    outcome = booted(A64FX, A64FX, V1, kernel="6.12", maxcpus=2, actions=(on(2), on(2), off(2)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL"), ("offline", None)]
    first, second, _ = outcome.action_rows()
    assert first.ended_ns - first.started_ns >= WAIT_NS
    assert first.log == [
        "SVE: cpu2: Required vector length(s) missing",
        "CPU features: CPU2: SVE: vector length support mismatch",
        "CPU2: will not boot",
        "CPU2: failed to come online",
        "psci: CPU2 killed (polled 0 ms)",
        "CPU2: died during early boot",
    ]
    assert second.log == []
    assert second.ended_ns == second.started_ns
    assert outcome.cpu_rows()[2].state == "refused"


def test_a_cpu_that_comes_back_is_verified_again() -> None:
    outcome = booted(A64FX, [128, 256, 384, 512], kernel="6.12", actions=(off(1), on(1)))
    assert results(outcome) == [("offline", None), ("online", None)]
    assert [event.kind for event in outcome.facts.events if event.cpu == 1].count(EventKind.BOOTED) == 2


def test_writing_what_is_already_so_succeeds_and_logs_nothing() -> None:
    outcome = booted(V1, V1, V1, maxcpus=2, actions=(on(1), off(2)))
    assert results(outcome) == [("online", None), ("offline", None)]
    assert [row.log for row in outcome.action_rows()] == [[], []]


def test_the_last_cpu_stays_online() -> None:
    outcome = booted(V1, V1, actions=(off(0), off(1)))
    assert results(outcome) == [("offline", None), ("failed", "EBUSY")]
    assert outcome.facts.online == (1,)


def test_the_hotplug_lock_lets_one_agent_in_at_a_time() -> None:
    actions = tuple(on(number, agent=f"agent{number}") for number in (1, 2, 3))
    outcome = booted(A64FX, V1, A64FX, V1, kernel="6.12", maxcpus=1, actions=actions, seed=3)
    held = [event for event in outcome.facts.events if event.kind.startswith("lock")]
    assert [event.kind for event in held] == ["lock taken", "lock released"] * 3
    last = max(one.ended_ns for one in outcome.facts.actions)
    first = min(one.started_ns for one in outcome.facts.actions)
    assert last - first >= 2 * WAIT_NS


def test_agents_perform_their_own_actions_in_order_and_not_before_their_time() -> None:
    at = nanoseconds("7s")
    outcome = booted(V1, V1, V1, maxcpus=1, actions=(on(1), on(2, at_ns=at)))
    first, second = outcome.facts.actions
    assert second.started_ns - first.started_ns == at


def test_the_pkvm_relay_refuses_whoever_was_not_online_at_init() -> None:
    actions = (on(2), off(1), on(1), on(2))
    outcome = under_pkvm(V1, V1, V1, kernel="6.12", maxcpus=2, actions=actions)
    assert results(outcome) == [("failed", "EINVAL"), ("offline", None), ("online", None), ("failed", "EINVAL")]
    assert outcome.action_rows()[0].log == ["psci: failed to boot CPU2 (-22)", "CPU2: failed to boot: -22"]
    relaxed = under_pkvm(V1, V1, V1, kernel="6.12", maxcpus=2, actions=actions, relay="relaxed")
    assert {outcome for outcome, _ in results(relaxed)} == {"online", "offline"}


def test_a_late_cpu_is_left_out_of_the_early_bring_up() -> None:
    topology = Topology((cpu_of("cpu0", 0b11), cpu_of("prime", 0b1011, late=True), cpu_of("cpu2", 0b11)))
    outcome = boot(Scenario(topology, actions=(on(0),)))
    assert outcome.facts.online == (0, 2)
    assert [row.role for row in outcome.cpu_rows()] == ["boot", "late", "early"]


# Kernels


def test_6_1_refuses_a_harmless_cpu_that_later_kernels_accept() -> None:
    sets = ([128, 256, 384], A64FX, V1)
    old = booted(*sets, kernel="6.1", maxcpus=2, actions=(on(2),))
    new = booted(*sets, kernel="6.12", maxcpus=2, actions=(on(2),))
    assert results(old) == [("failed", "EIO")]
    assert "SVE: cpu2: Required vector length(s) missing" not in texts(old)
    assert kinds(old) == [HazardKind.HARMLESS_CPU_REFUSED]
    assert results(new) == [("online", None)]


@pytest.mark.parametrize("others", [(), (guest(0, agent="other", at_ns=10**9),)], ids=["alone", "beside another"])
def test_an_action_that_hangs_ends_with_the_boot_s_last_event(others: tuple[Action, ...]) -> None:
    hangs = wait_for(2, agent="waits")
    outcome = booted(V1, V1, V1, maxcpus=1, actions=(on(1, agent="onlines"), hangs, *others))
    facts = outcome.facts
    (hung,) = (one for one in facts.actions if one.action == hangs)
    assert hung.ended_ns == facts.end_ns == max(facts.events[-1].time_ns, facts.log[-1].time_ns)
    late = wait_for(2, agent="waits", at_ns=10**10)
    (hung,) = booted(V1, V1, V1, maxcpus=1, actions=(late,)).facts.actions
    assert hung.ended_ns == hung.started_ns


def test_debian_s_6_1_alone_panics_when_a_cpu_comes_back_under_pkvm_with_sve() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.1.176+deb12", actions=(off(1), on(1)))
    assert results(outcome) == [("offline", None), ("hung", None)]
    assert kinds(outcome) == [HazardKind.HYPERVISOR_PANIC]
    assert kinds(under_pkvm(None, None, kernel="6.1.176+deb12", actions=(off(1), on(1)))) == []
    for kernel in ("6.1", "6.1.176", "6.1.131-android14-11-g0", "6.2"):
        assert kinds(under_pkvm(V1, V1, kernel=kernel, actions=(off(1), on(1)))) == []


def test_maxcpus_counts_online_cpus_up_to_6_4_and_tried_cpus_since() -> None:
    """cpu1 is lost: up to 6.4 the next present CPU comes early in its place."""
    lost = (Fault("cpu1", never_arrives=True),)
    assert booted(V1, V1, V1, V1, kernel="6.4", maxcpus=2, faults=lost).facts.online == (0, 2)
    assert booted(V1, V1, V1, V1, kernel="6.5", maxcpus=2, faults=lost).facts.online == (0,)


def test_nosve_switches_sme_off_as_well_in_6_1() -> None:
    def has_sme(kernel: str) -> bool:
        topology = Topology((cpu_of("cpu0", 0b11, 0b11),))
        lines = texts(boot(Scenario(topology, kernel=kernel, arm64_nosve=True, kernel_flags={"sme": True})))
        return any(line.startswith("SME: ") for line in lines)

    assert (has_sme("6.1"), has_sme("6.12")) == (False, True)


def test_only_protected_mode_with_sve_since_6_11_has_buffers() -> None:
    assert under_pkvm(V1, V1, kernel="6.1").buffer_rows() == []
    assert len(under_pkvm(V1, V1, kernel="6.11").buffer_rows()) == 2
    assert booted(V1, V1, kernel="6.11").buffer_rows() == []
    assert under_pkvm(None, V1, kernel="6.11").buffer_rows() == []
    assert under_pkvm(V1, V1, kernel="6.11", arm64_nosve=True).buffer_rows() == []


@pytest.mark.parametrize(("el2", "mode"), [(False, "protected"), (False, "default"), (True, "none"), (False, "none")])
def test_without_kvm_its_limits_stay_0_and_late_cpus_are_verified_all_the_same(el2: bool, mode: str) -> None:
    extra = [128, 256, 384, 512]
    outcome = booted(A64FX, A64FX, extra, kernel="6.12", maxcpus=2, el2=el2, kvm_mode=mode, actions=(on(2), guest(0)))
    assert outcome.facts.kvm_sve_max_vl_bytes == 0
    assert outcome.vectors["SVE"].max_virtualisable_vl_bytes == 64
    assert results(outcome) == [("online", None) if not el2 else ("failed", "EIO"), ("failed", "ENOENT")]
    reason = "kvm [1]: KVM disabled from command line" if el2 else "kvm [1]: HYP mode not available"
    assert reason in texts(outcome)
    asked = "KVM is not available. Ignoring kvm-arm.mode" in texts(outcome)
    assert asked == (not el2 and mode == "protected")


def test_one_early_cpu_without_sve_takes_it_from_all() -> None:
    outcome = booted(A64FX, None, A64FX, None, maxcpus=2, actions=(on(2), on(3)))
    info = outcome.vectors["SVE"]
    assert not outcome.facts.supports[info.type]
    assert (info.min_vl_bytes, info.max_vl_bytes, info.max_virtualisable_vl_bytes) == (16, 16, 16)
    assert info.vq_map_bits == (128, 256, 512)
    variation = [line for line in texts(outcome) if line.startswith("CPU features")]
    assert [line.split(" 0x")[0] for line in variation] == [
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU:",
        "CPU features: Unsupported CPU feature variation detected.",
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU:",
    ]


def test_sme_needs_a_kernel_that_uses_it() -> None:
    topology = Topology.of([V1, V1], [[128, 256], [128]])
    assert boot(Scenario(topology, kernel="6.16")).vectors["SME"].max_vl_bytes == 16
    old = boot(Scenario(topology, kernel="6.12"))
    assert not any(line.startswith("SME") for line in texts(old))
    assert any("is not configured with SME" in note for note in old.notes)


# Faults of firmware


def made_fault(cpu: str, what: str) -> Fault:
    """Return a fault by a word: never, a duration, or an answer."""
    if what == "never":
        return Fault(cpu, never_arrives=True)
    return Fault(cpu, arrives_after_ns=nanoseconds(what)) if what[0].isdigit() else Fault(cpu, answer=what)


FAULTS = st.sampled_from(["DENIED", "INTERNAL_FAILURE", "never", "5ms", "5000300us", "5000500us", "5001ms", "9s"])


@pytest.mark.parametrize(
    ("answer", "number", "name"),
    [("DENIED", -1, "EPERM"), ("NOT_SUPPORTED", -95, "EOPNOTSUPP"), ("INTERNAL_FAILURE", -22, "EINVAL")],
)
def test_cpu_on_answered_with_an_error_fails_at_once(answer: str, number: int, name: str) -> None:
    outcome = booted(V1, V1, maxcpus=1, faults=(Fault("cpu1", answer=answer),), actions=(on(1), on(1)))
    assert results(outcome) == [("failed", name)] * 2
    lines = [f"psci: failed to boot CPU1 ({number})", f"CPU1: failed to boot: {number}"]
    log = [] if answer == "DENIED" else lines  # from 6.11 on the kernel logs nothing of EPERM
    assert [row.log for row in outcome.action_rows()] == [log, log]
    before = booted(V1, V1, kernel="6.10", maxcpus=1, faults=(Fault("cpu1", answer=answer),), actions=(on(1),))
    assert before.action_rows()[0].log == lines
    assert outcome.action_rows()[0].ended_ns - outcome.action_rows()[0].started_ns < WAIT_NS
    assert [hazard.kind for hazard in outcome.found] == [HazardKind.CPU_LOST_TO_FIRMWARE]


def test_a_cpu_that_never_arrives_costs_the_wait_and_is_still_pending() -> None:
    outcome = booted(V1, V1, maxcpus=1, faults=(Fault("cpu1", never_arrives=True),), actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert outcome.action_rows()[0].log == ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]
    assert outcome.cpu_rows()[1].state == "lost"


LOST_LOG = ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]


def test_a_cpu_that_boots_and_goes_offline_may_be_lost_when_it_returns() -> None:
    """A Raspberry Pi 5: the first CPU_ON succeeds, the second is lost, the third is answered with an error."""
    faults = (Fault("cpu1", never_arrives=True, first=2, last=2),)
    outcome = booted(None, None, kernel="6.12", faults=faults, actions=(off(1), on(1), on(1)))
    assert results(outcome) == [("offline", None), ("failed", "EIO"), ("failed", "EINVAL")]
    assert [row.log for row in outcome.action_rows()] == [
        ["psci: CPU1 killed (polled 0 ms)"],
        LOST_LOG,
        ["psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"],
    ]
    assert outcome.cpu_rows()[1].state == "lost"
    assert [hazard.sentence for hazard in outcome.found] == [
        "cpu1: firmware accepts the 2nd CPU_ON, and the CPU never arrives"
    ]


def test_a_cpu_that_firmware_denies_at_first_may_come_later() -> None:
    faults = (Fault("cpu1", answer="DENIED", last=1),)
    outcome = booted(V1, V1, kernel="6.11", maxcpus=1, faults=faults, actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EPERM"), ("online", None)]
    assert [hazard.sentence for hazard in outcome.found] == ["cpu1: firmware answers the 1st CPU_ON with DENIED"]
    assert outcome.notes == ["cpu1 came online after firmware had failed to start it"]


def test_a_cpu_that_was_online_before_comes_back() -> None:
    faults = (Fault("cpu1", answer="DENIED", first=2, last=2),)
    outcome = booted(V1, V1, kernel="6.11", faults=faults, actions=(off(1), on(1), on(1)))
    assert results(outcome) == [("offline", None), ("failed", "EPERM"), ("online", None)]
    assert outcome.notes == ["cpu1 came back online after firmware had failed to start it"]


@pytest.mark.parametrize(
    ("fault", "error", "state"),
    [
        (Fault("cpu0", never_arrives=True), "EIO", "lost"),
        (Fault("cpu0", answer="DENIED"), "EPERM", "not started"),
        (Fault("cpu0", answer="DENIED", first=2), None, "online"),
    ],
)
def test_the_boot_cpu_may_go_offline_and_fail_to_return(fault: Fault, error: str | None, state: str) -> None:
    """The boot CPU's first CPU_ON is that of its first return: no CPU_ON started it."""
    outcome = booted(V1, V1, faults=(fault,), actions=(off(0), on(0)))
    assert results(outcome) == [("offline", None), ("online" if error is None else "failed", error)]
    assert outcome.cpu_rows()[0].state == state
    assert kinds(outcome) == ([] if error is None else [HazardKind.CPU_LOST_TO_FIRMWARE])


COUNTS_ONLINE, COUNTS_TRIED = "6.4", "6.5"
"""The last series whose ``maxcpus=`` counts CPUs that are online, and the first in which it counts CPUs tried."""
FAILS_EARLY = [
    Fault("cpu1", never_arrives=True),
    Fault("cpu1", answer="DENIED"),
    Fault("cpu1", answer="DENIED", last=1),
    Fault("cpu1", arrives_after_ns=60_000_000_000),
]


@pytest.mark.parametrize("fault", FAILS_EARLY)
def test_a_cpu_that_fails_early_makes_room_for_the_next_where_maxcpus_counts_online_cpus(fault: Fault) -> None:
    sets = (V1, V1, N2, A64FX)
    before, since = (
        booted(*sets, kernel=kernel, maxcpus=2, faults=(fault,)) for kernel in (COUNTS_ONLINE, COUNTS_TRIED)
    )
    assert (before.facts.online, since.facts.online) == ((0, 2), (0,))
    assert [row.role for row in before.cpu_rows()] == ["boot", "early", "early", "late"]
    assert [row.role for row in since.cpu_rows()] == ["boot", "early", "late", "late"]
    assert (before.scenario.early, since.scenario.early) == ((0, 1, 2), (0, 1))
    # The lengths of the CPU that took the place are counted as early.
    assert (before.vectors["SVE"].vq_map_bits, since.vectors["SVE"].vq_map_bits) == ((128,), (128, 256))


@pytest.mark.parametrize(
    "fault", [Fault("cpu1", arrives_after_ns=4_000_000_000), Fault("cpu1", answer="DENIED", first=2)]
)
def test_a_cpu_that_comes_early_makes_no_room(fault: Fault) -> None:
    outcome = booted(V1, V1, N2, kernel=COUNTS_ONLINE, maxcpus=2, faults=(fault,))
    assert (outcome.facts.online, outcome.scenario.early) == ((0, 1), (0, 1))


def test_a_cpu_that_firmware_lists_later_takes_no_place_that_is_free() -> None:
    topology = Topology((cpu_of("cpu0", 1), cpu_of("cpu1", 1), cpu_of("cpu2", 1, late=True), cpu_of("cpu3", 1)))
    lost = (Fault("cpu1", never_arrives=True),)
    outcome = boot(Scenario(topology, kernel=COUNTS_ONLINE, maxcpus=2, faults=lost))
    assert (outcome.facts.online, outcome.facts.early, outcome.scenario.early) == ((0, 3), (0, 1, 3), (0, 1, 3))


def test_a_length_that_only_a_cpu_that_failed_lacks_is_denied_to_the_host() -> None:
    """Of the CPUs that were tried, those that came decide which lengths all early CPUs have."""
    lost = (Fault("cpu1", never_arrives=True),)
    (hazard,) = (
        one for one in booted(V1, N2, V1, arm64_nosve=True, faults=lost).found if one.kind is HazardKind.HOST_DENIED_VL
    )
    assert "keeps the host from SVE {128,256}" in hazard.sentence


def test_a_fault_of_the_boot_cpu_makes_no_room() -> None:
    outcome = booted(V1, V1, V1, kernel=COUNTS_ONLINE, maxcpus=1, faults=(Fault("cpu0", never_arrives=True),))
    assert (outcome.facts.online, outcome.scenario.early) == ((0,), (0,))


EARLY_FAULTS = st.dictionaries(st.integers(0, 4), st.sampled_from(["DENIED", "never", "1s", "60s"]))


@examples(1)
@given(EARLY_FAULTS, st.integers(1, 5), st.sets(st.integers(1, 4)), st.sampled_from([COUNTS_ONLINE, COUNTS_TRIED]))
def test_a_scenario_knows_which_cpus_a_boot_tries_early(
    faults: dict[int, str], maxcpus: int, late: set[int], kernel: str
) -> None:
    topology = Topology(tuple(cpu_of(f"cpu{number}", 1, late=number in late) for number in range(5)))
    made = tuple(made_fault(f"cpu{number}", what) for number, what in faults.items())
    outcome = boot(Scenario(topology, kernel=kernel, maxcpus=maxcpus, faults=made))
    assert outcome.facts.early == outcome.scenario.early


def test_tables_say_why_a_cpu_is_late() -> None:
    early = [cpu_of(f"cpu{number}", 1) for number in range(4)]
    topology = Topology((*early, cpu_of("cpu4", 1, late=True), cpu_of("cpu5", 1)))
    faults = (Fault("cpu3", answer="DENIED", last=1),)
    outcome = boot(Scenario(topology, maxcpus=4, faults=faults, actions=(off(0), on(0), off(2), on(3), on(4), on(5))))
    assert [(row.role, row.late_because) for row in outcome.cpu_rows()] == [
        ("boot", "brought up again"),
        ("early", None),
        ("early", None),  # it was taken down, and stays down
        ("early", "failed to come early"),
        ("late", "maxcpus="),
        ("late", "maxcpus="),
    ]
    assert [outcome.scenario.late_because(number) for number in range(6)] == [
        *[None] * 4,
        LateBecause.MAXCPUS,
        LateBecause.MAXCPUS,
    ]


SECOND_FAILS = (Fault("cpu1", answer="DENIED"),)


@pytest.mark.parametrize(
    ("late", "kernel", "faults", "maxcpus", "because"),
    [
        ({2, 3}, "6.12", (), 2, {2: LateBecause.MAXCPUS, 3: LateBecause.MAXCPUS}),
        ({1, 3}, "6.12", (), None, {1: LateBecause.LISTED_LATER, 3: LateBecause.LISTED_LATER}),
        ({2, 3}, "6.12", SECOND_FAILS, 2, {2: LateBecause.MAXCPUS, 3: LateBecause.MAXCPUS}),
        # Here the kernel would bring up cpu2 in place of cpu1.
        ({2, 3}, "6.1", SECOND_FAILS, None, {2: LateBecause.LISTED_LATER, 3: LateBecause.LISTED_LATER}),
        (set(), "6.12", (), None, {}),
    ],
)
def test_cpus_that_are_late_and_last_are_left_out_by_maxcpus(
    late: set[int], kernel: str, faults: tuple[Fault, ...], maxcpus: int | None, because: dict[int, LateBecause]
) -> None:
    topology = Topology(tuple(cpu_of(f"cpu{number}", 1, late=number in late) for number in range(4)))
    scenario = Scenario(topology, kernel=kernel, faults=faults)
    assert scenario.maxcpus_option == maxcpus
    assert {number: scenario.late_because(number) for number in late} == because
    assert ("maxcpus=" in scenario.command_line) == (maxcpus is not None)
    # What the command line says leads to the same boot.
    if maxcpus is not None:
        same = scenario.but(topology=Topology(tuple(cpu_of(f"cpu{number}", 1) for number in range(4))), maxcpus=maxcpus)
        assert boot(same).to_dict()["log"] == boot(scenario).to_dict()["log"]


def test_a_cpu_that_is_late_beside_a_maxcpus_is_listed_later_if_a_cpu_after_it_comes_early() -> None:
    topology = Topology((cpu_of("cpu0", 1), cpu_of("cpu1", 1, late=True), cpu_of("cpu2", 1), cpu_of("cpu3", 1)))
    scenario = Scenario(topology, maxcpus=2)
    assert scenario.early == (0, 2)
    assert [scenario.late_because(number) for number in (1, 3)] == [LateBecause.LISTED_LATER, LateBecause.MAXCPUS]


def test_a_cpu_that_does_not_return_was_brought_up_again_all_the_same() -> None:
    outcome = booted(V1, V1, faults=(Fault("cpu1", never_arrives=True, first=2),), actions=(off(1), on(1)))
    assert outcome.cpu_rows()[1].late_because == "brought up again"


def test_a_cpu_that_arrives_by_itself_after_the_capabilities_are_final_failed_to_come_early() -> None:
    late = Fault("cpu1", arrives_after_ns=WAIT_NS + nanoseconds("60ms"))
    outcome = booted(V1, V1, faults=(late,), actions=(on(1),), latencies=Latencies(user_space=fixed("10us")))
    assert outcome.facts.online == (0, 1)
    assert outcome.cpu_rows()[1].late_because == "failed to come early"


def test_a_fault_is_one_hazard_however_often_it_strikes() -> None:
    faults = Fault("cpu1", answer="EINVAL", first=2, last=3), Fault("cpu1", answer="DENIED", first=4)
    outcome = booted(V1, V1, faults=faults, actions=(off(1), on(1), on(1), on(1), on(1)))
    assert [hazard.sentence for hazard in outcome.found] == [
        "cpu1: firmware answers the 2nd to 3rd CPU_ON with an error that is EINVAL",
        "cpu1: firmware answers each CPU_ON from the 4th on with DENIED",
    ]


@pytest.mark.parametrize("answer", ["DENIED", "INVALID_PARAMETERS"])
def test_a_cpu_that_was_lost_stays_so_whatever_a_later_cpu_on_is_answered(answer: str) -> None:
    faults = Fault("cpu1", never_arrives=True, last=1), Fault("cpu1", answer=answer, first=2)
    outcome = booted(V1, V1, maxcpus=1, faults=faults, actions=(on(1), on(1)))
    assert results(outcome)[1] == ("failed", "EPERM" if answer == "DENIED" else "EINVAL")
    assert outcome.cpu_rows()[1].state == "lost"


def test_a_cpu_that_was_lost_early_stays_so_when_pkvm_s_relay_refuses_it() -> None:
    lost = (Fault("cpu1", never_arrives=True),)
    outcome = under_pkvm(V1, V1, kernel="6.12", faults=lost, actions=(on(1),))
    assert results(outcome) == [("failed", "EINVAL")]
    assert outcome.cpu_rows()[1].state == "lost"


def test_firmware_may_lose_a_cpu_twice_and_start_it_then() -> None:
    faults = Fault("cpu1", never_arrives=True, last=2), Fault("cpu1", arrives_after_ns=200_000, first=3, last=3)
    outcome = booted(V1, V1, faults=faults, actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("online", None)]
    assert outcome.cpu_rows()[1].state == "online"


def test_a_cpu_that_is_on_its_way_arrives_once() -> None:
    """The second CPU_ON is accepted while the CPU is still on its way, and the second wait sees it come."""
    faults = (Fault("cpu1", arrives_after_ns=nanoseconds("8s"), last=2),)
    outcome = booted(V1, V1, maxcpus=1, faults=faults, actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("online", None)]
    assert texts(outcome).count("CPU1: Booted secondary processor 0x0000000001 [0x000f0510]") == 1
    assert outcome.facts.events[-1].time_ns < nanoseconds("10s")


def test_a_boot_goes_on_without_an_early_cpu_that_never_arrives() -> None:
    outcome = booted(V1, A64FX, V1, faults=(Fault("cpu1", never_arrives=True),))
    assert outcome.facts.online == (0, 2)
    assert outcome.vectors["SVE"].vq_partial_map_bits == (128, 256)


def test_a_latecomer_parks_while_nothing_is_brought_up() -> None:
    late = Fault("cpu1", arrives_after_ns=WAIT_NS + nanoseconds("1ms"))
    outcome = booted(V1, V1, maxcpus=1, faults=(late,), actions=(on(1),))
    assert outcome.facts.online == (0,)
    assert "parks" in outcome.found[0].sentence
    assert kinds(outcome) == [HazardKind.CPU_LOST_TO_FIRMWARE]


def test_a_latecomer_takes_the_next_cpu_s_idle_task() -> None:
    late = Fault("cpu1", arrives_after_ns=nanoseconds("5000500us"))
    outcome = booted(V1, V1, V1, faults=(late,), latencies=Latencies(cpu_on=fixed("1ms")))
    assert kinds(outcome) == [HazardKind.SHARED_IDLE_TASK, HazardKind.CPU_LOST_TO_FIRMWARE]
    shared = outcome.facts.shared_tasks[0]
    assert (shared.hw_cpu, shared.task, shared.running_hw_cpu) == (2, 2, 1)
    assert "CPU2: Booted secondary processor 0x0000000001 [0x000f0510]" in texts(outcome)


def test_a_latecomer_takes_what_the_last_successful_bring_up_left() -> None:
    late = Fault("cpu1", arrives_after_ns=WAIT_NS + nanoseconds("20ms"))
    outcome = booted(V1, V1, V1, faults=(late,))
    shared = outcome.facts.shared_tasks[0]
    assert (shared.hw_cpu, shared.task, shared.running_hw_cpu) == (1, 2, 2)


def test_a_latecomer_is_in_time_for_a_retry_of_itself() -> None:
    late = Fault("cpu1", arrives_after_ns=WAIT_NS + nanoseconds("30ms"))
    outcome = booted(V1, V1, maxcpus=1, faults=(late,), actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert outcome.facts.online == (0, 1)


ANSWERS = [
    pytest.param((), "EINVAL", id="by the CPU's state, ON_PENDING"),
    pytest.param((Fault("cpu1", answer="DENIED", first=2),), "EPERM", id="by a fault of that call"),
    pytest.param((Fault("cpu1", answer="EINVAL", first=2),), "EINVAL", id="by a fault of unknown answer"),
]


@pytest.mark.parametrize(("second", "error"), ANSWERS)
def test_a_cpu_may_arrive_after_the_second_cpu_on_was_answered(second: tuple[Fault, ...], error: str) -> None:
    """The failed second call leaves its boot arguments: the CPU takes its own idle task, and comes online."""
    late = Fault("cpu1", arrives_after_ns=nanoseconds("9s"), last=1)
    outcome = booted(V1, V1, V1, maxcpus=1, faults=(late, *second), actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("failed", error)]
    assert outcome.facts.online == (0, 1)
    (row,) = (row for row in outcome.cpu_rows() if row.cpu == 1)
    assert (row.state, row.hw_cpu) == ("online", 1)
    booted_line = outcome.facts.log[-1]
    # Newer kernels log nothing of EPERM.
    again = [] if error == "EPERM" else ["psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"]
    assert texts(outcome)[-3 - len(again) :] == [
        *("CPU1: failed to come online", "CPU1: failed in unknown state : 0x0", *again),
        "CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
    ]
    assert booted_line.time_ns - outcome.facts.actions[0].started_ns > nanoseconds("9s")
    said = "firmware had failed to start it" if second else "the kernel had given it up"
    assert outcome.notes == [f"cpu1 came online after {said}"]


def test_after_such_an_arrival_the_next_bring_up_does_not_wait_and_fails() -> None:
    """Its completion is left behind: the next wait ends at once, and the CPU that it was for finds no arguments."""
    late = Fault("cpu1", arrives_after_ns=nanoseconds("9s"), last=1)
    then = nanoseconds("20s")
    outcome = booted(V1, V1, V1, maxcpus=1, faults=(late,), actions=(on(1), on(1), on(2, at_ns=then), on(2)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL"), ("failed", "EIO"), ("failed", "EINVAL")]
    third = outcome.facts.actions[2]
    assert third.ended_ns - third.started_ns < WAIT_NS
    assert outcome.facts.online == (0, 1)
    assert "cpu2: it arrives when the wait for it is over, finds no boot arguments, and parks" in [
        hazard.sentence for hazard in outcome.found
    ]


def test_a_cpu_that_was_asked_for_again_and_answered_may_take_the_task_of_the_next() -> None:
    """cpu1 arrives while cpu2 is brought up: the arguments of its own second call are gone by then."""
    late = Fault("cpu1", arrives_after_ns=nanoseconds("5003500us"), last=1)
    actions = on(1), on(1), on(2)
    outcome = booted(V1, V1, V1, maxcpus=1, faults=(late,), actions=actions, latencies=Latencies(cpu_on=fixed("2ms")))
    assert outcome.facts.runs[2] == 1
    assert HazardKind.SHARED_IDLE_TASK in kinds(outcome)


SLOW = Latencies(cpu_on=fixed("1ms"))


def test_a_latecomer_is_judged_by_the_silicon_it_is_and_not_by_the_number_it_took() -> None:
    late = Fault("cpu1", arrives_after_ns=nanoseconds("5000500us"))
    gone = Fault("cpu2", never_arrives=True)
    outcome = booted(A64FX, A64FX, V1, faults=(late, gone), latencies=SLOW)
    assert outcome.facts.runs == {0: 0, 2: 1}
    assert kinds(outcome) == [HazardKind.CPU_LOST_TO_FIRMWARE]
    assert outcome.cpu_rows()[2].host_max_vl_bytes == 64
    refused = booted(
        V1,
        N2,
        V1,
        maxcpus=2,
        faults=(Fault("cpu1", arrives_after_ns=nanoseconds("5450900us")),),
        actions=(on(2),),
        latencies=SLOW,
    )
    assert HazardKind.HARMLESS_CPU_REFUSED not in kinds(refused)
    assert any("cpu1, started as cpu2, was refused" in one.sentence for one in refused.found)


def test_a_refused_cpu_does_not_take_its_idle_task_from_who_runs_it() -> None:
    late = Fault("cpu1", arrives_after_ns=nanoseconds("5000500us"))
    outcome = booted(V1, V1, N2, faults=(late,), latencies=SLOW, actions=(guest(2),))
    assert results(outcome) == [("ran", None)]
    assert outcome.cpu_rows()[2].state == "online"


def test_a_cpu_that_the_relay_refused_was_not_started() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert outcome.cpu_rows()[1].state == "not started"


def test_who_takes_a_refused_cpu_s_idle_task_runs_under_its_number() -> None:
    topology = Topology((cpu_of("cpu0", 0b11), cpu_of("cpu1", 0b1, late=True), cpu_of("cpu2", 0b11, late=True)))
    late = Fault("cpu2", arrives_after_ns=nanoseconds("5001300us"))
    latencies = Latencies(probe=fixed("500us"))
    outcome = boot(Scenario(topology, actions=(on(2), on(1), guest(1)), faults=(late,), latencies=latencies))
    assert outcome.facts.runs == {0: 0, 1: 2}
    assert HazardKind.LACKS_COMMITTED_VL not in kinds(outcome)
    assert results(outcome)[2] == ("ran", None)
    row = outcome.cpu_rows()[1]
    assert (row.hw_cpu, row.sve_bits, row.state) == (2, (128, 256), "online")


def test_a_buffer_s_row_tells_of_the_hardware_that_saves_to_it() -> None:
    topology = Topology((cpu_of("cpu0", 0b11), cpu_of("cpu1", 0b1, late=True), cpu_of("cpu2", 0b1011, late=True)))
    late = Fault("cpu2", arrives_after_ns=nanoseconds("5001300us"))
    outcome = boot(
        Scenario(
            topology,
            kernel="6.12",
            kvm_mode=KvmMode.PROTECTED,
            relay=Relay.RELAXED,
            actions=(on(2), on(1), guest(1)),
            faults=(late,),
            latencies=Latencies(probe=fixed("500us")),
        )
    )
    assert outcome.facts.runs == {0: 0, 1: 2}
    (save,) = outcome.save_rows()
    row = outcome.buffer_rows()[1]
    assert (save.cpu, row.save_bytes) == (1, rules.buffer_bytes(save.save_vl_bits // 128))
    # The hardware that never ran under a number of its own could use a buffer as well.
    assert outcome.facts.need(1).size_bytes == rules.buffer_bytes(1)


def test_silicon_that_runs_already_cannot_be_started_again() -> None:
    late = Fault("cpu1", arrives_after_ns=nanoseconds("5000500us"))
    outcome = booted(V1, V1, V1, faults=(late,), latencies=SLOW, actions=(on(1),))
    assert outcome.facts.runs == {0: 0, 2: 1}
    assert results(outcome) == [("failed", "EINVAL")]
    assert [h.cpu for h in outcome.found if h.kind is HazardKind.CPU_LOST_TO_FIRMWARE] == [1]
    parked = booted(
        V1,
        V1,
        maxcpus=1,
        faults=(Fault("cpu1", arrives_after_ns=nanoseconds("5100ms")),),
        actions=(on(1), on(1, at_ns=nanoseconds("7s"))),
    )
    assert results(parked) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert parked.facts.online == (0,)


def test_a_number_is_online_whatever_became_of_its_own_silicon() -> None:
    late = tuple(Fault(f"cpu{n}", arrives_after_ns=nanoseconds("5000300us")) for n in (1, 2))
    outcome = booted(N2, N2, N2, N2, faults=late, latencies=SLOW)
    states = [row.state for row in outcome.cpu_rows()]
    assert [number for number, state in enumerate(states) if state == "online"] == list(outcome.facts.online)


def test_a_cpu_that_comes_back_has_its_control_registers_reset() -> None:
    actions = (guest(1), off(1), on(1))
    outcome = under_pkvm(V1, A64FX, kernel="6.12", actions=actions)
    assert 1 not in outcome.facts.zcr_el2_len
    assert under_pkvm(V1, A64FX, kernel="6.12", actions=actions[:1]).facts.zcr_el2_len[1] == 1


@pytest.mark.parametrize(("kernel", "uses"), [("6.12", False), ("6.15", False), ("6.16", True), ("7.4", True)])
def test_sme_is_used_from_6_16_on(kernel: str, uses: bool) -> None:
    outcome = boot(Scenario(Topology.of([V1], [[128, 256]]), kernel=kernel))
    assert any(line.startswith("SME: ") for line in texts(outcome)) == uses


def test_streaming_lengths_that_share_nothing_are_told() -> None:
    outcome = boot(Scenario(Topology.of([V1, V1], [[128], [256]]), kernel="6.18"))
    assert "SME: minimum available vector length 0 bytes per vector" in texts(outcome)
    assert any("share no streaming length" in note for note in outcome.notes)


def test_6_1_without_hypervisor_mode_refuses_a_harmless_cpu_whatever_it_has_extra() -> None:
    sets = ([128, 256, 512, 768], [128, 256, 512, 1024], [128, 256, 384, 512])
    assert kinds(booted(*sets, kernel="6.1", maxcpus=2, el2=False, actions=(on(2),))) == [
        HazardKind.HARMLESS_CPU_REFUSED
    ]
    assert kinds(booted(*sets, kernel="6.1", maxcpus=2, actions=(on(2),))) == [HazardKind.CPU_REFUSED]


MIXED = st.lists(st.sampled_from([N2, V1, A64FX, [128, 256, 384, 512]]), min_size=5, max_size=5)


@examples(1.5)
@given(
    st.dictionaries(st.integers(1, 4), FAULTS),
    st.integers(0, 3),
    st.integers(1, 5),
    st.sampled_from(list(BringUp)),
    MIXED,
)
def test_no_fault_hangs_or_breaks_a_boot(
    faults: dict[int, str], seed: int, early: int, bring_up: BringUp, sets: list[list[int]]
) -> None:
    made = [made_fault(f"cpu{number}", what) for number, what in faults.items()]
    actions = tuple(
        do(number, agent=f"agent{number % 2}")
        for do, number in zip([on, guest, off] * 4, [1, 2, 3, 4] * 3, strict=True)
    )
    outcome = booted(
        *sets, faults=tuple(made), seed=seed, maxcpus=early, bring_up=bring_up, actions=actions, latencies=SLOW
    )
    assert len(outcome.facts.actions) == len(actions)
    assert set(outcome.facts.runs) == set(outcome.facts.online)
    assert HazardKind.LACKS_COMMITTED_VL not in kinds(outcome)
    if not faults:
        assert set(kinds(outcome)) <= {HazardKind.CPU_REFUSED}
        assert all(number == hw_cpu for number, hw_cpu in outcome.facts.runs.items())


def test_who_came_online_on_a_shared_idle_task_stays_when_the_other_is_refused() -> None:
    """cpu1 takes cpu2's idle task first, probes longer, and is refused when cpu2 is online on it already."""
    faults = (
        Fault("cpu1", arrives_after_ns=nanoseconds("5100ms")),
        Fault("cpu2", arrives_after_ns=nanoseconds("300ms")),
    )
    for actions in ((guest(2, at_ns=nanoseconds("20s")),), (off(2, at_ns=nanoseconds("20s")), on(2))):
        outcome = booted(
            V1,
            N2,
            V1,
            maxcpus=1,
            seed=5,
            faults=faults,
            latencies=Latencies(probe=Distribution("uniform", (0, 4_000_000_000))),
            actions=(on(1), on(2), *actions),
        )
        assert HazardKind.SHARED_IDLE_TASK in kinds(outcome)
        assert outcome.facts.refused[0].hw_cpu == 1
        assert results(outcome)[2][0] in {"ran", "offline"}
        assert outcome.cpu_rows()[2].hw_cpu == 2


FIRMWARE_TIMES = st.sampled_from(["1ms", "300ms", "4s", "5s", "5000300us", "5100ms", "6s", "9s", "14s"])


@examples(1.5)
@given(st.data())
def test_no_order_of_arrivals_loses_count_of_who_runs_what(data: st.DataObject) -> None:
    sets = data.draw(st.lists(st.sampled_from([V1, N2, A64FX]), min_size=3, max_size=4))
    numbers = st.integers(1, len(sets) - 1)
    late = data.draw(st.sets(numbers, max_size=3))
    faults = tuple(Fault(f"cpu{n}", arrives_after_ns=nanoseconds(data.draw(FIRMWARE_TIMES))) for n in sorted(late))
    steps = st.builds(
        lambda do, number, at: do(number, at_ns=nanoseconds(at)),
        st.sampled_from([on, off, guest]),
        numbers,
        st.sampled_from(["0s", "1s", "7s", "20s"]),
    )
    outcome = booted(
        *sets,
        maxcpus=data.draw(st.integers(1, len(sets))),
        seed=data.draw(st.integers(0, 20)),
        kvm_mode=data.draw(st.sampled_from(list(KvmMode))),
        relay="relaxed",
        kernel=data.draw(st.sampled_from(["6.1", "6.12"])),
        faults=faults,
        latencies=Latencies(probe=Distribution("uniform", (0, 4_000_000_000))),
        actions=tuple(data.draw(st.lists(steps, max_size=6))),
    )
    assert set(outcome.facts.online) <= outcome.facts.runs.keys()
    assert len(set(outcome.facts.runs.values())) == len(outcome.facts.runs)


# Waiting for a CPU; KVM's init freed from its place


def test_an_agent_waits_until_a_cpu_is_online() -> None:
    outcome = booted(N2, N2, maxcpus=1, actions=(wait_for(1, agent="vmm"), guest(1, agent="vmm"), on(1)))
    assert results(outcome) == [("online", None), ("online", None), ("ran", None)]
    assert outcome.facts.waiting == ()
    again = booted(N2, N2, actions=(wait_for(1), off(1), wait_for(0)))
    assert results(again) == [("online", None), ("offline", None), ("online", None)]


def test_an_agent_that_waits_looks_whether_the_cpu_is_still_online() -> None:
    actions = (wait_for(1, agent="vmm"), on(1, agent="one"), off(1, agent="one"))
    for seed in range(5):
        assert results(booted(N2, N2, maxcpus=1, seed=seed, actions=actions))[-1] == ("offline", None)


def test_who_waits_for_a_cpu_that_never_comes_is_told() -> None:
    outcome = booted(V1, N2, maxcpus=1, actions=(wait_for(1, agent="vmm"), guest(1, agent="vmm"), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("hung", None)]
    assert "'vmm' waits for cpu1 to be online for ever" in outcome.notes
    assert kinds(outcome) == [HazardKind.CPU_REFUSED]


def test_two_that_wait_for_each_other_are_told() -> None:
    actions = (wait_for(1, agent="a"), on(2, agent="a"), wait_for(2, agent="b"), on(1, agent="b"))
    outcome = booted(N2, N2, N2, maxcpus=1, actions=actions)
    assert outcome.facts.waiting == ("'a' waits for cpu1 to be online", "'b' waits for cpu2 to be online")


def test_kvm_initialises_when_its_latency_is_over_where_it_is_freed() -> None:
    parts = {"maxcpus": 1, "kernel": "6.12", "kvm_mode": KvmMode.PROTECTED, "actions": (on(1), guest(0))}
    early = booted(N2, N2, **parts)
    assert results(early) == [("failed", "EINVAL"), ("ran", None)]
    late = booted(N2, N2, **parts, kvm_init="any-time", latencies=Latencies(kvm_init=fixed("10s")))
    assert results(late) == [("online", None), ("failed", "ENOENT")]
    assert late.notes[-1] == "KVM initialises at any time: no real kernel lets user space begin before it"
    assert [event.kind for event in late.facts.events][-2:] == ["kvm init", "pkvm finalised"]


def test_a_cpu_that_was_refused_under_another_s_number_is_off_and_can_be_started_again() -> None:
    """cpu1 takes cpu2's idle task and is refused: cpu2 is gone, and CPU_ON of cpu1 is accepted once more."""
    faults = Fault("cpu1", arrives_after_ns=6_000_000_000), Fault("cpu2", arrives_after_ns=3_000_000_000)
    outcome = booted(A64FX, V1, A64FX, maxcpus=1, actions=(on(1), on(2), on(1)), faults=faults)
    assert "CPU2: will not boot" in texts(outcome)
    assert results(outcome)[2] == ("failed", "EIO")


def test_a_cpu_waits_5_s_for_another() -> None:
    outcome = booted(V1, V1, maxcpus=1, actions=(on(1),), faults=(Fault("cpu1", never_arrives=True),))
    asked = next(event for event in outcome.facts.events if event.kind is EventKind.CPU_ON_ANSWERED)
    gave_up = next(event for event in outcome.facts.events if event.kind is EventKind.GAVE_UP)
    assert gave_up.time_ns - asked.time_ns == 5_000_000_000


def test_a_system_that_has_not_begun_to_boot_supports_nothing() -> None:
    system = System(Scenario(Topology.of([V1])), SeededEnvironment(0))
    assert not any(system.features.supports(vector_type) for vector_type in VectorType)
