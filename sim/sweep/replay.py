"""A row of a sweep, as the scenario that it stands for."""

from pathlib import Path

from sim.errors import InputError
from sim.scenario import Scenario
from sim.study.points import sets_at
from sim.sweep.folder import Folder


def scenario_of_row(folder: Path | str, row: int) -> Scenario:
    """The scenario of a row of a sweep, whether or not its rows were kept.

    Raises:
        InputError: no sweep is there, or no such row.
    """
    plan = Folder.open(Path(folder)).plan
    if not 0 <= row < plan.rows:
        raise InputError(f"{folder}: there is no row {row:,}: there are {plan.rows:,}, counted from 0")
    point, setting = divmod(row, len(plan.space.settings))
    name = f"{plan.space.name or Path(folder).name}, row {row}"
    return plan.space.scenario(sets_at(plan.points, point), plan.space.settings[setting]).but(name=name)
