"""The common form of what computes a sweep's parts.

A context gives a function: numbers of parts in, computed parts out, in whatever order they are done. There are three:
`here`, `sim.sweep.local_processes.processes` and `sim.sweep.dask_cluster.cluster`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sim.sweep.part_computers import compute_part
from sim.sweep.parted_plan import PartedPlan
from sim.sweep.sealed_part import Part

Compute = Callable[[Iterator[int]], Iterator[Part]]

PARTS_AHEAD = 2
"""The number of parts that are handed out for each worker: one to compute, and one so that it never waits for it."""


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def here(plan: PartedPlan) -> Iterator[Compute]:
    """Compute parts in this process."""
    yield lambda parts: (compute_part(plan, part) for part in parts)
