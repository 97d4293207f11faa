"""pKVM's buffers, saves and restores to the byte, and what each design makes of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import rules
from sim.designs import DESIGNS, Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.facts import PanicFact
from sim.hazard_kinds import HazardKind
from sim.kernel.save_area import BufferSize, SaveArea
from sim.machine.registers import VectorUnit
from sim.outcome import Outcome
from sim.scenario import MemoryLayout
from sim.topology import cpu
from sim.vectors import POWERS_OF_TWO, largest_vq
from tests.examples import examples
from tests.systems import A64FX, N2, V1, booted, guest, kinds, off, on, results, texts, under_pkvm

FULL = [128, 256, 512, 1024, 2048]
CORRUPTED = [
    HazardKind.OUT_OF_BOUNDS_WRITE,
    HazardKind.NOT_RESTORED,
    HazardKind.HEADER_DESTROYED,
    HazardKind.ALLOCATION_EXCEEDED_SILENTLY,
]


def _legal(largest: int, extra: int) -> int:
    """A legal set: the largest VQ, every power of two below it, and any others below it."""
    below = (1 << (largest - 1)) - 1
    return 1 << (largest - 1) | (POWERS_OF_TWO | extra) & below


LEGAL = st.builds(_legal, st.integers(1, 16), st.integers(0, 0xFFFF))


def lengths(vqs: int) -> list[int]:
    return [128 * vq for vq in range(1, 17) if vqs >> (vq - 1) & 1]


def last_save(outcome: Outcome) -> tuple[int | None, int | None]:
    row = outcome.save_rows()[-1]
    return row.first_byte, row.last_byte


@pytest.mark.parametrize(
    ("page_bytes", "bits", "order"),
    [
        (4096, V1, 0),
        (4096, [128, 256, 512, 1024], 1),
        (4096, FULL, 2),
        (16384, FULL, 0),
        (65536, FULL, 0),
    ],
)
def test_buffers_come_in_whole_runs_of_pages(page_bytes: int, bits: list[int], order: int) -> None:
    outcome = under_pkvm(bits, bits, kernel="6.12", page_bytes=page_bytes)
    rows = outcome.buffer_rows()
    assert [(row.page_order, row.run_bytes) for row in rows] == [(order, page_bytes << order)] * 2
    assert rows[0].asked_bytes == 16 + 546 * (max(bits) // 128)


def test_every_possible_cpu_has_a_buffer_online_or_not() -> None:
    assert len(under_pkvm(V1, V1, V1, V1, kernel="6.12", maxcpus=1).buffer_rows()) == 4


def test_a_failed_allocation_leaves_neither_kvm_nor_relay() -> None:
    outcome = under_pkvm(V1, V1, V1, kernel="6.12", maxcpus=2, allocation_fails_at="cpu1", actions=(on(2), guest(0)))
    assert "kvm [1]: error initializing Hyp mode: -12" in texts(outcome)
    assert not any("initialized successfully" in line for line in texts(outcome))
    assert results(outcome) == [("online", None), ("failed", "ENOENT")]
    assert outcome.buffer_rows() == []


# Each design on the bug's own system: 256 bits beside 512


@pytest.mark.parametrize(
    ("design", "asked_bytes", "span", "hazards"),
    [
        ("v6.11", 1108, (-1088, 1095), CORRUPTED),
        ("brown-v1", 2200, (0, 2183), []),
        ("brown-v4", 2200, (0, 2183), []),
        ("brown-v4-meant", 2200, (0, 2183), []),
        ("tabba", 2200, (0, 2183), []),
        ("constrain-v1", 1108, (0, 1091), []),
        ("constrain-v2", 1108, (0, 1091), []),
    ],
)
def test_designs_on_256_beside_512(
    design: str, asked_bytes: int, span: tuple[int, int], hazards: list[HazardKind]
) -> None:
    outcome = under_pkvm(V1, A64FX, design=design, kernel="6.12", actions=(guest(1),))
    assert outcome.buffer_rows()[0].asked_bytes == asked_bytes
    assert last_save(outcome) == span
    assert kinds(outcome) == hazards


def test_the_layouts_differ_only_in_where_a_narrow_cpu_s_registers_lie() -> None:
    tabba = under_pkvm(V1, A64FX, design="tabba", actions=(guest(0),))
    brown = under_pkvm(V1, A64FX, design="brown-v4", actions=(guest(0),))
    assert last_save(tabba) == (1088, 2179)
    assert last_save(brown) == (0, 1091)
    assert kinds(tabba) == kinds(brown) == []


def test_constrain_v1_corrupts_where_a_cpu_has_one_quadword_more() -> None:
    assert kinds(under_pkvm(N2, V1, design="constrain-v1", actions=(guest(1),))) == CORRUPTED
    assert kinds(under_pkvm(V1, [128, 256, 384], design="constrain-v1", actions=(guest(1),))) == CORRUPTED
    assert kinds(under_pkvm(V1, A64FX, design="constrain-v1", actions=(guest(1),))) == []


def test_constrain_v1_saves_a_symmetric_2048_bit_system_at_128_bits() -> None:
    outcome = under_pkvm(FULL, FULL, design="constrain-v1", actions=(guest(1),))
    assert outcome.save_rows()[0].save_vl_bits == 128
    assert kinds(outcome) == [HazardKind.NOT_RESTORED, HazardKind.HOST_DENIED_VL]


def test_constrain_v2_narrows_the_host_at_the_first_save_and_denies_nothing_shared() -> None:
    outcome = under_pkvm(V1, A64FX, design="constrain-v2", actions=(guest(1, rounds=2),))
    assert [row.host_vl_bits for row in outcome.save_rows()] == [512, 256]
    assert outcome.found == []


def test_nosve_corrupts_nothing_and_denies_everything() -> None:
    outcome = under_pkvm(V1, A64FX, design="nosve", actions=(guest(1),))
    assert kinds(outcome) == [HazardKind.HOST_DENIED_VL]
    assert "{128,256}" in outcome.found[0].sentence
    assert outcome.save_rows() == []


# Late CPUs above the maximum

LATE = {"kernel": "6.12", "maxcpus": 2, "relay": "relaxed", "actions": (on(2), guest(2))}


@pytest.mark.parametrize("mode", ["default", "nvhe", "protected", "none"])
def test_brown_v4_as_posted_panics_the_kernel_with_or_without_pkvm(mode: str) -> None:
    outcome = booted(V1, V1, A64FX, design="brown-v4", kvm_mode=mode, **LATE)
    assert kinds(outcome) == [HazardKind.KERNEL_PANIC]
    assert texts(outcome)[-4:] == [
        "SVE: cpu2: increases maximum VL to 64",
        "Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc",
        "Internal error: Oops: 000000009600004f [#1] SMP",
        "Kernel panic - not syncing: Attempted to kill the idle task!",
    ]
    assert results(outcome) == [("hung", None)]
    assert booted(V1, V1, A64FX, kvm_mode=mode, **LATE).facts.panic is None


def test_a_panic_of_the_kernel_says_where_when_and_why() -> None:
    outcome = booted(V1, V1, A64FX, design="brown-v4", **LATE)
    sentence = (
        "the store that raises max_cpu_vl from 32 to 64 bytes meets read-only memory (vl_info is __ro_after_init)"
    )
    last = outcome.facts.log[-1]
    assert outcome.facts.panic == PanicFact(
        last.time_ns, 2, of_hypervisor=False, sentence=sentence, event=len(outcome.facts.events) - 1
    )
    assert [(one.kind, one.cpu, one.time_ns, one.sentence) for one in outcome.found] == [
        (HazardKind.KERNEL_PANIC, 2, last.time_ns, sentence)
    ]


def test_a_panic_of_the_hypervisor_says_where_when_and_why() -> None:
    outcome = under_pkvm(A64FX, V1, design="v6.11", actions=(guest(0),))
    sentence = (
        "cpu0's save at 512 bits stores to memory that is not mapped at EL2: "
        "the store at byte -1088 of its registers (__kvm_nvhe___sve_save_state+0x8/0xf4)"
    )
    panic = outcome.facts.panic
    assert panic == PanicFact(
        outcome.facts.saves[-1].time_ns, 0, of_hypervisor=True, sentence=sentence, event=outcome.facts.saves[-1].event
    )
    hazard = outcome.found[0]
    assert (hazard.kind, hazard.cpu, hazard.time_ns, hazard.sentence) == (
        HazardKind.HYPERVISOR_PANIC,
        0,
        panic.time_ns,
        sentence,
    )


def test_brown_v4_as_meant_announces_and_stays_inside_the_page() -> None:
    outcome = under_pkvm(V1, V1, A64FX, design="brown-v4-meant", **LATE)
    assert outcome.vectors["SVE"].max_cpu_vl_bytes == 64
    assert last_save(outcome) == (0, 2183)
    assert kinds(outcome) == [HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED]


def test_brown_v4_with_the_store_skipped_panics_the_hypervisor_at_the_page_s_end() -> None:
    design = replace(DESIGNS["brown-v4"], late_store=LateStore.SKIPPED)
    outcome = under_pkvm(V1, V1, FULL, design=design, **LATE)
    assert outcome.vectors["SVE"].max_cpu_vl_bytes == 32
    assert kinds(outcome) == [HazardKind.HYPERVISOR_PANIC, HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED]
    assert "kvm [50]: nVHE hyp panic at: [<ffff800080252f64>] __kvm_nvhe___sve_save_state+0x44/0xf4!" in texts(outcome)
    touched = [(one.first - 16, one.last - 16) for one in outcome.facts.saves[-1].touched]
    assert touched == [(-16, -9), (0, 4079)]


def test_a_save_that_misses_the_page_by_ffr_alone_panics_at_the_store_of_ffr() -> None:
    """FFR is stored last: from a pointer that is placed by RDVL, everything else of 1,920 bits still fits the page."""
    design = replace(DESIGNS["v6.11"], ffr_pointer=Pointer.RDVL)
    outcome = under_pkvm([128, 256, 512, 1024], [*range(128, 1921, 128)], design=design, actions=(guest(1),))
    assert "kvm [50]: nVHE hyp panic at: [<ffff800080252ff8>] __kvm_nvhe___sve_save_state+0xd8/0xf4!" in texts(outcome)


@pytest.mark.parametrize("design", ["v6.11", "tabba"])
def test_v6_11_and_tabba_break_alike_and_silently(design: str) -> None:
    outcome = under_pkvm(V1, V1, A64FX, design=design, **LATE)
    assert kinds(outcome) == CORRUPTED
    assert not any("maximum VL" in line for line in texts(outcome))


def test_brown_v1_refuses_under_pkvm_only() -> None:
    refused = under_pkvm(V1, V1, A64FX, design="brown-v1", **LATE)
    assert results(refused) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert "SVE: cpu2: would increase maximum VL" in texts(refused)
    assert refused.found == []
    assert results(booted(V1, V1, A64FX, design="brown-v1", **LATE)) == [("online", None), ("ran", None)]


def test_refusing_a_cpu_whose_save_would_have_fitted_is_a_hazard() -> None:
    careful = replace(DESIGNS["constrain-v2"], name="careful", late_cpu=LateCpu.REFUSED)
    outcome = under_pkvm(V1, V1, A64FX, design=careful, **LATE)
    assert kinds(outcome) == [HazardKind.HARMLESS_CPU_REFUSED]


def test_a_warned_cpu_does_not_raise_the_maximum() -> None:
    warned = replace(DESIGNS["v6.11"], late_cpu=LateCpu.WARNED)
    outcome = under_pkvm(V1, V1, A64FX, design=warned, **LATE)
    assert outcome.vectors["SVE"].max_cpu_vl_bytes == 32
    assert HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED in kinds(outcome)


@pytest.mark.parametrize("design", ["v6.11", "constrain-v2"])
def test_a_late_cpu_as_long_as_an_early_one_is_not_warned_of(design: str) -> None:
    warned = replace(DESIGNS[design], late_cpu=LateCpu.WARNED)
    equal = under_pkvm(N2, V1, V1, design=warned, **LATE)
    assert equal.facts.announced == ()
    assert not any("maximum VL" in line for line in texts(equal))
    assert results(equal) == [("online", None), ("ran", None)]
    above = under_pkvm(N2, V1, A64FX, design=warned, **LATE)
    assert [(one.cpu, one.vqs) for one in above.facts.announced] == [(2, 0b1011)]


def test_a_second_late_cpu_is_covered_by_what_the_first_announced() -> None:
    outcome = under_pkvm(
        V1, A64FX, A64FX, design="brown-v4-meant", maxcpus=1, relay="relaxed", actions=(on(1), on(2), guest(2))
    )
    assert kinds(outcome) == [HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED]


@pytest.mark.parametrize(("design", "bytes_"), [("v6.11", 32), ("brown-v4", 64), ("constrain-v2", 32)])
def test_kvm_s_limit_for_the_host_is_what_the_design_sizes_by(design: str, bytes_: int) -> None:
    assert booted(V1, A64FX, design=design, kernel="6.12").facts.kvm_host_sve_max_vl_bytes == bytes_


def test_a_save_that_panicked_has_no_last_byte() -> None:
    outcome = under_pkvm(A64FX, V1, design="v6.11", actions=(guest(0),))
    row = outcome.save_rows()[0]
    assert (row.first_byte, row.last_byte, row.written_bytes) == (None, None, 8)


# Victims


def test_an_underrun_names_its_victims() -> None:
    outcome = under_pkvm(N2, [128, 256, 512, 1024], design="v6.11", actions=(guest(1),))
    hazard = outcome.found[0]
    assert hazard.underrun_bytes == 3808 - 16
    assert hazard.sentence.endswith("(258 bytes of cpu0's saved registers, 3534 bytes of cpu0's slack)")


def test_overwritten_padding_of_the_registers_is_noticed_on_every_cpu() -> None:
    outcome = under_pkvm(FULL, N2, design="v6.11", memory="mapped", actions=(guest(0),))
    assert kinds(outcome) == CORRUPTED


def test_foreign_memory_is_a_victim_where_it_is_mapped() -> None:
    outcome = under_pkvm(V1, A64FX, design="v6.11", memory="mapped", actions=(guest(1),))
    assert "1072 bytes of foreign memory" in outcome.found[0].sentence


def test_nothing_mapped_below_cpu_0_means_a_hypervisor_panic() -> None:
    outcome = under_pkvm(A64FX, V1, design="v6.11", actions=(guest(0),))
    assert kinds(outcome) == [HazardKind.HYPERVISOR_PANIC, HazardKind.ALLOCATION_EXCEEDED_SILENTLY]


def test_a_neighbour_whose_registers_are_saved_gets_back_something_else() -> None:
    actions = (guest(0, agent="one"), guest(1, agent="two", at_ns=100_000))
    outcome = under_pkvm(N2, [128, 256, 512, 1024], design="v6.11", actions=actions)
    hit = [hazard.cpu for hazard in outcome.found if hazard.kind is HazardKind.NOT_RESTORED]
    assert hit == [0, 1]
    alone = under_pkvm(N2, [128, 256, 512, 1024], design="v6.11", actions=(guest(0), guest(1)))
    assert [h.cpu for h in alone.found if h.kind is HazardKind.NOT_RESTORED] == [1]


def test_a_save_above_the_run_hits_the_next_cpu() -> None:
    design = replace(DESIGNS["v6.11"], ffr_pointer=Pointer.RDVL)
    outcome = under_pkvm(FULL, V1, V1, design=design, actions=(guest(0),))
    hazard = next(h for h in outcome.found if h.kind is HazardKind.OUT_OF_BOUNDS_WRITE)
    assert (hazard.underrun_bytes, hazard.overrun_bytes) == (0, 8736 + 16 - 4096)
    assert "cpu1's header" in hazard.sentence
    assert "cpu2's header" in hazard.sentence


# Guests


def test_a_guest_s_lengths_stop_at_the_virtualisable_bound_on_every_cpu() -> None:
    sets = (A64FX, [128, 256, 384, 512])
    outcome = under_pkvm(*sets, kernel="6.12", actions=(guest(0), guest(1)))
    assert {visit.vqs for visit in outcome.facts.guests} == {0b11}


def test_a_guest_moves_when_its_cpu_goes_offline_and_the_registers_come_back_first() -> None:
    actions = (guest(1, agent="vmm", rounds=3), off(1, agent="admin", at_ns=600_000))
    outcome = under_pkvm(V1, V1, kernel="6.12", actions=actions)
    assert [visit.cpu for visit in outcome.facts.guests] == [1, 1, 0]
    assert all(save.at_save_vq_restored for save in outcome.facts.saves)
    assert outcome.facts.online == (0,)


def test_a_guest_pinned_to_an_offline_cpu_cannot_run() -> None:
    assert results(under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(guest(1),))) == [("failed", "EINVAL")]


def test_a_bound_that_is_no_length_kills_the_guest_that_uses_it() -> None:
    sets = ([128, 256, 512, 896], [128, 256, 512, 768, 896])
    outcome = booted(*sets, kernel="6.12", actions=(guest(0),))
    assert outcome.facts.kvm_sve_max_vl_bytes == 80
    assert results(outcome) == [("killed", None)]
    protected = under_pkvm(*sets, kernel="6.12", actions=(guest(0),))
    assert results(protected) == [("ran", None)]
    assert any("80 bytes is not a vector length" in note for note in outcome.notes)


def test_memory_is_forgotten_once_no_registers_are_in_it() -> None:
    size = BufferSize.of(2, 4096)
    sets = {"allocation_vqs": 0b10, "limit_vqs": 0xFFFF, "vq_map": 0b11}
    area = SaveArea(2, size, MemoryLayout.ADJACENT, ffr_pointer=Pointer.BUFFER, **sets)
    units = [VectorUnit(cpu(f"cpu{number}", V1)) for number in range(2)]
    empty = area.snapshot()
    for number in range(2):
        area.save(number, units[number], time_ns=number, event=number)
    kept = area.snapshot()
    area.restore(0, units[0])
    assert len({empty, kept, area.snapshot()}) == 3
    area.restore(1, units[1])
    assert area.snapshot() == empty
    assert all(save.at_save_vq_restored for save in area.saves)


# Properties over random systems


@examples(1.5)
@given(
    st.lists(LEGAL, min_size=1, max_size=3),
    st.sampled_from(list(Sizing)),
    st.sampled_from(list(ZcrEl2)),
    st.sampled_from(list(Pointer)),
    st.data(),
)
def test_a_save_touches_what_the_rules_predict(
    sets: list[int], sizing: Sizing, zcr_el2: ZcrEl2, pointer: Pointer, data: st.DataObject
) -> None:
    design = Design("drawn", sizing, zcr_el2, pointer, LateCpu.SILENT)
    number = data.draw(st.integers(0, len(sets) - 1))
    outcome = under_pkvm(*map(lengths, sets), design=design, memory="mapped", actions=(guest(number),))
    shared = seen = sets[0]
    for vqs in sets[1:]:
        shared, seen = shared & vqs, seen | vqs
    allocation = {Sizing.SHARED: shared, Sizing.ARCHITECTURE: 0xFFFF}.get(sizing, seen).bit_length()
    limit = {
        ZcrEl2.ALL_ONES: 15,
        ZcrEl2.SHARED: shared.bit_length() - 1,
        ZcrEl2.SHARED_ONE_TOO_MANY: shared.bit_length() & 0xF,
        ZcrEl2.BUFFER: allocation - 1,
    }[zcr_el2]
    running = (sets[number] & ((2 << limit) - 1)).bit_length()
    placed = allocation if pointer is Pointer.BUFFER else running
    first, last = 544 * (placed - running), 544 * placed + 2 * running - 1
    touched = outcome.facts.saves[0].touched
    assert touched[0].first - 16 == min(first, -16)
    assert touched[-1].last - 16 == last
    written = sum(one.last - one.first + 1 for one in touched)
    overlap = max(0, min(0, last + 1) - max(-16, first))
    assert written == 546 * running + 16 - overlap
    inside = first >= 0 and rules.buffer_bytes(running) <= outcome.buffer_rows()[0].asked_bytes
    assert bool(outcome.facts.saves[0].at_save_vq_restored) or not inside
    if inside and running >= shared.bit_length():
        assert outcome.found == []


@examples(0.6)
@given(st.lists(LEGAL, min_size=2, max_size=4), st.sampled_from(["tabba", "brown-v1", "brown-v4", "constrain-v2"]))
def test_the_fixes_are_safe_for_early_cpus(sets: list[int], design: str) -> None:
    actions = tuple(guest(number, agent=f"vm{number}") for number in range(len(sets)))
    assert under_pkvm(*map(lengths, sets), design=design, actions=actions).found == []


@examples(0.6)
@given(st.lists(LEGAL, min_size=2, max_size=3))
def test_the_bug_needs_a_cpu_above_the_shared_maximum(sets: list[int]) -> None:
    actions = tuple(guest(number) for number in range(len(sets)))
    outcome = under_pkvm(*map(lengths, sets), design="v6.11", memory="mapped", actions=actions)
    shared = sets[0]
    for vqs in sets:
        shared &= vqs
    above = any(largest_vq(vqs) > largest_vq(shared) for vqs in sets)
    assert (HazardKind.ALLOCATION_EXCEEDED_SILENTLY in kinds(outcome)) == above
