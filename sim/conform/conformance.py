"""Replay of recorded runs: boot the recorded system in the simulator, and compare every field.

tests/conform/test_conform.py replays the whole corpus in tests/truth and demands that every field agrees.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sim.boot_run import boot
from sim.conform.compared_fields import Field
from sim.conform.recorded_boot import boot_scenario, compare_boot
from sim.conform.recorded_save import compare_save, save_scenario
from sim.conform.run_records import RecordedBoot, RecordedSave, read_records
from sim.errors import InputError


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


def replay_files(files: Iterable[Path]) -> Iterator[tuple[RecordedBoot | RecordedSave, list[Field]]]:
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
                yield record, replay(record)
            except InputError as error:
                raise InputError(f"{file}: {error}") from None
