"""The search for the worst save finds what an evaluation of every row finds."""

import random
from dataclasses import replace

import numpy as np
import pytest

from sim import DESIGNS, KvmMode, MemoryLayout, Pointer, Relay, Setting, Space, boot
from sim.hazard_kinds import HazardKind
from sim.study import early_runs, verdict_bits, worst_save
from sim.study.batch import Batch, outcome_bits
from sim.study.early_runs import EarlyRuns, LateCandidates
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Exhaustive, Points, Sample, UpToSymmetry, sets_at
from sim.study.space_model import SpaceModel
from sim.study.worst_save import Worst, WorstSaves
from tests.systems import group_of, point_of

SETS = (0, 1, 3, 7, 11, 0x8B, 0x808B, 0x7F, 0xFFFF)
RUNNING = replace(DESIGNS["v6.11"], name="running", ffr_pointer=Pointer.RDVL)
DRAWN = 500


def drawn_space(seed: int) -> Space:
    """Draw a space of a few hundred points at most; CPUs at both ends of the buffers may panic."""
    draw = random.Random(seed)  # noqa: S311 (a choice, not a secret)
    groups = [
        group_of(
            f"g{number}",
            tuple(draw.sample(SETS, draw.randint(1, 4))),
            cpus=draw.choice((1, 1, 2, 5)),
            late=number > 0 and draw.random() < 0.6,
        )
        for number in range(draw.randint(2, 4))
    ]
    return Space(
        tuple(groups),
        draw.choice(("6.1", "6.12")),
        (*DESIGNS.values(), RUNNING),
        tuple(Relay),
        (KvmMode.PROTECTED,),
        (draw.choice(tuple(MemoryLayout)),),
    )


def every_row(saves: OutsideSaves, points: Points, way: int) -> Worst | None:
    (block,) = points.blocks(0, points.points)
    bytes_ = saves.of_rows(Batch(saves.model, block.columns, block.rows))[way]
    most = int(bytes_.argmax())
    return Worst(int(bytes_[most]), most) if bytes_[most] else None


def searched(saves: OutsideSaves, points: Points, rows: int) -> list[Worst | None]:
    """Search the points in pieces."""
    search, found = WorstSaves(saves, LateCandidates(saves.model)), list[Worst | None]([None, None])
    for start in range(0, points.points, rows):
        for block in points.blocks(start, min(start + rows, points.points)):
            words = outcome_bits(Batch(saves.model, block.columns, block.rows), saves.setting)
            under, over = (0 if one is None else one.bytes for one in found)
            if verdict_bits.OUTSIDE & np.bitwise_or.reduce(words) and search.may_exceed(under, over):
                worse = search.find(block, words, EarlyRuns(saves.model, block), under, over)
                found = [one or other for one, other in zip(worse, found, strict=True)]
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("most_runs", [0, 1 << 16], ids=["by row", "by run"])
def test_the_search_finds_the_first_row_with_the_most_bytes(
    monkeypatch: pytest.MonkeyPatch, seed: int, most_runs: int
) -> None:
    monkeypatch.setattr(early_runs, "_MOST_RUNS", most_runs)
    monkeypatch.setattr(worst_save, "_FIRST_ROWS", 5)
    space = drawn_space(seed)
    model = SpaceModel(space)
    settings = random.Random(seed).sample([one for one in space.settings if one.has_saves], 6)  # noqa: S311 (as above)
    for points in (Exhaustive(space), UpToSymmetry(space), Sample(space, DRAWN, seed)):
        for setting in settings:
            saves = OutsideSaves(model, setting)
            expected = [every_row(saves, points, way) for way in range(2)]
            for rows in (points.points, 61):
                assert searched(saves, points, rows) == expected


def worst_of_boot(space: Space, sets: tuple[int, ...], setting: Setting) -> list[int]:
    found = [one for one in boot(point_of(space, sets, setting)).found if one.kind is HazardKind.OUT_OF_BOUNDS_WRITE]
    return [
        max((one.underrun_bytes for one in found), default=0),
        max((one.overrun_bytes for one in found), default=0),
    ]


@pytest.mark.parametrize("seed", range(100, 103))
def test_the_worst_saves_are_those_of_boots(seed: int) -> None:
    space = drawn_space(seed)
    model, points = SpaceModel(space), Sample(space, 25, seed)
    for setting in random.Random(seed).sample(space.settings, 6):  # noqa: S311 (a choice, not a secret)
        booted = [worst_of_boot(space, sets_at(points, number), setting) for number in range(points.points)]
        found = searched(OutsideSaves(model, setting), points, 10) if setting.has_saves else [None, None]
        assert [0 if one is None else one.bytes for one in found] == np.max(booted, axis=0).tolist()


def test_no_system_exceeds_the_bounds_of_its_space() -> None:
    for seed in range(8):
        space = drawn_space(seed)
        model, points = SpaceModel(space), Exhaustive(space)
        for setting in space.settings:
            if setting.has_saves:
                saves = OutsideSaves(model, setting)
                below, above = (every_row(saves, points, way) for way in range(2))
                assert below is None or below.bytes <= saves.bounds[0]
                assert above is None or above.bytes <= saves.bounds[1]
