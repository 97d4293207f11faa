"""Hazards of CPU features: each is found with its numbers, and not where the CPUs are alike."""

from dataclasses import replace
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.hazard_kinds import Hazard, HazardKind
from sim.scenario import Scenario

A55 = "{ core = 'arm,cortex-a55' }"
WITHOUT_LSE = "{ core = 'arm,cortex-a55', features = { ATOMIC = 0 } }"
TAINTED_BY_CPU1 = (
    "the kernel is tainted (4): cpu1 differs from the boot CPU in ID registers in which it expects them alike"
)
TOPOLOGIES = Path(__file__).parents[1] / "topologies"


def shipped(name: str) -> Scenario:
    return read_scenario(TOPOLOGIES / f"{name}.toml")


def found(scenario: Scenario) -> dict[HazardKind, str]:
    return {one.kind: one.sentence for one in boot(scenario).found}


def of(cpus: str, series: str = "6.12") -> list[Hazard]:
    return list(boot(scenario_from_text(f'[topology]\ncpus = [{cpus}]\n[kernel]\nseries = "{series}"\n')).found)


SHOWN = {
    "asymmetric-aarch32": {},
    "big-little": {},
    "early-cpu-with-other-pac": {
        HazardKind.CPU_REFUSED: "cpu1 was refused: address authentication: differs from the boot CPU"
    },
    "late-cpu-changes-user-view": {
        HazardKind.USER_VIEW_SHRINKS: (
            "cpu1, a late CPU, changes what programs read of DCZID_EL0, while hwcaps stay: BS 4 to 3"
        ),
        HazardKind.TAINTED: TAINTED_BY_CPU1,
    },
    "late-cpu-lowers-ipa-range": {
        HazardKind.IPA_RANGE_LOWERED: (
            "cpu2, a late CPU, lowers the system's range of physical addresses to 40 bits, below KVM's limit of 48: "
            "the kernel refuses every CPU that comes from now on, even an early CPU that went"
        ),
        HazardKind.CPU_REFUSED: "cpu1 was refused: IPA range: is less than guests were promised",
    },
    "late-cpu-with-other-pmu": {
        HazardKind.PMU_VERSION_LOWERED: (
            "cpu2, a late CPU, has another version of the PMU, so that the system's is none: the kernel refuses every "
            "CPU that comes from now on, even an early CPU that went"
        ),
        HazardKind.CPU_REFUSED: "cpu1 was refused: PMUv3: lacks what the system has",
    },
    "late-cpu-with-erratum": {
        HazardKind.CPU_REFUSED: (
            "cpu2 was refused: ARM errata 1165522, 1319367, or 1530923: has what the system was set up without"
        )
    },
    "late-cpu-without-granule": {HazardKind.CPU_STUCK: "cpu1: it is stuck in the kernel without 16K granule"},
    "late-cpu-without-lse": {
        HazardKind.DIES_IN_PATCHED_CODE: "cpu1: it lacks the LSE atomic instructions, which the kernel uses by now"
    },
    "late-cpu-without-mops": {
        HazardKind.DIES_IN_PATCHED_CODE: (
            "cpu1: it lacks the MOPS instructions, with which the kernel copies memory by now"
        )
    },
    "secondary-without-vhe": {
        HazardKind.DIES_IN_PATCHED_CODE: "cpu1: it lacks VHE, whose registers the kernel uses since its first patches"
    },
    "late-cpu-worsens-mitigation": {
        HazardKind.MITIGATION_WORSENED: (
            "cpu2, a late CPU, lacks what a mitigation of speculation needs: the kernel warns, and is tainted"
        ),
        HazardKind.CPU_REFUSED: (
            "cpu2 was refused: Speculative Store Bypassing Safe (SSBS): lacks what the system has"
        ),
    },
    "mismatched-cache-type": {HazardKind.TAINTED: TAINTED_BY_CPU1},
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_scenario_shows_its_hazards_and_no_others(name: str) -> None:
    assert found(shipped(name)) == SHOWN[name]


def test_one_cpu_of_three_or_more_that_lacks_what_the_others_have_deprives_all() -> None:
    hazard, tainted = of(f"{A55}, {A55}, {A55}, {WITHOUT_LSE}")
    assert tainted.kind is HazardKind.TAINTED
    assert (hazard.kind, hazard.cpu) == (HazardKind.FEATURE_LOST_TO_ONE_CPU, 3)
    assert hazard.sentence == (
        "cpu3 alone deprives all CPUs of LSE atomic instructions, hwcap atomics (ID_AA64ISAR0_EL1.ATOMIC)"
    )


@pytest.mark.parametrize(
    "cpus",
    [
        # Of two CPUs none is the odd one.
        (A55, WITHOUT_LSE),
        # Two of four are a cluster, not one bad CPU.
        (A55, A55, WITHOUT_LSE, WITHOUT_LSE),
    ],
)
def test_a_cluster_or_one_of_two_does_not_count_as_one_cpu_that_deprives_the_others(cpus: tuple[str, ...]) -> None:
    assert HazardKind.FEATURE_LOST_TO_ONE_CPU not in {one.kind for one in of(", ".join(cpus))}


def test_a_late_cpu_that_programs_cannot_tell_shrinks_nothing() -> None:
    assert of(f"{A55}, {A55}, {{ core = 'arm,cortex-a55', late = true }}") == []


def test_the_first_cpu_that_runs_32_bit_programs_shrinks_nothing() -> None:
    without, has = (f"{{ core = 'arm,cortex-a76', features = {{ AArch32_EL0 = {value} }} }}" for value in (1, 2))
    text = f"[topology]\ncpus = [{without}, {has}]\n[kernel]\nmaxcpus = 1\noptions = 'allow_mismatched_32bit_el0'\n"
    outcome = boot(scenario_from_text(text + "[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"))
    assert outcome.facts.online == (0, 1)
    assert HazardKind.USER_VIEW_SHRINKS not in {one.kind for one in outcome.found}


@pytest.mark.parametrize(("kernel", "shuts_out"), [("6.12", False), ("6.16", True), ("7.3", True)])
def test_from_6_16_on_a_late_cpu_with_another_pmu_shuts_out_all_others(kernel: str, *, shuts_out: bool) -> None:
    kinds = found(replace(shipped("late-cpu-with-other-pmu"), kernel=kernel))
    assert (HazardKind.PMU_VERSION_LOWERED in kinds) is shuts_out
    assert (HazardKind.CPU_REFUSED in kinds) is shuts_out


def test_up_to_6_11_a_late_cpu_is_refused_before_it_can_lower_the_range() -> None:
    before = found(replace(shipped("late-cpu-lowers-ipa-range"), kernel="6.6"))
    assert HazardKind.IPA_RANGE_LOWERED not in before
    assert HazardKind.CPU_REFUSED in before
