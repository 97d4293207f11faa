"""Recorded boots as files that grow: a list for each kernel series, a boot a line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from sim.conform.run_records import RecordedBoot, RecordedSave, read_records
from sim.errors import InputError
from sim.files.result_folder import check_room
from sim.kernel_series import KernelSeries

_LONGEST_TURN_S = 60
"""For which another command may be writing the same file."""


class Recording:
    """The file of a kernel series, to which boots are added one by one, by several commands at a time."""

    def __init__(self, folder: Path, series: KernelSeries, names: Iterable[str]) -> None:
        """Look at the file, where there is one already.

        Args:
            folder: where the file lies, or will.
            series: the kernel's.
            names: the boots that are about to be recorded, in the order in which they are to lie in the file.

        Raises:
            InputError: the folder cannot have it, the file is wrong, or has one of the boots.
        """
        check_room(folder, ())
        self.path = folder / f"linux-{series}.json"
        self._places = {f"{series}/{name}": place for place, name in enumerate(names)}
        for record in self._read():
            if record.id in self._places:
                raise self._has_already(record)

    def _read(self) -> list[RecordedBoot | RecordedSave]:
        return read_records(self.path) if self.path.exists() else []

    def _has_already(self, record: RecordedBoot | RecordedSave) -> InputError:
        return InputError(f"{self.path}: has {record.id} already: record elsewhere, or take it out")

    def add(self, record: RecordedBoot) -> None:
        """Add a boot; the file is whole before and after.

        Raises:
            InputError: it cannot be written, or has the boot by now.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._turn():
                records = self._read()
                if any(one.id == record.id for one in records):
                    raise self._has_already(record)
                records.insert(self._place(record, records), record)
                self._write(records)
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from None

    def _place(self, record: RecordedBoot, records: list[RecordedBoot | RecordedSave]) -> int:
        """Before the first that is to lie behind it; those of others stay before, in the order in which they came."""
        own = self._places.get(record.id, len(self._places))
        return next((place for place, one in enumerate(records) if self._places.get(one.id, -1) > own), len(records))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep other commands from the file meanwhile."""
        path = self.path.with_suffix(".lock")
        try:
            with FileLock(path, timeout=_LONGEST_TURN_S):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)  # who waits for it finds it gone, and makes a new one
        except Timeout:
            raise InputError(f"{self.path}: another command is writing it") from None

    def _write(self, records: list[RecordedBoot | RecordedSave]) -> None:
        lines = ",\n".join(msgspec.json.encode(one).decode() for one in records)
        beside = self.path.with_suffix(".new")  # one at a time: what a killed command left is overwritten
        try:
            beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
            beside.replace(self.path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
