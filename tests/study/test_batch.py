"""A batch equals boots: exhaustively for small systems, and by Hypothesis beyond."""

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.boot_run import boot
from sim.designs import DESIGNS, Design, LateCpu
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.rules import buffer_bytes
from sim.scenario import KvmMode, MemoryLayout, Relay
from sim.study.batch import Batch, Counts, Verdict, outcome_bits, verdict
from sim.study.column import Column, Sets
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting, Space, legal_vqs
from sim.study.systems import Record
from sim.study.verdict_bits import ACCEPTED, BY_RELAY, HAZARDS, REFUSED, WARNED
from sim.vectors import VectorType, largest_vq, vl_bytes_from_vq
from tests.systems import DESIGN, group_of, point_of

SMALL = (0, *legal_vqs(512))
"""No SVE, and every set up to 512 bits."""
ROLES = [(early, cpus - early) for cpus in (1, 2, 3) for early in range(1, cpus + 1)]
WARNED_OF = replace(DESIGNS["tabba"], name="tabba, and warned", late_cpu=LateCpu.WARNED)


def space_of(early: int, late: int, kernel: str, sets: tuple[int, ...] = SMALL, **more: Any) -> Space:
    groups = [group_of(f"early{n}", sets) for n in range(early)]
    groups += [group_of(f"late{n}", sets, late=True) for n in range(late)]
    return Space(tuple(groups), kernel, **more)


def columns(points: list[tuple[int, ...]]) -> list[Sets]:
    return [np.array(column, np.uint16) for column in zip(*points, strict=True)]


def of_boot(outcome: Outcome) -> dict[str, object]:
    """The outcome of a boot, in the batch's terms."""
    facts = outcome.facts
    late = set(range(len(outcome.scenario.topology.cpus))) - set(outcome.scenario.early)
    return {
        "asked": 0 if facts.buffers is None else facts.buffers.asked_bytes,
        "accepted": len(late & facts.ever_online),
        "refused": len({one.cpu for one in facts.refused}),
        "by relay": len({one.cpu for one in facts.relay_refused}),
        "warned": len({one.cpu for one in facts.announced}),
        # A refused CPU is a fate in a batch, counted above, and a hazard in a boot.
        "hazards": Counter(hazard.kind for hazard in outcome.found if hazard.kind is not HazardKind.CPU_REFUSED),
    }


def of_batch(verdict: Verdict, row: int) -> dict[str, object]:
    """The outcome of a row of a batch."""
    vq = largest_vq(int(verdict.allocation_vqs[row]))
    return {
        "asked": buffer_bytes(vq) if vq else 0,
        "accepted": verdict.late_accepted[row],
        "refused": verdict.late_refused[row],
        "by relay": verdict.late_refused_by_relay[row],
        "warned": verdict.late_warned[row],
        "hazards": Counter({kind: int(counts[row]) for kind, counts in verdict.hazards.items() if counts[row]}),
    }


def assert_words_agree(found: Verdict, word: Sets) -> None:
    """A row's word has the bits of what was counted."""
    counted = {1 << place: found.hazards[kind] for place, kind in enumerate(HAZARDS)}
    counted |= {ACCEPTED: found.late_accepted, REFUSED: found.late_refused}
    counted |= {BY_RELAY: found.late_refused_by_relay, WARNED: found.late_warned}
    for bit, counts in counted.items():
        assert ((word & bit != 0) == (counts != 0)).all()


def assert_equal(space: Space, points: list[tuple[int, ...]], setting: Setting) -> None:
    batch = Batch(SpaceModel(space), columns(points), len(points))
    found = verdict(batch, setting)
    assert_words_agree(found, np.broadcast_to(outcome_bits(batch, setting), batch.rows))
    record = Record[Column](*(Column(np.broadcast_to(part.array, batch.rows)) for part in batch.record))
    for row, point in enumerate(points):
        outcome = boot(point_of(space, point, setting))
        assert of_batch(found, row) == of_boot(outcome), (point, setting)
        if outcome.facts.supports[VectorType.SVE]:
            info = outcome.vectors["SVE"]
            assert record.vq_map.array[row] == info.vq_map
            assert record.vq_partial_map.array[row] == info.vq_partial_map
            bound = vl_bytes_from_vq(largest_vq(int(record.virtualisable_vqs.array[row])))
            assert bound == info.max_virtualisable_vl_bytes


@pytest.mark.no_cover
@pytest.mark.parametrize("roles", ROLES, ids=lambda roles: f"{roles[0]} early, {roles[1]} late")
@pytest.mark.parametrize("relay", Relay)
@pytest.mark.parametrize("design", [*DESIGNS.values(), WARNED_OF], ids=lambda design: design.name)
@pytest.mark.parametrize("kernel", ["6.5", "6.12"])  # 6.5 holds late CPUs against the pseudo registers first
def test_every_system_of_three_cpus_up_to_512_bits(
    kernel: str, roles: tuple[int, int], relay: Relay, design: Design
) -> None:
    points = list(product(SMALL, repeat=sum(roles)))
    setting = Setting(design, relay, KvmMode.PROTECTED, MemoryLayout.ADJACENT)
    assert_equal(space_of(*roles, kernel), points, setting)


