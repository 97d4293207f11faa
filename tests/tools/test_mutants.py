"""Runs of mutation testing that have nothing to test."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools import mutants, mutations


@pytest.mark.parametrize("every_one_is_equivalent", [True, False])
def test_no_mutant_at_all_is_an_error_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, every_one_is_equivalent: bool
) -> None:
    case = mutants.Case("sim/a.py", "x  =>  y", 1, "y", ())
    listed = tmp_path / "equivalent.toml"
    listed.write_text(f"equivalent = [{{ mutant = {case.name!r} }}]", encoding="utf-8")
    monkeypatch.setattr(mutants, "EQUIVALENT", listed)
    monkeypatch.setattr(mutants, "every_case", lambda: iter([case]))
    result = CliRunner().invoke(mutants.main, ["--only", "sim/a" if every_one_is_equivalent else "nothing"])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith("tools.mutants: no mutant to test: ")


def test_every_equivalent_mutant_is_a_mutant_of_the_source_as_it_is() -> None:
    listed = tomllib.loads((mutants.ROOT / mutants.EQUIVALENT).read_text(encoding="utf-8"))["equivalent"]
    by_file: dict[str, set[str]] = {}
    for one in listed:
        file, _, key = one["mutant"].partition(": ")
        by_file.setdefault(file, set()).add(key)
    for file, keys in by_file.items():
        source = (mutants.ROOT / file).read_text(encoding="utf-8")
        assert keys - {one.key for one in mutations.mutants(source)} == set(), file
    assert sum(map(len, by_file.values())) == len(listed)


@pytest.mark.parametrize("option", ["--count", "--jobs"])
def test_a_number_below_1_is_refused(option: str) -> None:
    assert CliRunner().invoke(mutants.main, [option, "0"]).exit_code == 2
