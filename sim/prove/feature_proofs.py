"""Proofs about CPU features: promises that hold for all values of ID registers, or scenarios that break them.

The rules on fields and on sets of capabilities (`sim.rules`) run on Z3's bit-vectors of 64 bits, with the kernels' own
tables. What no rule on a field decides, such as a capability that depends on several registers, is asked of boots: each
scenario here is booted, and counts only if the boot shows what it is about.

`tests/prove/test_feature_proofs.py` compares the answers with an enumeration of fields and with boots.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import z3

from sim import rules
from sim.boot_run import boot
from sim.cores import known_core
from sim.cpufeature_tables import Capability, Field, KernelTables, kernel_tables
from sim.cpufeature_tables.tables import Requirement
from sim.facts import CpuState
from sim.feature_facts import FeatureState
from sim.files.core_properties import complete_cores
from sim.hazard_kinds import HazardKind
from sim.id_registers import TDS
from sim.kernel.features.id_fields import SIMD_FIELDS
from sim.kernel.features.system_features import TAINT_CPU_OUT_OF_SPEC
from sim.kernel_release import kernel_release
from sim.prove.feature_properties import EARLY_ORDER, LATE_HAS_ALL, LATE_KEEPS_VIEW, FeatureProperty
from sim.prove.interruptible_solver import interruptible
from sim.prove.question import LONGEST_S, Answer
from sim.prove.solver import Solver
from sim.prove.symbols import Symbol
from sim.scenario import Action, Do, Scenario
from sim.study.core_model import CoreModel
from sim.topology import Cpu, Firmware, Topology

_BITS = 64
_TOP = _BITS - 1
_BASE, _LITTLE, _BIG = "arm,neoverse-n2", "arm,cortex-a55", "arm,cortex-a76"
_FIELD_MATCHERS = {"has_cpuid_feature", "has_user_cpuid_feature", "has_useable_gicv3_cpuif", "has_32bit_el0"}


@dataclass(frozen=True)
class FeatureFinding:
    """The answer for one subject of a property."""

    prop: FeatureProperty
    kernel: str
    subject: str
    answer: Answer
    why: str
    scenario: Scenario | None = None
    """A scenario whose boot breaks the promise."""
    other: Scenario | None = None
    """Where the order matters: the same CPUs in another order."""


def prove_features(prop: FeatureProperty, kernel: str, *, longest_s: float = LONGEST_S) -> list[FeatureFinding]:
    """Prove a promise for all values of ID registers under a kernel, or refute it, subject by subject.

    Raises:
        InputError: there is no such kernel.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    tables = kernel_tables(kernel_release(kernel).series)
    find = {LATE_HAS_ALL: _late_has_all, EARLY_ORDER: _early_order, LATE_KEEPS_VIEW: _late_keeps_view}[prop]
    return interruptible(lambda: list(find(tables, kernel, longest_s)))


# A late CPU has all that is in use


def _late_has_all(_tables: KernelTables, kernel: str, longest_s: float) -> Iterator[FeatureFinding]:
    model = CoreModel(complete_cores(), kernel)
    table = model.table
    by_sanitised = {one.place for one in model.contextual if one.late is not None}
    optional: dict[str, list[str]] = {}
    proved = 0
    for place, one in enumerate(table.entries):
        lacking = _may_lack(model, place, one, longest_s)
        if lacking is not Answer.PROVED:
            optional.setdefault(_why_optional(one), []).append(one.description or one.label)
        elif place not in by_sanitised:
            proved += 1
    yield FeatureFinding(
        LATE_HAS_ALL,
        kernel,
        f"{proved} capabilities",
        Answer.PROVED,
        f"a CPU that lacks one is refused, or panics; 32-bit EL0 only without {_MISMATCHED}",
    )
    for why, names in optional.items():
        yield FeatureFinding(LATE_HAS_ALL, kernel, _listed(names), Answer.REFUTED, why)
    for place in sorted(by_sanitised):
        yield _by_sanitised(table.entries[place], kernel)
    answers = [_hwcap_answer(model, one, longest_s) for one in model.hwcaps]
    answer = Answer.PROVED if set(answers) == {Answer.PROVED} else Answer.UNKNOWN
    why = f"a CPU that lacks one in use is refused; those of 32-bit programs only without {_MISMATCHED}"
    yield FeatureFinding(LATE_HAS_ALL, kernel, f"{len(answers)} hwcaps", answer, why)
    yield _mismatched_32bit(kernel)


