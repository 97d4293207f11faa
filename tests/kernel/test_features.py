"""Tests of what kernels do with CPUs that differ, where no recorded boot shows it: it is read in their sources."""

from dataclasses import replace
from typing import Any

import pytest

from sim.boot_run import boot
from sim.facts import ActionOutcome, LossKind
from sim.feature_facts import FeatureState
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.topology import Topology
from tests.feature_systems import A76, Changes, cores, with_field
from tests.systems import off, on, texts

MMFR0, MMFR3 = "ID_AA64MMFR0_EL1", "ID_AA64MMFR3_EL1"
PFR0, PFR1 = "ID_AA64PFR0_EL1", "ID_AA64PFR1_EL1"
WITH_ECV = with_field(MMFR0, 60, 1)
WITH_MOPS = with_field("ID_AA64ISAR2_EL1", 16, 1)
PIE_ALONE = with_field(MMFR3, 8, 1)
WITH_SVE = with_field(PFR0, 32, 1)
UNKNOWN_STATE = ["CPU2: failed to come online", "CPU2: failed in unknown state : 0x0"]
NO_EL2: dict[str, Any] = {"el2": False}


def _action(outcome: Outcome) -> list[str]:
    """Return the lines of the first action of user space."""
    (first, *_) = outcome.action_rows()
    return first.log


def _late(first: Changes, late: Changes, kernel: str, **parts: Any) -> Outcome:
    """Boot two CPUs that are alike, and bring a third online."""
    return cores(first, first, late, kernel=kernel, maxcpus=2, actions=(on(2),), **NO_EL2, **parts)


def _end(outcome: Outcome) -> FeatureState:
    state = outcome.facts.features_at_end
    assert state is not None
    return state


# The order of lines


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
def test_the_writeback_granule_is_checked_after_the_lengths_are_set_up(kernel: str) -> None:
    without_granule = {**WITH_SVE, "CTR_EL0": A76["CTR_EL0"] & ~(0xF << 24)}
    lines = texts(cores(without_granule, without_granule, vqs=1, kernel=kernel, **NO_EL2))
    granule = lines.index("CPU features: No Cache Writeback Granule information, assuming 128")
    assert lines[granule - 1].startswith("SVE: default vector length")


def test_emulation_of_pan_is_told_before_mitigations_that_are_off_and_lengths() -> None:
    without_pan = {**WITH_SVE, **with_field("ID_AA64MMFR1_EL1", 20, 0)}
    config = {"CONFIG_ARM64_SW_TTBR0_PAN": True}
    lines = texts(cores(without_pan, vqs=1, kernel="7.3", options="mitigations=off", kernel_config=config, **NO_EL2))
    pan = lines.index("CPU features: emulated: Privileged Access Never (PAN) using TTBR0_EL1 switching")
    assert lines[pan + 1] == "spectre-v2 mitigation disabled by command-line option"
    assert lines[pan + 4].startswith("SVE: ")


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.3"])
@pytest.mark.parametrize(
    ("fp", "simd", "told"),
    [
        (15, 15, ["Floating-point is not implemented", "Advanced SIMD is not implemented"]),
        (0, 15, ["Advanced SIMD is not implemented"]),
        (0, 0, []),
    ],
)
def test_floating_point_that_is_missing_is_told_when_initcalls_begin(
    kernel: str, fp: int, simd: int, told: list[str]
) -> None:
    pfr0 = A76[PFR0] & ~0xFF000F | fp << 16 | simd << 20
    in_32_bits, without = {PFR0: pfr0 | 2}, {PFR0: pfr0 | 1}
    lines = texts(cores(in_32_bits, without, kernel=kernel, options="allow_mismatched_32bit_el0", **NO_EL2))
    assert [line for line in lines if "is not implemented" in line] == told
    asymmetric = next(place for place, line in enumerate(lines) if "Asymmetric 32-bit EL0" in line)
    assert lines[asymmetric - len(told) : asymmetric] == told
    final = "CPU: All CPU(s) started at EL1", "alternatives: applying system-wide alternatives"
    assert all(lines.index(line) < asymmetric - len(told) for line in final)


def test_a_boot_cpu_with_an_unknown_number_of_asids_is_told_of_before_the_others_come() -> None:
    unknown = with_field(MMFR0, 4, 1)
    lines = texts(cores(unknown, unknown, kernel="6.12", options="ssbd=force-off", **NO_EL2))
    asids = lines.index("CPU0: Unknown ASID size (1); assuming 8-bit")
    assert lines[asids - 1] == "spectre-v4 mitigation disabled by command-line option"
    assert lines[asids + 1] == "smp: Bringing up secondary CPUs ..."
    assert "CPU1: Unknown ASID size (1); assuming 8-bit" in lines