@pytest.mark.parametrize("value", [True, False])
def test_kernel_flags_are_those_of_the_space(value: bool) -> None:
    space = replace(space_of(2, 1, "6.12"), kernel_flags={"pseudo_registers": value})
    points = list(product(SMALL, repeat=3))
    assert_equal(space, points, Setting(DESIGNS["tabba"], Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.ADJACENT))


@pytest.mark.no_cover
@pytest.mark.parametrize("roles", [(3, 0), (2, 1)], ids=lambda roles: f"{roles[0]} early, {roles[1]} late")
@pytest.mark.parametrize("memory", MemoryLayout)
@pytest.mark.parametrize("design", DESIGNS.values(), ids=lambda design: design.name)
def test_saves_of_up_to_2048_bits(memory: MemoryLayout, roles: tuple[int, int], design: Design) -> None:
    """From 1024 bits on a buffer is more than one page, and a save may reach beyond its neighbour's."""
    sets = (1, 0xFF, 0x808B, 0xFFFF)
    space = space_of(*roles, "6.12", sets, memories=(memory,))
    points = list(product(sets, repeat=3))
    assert_equal(space, points, Setting(design, Relay.RELAXED, KvmMode.PROTECTED, memory))


@pytest.mark.no_cover
@given(st.data())
def test_any_system_under_any_design(data: st.DataObject) -> None:
    sets = (0, *legal_vqs(2048))
    roles = [False, *data.draw(st.lists(st.booleans(), max_size=6))]
    groups = tuple(group_of(f"g{n}", sets, data.draw(st.integers(1, 3)), late) for n, late in enumerate(roles))
    space = Space(groups, data.draw(st.sampled_from(["6.1", "6.6", "6.11", "6.18"])))
    few = data.draw(st.lists(st.sampled_from(sets), min_size=1, max_size=3))
    point = st.tuples(*[st.sampled_from(few)] * len(groups))
    points = data.draw(st.lists(point, min_size=1, max_size=10, unique=True))
    setting = Setting(
        data.draw(DESIGN | st.sampled_from(list(DESIGNS.values()))),
        data.draw(st.sampled_from(Relay)),
        data.draw(st.sampled_from(KvmMode)),
        data.draw(st.sampled_from(MemoryLayout)),
    )
    space = replace(
        space,
        designs=(setting.design,),
        relays=(setting.relay,),
        kvm_modes=(setting.kvm_mode,),
        memories=(setting.memory,),
    )
    assert_equal(space, points, setting)


def test_clusters_share_a_set() -> None:
    groups = (
        group_of("little", SMALL, cpus=2),
        group_of("big", SMALL, cpus=3),
        group_of("prime", SMALL, cpus=2, late=True),
    )
    space = Space(groups, kernel="6.12")
    for setting in space.settings:
        assert_equal(space, [(3, 11, 11), (11, 3, 15), (1, 1, 11), (1, 15, 1)], setting)


@pytest.mark.parametrize(
    ("memory", "sets", "groups"),
    [
        (MemoryLayout.ADJACENT, (0, 1, 3, 11), [(1, False), (1, False), (1, True), (1, True), (1, True)]),
        (MemoryLayout.ADJACENT, (1, 0xFFFF), [(1, False)] * 4 + [(1, True)] * 4),
        (MemoryLayout.MAPPED, (1, 0x8001, 0xFF), [(2, False), (2, False), (2, True), (2, True)]),
        (MemoryLayout.ISOLATED, (0, 0xFF, 0x8B), [(1, False), (1, False), (3, True), (3, True)]),
    ],
)
def test_a_space_up_to_symmetry_has_the_totals_of_the_full_one(
    memory: MemoryLayout, sets: tuple[int, ...], groups: list[tuple[int, bool]]
) -> None:
    named = (group_of(f"g{n}", sets, cpus, late) for n, (cpus, late) in enumerate(groups))
    space = Space(tuple(named), kernel="6.12", memories=(memory,))
    points = list(product(sets, repeat=len(groups)))
    times = Counter(tuple(point) for point in map(partial(representative, space), points))
    assert len(times) == space.points_up_to_symmetry < space.points
    reduced = list(times)
    weights = np.array([times[point] for point in reduced])
    full_batch = Batch(SpaceModel(space), columns(points), len(points))
    reduced_batch = Batch(SpaceModel(space), columns(reduced), len(reduced))
    for setting in space.settings:
        full, few = verdict(full_batch, setting), verdict(reduced_batch, setting)
        for kind in HAZARDS:
            assert totals(full.hazards[kind]) == totals(few.hazards[kind], weights), (setting, kind)


def representative(space: Space, point: tuple[int, ...]) -> tuple[int, ...]:
    """The point that stands for those with the sets of interchangeable groups exchanged."""
    chosen = list(point)
    for places in space.classes:
        for place, vqs in zip(places, sorted(point[place] for place in places), strict=True):
            chosen[place] = vqs
    return tuple(chosen)


def totals(counts: Counts, weights: "Counts | None" = None) -> dict[int, int]:
    """The number of systems that have each number of hazards."""
    weights = np.ones_like(counts) if weights is None else weights
    return {int(n): int(weights[counts == n].sum()) for n in np.unique(counts)}