def _may_lack(model: CoreModel, place: int, one: Requirement, longest_s: float) -> Answer:
    """Answer whether some accepted CPU lacks a capability in use: refuted if so."""
    table = model.table
    system, cpu = (Symbol.named(name, _BITS) for name in ("system", "cpu"))
    conditions = [z3.ULE(system.term, 1), z3.ULE(cpu.term, 1)]
    if one.matcher in _FIELD_MATCHERS:
        # The bits follow from fields, of the sanitised register and of the CPU's own.
        field = model.tables.field_of(one)
        values = [Symbol.named(name, _BITS) for name in ("sanitised", "own")]
        conditions += [z3.ULT(value.term, 1 << field.width) for value in values]
        system, cpu = (one.where_met(value, field) & 1 for value in values)
    conflict = rules.conflicts(system, cpu, table.optional_late >> place & 1, table.permitted_late >> place & 1) & 1
    lacks = system & ~cpu & ~conflict & 1
    return Solver(longest_s, *conditions).check(lacks.term != 0)


def _hwcap_answer(model: CoreModel, one: Requirement, longest_s: float) -> Answer:
    promised, own = (Symbol.named(name, _BITS) for name in ("sanitised", "own"))
    conditions = []
    if one.matcher in _FIELD_MATCHERS:
        field = model.tables.field_of(one)
        conditions = [z3.ULT(value.term, 1 << field.width) for value in (promised, own)]
        promised, own = (one.where_met(value, field) & 1 for value in (promised, own))
    # The first hwcap that is missing refuses the CPU (`Hwcaps.missing`).
    refused = rules.any_of(promised & ~own & 1, _TOP)
    return Solver(longest_s, *conditions).check((promised & ~own & 1 & ~refused).term != 0)


_BY_CPU = "the kernel uses it on each CPU that has it, and on no other"
_WHY_OPTIONAL = {
    "has_amu": _BY_CPU,
    "has_hw_dbm": _BY_CPU,
    "has_mismatched_cache_type": "the kernel traps CTR_EL0 on each CPU that differs, and on no other",
    "has_no_fpsimd": "the kernel looks at the sanitised registers, and a CPU that has both can do without them",
    "has_no_hw_prefetch": "a CPU that prefetches by itself can do without, and hints in the code do it no harm",
}
"""The reasons why a capability is optional for a late CPU, by matcher, unless it is against an erratum or an attack.

Source: ``cpu_amu_enable``, ``cpu_enable_hw_dbm`` and ``has_no_fpsimd`` of arch/arm64/kernel/cpufeature.c;
``cpu_enable_trap_ctr_access`` of arch/arm64/kernel/cpu_errata.c; arch/arm64/lib/copy_page.S.
"""


def _why_optional(one: Capability) -> str:
    if one.is_workaround:
        return "the workaround of an erratum does no harm on a CPU without it"
    if one.name.startswith("SPECTRE") or one.name == "UNMAP_KERNEL_AT_EL0":
        return "a mitigation does no harm on a CPU that does not need it"
    return _WHY_OPTIONAL[one.matcher]


_LACKING: dict[str, tuple[Mapping[str, int], Mapping[str, int]]] = {
    "HAS_PMUV3": ({}, {"PMUVer": 0}),
    "HAS_LPA2": ({"TGRAN4": 1, "TGRAN4_2": 3}, {"TGRAN4": 1, "TGRAN4_2": 2}),
}
"""Capabilities that a late CPU is not asked for: the fields of the early CPU, and of a late CPU without."""


