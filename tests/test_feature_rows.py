"""Rows of CPU features: fields by CPU, capabilities, and what goes unused."""

import json
import re
from pathlib import Path

import jsonschema

from sim.boot_run import boot
from sim.facts import Facts
from sim.feature_rows import (
    capability_rows,
    cpu_kinds,
    features_record,
    field_rows,
    hwcap_rows,
    register_rows,
    unused_rows,
)
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.report.page import boot_page
from sim.scenario import Scenario
from sim.schemas import schema_text
from sim.topology import Topology, cpu_list
from tests.command_line import Asymboot
from tests.systems import V1

MIXED = """
[topology]
cpus = [
    { core = "arm,cortex-a55" },
    { core = "arm,cortex-a76", registers = { ID_AA64MMFR1_EL1 = "0x11212122" } },
    { core = "arm,cortex-a55", features = { CRC32 = 0 } },
]
[kernel]
series = "6.12"
"""


def facts() -> Facts:
    return boot(scenario_from_text(MIXED)).facts


def test_each_field_that_differs_has_its_values_its_rule_and_who_decided() -> None:
    rows = {f"{row.register}.{row.field}": row for row in field_rows(facts())}
    crc32 = rows["ID_AA64ISAR0_EL1.CRC32"]
    assert (crc32.values, crc32.sanitised, crc32.decided_by, crc32.strict) == ((1, 1, 0), 0, (2,), True)
    csv3 = rows["ID_AA64PFR0_EL1.CSV3"]
    assert (csv3.values, csv3.strict, csv3.rule) == ((0, 1, 0), False, "LOWER_SAFE")
    unlisted = rows["ID_AA64MMFR1_EL1.SpecSEI"]
    assert (unlisted.values, unlisted.sanitised) == ((0, 1, 0), 1)


COUNTED = """
[topology]
cpus = [{ core = "arm,cortex-a520" }, { core = "arm,cortex-a720", late = true }]
[kernel]
series = "6.12"
[[actions]]
do = "online"
cpu = "cpu1"
"""


def test_a_refused_cpu_that_the_kernel_still_counts_is_told_apart(asymboot: Asymboot, tmp_path: Path) -> None:
    # cpu_enable_hw_dbm() comes before the conflict of a capability with a higher number.
    (tmp_path / "one.toml").write_text(COUNTED)
    refused = boot(read_scenario(tmp_path / "one.toml"))
    row = next(one for one in capability_rows(refused.facts) if one.name == "HW_DBM")
    assert (row.cpus, row.refused) == ((0, 1), (1,))
    assert row.cpus_text(cpu_list) == "0; refused: 1"
    assert "cpu0; refused: cpu1" in asymboot("run", tmp_path / "one.toml").output
    assert "<td>cpu0; refused: cpu1</td>" in boot_page(refused)
    assert {one.refused for one in capability_rows(facts())} == {()}


KINDS = """
[topology]
cpus = [
    { core = "arm,neoverse-v1" },
    { core = "arm,neoverse-v1", hides = ["RNDR"], features = { RAS = 1 } },
    { core = "arm,neoverse-v1", zcr_el3_len = 0, el = 1, enable_method = "spin-table" },
    { core = "arm,neoverse-v1", cptr_el3_ez = false, unaffected = ["spectre-v2"] },
    { core = "arm,neoverse-v1", sve_bits = [128] },
    { core = "arm,cortex-a76" },
]
"""


def test_each_kind_of_cpu_says_what_tells_it_from_the_others_of_its_core() -> None:
    kinds = cpu_kinds(scenario_from_text(KINDS).topology)
    v1, both = "arm,neoverse-v1 [0x411fd402], ", "SVE of 128, 256 bits"
    assert [kind.cpus for kind in kinds] == [(0,), (1,), (2,), (3,), (4,), (5,)]
    assert [kind.words for kind in kinds] == [
        f"{v1}{both}",
        "arm,neoverse-v1 [0x411fd402], with other values of ID_AA64PFR0_EL1, firmware hides ID_AA64ISAR0_EL1.RNDR",
        f"{v1}{both}, firmware limits SVE to 128 bits, started at EL1, started by spin-table",
        f"{v1}{both}, firmware traps SVE, firmware says that it lacks spectre-v2",
        f"{v1}SVE of 128 bits",
        "arm,cortex-a76 [0x414fd0b1]",
    ]


