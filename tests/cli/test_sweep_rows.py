"""Rows of sweeps as scenarios: DIR:ROW is a scenario in every command that takes one."""

import json
from pathlib import Path

import pytest

from sim import InputError, Space, read_scenario, run_sweep, scenario_of_row
from sim.boot_run import boot
from sim.files.mixture_file import read_any_space
from sim.files.scenario_text import save_scenario
from sim.files.shipped_scenarios import find_space
from sim.study.mixture_space import MixtureSpace
from sim.sweep.mixture_sweep import sweep_mixtures
from tests.command_line import Asymboot
from tests.systems import group_of

COMMANDS = (
    ["run", "FILE", "--json"],
    ["trace", "FILE", "--format", "jsonl"],
    ["trace", "FILE", "--format", "dmesg", "--kernel", "6.1"],
    ["compare", "FILE", "--json"],
    ["compare", "FILE", "--by", "kernel", "--json"],
    ["diff", "FILE", "--kernel", "6.11", "--json"],
    ["diff", "bug", "FILE", "--json"],
    ["show", "FILE"],
    ["explore", "FILE", "--json", "--states", "50"],
    ["export", "FILE", "--to", "dot"],
)
PICTURES = ("boot", "lengths", "designs", "topology")


@pytest.fixture(scope="module")
def lengths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that kept no rows."""
    folder = tmp_path_factory.mktemp("lengths") / "out"
    run_sweep(Space((group_of("boot", (1, 3)), group_of("late", (0, 1, 3), late=True)), name="pair"), folder, jobs=1)
    return folder


@pytest.fixture(scope="module")
def mixtures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep over mixtures of cores."""
    folder = tmp_path_factory.mktemp("mixtures") / "out"
    space = read_any_space(find_space(Path("core-pairs")))
    assert isinstance(space, MixtureSpace)
    sweep_mixtures(space, folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_row_is_a_scenario_of_every_command(
    asymboot: Asymboot, lengths: Path, tmp_path: Path, command: list[str]
) -> None:
    file = tmp_path / "row.toml"
    save_scenario(scenario_of_row(lengths, 66), file)
    shown, expected = (
        asymboot(*(str(name) if one == "FILE" else one for one in command)) for name in (f"{lengths}:66", file)
    )
    assert (shown.exit_code, shown.stdout) == (expected.exit_code, expected.stdout)
    assert shown.stdout


def test_a_row_is_checked_and_read_in_python(asymboot: Asymboot, lengths: Path, mixtures: Path) -> None:
    checked = asymboot("check", f"{lengths}:66", "bug", f"{mixtures}:220").stdout.splitlines()
    assert checked == [f"{lengths}:66: ok, 2 CPUs", "bug: ok, 2 CPUs", f"{mixtures}:220: ok, 4 CPUs"]
    assert read_scenario(f"{lengths}:66") == scenario_of_row(lengths, 66)
    assert read_scenario(mixtures.parent / f"{mixtures.name}:220") == scenario_of_row(mixtures, 220)
    with pytest.raises(InputError, match="there is no row 96: there are 96"):
        read_scenario(f"{lengths}:96")


@pytest.mark.parametrize("picture", PICTURES)
def test_a_row_is_drawn(asymboot: Asymboot, lengths: Path, tmp_path: Path, picture: str) -> None:
    result = asymboot("plot", picture, f"{lengths}:66", "-o", tmp_path / "row.svg")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "row.svg").read_bytes().startswith(b"<?xml")


def test_a_row_has_a_report(asymboot: Asymboot, lengths: Path, tmp_path: Path) -> None:
    assert asymboot("report", f"{lengths}:66", "-o", tmp_path / "row.html").exit_code == 0
    page = (tmp_path / "row.html").read_text(encoding="utf-8")
    assert "pair, row 66" in page
    assert f"asymboot report {lengths}:66" in page


def test_a_mixture_has_its_features_by_row(asymboot: Asymboot, mixtures: Path) -> None:
    row = 220
    shown = json.loads(asymboot("run", f"{mixtures}:{row}", "--json").stdout)
    assert shown["hazards"] == json.loads(asymboot("replay", mixtures, "--row", str(row), "--json").stdout)["hazards"]
    assert len(shown["hazards"]) == len(boot(scenario_of_row(mixtures, row)).found)
    assert "ID_AA64" in asymboot("features", f"{mixtures}:{row}").stdout


def test_a_file_whose_name_looks_like_a_row_is_a_file(
    asymboot: Asymboot, lengths: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_scenario(scenario_of_row(lengths, 1).but(name="a file"), tmp_path / "out:1")
    assert json.loads(asymboot("run", "out:1", "--json").stdout)["scenario"]["name"] == "a file"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["run", "DIR:96"], "out: there is no row 96: there are 96, counted from 0"),
        (["trace", "DIR:1000000000", "--format", "jsonl"], "there is no row 1,000,000,000: there are 96"),
        (["check", "DIR:96"], "out: there is no row 96: there are 96, counted from 0"),
        (["run", "DIR:-1"], "out:-1: '-1' is not a row's number: rows of a sweep are "),
        (["run", "DIR:" + 30 * "9"], "is not a row's number"),
        (["run", "DIR"], "out: is a folder, and no scenario: "),
        (["plot", "boot", "DIR", "-o", "new.png"], "out: is a folder, and no scenario: "),
        (["run", "nosuch:1"], "nosuch: there is no such folder of a sweep"),
        (["run", "DIR:1", "--watch"], "--watch goes with a file: a row of a sweep does not change"),
        (["features", "DIR:1"], "features are modelled where every CPU has a core"),
    ],
)
def test_a_row_that_is_not_there_is_one_line(
    asymboot: Asymboot, lengths: Path, command: list[str], message: str
) -> None:
    assert message in asymboot.refused(*(word.replace("DIR", str(lengths)) for word in command))


def test_a_row_of_mixtures_that_is_not_there_is_one_line(asymboot: Asymboot, mixtures: Path) -> None:
    assert "there is no row 999,999: there are " in asymboot.refused("run", f"{mixtures}:999999")
    message = asymboot.refused("replay", mixtures, "--row", "1", "--replication", "0")
    assert "there is no replication: a sweep over mixtures of cores boots nothing" in message
