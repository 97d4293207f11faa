"""Tests that a batch of mixtures of cores is what boots of the same mixtures show."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.boot_run import boot
from sim.cores import known_core
from sim.cpufeature_tables import kernel_tables
from sim.errors import InputError
from sim.facts import LossKind
from sim.feature_hazards import LOSSES
from sim.files.core_properties import complete_cores
from sim.id_registers import AARCH32, EL0
from sim.scenario import KvmMode, Scenario
from sim.study import mixture_evaluation as outcome
from sim.study.core_lattice import Lattice, Layout, Part, Statement
from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_space import KVM_MODES, MixturePoint, MixtureSpace
from sim.study.wide_sets import Wide, WordColumn
from sim.topology import EL2_FIELD, Cpu
from tests.examples import examples
from tests.systems import cpu_of

PROMISED_ALWAYS = {"cpuid", "evtstrm"} | {
    f"{name} of 32-bit programs"
    for name in ("half", "thumb", "fastmult", "edsp", "tls", "idiva", "idivt", "lpae", "evtstrm")
}
KERNELS = ("6.1", "6.12", "6.16", "6.18", "7.3")
CORES = complete_cores()
WITH_RESERVED_EL0 = CORES[3].features.core.with_registers(
    1, {EL0.register: EL0.put(CORES[3].features.register(EL0.register), 3)}
)
WITHOUT_EL2 = CORES[0].features.core.with_registers(CORES[0].features.core.midr, {"ID_AA64PFR0_EL1": 0x1000_2022})


def members(one: Wide[WordColumn], row: int = 0) -> int:
    return sum(int(np.broadcast_to(word.array, row + 1)[row]) << 64 * place for place, word in enumerate(one.words))


def booted(scenario: Scenario) -> tuple[int, frozenset[str] | None, frozenset[str] | None]:
    """Boot a mixture, and return its outcome's bits, its capabilities and its hwcaps; None where it stopped."""
    facts = boot(scenario).facts
    has_stopped = facts.panic is not None or any(one.cpu == 0 for one in facts.lost)
    state = facts.features_at_end
    bits = outcome.PANICS if has_stopped else 0
    if facts.refused:
        bits |= outcome.REFUSED
    if any(one.kind in {*LOSSES, LossKind.CANNOT_RUN_AT_EL2} and one.cpu for one in facts.lost):
        bits |= outcome.LOST
    if state is not None and state.taint & 4:
        bits |= outcome.TAINTED
    if has_stopped or state is None:
        return bits, None, None
    return bits, frozenset(one.entry.label for one in state.capabilities), frozenset(state.hwcaps_in_words)


def same_as_booted(space: MixtureSpace, kernel: str, number: int, batches: MixtureBatches) -> None:
    """Compare a mixture of a batch with its boot."""
    block = next(space.blocks(number, number + 1))
    mixture = batches.mixture(block)
    word = int(mixture.word(batches.lost(block, mixture)).array[0])
    scenario = space.scenario(space.point(number), kernel)
    bits, capabilities, hwcaps = booted(scenario)
    assert word & (outcome.LOSES_CAPABILITIES - 1) == bits, scenario.name
    if capabilities is None or hwcaps is None:
        return
    model = batches.model
    assert frozenset(model.table.names(members(mixture.capabilities))) == capabilities, scenario.name
    promised = members(mixture.hwcaps)
    names = {one.words for place, one in enumerate(model.hwcaps) if promised >> place & 1}
    assert names == hwcaps - PROMISED_ALWAYS, scenario.name


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_pair_of_the_known_cores_is_what_its_boot_shows(kernel: str) -> None:
    space = MixtureSpace(CORES, 2, (kernel,))
    batches = MixtureBatches(space, kernel)
    for number in range(space.points):
        same_as_booted(space, kernel, number, batches)


FIELDS = [
    (name, field)
    for name, register in kernel_tables((7, 3)).registers.items()
    for field in register.fields
    if name not in {"MPAMIDR_EL1", "ZCR_EL1", "SMCR_EL1"} and field.name not in {"SVE", "SME", "VH"}
]


@st.composite
def changed_cores(draw: st.DrawFn) -> tuple[Cpu, ...]:
    """Draw cores of which some fields of ID registers are changed."""
    cpus = []
    for number in range(draw(st.integers(2, 4))):
        cpu = draw(st.sampled_from(CORES))
        changes: dict[str, int] = {}
        for name, field in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
            before = changes.get(name, cpu.features.id_registers.get(name, 0))
            changes[name] = field.put(before, draw(st.integers(0, 3)))
        core = cpu.features.core
        if EL2_FIELD.register in changes:  # a core without EL2 is refused, and a reserved value of EL0
            changed = changes[EL2_FIELD.register] | EL2_FIELD.put(0, 1)
            changes[EL2_FIELD.register] = EL0.put(changed, min(EL0.of(changed), AARCH32))
        core = core.with_registers(core.midr, changes) if changes else core
        cpus.append(cpu_of(f"core{number}", cpu.sve_vqs, core=core))
    return tuple(cpus)


def test_hwcaps_of_32_bit_programs_count_beside_a_first_core_without_them() -> None:
    by_name = {cpu.features.core.name: cpu for cpu in CORES}
    little = by_name["arm,cortex-a35"].features.core
    with_i8mm = little.with_registers(little.midr, {"ID_ISAR6_EL1": 1 << 24})
    a64fx = by_name["fujitsu,a64fx"]
    cores = (
        cpu_of("core0", a64fx.sve_vqs, core=a64fx.features.core),
        cpu_of("core1", core=little),
        cpu_of("core2", core=with_i8mm),
    )
    space = MixtureSpace(cores, 2, ("6.12",))
    batches = MixtureBatches(space, "6.12")
    for number in range(space.points):
        same_as_booted(space, "6.12", number, batches)


