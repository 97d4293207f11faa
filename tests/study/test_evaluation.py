"""Evaluations equal boots under choices that no named design makes, and at lengths above 512 bits."""

from dataclasses import replace
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from sim.designs import DESIGNS, LateCpu, LateStore, Pointer
from sim.hazard_kinds import HazardKind
from sim.scenario import KvmMode, MemoryLayout, Relay
from sim.study.batch import Batch, outcome_bits, verdict
from sim.study.evaluation import outcome_key
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting, Space
from tests.study.test_batch import SMALL, assert_equal, columns, space_of
from tests.systems import group_of

LATE_CHOICES = (
    (LateCpu.WARNED, LateStore.SKIPPED),
    (LateCpu.REFUSED, LateStore.SKIPPED),
    (LateCpu.RAISES, LateStore.SKIPPED),
    (LateCpu.RAISES, LateStore.WORKS),
)


@pytest.mark.parametrize(("early", "late"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("choice", LATE_CHOICES, ids=lambda choice: f"{choice[0]}, store {choice[1]}")
def test_every_answer_to_a_late_cpu_above_the_maximum(choice: tuple[LateCpu, LateStore], early: int, late: int) -> None:
    late_cpu, late_store = choice
    design = replace(DESIGNS["v6.11"], name="answer", late_cpu=late_cpu, late_store=late_store)
    setting = Setting(design, Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.ADJACENT)
    space = replace(space_of(early, late, "6.12"), designs=(design,))
    assert_equal(space, list(product(SMALL, repeat=early + late)), setting)


@pytest.mark.parametrize("memory", MemoryLayout)
@pytest.mark.parametrize("pointer", Pointer)
def test_saves_between_every_two_lengths(pointer: Pointer, memory: MemoryLayout) -> None:
    design = replace(DESIGNS["v6.11"], name="pointer", ffr_pointer=pointer)
    setting = Setting(design, Relay.RELAXED, KvmMode.PROTECTED, memory)
    points: list[tuple[int, ...]] = []
    for allocation_vq, running_vq in combinations_with_replacement(range(1, 17), 2):
        buffer = 1 | 1 << (allocation_vq - 1)
        points.append((buffer, buffer | 1 << (running_vq - 1), buffer))
    sets = tuple(sorted({vqs for point in points for vqs in point}))
    groups = tuple(group_of(name, sets) for name in ("boot", "wide", "last"))
    space = Space(groups, "6.12", (design,), (Relay.RELAXED,), memories=(memory,))
    assert_equal(space, points, setting)


def settings() -> list[Setting]:
    names = product(DESIGNS.values(), Relay, (KvmMode.PROTECTED, KvmMode.NVHE), MemoryLayout)
    return [Setting(*one) for one in names]


def test_settings_with_one_key_have_one_word() -> None:
    space = Space(
        (group_of("boot", SMALL), group_of("early", SMALL), group_of("late", SMALL, late=True)),
        "6.12",
        kvm_modes=(KvmMode.PROTECTED, KvmMode.NVHE),
        memories=tuple(MemoryLayout),
    )
    points = list(product(SMALL, repeat=3))
    words = words_of(space, points)
    assert 1 < len({outcome_key(setting) for setting in settings()}) < len(settings())
    for one, other in product(settings(), settings()):
        if outcome_key(one) == outcome_key(other):
            assert words[one] == words[other], (one, other)


def words_of(space: Space, points: list[tuple[int, ...]]) -> dict[Setting, list[int]]:
    """Each setting's words."""
    batch = Batch(SpaceModel(space), columns(points), len(points))
    return {one: np.broadcast_to(outcome_bits(batch, one), len(points)).tolist() for one in settings()}


@pytest.mark.parametrize("early", [65_534, 65_535])
def test_the_last_of_the_most_cpus_can_panic_the_kernel(early: int) -> None:
    """Its set has every length, and its rank among CPUs every bit, as that of a panic that never happens has."""
    groups = (group_of("early", (1,), cpus=early), group_of("late", (0xFFFF,), late=True))
    space = Space(
        groups, "6.12", (DESIGNS["brown-v4"],), (Relay.RELAXED,), (KvmMode.PROTECTED,), (MemoryLayout.MAPPED,)
    )
    (setting,) = space.settings
    batch = Batch(SpaceModel(space), columns([(1, 0xFFFF)]), 1)
    assert verdict(batch, setting).hazards[HazardKind.KERNEL_PANIC].tolist() == [1]


def test_a_batch_has_a_column_for_each_group() -> None:
    batch = Batch(SpaceModel(space_of(2, 1, "6.12")), columns([(1, 3)]), 1)
    with pytest.raises(ValueError, match="shorter"):
        outcome_bits(batch, settings()[0])
