"""Batches: many systems of one space at once, as numpy columns of sets, and their outcomes as numpy arrays.

A row is a system. Its scenario is `Space.scenario`'s; `tests/study/test_batch.py` compares its outcome with a boot of
that scenario. Every column has an element for each row, or a single element for all rows, which numpy broadcasts:
whatever is equal in all systems is then computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.hazard_kinds import HazardKind
from sim.study import verdict_bits
from sim.study.column import Column, Sets, constant
from sim.study.evaluation import Evaluation, UnitOutcome
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting
from sim.study.systems import Systems

OutcomeBits = NDArray[np.uint16]
"""A word for each row, with the bits of `sim.study.verdict_bits`; or one word for all rows."""
Counts = NDArray[np.uint32]
"""A number for each row."""


class Batch(Systems[Column]):
    """A batch of systems.

    Args:
        model: what all systems of the space share.
        columns: the sets of each group, in the order of the space: an array with a set for each row, or with one set
            for all rows.
        rows: the number of systems.
    """

    def __init__(self, model: SpaceModel, columns: Sequence[Sets], rows: int) -> None:
        super().__init__(model, [Column(one.astype(np.uint16, copy=False)) for one in columns], constant)
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of each system of a batch under one setting: late CPUs, and hazards by kind, counted."""

    allocation_vqs: NDArray[np.uint16]
    """The length that pKVM's buffers are for, as a set of one; empty where there are no buffers."""
    late_accepted: Counts
    late_refused: Counts
    """Late CPUs that the kernel's verification refuses."""
    late_refused_by_relay: Counts
    late_warned: Counts
    """Late CPUs that the log announces as above the maximum."""
    hazards: dict[HazardKind, Counts]


def outcome_bits(batch: Batch, setting: Setting) -> OutcomeBits:
    """Return the outcome of each system: its hazards and the fates of its late CPUs, as bits.

    A bit is set if any CPU has it. This is cheaper than `verdict`, which must be exact for each CPU.
    """
    return Evaluation(batch, setting, exact=False).word.array


def verdict(batch: Batch, setting: Setting) -> Verdict:
    """Return the outcome of each system, counted."""
    outcomes = Evaluation(batch, setting, exact=True).outcomes
    allocation = batch.buffers(setting.design)[0] if setting.has_saves else batch.none
    return Verdict(
        allocation_vqs=np.broadcast_to(allocation.array, batch.rows),
        late_accepted=_count(batch, outcomes, verdict_bits.ACCEPTED),
        late_refused=_count(batch, outcomes, verdict_bits.REFUSED),
        late_refused_by_relay=_count(batch, outcomes, verdict_bits.BY_RELAY),
        late_warned=_count(batch, outcomes, verdict_bits.WARNED),
        hazards={kind: _count(batch, outcomes, 1 << place) for place, kind in enumerate(verdict_bits.HAZARDS)},
    )


def _count(batch: Batch, outcomes: Sequence[UnitOutcome[Column]], bit: int) -> Counts:
    """Return the number of CPUs whose word has a bit, for each row; for a hazard of the system as a whole, 1."""
    counts = np.zeros(batch.rows, np.uint32)
    for outcome in outcomes:
        cpus = outcome.warned_cpus if bit == verdict_bits.WARNED else outcome.cpus
        counts += ((outcome.word.array & bit) != 0) * np.uint32(cpus)
    return counts
