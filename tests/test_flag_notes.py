"""Notes on releases whose names do not tell everything: ABIs, candidates, trees on top of them, releases not known."""

import pytest

from sim.boot_run import boot
from sim.flag_notes import flag_notes, name_notes
from sim.kernel_flags import Origin, flag_origins, kernel_flags
from sim.kernel_release import Build, kernel_release
from sim.scenario import Scenario
from sim.topology import Topology
from tests.systems import V1

OF_UBUNTU = (
    "sme on, host_fpsimd_flushed off, bhb_affects_unlisted off, tlbi_erratum_of_big_cores off, pie_writes_tcr2 on"
)
TOO_MANY = "its number is above 8, the most release candidates that a series had"


def notes(release: str, **overrides: bool) -> list[str]:
    return list(flag_notes(kernel_release(release), overrides))


# Names of ABIs


@pytest.mark.parametrize(
    ("release", "point", "has_sme"),
    [
        ("6.1.0-27-arm64", 115, True),
        ("6.1.0-28-arm64", 119, False),
        ("6.1.0-28-cloud-arm64", 119, False),
        ("6.1.0-56-rt-arm64", 192, False),
    ],
)
def test_debian_s_changelog_tells_which_point_release_an_abi_is(release: str, point: int, has_sme: bool) -> None:
    known = kernel_release(release)
    assert (known.backports_up_to, known.build) == (point, Build.DEBIAN)
    assert kernel_flags(known).sme is has_sme
    assert flag_origins(known)["host_fpsimd_flushed"] is (Origin.BACKPORT if point >= 135 else Origin.MAINLINE)
    assert notes(release) == [f"kernel {release} has the name of an ABI, which is 6.1.{point} by Debian's changelog"]


@pytest.mark.parametrize(
    ("release", "note"),
    [
        (
            "6.1.0-999-arm64",
            (
                "flags that stable releases of 6.1 changed are as in the newest (sme off, host_fpsimd_flushed on, "
                "bhb_affects_unlisted on, tlbi_erratum_of_big_cores on)"
            ),
        ),
        (
            "6.1.0-0.deb11.21-arm64",
            (
                "flags that stable releases of 6.1 changed are as in the newest (sme off, host_fpsimd_flushed on, "
                "bhb_affects_unlisted on, tlbi_erratum_of_big_cores on)"
            ),
        ),
        ("6.11.0-19-generic", f"flags that stable releases changed are as when 6.11 began ({OF_UBUNTU})"),
        ("6.11.0-1015-nvidia-64k", f"flags that stable releases changed are as when 6.11 began ({OF_UBUNTU})"),
        # kernel.org gave 6.8 up before those changes, and Ubuntu went on.
        ("6.8.0-90-generic", f"flags that stable releases changed are as when 6.8 began ({OF_UBUNTU})"),
        ("6.5.0-5-arm64", "no flag depends on it"),
    ],
)
def test_the_name_of_an_abi_does_not_tell_the_point_release(release: str, note: str) -> None:
    assert notes(release) == [f"kernel {release} has the name of an ABI, which does not tell its point release: {note}"]
    assert boot(Scenario(Topology.of([V1]), kernel=release)).notes[-1:] == notes(release)


def test_a_flag_that_a_scenario_sets_is_not_unknown() -> None:
    (note,) = notes("6.11.0-19-generic", sme=False)
    assert "sme" not in note
    assert "host_fpsimd_flushed off" in note


def test_ubuntu_s_kernels_have_the_changes_of_the_point_release_that_they_name() -> None:
    assert kernel_flags(kernel_release("6.11.11-19-generic")).sme is False
    assert notes("6.11.11-19-generic") == []
    assert kernel_flags(kernel_release("6.11.7-19-generic")).sme is True
    assert notes("6.11.7-19-generic") == [
        (
            "kernel 6.11.7-19-generic is Ubuntu's, and which later changes of the stable series it has is unknown: "
            "their flags are as in 6.11.7 (sme on)"
        )
    ]


@pytest.mark.parametrize("release", ["6.12.0-00012-gabcdef", "6.12.0-160000.5-default", "6.12.0-1-g1234567"])
def test_a_commit_or_a_vendor_s_number_is_not_an_abi(release: str) -> None:
    assert not kernel_release(release).names_abi


# Release candidates