@pytest.mark.parametrize(("kernel", "together"), [("6.1", False), ("6.16", False), ("6.18", True)])
def test_mitigations_that_are_off_are_told_together_from_6_18_on(kernel: str, *, together: bool) -> None:
    lines = texts(cores({}, {}, kernel=kernel, options="mitigations=off", **NO_EL2))
    v4 = lines.index("spectre-v4 mitigation disabled by command-line option")
    assert (lines[v4 - 1] == "spectre-v2 mitigation disabled by command-line option") is together
    assert (lines[v4 - 1] == "alternatives: applying boot alternatives") is not together


def test_monitors_of_activity_are_told_of_one_by_one_by_6_1_and_together_later() -> None:
    with_monitors = with_field(PFR0, 44, 1)
    told = {
        kernel: [
            line
            for line in texts(cores({}, with_monitors, with_monitors, kernel=kernel, maxcpus=2, actions=(on(2),)))
            if "Activity" in line
        ]
        for kernel in ("6.1", "6.12")
    }
    each = [f"CPU features: detected CPU{number}: Activity Monitors Unit (AMU)" for number in (1, 2)]
    assert told == {"6.1": each, "6.12": ["CPU features: detected: Activity Monitors Unit (AMU) on CPU1"]}


# CPUs that die before they can print


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.3"])
def test_a_late_cpu_without_the_counter_that_the_kernel_reads_dies_silently(kernel: str) -> None:
    outcome = _late(WITH_ECV, {}, kernel)
    assert _action(outcome) == UNKNOWN_STATE
    assert [one.kind for one in outcome.facts.lost] == [LossKind.DIES_IN_PATCHED_CODE]


def test_an_early_cpu_without_that_counter_comes_and_takes_it_from_all() -> None:
    outcome = cores(WITH_ECV, {}, kernel="6.12", **NO_EL2)
    assert outcome.facts.online == (0, 1)
    assert "CPU features: detected: Enhanced Counter Virtualization" not in texts(outcome)


@pytest.mark.parametrize(("kernel", "dies"), [("6.12", False), ("6.16", True), ("6.18", True), ("7.3", True)])
def test_the_kernel_copies_with_mops_from_6_13_on(kernel: str, *, dies: bool) -> None:
    log = _action(_late(WITH_MOPS, {}, kernel))
    assert (log == UNKNOWN_STATE) is dies
    assert any("(Memory Copy and Memory Set instructions), System: 1, CPU: 0" in line for line in log) is not dies


@pytest.mark.parametrize(("kernel", "dies"), [("6.12", True), ("6.16.11", True), ("6.16.12", False), ("7.3", False)])
def test_s1pie_without_tcrx_kills_a_cpu_up_to_6_16(kernel: str, *, dies: bool) -> None:
    assert (_action(_late({}, PIE_ALONE, kernel)) == UNKNOWN_STATE) is dies


def test_a_cpu_that_dies_or_is_stuck_before_its_mmu_is_on_does_not_mark_its_exception_level() -> None:
    stuck, dies = (cores({}, change, el=(1, 2), kernel="6.12") for change in (with_field(MMFR0, 28, 15), PIE_ALONE))
    lost = ((stuck, HazardKind.CPU_STUCK), (dies, HazardKind.DIES_IN_PATCHED_CODE))
    for outcome, kind in lost:
        assert outcome.facts.online == (0,)
        assert "CPU: All CPU(s) started at EL1" in texts(outcome)
        assert _end(outcome).taint == 0
        assert [one.cpu for one in outcome.found if one.kind is kind] == [1]
    mixed = cores(with_field("ID_AA64MMFR1_EL1", 8, 0), {}, el=(1, 1), kernel="6.12")
    assert mixed.facts.online == (0, 1)


def test_addresses_of_52_bits_are_looked_for_before_the_granule() -> None:
    with_lpa2 = with_field(MMFR0, 28, 1)
    outcome = cores(with_lpa2, {}, with_field(MMFR0, 28, 15), kernel="7.3", **NO_EL2)
    lines = texts(outcome)
    assert lines.count("CPU1: does not support 52-bit VAs") == lines.count("CPU2: does not support 52-bit VAs") == 1
    assert not any("4K granule" in line for line in lines)


