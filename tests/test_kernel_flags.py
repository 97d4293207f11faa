"""Kernel flags: their defaults by series, and scenarios that set them otherwise."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.kernel_flags import FLAGS, kernel_flags, thresholds
from sim.kernel_series import kernel_series
from sim.scenario import KvmMode, Scenario
from sim.topology import Topology
from tests.systems import A64FX, V1, guest, texts

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("series", "on"),
    [
        ("6.1", {"pseudo_registers", "hyp_panic_on_return"}),
        ("6.6", {"pseudo_registers"}),
        ("6.7", set()),
        ("6.11", {"host_sve_buffers"}),
        ("6.12", {"host_sve_buffers", "zcr_el2_constrained", "hyp_flavour"}),
        ("6.16", {"host_sve_buffers", "zcr_el2_constrained", "hyp_flavour", "sme"}),
        ("7.9", {"host_sve_buffers", "zcr_el2_constrained", "hyp_flavour", "sme"}),
    ],
)
def test_a_series_has_its_flags_by_default(series: str, on: set[str]) -> None:
    flags = kernel_flags(kernel_series(series))
    assert {name for name in FLAGS if getattr(flags, name)} == on


def test_each_default_names_its_meaning_and_its_source() -> None:
    assert all(flag.meaning and flag.source for flag in FLAGS.values())
    assert thresholds()["6.12"] == ["hyp_flavour on", "zcr_el2_constrained on"]


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
        ("6.12", {}, "kernel 6.12 is not configured with SME: ARM64_SME depended on BROKEN until 6.16"),
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