def _by_sanitised(one: Capability, kernel: str) -> FeatureFinding:
    """Return the finding on a capability for which the kernel reads the sanitised registers even on a late CPU."""
    subject = one.description or one.label
    if one.name == "HAS_GENERIC_AUTH":
        why = "it rests on an algorithm that is a capability of its own, and a CPU without it is refused"
        return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.PROVED, why)
    if one.name not in _LACKING:
        why = "the sanitised registers decide, and how a late CPU's own MPAM is verified is not modelled"
        return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.UNKNOWN, why)
    early, late = (_with_fields(_BASE, kernel, fields) for fields in _LACKING[one.name])
    scenario = _late_scenario((early,), late, kernel, f"a late CPU without {subject}")
    facts = boot(scenario).facts
    state = facts.features_at_end
    has = state is not None and one.label in {each.entry.label for each in state.capabilities}
    if has and facts.state(1) is CpuState.ONLINE:
        why = "the kernel looks at the sanitised registers, and not at the late CPU's own"
        return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.REFUTED, why, scenario)
    return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.PROVED, "the system never has it on the CPUs tried")


_MISMATCHED = "allow_mismatched_32bit_el0"


def _mismatched_32bit(kernel: str) -> FeatureFinding:
    """Return the finding on the option with which a late CPU need not run 32-bit programs.

    Source: arch/arm64/kernel/cpufeature.c (``has_32bit_el0`` is true of every CPU; ``verify_local_elf_hwcaps`` asks for
    the hwcaps of 32-bit programs on CPUs that run them).
    """
    little, without = (_with_fields(_LITTLE, kernel, fields) for fields in ({}, {"EL0": 1}))
    scenario = _late_scenario((little,), without, kernel, "a late CPU without 32-bit programs", _MISMATCHED)
    subject = f"32-bit EL0 Support and hwcaps of 32-bit programs, with {_MISMATCHED}"
    facts = boot(scenario).facts
    state = facts.features_at_end
    has = state is not None and any(state.compat_hwcap_words) and state.aarch32_cpus == (0,)
    if has and facts.state(1) is CpuState.ONLINE:
        why = "it is what the option is for: 32-bit programs run on the CPUs that can, and the kernel asks no other"
        return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.REFUTED, why, scenario)
    return FeatureFinding(LATE_HAS_ALL, kernel, subject, Answer.UNKNOWN, "the CPU that was tried is not accepted")


def _listed(names: list[str]) -> str:
    most = 3
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


# The order of early CPUs


def _early_order(tables: KernelTables, kernel: str, longest_s: float) -> Iterator[FeatureFinding]:
    yield from _meets(tables, kernel, longest_s)
    yield from _own_capabilities(tables, kernel, longest_s)
    yield _cache_type(tables, kernel, longest_s)
    for subject, why, first, second in _orders(kernel):
        if _observed(first) != _observed(second):
            yield FeatureFinding(EARLY_ORDER, kernel, subject, Answer.REFUTED, why, first, second)


def is_meet(field: Field, longest_s: float = LONGEST_S) -> Answer:
    """Answer whether the safe value of a field depends neither on the order of CPUs nor on their number."""
    one, two, three = (Symbol.named(name, _BITS) for name in ("one", "two", "three"))
    limits = [z3.ULT(value.term, 1 << field.width) for value in (one, two, three)] if field.width < _BITS else []
    safe = field.safe_value
    laws = z3.And(
        safe(one, two).term == safe(two, one).term,
        safe(safe(one, two), three).term == safe(one, safe(two, three)).term,
        safe(one, one).term == one.term,
    )
    return Solver(longest_s, *limits).check(z3.Not(laws))


def _meets(tables: KernelTables, kernel: str, longest_s: float) -> Iterator[FeatureFinding]:
    fields = [(name, field) for name, register in tables.registers.items() for field in register.fields]
    # Fields of one type, width, sign and safe value have one proof.
    kinds = {_kind(field): field for _name, field in fields}
    answers = {kind: is_meet(field, longest_s) for kind, field in kinds.items()}
    why = "the safe value of two is commutative, associative and idempotent, so that CPUs may come in any order"
    kept = [one for one in fields if answers[_kind(one[1])] is Answer.PROVED]
    registers = len({name for name, _field in kept})
    yield FeatureFinding(EARLY_ORDER, kernel, f"{len(kept)} fields of {registers} registers", Answer.PROVED, why)
    for name, field in fields:
        if answers[_kind(field)] is not Answer.PROVED:
            yield FeatureFinding(
                EARLY_ORDER, kernel, f"{name}.{field.name}", answers[_kind(field)], "the rule is not a meet"
            )


