"""Verification of late CPUs, and reports of CPUs that differ: every line of the log, and every reason."""

from dataclasses import replace

import pytest

from sim.boot_run import boot
from sim.designs import DESIGNS, LateCpu
from sim.scenario import Action, Do, Relay, Scenario
from sim.topology import Topology, cpu
from tests.systems import A64FX, N2, V1, booted, guest, on, texts, under_pkvm

WITH_384 = [128, 256, 384]
REFUSING = replace(DESIGNS["constrain-v2"], late_cpu=LateCpu.REFUSED)
MISMATCH = [
    "CPU features: CPU2: SVE: vector length support mismatch",
    "CPU2: will not boot",
    "CPU2: failed to come online",
    "psci: CPU2 killed (polled 0 ms)",
    "CPU2: died during early boot",
]


@pytest.mark.parametrize(
    ("kernel", "sets", "line", "reason"),
    [
        (
            "6.1",
            (WITH_384, A64FX, N2),
            [],
            "its largest length is below every early CPU's largest (128 below 384 bits)",
        ),
        (
            "6.12",
            (WITH_384, WITH_384, A64FX),
            ["SVE: cpu2: would increase maximum VL"],
            "its largest length is above every counted CPU's largest (512 above 384 bits)",
        ),
        (
            "6.12",
            (WITH_384, WITH_384, V1),
            ["SVE: cpu2: Required vector length(s) missing"],
            "lacks a length that all early CPUs have {384}",
        ),
        (
            "6.12",
            (A64FX, A64FX, [*WITH_384, 512]),
            ["SVE: cpu2: Unsupported vector length(s) present"],
            "has a length that guests could see there and nowhere else {384}",
        ),
    ],
)
def test_a_late_cpu_is_refused_with_its_reason(
    kernel: str, sets: tuple[list[int], ...], line: list[str], reason: str
) -> None:
    design = REFUSING if kernel == "6.12" else None
    outcome = under_pkvm(*sets, kernel=kernel, design=design, relay=Relay.RELAXED, maxcpus=2, actions=(on(2),))
    assert texts(outcome)[-5 - len(line) :] == line + MISMATCH
    assert [one.sentence for one in outcome.found] == [f"cpu2 was refused: SVE: {reason}"]


def test_a_cpu_that_differs_is_reported_with_both_registers_and_taints_the_kernel_once() -> None:
    outcome = booted(A64FX, None, None, kernel="6.12", maxcpus=2, actions=(on(2),))
    variation = "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU: 0x1301001121110222"
    assert [line for line in texts(outcome) if line.startswith("CPU features")] == [
        f"{variation}, CPU1: 0x1301001021110222",
        "CPU features: Unsupported CPU feature variation detected.",
        f"{variation}, CPU2: 0x1301001021110222",
    ]


def test_sme_sets_that_share_nothing_are_warned_of_and_a_late_cpu_without_sme_conflicts() -> None:
    cpus = (cpu("a", V1, [256]), cpu("b", V1, [512]), cpu("c", V1))
    actions = (Action(Do.ONLINE, "c"),)
    outcome = boot(Scenario(Topology(cpus), kernel="6.16", maxcpus=2, actions=actions))
    warned = [row for row in outcome.event_rows() if row.kind == "WARN"]
    assert [(row.cpu, row.detail) for row in warned] == [(0, "sme_setup: no length is common to all CPUs")]
    assert [line for line in texts(outcome) if "SME" in line or "Matrix" in line] == [
        "SME: minimum available vector length 0 bytes per vector",
        "SME: maximum available vector length 0 bytes per vector",
        "SME: default vector length 0 bytes per vector",
        "CPU features: CPU2: Detected conflict for capability 65 (Scalable Matrix Extension), System: 1, CPU: 0",
    ]


def test_a_guest_without_kvm_s_limit_sees_no_length_and_lives() -> None:
    (visit,) = booted(None, None, kernel="6.12", actions=(guest(0),)).facts.guests
    assert (visit.vqs, visit.killed) == (0, False)