# KVM


def test_guests_get_no_pages_where_cpus_differ_in_the_granules_of_stage_2() -> None:
    early = [with_field(MMFR0, 40, 2), {}]
    fewer_bits = with_field(MMFR0, 0, 1)
    outcome = cores(*early, fewer_bits, kernel="6.12", maxcpus=2, actions=(on(2), off(1), on(1)))
    assert "kvm [1]: PAGE_SIZE not supported at Stage-2, giving up" in texts(outcome)
    assert not outcome.facts.kvm_initialised
    # Without a limit of KVM's no range of addresses is too small.
    assert [one.outcome for one in outcome.facts.actions] == [
        ActionOutcome.ONLINE,
        ActionOutcome.OFFLINE,
        ActionOutcome.ONLINE,
    ]


def test_an_unknown_granule_of_stage_2_gives_guests_no_pages() -> None:
    unknown = with_field(MMFR0, 40, 8)
    assert "kvm [1]: Unsupported value for TGRAN_2, giving up" in texts(cores(unknown, unknown, kernel="7.3"))


@pytest.mark.parametrize(("parange", "bits"), [(1, 36), (2, 40), (6, 48)])
def test_a_small_range_of_addresses_is_told_of(parange: int, bits: int) -> None:
    lines = texts(cores(with_field(MMFR0, 0, parange), kernel="6.12"))
    reduced = " (Reduced IPA size, limited VM/VMM compatibility)" if bits < 40 else ""
    assert f"kvm [1]: IPA Size Limit: {bits} bits{reduced}" in lines


def test_errata_that_let_guests_deadlock_the_system_are_told_of() -> None:
    lines = texts(cores({"MIDR_EL1": 0x411FD0D0}, kernel="7.3"))
    told = lines.index("kvm [1]: Guests without required CPU erratum workarounds can deadlock system!")
    assert lines[told + 1] == "Only trusted guests should be used on this system."
    assert lines[told + 2].startswith("kvm [1]: IPA Size Limit")


# Overrides


def _forced(kernel: str, options: str, change: Changes, page_bytes: int = 4096) -> list[str]:
    lines = texts(cores(change, kernel=kernel, options=options, page_bytes=page_bytes, **NO_EL2))
    words = ("forced to", "already set", "ignoring override", "impossible override")
    return [line.removeprefix("CPU features: ") for line in lines if any(word in line for word in words)]


def test_a_field_whose_safe_value_is_fixed_takes_no_other_value_not_even_its_own() -> None:
    qarma5 = with_field("ID_AA64ISAR1_EL1", 4, 1)
    register = "SYS_ID_AA64ISAR1_EL1[7:4]"
    assert _forced("6.12", "id_aa64isar1.apa=1", qarma5) == [f"{register}: ignoring override to 1"]
    assert _forced("6.12", "id_aa64isar1.apa=0", qarma5) == [f"{register}: forced to 0"]
    assert _forced("6.12", "id_aa64isar1.apa=0", {}) == [f"{register}: already set to 0"]


@pytest.mark.parametrize(
    ("kernel", "value", "effect"),
    [
        ("6.12", "f", "ignoring override to f"),
        ("6.12", "0x1", "forced to 1"),
        ("6.12", "10", None),
        ("6.1", "f", None),
        ("6.1", "0xf", "ignoring override to f"),
        ("6.1", "15", "ignoring override to f"),
        ("6.1", "017", "ignoring override to f"),
        ("6.1", "08", None),
        ("6.1", "0x11", "forced to 1"),
    ],
)
def test_the_value_of_an_override_is_a_digit_since_6_9_and_was_a_number(
    kernel: str, value: str, effect: str | None
) -> None:
    with_bti = with_field(PFR1, 0, 2)
    expected = [] if effect is None else [f"SYS_ID_AA64PFR1_EL1[3:0]: {effect}"]
    assert _forced(kernel, f"id_aa64pfr1.bt={value}", with_bti) == expected


@pytest.mark.parametrize(("granule", "hidden"), [(1, False), (2, True), (7, True), (8, False), (15, False)])
def test_hiding_52_bit_addresses_reads_the_granule_as_a_signed_number(granule: int, *, hidden: bool) -> None:
    forced = _forced("7.3", "arm64.nolva", with_field(MMFR0, 20, granule), 16384)
    assert any("MMFR0_EL1[23:20]: forced to 1" in line for line in forced) is hidden