def _kind(field: Field) -> tuple[object, ...]:
    return field.type, field.width, field.signed, field.safe


_BY_CPUS_BEFORE = {
    "unmap_kernel_at_el0": "a model of ThunderX forces isolation off for all CPUs that come after it",
    "needs_tx2_tvm_workaround": "the workaround is for systems whose CPUs so far all started at EL2",
    "can_trap_icv_dir_el1": "the system must have its CPUs so far all started at EL2",
    "has_sme_dvmsync_erratum": "the system must have SME so far",
    "has_mismatched_cache_type": "the system's cache type so far is compared",
}
"""The matchers that ask for more than the CPU's own registers, and what they ask for."""


def _own_capabilities(tables: KernelTables, kernel: str, longest_s: float) -> Iterator[FeatureFinding]:
    """Yield the findings on capabilities that CPUs decide on one by one: by themselves, or by the CPUs before them."""
    own = [one for one in tables.capabilities if "LOCAL" in one.type]
    free = [one for one in own if one.matcher not in _BY_CPUS_BEFORE]
    why = "any early CPU decides, or each of them (MATCH_ALL), by its own registers: OR and AND do not ask for an order"
    yield FeatureFinding(EARLY_ORDER, kernel, f"{len(free)} capabilities of CPUs by themselves", Answer.PROVED, why)
    for one in own:
        subject = one.description or one.label
        if one.matcher == "can_trap_icv_dir_el1":
            why = "each early CPU must have it (MATCH_ALL), and the CPU that did not start at EL2 fails by itself"
            yield FeatureFinding(EARLY_ORDER, kernel, subject, _starts_commute(longest_s), why)
        elif one.matcher == "has_sme_dvmsync_erratum":
            why = f"{_BY_CPUS_BEFORE[one.matcher]}; no order that matters is known"
            yield FeatureFinding(EARLY_ORDER, kernel, subject, Answer.UNKNOWN, why)


def _starts_commute(longest_s: float) -> Answer:
    """Answer whether two CPUs may change places where each must have a capability for which all so far start at EL2.

    Any order is a number of such changes of neighbours. A CPU that starts elsewhere clears the flag before its own
    capabilities are asked for.

    Source: arch/arm64/kernel/head.S (``set_cpu_boot_mode_flag``); cpufeature.c (``can_trap_icv_dir_el1``, which asks
    ``is_hyp_mode_available``; ``update_cpu_capabilities`` of ARM64_CPUCAP_MATCH_ALL_EARLY_CPUS).
    """
    names = ("all so far at EL2", "all so far have it", "one at EL2", "one has it", "other at EL2", "other has it")
    at_el2, has, *cpus = (Symbol.named(name, _BITS) for name in names)
    one, other = (cpus[0], cpus[1]), (cpus[2], cpus[3])

    def after(*order: tuple[Symbol, Symbol]) -> tuple[Symbol, Symbol]:
        all_at_el2, all_have = at_el2, has
        for starts_at_el2, own in order:
            all_at_el2 = all_at_el2 & starts_at_el2
            all_have = all_have & all_at_el2 & own
        return all_at_el2, all_have

    pairs = zip(after(one, other), after(other, one), strict=True)
    return Solver(longest_s).check(z3.Or(*(first.term != second.term for first, second in pairs)))


