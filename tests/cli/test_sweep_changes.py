"""Settings on the command line of `asymboot sweep` and `asymboot space`, instead of those of the space."""

import json
from pathlib import Path

import pytest

from sim import read_mixtures, read_summary
from tests.command_line import Asymboot

DESIGN = """
schema_version = 1
[topology]
cpus = [{ sve_bits = [128] }]
[design]
base = "tabba"
name = "wide"
buffer_sized_by = "architecture"
"""
SPACE = """
designs = ["v6.11"]
[[groups]]
name = "boot"
sets = [[128], [128, 256]]
[[groups]]
name = "late"
late = true
sets = [[128], [128, 256]]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.toml").write_text(DESIGN, encoding="utf-8")
    (tmp_path / "space.toml").write_text(SPACE, encoding="utf-8")
    return tmp_path


def test_designs_and_a_kernel_replace_those_of_the_space_and_the_head_says_so(asymboot: Asymboot, here: Path) -> None:
    words = ("sweep", "space.toml", "-o", "out", "--design", "wide.toml", "--design", "tabba", "--kernel", "6.16")
    swept = asymboot(*words, "--jobs", "1")
    head, below = swept.stdout.split("\n", 1)
    assert head == "instead of the space's own: designs wide.toml, tabba; kernel 6.16"
    space = read_summary(here / "out").plan.space
    assert [(one.name, str(one.buffer_sized_by)) for one in space.designs] == [
        ("wide", "architecture"),
        ("tabba", "any-early-cpu"),
    ]
    assert space.kernel == "6.16"
    assert asymboot("summary", "out").stdout == below


def test_every_setting_of_a_space_can_be_replaced(asymboot: Asymboot, here: Path) -> None:
    settings = (
        "--relay",
        "relaxed",
        "--kvm",
        "nvhe",
        "--kvm",
        "protected",
        "--memory",
        "isolated",
        "--memory",
        "mapped",
    )
    swept = asymboot("sweep", "space.toml", "-o", "out", "--jobs", "1", *settings)
    words = "relay relaxed; KVM modes nvhe, protected; memories isolated, mapped"
    assert swept.stdout.startswith(f"instead of the space's own: {words}\n")
    space = read_summary(here / "out").plan.space
    assert (space.relays, space.kvm_modes, space.memories) == (
        ("relaxed",),
        ("nvhe", "protected"),
        ("isolated", "mapped"),
    )


def test_a_sample_is_told_as_draws(asymboot: Asymboot, here: Path) -> None:
    swept = asymboot("sweep", "space.toml", "-o", "out", "--jobs", "1", "--sample", "50", "--seed", "2").stdout
    points = read_summary(here / "out").plan.space.points
    assert f": a sample, seed 2: 50 draws from {points} points; kernel " in swept
    assert "share: of draws. smallest row: " in swept


def test_an_estimate_takes_the_settings_of_a_sweep_and_a_sample(asymboot: Asymboot, here: Path) -> None:
    settings = ("--design", "tabba", "--design", "wide.toml", "--relay", "relaxed", "--sample", "1000")
    shown = asymboot("space", "space.toml", *settings).stdout
    assert shown.startswith("instead of the space's own: designs tabba, wide.toml; relay relaxed\n")
    assert "for a sample of 1,000 points" in shown
    told = json.loads(asymboot("space", "space.toml", *settings, "--kernel", "6.16", "--json").stdout)
    assert (told["settings"], told["sample"]) == (2, 1000)
    assert told["estimated_sample_s"] >= 0
    without = json.loads(asymboot("space", "space.toml", "--json").stdout)
    assert (without["settings"], without["sample"], without["estimated_sample_s"]) == (2, 0, None)
    assert (here / "space.toml").read_text(encoding="utf-8") == SPACE


def test_an_estimate_of_mixtures_takes_their_settings(asymboot: Asymboot) -> None:
    shown = asymboot("space", "core-pairs", "--kvm-mode", "nvhe", "--kernel", "6.1").stdout
    assert shown.startswith("instead of the space's own: kernel 6.1; KVM mode nvhe\ncore-pairs: ")
    assert "takes no --sample" in asymboot.refused("space", "core-pairs", "--sample", "3")


def test_without_them_there_is_no_head(asymboot: Asymboot, here: Path) -> None:
    swept = asymboot("sweep", "space.toml", "-o", "out", "--jobs", "1").stdout
    assert swept == asymboot("summary", "out").stdout
    assert [one.name for one in read_summary(here / "out").plan.space.designs] == ["v6.11"]


@pytest.mark.usefixtures("here")
def test_a_file_without_a_design_has_that_of_its_kernel_as_for_proofs(asymboot: Asymboot) -> None:
    asymboot("sweep", "space.toml", "-o", "out", "--design", "bug", "--jobs", "1")
    swept = [one.name for one in read_summary(Path("out")).plan.space.designs]
    rows = json.loads(asymboot("prove", "bug", "--property", "in-its-pages", "--json").stdout)
    assert swept == [row["design"] for row in rows] == ["v6.11"]


def test_kernels_replace_those_of_a_space_of_cores(asymboot: Asymboot, here: Path) -> None:
    swept = asymboot("sweep", "core-pairs", "-o", "out", "--kernel", "6.1", "--kernel", "7.3")
    assert swept.stdout.startswith("instead of the space's own: kernels 6.1, 7.3\ncore-pairs: ")
    assert read_mixtures(here / "out").space.kernels == ("6.1", "7.3")


@pytest.mark.usefixtures("here")
def test_a_sweep_in_which_every_mixture_has_an_outcome_has_no_column_for_nothing(asymboot: Asymboot) -> None:
    asymboot("sweep", "core-triples", "-o", "out", "--sample", "4", "--seed", "1", "--kernel", "6.12", "--jobs", "1")
    assert "nothing" not in asymboot("summary", "out").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["space.toml", "--design", "tabbo"], "tabbo: there is no such file, and no scenario of that name"),
        (["space.toml", "--design", "tabbo"], "did you mean 'tabba'?"),
        (["space.toml", "--design", "tensor-g3"], "tensor-g3: Linux 6.1 has no buffers, and the file no"),
        (["space.toml", "--design", "tabba", "--design", "tabba"], "tabba"),
        (["space.toml", "--kernel", "5.4"], "5.4"),
        (["space.toml", "--kernel", "6.1", "--kernel", "6.12"], "one kernel: give --kernel once"),
        (["core-pairs", "--design", "tabba"], "a space of mixtures of cores takes no --design"),
        (["core-pairs", "--relay", "relaxed"], "a space of mixtures of cores takes no --relay"),
        (["core-pairs", "--memory", "mapped"], "a space of mixtures of cores takes no --memory"),
        (["core-pairs", "--kvm", "protected"], "kvm_mode: is protected: mixtures boot with default or nvhe"),
        (["core-pairs", "--kvm", "nvhe", "--kvm", "default"], "one mode of KVM: give --kvm-mode once"),
        (["space.toml", "--relay", "relaxed", "--relay", "relaxed"], "relays: one is there twice: relaxed, relaxed"),
        (["core-pairs", "--kernel", "6.1", "--kernel", "6.1"], "kernels: 6.1 is there twice"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_mistake_is_one_line(asymboot: Asymboot, words: list[str], message: str) -> None:
    assert message in asymboot.refused("sweep", *words, "-o", "out")
    assert not Path("out").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("option", [["--design", "tabba"], ["--kernel", "6.12"], ["--kvm-mode", "none"]])
def test_a_sweep_is_resumed_as_it_was_begun(asymboot: Asymboot, option: list[str]) -> None:
    assert f"leave out {option[0]}" in asymboot.refused("sweep", "--resume", "out", *option)
