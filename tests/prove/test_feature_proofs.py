"""Tests that proofs about CPU features are right: beside an enumeration of fields, and beside boots."""

import json
from itertools import product
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.cpufeature_tables import Field, SafeType, kernel_tables
from sim.errors import InputError
from sim.facts import CpuState
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.hazard_kinds import HazardKind
from sim.id_registers import TDS
from sim.prove.feature_proofs import FeatureFinding, is_meet, prove_features, view_change
from sim.prove.feature_properties import (
    EARLY_ORDER,
    FEATURE_PROPERTIES,
    LATE_HAS_ALL,
    LATE_KEEPS_VIEW,
    feature_property,
)
from sim.prove.properties import PROPERTIES
from sim.prove.question import Answer
from tests.command_line import Asymboot
from tests.feature_systems import cores

TABLES = kernel_tables((7, 3))
FIELDS = {(f.type, f.width, f.signed, f.safe): f for register in TABLES.registers.values() for f in register.fields}


@pytest.mark.parametrize("field", [one for one in FIELDS.values() if one.width <= 4], ids=str)
def test_the_rule_of_a_field_is_a_meet(field: Field) -> None:
    values = range(1 << field.width)
    safe = field.safe_value
    for one, two, three in product(values, repeat=3):
        assert safe(one, two) == safe(two, one)
        assert safe(safe(one, two), three) == safe(one, safe(two, three))
    assert all(safe(one, one) == one for one in values)
    assert is_meet(field) is Answer.PROVED


def test_a_rule_that_is_no_meet_is_refuted() -> None:
    class Difference(Field, frozen=True, dict=True):
        def safe_value(self, system, cpu):  # type: ignore[no-untyped-def]
            return (system - cpu) & 15

    assert is_meet(Difference(name="X", shift=0, type=SafeType.LOWER_SAFE)) is Answer.REFUTED


@pytest.mark.parametrize(
    ("register", "name"), [("ID_AA64PFR1_EL1", "MTE"), ("ID_AA64ISAR0_EL1", "AES"), ("DCZID_EL0", "BS")]
)
def test_the_change_of_a_field_is_one_that_an_enumeration_finds(register: str, name: str) -> None:
    field = TABLES.registers[register].field(name)
    assert field is not None
    users = [
        one
        for one in (*TABLES.capabilities, *TABLES.hwcaps)
        if (one.register, one.field) == (register, name) and "OPTIONAL_LATE" not in getattr(one, "type", ())
    ]
    changes = {
        (system, own)
        for system, own in product(range(16), repeat=2)
        if all(one.is_met_by(own, field) or not one.is_met_by(system, field) for one in users)
        and field.safe_value(system, own) != system
    }
    found = view_change(TABLES, register, field)
    assert found in changes
    assert found[0] == min(system for system, _own in changes)


@pytest.fixture(scope="module")
def findings() -> dict[str, list[FeatureFinding]]:
    return {name: prove_features(prop, "7.3") for name, prop in FEATURE_PROPERTIES.items()}


def subjects(found: list[FeatureFinding], answer: Answer) -> set[str]:
    return {one.subject for one in found if one.answer is answer}


def test_what_an_accepted_cpu_may_lack(findings: dict[str, list[FeatureFinding]]) -> None:
    found = findings[LATE_HAS_ALL.name]
    refuted = subjects(found, Answer.REFUTED)
    assert {"PMUv3", "52-bit Virtual Addressing for KVM (LPA2)"} <= refuted
    assert "Activity Monitors Unit (AMU), Hardware dirty bit management" in refuted
    assert "139 hwcaps" in subjects(found, Answer.PROVED)
    for one in found:
        if one.scenario is not None:
            facts = boot(scenario_from_text(scenario_text(one.scenario))).facts
            assert facts.state(1) is CpuState.ONLINE


@pytest.mark.parametrize("kernel", ["6.1", "7.3"])
def test_one_option_lets_a_late_cpu_lack_32_bit_programs(kernel: str) -> None:
    option = "allow_mismatched_32bit_el0"
    found = prove_features(LATE_HAS_ALL, kernel)
    assert [one.subject.split()[1] for one in found if one.why.endswith(f"without {option}")] == [
        "capabilities",
        "hwcaps",
    ]
    (shown,) = [one.scenario for one in found if one.subject.endswith(option)]
    assert shown is not None
    assert boot(shown.but(options="")).facts.state(1) is CpuState.REFUSED
    state = boot(shown).facts.features_at_end
    assert state is not None
    assert "HAS_32BIT_EL0_DO_NOT_USE" in {one.entry.name for one in state.capabilities}
    assert (any(state.compat_hwcap_words), state.aarch32_cpus) == (True, (0,))


