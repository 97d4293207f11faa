"""The run of a sweep over vector lengths, from its beginning or after an interruption."""

from pathlib import Path

from sim.arguments import checked
from sim.errors import InputError, choice
from sim.study import verdict_bits
from sim.study.system_space import Space
from sim.sweep.part_record import PartRecord
from sim.sweep.parted_plan import Keep, Walk
from sim.sweep.parts_run import Progress, Report, Workers, run_parts
from sim.sweep.sweep_folder import Folder
from sim.sweep.sweep_plan import Plan
from sim.sweep.sweep_summary import Summary, summary_of
from sim.sweep.sweep_totals import SweepTotals


@checked
def run_sweep(
    space: Space,
    folder: Path | str,
    *,
    symmetric: bool = False,
    sample: int = 0,
    seed: int = 0,
    keep: Keep | str = Keep.COUNTS,
    replications: int = 0,
    jobs: int | None = None,
    scheduler: str | None = None,
    report: Report | None = None,
) -> Summary:
    """Compute every point of a space, or a sample, into a folder, and return a summary.

    Args:
        space: the systems, and the settings to boot them under.
        folder: the folder for the results; it is made, or is empty.
        symmetric: True: visit one point for all that differ by an exchange of interchangeable groups.
        sample: the number of points to draw, by their weights; 0: visit all points.
        seed: of the sample, and of the boots, from 0 to 2^62 - 1.
        keep: the rows to keep beside counts.
        replications: make it a timing study: the number of boots of every point under each setting, in SimPy.
        jobs: the number of processes of this machine; by default one for each core.
        scheduler: the address of a Dask cluster's scheduler: its workers compute instead. It is trusted.
        report: called after each part.

    Raises:
        InputError: the space has too many points to visit, or the folder holds something else.
        WorkerLost: a process or a cluster's worker has gone; the parts that are done are kept.
        SchedulerGone: the scheduler does not answer; the parts that are done are kept.
        OSError: the folder cannot be written to; the parts that are done are kept.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     run_sweep(space, f"{folder}/out", jobs=1)
    <Summary of '': 4 of 4 points, 16 settings>
    """
    if symmetric and sample:
        raise InputError("a sweep visits points up to symmetry, or a sample, not both")
    walk = Walk.SYMMETRIC if symmetric else Walk.SAMPLE if sample else Walk.EXHAUSTIVE
    plan = Plan(space, walk, choice(Keep, "keep", keep), sample, seed, replications)
    return _run(Folder.create(Path(folder), plan), Workers(jobs, scheduler), report)


@checked
def resume_sweep(
    folder: Path | str, *, jobs: int | None = None, scheduler: str | None = None, report: Report | None = None
) -> Summary:
    """Continue a sweep after an interruption: compute the parts that are missing or broken.

    Args:
        folder: the sweep's.
        jobs: the number of processes of this machine; by default one for each core.
        scheduler: the address of a Dask cluster's scheduler: its workers compute instead. It is trusted.
        report: called after each part.

    Raises:
        InputError: the folder holds no sweep, or other versions began it, or its files are not what a sweep writes.
        WorkerLost: a process or a cluster's worker has gone; the parts that are done are kept.
        SchedulerGone: the scheduler does not answer; the parts that are done are kept.
        OSError: the folder cannot be written to; the parts that are done are kept.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", jobs=1)
    ...     resume_sweep(f"{folder}/out", jobs=1).complete
    True
    """
    begun = Folder.open(Path(folder))
    begun.check_versions()
    return _run(begun, Workers(jobs, scheduler), report)


def _run(folder: Folder, workers: Workers, report: Report | None) -> Summary:
    totals = SweepTotals(folder.plan)

    def count(record: PartRecord, progress: Progress) -> None:
        totals.add(record)
        for tally in record.tallies:
            for bits, *_, times in tally.outcomes:
                progress.rows += times
                progress.rows_by_hazard.update(
                    {kind: times for place, kind in enumerate(verdict_bits.HAZARDS) if bits >> place & 1}
                )

    # The folder is read under the lock as well: another sweep might add parts between the reading and the computing.
    with folder.locked():
        run_parts(folder, workers, count, report)
        found = summary_of(totals, folder)
        found.write(folder)
    return found
