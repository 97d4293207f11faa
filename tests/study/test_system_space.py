"""Spaces: how many points they have, which groups are interchangeable, and what a point's scenario is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.designs import DESIGNS
from sim.errors import InputError
from sim.scenario import Do
from sim.study.points import Exhaustive, sets_at
from sim.study.system_space import Group, Space, legal_vqs, power_of_two_vqs
from sim.vectors import SveRule, why_not_sve
from tests.systems import group_of, point_of

THREE = (1, 3, 11)


@pytest.mark.parametrize("up_to_bits", [0, 1, 4, 64, 200, 2176, 1 << 20, -128])
def test_sets_are_asked_for_up_to_a_vector_length_in_bits(up_to_bits: int) -> None:
    for sets in (legal_vqs, power_of_two_vqs):
        with pytest.raises(InputError, match=f"{up_to_bits} bits is not a vector length: allowed are multiples of 128"):
            sets(up_to_bits)


@pytest.mark.parametrize("rule", SveRule)
@pytest.mark.parametrize("up_to_vq", [1, 2, 3, 4, 8, 16])
def test_legal_sets_are_exactly_those_that_the_rule_allows(up_to_vq: int, rule: SveRule) -> None:
    legal = legal_vqs(up_to_vq * 128, rule)
    assert list(legal) == [vqs for vqs in range(1, 1 << up_to_vq) if why_not_sve(vqs, rule) is None]


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 2), st.sampled_from([THREE, (1, 3)])), min_size=1, max_size=5))
def test_counts_are_those_of_listing_everything(kinds: list[tuple[bool, int, tuple[int, ...]]]) -> None:
    groups = [group_of("boot", THREE)]
    groups += [group_of(f"g{n}", sets, cpus, late) for n, (late, cpus, sets) in enumerate(kinds)]
    space = Space(tuple(groups))
    points = list(product(*(one.sets_vqs for one in space.groups)))
    assert len(points) == space.points
    walk = Exhaustive(space)
    assert [sets_at(walk, point) for point in range(space.points)] == points
    reduced = {tuple(tuple(sorted(point[place] for place in places)) for places in space.classes) for point in points}
    assert len(reduced) == space.points_up_to_symmetry


def test_a_points_scenario_goes_by_sets_then_by_numbers() -> None:
    groups = (
        group_of("boot", THREE),
        group_of("pair", THREE, cpus=2),
        group_of("x", THREE, late=True),
        group_of("y", THREE, late=True),
    )
    space = Space(groups, kernel="6.12")
    scenario = point_of(space, (3, 11, 11, 1), space.settings[0])
    assert [one.name for one in scenario.topology.cpus] == ["boot", "pair0", "pair1", "x", "y"]
    done = [(action.do, action.cpu) for action in scenario.actions]
    assert done[:2] == [(Do.ONLINE, "y"), (Do.ONLINE, "x")]
    assert done[2:] == [(Do.GUEST, name) for name in ("y", "boot", "pair0", "pair1", "x")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: group_of("a", ()), "has no candidate sets"),
        (lambda: group_of("a", (1, 1)), "a candidate set twice"),
        (lambda: group_of("a", (1,), cpus=0), "the least is 1"),
        (lambda: group_of("a", (1, 3), weights=(1,)), "a weight from 1 to 4,294,967,296 for each"),
        (lambda: group_of("a", (1, 3), weights=(1, 0)), "a weight from 1 to 4,294,967,296 for each"),
        (lambda: group_of("", (1,)), "a group has no name"),
        (lambda: group_of("a\nb", (1,)), "cannot be printed"),
        (lambda: group_of("a" * 61, (1,)), "has 61 characters: the most is 60"),
        (lambda: group_of("a" * 60, (1,), cpus=2), "a1' has 61 characters: the most is 60"),
        (lambda: group_of("a", (1, 3), weights=(1, 1 << 33)), "a weight from 1 to 4,294,967,296 for each"),
        (lambda: Space((group_of("a", (1,)),), name="p\nq"), "cannot be printed"),
        (lambda: Space((group_of("a", (1,)),), designs=()), "a space needs a design"),
        (lambda: Space((group_of("a", (1,)),), designs=(DESIGNS["tabba"],) * 2), "two designs are named 'tabba'"),
        (lambda: Space(()), "1 to 64 groups, not 0"),
        (lambda: Space((group_of("a", (1,), late=True),)), "the first group holds the boot CPU"),
        (lambda: Space((group_of("a", (1,)), group_of("a", (1,)))), "two groups are named 'a'"),
        (lambda: Space((group_of("a", (1,), cpus=70_000),)), "at most 65,536 CPUs, not 70,000"),
        (lambda: sets_at(Exhaustive(Space((group_of("a", THREE),))), 3), "there is no point 3: there are 3"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()  # type: ignore[operator]


def test_a_point_is_given_by_a_set_for_each_group() -> None:
    space = Space((Group("a", [[128, 256]]), Group("b", [[128], None], late=True)))
    cpus = space.scenario([[128, 256], None], space.settings[0]).topology.cpus
    assert [one.sve_bits for one in cpus] == [(128, 256), None]
    with pytest.raises(InputError, match=r"^Space.scenario: sets_bits has 1 set for 2 groups: give one for each$"):
        space.scenario([[128]], space.settings[0])
    with pytest.raises(InputError, match=r"^Space.scenario: sets_bits\[0\] is 3 \(a whole number\): allowed is a list"):
        space.scenario([3, 1], space.settings[0])  # type: ignore[list-item]


def test_lists_and_numpy_numbers_are_taken() -> None:
    group = Group("a", [np.array([128, 256]), [np.uint16(128)]], weights=[np.int64(2), 1])  # type: ignore[list-item]
    assert group == group_of("a", (3, 1), weights=(2, 1))
    assert {type(one) for one in (*group.sets_vqs, *group.weights)} == {int}
