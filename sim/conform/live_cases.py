"""What to boot live: scenarios, and the systems of boots that were recorded."""

from pathlib import Path
from typing import NamedTuple

from sim.conform.recorded_boot import boot_scenario
from sim.conform.run_records import RecordedBoot, read_records
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.scenario import Do, Scenario


class Case(NamedTuple):
    """A scenario to boot, and its name among others."""

    name: str
    scenario: Scenario


def cases_of(file: Path) -> list[Case]:
    """The scenario of a file, or the systems of a list of recorded boots (``.json``).

    Raises:
        InputError: the file is wrong.
    """
    if file.suffix != ".json":
        path = find(file)
        return [Case(path.stem, read_scenario(path))]
    boots = [record for record in read_records(file) if isinstance(record, RecordedBoot)]
    if not boots:
        raise InputError(f"{file}: holds no recorded boots")
    return [_case_of(record) for record in boots]


def _case_of(record: RecordedBoot) -> Case:
    """Its system and what was done to it, without the guests that its replay asks."""
    scenario = boot_scenario(record)
    actions = tuple(one for one in scenario.actions if one.do is not Do.GUEST)
    return Case(record.id.removeprefix(f"{record.kernel}/"), scenario.but(actions=actions))
