"""Hazards of CPU features: each is found with its numbers, and not where the CPUs are alike."""

from dataclasses import replace
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.hazard_kinds import Hazard, HazardKind
from sim.scenario import Action, Do, Scenario

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


REFUSES = (
    "the kernel refuses every CPU that comes from now on, even an early CPU that went offline and comes back, as all "
    "but the boot CPU do in a suspend"
)
SHOWN = {
    "asymmetric-aarch32": {},
    "big-little": {},
    "early-cpu-with-other-pac": {
        HazardKind.CPU_REFUSED: "cpu1 was refused: address authentication: differs from the boot CPU"
    },
    "late-cpu-changes-user-view": {
        HazardKind.USER_VIEW_SHRINKS: (
            "cpu1, a late CPU, changes what programs read of ID_AA64PFR1_EL1, while hwcaps stay: MTE 1 to 0"
        ),
        HazardKind.TAINTED: TAINTED_BY_CPU1,
    },
    "zeroed-blocks-differ": {
        HazardKind.ZEROED_BLOCKS_DIFFER: (
            "DC ZVA clears 64 bytes on cpu1, and 256 on cpu0: a program that moves between them clears more or less "
            "memory than it means to"
        ),
        HazardKind.TAINTED: TAINTED_BY_CPU1,
    },
    "late-cpu-lowers-ipa-range": {
        HazardKind.IPA_RANGE_LOWERED: (
            "cpu2, a late CPU, lowers the system's range of physical addresses to 40 bits, below KVM's limit of 48: "
            f"{REFUSES}"
        ),
        HazardKind.CPU_REFUSED: "cpu1 was refused: IPA range: is less than guests would need",
    },
    "late-cpu-with-other-pmu": {
        HazardKind.PMU_VERSION_LOWERED: (
            f"cpu2, a late CPU, has another version of the PMU, so that the system's is none: {REFUSES}"
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


@pytest.mark.parametrize("fields", ["PARange = 1", "PMUVer = 5"])
def test_no_cpu_is_refused_after_a_panic(fields: str) -> None:
    late = f"{{ core = 'arm,cortex-a76', features = {{ BRPs = 3, {fields} }}, late = true }}"
    panics = scenario_from_text(
        f"[topology]\ncpus = [{{ core = 'arm,cortex-a76' }}, {late}]\n[kernel]\nseries = '7.3'\n"
        "[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"
    )
    told = found(panics)
    assert HazardKind.KERNEL_PANIC in told
    lowered = told.get(HazardKind.IPA_RANGE_LOWERED) or told[HazardKind.PMU_VERSION_LOWERED]
    assert lowered.endswith((" bits, below KVM's limit of 40", "so that the system's is none"))


def test_a_refusal_without_kvm_speaks_of_no_promise() -> None:
    cpus = "{ core = 'arm,neoverse-v1' }, { core = 'arm,neoverse-v1', features = { VMIDBits = 0 }, late = true }"
    without = scenario_from_text(
        f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\nkvm_mode = 'none'\n"
        "[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"
    )
    # verify_hyp_capabilities() asks whether KVM is built in, and not whether it is up.
    assert found(without)[HazardKind.CPU_REFUSED] == "cpu1 was refused: VMID width: is less than guests would need"


@pytest.mark.parametrize(("name", "lost"), [("late-cpu-lowers-ipa-range", {1, 2}), ("late-cpu-with-other-pmu", {1, 2})])
def test_a_suspend_loses_every_cpu_but_the_boot_cpu_where_the_kernel_refuses_all(name: str, lost: set[int]) -> None:
    scenario = shipped(name)
    outcome = boot(scenario.but(actions=(*scenario.actions[:1], Action(Do.SUSPEND))))
    assert {one.cpu for one in outcome.facts.refused} == lost
    assert outcome.facts.online == (0,)


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


N2 = "{ core = 'arm,neoverse-n2' }"


@pytest.mark.parametrize(
    ("fields", "kernel"),
    [
        ("NV = 0", "6.12"),  # nested virtualisation is in use only if the command line asks for it
        ("MPAM = 0", "6.18"),  # firmware does not enable MPAM on these CPUs
    ],
)
def test_a_cpu_deprives_the_others_of_nothing_that_they_have_not_by_themselves(fields: str, kernel: str) -> None:
    other = f"{{ core = 'arm,neoverse-n2', features = {{ {fields} }} }}"
    kinds = {one.kind for one in of(f"{N2}, {N2}, {other}", kernel)}
    assert HazardKind.FEATURE_LOST_TO_ONE_CPU not in kinds


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ("DIC = 0", "Instruction cache invalidation not required for I/D coherence"),
        ("PMUVer = 0", "PMUv3"),
        ("RAS = 1", "RASv1p1 Extension Support"),
    ],
)
def test_a_cpu_deprives_the_others_of_what_a_matcher_of_its_own_looks_for(fields: str, lost: str) -> None:
    other = f"{{ core = 'arm,neoverse-n2', features = {{ {fields} }} }}"
    sentences = [one.sentence for one in of(f"{N2}, {N2}, {other}", "7.3")]
    assert f"cpu2 alone deprives all CPUs of {lost}" in sentences


N2_WITHOUT_MTE = "{ core = 'arm,neoverse-n2', features = { MTE = 0 } }"


def of_command_line(options: str, cpus: str) -> dict[HazardKind, str]:
    text = f'[topology]\ncpus = [{cpus}]\n[kernel]\nseries = "6.12"\noptions = "{options}"\n'
    return found(scenario_from_text(text))


@pytest.mark.parametrize("cpus", [(N2, N2_WITHOUT_MTE, N2), (N2_WITHOUT_MTE, N2, N2), (N2, N2, N2)])
def test_a_cpu_deprives_the_others_of_nothing_that_the_command_line_hides(cpus: tuple[str, ...]) -> None:
    hazards = of_command_line("arm64.nomte", ", ".join(cpus))
    assert HazardKind.FEATURE_LOST_TO_ONE_CPU not in hazards


def test_a_cpu_deprives_the_others_of_what_the_command_line_leaves() -> None:
    hazards = of_command_line("id_aa64pfr1.mte=2", f"{N2}, {N2_WITHOUT_MTE}, {N2}")
    assert hazards[HazardKind.FEATURE_LOST_TO_ONE_CPU].startswith("cpu1 alone deprives all CPUs of hwcap mte")


@pytest.mark.parametrize(
    ("config", "lost"), [("true", "LSE atomic instructions, hwcap atomics"), ("false", "hwcap atomics")]
)
def test_a_cpu_deprives_the_others_of_nothing_that_the_kernel_is_built_without(config: str, lost: str) -> None:
    text = f"[topology]\ncpus = [{A55}, {WITHOUT_LSE}, {A55}]\n[kernel]\nseries = '6.12'\n"
    hazards = found(scenario_from_text(f"{text}config = {{ CONFIG_ARM64_LSE_ATOMICS = {config} }}\n"))
    sentence = f"cpu1 alone deprives all CPUs of {lost} (ID_AA64ISAR0_EL1.ATOMIC)"
    assert hazards[HazardKind.FEATURE_LOST_TO_ONE_CPU] == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("allow_mismatched_32bit_el0", None),
        ("", "cpu1 alone deprives all CPUs of 32-bit programs (ID_AA64PFR0_EL1.EL0)"),
    ],
)
def test_one_cpu_without_aarch32_deprives_the_others_unless_the_kernel_may_mix(
    options: str, sentence: str | None
) -> None:
    a76, without = "{ core = 'arm,cortex-a76' }", "{ core = 'arm,cortex-a76', features = { AArch32_EL0 = false } }"
    hazards = of_command_line(options, f"{a76}, {without}, {a76}")
    assert hazards.get(HazardKind.FEATURE_LOST_TO_ONE_CPU) == sentence


