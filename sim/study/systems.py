"""Systems of one space, and their intermediate results, which are computed once for all settings that share them.

A system is given by a value for the set of each group. A value is a column of many systems (`sim.study.batch`), or one
of the other values that `sim.study.value` names. The key of each cache holds those choices of a setting that its result
depends on, and no others: settings that agree in these share the result.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, reduce
from typing import Generic, NamedTuple

from sim import rules
from sim.designs import Design, Pointer, Sizing, ZcrEl2
from sim.rules import LateVerdict
from sim.scenario import MemoryLayout
from sim.study.ordering import Turn
from sim.study.save_outcomes import SaveOutcomes
from sim.study.space_model import SpaceModel, Unit
from sim.study.value import V


class Record(NamedTuple, Generic[V]):
    """The kernel's record after it has counted the early CPUs.

    The fields after `has_sve` mean something only where that mask is set.
    """

    has_sve: V
    """A mask: every bit where every early CPU has SVE, else none."""
    vq_map: V
    """The lengths that every early CPU has."""
    vq_partial_map: V
    """The lengths that some early CPU has."""
    virtualisable_vqs: V
    """Every VQ up to ``max_virtualisable_vl``."""
    pseudo_register_vqs: V
    """Every VQ up to the pseudo register's value; empty where the kernel has no such register."""


class Systems(Generic[V]):
    """Systems of one space.

    Args:
        model: what all systems of the space share.
        vqs: the set of each group, in the order of the space.
        constant: makes a value that is the same in every system from an unsigned number of 16 bits.
    """

    def __init__(self, model: SpaceModel, vqs: Sequence[V], constant: Callable[[int], V]) -> None:
        self.model, self.vqs, self.constant = model, vqs, constant
        self.none, self.every_bit = constant(0), constant(0xFFFF)
        self._verdicts: dict[tuple[int, bool, bool], LateVerdict[V]] = {}
        self._buffers: dict[tuple[Sizing, ZcrEl2], tuple[V, V]] = {}
        self._saves: dict[tuple[Unit, Pointer, MemoryLayout, Sizing, ZcrEl2], V] = {}

    @cached_property
    def record(self) -> Record[V]:
        """The kernel's record of SVE."""
        boot, *secondaries = [
            vqs for group, vqs in zip(self.model.space.groups, self.vqs, strict=True) if not group.late
        ]
        has_sve, vq_map, seen = rules.when(boot), boot, boot
        for vqs in secondaries:
            has_sve = has_sve & rules.when(vqs)
            vq_map, seen = rules.shared_with(vq_map, vqs), rules.seen_with(seen, vqs)
        floor = self.none
        if self.model.has_pseudo_registers:
            floor = reduce(rules.pseudo_register, secondaries, rules.smear(boot))
        return Record(has_sve, vq_map, seen, rules.virtualisable(vq_map, seen), floor)

    def turn(self, unit: Unit) -> Turn[V]:
        """Return the turn of a unit's first CPU."""
        return Turn(self.vqs[unit.group], self.constant(unit.rank))

    @property
    def never(self) -> Turn[V]:
        """The turn of a panic that does not happen."""
        return Turn(self.every_bit, self.every_bit)

    def late_verdict(self, unit: Unit, *, announces: bool, refuses: bool) -> LateVerdict[V]:
        """Return the verdict on a late unit, by the record of the early CPUs.

        Args:
            unit: the unit.
            announces: the design has the kernel announce a CPU above ``max_cpu_vl``.
            refuses: the design refuses such a CPU.
        """
        key = (unit.group, announces, refuses)
        if key not in self._verdicts:
            self._verdicts[key] = self._late_verdict(self.vqs[unit.group], announces=announces, refuses=refuses)
        return self._verdicts[key]

    def _late_verdict(self, own_vqs: V, *, announces: bool, refuses: bool) -> LateVerdict[V]:
        record = self.record
        findings = rules.late_findings(
            own_vqs,
            record.vq_map,
            # The maximum matters only for announcements. Without them it is a constant, 2048 bits, which no CPU is
            # above, so that nothing is computed for each system.
            record.vq_partial_map if announces else self.constant(rules.ARCHITECTURE_VQS),
            record.virtualisable_vqs,
            record.pseudo_register_vqs,
        )
        masks = (self.every_bit if one else self.none for one in (announces, refuses))
        refused, announced, passes_required = rules.late_verdict(findings, *masks)
        # A system without SVE verifies no lengths, and accepts every late CPU.
        announced = announced & record.has_sve if announces else self.none
        return LateVerdict(refused & record.has_sve, announced, passes_required)

    def buffers(self, design: Design) -> tuple[V, V]:
        """Return two sets: the length that pKVM's buffers are for, and every VQ that ZCR_EL2 lets through.

        The first has one member, or none where there are no buffers.
        """
        key = (design.buffer_sized_by, design.zcr_el2)
        if key not in self._buffers:
            vq_map, seen = self.record.vq_map, self.record.vq_partial_map
            every_vq = self.constant(rules.ARCHITECTURE_VQS)
            # KVM allocates before any late CPU, so max_cpu_vl is still the largest length of any early CPU.
            allocation = design.allocation_vqs(vq_map, seen, seen, every_vq) & self.record.has_sve
            self._buffers[key] = allocation, design.zcr_el2_limit(vq_map, allocation, every_vq)
        return self._buffers[key]

    def save_word(self, unit: Unit, design: Design, memory: MemoryLayout) -> V:
        """Return the hazards of the saves on a unit's CPUs, should they come online, as a word."""
        key = (unit, design.ffr_pointer, memory, design.buffer_sized_by, design.zcr_el2)
        if key not in self._saves:
            allocation, limit = self.buffers(design)
            outcomes = self._outcomes(unit, design, memory)
            self._saves[key] = outcomes.word(self.vqs[unit.group], limit, allocation, self.record.vq_map)
        return self._saves[key]

    def _outcomes(self, unit: Unit, design: Design, memory: MemoryLayout) -> SaveOutcomes:
        """Return the outcomes of saves on a unit's CPUs, without those that the design never lets happen there."""
        outcomes = self.model.save_outcomes(unit, design, memory)
        return outcomes.without_exceeding() if design.save_always_fits(late=unit.late) else outcomes

    def joint_save_words(
        self, online: Iterable[tuple[Unit, V]], design: Design, memory: MemoryLayout, *, all_fit: bool
    ) -> list[V]:
        """Return words whose OR is that of the saves of some units: one for all units whose hazards add up.

        Args:
            online: the units with their lengths, none where a unit is not online.
            design: the design.
            memory: the memory.
            all_fit: no save on these units exceeds its buffer.
        """
        allocation, limit = self.buffers(design)
        unions: dict[SaveOutcomes, V] = {}
        words = []
        for unit, vqs in online:
            outcomes = self._outcomes(unit, design, memory)
            if all_fit:
                outcomes = outcomes.without_exceeding()
            if outcomes.adds_up:
                unions[outcomes] = unions[outcomes] | vqs if outcomes in unions else vqs
            else:
                words.append(outcomes.word(vqs, limit, allocation, self.record.vq_map))
        joint = (outcomes.word(vqs, limit, allocation, self.record.vq_map) for outcomes, vqs in unions.items())
        return [*words, *joint]
