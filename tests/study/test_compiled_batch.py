"""A compiled batch has the words of a plain one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.designs import DESIGNS
from sim.scenario import KvmMode, MemoryLayout
from sim.study.batch import Batch, outcome_bits
from sim.study.points import Sample
from sim.study.space_model import SpaceModel
from sim.study.system_space import Space, legal_vqs
from tests.examples import examples
from tests.systems import DESIGN, group_of


@examples(0.4)
@given(st.data())
def test_compiled_words_equal_plain_ones(data: st.DataObject) -> None:
    compiled = pytest.importorskip(
        "sim.study.compiled_batch", reason="llvmlite is not installed: the extra asymboot[sweep] is not tested"
    )
    up_to = data.draw(st.sampled_from([2, 4, 8, 16]))
    sets = tuple(
        data.draw(st.lists(st.sampled_from((0, *legal_vqs(128 * up_to))), min_size=1, max_size=6, unique=True))
    )
    roles = [False, *data.draw(st.lists(st.booleans(), max_size=6))]
    groups = tuple(group_of(f"g{n}", sets, data.draw(st.integers(1, 2)), late) for n, late in enumerate(roles))
    memory, mode = data.draw(st.sampled_from(MemoryLayout)), data.draw(st.sampled_from(KvmMode))
    drawn = data.draw(st.lists(DESIGN, min_size=1, max_size=4) | st.just(list(DESIGNS.values())))
    designs = [replace(design, name=f"drawn {number}") for number, design in enumerate(drawn)]
    series = data.draw(st.sampled_from(["6.1", "6.12"]))
    space = Space(groups, series, tuple(designs), memories=(memory,), kvm_modes=(mode,))
    model = SpaceModel(space)
    rows = data.draw(st.sampled_from([0, 1, 3, 300]))
    blocks = list(Sample(space, 300, 1).blocks(0, rows)) or [next(Sample(space, 1, 1).blocks(0, 1)).part(0, 0)]
    for block in blocks:
        plain = Batch(model, block.columns, block.rows)
        fast = compiled.CompiledWords(model, space.settings)(block.columns, block.rows)
        for setting, word in zip(space.settings, fast, strict=True):
            assert word.tolist() == np.broadcast_to(outcome_bits(plain, setting), block.rows).tolist()


def test_many_settings_are_compiled_as_several_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = pytest.importorskip("sim.study.compiled_batch", reason="llvmlite is not installed")
    monkeypatch.setattr(compiled, "_MOST_IN_A_LOOP", 6)
    sets = (0, *legal_vqs(512))
    space = Space((group_of("boot", sets), group_of("late", sets, late=True)), "6.12", memories=tuple(MemoryLayout))
    (block,) = Sample(space, 200, 3).blocks(0, 200)
    model = SpaceModel(space)
    plain = Batch(model, block.columns, block.rows)
    fast = compiled.CompiledWords(model, space.settings)(block.columns, block.rows)
    for setting, word in zip(space.settings, fast, strict=True):
        assert (word == outcome_bits(plain, setting)).all()
