"""Tests of files of recorded boots that several commands write."""

import errno
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import Mock

import pytest

from sim import InputError
from sim.conform.record_writer import RecordWriter
from sim.conform.run_records import RecordedBoot, read_records
from tests.conform.samples import directed_boots

SERIES = "6.12"


def _name(record: RecordedBoot) -> str:
    return record.id.removeprefix("6.12/")


def test_a_file_grows_and_has_each_boot_once(tmp_path: Path) -> None:
    first, second = directed_boots()[:2]
    RecordWriter(tmp_path / "new", SERIES, ["any"]).add(first)
    RecordWriter(tmp_path / "new", SERIES, ["any"]).add(second)
    path = tmp_path / "new" / "linux-6.12.json"
    assert read_records(path) == [first, second]
    assert path.read_text(encoding="utf-8").count("\n") == 4
    with pytest.raises(InputError, match=f"has {first.id} already: record elsewhere, or remove it"):
        RecordWriter(tmp_path / "new", SERIES, [_name(first)])


def test_boots_lie_in_the_order_of_their_cases_behind_those_of_other_commands(tmp_path: Path) -> None:
    other, *boots = directed_boots()[:5]
    writer = RecordWriter(tmp_path, SERIES, [_name(record) for record in boots])
    RecordWriter(tmp_path, SERIES, []).add(other)
    for record in (boots[2], boots[0], boots[3], boots[1]):
        writer.add(record)
    assert read_records(writer.path) == [other, *boots]


def _record_a_third(folder: Path, part: int) -> None:
    boots = directed_boots()[part::3]
    writer = RecordWriter(folder, SERIES, [_name(record) for record in boots])
    for record in boots:
        writer.add(record)


def test_commands_that_record_into_one_folder_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        assert list(pool.map(_record_a_third, [tmp_path / "out"] * 3, range(3))) == [None] * 3
    (file,) = (tmp_path / "out").iterdir()
    assert {record.id for record in read_records(file)} == {record.id for record in directed_boots()}


def test_a_boot_that_another_command_recorded_meanwhile_is_refused(tmp_path: Path) -> None:
    record = directed_boots()[0]
    first, second = (RecordWriter(tmp_path, SERIES, [_name(record)]) for _ in range(2))
    first.add(record)
    with pytest.raises(InputError, match=f"has {record.id} already"):
        second.add(record)


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = directed_boots()[:2]
    writer = RecordWriter(tmp_path / "out", SERIES, [])
    writer.add(first)
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(InputError, match="json: No space left on device"):
        writer.add(second)
    assert list((tmp_path / "out").iterdir()) == [writer.path]
    assert read_records(writer.path) == [first]


def test_no_link_in_the_folder_is_followed_when_writing(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "linux-6.12.new").symlink_to(tmp_path / "mine")
    record = directed_boots()[0]
    writer = RecordWriter(tmp_path / "out", SERIES, [])
    writer.add(record)
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"
    assert not writer.path.is_symlink()
    assert read_records(writer.path) == [record]


def test_a_temporary_file_of_a_killed_command_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "linux-6.12.new").write_text("half a rec", encoding="utf-8")
    record = directed_boots()[0]
    RecordWriter(tmp_path, SERIES, []).add(record)
    (file,) = tmp_path.iterdir()
    assert read_records(file) == [record]
