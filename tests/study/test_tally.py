"""Tallies of blocks equal a count of the rows, whatever the parts."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from sim.study import points
from sim.study.batch import Batch, outcome_bits
from sim.study.cell_histogram import NO_CELL, LastColumns
from sim.study.early_runs import LateCandidates
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Block, Exhaustive, Points
from sim.study.space_model import SpaceModel
from sim.study.system_space import Space
from sim.study.tally import BlockCounter, Example, Sizes, Tally, hazard_bits
from sim.study.worst_save import Worst, WorstSaves
from tests.systems import group_of

SETS = (0, 1, 3, 11, 0x8B)
Blocks = Callable[[Points, int, int], Iterator[Block]]


def space_of(weights: tuple[int, ...] = ()) -> Space:
    early = (group_of("boot", SETS, weights=weights), group_of("early", (11, 1, 3)))
    return Space((*early, group_of("late", SETS, late=True), group_of("last", SETS, late=True)), kernel="6.12")


def every_block(points: Points, start: int, stop: int) -> Iterator[Block]:
    return points.blocks(start, stop)


def distinct_blocks(points: Points, start: int, stop: int) -> Iterator[Block]:
    return points.blocks_to_count(start, stop)


def tallied(
    space: Space, spans: list[tuple[int, int]], setting: int, *, by_cell: bool = True, blocks: Blocks = every_block
) -> Tally:
    model, total = SpaceModel(space), Tally()
    worst = WorstSaves(OutsideSaves(model, space.settings[setting]), LateCandidates(model))
    last_columns = LastColumns() if by_cell else None
    for start, stop in spans:
        part = BlockCounter(worst)
        for block in blocks(Exhaustive(space), start, stop):
            batch = Batch(model, block.columns, block.rows)
            part.add(block, outcome_bits(batch, space.settings[setting]), Sizes(model, block, last_columns))
        total.merge(part.tally())
    return total


@cache
def saves_of(setting: int) -> list[tuple[int, int, int, list[int]]]:
    """The word of each row by itself, the most bytes before and after its buffers, and its sets."""
    space = space_of()
    model, rows = SpaceModel(space), []
    for point in range(space.points):
        (block,) = Exhaustive(space).blocks(point, point + 1)
        batch = Batch(model, block.columns, 1)
        word = int(outcome_bits(batch, space.settings[setting])[0])
        under, over = (int(one[0]) for one in OutsideSaves(model, space.settings[setting]).of_rows(batch))
        rows.append((word, under, over, [int(column[0]) for column in block.columns]))
    return rows


def row_by_row(weights: tuple[int, ...], setting: int) -> Tally:
    space, tally = space_of(weights), Tally()
    for point, (word, under, over, sets) in enumerate(saves_of(setting)):
        (block,) = Exhaustive(space).blocks(point, point + 1)
        tally.cells[word, (sets[0].bit_length(), sets[-1].bit_length())] += int(block.weights[0])
        tally.underrun = Worst(under, point).or_worse(tally.underrun) if under else tally.underrun
        tally.overrun = Worst(over, point).or_worse(tally.overrun) if over else tally.overrun
        size = Example(max(vqs.bit_length() for vqs in sets), sum(vqs.bit_count() for vqs in sets), point)
        for bit in hazard_bits(word):
            tally.first.setdefault(bit, point)
            tally.smallest[bit] = min(size, tally.smallest.get(bit, size))
    return tally


@pytest.mark.no_cover
@pytest.mark.parametrize("weights", [(), (1, 2, 3, 4, 5), (1 << 32, 1, 1 << 27, 7, 3)], ids=["none", "small", "large"])
def test_tallies_of_parts_in_any_order_are_a_count_of_every_row(
    monkeypatch: pytest.MonkeyPatch, weights: tuple[int, ...]
) -> None:
    space = space_of(weights)
    spans = [(start, min(start + 17, space.points)) for start in range(0, space.points, 17)]
    random.Random(1).shuffle(spans)  # noqa: S311 (an order, not a secret)
    for setting in (0, 1, 8, 10, 11, 13):
        expected = row_by_row(weights, setting)
        for rows in (1 << 15, 30, 1):
            monkeypatch.setattr(points, "BLOCK_ROWS", rows)
            assert tallied(space, [(0, space.points)], setting) == expected
            assert tallied(space, spans, setting) == expected
            without_cells = tallied(space, spans, setting, by_cell=False)
            assert without_cells.words == expected.words
            assert {cell for _, cell in without_cells.cells} == {NO_CELL}
            assert replace(without_cells, cells=expected.cells) == expected
    assert sum(expected.words.values()) == sum(weights or [1] * 5) * 3 * 5 * 5


@pytest.mark.no_cover
@pytest.mark.parametrize("rows", [1 << 15, 12, 7, 1])
@pytest.mark.parametrize("weights", [(), (1, 3, 2)])
def test_of_blocks_that_differ_by_an_exchange_of_groups_one_is_counted_for_all(
    monkeypatch: pytest.MonkeyPatch, rows: int, weights: tuple[int, ...]
) -> None:
    monkeypatch.setattr(points, "BLOCK_ROWS", rows)
    early = [group_of(f"early{n}", (0x8B, 1, 11), weights=weights) for n in range(4)]
    late = [group_of(f"late{n}", (11, 0x8B, 1), late=True) for n in range(2)]
    space = Space((group_of("boot", (1, 11)), *early, *late), kernel="6.12")
    assert any(len(places) > 1 and places[-1] < 5 for places in space.classes), "early groups that are interchangeable"
    half = space.points // 2 + 5
    for setting in range(0, len(space.settings), 2):
        for spans in ([(0, space.points)], [(0, half), (half, space.points)]):
            for by_cell in (True, False):
                expected = tallied(space, spans, setting, by_cell=by_cell)
                assert tallied(space, spans, setting, by_cell=by_cell, blocks=distinct_blocks) == expected
    all_rows, few_rows = (
        sum(one.rows for one in blocks(Exhaustive(space), 0, space.points)) for blocks in (every_block, distinct_blocks)
    )
    assert few_rows < all_rows if rows < 1 << 15 else few_rows == all_rows == space.points


def test_a_batch_that_is_all_alike_is_counted_by_weight() -> None:
    space = Space((group_of("boot", (3, 1), weights=(5, 7)),), kernel="6.12")
    assert tallied(space, [(0, 2)], 0).words == Counter({0: 12})
    assert isinstance(tallied(space, [(0, 2)], 0).words[0], int)
