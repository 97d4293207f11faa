"""The run of a sweep over mixtures of cores, from its beginning or after an interruption."""

from pathlib import Path

from sim.arguments import checked
from sim.errors import InputError, choice
from sim.study.mixture_space import MixtureSpace
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_part import MixturePartComputer
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_summary import MixtureSummary, MixtureTotals
from sim.sweep.mixture_tally import MixturePartRecord
from sim.sweep.parted_plan import Keep
from sim.sweep.parts_run import Progress, Report, Workers, run_parts


@checked
def sweep_mixtures(
    space: MixtureSpace,
    folder: Path | str | None = None,
    *,
    sample: int = 0,
    seed: int = 0,
    keep: Keep | str = Keep.COUNTS,
    jobs: int | None = None,
    scheduler: str | None = None,
    report: Report | None = None,
) -> MixtureSummary:
    """Compute the outcome of every mixture of a space of cores, or of a sample, under each of its kernels.

    Args:
        space: the space.
        folder: the folder for the results; it is made, or is empty. None: all is computed in this process, and nothing
            is written.
        sample: the number of mixtures to draw, with replacement; 0: all.
        seed: of the sample, from 0 to 2^62 - 1.
        keep: the rows to keep beside counts; they need a folder.
        jobs: the number of processes of this machine; by default one for each core.
        scheduler: the address of a Dask cluster's scheduler: its workers compute instead. It is trusted.
        report: called after each part.

    Raises:
        InputError: there are too many mixtures, or the folder holds something else.
        WorkerLost: a process or a cluster's worker has gone; the parts that are done are kept.
        SchedulerGone: the scheduler does not answer; the parts that are done are kept.
        OSError: the folder cannot be written to; the parts that are done are kept.

    >>> from sim import read_mixture_space
    >>> summary = sweep_mixtures(read_mixture_space("core-pairs"))
    >>> summary
    <MixtureSummary of 'core-pairs': 264 mixtures>
    >>> summary.total("7.3").panicked
    80
    """
    plan = MixturePlan(space, choice(Keep, "keep", keep), sample, seed)
    if folder is not None:
        return _run(MixtureFolder.create(Path(folder), plan), Workers(jobs, scheduler), report)
    if plan.keep is not Keep.COUNTS:
        raise InputError(f"keep is {plan.keep}, and rows are kept in a folder: name one")
    totals, computer = MixtureTotals(plan), MixturePartComputer(plan)
    for number in range(plan.parts):
        record = computer.part(number).record
        assert isinstance(record, MixturePartRecord)
        totals.add(record)
    return totals.summary()


@checked
def resume_mixtures(
    folder: Path | str, *, jobs: int | None = None, scheduler: str | None = None, report: Report | None = None
) -> MixtureSummary:
    """Continue a sweep over mixtures of cores after an interruption: compute what is missing or broken.

    Args:
        folder: the sweep's.
        jobs: the number of processes of this machine; by default one for each core.
        scheduler: the address of a Dask cluster's scheduler: its workers compute instead. It is trusted.
        report: called after each part.

    Raises:
        InputError: the folder holds no such sweep, or other versions began it, or its files are not what a sweep
            writes.
        WorkerLost: a process or a cluster's worker has gone; the parts that are done are kept.
        SchedulerGone: the scheduler does not answer; the parts that are done are kept.
        OSError: the folder cannot be written to; the parts that are done are kept.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import read_mixture_space, sweep_mixtures
    >>> with TemporaryDirectory() as folder:
    ...     summary = sweep_mixtures(read_mixture_space("core-pairs"), f"{folder}/out")
    ...     resume_mixtures(f"{folder}/out").complete
    True
    """
    begun = MixtureFolder.open(Path(folder))
    begun.check_versions()
    return _run(begun, Workers(jobs, scheduler), report)


def _run(folder: MixtureFolder, workers: Workers, report: Report | None) -> MixtureSummary:
    totals = MixtureTotals(folder.plan)

    def count(record: MixturePartRecord, _progress: Progress) -> None:
        totals.add(record)

    with folder.locked():
        run_parts(folder, workers, count, report)
        found = totals.summary()
        found.write(folder)
    return found
