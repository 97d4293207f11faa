"""Compiled steps are the plain ones, faster."""

from functools import cache
from inspect import signature

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.scenario import KvmMode, Surroundings
from sim.study import steps
from sim.study.batch import NUMPY, Batch, Layout, Steps
from sim.study.judge import words
from sim.study.points import Sample
from sim.study.space import Group, Space, legal_sets

pytest.importorskip("numba", reason="numba is not installed: the extra asymboot[fast] is not tested")


@cache
def compiled() -> Steps:
    from sim.study.compiled import compiled_steps  # noqa: PLC0415

    return compiled_steps()


STEPS = ("found", "saved", "late", "announced_with", "told_of")
EDGES = np.array([0, 1, 2, 0x8000, 0xFFFF, 0x7FFF, 0x8001, 0b1011], np.uint16)


def drawn(columns: int, rows: int) -> list[np.ndarray[tuple[int], np.dtype[np.uint16]]]:
    stream = np.random.default_rng(columns)
    return [
        np.concatenate([stream.permutation(EDGES), stream.integers(0, 1 << 16, rows - len(EDGES)).astype(np.uint16)])
        for _ in range(columns)
    ]


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("rows", [8, 4099])
def test_a_compiled_step_is_the_plain_one(name: str, rows: int) -> None:
    plain, fast = getattr(NUMPY, name), getattr(compiled(), name)
    columns = drawn(len(signature(plain).parameters), rows)
    assert (plain(*columns) == fast(*columns)).all()
    same = [columns[0], *(column[:1] for column in columns[1:])]
    assert (plain(*same) == fast(*same)).all()
    assert (plain(*(column[:1] for column in columns)) == fast(*(column[:1] for column in columns))).all()


@pytest.mark.parametrize("name", STEPS)
def test_a_step_on_ints_is_the_one_on_columns(name: str) -> None:
    plain = getattr(steps, name)
    columns = drawn(len(signature(plain).parameters), 200)
    for row, expected in enumerate(getattr(NUMPY, name)(*columns).tolist()):
        assert plain(*(int(column[row]) for column in columns)) & 0xFFFF == expected


@pytest.mark.parametrize("name", ["earliest", "until", "before", "up_to"])
def test_compiled_turns_are_the_plain_ones(name: str) -> None:
    word, own, rank, other = drawn(4, 5000)
    panic = (other.astype(np.uint32) << 16) | rank
    arguments = {
        "earliest": (panic, word, np.array([2], np.uint16), own, rank[:1]),
        "until": (word, own, rank[:1], panic),
        "before": (own, rank, panic),
        "up_to": (own, rank, panic),
    }[name]
    plain, fast = getattr(NUMPY, name)(*arguments), getattr(compiled(), name)(*arguments)
    assert plain.dtype == fast.dtype
    assert (plain == fast).all()


@pytest.mark.parametrize("rows", [0, 1, 5, 10_000])
def test_words_are_counted_alike(rows: int) -> None:
    word = np.random.default_rng(1).integers(0, steps.WORDS, rows).astype(np.uint16)
    assert (compiled().counts(word) == NUMPY.counts(word)).all()


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_whole_batches_come_to_the_same_words(data: st.DataObject) -> None:
    up_to = data.draw(st.sampled_from([2, 4, 8, 16]))
    sets = tuple(data.draw(st.lists(st.sampled_from((0, *legal_sets(up_to))), min_size=1, max_size=6, unique=True)))
    roles = [False, *data.draw(st.lists(st.booleans(), max_size=6))]
    groups = tuple(Group(f"g{n}", sets, data.draw(st.integers(1, 2)), late) for n, late in enumerate(roles))
    memory, mode = data.draw(st.sampled_from(Surroundings)), data.draw(st.sampled_from(KvmMode))
    space = Space(groups, data.draw(st.sampled_from(["6.1", "6.12"])), memories=(memory,), kvm_modes=(mode,))
    layout = Layout(space)
    (block,) = Sample(space, 300, 1).blocks(0, 300)
    plain = Batch(layout, block.columns, block.rows)
    fast = Batch(layout, block.columns, block.rows, compiled())
    for setting in space.settings:
        assert (words(plain, setting) == words(fast, setting)).all()
