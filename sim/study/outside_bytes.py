"""The bytes that saves write outside their buffers' runs of pages, for each system of a batch: how bad a hazard is.

They depend on the length that the buffer is for, the length that the CPU runs with, and the place of the buffer. They
are taken from saves of the engine (`sim.study.save_outcomes`), and a batch looks them up.
`tests/study/test_outside_bytes.py` compares them with boots.
"""

from functools import cached_property, reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from sim import rules
from sim.scenario import Relay
from sim.study import verdict_bits
from sim.study.batch import Batch
from sim.study.column import largest_vqs
from sim.study.evaluation import Evaluation
from sim.study.save_outcomes import BufferPlace, outside_bytes_at, panicking_vqs_at
from sim.study.space_model import SpaceModel, Unit
from sim.study.system_space import Setting
from sim.vectors import VQ_MAX

Bytes = NDArray[np.int32]
"""Two rows, of the bytes below runs of pages and above them, with a column for each system."""
Table = NDArray[np.int32]
"""Bytes by way (0 below, 1 above), by the length that the buffer is for and by the running length, as VQs from 0."""


class OutsideSaves:
    """The saves outside their buffers under one setting.

    Args:
        model: what all systems of the space share.
        setting: the setting.
    """

    def __init__(self, model: SpaceModel, setting: Setting) -> None:
        self.model, self.setting = model, setting
        self._late = {unit.group: unit for unit in model.late}
        groups = enumerate(model.space.groups)
        self.saving = [place for place, one in groups if not (one.late and setting.relay is Relay.ENFORCING)]
        """The places of the groups whose CPUs may come online, and so save: an enforcing relay starts no late CPU."""

    def of_rows(self, batch: Batch) -> Bytes:
        """Return the most bytes that any save of each system writes below its run of pages, and above it."""
        found = np.zeros((2, batch.rows), np.int32)
        if not self.setting.has_saves:
            return found
        allocation, limit = batch.buffers(self.setting.design)
        for unit, word in Evaluation(batch, self.setting, exact=True).by_unit.items():
            if self.of_units[unit].any():
                running = rules.selected(batch.vqs[unit.group], limit)
                leaves = word.array & verdict_bits.OUTSIDE != 0
                written = self.of_units[unit][:, largest_vqs(allocation.array), largest_vqs(running.array)]
                np.maximum(found, np.where(leaves, written, 0), out=found)
        return found

    def at_most(self, batch: Batch) -> Bytes:
        """Return an upper bound for `of_rows`, which systems reach in which nothing panics.

        Where nothing panics, each CPU that comes online saves, in whatever order.
        """
        found = np.zeros((2, batch.rows), np.int32)
        for place in self.saving:
            np.maximum(found, self.of_group(batch, place), out=found)
        return found

    def of_group(self, batch: Batch, place: int) -> Bytes:
        """Return the most bytes that a group's CPUs write where nothing panics, for each system, or for all."""
        allocation, limit = batch.buffers(self.setting.design)
        running = rules.selected(batch.vqs[place], limit)
        written = self.of_groups[place][:, largest_vqs(allocation.array), largest_vqs(running.array)]
        if place not in self._late:
            return written
        announces, refuses, _ = self.setting.design.above_maximum(has_pkvm=self.setting.has_pkvm)
        verdict = batch.late_verdict(self._late[place], announces=announces, refuses=refuses)
        return np.where(verdict.refused.array, np.int32(0), written)

    def panics(self, unit: Unit, buffer: int, running: int) -> bool:
        """Return True if a save on a unit's CPUs panics the hypervisor.

        Args:
            unit: the unit.
            buffer: the VQ that the buffer is for, from 0.
            running: the VQ that the CPU runs with, from 0.
        """
        return bool(buffer and running and self._panicking[unit][buffer - 1] >> (running - 1) & 1)

    @cached_property
    def _panicking(self) -> dict[Unit, list[int]]:
        """For each unit and each VQ that the buffer may be for, the running lengths with which its saves panic."""
        cpus, pointer = self.model.space.cpus, self.setting.design.ffr_pointer
        # A CPU whose save may panic is a unit of its own.
        places = {unit: BufferPlace.of(unit.first, cpus, self.setting.memory) for unit in self.model.units}
        vqs = range(1, VQ_MAX + 1)
        return {unit: [panicking_vqs_at(place, pointer, vq) for vq in vqs] for unit, place in places.items()}

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Upper bounds for all systems of the space, below and above: no system need be looked at once both are met."""
        design, groups = self.setting.design, self.model.space.groups
        any_early = reduce(or_, (one.any_vqs for one in groups if not one.late))
        lengths = [vq for vq in range(1, VQ_MAX + 1) if any_early >> (vq - 1) & 1]
        most = np.zeros(2, np.int32)
        # Buffers and ZCR_EL2 depend on the largest shared length and on the largest length of all early CPUs.
        for shared, seen in ((one, other) for one in lengths for other in lengths if one <= other):
            at_most = 1 << (seen - 1)
            buffer = design.allocation_vqs(1 << (shared - 1), at_most, at_most, rules.ARCHITECTURE_VQS)
            limit = design.zcr_el2_limit(1 << (shared - 1), buffer, rules.ARCHITECTURE_VQS)
            for place in self.saving:
                running = min(limit.bit_length(), groups[place].any_vqs.bit_length())
                np.maximum(most, self.of_groups[place][:, buffer.bit_length(), : running + 1].max(axis=1), out=most)
        return int(most[0]), int(most[1])

    @cached_property
    def of_groups(self) -> list[Table]:
        """For each group, the most bytes of any of its CPUs."""
        tables = [np.zeros((2, VQ_MAX + 1, VQ_MAX + 1), np.int32) for _ in self.model.space.groups]
        for unit, table in self.of_units.items():
            np.maximum(tables[unit.group], table, out=tables[unit.group])
        return tables

    @cached_property
    def of_units(self) -> dict[Unit, Table]:
        """For each unit, the most bytes of any of its CPUs."""
        return {unit: self._of_unit(unit) for unit in self.model.units}

    def _of_unit(self, unit: Unit) -> Table:
        """Return the most bytes of any CPU of a unit."""
        cpus, table = self.model.space.cpus, np.zeros((2, VQ_MAX + 1, VQ_MAX + 1), np.int32)
        of_unit = range(unit.first, unit.first + unit.cpus)
        for place in {BufferPlace.of(cpu, cpus, self.setting.memory) for cpu in of_unit}:
            for vq in range(1, VQ_MAX + 1):
                written = outside_bytes_at(place, self.setting.design.ffr_pointer, vq)
                np.maximum(table[:, vq, 1:], written, out=table[:, vq, 1:])
        return table
