"""The duration of a sweep on this machine, estimated from a measurement of some of its points."""

import time

from sim.errors import InputError
from sim.study.cell_histogram import LastColumns
from sim.study.early_runs import LateCandidates
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import BLOCK_ROWS, MOST_POINTS
from sim.study.space_model import SpaceModel
from sim.study.system_space import Space
from sim.study.tally import BlockCounter, Sizes
from sim.study.worst_save import WorstSaves
from sim.sweep.parted_plan import Walk
from sim.sweep.space_record import SpaceRecord
from sim.sweep.sweep_part import distinct_by_outcome, evaluator, is_compiled
from sim.sweep.sweep_plan import MOST_CELL_POINTS, Plan
from sim.sweep.workers import usable_cores

_PLACES = 4
"""The number of blocks that are measured, evenly spread over the points."""
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
    points, layout, settings = plan.points, SpaceModel(plan.space), distinct_by_outcome(plan.space.settings)
    evaluate = evaluator(layout, settings, compiled=is_compiled(plan))
    candidates = LateCandidates(layout)
    tallies = [BlockCounter(WorstSaves(OutsideSaves(layout, setting), candidates)) for setting in settings]
    measured, spent, last_columns = 0, 0.0, LastColumns() if plan.counts_cells else None
    for place in range(_PLACES + 1):  # the first time is not measured: it fills caches
        start = points.points * max(place - 1, 0) // _PLACES
        began = time.perf_counter()
        for block in points.blocks(start, min(start + BLOCK_ROWS, points.points)):
            sizes = Sizes(layout, block, last_columns)
            for outcomes, tally in zip(evaluate(block), tallies, strict=True):
                tally.add(block, outcomes, sizes)
            measured += block.rows if place else 0
        spent += time.perf_counter() - began if place else 0
    if points.points <= measured:
        return spent  # all points were measured, on this core; processes would not start sooner
    # Of blocks that are alike a sweep that only counts computes one.
    start, stop = plan.span(plan.parts // 2)
    share = sum(block.rows for block in points.blocks_to_count(start, stop)) / (stop - start)
    compiling_s = COMPILE_S * len(plan.space.groups) * len(settings) if is_compiled(plan) else 0
    return points.points * share * spent / measured / min(usable_cores(), plan.parts) + compiling_s