def with_zeroing(dczid: str, more: str = "") -> str:
    return f"{{ core = 'arm,cortex-a55', registers = {{ DCZID_EL0 = '{dczid}' }}{more} }}"


def zeroing(cpus: str, kernel: str = "", *, actions: str = "") -> list[tuple[int | None, str]]:
    text = f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n{kernel}\n{actions}"
    outcome = boot(scenario_from_text(text))
    return [(one.cpu, one.sentence) for one in outcome.found if one.kind is HazardKind.ZEROED_BLOCKS_DIFFER]


MOVES = "a program that moves between them clears more or less memory than it means to"
GETS_SIGILL = "a program that clears memory by it gets SIGILL on"


def test_cpus_that_clear_other_blocks_are_told_once_for_each_size() -> None:
    cpus = ", ".join(map(with_zeroing, ("0x4", "0x5", "0x4", "0x5", "0x3", "0x14")))
    assert zeroing(cpus) == [
        (1, f"DC ZVA clears 128 bytes on cpu1, and 64 on cpu0: {MOVES}"),
        (4, f"DC ZVA clears 32 bytes on cpu4, and 64 on cpu0: {MOVES}"),
        (5, f"cpu5 prohibits DC ZVA, and cpu0 allows it: {GETS_SIGILL} cpu5"),
    ]