def _cache_type(tables: KernelTables, kernel: str, longest_s: float) -> FeatureFinding:
    """Return the finding on the capability of mismatched caches, which compares a CPU with those before it."""
    register = tables.registers["CTR_EL0"]
    strict = register.strict_mask & (1 << 32) - 1
    raw = [Symbol.named(name, _BITS) for name in ("boot", "second", "third")]
    idc = [Symbol.named(f"idc of {name}", _BITS) for name in ("boot", "second", "third")]
    bit = 1 << 28
    effective = [one | (is_set & bit) for one, is_set in zip(raw, idc, strict=True)]

    def meet(one: Symbol, two: Symbol) -> Symbol:
        value = one & ~register.listed_mask
        for field in register.fields:
            old, new = ((each & field.mask) >> field.shift for each in (one, two))
            value = value | (field.safe_value(old, new) << field.shift)
        return value

    def detected(order: tuple[int, int]) -> Symbol:
        first, second = order
        system = effective[0] & register.listed_mask
        found = rules.mismatches(system, effective[first], raw[first], strict, _TOP)
        system = meet(system, effective[first])
        return found | rules.mismatches(system, effective[second], raw[second], strict, _TOP)

    limits = [z3.ULT(one.term, 1 << 32) for one in raw]
    answer = Solver(longest_s, *limits).check(detected((1, 2)).term != detected((2, 1)).term)
    why = "the first CPU whose caches differ from the boot CPU's is found, whichever CPUs came before"
    return FeatureFinding(EARLY_ORDER, kernel, "Mismatched cache type (CTR_EL0)", answer, why)


def _orders(kernel: str) -> Iterator[tuple[str, str, Scenario, Scenario]]:
    """Yield CPUs in two orders that may have different outcomes, each with its subject and the reason."""
    little, big = _with_fields(_LITTLE, kernel, {}), _with_fields(_BIG, kernel, {})
    other = _with_registers(little, {"ID_PFR1_EL1": little.features.register("ID_PFR1_EL1") ^ 0x1000})
    yield (
        "taint, and SANITY CHECK lines of 32-bit registers",
        "fields that matter to 32-bit code at EL1 are compared until a CPU without it comes",
        _early_scenario((little, other, big), kernel),
        _early_scenario((little, big, other), kernel),
    )
    yield (
        "capabilities of the boot CPU",
        "the boot CPU decides them for all, and a CPU that differs is refused, or panics the kernel",
        _early_scenario((little, big, _with_fields(_BASE, kernel, {})), kernel),
        _early_scenario((_with_fields(_BASE, kernel, {}), little, big), kernel),
    )
    weak = _with_fields(_BIG, kernel, {"CSV3": 0})
    thunder = _of_model("cavium,thunder", 0x430F0A10, weak)
    yield (
        "page table isolation (KPTI)",
        _BY_CPUS_BEFORE["unmap_kernel_at_el0"],
        _early_scenario((big, weak, thunder), kernel),
        _early_scenario((big, thunder, weak), kernel),
    )
    at_el1, thunder2 = Cpu("", little.features, Firmware(el=1)), _of_model("cavium,thunder2", 0x430F0AF0, big)
    yield (
        "Cavium ThunderX2 erratum 219 (KVM guest sysreg trapping)",
        _BY_CPUS_BEFORE["needs_tx2_tvm_workaround"],
        _early_scenario((little, thunder2, at_el1), kernel, "id_aa64mmfr1.vh=0"),
        _early_scenario((little, at_el1, thunder2), kernel, "id_aa64mmfr1.vh=0"),
    )
    without = _with_fields(_BIG, kernel, {"EL0": 1})
    yield (
        "32-bit registers, where the boot CPU lacks 32-bit programs",
        "a boot CPU that runs 32-bit programs gives the registers their first value; without, they begin as 0",
        _early_scenario((without, little), kernel),
        _early_scenario((little, without), kernel),
    )
    mpam = {"MPAM": 1}
    with_hcr = _with_registers(_with_fields(_BASE, kernel, mpam), {"MPAMIDR_EL1": 1 << 17, "MPAM1_EL1": 1 << 63})
    without_hcr = _with_fields(_BASE, kernel, mpam)
    without_mpam = _with_fields(_BASE, kernel, {"MPAM": 0})
    yield (
        "MPAMIDR_EL1",
        "the register is compared only as long as all CPUs so far have MPAM",
        _early_scenario((with_hcr, without_hcr, without_mpam), kernel),
        _early_scenario((with_hcr, without_mpam, without_hcr), kernel),
    )


