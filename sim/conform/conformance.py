"""Replay of recorded runs: boot the recorded system in the simulator, and compare every field.

tests/conform/test_conform.py replays the whole corpus in tests/truth and demands that every field agrees.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from sim.boot_run import boot
from sim.conform.compared_fields import Field
from sim.conform.feature_records import RecordedFeatures
from sim.conform.recorded_boot import boot_scenario, compare_boot, uncompared_fields
from sim.conform.recorded_features import compare_features, feature_scenario, uncompared_features
from sim.conform.recorded_save import compare_save, save_scenario
from sim.conform.run_records import RecordedBoot, RecordedSave, Run, read_records
from sim.errors import InputError

Run_co = TypeVar("Run_co", bound=Run, covariant=True)


@dataclass(frozen=True)
class Conformance(Generic[Run_co]):
    """A run of a real kernel, recorded or live, compared with the simulator's field by field."""

    record: Run_co
    fields: list[Field]
    left_out: list[str] = field(default_factory=list)
    """Parts of a live boot's case that the boot did not have."""
    console: str = ""
    """A live boot's console as text."""

    @property
    def name(self) -> str:
        """The id of the run."""
        return self.record.id

    @property
    def agrees(self) -> bool:
        """True if every field agrees."""
        return all(field.agrees for field in self.fields)

    @property
    def not_compared(self) -> list[str]:
        """Names of fields that could not be read of this kernel."""
        match self.record:
            case RecordedBoot() as record:
                return uncompared_fields(record)
            case RecordedFeatures() as record:
                return uncompared_features(record)
            case _:
                return []


def replay(record: Run) -> list[Field]:
    """Boot the system of a recorded run in the simulator, and compare the result with the record.

    Raises:
        InputError: the record describes an impossible system.
    """
    try:
        match record:
            case RecordedBoot():
                return list(compare_boot(record, boot(boot_scenario(record))))
            case RecordedFeatures():
                return list(compare_features(record, boot(feature_scenario(record))))
            case RecordedSave():
                return list(compare_save(record, boot(save_scenario(record))))
    except InputError as error:
        raise InputError(f"run {record.id}: {error}") from None


def replay_files(files: Iterable[Path]) -> Iterator[Conformance[Run]]:
    """Yield every run of some files with its comparison, in the files' order.

    A folder stands for every file below it whose name ends in .json, in alphabetical order. A file is read when its
    turn comes, so that an error in a later file does not keep the runs before it back.

    Raises:
        InputError: a file is wrong, holds no run, or describes an impossible system; or a folder has no such file.
    """
    for file in (one for path in files for one in _files_at(path)):
        records = read_records(file)
        if not records:
            raise InputError(f"{file}: holds no recorded runs")
        for record in records:
            try:
                yield Conformance(record, replay(record))
            except InputError as error:
                raise InputError(f"{file}: {error}") from None


def _files_at(path: Path) -> list[Path]:
    """Return a file itself, and the files of records below a folder."""
    if not path.is_dir():
        return [path]
    found = [file for file in sorted(path.rglob("*.json")) if file.is_file()]
    if not found:
        raise InputError(f"{path}: has no .json file below it")
    return found
