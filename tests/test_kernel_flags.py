"""Kernel flags: their defaults by series, and scenarios that set them otherwise."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.kernel_flags import FLAGS, Origin, flag_origins, kernel_flags
from sim.kernel_release import kernel_release
from sim.scenario import KvmMode, Scenario
from sim.topology import Topology
from tests.systems import A64FX, V1, guest, texts

BEFORE_6_11 = {"suspend_ascends"}
BEFORE_6_7 = BEFORE_6_11 | {"pseudo_registers", "levels_checked_last"}
OLD = BEFORE_6_7 | {"maxcpus_counts_online"}
BUG = {"hyp_flavour", "pkvm_hvhe", "host_sve_buffers"}
FIXED = BUG | {"zcr_el2_constrained", "eperm_is_silent"}
OF_FEATURES = {
    "vpipt_icache",
    "dbm_logged_at_once",
    "ipa_range_of_cpu",
    "mitigations_told_together",
    "bhb_affects_unlisted",
    "tlbi_erratum_of_big_cores",
    "bhb_mitigated_always",
    "gmid_follows_overrides",
    "mops_in_kernel",
    "pie_writes_tcr2",
}
"""Flags that matter only where the cores of all CPUs are known."""
OLD_FEATURES = {"vpipt_icache", "dbm_logged_at_once", "ipa_range_of_cpu"}
NEW_ERRATA = {"bhb_affects_unlisted", "tlbi_erratum_of_big_cores"}
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("release", "on"),
    [
        ("6.1.0", OLD | {"nosve_hides_sme", "sme"}),
        ("6.1.116", OLD | {"nosve_hides_sme", "sme"}),
        ("6.1.117", OLD | {"nosve_hides_sme"}),
        ("6.1.134", OLD | {"nosve_hides_sme"}),
        ("6.1.135", OLD | {"nosve_hides_sme", "host_fpsimd_flushed"}),
        ("6.1", OLD | {"nosve_hides_sme", "host_fpsimd_flushed"}),
        ("6.1.0-50-arm64", OLD | {"nosve_hides_sme", "host_fpsimd_flushed", "hyp_panic_on_return"}),
        ("6.1.176+deb12", OLD | {"nosve_hides_sme", "host_fpsimd_flushed", "hyp_panic_on_return"}),
        ("6.1.131-android14-11", OLD | {"nosve_hides_sme", "sme"}),
        ("6.3", OLD | {"nosve_hides_sme", "sme"}),
        ("6.4", OLD | {"sme"}),
        ("6.5", BEFORE_6_7 | {"sme"}),
        ("6.6.60", BEFORE_6_7 | {"sme"}),
        ("6.6.85", BEFORE_6_7 | {"host_fpsimd_flushed"}),
        ("6.7", BEFORE_6_11 | {"sme"}),
        ("6.9", BEFORE_6_11 | {"hyp_flavour", "sme"}),
        ("6.10", BEFORE_6_11 | BUG | {"sme"}),
        ("6.11.7", BUG | {"sme"}),
        ("6.11", BUG),
        ("6.12-rc1", FIXED),
        ("6.12.20", FIXED),
        ("6.12.117+deb13-arm64", FIXED | {"host_fpsimd_flushed"}),
        ("6.12.58-android16-5", FIXED),
        ("6.16", FIXED | {"host_fpsimd_flushed", "sme"}),
        ("6.18", FIXED | {"host_fpsimd_flushed", "sme"}),
        ("6.19", FIXED | {"host_fpsimd_flushed", "sme", "icv_dir_trapping"}),
        ("7.9", FIXED | {"host_fpsimd_flushed", "sme", "icv_dir_trapping"}),
    ],
)
def test_a_release_has_its_flags_by_default(release: str, on: set[str]) -> None:
    flags = kernel_flags(kernel_release(release))
    assert {name for name in FLAGS if getattr(flags, name)} - OF_FEATURES == on


@pytest.mark.parametrize(
    ("release", "on"),
    [
        ("6.1.134", OLD_FEATURES),
        ("6.1.135", OLD_FEATURES | {"bhb_affects_unlisted"}),
        ("6.1", OLD_FEATURES | NEW_ERRATA),
        ("6.12.23", {"pie_writes_tcr2"}),
        ("6.12.93", {"pie_writes_tcr2", "bhb_affects_unlisted"}),
        ("6.12", {"pie_writes_tcr2"} | NEW_ERRATA),
        ("6.16.11", {"mops_in_kernel", "pie_writes_tcr2", "bhb_affects_unlisted"}),
        ("6.16", {"mops_in_kernel", "bhb_affects_unlisted"}),
        ("6.18", {"mops_in_kernel", "mitigations_told_together", "bhb_affects_unlisted", "bhb_mitigated_always"}),
        ("7.3", NEW_ERRATA | {"mitigations_told_together", "gmid_follows_overrides", "mops_in_kernel"}),
    ],
)
def test_a_release_has_its_flags_of_features(release: str, on: set[str]) -> None:
    flags = kernel_flags(kernel_release(release))
    assert {name for name in OF_FEATURES if getattr(flags, name)} == on


def test_each_flag_has_a_meaning_and_a_source() -> None:
    assert all(flag.meaning and flag.source for flag in FLAGS.values())


@pytest.mark.parametrize(
    ("flags", "design"),
    [
        ({"zcr_el2_constrained": False}, "v6.11"),
        ({"host_sve_buffers": False}, None),
        ({}, "constrain-v2"),
    ],
)
def test_the_kernel_s_own_design_follows_from_its_flags(flags: dict[str, bool], design: str | None) -> None:
    scenario = Scenario(Topology.of([V1]), kernel="6.12", kernel_flags=flags)
    assert (scenario.active_design and scenario.active_design.name) == design


@pytest.mark.parametrize(
    ("kernel", "flags", "note"),
    [
        ("6.12", {}, "kernel 6.12 is not configured with SME: ARM64_SME depends on BROKEN there"),
        ("6.18", {"sme": False}, "kernel 6.18 is not configured with SME"),
    ],
)
def test_a_note_says_why_a_kernel_has_no_sme(kernel: str, flags: dict[str, bool], note: str) -> None:
    notes = boot(Scenario(Topology.of([V1], [[128]]), kernel=kernel, kernel_flags=flags)).notes
    assert [one for one in notes if "SME" in one] == [note]


def test_a_backport_is_a_flag() -> None:
    topology = Topology.of([V1, V1], [[128], [128]])
    assert not any(line.startswith("SME:") for line in texts(boot(Scenario(topology, kernel="6.12"))))
    with_sme = boot(Scenario(topology, kernel="6.12", kernel_flags={"sme": True}))
    assert "SME: maximum available vector length 16 bytes per vector" in texts(with_sme)
    fixed = Scenario(
        Topology.of([V1, A64FX]),
        kernel="6.11",
        kernel_flags={"zcr_el2_constrained": True},
        kvm_mode=KvmMode.PROTECTED,
        actions=(guest(1),),
    )
    assert boot(fixed).found == []


def test_the_page_on_scenario_files_has_every_flag() -> None:
    page = (ROOT / "docs" / "scenario-files.md").read_text()
    assert [name for name in FLAGS if f"| `{name}` |" not in page] == []


def test_a_file_keeps_its_flags() -> None:
    scenario = Scenario(Topology.of([V1]), kernel="6.12", kernel_flags={"sme": True, "hyp_flavour": False})
    assert scenario_from_text(scenario_text(scenario)).kernel_flags == scenario.kernel_flags


def test_an_unknown_flag_is_one_line_with_a_suggestion() -> None:
    text = scenario_text(Scenario(Topology.of([V1]))) + "[kernel.flags]\nsmee = true\n"
    with pytest.raises(InputError, match=r"kernel\.flags: unknown kernel flag 'smee': did you mean 'sme'\?"):
        scenario_from_text(text)
    with pytest.raises(InputError, match="unknown kernel flag"):
        Scenario(Topology.of([V1]), kernel_flags={"x": True})


def test_flags_that_a_scenario_sets_are_shown_with_its_kernel() -> None:
    flags = {"zcr_el2_constrained": False, "sme": True}
    scenario = Scenario(Topology.of([V1]), kernel="6.12", kernel_flags=flags)
    words = "6.12 with sme on, zcr_el2_constrained off"
    assert scenario.kernel_words == words
    assert words in repr(scenario)
    outcome = boot(scenario)
    assert outcome.record().scenario.kernel_flags == flags
    assert f"the kernel is {words}, which the scenario sets" in outcome.notes
    assert Scenario(Topology.of([V1]), kernel="6.12").kernel_words == "6.12"


def test_a_flag_says_where_its_value_comes_from() -> None:
    def of(release: str, name: str, **overrides: bool) -> Origin:
        return flag_origins(kernel_release(release), overrides)[name]

    assert of("6.12", "sme") is Origin.MAINLINE
    assert of("6.12", "sme", sme=True) is Origin.SCENARIO
    assert of("6.1.176", "sme") is Origin.BACKPORT
    assert of("6.1.116", "sme") is Origin.MAINLINE
    assert of("6.1.176+deb12", "hyp_panic_on_return") is Origin.BUILD
    assert of("6.12.58-android16-5", "host_fpsimd_flushed") is Origin.UNKNOWN


def test_what_is_unknown_of_a_vendor_s_kernel_is_a_note() -> None:
    assert (
        "kernel 6.1.131-android14-11 is a vendor's, whose backports are unknown: flags that stable releases of 6.1 "
        "changed are as when 6.1 began (sme on, host_fpsimd_flushed off, bhb_affects_unlisted off, "
        "tlbi_erratum_of_big_cores off)"
    ) in boot(Scenario(Topology.of([V1]), kernel="6.1.131-android14-11")).notes
    assert not any("unknown" in note for note in boot(Scenario(Topology.of([V1]), kernel="6.12.50")).notes)