Observed = tuple[object, ...]


def _observed(scenario: Scenario) -> Observed:
    """Return what a boot shows, whatever the numbers of its CPUs: its CPUs, taint, capabilities, hwcaps, registers."""
    facts = boot(scenario).facts
    topology = scenario.topology
    states = sorted(
        (str(topology.logical[one].features.core.midr), str(facts.state(one))) for one in range(len(topology.cpus))
    )
    state = facts.features_at_end
    return tuple(states), None if facts.panic is None else "panic", None if state is None else _of_state(state)


def _of_state(state: FeatureState) -> Observed:
    return (
        state.taint & TAINT_CPU_OUT_OF_SPEC,
        tuple(sorted(one.entry.label for one in state.capabilities)),
        state.hwcaps,
        state.compat_hwcap_words,
        tuple((name, one.system_value) for name, one in state.registers.items()),
    )


# What programs read

_OF_CTR = {"IDC": "has_cache_idc", "DIC": "has_cache_dic"}
"""The matchers of single bits of CTR_EL0, which the tables do not name, by field."""


def _late_keeps_view(tables: KernelTables, kernel: str, longest_s: float) -> Iterator[FeatureFinding]:
    kept: list[str] = []
    for name, register in tables.registers.items():
        # Of CTR_EL0, programs read the system's value on CPUs that differ from it.
        if not register.is_emulated and name != "CTR_EL0":
            continue
        for field in register.fields:
            if not field.visible:
                continue
            found = view_change(tables, name, field, longest_s)
            if found is None:
                kept.append(f"{name}.{field.name}")
            else:
                yield _shrinking(name, field, found, kernel)
    if kept:
        why = "each lower value breaks a promise to programs, which refuses the CPU"
        yield FeatureFinding(LATE_KEEPS_VIEW, kernel, f"{_listed(kept)}", Answer.PROVED, why)


def view_change(
    tables: KernelTables, register: str, field: Field, longest_s: float = LONGEST_S
) -> tuple[int, int] | None:
    """Return a sanitised value and the value of an accepted late CPU that changes it; None if there are none.

    A CPU is accepted that keeps each capability and hwcap which depends on the field alone.
    """
    system, own = (Symbol.named(name, _BITS) for name in ("system", "own"))
    conditions = [z3.ULT(value.term, 1 << field.width) for value in (system, own)]
    if any(one.matcher == _OF_CTR.get(field.name) for one in tables.capabilities) and register == "CTR_EL0":
        # The capability is the bit, and a late CPU must have it.
        conditions.append((system & ~own).term == 0)
    for one in _users(tables, register, field):
        uses, has = one.where_met(system, field), one.where_met(own, field)
        if one.matcher == "has_address_auth_cpucap":
            has = has & ~rules.any_of((system | own) & ~(system & own), _TOP)
        conditions.append((uses & ~has).term == 0)
    solver = Solver(longest_s, *conditions, field.safe_value(system, own).term != system.term)
    if solver.check() is not Answer.REFUTED:
        return None
    # Small values are values that cores have.
    return solver.minimise_value(system), solver.minimise_value(own)


def _users(tables: KernelTables, register: str, field: Field) -> Iterator[Requirement]:
    """Yield the capabilities and hwcaps that a late CPU must keep, and that depend on one field."""
    entries: Iterable[Requirement] = (
        *(one for one in tables.capabilities if "OPTIONAL_LATE" not in one.type),
        *tables.hwcaps,
    )
    for one in entries:
        parts = (one, *one.any_of)
        yield from (part for part in parts if (part.register, part.field) == (register, field.name))


def _shrinking(name: str, field: Field, found: tuple[int, int], kernel: str) -> FeatureFinding:
    system, own = found
    why = f"from {system} to {field.safe_value(system, own)} by a late CPU with {own}"
    subject = f"{name}.{field.name}"
    for scenario in _with_late(name, field, system, own, kernel):
        if HazardKind.USER_VIEW_SHRINKS in {one.kind for one in boot(scenario).found}:
            return FeatureFinding(LATE_KEEPS_VIEW, kernel, subject, Answer.REFUTED, why, scenario)
    why += ", unless something else refuses it, as on the cores tried"
    return FeatureFinding(LATE_KEEPS_VIEW, kernel, subject, Answer.UNKNOWN, why)


