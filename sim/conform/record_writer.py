"""Files of recorded boots, written boot by boot: a JSON list for each kernel, a boot a line.

Several commands may record into one file at a time. Each addition takes a lock, reads the file, and replaces it as a
whole: a command that is killed loses nothing that was recorded before.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from sim.conform.run_records import RecordedBoot, Run, read_records
from sim.errors import InputError
from sim.files.new_file import write_new
from sim.files.result_folder import check_room

_LOCK_TIMEOUT_S = 60
"""The longest wait for another command that writes the same file, in seconds."""


class RecordWriter:
    """A writer that adds boots to the file of a kernel, one by one."""

    def __init__(self, folder: Path, kernel: str, names: Iterable[str]) -> None:
        """Check that the boots can be recorded, before any of them is started.

        Args:
            folder: the folder of the file; it may be missing.
            kernel: the kernel as `kernel_name` writes it, such as 6.12.
            names: names of the boots to be recorded, in the order in which the file shall have them.

        Raises:
            InputError: the folder cannot hold the file, the file is wrong, or it has one of the boots already.
        """
        check_room(folder, ())  # without patterns: a file of the kernel may exist, and is added to
        self.path = folder / f"linux-{kernel}.json"
        self._positions = {f"{kernel}/{name}": position for position, name in enumerate(names)}
        for record in self._read():
            if record.id in self._positions:
                raise self._duplicate(record)

    def _read(self) -> list[Run]:
        return read_records(self.path) if self.path.exists() else []

    def _duplicate(self, record: Run) -> InputError:
        return InputError(f"{self.path}: has {record.id} already: record elsewhere, or remove it")

    def add(self, record: RecordedBoot) -> None:
        """Add a boot to the file.

        Raises:
            InputError: the file cannot be written, or another command has recorded the same boot meanwhile.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock():
                records = self._read()
                if any(other.id == record.id for other in records):
                    raise self._duplicate(record)
                records.insert(self._insertion_point(record, records), record)
                self._replace(records)
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from None

    def _insertion_point(self, record: RecordedBoot, records: list[Run]) -> int:
        """Return the index of the first record that belongs behind the new record, or the number of records.

        Boots end in any order, but the file has them in the order of the cases. Records of other commands have no
        position among these cases. They count as -1, before every case, so that they stay where they are.
        """
        own = self._positions.get(record.id, len(self._positions))
        behind = (index for index, other in enumerate(records) if self._positions.get(other.id, -1) > own)
        return next(behind, len(records))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep other commands from the file for the length of the block."""
        path = self.path.with_suffix(".lock")
        try:
            with FileLock(path, timeout=_LOCK_TIMEOUT_S):
                try:
                    yield
                finally:
                    # The lock file is removed while it is held. A command that waits for it gets a lock on a file
                    # without a name; filelock notices that, and makes a new file.
                    path.unlink(missing_ok=True)
        except Timeout:
            raise InputError(f"{self.path}: another command is writing it") from None

    def _replace(self, records: list[Run]) -> None:
        lines = ",\n".join(msgspec.json.encode(record).decode() for record in records)
        temporary = self.path.with_suffix(".new")
        # The lock is held, so that no other command is writing the temporary file. If there is one, a command that was
        # killed left it, or it is a link that leads out of the folder: in both cases it is removed and made anew.
        temporary.unlink(missing_ok=True)
        try:
            write_new(temporary, f"[\n{lines}\n]\n")
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