@pytest.mark.no_cover
@given(changed_cores(), st.sampled_from(KERNELS), st.sampled_from(KVM_MODES), st.integers(1, 3), st.data())
@examples(2)
def test_drawn_mixtures_are_what_their_boots_show(
    cores: tuple[Cpu, ...], kernel: str, kvm_mode: KvmMode, cpus: int, data: st.DataObject
) -> None:
    clusters = data.draw(st.integers(2, len(cores)))
    space = MixtureSpace(cores, clusters, (kernel,), cpus, kvm_mode)
    batches = MixtureBatches(space, kernel)
    for number in data.draw(st.lists(st.integers(0, space.points - 1), min_size=1, max_size=6)):
        same_as_booted(space, kernel, number, batches)


def test_rows_of_a_block_do_not_depend_on_each_other() -> None:
    space = MixtureSpace(CORES[:5], 3, ("6.12",))
    batches = MixtureBatches(space, "6.12")
    together = np.concatenate([batches.words(block) for block in space.blocks(0, space.points)])
    alone = [int(batches.words(next(space.blocks(one, one + 1)))[0]) for one in range(space.points)]
    assert together.tolist() == alone


def test_a_space_has_every_order_of_its_cores_in_every_role_once() -> None:
    space = MixtureSpace(CORES[:4], 3)
    points = [space.point(number) for number in range(space.points)]
    assert len(set(points)) == space.points == 4 * 3 * 2 * 4
    roles = set(product((False, True), repeat=2))
    assert {(one.cores, one.late) for one in points} == {
        (cores, late) for cores in product(range(4), repeat=3) if len(set(cores)) == 3 for late in roles
    }


def test_capabilities_that_some_core_has_by_itself_count_as_lost() -> None:
    cores = tuple(one for one in CORES if one.name in {"arm,cortex-a55", "arm,cortex-a76"})
    space = MixtureSpace(cores, 2, ("6.12",))
    batches = MixtureBatches(space, "6.12")
    block = next(space.blocks(0, 1))
    assert space.point(0) == MixturePoint((0, 1), (False,))
    capabilities, _hwcaps = batches.lost(block, batches.mixture(block))
    assert batches.model.table.names(members(capabilities)) == ["HAS_32BIT_EL1"]


@pytest.mark.parametrize(
    ("cores", "parts", "words"),
    [
        ((), {}, "cores: there are 0: 2 clusters of different cores need 2 to 64"),
        (CORES[:1] * 2, {}, "cores: arm,cortex-a35 is there twice"),
        (CORES[:3], {"clusters": 1}, "clusters: is 1: a mixture has 2 to 8"),
        (CORES[:3], {"clusters": 4}, "cores: there are 3: 4 clusters of different cores need 4 to 64"),
        (CORES[:3], {"cpus": 0}, "cpus: is 0: a cluster has 1 to 64 CPUs"),
        (CORES[:3], {"kvm_mode": KvmMode.PROTECTED}, "kvm_mode: is protected: mixtures boot with default or nvhe"),
        (CORES[:3], {"kernels": ()}, "kernels: there is none"),
        (CORES[:3], {"kernels": ("6.12", "6.12")}, "kernels: 6.12 is there twice"),
        (
            (*CORES[:2], cpu_of("a520", core=known_core("arm,cortex-a520"))),
            {},
            "core 'a520': 1 of its ID registers are known, and a space of cores needs all",
        ),
        ((*CORES[:2], cpu_of("max", 1)), {}, "core 'max': 0 of its ID registers are known"),
        (
            (*CORES[:2], cpu_of("low", core=WITHOUT_EL2)),
            {},
            "core 'low': it starts at EL1, which a space of cores leaves out",
        ),
        (
            (*CORES[:2], cpu_of("low", core=CORES[3].features.core, el=1)),
            {},
            "core 'low': it starts at EL1, which a space of cores leaves out",
        ),
        (
            (*CORES[:2], cpu_of("three", core=WITH_RESERVED_EL0)),
            {},
            "core 'three': its ID_AA64PFR0_EL1.EL0 is a reserved value",
        ),
    ],
)
def test_an_impossible_space_is_refused(cores: tuple[Cpu, ...], parts: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match="^" + words):
        MixtureSpace(cores, **parts)  # type: ignore[arg-type]


TABLES = kernel_tables((7, 3))
PFR0 = TABLES.registers["ID_AA64PFR0_EL1"]


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=4), st.integers(0, 0xFFFF))
def test_the_bits_of_a_mixture_tell_exactly_which_value_the_kernel_arrives_at(values: list[int], seed: int) -> None:
    mask = sum(field.mask for field in PFR0.fields) & 0xFF_00FF
    lattice = Lattice(TABLES, [Part(PFR0.name, mask)], [{PFR0.name: value} for value in values])
    layout = Layout(len(values))
    truth = {value: bool(hash((seed, value)) & 1) for value in lattice.elements}
    statement = Statement(layout, lattice, truth.__getitem__)
    shared, meet = (1 << layout.size + 1) - 1, lattice.own[0]
    for bits, value in zip(layout.members, lattice.own, strict=True):
        shared, meet = shared & bits, lattice.meet(meet, value)
    words = -(-max(1, layout.size) // 64)
    mixed = Wide(tuple(shared >> 64 * place & (1 << 64) - 1 for place in range(words)))
    assert bool(statement(mixed)) == truth[meet]
