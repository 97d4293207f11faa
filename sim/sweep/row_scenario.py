"""The scenario that a row of a sweep stands for."""

from pathlib import Path

from sim.arguments import checked
from sim.errors import InputError
from sim.scenario import Scenario
from sim.study.points import sets_at
from sim.sweep.mixture_folder import MixtureFolder, is_of_mixtures
from sim.sweep.sweep_folder import Folder
from sim.sweep.timing_study import seed_of
from sim.vectors import bits_from_vqs


@checked
def scenario_of_row(folder: Path | str, row: int, *, replication: int | None = None) -> Scenario:
    """Return the scenario of a row of a sweep, even if its rows were not kept.

    Args:
        folder: the sweep's, over lengths or over mixtures of cores.
        row: the row's number, from 0.
        replication: in a timing study, the number of one of the row's boots, from 0: the scenario gets its seed.

    Raises:
        InputError: the folder holds no sweep, or the sweep has no such row or replication.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", jobs=1)
    ...     scenario_of_row(f"{folder}/out", 0).topology
    <Topology of 2 CPUs: SVE bits of 2 with {128}>
    """
    folder = Path(folder)
    if is_of_mixtures(folder):
        if replication is not None:
            raise InputError(f"{folder}: there is no replication: a sweep over mixtures of cores boots nothing")
        return _scenario_of_mixture(folder, row)
    plan = Folder.open(folder).plan
    if not 0 <= row < plan.rows:
        raise InputError(f"{folder}: there is no row {row:,}: there are {plan.rows:,}, counted from 0")
    # Rows run point by point and, within a point, setting by setting (`sim.sweep.sweep_rows`).
    point, setting = divmod(row, len(plan.space.settings))
    name = f"{plan.space.name or folder.name}, row {row}"
    sets = map(bits_from_vqs, sets_at(plan.points, point))
    scenario = plan.space.scenario(tuple(sets), plan.space.settings[setting]).but(name=name)
    if replication is None:
        return scenario
    if not 0 <= replication < plan.replications:
        raise InputError(f"{folder}: there is no replication {replication:,}: there are {plan.replications:,}")
    return scenario.but(seed=seed_of(plan, row, replication))


def _scenario_of_mixture(folder: Path, row: int) -> Scenario:
    """Return the scenario of a row of a sweep over mixtures: its number is the mixture's, then the kernel's."""
    space = MixtureFolder.open(folder).plan.space
    rows = space.points * len(space.kernels)
    if not 0 <= row < rows:
        raise InputError(f"{folder}: there is no row {row:,}: there are {rows:,}, counted from 0")
    mixture, kernel = divmod(row, len(space.kernels))
    return space.scenario(space.point(mixture), space.kernels[kernel])
