"""Cases for live boots: scenario files, and the systems of boots that were recorded."""

from pathlib import Path
from typing import NamedTuple

from sim.conform.recorded_boot import boot_scenario
from sim.conform.run_records import RecordedBoot, kernel_name, read_records
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.scenario import Do, Scenario


class Case(NamedTuple):
    """A scenario to boot, and its name; the record of the boot has the id ``SERIES/NAME``."""

    name: str
    scenario: Scenario


def read_cases(file: Path) -> list[Case]:
    """Read the scenario of a file, or the systems of a list of recorded boots (``.json``).

    Raises:
        InputError: the file is wrong, or is a list without boots.
    """
    if file.suffix != ".json":
        path = find(file)
        return [Case(path.stem, read_scenario(path))]
    boots = [record for record in read_records(file) if isinstance(record, RecordedBoot)]
    if not boots:
        raise InputError(
            f"{file}: holds no recorded boots of CPUs with their own vector lengths, which QEMU could boot"
        )
    return [_recorded_case(record) for record in boots]


def _recorded_case(record: RecordedBoot) -> Case:
    """Return the case of a recorded boot.

    `boot_scenario` adds a guest on every CPU, which shows what KVM offers. A live boot has no virtual machine in its
    guest, so the case goes without.
    """
    scenario = boot_scenario(record)
    actions = tuple(action for action in scenario.actions if action.do is not Do.GUEST)
    # The kernel is left out of the name, because the case may be booted with another kernel.
    prefix = f"{kernel_name(record.kernel, record.page_bytes)}/"
    return Case(record.id.removeprefix(prefix), scenario.but(actions=actions))
