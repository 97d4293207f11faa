"""The points of a space: all of them, all up to symmetry, or a sample, whatever the size of a block."""

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import InputError
from sim.study import point_digits, points
from sim.study.points import Block, Exhaustive, Points, Sample, UpToSymmetry, sets_at
from sim.study.system_space import Space, legal_vqs
from tests.examples import examples
from tests.systems import group_of

SETS = (0, 1, 3, 11)


@pytest.fixture(params=[1 << 15, 7, 1], ids=lambda rows: f"blocks of {rows}")
def block_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The most rows in a block."""
    rows = int(request.param)
    monkeypatch.setattr(points, "BLOCK_ROWS", rows)
    return rows


def listed(walk: Points, start: int, stop: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each point's sets and weight, from its block."""
    at = start
    for block in walk.blocks(start, stop):
        assert block.first == at
        at += block.rows
        yield from rows_of(block)
    assert at == stop


def rows_of(block: Block) -> Iterator[tuple[tuple[int, ...], int]]:
    """The sets and the weight of each row of a block."""
    columns = [np.broadcast_to(column, block.rows).tolist() for column in block.columns]
    weights = np.broadcast_to(block.weights, block.rows).tolist()
    yield from zip(zip(*columns, strict=True), weights, strict=True)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    groups = []
    for number in range(draw(st.integers(1, 5))):
        sets = tuple(draw(st.lists(st.sampled_from(SETS), min_size=1, max_size=3, unique=True)))
        weights = tuple(draw(st.sampled_from([1, 2, 5])) for _ in sets)
        late = number > 0 and draw(st.booleans())
        groups.append(group_of(f"g{number}", sets, draw(st.integers(1, 2)), late, weights))
    return Space(tuple(groups), kernel="6.12")


@settings(examples(0.3), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spaces(), st.data())
def test_a_walk_through_all_points_is_the_product_of_the_candidates(
    block_rows: int, space: Space, data: st.DataObject
) -> None:
    assert block_rows
    expected = [
        (tuple(vqs for vqs, _ in point), prod(weight for _, weight in point))
        for point in product(*(zip(one.sets_vqs, one.weights, strict=True) for one in space.groups))
    ]
    walk = Exhaustive(space)
    start = data.draw(st.integers(0, space.points))
    stop = data.draw(st.integers(start, space.points))
    assert list(listed(walk, start, stop)) == expected[start:stop]


@settings(examples(0.3), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spaces(), st.sampled_from([Exhaustive, UpToSymmetry]), st.data())
def test_blocks_to_count_are_the_first_of_those_that_are_alike_with_the_weight_of_all(
    block_rows: int, space: Space, walk_of: type[Exhaustive | UpToSymmetry], data: st.DataObject
) -> None:
    assert block_rows
    walk = walk_of(space)
    start = data.draw(st.integers(0, walk.points))
    stop = data.draw(st.integers(start, walk.points))
    every, few = list(walk.blocks(start, stop)), list(walk.blocks_to_count(start, stop))
    places = [(one.first, one.rows) for one in few]
    assert places == sorted(set(places))
    assert set(places) <= {(one.first, one.rows) for one in every}
    assert weights_of(space, few) == weights_of(space, every)
    assert walk.rows_to_count(start, stop) == sum(one.rows for one in few)


def weights_of(space: Space, blocks: list[Block]) -> Counter[tuple[object, ...]]:
    """The weights of all points of some blocks, points that are alike together."""
    found: Counter[tuple[object, ...]] = Counter()
    for block in blocks:
        for sets, weight in rows_of(block):
            found[alike(space, sets)] += weight
    return found