def test_a_range_of_virtual_addresses_other_than_48_bits_is_impossible() -> None:
    assert _forced("7.3", "id_aa64mmfr2.varange=1", {}) == ["SYS_ID_AA64MMFR2_EL1[19:16]: impossible override, ignored"]


@pytest.mark.parametrize(
    ("options", "effect"),
    [
        ("arm64.nolva id_aa64mmfr2.varange=1", "impossible override, ignored"),
        ("id_aa64mmfr2.varange=1 arm64.nolva", "already set to 0"),
    ],
)
def test_the_last_word_on_the_range_of_virtual_addresses_counts(options: str, effect: str) -> None:
    assert _forced("7.3", options, {}) == [f"SYS_ID_AA64MMFR2_EL1[19:16]: {effect}"]


# Registers of extensions


def test_mpamidr_is_compared_as_long_as_the_system_has_mpam() -> None:
    with_mpam = with_field(PFR0, 40, 1)
    other = {**with_mpam, "MPAMIDR_EL1": 1 << 60}
    compared = "SYS_MPAMIDR_EL1"
    assert any(compared in line for line in texts(cores(with_mpam, other, kernel="7.3", **NO_EL2)))
    lost_first = texts(cores(with_mpam, {}, other, kernel="7.3", **NO_EL2))
    assert not any(compared in line for line in lost_first)


def test_the_pseudo_register_of_lengths_keeps_its_value_when_the_system_has_lost_sve() -> None:
    outcome = cores(WITH_SVE, {}, WITH_SVE, vqs=0b11, kernel="6.1", **NO_EL2)
    assert _end(outcome).registers["ZCR_EL1"].system_value == 1
    assert _end(outcome).registers[PFR0].system_value >> 32 & 0xF == 0


@pytest.mark.parametrize("kernel", ["6.12", "7.3"])
def test_gmid_is_compared_where_both_cpus_have_tags_and_the_command_line_leaves_them(kernel: str) -> None:
    with_tags = {**with_field(PFR1, 8, 2), "GMID_EL1": 4}
    lines = texts(cores(with_tags, {**with_tags, "GMID_EL1": 5}, kernel=kernel, **NO_EL2))
    assert any("SYS_GMID_EL1. Boot CPU: 0x00000000000004, CPU1: 0x00000000000005" in line for line in lines)


def test_gmid_is_compared_if_the_cpu_itself_has_tags() -> None:
    with_tags = {**with_field(PFR1, 8, 2), "GMID_EL1": 4}
    lines = texts(cores(with_tags, {**with_tags, "GMID_EL1": 5}, kernel="6.12", options="arm64.nomte", **NO_EL2))
    assert any("SYS_GMID_EL1. Boot CPU: 0x00000000000004, CPU1: 0x00000000000005" in line for line in lines)
    none = texts(cores(with_tags, {"GMID_EL1": 5}, kernel="6.12", options="arm64.nomte", **NO_EL2))
    assert not any("GMID" in line for line in none)


def test_the_upper_half_of_ctr_is_invisible_to_the_kernel() -> None:
    tag_lines = {"CTR_EL0": A76["CTR_EL0"] | 4 << 32}
    lines = texts(cores({}, tag_lines, kernel="6.12", **NO_EL2))
    assert not any("CTR_EL0" in line or "cache type" in line for line in lines)


# 32-bit programs


def test_a_cpu_that_lacks_aarch32_may_come_late_only_if_cpus_may_differ() -> None:
    without = with_field(PFR0, 0, 1)
    refused = _action(_late({}, without, "6.12"))
    assert refused[0].startswith("CPU features: CPU2: Detected conflict for capability 3 ((null)), System: 1, CPU: 0")
    allowed = _action(_late({}, without, "6.12", options="allow_mismatched_32bit_el0"))
    assert allowed[-1] == (
        "CPU features: Asymmetric 32-bit EL0 support detected on CPU 2; CPU hot-unplug disabled on CPU 0"
    )


# ThunderX2


def test_the_erratum_of_threads_needs_a_second_thread() -> None:
    thunder = {"MIDR_EL1": 0x431F0AF1}
    threads = cores(thunder, thunder, kernel="6.12")
    first, second = threads.scenario.topology.cpus
    cores_apart = boot(threads.scenario.but(topology=Topology((first, replace(second, mpidr=0x100)))))
    line = "CPU features: detected: Cavium ThunderX2 erratum 219 (KVM guest sysreg trapping)"
    assert [line in texts(outcome) for outcome in (threads, cores_apart)] == [True, False]
