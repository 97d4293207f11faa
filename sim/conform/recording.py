"""Recorded boots as files that grow: a list for each kernel series, a boot a line."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from sim.conform.records import RecordedBoot, RecordedSave, read_records
from sim.errors import InputError
from sim.files.results import check_room
from sim.series import KernelSeries


class Recording:
    """The file of a kernel series, to which boots are added one by one."""

    def __init__(self, folder: Path, series: KernelSeries, names: Iterable[str]) -> None:
        """Look at the file, where there is one already.

        Args:
            folder: where the file lies, or will.
            series: the kernel's.
            names: the boots that are about to be recorded.

        Raises:
            InputError: the folder cannot have it, the file is wrong, or has one of the boots.
        """
        check_room(folder, ())
        self.path = folder / f"linux-{series}.json"
        self._records: list[RecordedBoot | RecordedSave] = read_records(self.path) if self.path.exists() else []
        there = {record.id for record in self._records}
        twice = [f"{series}/{name}" for name in names if f"{series}/{name}" in there]
        if twice:
            raise InputError(f"{self.path}: has {twice[0]} already: record elsewhere, or take it out")

    def add(self, record: RecordedBoot) -> None:
        """Add a boot; the file is whole before and after.

        Raises:
            OSError: it cannot be written.
        """
        self._records.append(record)
        lines = ",\n".join(msgspec.json.encode(one).decode() for one in self._records)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".json.new")
        beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        beside.replace(self.path)
