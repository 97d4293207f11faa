"""Scenarios by name: a file, a scenario that ships, or a row of a sweep as ``DIR:ROW``."""

import os
from pathlib import Path

from sim.arguments import checked
from sim.errors import InputError
from sim.files import scenario_file
from sim.scenario import Scenario

_MOST_ROW_DIGITS = 18
"""The largest number of digits in the number of a row: a sweep has fewer rows."""


@checked
def read_scenario(path: Path | str) -> Scenario:
    """Read a scenario.

    Args:
        path: a scenario file; or the name of a scenario that ships where there is no such file; or a row of a sweep as
            ``DIR:ROW``, with the row's number from 0.

    Raises:
        InputError: anything in the file is wrong; the line names the file, the place and what is allowed. Or the folder
            holds no sweep, or the sweep has no such row.

    >>> read_scenario("bug")
    <Scenario 'the bug of Linux 6.11': CPUs 2, kernel 6.11, design v6.11, KVM protected, relay enforcing, actions 1>
    """
    row = row_of(Path(path))
    if row is None:
        return scenario_file.read_scenario(path)
    from sim.sweep.row_scenario import scenario_of_row

    return scenario_of_row(*row)


def row_of(file: Path) -> tuple[Path, int] | None:
    """Return the folder of a sweep and the number of a row, which ``DIR:ROW`` names; None for any other path.

    A file that exists is never a row.

    Raises:
        InputError: a folder is named with something behind the colon that is not the number of a row.

    >>> row_of(Path("out:117")), row_of(Path("bug"))
    ((PosixPath('out'), 117), None)
    """
    folder, _, row = str(file).rpartition(":")
    if not folder or os.path.lexists(file):
        return None
    is_number = row.isascii() and row.isdigit() and len(row) <= _MOST_ROW_DIGITS
    if not is_number and Path(folder).is_dir():
        raise InputError(f"{file}: {row[:60]!r} is not a row's number: rows of a sweep are {folder}:0 and so on")
    return (Path(folder), int(row)) if is_number else None