def test_the_matrix_and_the_report_name_the_field_that_firmware_hides(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text(
        '[topology]\ncpus = [{ core = "arm,neoverse-n2" }, { core = "arm,neoverse-n2", hides = ["RNDR"] }]\n'
    )
    words = "arm,neoverse-n2 [0x410fd493], firmware hides ID_AA64ISAR0_EL1.RNDR"
    assert f"cpu1: {words}\n" in asymboot("features", file).output
    assert f"<th>cpu1, {words}</th>" in boot_page(boot(read_scenario(file)))


def test_fields_that_are_alike_are_there_on_demand() -> None:
    some, every = field_rows(facts()), field_rows(facts(), only_differing=False)
    assert set(some) < set(every)
    assert all(row.differs for row in some)


def test_a_capability_names_who_decided() -> None:
    rows = {row.name: row for row in capability_rows(facts())}
    assert rows["HAS_VIRT_HOST_EXTN"].scope == "boot CPU"
    assert rows["SPECTRE_V4"].decided_by == 1
    assert rows["HW_DBM"].cpus == (1,)
    assert rows["HAS_LSE_ATOMICS"].decided_by is None
    assert "HAS_CRC32" not in rows


def test_a_capability_that_its_matcher_logs_has_the_words_of_the_log_once() -> None:
    text = "[topology]\ncpus = [{ core = 'arm,cortex-a76' }]\n[kernel]\nseries = '6.12'\n"
    outcome = boot(scenario_from_text(text))
    rows = {row.name: row for row in capability_rows(outcome.facts)}
    assert rows["HAS_32BIT_EL0_DO_NOT_USE"].description == "32-bit EL0 Support"
    assert rows["HAS_FPSIMD"].description is None
    assert outcome.log_text.count("CPU features: detected: 32-bit EL0 Support") == 1


def test_what_a_cpu_has_and_the_system_cannot_use_names_the_cpu_that_lacks_it() -> None:
    unused = {(row.cpu, row.field): row.lost_by for row in unused_rows(facts())}
    assert unused[0, "CRC32"] == unused[1, "CRC32"] == (2,)
    assert (2, "CRC32") not in unused


def test_32_bit_programs_are_used_where_the_kernel_lets_them_run_on_some_cpus() -> None:
    without, late = "{ core = 'arm,cortex-a76', features = { AArch32_EL0 = 1 } }", "late = true"
    cpus = f"{without}, {without}, {{ core = 'arm,cortex-a76' }}, {{ core = 'arm,cortex-a76', {late} }}"
    kernel = "[kernel]\nseries = '6.12'\n"
    online = "[[actions]]\ndo = 'online'\ncpu = 'cpu3'\n"

    def of(options: str) -> list[int]:
        outcome = boot(scenario_from_text(f"[topology]\ncpus = [{cpus}]\n{kernel}{options}{online}"))
        return [row.cpu for row in unused_rows(outcome.facts) if row.field == "EL0"]

    assert of("options = 'allow_mismatched_32bit_el0'\n") == []
    assert of("") == [2, 3]


def test_where_the_command_line_made_the_system_s_value_no_cpu_decided() -> None:
    """An override changes the boot CPU's value before any other CPU comes."""
    without_mte = "{ core = 'arm,neoverse-n2', features = { MTE = 0 } }"
    text = f"[topology]\ncpus = [{{ core = 'arm,neoverse-n2' }}, {without_mte}]\n[kernel]\nseries = '6.12'\n"
    for options, decided_by, forced in (("arm64.nomte", (), True), ("id_aa64pfr1.mte=2", (1,), False)):
        found = boot(scenario_from_text(f'{text}options = "{options}"\n')).facts
        (row,) = (row for row in field_rows(found) if row.field == "MTE")
        assert (row.values, row.sanitised, row.decided_by, row.forced) == ((2, 0), 0, decided_by, forced)
        assert [(row.cpu, row.lost_by) for row in unused_rows(found)] == [(0, decided_by)]


def test_tables_name_the_command_line_where_it_decided(asymboot: Asymboot, tmp_path: Path) -> None:
    without_bt = "{ core = 'arm,neoverse-n2', features = { BT = 0 } }"
    file = tmp_path / "nobti.toml"
    file.write_text(
        f"[topology]\ncpus = [{{ core = 'arm,neoverse-n2' }}, {without_bt}]\n"
        "[kernel]\nseries = '6.12'\noptions = 'arm64.nobti'\n",
        encoding="utf-8",
    )
    assert re.search(r"ID_AA64PFR1_EL1.BT .* the command line\n", asymboot("features", str(file)).stdout)
    assert re.search(r"ID_AA64PFR1_EL1.BT .* the command line *\n", asymboot("run", str(file)).stdout)
    assert boot_page(boot(read_scenario(file))).count("<td>the command line</td>") == 2


REFUSED = """
[topology]
cpus = [
    { core = "arm,cortex-a76" },
    { core = "arm,cortex-a76", features = { DP = 0 } },
    { core = "arm,cortex-a76", features = { CRC32 = 0, DP = 0 }, late = true },
]
[kernel]
series = "6.12"
[[actions]]
do = "online"
cpu = "cpu2"
"""


def test_a_refused_cpu_decides_nothing() -> None:
    found = boot(scenario_from_text(REFUSED)).facts
    assert [one.cpu for one in found.refused] == [2]
    rows = {row.field: row for row in field_rows(found)}
    assert (rows["DP"].sanitised, rows["DP"].decided_by) == (0, (1,))
    assert (rows["CRC32"].sanitised, rows["CRC32"].decided_by) == (1, (0, 1))
    assert {row.field: row.lost_by for row in unused_rows(found)} == {"DP": (1,)}


def test_an_unknown_register_of_a_cpu_that_never_came_leaves_the_system_s_value_known() -> None:
    text = "[topology]\ncpus = [{ core = 'arm,cortex-a76' }, { core = 'arm,cortex-a78', late = true }]\n"
    rows = register_rows(boot(scenario_from_text(f"{text}[kernel]\nseries = '6.12'\n")).facts)
    unknown = [row for row in rows if row.values[1] is None and row.lacked_by != (1,)]
    assert unknown
    assert all(row.sanitised == row.values[0] for row in unknown if not row.taken_as and row.register != "DCZID_EL0")


def test_a_register_that_the_kernel_never_reads_takes_nothing_from_cpus() -> None:
    """GMID_EL1 has no first value where firmware hides MTE on the boot CPU."""
    text = "[topology]\ncpus = [{ core = 'arm,cortex-a710', hides = ['MTE'] }, { core = 'arm,cortex-a710' }]\n"
    found = boot(scenario_from_text(f"{text}[kernel]\nseries = '6.12'\n")).facts
    assert not any(row.register == "GMID_EL1" for row in unused_rows(found))


def test_lengths_alone_have_no_rows() -> None:
    nothing = boot(Scenario(Topology.of([V1]))).facts
    assert [*field_rows(nothing), *capability_rows(nothing), *unused_rows(nothing)] == []


def test_the_record_has_everything() -> None:
    record = features_record(facts())
    assert record.taint == 4
    assert "atomics" in record.hwcaps
    assert "crc32" not in record.hwcaps
    assert (record.tainted_by, record.pinned_cpu) == ({4: 1}, None)
    assert [one.name for one in hwcap_rows(facts())] == list(record.hwcaps)


def test_the_record_of_a_boot_has_its_features_as_the_schema_says() -> None:
    told = boot(scenario_from_text(MIXED)).to_dict()
    jsonschema.validate(told, json.loads(schema_text("outcome")))
    jsonschema.validate(told["features"], json.loads(schema_text("features")))
    assert boot(Scenario(Topology.of([V1]))).to_dict()["features"] is None


def test_a_register_has_its_values_at_both_moments() -> None:
    rows = {one.register: one for one in register_rows(facts())}
    isar0 = rows["ID_AA64ISAR0_EL1"]
    assert isar0.values[0] == isar0.values[1] != isar0.values[2]
    assert int(str(isar0.sanitised), 16) & 0xF0000 == int(str(isar0.user_value), 16) & 0xF0000 == 0
    assert isar0.at_user_space == isar0.sanitised


def test_hwcaps_name_their_word_and_bit() -> None:
    rows = {one.name: (one.word, one.bit) for one in hwcap_rows(facts())}
    assert (rows["fp"], rows["cpuid"]) == (("AT_HWCAP", 0), ("AT_HWCAP", 11))


def test_an_outcome_has_frames_of_features_and_shows_them_in_notebooks() -> None:
    outcome, nothing = boot(scenario_from_text(MIXED)), boot(Scenario(Topology.of([V1])))
    assert "ID_AA64PFR0_EL1" in set(outcome.registers["register"])
    assert "CRC32" in set(outcome.register_fields["field"])
    assert "HW_DBM" in set(outcome.capabilities["name"])
    assert "atomics" in set(outcome.hwcaps["name"])
    assert set(outcome.unused_features["cpu"]) == {0, 1, 2}
    assert len(nothing.registers) == len(nothing.hwcaps) == 0
    assert "Capabilities" in outcome._repr_html_()
    assert "Capabilities" not in nothing._repr_html_()


def test_a_kernel_that_never_starts_has_no_sanitised_values() -> None:
    text = MIXED.replace("[kernel]", "[kernel]\npage_bytes = 16384")
    stuck = scenario_from_text(text.replace("arm,cortex-a55", "arm,cortex-a53", 1))  # it has pages of 4 and 64 KiB
    found = boot(stuck).facts
    assert found.features_at_end is not None
    assert not found.features_at_end.has_values
    assert {(row.sanitised, row.decided_by, row.unused_by) for row in field_rows(found)} == {(None, (), ())}
    assert {(row.sanitised, row.user_value, row.at_user_space) for row in register_rows(found)} == {(None, None, None)}
    assert not capability_rows(found)
    assert not unused_rows(found)


IDC = """
[topology]
cpus = [
    { core = "arm,cortex-a76" },
    { core = "arm,cortex-a76", registers = { CTR_EL0 = "0x9444c004" } },
    { core = "arm,cortex-a76", registers = { CTR_EL0 = "0x48444c004" } },
]
[kernel]
series = "6.12"
"""


def test_ctr_is_shown_as_it_reads_and_as_the_kernel_takes_it() -> None:
    """Of a Cortex-A76, CLIDR_EL1 says that no level of cache needs cleaning, so that the kernel takes IDC for 1."""
    found = boot(scenario_from_text(IDC)).facts
    assert "SANITY CHECK" not in "\n".join(line.text for line in found.log)
    rows = {row.field: row for row in field_rows(found) if row.register == "CTR_EL0"}
    idc = rows["IDC"]
    assert (idc.values, idc.taken_as, idc.sanitised, idc.decided_by) == ((0, 1, 0), (1, 1, 1), 1, ())
    assert [idc.own_text(cpu, str) for cpu in range(3)] == ["0 as 1", "1", "0 as 1"]
    # The kernel does not store TminLine, so that it cannot log a difference in it.
    assert not rows["TminLine"].strict
    ctr = next(row for row in register_rows(found) if row.register == "CTR_EL0")
    assert ctr.values == ("0x0000008444c004", "0x0000009444c004", "0x0000048444c004")
    assert ctr.taken_as == ("0x0000009444c004",) * 3
    assert not any(row.register == "CTR_EL0" for row in unused_rows(found))


def test_other_registers_are_taken_as_they_are() -> None:
    assert not any(row.taken_as for row in register_rows(facts()) if row.register != "CTR_EL0")


def test_a_cpu_that_was_refused_has_nothing_that_the_system_could_use() -> None:
    cpus = "{ core = 'arm,cortex-a55', features = { CRC32 = 0 } }, { core = 'arm,cortex-a76', late = true }"
    text = f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n"
    waits = boot(scenario_from_text(text)).facts
    refused = boot(scenario_from_text(text + "[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n")).facts
    assert [one.hw_cpu for one in refused.refused] == [1]
    assert {cpu for row in field_rows(waits) for cpu in row.unused_by} == {1}
    assert not any(row.unused_by for row in field_rows(refused))


def test_a_boot_s_text_has_the_sanitised_registers_and_what_programs_read(asymboot: Asymboot, tmp_path: Path) -> None:
    (tmp_path / "mixed.toml").write_text(MIXED)
    shown = asymboot("run", str(tmp_path / "mixed.toml")).stdout
    registers = shown.partition("Sanitised registers\n")[2].partition("\n\n")[0]
    rows = [line.split() for line in registers.splitlines()[2:]]
    state = facts().features_at_end
    assert state is not None
    known = {row.register: row for row in register_rows(facts()) if row.sanitised and int(row.sanitised, 16)}
    assert [row[0] for row in rows] == list(known)
    assert all(row[1] == known[row[0]].sanitised for row in rows)
    read = {row[0]: row[2] for row in rows if len(row) > 2}
    assert read == {name: row.user_value for name, row in known.items() if state.shows_programs(name)}
    assert "ID_PFR0_EL1" in known.keys() - read.keys()
    in_32_bits = [row[0] in state.tables.aarch32 for row in rows]
    assert in_32_bits == sorted(in_32_bits)


def test_a_boot_of_lengths_alone_shows_no_registers(asymboot: Asymboot) -> None:
    assert "Sanitised registers" not in asymboot("run", "uniform").stdout


ONE_WITHOUT_32_BIT_CRYPTO = """
[topology]
cpus = [
    { core = "arm,cortex-a55" },
    { core = "arm,cortex-a55" },
    { core = "arm,cortex-a55", registers = { ID_ISAR5_EL1 = "0x1" } },
]
[kernel]
series = "6.12"
"""
OF_32_BIT_PROGRAMS = "32-bit programs: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt lpae evtstrm"


def test_hwcaps_of_32_bit_programs_have_the_names_of_cpuinfo(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "crypto.toml"
    file.write_text(ONE_WITHOUT_32_BIT_CRYPTO, encoding="utf-8")
    assert OF_32_BIT_PROGRAMS in " ".join(asymboot("run", str(file)).stdout.split())
    all_alike = boot(scenario_from_text(ONE_WITHOUT_32_BIT_CRYPTO.replace('"0x1"', '"0x11121"')))
    record = json.loads(asymboot("features", "--json", str(file)).stdout)
    state = all_alike.facts.features_at_end
    assert state is not None
    assert set(state.compat_hwcaps) - set(record["compat_hwcaps"]) == {"aes", "pmull", "sha1", "sha2", "crc32"}
    assert record["compat_hwcaps"] == [name for name in state.compat_hwcaps if name in record["compat_hwcaps"]]


def test_a_loss_of_32_bit_programs_is_a_hazard_and_counts_in_comparisons(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "crypto.toml"
    file.write_text(ONE_WITHOUT_32_BIT_CRYPTO, encoding="utf-8")
    ran = " ".join(asymboot("run", str(file)).stdout.split())
    assert "cpu2 alone deprives all CPUs of hwcap crc32 of 32-bit programs (ID_ISAR5_EL1.CRC32)" in ran
    told = " ".join(asymboot("compare", "--by", "early", str(file)).stdout.split())
    assert "Variant 1 hwcaps lost: aes of 32-bit programs, pmull of 32-bit programs" in told
    assert "cpu2: pmull of 32-bit programs: lacks a hwcap that programs were promised" in told
    other = tmp_path / "alike.toml"
    other.write_text(ONE_WITHOUT_32_BIT_CRYPTO.replace('"0x1"', '"0x11121"'), encoding="utf-8")
    assert "crc32 of 32-bit programs" in asymboot("diff", str(file), str(other)).stdout


def test_where_no_32_bit_programs_run_a_capability_is_lost_and_none_of_their_hwcaps() -> None:
    text = ONE_WITHOUT_32_BIT_CRYPTO.replace('registers = { ID_ISAR5_EL1 = "0x1" }', "features = { EL0 = 1, EL1 = 1 }")
    outcome = boot(scenario_from_text(text))
    state = outcome.facts.features_at_end
    assert state is not None
    assert state.compat_hwcaps == ()
    assert not any("32-bit programs (MVFR" in one.sentence for one in outcome.found)
    assert any("deprives all CPUs of 32-bit programs" in one.sentence for one in outcome.found)


def test_hwcaps_of_32_bit_programs_are_assumed_beside_unknown_registers(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "unknown.toml"
    cores = "{ core = 'arm,cortex-a55' }, { core = 'arm,cortex-a75' }"
    file.write_text(f"[topology]\ncpus = [{cores}]\n[kernel]\nseries = '6.12'\n", encoding="utf-8")
    assert "\n32-bit programs, assumed: half thumb" in asymboot("run", str(file)).stdout
