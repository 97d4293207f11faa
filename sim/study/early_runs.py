"""Runs of consecutive points whose early CPUs have the same sets, and everything that they decide about late CPUs."""

from collections.abc import Iterator
from functools import cached_property, reduce
from itertools import pairwise
from operator import and_, or_
from typing import NamedTuple

import numpy as np

from sim.study.batch import Batch
from sim.study.points import Block
from sim.study.space_model import SpaceModel

_MOST_RUNS = 256
"""The largest number of runs of a block; with more of them, most have a few rows only, as in a sample."""

RecordKey = tuple[int, int, int]
"""The lengths that all early CPUs have and those that any has, as sets, and the smallest of their largest VQs.

The kernel's record of the early CPUs depends on nothing else (`sim.study.systems.Record`).
"""


class EarlyRun(NamedTuple):
    """A run of a block's rows."""

    rows: slice
    sets: dict[int, int]
    """The set of each early group, by the group's place."""
    key: RecordKey


class EarlyRuns:
    """The runs of a block.

    Args:
        model: what all systems of the space share.
        block: the points.
    """

    def __init__(self, model: SpaceModel, block: Block) -> None:
        self._block = block
        self._early = [place for place, group in enumerate(model.space.groups) if not group.late]

    @cached_property
    def runs(self) -> tuple[EarlyRun, ...] | None:
        """The runs in ascending order; None if there are more than `_MOST_RUNS`."""
        varying = [one for one in (self._block.columns[place] for place in self._early) if len(one) > 1]
        changes = [one[1:] != one[:-1] for one in varying]
        ends = np.flatnonzero(reduce(or_, changes)) if changes else np.zeros(0, np.intp)
        if len(ends) >= _MOST_RUNS:
            return None
        starts = [0, *(ends + 1).tolist()]
        return tuple(self._runs([*starts, self._block.rows]))

    def _runs(self, bounds: list[int]) -> Iterator[EarlyRun]:
        for start, stop in pairwise(bounds):
            columns = ((place, self._block.columns[place]) for place in self._early)
            sets = {place: int(one[start if len(one) > 1 else 0]) for place, one in columns}
            of_all = sets.values()
            smallest = min(one.bit_length() for one in of_all)
            yield EarlyRun(slice(start, stop), sets, (reduce(and_, of_all), reduce(or_, of_all), smallest))


class LateCandidates:
    """Batches that have a system for each candidate set of the late groups, one for each record of early CPUs.

    Args:
        model: what all systems of the space share.
    """

    def __init__(self, model: SpaceModel) -> None:
        self._model = model
        late = {place: group.sets_vqs for place, group in enumerate(model.space.groups) if group.late}
        self._rows = max(map(len, late.values()), default=1)
        # A group with fewer candidates repeats the last.
        self._columns = {
            place: np.array([*sets, *sets[-1:] * (self._rows - len(sets))], np.uint16) for place, sets in late.items()
        }
        self._batches: dict[RecordKey, Batch] = {}

    def of(self, run: EarlyRun) -> Batch:
        """Return the candidates beside the early CPUs of a run."""
        if run.key not in self._batches:
            columns = {place: np.array([one], np.uint16) for place, one in run.sets.items()} | self._columns
            in_order = [columns[place] for place in range(len(columns))]
            self._batches[run.key] = Batch(self._model, in_order, self._rows)
        return self._batches[run.key]