@pytest.mark.parametrize("release", ["6.12.5-rc1", "6.12.5-rc1-00012-g1234567", "6.12.5-rc2+"])
def test_a_candidate_of_a_stable_release_is_of_after_the_series_began(release: str) -> None:
    known = kernel_release(release)
    assert kernel_flags(known) == kernel_flags(kernel_release("6.12.5"))
    assert (known.is_stable_candidate, known.candidate, known.backports_up_to) == (True, None, 5)


def test_a_stable_candidate_may_lack_a_change_of_its_release() -> None:
    assert notes("6.12.20-rc1") == []
    assert notes("6.12.21-rc1") == [
        (
            "kernel 6.12.21-rc1 is a candidate of the stable release 6.12.21, and whether it has all of its changes is "
            "unknown: their flags are as in 6.12.21 (host_fpsimd_flushed on)"
        )
    ]
    assert flag_origins(kernel_release("6.12.22-rc1"))["host_fpsimd_flushed"] is Origin.BACKPORT


@pytest.mark.parametrize(
    "release",
    [
        "6.12.0-rc1+",
        "6.12.0-rc1-00012-gabcdef",
        "6.12.0-rc1-next-20240930",
        "6.12.0-rc1-dirty",
        "6.12.0-rc1-local",
        "6.12.0-0.rc1.20240930gitabcdef0.17.fc42.aarch64",
        "6.12.0-061200rc1-generic",
    ],
)
def test_a_tree_on_top_of_a_candidate_has_the_flags_of_the_candidate(release: str) -> None:
    known = kernel_release(release)
    assert kernel_flags(known) == kernel_flags(kernel_release("6.12-rc1"))
    assert not kernel_flags(known).zcr_el2_constrained
    assert flag_origins(known)["zcr_el2_constrained"] is Origin.ON_CANDIDATE
    assert notes(release)[0] == (
        f"kernel {release} may have commits on top of 6.12-rc1, which are unknown: its flags are as in 6.12-rc1; those "
        "that a later candidate changed: sme on, zcr_el2_constrained off"
    )


def test_commits_on_top_are_unknown_where_no_flag_changed_later() -> None:
    assert notes("6.10.0-rc4-dirty") == [
        "kernel 6.10.0-rc4-dirty may have commits on top of 6.10-rc4, which are unknown: its flags are as in 6.10-rc4"
    ]


# Releases that do not exist


@pytest.mark.parametrize(
    ("release", "why"),
    [
        ("6.12-rc99", f"{TOO_MANY}, and 6.12 stands for it"),
        ("6.12-rc100", f"{TOO_MANY}, and 6.12 stands for it"),
        (
            "6.12.5-rc9",
            f"{TOO_MANY}, and 6.12.5 stands for it",
        ),
        ("6.12.5-rc0", "the candidates of a stable release begin with -rc1, and 6.12.5 stands for it"),
        ("6.12.999", "it is newer than 6.12.118, the newest point release of 6.12 that is known, which stands for it"),
        (
            "6.12.999-rc1",
            "it is newer than 6.12.118, the newest point release of 6.12 that is known, which stands for it",
        ),
    ],
)
def test_a_release_that_does_not_exist_has_a_note(release: str, why: str) -> None:
    assert notes(release) == [f"nothing is known of kernel {release} itself: {why}"]


def test_a_tree_of_the_merge_window_is_not_a_release_candidate() -> None:
    words = "is not a release candidate: distributions call a tree of"
    assert notes("6.14-rc0") == [
        f"kernel 6.14-rc0 {words} 6.14's merge window -rc0, and which changes it has is unknown"
    ]
    (note,) = notes("6.11-rc0")
    assert note.startswith(f"kernel 6.11-rc0 {words} 6.11's merge window")
    assert "their flags are as in 6.11 (eperm_is_silent on, suspend_ascends off" in note


@pytest.mark.parametrize("release", ["6.12-rc8", "6.12.118-rc1", "7.3-rc1", "6.12~rc6+deb13-arm64"])
def test_a_candidate_that_may_exist_has_no_stand_in(release: str) -> None:
    assert kernel_release(release).stand_in is None


def test_the_name_of_a_stable_candidate_is_a_note_wherever_names_are() -> None:
    assert list(name_notes(kernel_release("6.12.21-rc1"))) == notes("6.12.21-rc1")
    assert len(notes("6.12.21-rc1")) == 1