@pytest.mark.parametrize(("kernel", "errata"), [("6.1", 32), ("6.12", 32), ("6.16", 35), ("6.18", 35), ("7.3", 37)])
def test_only_errata_are_called_errata(kernel: str, errata: int) -> None:
    found = prove_features(LATE_HAS_ALL, kernel)
    reasons = {one.why: one.subject for one in found if one.answer is Answer.REFUTED}
    names = _named(reasons["the workaround of an erratum does no harm on a CPU without it"])
    assert names == ["ARM erratum 834220", "ARM erratum 843419", "ARM erratum 845719", errata - 3]
    assert _named(reasons["a mitigation does no harm on a CPU that does not need it"]) == [
        "Spectre-v2",
        "Spectre-v3a",
        "Spectre-v4",
        2,
    ]
    of_caches = "the kernel traps CTR_EL0 on each CPU that differs, and on no other"
    assert reasons[of_caches] == "Mismatched cache type (CTR_EL0)"
    of_6_1 = {"HAS_NO_FPSIMD", "Software prefetching using PRFM"}
    assert of_6_1.intersection(reasons.values()) == (of_6_1 if kernel == "6.1" else set())


def _named(subject: str) -> list[str | int]:
    """Return the names of a subject, and how many more there are."""
    shown, _, more = subject.rpartition(" and ")
    return [*shown.split(", "), int(more.removesuffix(" more"))]


def test_where_the_order_of_early_cpus_matters(findings: dict[str, list[FeatureFinding]]) -> None:
    found = findings[EARLY_ORDER.name]
    assert subjects(found, Answer.REFUTED) == {
        "taint, and SANITY CHECK lines of 32-bit registers",
        "capabilities of the boot CPU",
        "32-bit registers, where the boot CPU lacks 32-bit programs",
        "MPAMIDR_EL1",
        "page table isolation (KPTI)",
        "Cavium ThunderX2 erratum 219 (KVM guest sysreg trapping)",
    }
    proved = {"325 fields of 42 registers", "Mismatched cache type (CTR_EL0)", "ICV_DIR_EL1 trapping"}
    assert proved <= subjects(found, Answer.PROVED)
    assert {"C1-Pro SME DVMSync early acknowledgement"} == subjects(found, Answer.UNKNOWN)
    first = next(one for one in found if one.subject.startswith("taint"))
    assert first.scenario is not None
    assert first.other is not None
    taints = [boot(one).facts.features_at_end for one in (first.scenario, first.other)]
    assert [None if one is None else one.taint for one in taints] == [4, 0]


def test_icv_dir_el1_is_trapped_where_every_cpu_started_at_el2_in_any_order() -> None:
    def is_trapped(el: tuple[int, ...], traps: tuple[int, ...]) -> bool:
        changes = ({TDS.register: TDS.put(0, one)} for one in traps)
        # With VHE, a CPU that started at EL1 beside others panics the kernel.
        state = cores(*changes, el=el, kernel="7.3", options="id_aa64mmfr1.vh=0").facts.features_at_end
        assert state is not None
        return "HAS_ICH_HCR_EL2_TDIR" in {one.entry.name for one in state.capabilities}

    for el, traps in product(product((1, 2), repeat=3), product((0, 1), repeat=3)):
        assert is_trapped(el, traps) is (set(el) == {2} and set(traps) == {1})


def test_which_registers_an_accepted_cpu_changes(findings: dict[str, list[FeatureFinding]]) -> None:
    found = findings[LATE_KEEPS_VIEW.name]
    assert {"ID_AA64PFR1_EL1.MTE", "CTR_EL0.DminLine"} <= subjects(found, Answer.REFUTED)
    assert subjects(found, Answer.UNKNOWN) <= {"ID_AA64PFR1_EL1.SME"}
    # Programs read each CPU's own.
    assert not any("DCZID_EL0" in one.subject for one in found)
    mte = next(one for one in found if one.subject == "ID_AA64PFR1_EL1.MTE")
    assert mte.scenario is not None
    outcome = boot(scenario_from_text(scenario_text(mte.scenario)))
    assert HazardKind.USER_VIEW_SHRINKS in {one.kind for one in outcome.found}


def test_the_command_shows_answers_and_writes_scenarios(asymboot: Asymboot, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = asymboot("prove", "--property", "early-order", "--kernel", "6.12", "-o", str(out))
    assert result.exit_code == 1
    assert "early-order: the order in which early CPUs come does not matter (kernel 6.12)" in result.output
    files = sorted(out.glob("*.toml"))
    assert len(files) == 10
    for file in files:
        read_scenario(file)
    rows = json.loads(asymboot("prove", "--property", "late-has-all", "--kernel", "6.12", "--json").stdout)
    assert {row["property"] for row in rows} == {"late-has-all"}
    mixed = asymboot("prove", "--property", "early-order", "--property", "no-panic")
    assert mixed.exit_code == 2
    assert "are about all CPU features" in mixed.output


def test_properties_are_listed_and_unknown_ones_refused(asymboot: Asymboot) -> None:
    listed = asymboot("list", "properties").output
    assert all(name in listed for name in (*PROPERTIES, *FEATURE_PROPERTIES))
    with pytest.raises(InputError, match="unknown property 'early': there are late-has-all, early-order"):
        feature_property("early")
