"""The bytes that saves write outside their buffers' runs of pages, for each system of a batch: how bad a hazard is.

They depend on the length that the buffer is for, the length that the CPU runs with, and the place of the buffer. They
are taken from saves of the engine (`sim.study.save_outcomes`), and a batch looks them up.
`tests/study/test_outside_bytes.py` compares them with boots.
"""

from functools import cached_property, reduce
from operator import or_
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.scenario import Relay
from sim.study import verdict_bits
from sim.study.batch import Batch
from sim.study.column import Column, Sets
from sim.study.evaluation import Evaluation
from sim.study.points import Block
from sim.study.save_outcomes import BufferPlace, outside_bytes_at
from sim.study.space_model import SpaceModel, Unit
from sim.study.system_space import Group, Setting
from sim.vectors import VQ_MAX

Bytes = NDArray[np.int32]
Found = tuple[int, int] | None
"""Bytes, and the row that has them; None where no row exceeds what was asked."""
_FIRST_ROWS = 64
"""The number of rows that are looked at first."""


class _Table(NamedTuple):
    """Bytes by the length that the buffer is for and by the running length, both as VQs from 0."""

    underrun: Bytes
    overrun: Bytes


class OutsideSaves:
    """The saves outside their buffers under one setting.

    Args:
        model: what all systems of the space share.
        setting: the setting.
    """

    def __init__(self, model: SpaceModel, setting: Setting) -> None:
        self._model, self._setting = model, setting
        self._reaches: dict[tuple[int, int], _Table] = {}

    def of_rows(self, batch: Batch) -> tuple[Bytes, Bytes]:
        """Return the most bytes that any save of each system writes below its run of pages, and above it."""
        under, over = (np.zeros(batch.rows, np.int32) for _ in range(2))
        if not self._setting.has_saves:
            return under, over
        allocation, limit = batch.buffers(self._setting.design)
        buffers = _vqs(allocation.array)
        for unit, word in Evaluation(batch, self._setting, exact=True).by_unit.items():
            table = self._tables[unit]
            if not (table.underrun.any() or table.overrun.any()):
                continue
            leaves = word.array & verdict_bits.OUTSIDE != 0
            running = _vqs(rules.selected(batch.vqs[unit.group], limit).array)
            np.maximum(under, np.where(leaves, table.underrun[buffers, running], 0), out=under)
            np.maximum(over, np.where(leaves, table.overrun[buffers, running], 0), out=over)
        return under, over

    def may_exceed(self, so_far: tuple[int, ...], block: Block) -> bool:
        """Return True if systems of a block may have a save that writes more bytes outside than so far."""
        # In most blocks the first groups, of early CPUs, have one set.
        columns = list(zip(self._model.space.groups, block.columns, strict=True))
        early = [int(one[0]).bit_length() for group, one in columns if len(one) == 1 and not group.late]
        largest_vq = max(
            int(one[0]).bit_length() if len(one) == 1 else group.any_vqs.bit_length()
            for group, one in columns
            if self._saves_on(group)
        )
        reaches = self._reach(min(early, default=VQ_MAX), max(early, default=0))
        return any(int(reach[largest_vq]) > least for reach, least in zip(reaches, so_far, strict=True))

    def worst(self, block: Block, rows: NDArray[np.intp], so_far: tuple[int, ...]) -> tuple[Found, Found]:
        """Return the most bytes below and above among some rows of a block, where they exceed the bytes so far.

        Args:
            block: the points.
            rows: the rows to look at.
            so_far: the most bytes below and above so far.
        """
        batch = self._batch(block, rows)
        allocation, limit = batch.buffers(self._setting.design)
        buffers = _vqs(allocation.array)
        # No CPU runs with more than the largest length of any that is online, or than ZCR_EL2 lets through.
        largest = np.minimum(_vqs(self._saving_vqs(batch).array), _vqs(limit.array))
        under, over = (
            self._worst_way(block, rows, np.broadcast_to(table[buffers, largest], len(rows)), way, so_far[way])
            for way, table in enumerate(self._most)
        )
        return under, over

    def _saving_vqs(self, batch: Batch) -> Column:
        """Return the lengths of all CPUs that come online, and so save."""
        announces, refuses, _ = self._setting.design.above_maximum(has_pkvm=self._setting.has_pkvm)
        late = {unit.group: unit for unit in self._model.late}
        saving = batch.none
        for place, (group, vqs) in enumerate(zip(self._model.space.groups, batch.vqs, strict=True)):
            if not group.late:
                saving = saving | vqs
            elif self._saves_on(group):
                saving = saving | vqs & ~batch.late_verdict(late[place], announces=announces, refuses=refuses).refused
        return saving

    def _worst_way(self, block: Block, rows: NDArray[np.intp], bound: Bytes, way: int, least: int) -> Found:
        """Return the most bytes below (way 0) or above (1), where they exceed `least`.

        Args:
            block: the points.
            rows: the rows to look at.
            bound: an upper bound for each of these rows.
            way: the way.
            least: the most bytes so far.
        """
        top = int(bound.max(initial=0))
        if top <= least:
            return None
        # Some of the rows with the largest bound mostly reach it, and then no other row need be looked at.
        for some in (rows[bound == top][:_FIRST_ROWS], rows[bound > least]):
            values = self.of_rows(self._batch(block, some))[way]
            most = int(np.argmax(values))
            if values[most] == top:
                break
        return (int(values[most]), int(some[most])) if values[most] > least else None

    def _saves_on(self, group: Group) -> bool:
        """Return True if a group's CPUs may come online, and so save: an enforcing relay starts no late CPU."""
        return not (group.late and self._setting.relay is Relay.ENFORCING)

    def _batch(self, block: Block, rows: NDArray[np.intp]) -> Batch:
        columns = [one if len(one) == 1 else one[rows] for one in block.columns]
        return Batch(self._model, columns, len(rows))

    @cached_property
    def _tables(self) -> dict[Unit, _Table]:
        return {unit: self._table(unit) for unit in self._model.units}

    def _table(self, unit: Unit) -> _Table:
        """Return the most bytes of any CPU of a unit."""
        cpus, memory = self._model.space.cpus, self._setting.memory
        places = {BufferPlace.of(cpu, cpus, memory) for cpu in range(unit.first, unit.first + unit.cpus)}
        table = _Table(*np.zeros((2, VQ_MAX + 1, VQ_MAX + 1), np.int32))
        for place in places:
            for vq in range(1, VQ_MAX + 1):
                for into, of_place in zip(
                    table, outside_bytes_at(place, self._setting.design.ffr_pointer, vq), strict=True
                ):
                    np.maximum(into[vq, 1:], of_place, out=into[vq, 1:])
        return table

    @cached_property
    def _most(self) -> _Table:
        """The most bytes of any unit, at any running length up to that of the column."""
        tables = self._tables.values()
        under, over = (np.max(each, axis=0) for each in zip(*tables, strict=True))
        return _Table(np.maximum.accumulate(under, axis=1), np.maximum.accumulate(over, axis=1))

    def _reach(self, shared_at_most: int, seen_at_least: int) -> _Table:
        """Return an upper bound for all systems up to a largest VQ, by that VQ.

        Args:
            shared_at_most: an upper bound for the largest VQ that all early CPUs share.
            seen_at_least: a lower bound for the largest VQ of any early CPU.
        """
        key = shared_at_most, seen_at_least
        if key not in self._reaches:
            self._reaches[key] = self._reach_of(*key)
        return self._reaches[key]

    def _reach_of(self, shared_at_most: int, seen_at_least: int) -> _Table:
        design, early = self._setting.design, [one.any_vqs for one in self._model.space.groups if not one.late]
        lengths = [vq for vq in range(1, VQ_MAX + 1) if reduce(or_, early) >> (vq - 1) & 1]
        reach = _Table(*np.zeros((2, VQ_MAX + 1), np.int32))
        # Buffers and ZCR_EL2 depend on the largest shared length and on the largest length of all early CPUs.
        for shared in (one for one in lengths if one <= shared_at_most):
            for seen in (one for one in lengths if one >= max(shared, seen_at_least)):
                sets = 1 << (shared - 1), 1 << (seen - 1), 1 << (seen - 1), rules.ARCHITECTURE_VQS
                buffer = design.allocation_vqs(*sets)
                limit = design.zcr_el2_limit(sets[0], buffer, rules.ARCHITECTURE_VQS).bit_length()
                running = np.minimum(np.arange(VQ_MAX + 1), limit)
                for into, most in zip(reach, self._most, strict=True):
                    np.maximum(into, most[buffer.bit_length(), running], out=into)
        return reach


def _vqs(sets: Sets) -> NDArray[np.intp]:
    """Return the largest VQ of each set; 0 of an empty set."""
    # The exponent of a float is the position of the highest bit.
    return np.frexp(sets.astype(np.float32))[1].astype(np.intp)