def _with_late(name: str, field: Field, system: int, own: int, kernel: str) -> Iterator[Scenario]:
    """Yield scenarios of a late CPU that has a field's value otherwise than the early CPUs."""
    for base in (_with_fields(core, kernel, {}) for core in (_BASE, _LITTLE)):
        # The trap of ICV_DIR_EL1 is stated, since it would follow from another field.
        early, late = (
            _with_registers(base, {name: field.put(base.features.register(name), value), TDS.register: TDS.put(0, 1)})
            for value in (system, own)
        )
        words = f"a late CPU changes {field.name}"
        yield _late_scenario((early,), late, kernel, words)
        # Where caches of early CPUs differ, a late CPU whose caches differ is welcome.
        if name == "CTR_EL0":
            # DminLine is bits 19 to 16, and IminLine bits 3 to 0.
            bit = 1 << 16 if field.name == "IminLine" else 1
            other = _with_registers(early, {name: early.features.register(name) ^ bit})
            yield _late_scenario((early, other), late, kernel, words)
        # 32-bit programs are promised NEON only where all its fields are there.
        if name == "MVFR1_EL1":
            yield _late_scenario(*_without_neon(early, late, field), kernel, words)


def _without_neon(early: Cpu, late: Cpu, field: Field) -> tuple[tuple[Cpu, ...], Cpu]:
    """Return the CPUs with 0 in the other fields of NEON."""
    others = sum(one.mask for one in SIMD_FIELDS if one.name != field.name)
    changed = (
        _with_registers(one, {"MVFR1_EL1": one.features.register("MVFR1_EL1") & ~others}) for one in (early, late)
    )
    first, second = changed
    return (first,), second


# Scenarios


@cache
def _base(name: str) -> Cpu:
    return next(one for one in complete_cores() if one.name == name)


def _of_model(name: str, midr: int, cpu: Cpu) -> Cpu:
    """Return a CPU of another core model, with the registers of a CPU."""
    core = cpu.features.core
    changed = replace(known_core(name, midr), id_registers=core.id_registers, changes=core.id_registers)
    return replace(cpu, features=replace(cpu.features, core=changed))


def _with_registers(cpu: Cpu, changes: Mapping[str, int]) -> Cpu:
    core = cpu.features.core
    changed = core.with_registers(core.midr, {**core.changes, **changes})
    return replace(cpu, features=replace(cpu.features, core=changed))


def _with_fields(name: str, kernel: str, fields: Mapping[str, int]) -> Cpu:
    """Return a CPU of a core with other values of some fields, by their names."""
    cpu, changes = _base(name), dict[str, int]()
    tables = kernel_tables(kernel_release(kernel).series)
    for wanted, value in fields.items():
        register, field = next(
            (register, one)
            for register, table in tables.registers.items()
            for one in table.fields
            if one.name == wanted and register.startswith("ID_AA64")
        )
        changes[register] = field.put(changes.get(register, cpu.features.register(register)), value)
    return _with_registers(cpu, changes) if changes else cpu


def _early_scenario(cpus: tuple[Cpu, ...], kernel: str, options: str = "") -> Scenario:
    named = tuple(Cpu(f"cpu{place}", one.features, one.firmware) for place, one in enumerate(cpus))
    return Scenario(Topology(named), kernel=kernel, options=options, name="the order of early CPUs")


def _late_scenario(early: tuple[Cpu, ...], late: Cpu, kernel: str, name: str, options: str = "") -> Scenario:
    last = f"cpu{len(early)}"
    cpus = (*(Cpu(f"cpu{place}", one.features) for place, one in enumerate(early)), Cpu(last, late.features, late=True))
    actions = (Action(Do.ONLINE, last),)
    return Scenario(Topology(cpus), kernel=kernel, options=options, actions=actions, name=name)
