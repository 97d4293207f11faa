"""Tests of the cases for live boots: from recordings, and at random."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from sim import Do
from sim.conform.live_cases import read_cases
from sim.conform.random_cases import random_cases
from sim.conform.run_records import read_records
from sim.errors import InputError
from sim.kernel_release import kernel_release
from sim.vectors import why_not_sme, why_not_sve
from tests.conform.samples import FEATURES, TRUTH, directed_boots

FILES = sorted(file for file in TRUTH.rglob("linux-*.json") if file.parent != FEATURES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_recorded_boot_is_a_case_with_its_own_name_and_without_guests(file: Path) -> None:
    cases = read_cases(file)
    assert len({case.name for case in cases}) == len(cases) == len(read_records(file))
    assert not [case for case in cases if any(action.do is Do.GUEST for action in case.scenario.actions)]


def test_boots_of_other_id_registers_are_no_cases() -> None:
    with pytest.raises(InputError, match="holds no recorded boots of CPUs with their own vector lengths"):
        read_cases(FEATURES / "linux-6.16.json")


def test_a_case_keeps_the_page_size_of_its_record_and_loses_the_kernel_in_its_name(tmp_path: Path) -> None:
    (record, *_) = directed_boots()
    large = replace(record, id="6.12-16k/one", page_bytes=16384)
    (tmp_path / "large.json").write_bytes(msgspec.json.encode([large]))
    (case,) = read_cases(tmp_path / "large.json")
    assert (case.name, case.scenario.page_bytes) == ("one", 16384)


def test_random_cases_are_legal_and_reproducible() -> None:
    cases = random_cases(60, 7, kernel_release("7.3"))
    assert cases[:20] == random_cases(20, 7, kernel_release("7.3"))
    assert len({case.scenario for case in cases}) == len({case.name for case in cases}) == 60
    for case in cases:
        for spec in case.scenario.topology.cpus:
            assert spec.sve_vqs is None or why_not_sve(spec.sve_vqs) is None
            assert spec.sme_vqs is None or why_not_sme(spec.sme_vqs) is None
    assert any(spec.sme_vqs for case in cases for spec in case.scenario.topology.cpus)


def test_random_cases_have_sme_only_where_the_kernel_uses_it() -> None:
    cases = random_cases(60, 7, kernel_release("6.12"))
    assert not any(spec.sme_vqs for case in cases for spec in case.scenario.topology.cpus)
