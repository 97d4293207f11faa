"""The duration of a sweep on this machine, estimated from a measurement of some of its points."""

import time
from statistics import median

from sim.errors import InputError
from sim.study.points import BLOCK_ROWS, MOST_POINTS
from sim.study.system_space import Space
from sim.sweep.parted_plan import Walk
from sim.sweep.space_record import SpaceRecord
from sim.sweep.sweep_part import PartComputer, is_compiled
from sim.sweep.sweep_plan import MOST_CELL_POINTS, Plan
from sim.sweep.workers import usable_cores

_PLACES, _PLACES_COMPILED = 4, 16
"""The number of places that are measured, with a block at each; more where a block takes a millisecond or two."""
_GOLDEN = 0.6180339887498949
"""The distance of one place from the last, as a share of all points, begun anew at the end.

However many there are, they are spread over the points. Quarters and tenths would meet blocks that are out of the
ordinary, in which the first groups have their first candidates.
"""
COMPILE_S = 0.006
"""Time to compile for each group and setting, in seconds, about."""


def describe(space: Space, sample: int = 0) -> SpaceRecord:
    """Return the size of a space, and the estimated duration of a sweep of it.

    Args:
        space: the space.
        sample: the number of points of a sample that is estimated too; 0 for none.

    Raises:
        InputError: a sample cannot have that many points.
    """
    settings = len(space.settings)
    return SpaceRecord(
        name=space.name,
        points=space.points,
        points_up_to_symmetry=space.points_up_to_symmetry,
        settings=settings,
        rows=space.points * settings,
        rows_up_to_symmetry=space.points_up_to_symmetry * settings,
        most_points=MOST_POINTS,
        most_cell_points=MOST_CELL_POINTS,
        estimated_s=estimate_s(space, Walk.EXHAUSTIVE),
        estimated_up_to_symmetry_s=estimate_s(space, Walk.SYMMETRIC),
        sample=sample,
        estimated_sample_s=_estimate_s(Plan(space, Walk.SAMPLE, sample=sample)) if sample else None,
    )


def estimate_s(space: Space, walk: Walk) -> float | None:
    """Return the duration of a sweep that only counts, on all cores, in seconds; None if it has too many points."""
    try:
        plan = Plan(space, walk)
    except InputError:
        return None
    return _estimate_s(plan)


def _estimate_s(plan: Plan) -> float:
    points, computer = plan.points, PartComputer(plan)
    tallies = computer.tallies()
    measured, spent_s = list[int](), list[float]()
    places = _PLACES_COMPILED if is_compiled(plan) else _PLACES
    for place in range(places + 1):
        start = int(points.points * (place * _GOLDEN % 1))
        began, rows = time.perf_counter(), 0
        for block in points.blocks(start, min(start + BLOCK_ROWS, points.points)):
            computer.count(block, tallies)
            rows += block.rows
        measured.append(rows)
        spent_s.append(time.perf_counter() - began)
    # The first place is not used: it fills caches.
    del measured[0], spent_s[0]
    if points.points <= sum(measured):
        return sum(spent_s)  # all points were measured, on this core; processes would not start sooner
    # The median: at a few places a record of early CPUs is new, whose worst saves take a tenth of a second to list.
    point_s = median(taken_s / rows for taken_s, rows in zip(spent_s, measured, strict=True))
    # Of blocks that are alike a sweep that only counts computes one.
    start, stop = plan.span(plan.parts // 2)
    share = points.rows_to_count(start, stop) / (stop - start)
    compiling_s = COMPILE_S * len(plan.space.groups) * len(tallies) if is_compiled(plan) else 0
    return points.points * share * point_s / min(usable_cores(), plan.parts) + compiling_s
