"""Compiled words are the plain ones, faster; and the steps are the same on ints as on columns."""

from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.designs import DESIGNS
from sim.scenario import KvmMode, MemoryLayout
from sim.study import ordering, verdict_bits
from sim.study.batch import Batch, SpaceModel
from sim.study.evaluate import outcome_bits
from sim.study.ordering import NEVER, Turn
from sim.study.points import Sample
from sim.study.system_space import Group, Space, legal_sets
from tests.examples import examples
from tests.systems import DESIGN

STEPS = ("found", "saved", "saved_at", "late", "announced_with", "told_of")
EDGES = np.array([0, 1, 2, 0x8000, 0xFFFF, 0x7FFF, 0x8001, 0b1011], np.uint16)


def columns_of(columns: int, rows: int) -> list[np.ndarray[tuple[int], np.dtype[np.uint16]]]:
    stream = np.random.default_rng(columns)
    return [
        np.concatenate([stream.permutation(EDGES), stream.integers(0, 1 << 16, rows - len(EDGES)).astype(np.uint16)])
        for _ in range(columns)
    ]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_on_ints_is_the_one_on_columns(name: str) -> None:
    step = getattr(verdict_bits, name)
    columns = columns_of(len(signature(step).parameters), 200)
    for row, expected in enumerate(step(*columns).tolist()):
        assert step(*(int(column[row]) for column in columns)) & 0xFFFF == expected


def test_turns_are_in_the_order_of_sets_and_then_ranks() -> None:
    vqs, rank, word, other = columns_of(4, 5000)
    rank = (rank & np.uint16(0xFF)).astype(np.uint16)
    place = np.array([7], np.uint16)
    plain = list(zip(vqs.tolist(), rank.tolist(), strict=True))
    one, two = Turn(vqs, rank), Turn(other, place)
    earlier = [(2**16 - 1) * (a < (b, 7)) for a, b in zip(plain, other.tolist(), strict=True)]
    assert ordering.precedes(one, two).tolist() == earlier
    first = ordering.earliest(one, word, 2, two)
    pairs = zip(plain, zip(word.tolist(), other.tolist(), strict=True), strict=True)
    assert list(zip(first.vqs.tolist(), first.rank.tolist(), strict=True)) == [
        min(a, (b, 7)) if w & 2 else a for a, (w, b) in pairs
    ]
    assert ordering.ever(one).all()
    assert not ordering.ever(ordering.earliest(NEVER, np.zeros(5000, np.uint16), 2, one)).any()


@examples(0.4)
@given(st.data())
def test_compiled_words_are_the_plain_ones(data: st.DataObject) -> None:
    compiled = pytest.importorskip(
        "sim.study.compiled_batch", reason="llvmlite is not installed: the extra asymboot[sweep] is not tested"
    )
    up_to = data.draw(st.sampled_from([2, 4, 8, 16]))
    sets = tuple(data.draw(st.lists(st.sampled_from((0, *legal_sets(up_to))), min_size=1, max_size=6, unique=True)))
    roles = [False, *data.draw(st.lists(st.booleans(), max_size=6))]
    groups = tuple(Group(f"g{n}", sets, data.draw(st.integers(1, 2)), late) for n, late in enumerate(roles))
    memory, mode = data.draw(st.sampled_from(MemoryLayout)), data.draw(st.sampled_from(KvmMode))
    drawn = data.draw(st.lists(DESIGN, min_size=1, max_size=4) | st.just(list(DESIGNS.values())))
    designs = [replace(design, name=f"drawn {number}") for number, design in enumerate(drawn)]
    series = data.draw(st.sampled_from(["6.1", "6.12"]))
    space = Space(groups, series, tuple(designs), memories=(memory,), kvm_modes=(mode,))
    layout = SpaceModel(space)
    rows = data.draw(st.sampled_from([0, 1, 3, 300]))
    blocks = list(Sample(space, 300, 1).blocks(0, rows)) or [next(Sample(space, 1, 1).blocks(0, 1)).part(0, 0)]
    for block in blocks:
        plain = Batch(layout, block.columns, block.rows)
        fast = compiled.CompiledWords(layout, space.settings)(block.columns, block.rows)
        for setting, word in zip(space.settings, fast, strict=True):
            assert word.tolist() == np.broadcast_to(outcome_bits(plain, setting), block.rows).tolist()


def test_many_settings_are_compiled_as_several_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = pytest.importorskip("sim.study.compiled_batch", reason="llvmlite is not installed")
    monkeypatch.setattr(compiled, "_MOST_IN_A_LOOP", 6)
    sets = (0, *legal_sets(4))
    space = Space((Group("boot", sets), Group("late", sets, late=True)), "6.12", memories=tuple(MemoryLayout))
    (block,) = Sample(space, 200, 3).blocks(0, 200)
    layout = SpaceModel(space)
    plain = Batch(layout, block.columns, block.rows)
    fast = compiled.CompiledWords(layout, space.settings)(block.columns, block.rows)
    for setting, word in zip(space.settings, fast, strict=True):
        assert (word == outcome_bits(plain, setting)).all()
