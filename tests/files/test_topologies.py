"""Each shipped scenario has the verdict that its comment claims, logs the lines, and gets the notes."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find, shipped

FILES = shipped()


def claims(file: Path, kind: str) -> list[str]:
    """Return the claims of one kind in a file's comment, such as ``# Verdict: none``."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"# {kind}: ") for line in lines if line.startswith(f"# {kind}: ")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_shows_what_it_claims(file: Path) -> None:
    outcome = boot(read_scenario(file))
    (verdict,) = claims(file, "Verdict")
    found = dict.fromkeys(hazard.kind.title for hazard in outcome.found)
    assert list(found) == ([] if verdict == "none" else verdict.split("; "))
    assert [line for line in claims(file, "Log") if line not in {one.text for one in outcome.facts.log}] == []
    assert [note for note in claims(file, "Note") if note not in outcome.notes] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_scenario_says_what_it_is(file: Path) -> None:
    """A comment first, the format's version, a name of its own; mixed lengths are said to be hypothetical."""
    text = file.read_text(encoding="utf-8")
    scenario = read_scenario(file)
    assert text.startswith("# ")
    assert "\nschema_version = 1\n" in text
    assert scenario.name != file.stem
    mixed = len({one.usable_sve_vqs for one in scenario.topology.cpus}) > 1
    assert not mixed or "ypothetical" in text or "firmware" in text.lower()
    assert scenario.topology.hypothetical or "ypothetical." not in text


def test_names_are_told_apart() -> None:
    assert len({read_scenario(file).name for file in FILES}) == len(FILES) >= 18


def test_a_scenario_that_ships_is_found_by_name_and_a_file_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(Path("bug")).name == "bug.toml"
    with pytest.raises(InputError, match="no scenario of that name"):
        find(Path("no-such-scenario"))
    assert find(Path("./bug")) == find(Path("bug"))  # pathlib drops the leading dot
    assert find(Path("folder/bug")) == Path("folder/bug")
    Path("bug").touch()
    assert find(Path("bug")) == Path("bug")
