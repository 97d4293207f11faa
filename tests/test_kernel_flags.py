"""Kernel flags: their defaults by series, and scenarios that set them otherwise."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.kernel_flags import FLAGS, Origin, flag_origins, kernel_flags
from sim.kernel_release import RECORDED, kernel_release
from sim.scenario import KvmMode, Scenario
from sim.topology import Topology
from tests.systems import A64FX, V1, guest, texts

BEFORE_6_11 = {"suspend_ascends"}
BEFORE_6_7 = BEFORE_6_11 | {"pseudo_registers", "levels_checked_last"}
OLD = BEFORE_6_7 | {"maxcpus_counts_online"}
BEFORE_BUG = {"hyp_flavour", "pkvm_hvhe"}
BUG = BEFORE_BUG | {"host_sve_buffers"}
BUG_OF_6_11 = BUG | {"eperm_is_silent"}
FIXED = BUG_OF_6_11 | {"zcr_el2_constrained"}
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
        ("6.1.0-27-arm64", OLD | {"nosve_hides_sme", "sme", "hyp_panic_on_return"}),
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
        ("6.11.7", BUG_OF_6_11 | {"sme"}),
        ("6.11", BUG_OF_6_11),
        ("6.12-rc2", FIXED | {"sme"}),
        ("6.12-rc7", FIXED),
        ("6.12.5-rc1", FIXED),
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


@pytest.mark.parametrize(
    ("release", "on"),
    [
        ("6.10-rc2", BEFORE_6_11 | BEFORE_BUG | {"sme"}),
        ("6.10-rc3", BEFORE_6_11 | BUG | {"sme"}),
        ("6.10.0-rc2", BEFORE_6_11 | BEFORE_BUG | {"sme"}),
        ("6.10.0-rc3-00012-g1234567", BEFORE_6_11 | BUG | {"sme"}),
        ("6.11-rc1", BUG_OF_6_11 | {"sme"}),
        ("6.12-rc0", BUG_OF_6_11 | {"sme"}),
        ("6.12-rc1", BUG_OF_6_11 | {"sme"}),
        ("6.12-rc6", FIXED | {"sme"}),
        ("6.12.0-rc1+", BUG_OF_6_11 | {"sme"}),
        ("6.10.0-rc2-dirty", BEFORE_6_11 | BEFORE_BUG | {"sme"}),
        ("6.12~rc6+deb13-arm64", FIXED | {"sme"}),
        ("6.14-rc2", FIXED),
        ("6.14-rc3", FIXED | {"host_fpsimd_flushed"}),
        ("6.16-rc1", FIXED | {"host_fpsimd_flushed", "sme"}),
    ],
)
def test_a_release_candidate_has_what_came_up_to_it(release: str, on: set[str]) -> None:
    flags = kernel_flags(kernel_release(release))
    assert {name for name in FLAGS if getattr(flags, name)} - OF_FEATURES == on


def test_the_bug_of_pkvm_s_buffers_is_mended_in_the_second_candidate_of_6_12() -> None:
    scenario = Scenario(Topology.of([V1, A64FX]), kvm_mode=KvmMode.PROTECTED, actions=(guest(1),))
    mended = {
        name: boot(scenario.but(kernel=name)).found == [] for name in ("6.10-rc2", "6.10-rc3", "6.12-rc1", "6.12-rc2")
    }
    assert mended == {"6.10-rc2": True, "6.10-rc3": False, "6.12-rc1": False, "6.12-rc2": True}


@pytest.mark.parametrize(
    ("release", "name", "origin"),
    [
        ("6.19-rc4", "icv_dir_trapping", Origin.CANDIDATE),
        ("6.19-rc4", "eperm_is_silent", Origin.MAINLINE),
        ("6.19", "icv_dir_trapping", Origin.MAINLINE),
        ("6.12-rc1", "zcr_el2_constrained", Origin.MAINLINE),
        ("6.12-rc0", "zcr_el2_constrained", Origin.MAINLINE),
        ("6.11-rc0", "eperm_is_silent", Origin.CANDIDATE),
        # Commits after the candidate may include the fix.
        ("6.12.0-rc1-00099-g1234567", "zcr_el2_constrained", Origin.ON_CANDIDATE),
        ("6.12.0-rc2-00099-g1234567", "zcr_el2_constrained", Origin.MAINLINE),
    ],
)
def test_a_flag_of_a_candidate_is_known_or_said_to_be_unknown(release: str, name: str, origin: Origin) -> None:
    assert flag_origins(kernel_release(release))[name] is origin


def test_what_is_unknown_of_a_candidate_is_a_note() -> None:
    def unknown(kernel: str) -> list[str]:
        notes = boot(Scenario(Topology.of([V1]), kernel=kernel)).notes
        return [note for note in notes if "unknown" in note or "known of" in note]

    (note,) = unknown("6.19-rc4")
    assert note == (
        "kernel 6.19-rc4 is a release candidate, and which candidate of 6.19 had some changes first is unknown: their "
        "flags are as in 6.19 (icv_dir_trapping on, bhb_mitigated_always off, gmid_follows_overrides on)"
    )
    assert unknown("6.14-rc2") == []


@pytest.mark.parametrize(
    ("release", "stand_in"),
    [
        ("99.1", "it is newer than 7.3, the newest series that is modelled, which stands for it"),
        ("7.4-rc1", "it is newer than 7.3, the newest series that is modelled, which stands for it"),
        ("6.20", "its series is not known, and 6.19, the series before it, stands for it"),
        ("6.11.99", "it is newer than 6.11.11, the newest point release of 6.11 that is known, which stands for it"),
        ("6.12.999+deb13-arm64", "it is newer than 6.12.118, the newest point release of 6.12 that is known"),
    ],
)
def test_a_note_says_which_kernel_stands_for_a_release_that_is_not_known(release: str, stand_in: str) -> None:
    notes = boot(Scenario(Topology.of([V1]), kernel=release)).notes
    assert [note for note in notes if note.startswith(f"nothing is known of kernel {release} itself: {stand_in}")]


@pytest.mark.parametrize(
    "release", ["6.1", "6.1.0-50-arm64", "6.1.192", "6.12.118", "6.11.11", "7.3-rc7", "6.6.150-android15-8", *RECORDED]
)
def test_a_release_that_is_known_has_no_stand_in(release: str) -> None:
    assert kernel_release(release).stand_in is None


def test_every_backport_is_in_a_point_release_that_is_known() -> None:
    releases = {f"{one.series[0]}.{one.series[1]}.{one.since}" for flag in FLAGS.values() for one in flag.backports}
    assert [release for release in releases if kernel_release(release).stand_in is not None] == []


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
