"""What a scenario file expects of its boot: the table ``[expect]``."""

from pathlib import Path

from msgspec import UNSET

from sim.errors import InputError
from sim.files.scenario_file import scenario_from_table
from sim.files.scenario_tables import HAZARDS, ExpectTable, ScenarioTable
from sim.files.toml_tables import at, read_text, table_from_text
from sim.scenario import Scenario


def read_expected(path: Path) -> tuple[Scenario, ExpectTable] | None:
    """Read a scenario file with what it expects; None where it expects nothing.

    Raises:
        InputError: anything wrong with it, as one line that names the file, the place and what is allowed.
    """
    with at(f"{path}"):
        table = table_from_text(read_text(path, "scenario"), ScenarioTable)
        scenario = scenario_from_table(table, default_name=path.stem)
        if table.expect is UNSET:
            return None
        with at("expect"):
            _check(table.expect, scenario)
        return scenario, table.expect


def _check(expect: ExpectTable, scenario: Scenario) -> None:
    for name in expect.cpus if expect.cpus is not UNSET else ():
        with at("cpus"):
            scenario.topology.number(name)
    for name in expect.hazards if expect.hazards is not UNSET else ():
        if name not in HAZARDS:
            raise InputError(f"hazards: there is no {name[:60]!r}: there are {', '.join(HAZARDS)}")
