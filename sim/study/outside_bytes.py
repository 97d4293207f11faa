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
from sim.study import verdict_bits
from sim.study.batch import Batch
from sim.study.column import Sets
from sim.study.evaluation import Evaluation
from sim.study.points import Block
from sim.study.save_outcomes import BufferPlace, outside_bytes_at
from sim.study.space_model import SpaceModel, Unit
from sim.study.system_space import Setting
from sim.vectors import VQ_MAX

Bytes = NDArray[np.int32]
Found = tuple[int, int] | None
"""Bytes, and the row that has them; None where no row exceeds what was asked."""


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

    def may_exceed(self, so_far: tuple[int, ...], largest_vq: int) -> bool:
        """Return True if systems up to a largest VQ may have a save that writes more bytes outside than so far."""
        return any(int(table[:, largest_vq].max()) > least for table, least in zip(self._most, so_far, strict=True))

    def worst(self, block: Block, rows: NDArray[np.intp], so_far: tuple[int, ...]) -> tuple[Found, Found]:
        """Return the most bytes below and above among some rows of a block, where they exceed the bytes so far.

        Args:
            block: the points.
            rows: the rows to look at.
            so_far: the most bytes below and above so far.
        """
        # A bound from the buffer's and the system's largest length leaves few rows whose CPUs must be looked at.
        batch = self._batch(block, rows)
        allocation, limit = batch.buffers(self._setting.design)
        buffers = np.broadcast_to(_vqs(allocation.array), len(rows))
        # No CPU runs with more than the largest length of any, or than ZCR_EL2 lets through.
        largest = np.minimum(_vqs(reduce(or_, batch.vqs).array), _vqs(limit.array))
        may = np.any([table[buffers, largest] > least for table, least in zip(self._most, so_far, strict=True)], axis=0)
        rows = rows[may]
        if not len(rows):
            return None, None
        under, over = self.of_rows(self._batch(block, rows))
        return _found(under, rows, so_far[0]), _found(over, rows, so_far[1])

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


def _vqs(sets: Sets) -> NDArray[np.intp]:
    """Return the largest VQ of each set; 0 of an empty set."""
    # The exponent of a float is the position of the highest bit.
    return np.frexp(sets.astype(np.float32))[1].astype(np.intp)


def _found(values: Bytes, rows: NDArray[np.intp], least: int) -> Found:
    most = int(np.argmax(values))
    return (int(values[most]), int(rows[most])) if values[most] > least else None