def test_a_boot_cpu_may_prohibit_what_others_allow() -> None:
    found = zeroing(f"{with_zeroing('0x14')}, {with_zeroing('0x4')}, {with_zeroing('0x15')}")
    # The size of blocks that are prohibited means nothing.
    assert found == [(1, f"cpu0 prohibits DC ZVA, and cpu1 allows it: {GETS_SIGILL} cpu0")]


def test_only_cpus_that_programs_run_on_count_for_blocks() -> None:
    cpus = f"{with_zeroing('0x4')}, {with_zeroing('0x6', ', late = true')}"
    assert zeroing(cpus) == []
    assert len(zeroing(cpus, actions="[[actions]]\ndo = 'online'\ncpu = 'cpu1'")) == 1
    smaller_asid = "{ core = 'arm,cortex-a55', registers = { DCZID_EL0 = '0x5' }, features = { ASIDBits = 0 } }"
    assert zeroing(f"{with_zeroing('0x4')}, {with_zeroing('0x5')}, {smaller_asid}") == []  # it panics the kernel


def test_nothing_is_said_of_blocks_that_no_source_tells() -> None:
    assert zeroing("{ core = 'arm,cortex-x3', sve_bits = [128] }, { core = 'arm,cortex-a710' }") == []
    assert zeroing("{ core = 'arm,cortex-a710' }, { core = 'arm,cortex-x3', sve_bits = [128] }") == []


@pytest.mark.parametrize("register", ["DCZID_EL0 = '0x3'", "CTR_EL0 = '0x84440004'"])
def test_programs_read_some_registers_of_their_own_cpu(register: str) -> None:
    """Pin that a late CPU changes nothing of DCZID_EL0 for programs, nor of CTR_EL0 while the kernel traps no read."""
    late = f"{{ core = 'arm,cortex-a55', registers = {{ {register} }}, late = true }}"
    action = "[[actions]]\ndo = 'online'\ncpu = 'cpu1'"
    outcome = boot(scenario_from_text(f"[topology]\ncpus = [{A55}, {late}]\n[kernel]\nseries = '6.12'\n{action}"))
    assert outcome.facts.online == (0, 1)
    assert HazardKind.USER_VIEW_SHRINKS not in {one.kind for one in outcome.found}


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


@pytest.mark.parametrize(("fields", "panics"), [("BRPs = 4", True), ("WRPs = 2", True), ("WRPs = 3, BRPs = 5", False)])
def test_a_late_cpu_with_one_breakpoint_or_watchpoint_less_panics(fields: str, *, panics: bool) -> None:
    late = f"{{ core = 'arm,cortex-a76', features = {{ {fields} }}, late = true }}"
    text = f"[topology]\ncpus = [{{ core = 'arm,cortex-a76' }}, {late}]\n[kernel]\nseries = '6.12'\n"
    hazards = found(scenario_from_text(f"{text}[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"))
    assert (HazardKind.KERNEL_PANIC in hazards) is panics
