"""The bytes that saves write out of bounds, as a batch has them, are those of boots."""

import random
from dataclasses import replace

import pytest

from sim import DESIGNS, KvmMode, MemoryLayout, Pointer, Relay, Setting, Space, boot
from sim.hazard_kinds import HazardKind
from sim.study.batch import Batch
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Sample, sets_at
from sim.study.space_model import SpaceModel
from tests.systems import group_of, point_of

SETS = (0, 1, 3, 11, 0x8B, 0x808B)
RUNNING = replace(DESIGNS["v6.11"], name="running", ffr_pointer=Pointer.RDVL)
DRAWN = 60


def space(memory: MemoryLayout) -> Space:
    groups = (
        group_of("boot", SETS[1:]),
        group_of("early", SETS[1:], cpus=4),
        group_of("late", SETS, late=True, cpus=3),
    )
    designs = (DESIGNS["v6.11"], DESIGNS["tabba"], DESIGNS["constrain-v1"], RUNNING)
    return Space(groups, "6.12", designs, (Relay.RELAXED,), (KvmMode.PROTECTED, KvmMode.NVHE), (memory,))


def booted(systems: Space, sets: tuple[int, ...], setting: Setting) -> tuple[int, int]:
    found = [one for one in boot(point_of(systems, sets, setting)).found if one.kind is HazardKind.OUT_OF_BOUNDS_WRITE]
    return max((one.underrun_bytes for one in found), default=0), max((one.overrun_bytes for one in found), default=0)


@pytest.mark.parametrize("memory", MemoryLayout)
def test_bytes_are_those_of_boots(memory: MemoryLayout) -> None:
    systems = space(memory)
    model, points = SpaceModel(systems), Sample(systems, DRAWN, 4)
    (block,) = points.blocks(0, DRAWN)
    batch, chosen = Batch(model, block.columns, block.rows), random.Random(memory)  # noqa: S311 (a choice, not a secret)
    shown = 0
    for setting in systems.settings:
        under, over = OutsideSaves(model, setting).of_rows(batch)
        shown += int((under + over).any())
        for row in chosen.sample(range(DRAWN), 12):
            assert (int(under[row]), int(over[row])) == booted(systems, sets_at(points, row), setting)
    # Around isolated buffers nothing is mapped: the first store outside panics the hypervisor.
    assert bool(shown) == (memory is not MemoryLayout.ISOLATED)