@settings(examples(0.3), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spaces(), st.sampled_from([1 << 20, 1]), st.data())
def test_up_to_symmetry_every_point_is_counted_as_often_as_there_are_points_like_it(
    block_rows: int, monkeypatch: pytest.MonkeyPatch, space: Space, cached: int, data: st.DataObject
) -> None:
    assert block_rows
    monkeypatch.setattr(point_digits, "_MOST_CACHED", cached)
    walk = UpToSymmetry(space)
    assert walk.points == space.points_up_to_symmetry
    counted: Counter[tuple[object, ...]] = Counter()
    for sets, weight in listed(walk, 0, walk.points):
        counted[alike(space, sets)] += weight
    expected: Counter[tuple[object, ...]] = Counter()
    for sets, weight in listed(Exhaustive(space), 0, space.points):
        expected[alike(space, sets)] += weight
    assert counted == expected
    start = data.draw(st.integers(0, walk.points - 1))
    assert next(sets for sets, _ in listed(walk, start, walk.points)) == sets_at(walk, start)


def alike(space: Space, sets: tuple[int, ...]) -> tuple[object, ...]:
    """A key that is equal for points that differ by an exchange of interchangeable groups."""
    return tuple(tuple(sorted(sets[place] for place in places)) for places in space.classes)


def test_up_to_symmetry_small_candidates_come_first() -> None:
    space = Space((group_of("boot", (1,)), *(group_of(f"late{n}", SETS, late=True) for n in range(3))), kernel="6.12")
    largest = [max(sets) for sets, _ in listed(UpToSymmetry(space), 0, space.points_up_to_symmetry)]
    assert largest == sorted(largest)


def test_a_drawn_point_is_the_same_whatever_is_asked_for_beside_it() -> None:
    space = Space((group_of("boot", SETS, weights=(1, 2, 3, 4)), group_of("late", (1, 3), late=True)))
    sample = Sample(space, 100_000, 1)
    every = list(listed(sample, 0, sample.points))
    assert list(listed(sample, 40_000, 70_000)) == every[40_000:70_000]
    assert [sets for sets, _ in every[50_000:50_001]] == [sets_at(sample, 50_000)]
    assert list(listed(Sample(space, 10_000, 1), 0, 10_000)) == every[:10_000]
    assert list(listed(Sample(space, 10_000, 2), 0, 10_000)) != every[:10_000]
    assert {weight for _, weight in every} == {1}


def test_points_are_drawn_by_weight_and_groups_independently() -> None:
    space = Space((group_of("boot", SETS, weights=(1, 2, 3, 4)), group_of("late", (1, 3), late=True)))
    drawn = Counter(sets for sets, _ in listed(Sample(space, 100_000, 3), 0, 100_000))
    for (boot, weight), late in product(zip(SETS, (1, 2, 3, 4), strict=True), (1, 3)):
        assert drawn[boot, late] == pytest.approx(100_000 * weight / 20, rel=0.05)


def test_more_points_than_can_be_walked_through_are_refused_with_their_number_and_a_way_out() -> None:
    many = Space(tuple(group_of(f"g{n}", legal_vqs(768)) for n in range(12)))
    assert many.points == len(legal_vqs(768)) ** 12
    with pytest.raises(InputError, match=rf"{many.points:,} points are too many .* take a sample"):
        Exhaustive(many)
    with pytest.raises(InputError, match=r"the weights of all points amount to .* take a sample"):
        UpToSymmetry(Space(tuple(group_of(f"g{n}", (1,), weights=(1 << 32,)) for n in range(3))))
    for points_ in (0, 10**12 + 1):
        with pytest.raises(InputError, match=r"allowed are 1 to 1,000,000,000,000"):
            Sample(many, points_, 0)


def test_a_point_that_is_not_there_is_refused() -> None:
    walk = Exhaustive(Space((group_of("a", SETS), group_of("b", SETS))))
    assert sets_at(walk, 15) == (11, 11)
    for number in (-1, 16):
        with pytest.raises(InputError, match="there are 16, counted from 0"):
            sets_at(walk, number)


def test_lengths_that_no_group_shares_with_any_other_are_walked_through_too() -> None:
    groups = tuple(group_of(f"g{n}", legal_vqs(128 * (n + 1)), late=n > 0) for n in range(4))
    walk = UpToSymmetry(Space(groups))
    assert walk.points == reduce(lambda so_far, one: so_far * len(one.sets), groups, 1)
