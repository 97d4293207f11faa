"""A boot's events as lanes of spans and marks."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.boot_run import boot
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import shipped
from sim.outcome import Outcome
from sim.scenario import Fault, KvmInit, Relay, Scenario
from sim.timeline import BOOT, LOCK, Lane, MarkKind, SpanKind, timeline
from sim.topology import EnableMethod, Topology
from tests.systems import A64FX, V1, cpu_of, guest, off, on, small_scenarios, under_pkvm


def spans(outcome: Outcome, lane: Lane) -> list[tuple[str, int, int]]:
    return [(one.kind.value, one.start_ns, one.end_ns) for one in timeline(outcome).spans if one.lane == lane]


def test_a_refused_cpu_is_waited_for_under_the_lock() -> None:
    outcome = boot(read_scenario(next(file for file in shipped() if file.stem == "late-cpu-refused")))
    (cpu_on, verifying, waited), marks = spans(outcome, 2), timeline(outcome).marks
    assert [one[0] for one in (cpu_on, verifying, waited)] == [
        SpanKind.CPU_ON,
        SpanKind.VERIFYING,
        SpanKind.WAITED_FOR,
    ]
    assert (cpu_on[2], verifying[2]) == (verifying[1], waited[1])
    assert ("hotplug lock held", cpu_on[1], waited[2]) in spans(outcome, LOCK)
    assert [(one.lane, one.kind) for one in marks] == [(2, MarkKind.REFUSED)]


def test_the_phases_of_a_boot_follow_each_other() -> None:
    phases = [one for one in timeline(under_pkvm(V1, A64FX, actions=(guest(1),))).spans if one.lane == BOOT]
    assert [one.detail for one in phases] == [
        "early CPUs",
        "to KVM's initcall",
        "to pKVM final",
        "to user space",
        "user space",
    ]
    assert all(one.end_ns == other.start_ns for one, other in pairwise(phases))


def test_a_cpu_that_went_offline_and_came_back_was_online_twice() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", actions=(off(1), on(1)))
    assert [one[0] for one in spans(outcome, 1)].count(SpanKind.ONLINE) == 2


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault("cpu1", answer="DENIED"), [MarkKind.NOT_STARTED]),
        (Fault("cpu1", never_arrives=True), []),
    ],
)
def test_a_cpu_that_does_not_come_is_never_online(fault: Fault, kinds: list[MarkKind]) -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", faults=(fault,))
    assert SpanKind.ONLINE not in {one[0] for one in spans(outcome, 1)}
    assert [one.kind for one in timeline(outcome).marks if one.lane == 1] == kinds


def test_a_cpu_that_is_asked_for_again_while_it_is_on_its_way_stays_so() -> None:
    late = Fault("cpu1", arrives_after_ns=20_000_000_000)
    outcome = under_pkvm(V1, V1, kernel="6.12", relay=Relay.RELAXED, faults=(late,), actions=(on(1),))
    kinds = [one for one in spans(outcome, 1) if one[0] in {SpanKind.CPU_ON, SpanKind.WAITED_FOR}]
    assert [(one[0], one[2] - one[1]) for one in kinds] == [
        (SpanKind.WAITED_FOR, 5_000_000_000),
        (SpanKind.CPU_ON, 20_000_020_000),
    ]
    assert [one.detail for one in timeline(outcome).marks if one.kind is MarkKind.NOT_STARTED] == ["ON_PENDING"]


def test_a_cpu_that_traps_to_el3_dies_and_is_waited_for() -> None:
    topology = Topology((cpu_of("cpu0", 1), cpu_of("cpu1", 1, cptr_el3_ez=False)))
    outcome = boot(Scenario(topology, actions=(on(1),)))
    assert [(one[0], one[2] - one[1]) for one in spans(outcome, 1)] == [
        (SpanKind.CPU_ON, 220_000),
        (SpanKind.WAITED_FOR, 5_000_000_000),
        (SpanKind.CPU_ON, 20_000),
    ]
    marks = [(one.kind, one.detail) for one in timeline(outcome).marks]
    assert marks == [(MarkKind.DIED, "its first use of SVE traps to EL3"), (MarkKind.NOT_STARTED, "ALREADY_ON")]


def test_a_cpu_is_on_its_way_from_its_spin_table() -> None:
    cpus = (cpu_of(f"cpu{number}", 1, enable_method=EnableMethod.SPIN_TABLE) for number in range(2))
    outcome = boot(Scenario(Topology(tuple(cpus))))
    assert [one[0] for one in spans(outcome, 1)] == [SpanKind.RELEASED, SpanKind.PROBING, SpanKind.ONLINE]
    assert spans(outcome, 1)[0][1:] == (100_000, 320_000)


def test_a_failed_allocation_is_marked() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", allocation_fails_at="cpu1")
    assert [(one.lane, one.kind) for one in timeline(outcome).marks] == [(BOOT, MarkKind.ALLOCATION_FAILED)]


@settings(deadline=None)
@given(small_scenarios(), st.sampled_from(KvmInit))
def test_spans_of_a_kind_do_not_overlap_and_tell_what_happened(scenario: Scenario, kvm_init: KvmInit) -> None:
    outcome = boot(scenario.but(kvm_init=kvm_init))
    told = timeline(outcome)
    assert all(0 <= one.start_ns <= one.end_ns <= told.end_ns for one in told.spans)
    assert all(0 <= one.time_ns <= told.end_ns for one in told.marks)
    by_lane: dict[tuple[Lane, SpanKind], list[tuple[int, int]]] = {}
    for one in told.spans:
        by_lane.setdefault((one.lane, one.kind), []).append((one.start_ns, one.end_ns))
    assert all(one[1] <= other[0] for many in by_lane.values() for one, other in pairwise(sorted(many)))
    online = {lane for (lane, kind), many in by_lane.items() if kind is SpanKind.ONLINE and many[-1][1] == told.end_ns}
    assert online >= set(outcome.facts.online)
    kinds = [one.kind for one in told.spans]
    assert kinds.count(SpanKind.GUEST) == len(outcome.facts.guests)
    assert kinds.count(SpanKind.SAVE) == len(outcome.facts.saves)
