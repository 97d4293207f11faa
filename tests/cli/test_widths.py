"""Tests that no command prints a table that is wider than 80 columns, of anything that ships."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.files.shipped_scenarios import shipped, shipped_spaces
from tests.command_line import Asymboot

WIDTH = 80
_LINE_OF_A_LOG = re.compile(r"[-+]?\[ *\d+\.\d{6}\] ")
"""The lines of a kernel's log, which stay exact to the letter."""


def too_wide(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if len(line) > WIDTH and not _LINE_OF_A_LOG.match(line)]


def commands(name: str) -> Iterator[list[str]]:
    yield ["run", name]
    yield ["show", name]
    yield ["compare", name]
    yield ["diff", name, "--kernel", "6.1"]
    yield ["features", name]
    yield ["features", name, "--all"]


@pytest.mark.parametrize("name", [file.stem for file in shipped()])
def test_of_a_scenario(asymboot: Asymboot, name: str) -> None:
    for words in commands(name):
        assert (words, too_wide(asymboot(*words).stdout)) == (words, [])


@pytest.mark.parametrize(
    "words",
    [
        "bug --by kernel",
        "big-little --by boot_cpu --by early",
        "late-cpu-above-maximum --relay both --memory all",
        "late-cpu-above-maximum --by design --by kernel --by relay --by memory",
        "phone --by kvm_mode --by relay --by memory --by early",
    ],
)
def test_of_variants(asymboot: Asymboot, words: str) -> None:
    assert too_wide(asymboot("compare", *words.split()).stdout) == []


@pytest.mark.parametrize("name", [file.stem for file in shipped_spaces()])
def test_of_a_space_and_its_sweep(asymboot: Asymboot, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    for words in (["sweep", name, "--sample", "20", "--jobs", "1", "-o", str(folder)], ["summary", str(folder)]):
        result = asymboot(*words)
        assert result.exit_code == 0
        assert too_wide(result.stdout) == []


def test_of_a_sweep_of_every_system_and_of_times(asymboot: Asymboot, tmp_path: Path) -> None:
    every, times = tmp_path / "every", tmp_path / "times"
    for words in (
        ["sweep", "late-cpu", "--relay", "relaxed", "--jobs", "1", "-o", str(every)],
        ["sweep", "late-cpu", "--sample", "3", "--replications", "2", "--jobs", "1", "-o", str(times)],
    ):
        assert too_wide(asymboot(*words).stdout) == []
    # Bytes are written as in the sentences on hazards, counts with a comma.
    assert re.search(r"^tabba +1616 +0 ", asymboot("summary", every).stdout, re.MULTILINE)


def test_of_the_lists(asymboot: Asymboot) -> None:
    assert too_wide(asymboot("list").stdout) == []
    assert too_wide(asymboot("space", "late-cpu").stdout) == []


def test_of_long_names_of_clusters(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    inner = "".join(
        f"{{ name = 'a-cluster-with-a-long-name-{n}', count = 16, sve_bits = [128, 256, 512] }},\n" for n in range(4)
    )
    file.write_text(f"[topology]\nclusters = [{{ name = 'socket-with-a-long-name', clusters = [{inner}] }}]\n")
    assert too_wide(asymboot("run", file).stdout) == []


def test_of_an_exploration_with_many_lanes(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    cpus = "{ sve_bits = [128] }, " * 8
    actions = "".join(f"[[actions]]\nagent = 'agent {n}'\ndo = 'guest'\ncpu = 'cpu{n}'\n" for n in range(1, 9))
    head = "[kernel]\nseries = '6.11'\nkvm_mode = 'protected'\n"
    file.write_text(f"{head}[topology]\ncpus = [{cpus}{{ sve_bits = [128, 256] }}]\n{actions}")
    shown = asymboot("explore", file, "--strategy", "random", "--runs", "3").stdout
    assert "agent 8" in shown
    assert too_wide(shown) == []
