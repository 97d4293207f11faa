"""Replay of recorded runs: boot the recorded system in the simulator, and compare every field.

tests/conform/test_conform.py replays the whole corpus in tests/truth and demands that every field agrees.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from sim.boot_run import boot
from sim.conform.compared_fields import Field
from sim.conform.recorded_boot import boot_scenario, compare_boot, uncompared_fields
from sim.conform.recorded_save import compare_save, save_scenario
from sim.conform.run_records import RecordedBoot, RecordedSave, read_records
from sim.errors import InputError

Run_co = TypeVar("Run_co", bound=RecordedBoot | RecordedSave, covariant=True)


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
        return uncompared_fields(self.record) if isinstance(self.record, RecordedBoot) else []


def replay(record: RecordedBoot | RecordedSave) -> list[Field]:
    """Boot the system of a recorded run in the simulator, and compare the result with the record.

    Raises:
        InputError: the record describes an impossible system.
    """
    try:
        if isinstance(record, RecordedBoot):
            return list(compare_boot(record, boot(boot_scenario(record))))
        return list(compare_save(record, boot(save_scenario(record))))
    except InputError as error:
        raise InputError(f"run {record.id}: {error}") from None


def replay_files(files: Iterable[Path]) -> Iterator[Conformance[RecordedBoot | RecordedSave]]:
    """Yield every run of some files with its comparison, in the files' order.

    A file is read when its turn comes, so that an error in a later file does not keep the runs before it back.

    Raises:
        InputError: a file is wrong, holds no run, or describes an impossible system.
    """
    for file in files:
        records = read_records(file)
        if not records:
            raise InputError(f"{file}: holds no recorded runs")
        for record in records:
            try:
                yield Conformance(record, replay(record))
            except InputError as error:
                raise InputError(f"{file}: {error}") from None
