"""The run of a sweep of either kind: workers compute the parts of its plan into its folder.

There is a report after each part.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sim.errors import InputError
from sim.hazard_kinds import HazardKind
from sim.sweep.dask_cluster import cluster
from sim.sweep.local_processes import processes
from sim.sweep.parted_plan import PartedPlan
from sim.sweep.parts_folder import P, PartsFolder
from sim.sweep.sealed_part import R
from sim.sweep.workers import Compute, here, usable_cores


@dataclass
class Progress:
    """The progress of a sweep."""

    points: int
    """The number of points in all."""
    done: int = 0
    """The number of points computed, those of an earlier run among them."""
    found_before: int = 0
    """The number of points that an earlier run had computed."""
    rows: int = 0
    """The number of rows so far, by weight; 0 in sweeps over mixtures of cores."""
    rows_by_hazard: Counter[HazardKind] = field(default_factory=Counter)
    """The number of rows so far that have each hazard, by weight; empty in sweeps over mixtures of cores."""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Workers:
    """The processes, or the cluster, that compute a sweep's parts.

    Args:
        jobs: the number of processes of this machine; None: one for each core.
        scheduler: the address of a Dask cluster's scheduler, whose workers compute instead.
    """

    jobs: int | None = None
    scheduler: str | None = None

    def of(self, plan: PartedPlan, parts: int) -> AbstractContextManager[Compute]:
        """Return the context in which some parts of a plan are computed.

        Raises:
            InputError: the number of processes is below 1.
        """
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"{self.jobs} processes: at least 1 is needed")
        if self.scheduler is not None:
            return cluster(plan, self.scheduler)
        jobs = min(self.jobs or usable_cores(), parts)
        # A single part, or a single core, needs no process of its own, nor the time to start one.
        return here(plan) if jobs == 1 else processes(plan, jobs)


def run_parts(
    folder: PartsFolder[P, R], workers: Workers, count: Callable[[R, Progress], None], report: Report | None
) -> None:
    """Compute the parts that are missing or broken in a folder, whose lock the caller holds.

    Args:
        folder: the sweep's.
        workers: what computes.
        count: called once for each part, whether it was there or is computed now; it counts what its kind of sweep
            counts, and may count it in the progress too.
        report: called before the first part is computed, and after each.
    """
    plan = folder.plan
    progress = Progress(plan.visited)

    def counted(record: R) -> None:
        start, stop = plan.span(record.part)
        progress.done += stop - start
        count(record, progress)

    missing = []
    for number in range(plan.parts):
        record = folder.part(number)
        if record is None:
            missing.append(number)
        else:
            counted(record)
    progress.found_before = progress.done
    if report is not None:
        report(progress)
    if missing:
        with workers.of(plan, len(missing)) as compute:
            for part in compute(iter(missing)):
                counted(folder.add(part))
                if report is not None:
                    report(progress)
