"""Registers that no source tells: what a boot makes of them, and what it says of them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from sim import Cpu, InputError, Outcome, Scenario, Topology, boot, plot_features
from sim.cores import known_core, named_field
from sim.feature_facts import FeatureState
from sim.feature_rows import field_rows, register_rows
from sim.files.core_properties import cpu_of_core
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.kernel.cpufeature import register_values
from sim.kernel.features.certainty import Certainty
from sim.report.page import boot_page
from sim.schemas import schema_text
from sim.unknown_features import unknown_record
from tests.command_line import Asymboot
from tests.systems import texts

A510, A710, A715, X3 = (f"arm,cortex-{name}" for name in ("a510", "a710", "a715", "x3"))


def booted(*cores: str, kernel: str = "6.12", kaslr: bool = False, el2: bool = True) -> Outcome:
    cpus = tuple(Cpu(f"cpu{number}", cpu_of_core(core).features) for number, core in enumerate(cores))
    return boot(Scenario(Topology(cpus), kernel=kernel, kaslr=kaslr, el2=el2))


def test_cores_that_are_64_bit_only_are_not_given_32_bit_programs_by_other_cores() -> None:
    outcome = booted(A510, A710, A715, X3)
    assert "32-bit EL0 Support" not in outcome.log_text
    a710, x3 = register_values(outcome.scenario)[1], register_values(outcome.scenario)[3]
    assert "MVFR0_EL1" in a710
    assert "MVFR0_EL1" not in x3


@pytest.mark.parametrize(
    ("first", "second", "values", "lines"),
    [
        ("", "", (None, None), 0),
        ("", "0x14", (None, 20), 0),
        ("0x16", "0x14", (22, 20), 1),
        ("0x0", "0x14", (0, 20), 1),
    ],
)
def test_the_frequency_that_firmware_writes_is_unknown_unless_it_is_given(
    first: str, second: str, values: tuple[int | None, ...], lines: int
) -> None:
    given = [f", registers = {{ CNTFRQ_EL0 = '{one}' }}" if one else "" for one in (first, second)]
    cpus = ", ".join(f"{{ core = 'arm,cortex-a76'{one} }}" for one in given)
    outcome = boot(scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n"))
    assert outcome.log_text.count("SANITY CHECK: Unexpected variation in SYS_CNTFRQ_EL0") == lines
    rows = {row.register: row for row in field_rows(outcome.facts, only_differing=False)}
    assert rows["CNTFRQ_EL0"].values == values
    # The core is known all the same, and no feature is doubtful.
    assert unknown_record(outcome.facts) is None


@pytest.mark.parametrize(("core", "lacks"), [(A715, True), (X3, True), (A710, False), (A510, False)])
def test_a_core_is_known_to_lack_32_bit_programs_where_its_manual_says_so(core: str, *, lacks: bool) -> None:
    assert known_core(core).lacks_aarch32 is lacks


@pytest.mark.parametrize("core", ["arm,cortex-x4", "arm,cortex-a510", "arm,cortex-a78", "arm,cortex-x1"])
def test_cores_without_32_bit_kernels_are_not_given_them_by_other_cores(core: str) -> None:
    outcome = booted("arm,cortex-a55", core)
    assert "32-bit EL1 Support" not in outcome.log_text
    assert "32-bit EL1 Support" in booted("arm,cortex-a55", "arm,cortex-a75").log_text
    # It is certain, whatever is unknown besides.
    names = {one.name for one in state_of(outcome).certainty.unknown_capabilities}
    assert "HAS_32BIT_EL1" not in names


def test_a_late_core_is_refused_for_32_bit_kernels_that_it_lacks() -> None:
    outcome = boot(
        scenario_from_text(
            "actions = [{ do = 'online', cpu = 'cpu1' }]\n"
            "[topology]\ncpus = [{ core = 'arm,cortex-a55' }, { core = 'arm,cortex-a78', late = true }]\n"
            "[kernel]\nseries = '6.12'\n"
        )
    )
    conflict = "CPU1: Detected conflict for capability 4 (32-bit EL1 Support), System: 1, CPU: 0"
    assert conflict in outcome.log_text


@pytest.mark.parametrize(
    ("keys", "has"),
    [
        ("core = 'arm,cortex-a55', features = { AArch32_EL0 = false }", False),
        ("core = 'arm,cortex-a510', features = { AArch32_EL0 = false }", False),
        ("core = 'Qualcomm Kryo 3xx Silver', features = { AArch32_EL0 = false }", False),
        ("core = 'arm,cortex-a55', features = { AArch32_EL0 = false, AArch32_EL1 = true }", True),
        ("core = 'arm,cortex-a55', registers = { ID_AA64PFR0_EL1 = '0x11112221' }", True),
    ],
)
def test_a_cpu_without_32_bit_programs_has_no_32_bit_kernels_unless_they_are_stated(keys: str, *, has: bool) -> None:
    text = f"[topology]\ncpus = [{{ core = 'arm,cortex-a55' }}, {{ {keys} }}]\n[kernel]\nseries = '6.12'\n"
    assert ("32-bit EL1 Support" in boot(scenario_from_text(text)).log_text) is has


def state_of(outcome: Outcome) -> FeatureState:
    state = outcome.facts.features_at_end
    assert state is not None
    return state


def test_the_limit_of_guests_addresses_is_unknown_where_no_cpus_range_is_known() -> None:
    outcome = booted(X3, A715)
    assert "IPA Size Limit" not in outcome.log_text
    assert state_of(outcome).ipa_limit_bits is None


def test_the_limit_is_known_where_a_cpus_range_is() -> None:
    assert "kvm [1]: IPA Size Limit: 40 bits" in booted(X3, A710).log_text


def test_vulnerabilities_that_depend_on_unknown_registers_are_unknown() -> None:
    unknown = {"meltdown": None, "spectre_v2": None, "spec_store_bypass": None}
    assert state_of(booted(X3, A715)).vulnerabilities == unknown
    assert state_of(booted(A710, X3)).vulnerabilities == unknown


def test_a_cpu_that_is_known_to_be_vulnerable_leaves_nothing_open() -> None:
    found = state_of(booted("arm,cortex-a72", X3, el2=False)).vulnerabilities
    assert found == {"meltdown": None, "spectre_v2": "Vulnerable", "spec_store_bypass": "Vulnerable"}


def test_kaslr_forces_nothing_where_no_cpu_tells_of_e0pd() -> None:
    forced = "kernel page table isolation forced ON by KASLR"
    assert forced not in booted(X3, kaslr=True).log_text
    assert forced in booted("arm,cortex-a72", kaslr=True).log_text


def test_no_cpu_is_stuck_for_a_granule_that_is_unknown() -> None:
    cpus = tuple(Cpu(f"cpu{number}", cpu_of_core(X3).features) for number in range(2))
    outcome = boot(Scenario(Topology(cpus), kernel="6.12", page_bytes=16384))
    assert outcome.facts.online == (0, 1)


def test_a_core_of_armv8_0_is_known_to_lack_pan() -> None:
    pan = "emulated: Privileged Access Never (PAN)"
    config = {"CONFIG_ARM64_SW_TTBR0_PAN": True}
    logs = [
        boot(
            Scenario(Topology((Cpu("cpu0", cpu_of_core(core).features),)), kernel="6.12", kernel_config=config)
        ).log_text
        for core in ("Qualcomm Kryo 2xx Gold", X3)
    ]
    assert [pan in log for log in logs] == [True, False]


def test_features_of_programs_that_no_register_tells_are_unknown() -> None:
    certainty = state_of(booted(X3, A715)).certainty
    assert {"aes", "atomics", "sve2", "paca", "mte"} <= set(certainty.unknown_hwcaps)
    assert certainty.assumed_hwcaps == ()
    names = {one.name for one in certainty.unknown_capabilities}
    assert {"HAS_LSE_ATOMICS", "BTI", "SPECTRE_V2", "UNMAP_KERNEL_AT_EL0"} <= names
    # Lengths, exception levels and MIDRs are known, and so is everything that they decide.
    assert not names & {"SVE", "SME", "HAS_VIRT_HOST_EXTN", "WORKAROUND_SPECULATIVE_SSBS", "SPECTRE_V4", "SME_FA64"}
    assert not {"fp", "asimd", "cpuid", "sve"} & set(certainty.unknown_hwcaps)


def test_features_that_another_cores_registers_tell_are_assumed() -> None:
    state = state_of(booted(A710, X3))
    assert {"aes", "atomics", "sve2"} <= set(state.certainty.assumed_hwcaps) <= set(state.hwcaps)
    assert not {"rng", "sme"} & {*state.certainty.unknown_hwcaps, *state.certainty.assumed_hwcaps}
    assumed = {one.name for one in state.certainty.assumed_capabilities}
    assert {"HAS_LSE_ATOMICS", "BTI"} <= assumed
    assert state.certainty.ipa_limit_is_assumed
    # One CPU is enough for an erratum, and the boot CPU alone decides on VHE.
    assert not assumed & {"HAS_VIRT_HOST_EXTN", "WORKAROUND_SPECULATIVE_SSBS"}


def test_what_the_boot_cpu_alone_decides_is_certain_where_its_registers_are_known() -> None:
    pac = "HAS_ADDRESS_AUTH_ARCH_QARMA5"
    known_first, unknown_first = (state_of(booted(*cores)).certainty for cores in ((A710, X3), (X3, A710)))
    assert pac not in {one.name for one in known_first.assumed_capabilities}
    assert pac in {one.name for one in unknown_first.assumed_capabilities}


def test_nothing_is_uncertain_where_all_registers_are_known() -> None:
    outcome = booted("arm,cortex-a55", "arm,cortex-a76")
    assert state_of(outcome).certainty == Certainty()
    assert unknown_record(outcome.facts) is None
    assert not any("ID registers" in note for note in outcome.notes)


def test_notes_say_how_much_is_known_and_what_is_not() -> None:
    notes = booted(X3, X3, A715).notes
    known = [note for note in notes if "ID registers" in note]
    assert [note.partition("ID registers of ")[2] for note in known] == [
        "arm,cortex-x3 on cpu0-1 is known",
        "arm,cortex-a715 on cpu2 is known",
    ]
    told = next(note for note in notes if note.startswith("unknown, since it depends on unknown registers: "))
    assert told.endswith("hwcaps, meltdown, spectre_v2, spec_store_bypass, KVM's limit of guests' addresses")
    assert any(note.startswith("assumed, with unknown registers") for note in booted(A710, X3).notes)


def with_second(second: str, core: str, hides: str = "[]") -> Outcome:
    cpus = f"{{ core = '{core}', hides = {hides} }}, {second}"
    return boot(scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n{ONLINE}"))


ONLINE = "[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"


@pytest.mark.parametrize(
    ("first", "second", "hides"),
    [
        ("arm,cortex-a76", "arm,cortex-a78", "[]"),
        ("arm,neoverse-n2", "arm,neoverse-v2", "[]"),
        ("arm,cortex-a710", "arm,cortex-a510", "['MTE']"),
    ],
)
def test_the_verdict_on_a_late_cpu_of_unknown_registers_is_said_to_be_assumed(
    first: str, second: str, hides: str
) -> None:
    outcome = with_second(f"{{ core = '{second}', late = true }}", first, hides)
    assert any(f"ID registers of {second} on cpu1 " in note for note in outcome.notes)
    assert outcome.notes[-1].endswith("other CPUs: whether the kernel accepts cpu1")
    record = unknown_record(outcome.facts)
    assert record is not None
    assert record.judged_by_assumption == (1,)


@pytest.mark.parametrize("late", [", late = true", ""])
def test_an_unknown_field_is_taken_to_be_as_firmware_shows_it_on_another_cpu(late: str) -> None:
    """MTE, in which all CPUs must be like the boot CPU, panics the kernel where a CPU is known to differ."""
    outcome = with_second(f"{{ core = 'arm,neoverse-v2'{late} }}", "arm,neoverse-n2", "['MTE']")
    assert outcome.facts.panic is None


def test_registers_that_are_alike_as_far_as_they_are_known_are_not_said_to_be_the_same(
    asymboot: Asymboot, tmp_path: Path
) -> None:
    file = tmp_path / "late.toml"
    file.write_text(
        "[topology]\ncpus = [{ core = 'arm,cortex-a76' }, { core = 'arm,cortex-a78', late = true }]\n", encoding="utf-8"
    )
    words = "all CPUs have the same ID registers, as far as they are known"
    assert f"none: {words}" in asymboot("features", str(file)).stdout
    outcome = boot(read_scenario(file))
    assert f"None: {words}." in boot_page(outcome)
    with pytest.raises(InputError, match=words):
        plot_features(outcome)


def test_rows_have_no_value_where_a_cpus_register_is_unknown() -> None:
    outcome = booted(A710, X3)
    rows = {f"{row.register}.{row.field}": row for row in field_rows(outcome.facts, only_differing=False)}
    atomic, rndr = rows["ID_AA64ISAR0_EL1.ATOMIC"], rows["ID_AA64ISAR0_EL1.RNDR"]
    assert (atomic.values, atomic.sanitised, atomic.decided_by) == ((2, None), None, ())
    # The least value of all counts, and no CPU has less than 0.
    assert (rndr.values, rndr.sanitised, rndr.decided_by) == ((0, None), 0, (0,))
    assert rows["ID_AA64PFR0_EL1.SVE"].values == (1, 1)
    assert rows["ID_AA64PFR0_EL1.EL0"].values == (2, 1)
    registers = {row.register: row for row in register_rows(outcome.facts)}
    isar0 = registers["ID_AA64ISAR0_EL1"]
    assert (isar0.values[1], isar0.sanitised, isar0.user_value, isar0.at_user_space) == (None, None, None, None)


def test_json_marks_what_is_unknown() -> None:
    record = booted(A710, X3).to_dict()["features"]
    jsonschema.validate(json.loads(json.dumps(record)), json.loads(schema_text("features")))
    unknown = record["unknown"]
    assert [one["core"] for one in unknown["cores"]] == [X3]
    assert "aes" in unknown["assumed_hwcaps"]
    assert record["vulnerabilities"]["spectre_v2"] is None
    assumed = {one["name"]: one["assumed"] for one in record["capabilities"]}
    assert (assumed["BTI"], assumed["SVE"]) == (True, False)


def test_tables_and_reports_mark_what_is_unknown(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "mixed.toml"
    file.write_text("[topology]\ncpus = [{ core = 'arm,cortex-a710' }, { core = 'arm,cortex-x3' }]\n", encoding="utf-8")
    table = asymboot("features", "--all", str(file), columns="120").stdout
    assert re.search(r"ID_AA64ISAR0_EL1.ATOMIC +2 +\? +\?", table)
    assert "?: unknown, since no source tells the CPU's register" in table
    told = asymboot("run", str(file)).stdout
    assert re.search(r"^assumed: .*\baes\b", told, re.MULTILINE)
    assert "meltdown: unknown" in told
    assert "of 21 ID registers of arm,cortex-x3 on cpu1 is known" in asymboot("check", str(file)).stdout
    page = boot_page(boot(read_scenario(file)))
    assert "<p>Assumed: " in page
    assert "<dt>meltdown</dt><dd>unknown</dd>" in page


def test_a_sanity_line_is_printed_only_of_a_register_that_is_known_on_both_cpus() -> None:
    # Cortex-X2's ID_AA64PFR0_EL1 is unknown but for SVE and EL0, in which it differs from Cortex-A55.
    outcome = booted("arm,cortex-a55", "arm,cortex-x2", kernel="6.18")
    assert not any("SANITY CHECK" in line for line in texts(outcome))
    assert "CPU features: Unsupported CPU feature variation detected." in texts(outcome)
    assert outcome.facts.features_at_end is not None
    assert outcome.facts.features_at_end.taint == 4


def test_an_idle_late_cpu_tells_nothing_of_other_cpus() -> None:
    # Of Cortex-A72 ID_MMFR4_EL1 is known to be 0, so that ThunderX is taken to be like it, and not like Cortex-A55.
    early = booted("arm,cortex-a72", "cavium,thunder", el2=False).scenario
    idle = Cpu("idle", cpu_of_core("arm,cortex-a55").features, late=True)
    with_idle = boot(early.but(topology=Topology((*early.topology.cpus, idle))))
    assert not any("SANITY" in line for line in texts(with_idle))
    assert texts(with_idle)[-1] == texts(boot(early))[-1]


def test_the_policy_of_an_icache_is_told_only_where_it_is_known() -> None:
    told = texts(booted("arm,cortex-a55", "arm,cortex-a77", "arm,cortex-a78"))
    assert [line for line in told if "I-cache" in line] == [
        "Detected VIPT I-cache on CPU0",
        "Detected PIPT I-cache on CPU2",
    ]


def test_a_field_that_firmware_hides_on_a_cpu_is_known() -> None:
    core = "core = 'arm,cortex-a77'"
    told, hidden = (
        scenario_from_text(f"[topology]\ncpus = [{{ {core} }}, {{ {core}{keys} }}]\n").topology
        for keys in ("", ", hides = ['CRC32']")
    )
    crc32 = named_field("CRC32")
    register, mask = crc32.register, crc32.mask
    assert told.unknown_bits[register] & mask
    assert hidden.unknown_bits[register] == told.unknown_bits[register] & ~mask
