"""The events of three boots, one by one: their times, CPUs, kinds and details."""

from sim.facts import ActionOutcome
from sim.outcome import Outcome
from sim.scenario import Fault, Relay
from tests.systems import V1, guest, off, on, under_pkvm


def events(outcome: Outcome) -> list[str]:
    """Return each event as a line, with its time in microseconds."""
    rows = outcome.event_rows()
    return [
        f"{row.time_ns // 1000} {'-' if row.cpu is None else f'cpu{row.cpu}'} {row.kind}: {row.detail}".rstrip(": ")
        for row in rows
    ]


def test_a_late_cpu_runs_a_guest_under_pkvm_and_goes_offline() -> None:
    actions = (on(2), guest(2, guest="vm"), off(2))
    outcome = under_pkvm(V1, V1, V1, kernel="6.12", maxcpus=2, relay=Relay.RELAXED, actions=actions)
    assert events(outcome) == [
        "0 cpu0 arrived",
        "100 cpu0 booted: boot CPU",
        "100 cpu1 lock taken",
        "100 cpu1 CPU_ON",
        "120 cpu1 CPU_ON answered: SUCCESS",
        "320 cpu1 arrived: takes the idle task of cpu1",
        "420 cpu1 booted",
        "420 cpu1 lock released",
        "720 cpu0 capabilities final",
        "30720 - allocated: 3 buffers of 4096 bytes",
        "30720 cpu0 kvm init",
        "50720 - pkvm finalised",
        "450720 cpu0 user space",
        "450720 cpu2 lock taken",
        "450720 cpu2 CPU_ON",
        "450740 cpu2 CPU_ON answered: SUCCESS",
        "450940 cpu2 arrived: takes the idle task of cpu2",
        "451040 cpu2 booted",
        "451040 cpu2 lock released",
        "452040 cpu2 guest enters: vm",
        "452040 cpu2 save: 256 bits",
        "452042 cpu2 saved",
        "452542 cpu2 guest leaves: vm",
        "452542 cpu2 restore",
        "452544 cpu2 restored",
        "453544 cpu2 lock taken",
        "455544 cpu2 offline",
        "455544 cpu2 lock released",
    ]
    assert [(one.outcome, one.started_ns // 1000, one.ended_ns // 1000) for one in outcome.facts.actions] == [
        (ActionOutcome.ONLINE, 450_720, 451_040),
        (ActionOutcome.RAN, 452_040, 452_544),
        (ActionOutcome.OFFLINE, 453_544, 455_544),
    ]


def test_firmware_refuses_a_cpu_and_starts_another_too_late_while_pkvm_has_no_memory() -> None:
    faults = (Fault("cpu1", answer="DENIED"), Fault("cpu2", arrives_after_ns=6_000_000_000))
    parts = {"kernel": "6.12", "maxcpus": 1, "allocation_fails_at": "cpu1", "faults": faults}
    outcome = under_pkvm(V1, V1, V1, **parts, actions=(on(1), on(2), guest(0)))
    assert events(outcome) == [
        "0 cpu0 arrived",
        "100 cpu0 booted: boot CPU",
        "400 cpu0 capabilities final",
        "30400 cpu1 allocation failed: 4096 bytes",
        "30400 cpu0 kvm init",
        "450400 cpu0 user space",
        "450400 cpu1 lock taken",
        "450400 cpu1 CPU_ON",
        "450420 cpu1 CPU_ON answered: DENIED",
        "450420 cpu1 lock released",
        "451420 cpu2 lock taken",
        "451420 cpu2 CPU_ON",
        "451440 cpu2 CPU_ON answered: SUCCESS",
        "5451440 cpu2 gave up",
        "5451440 cpu2 lock released",
        "6451440 cpu2 arrived",
    ]
    assert [(one.outcome, one.error, one.ended_ns // 1000) for one in outcome.facts.actions] == [
        (ActionOutcome.FAILED, "EPERM", 450_420),
        (ActionOutcome.FAILED, "EIO", 5_451_440),
        (ActionOutcome.FAILED, "ENOENT", 5_452_440),
    ]


def test_pkvm_s_relay_answers_for_firmware_and_verification_refuses() -> None:
    relay = under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert events(relay)[-4:-1] == [
        "450400 cpu1 lock taken",
        "450400 cpu1 CPU_ON",
        "450420 cpu1 CPU_ON answered: INVALID_PARAMETERS by pKVM's relay",
    ]
    lacks = under_pkvm(V1, None, kernel="6.12", maxcpus=1, relay=Relay.RELAXED, actions=(on(1),))
    assert events(lacks)[-4:] == [
        "450620 cpu1 arrived: takes the idle task of cpu1",
        "450720 cpu1 refused: SVE: lacks the extension",
        "5450420 cpu1 gave up",
        "5450420 cpu1 lock released",
    ]
