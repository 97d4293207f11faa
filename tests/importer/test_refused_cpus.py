"""CPUs that a kernel refused: the registers or the cores that a refusal implies, and what it tells of the others."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.cores import known_core
from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.tables import Requirement
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.id_registers import IdField
from sim.importer.imported import Imported
from sim.importer.other_cores import cores_with, listed_cores, may_have, model_decides
from sim.importer.provenance import annotated_text, remarks
from tests.importer.machines import imported_log

LATE = """
[topology]
cpus = [{{ {0} }}, {{ {0} }}, {{ {1} }}]
[kernel]
series = "{2}"
maxcpus = 2
{3}
[[actions]]
do = "online"
cpu = "cpu2"
"""
A76, N1 = 'core = "arm,cortex-a76"', 'core = "arm,neoverse-n1"'


def refused(folder: Path, early: str, late: str, kernel: str = "6.12", more: str = "el2 = false") -> Imported:
    """Boot two early CPUs and a late CPU, import the log, and check that the scenario logs the same."""
    log = boot(scenario_from_text(LATE.format(early, late, kernel, more))).log_text
    assert "CPU2: will not boot" in log or "CPU2: is stuck" in log or "panic" in log
    found = imported_log(log, folder)
    lines = [text.splitlines() for text in (log, boot(found.scenario).log_text)]
    of_boots = [[line for line in each if "Kernel command line" not in line] for each in lines]
    assert of_boots[0] == of_boots[1]
    assert found.contradictions == ()
    assert found.scenario.faults == ()
    return found


def test_an_erratum_of_no_other_cpu_proves_another_core(tmp_path: Path) -> None:
    found = refused(tmp_path, N1, 'core = "arm,cortex-a77"')
    assert [cpu.features.core.name for cpu in found.scenario.topology.cpus][1:] == ["arm,neoverse-n1", "arm,cortex-a77"]
    (sentence,) = (reason for reason in found.features.reasons if "another core" in reason)
    assert sentence == (
        "cpu2 is another core than the CPUs that came, or another revision of one, since MIDR_EL1 decides about "
        "capability 'ARM erratum 1508412 (kernel portion)', for which the kernel refused it: taken to be "
        "arm,cortex-a77 r0p0"
    )
    assert not any("core of the CPU before it" in remark for remark in remarks(found))


def test_comments_and_messages_have_the_core_that_a_refused_cpu_is_taken_to_be(tmp_path: Path) -> None:
    found = refused(tmp_path, 'core = "arm,neoverse-v1"', 'core = "arm,cortex-a510"', more="")
    words = "taken to be arm,cortex-a510, cluster0: SVE {128} (like the core that it is taken to be)"
    assert f"#   cpu2: {words}" in annotated_text(found).splitlines()
    assert [(str(unknown), cpus) for unknown, cpus in found.unknown.items()] == [
        ("core that no source names, taken to be arm,cortex-a510: taken to have SVE {128}", [2])
    ]
    # Of a Neoverse V1 every register is known, of a Cortex-A510 none.
    (told,) = (remark for remark in remarks(found) if "table of cores" in remark)
    assert told.startswith("CPU features are modelled as far as the table of cores has the values of ID registers")


def test_another_revision_of_a_core_may_have_an_erratum_that_the_others_do_not_have(tmp_path: Path) -> None:
    old = 'core = "arm,cortex-a76", midr = "0x410fd0b0"'
    found = refused(tmp_path, A76, old)
    other = found.scenario.topology.cpus[2].features.core
    assert (other.name, other.midr) == ("arm,cortex-a76", 0x410FD0B0)


def test_what_the_kernel_looks_at_before_is_as_in_the_system(tmp_path: Path) -> None:
    # A Cortex-A57 lacks all that a Cortex-A76 has, and would be refused for it before, or die of it.
    own = known_core("arm,cortex-a76").id_registers
    registers = ", ".join(f'{name} = "{value:#x}"' for name, value in own.items() if name.startswith(("ID_", "C")))
    found = refused(tmp_path, A76, f'core = "arm,cortex-a57", registers = {{ {registers} }}')
    assert found.scenario.topology.cpus[2].features.core.name == "arm,cortex-a57"
    (sentence,) = (reason for reason in found.features.reasons if "looks at these before" in reason)
    assert "ID_AA64ISAR0_EL1.ATOMIC = 2" in sentence


PMUVER = IdField("ID_AA64DFR0_EL1", "PMUVer", shift=8)
PARANGE = IdField("ID_AA64MMFR0_EL1", "PARange", shift=0)


def of_cpus(found: Imported, field: IdField) -> list[int]:
    return [field.of(cpu.features.register(field.register)) for cpu in found.scenario.topology.logical]


@pytest.mark.parametrize(
    ("field", "kernel", "more", "sentence"),
    [
        ("VMIDBits = 0", "7.3", "", "cpu2 is taken to have ID_AA64MMFR1_EL1.VMIDBits = 0: the kernel then refuses it"),
        ("ASIDBits = 0", "6.12", "", "cpu2 is taken to have ID_AA64MMFR0_EL1.ASIDBits = 0"),
        ("ASIDBits = 1", "6.12", "", "ID_AA64MMFR0_EL1.ASIDBits of cpu2 is 1, as the log says"),
        ("TGRAN4 = 15", "6.12", "", "cpu2 is taken to have ID_AA64MMFR0_EL1.TGRAN4 = 15"),
        ("TGRAN16 = 0", "7.3", "page_bytes = 16384", "cpu2 is taken to have ID_AA64MMFR0_EL1.TGRAN16 = 0"),
        ("TGRAN64 = 15", "6.12", "page_bytes = 65536", "cpu2 is taken to have ID_AA64MMFR0_EL1.TGRAN64 = 15"),
        ("PARange = 2", "6.1", "", "cpu2 is taken to have ID_AA64MMFR0_EL1.PARange = 4"),
        ("IminLine = 3", "6.12", "", "cpu2 is taken to have CTR_EL0.IminLine = 5"),
    ],
)
def test_what_is_unfit_names_its_field(field: str, kernel: str, more: str, sentence: str, tmp_path: Path) -> None:
    found = refused(tmp_path, N1, f"{N1}, features = {{ {field} }}", kernel, more)
    assert any(reason.startswith(sentence) for reason in found.features.reasons)


def test_the_range_that_refuses_every_cpu_is_that_of_the_cpu_that_came_last(tmp_path: Path) -> None:
    text = LATE.format(N1, f"{N1}, features = {{ PARange = 2 }}", "6.12", "")
    text += '[[actions]]\ndo = "offline"\ncpu = "cpu1"\n[[actions]]\ndo = "online"\ncpu = "cpu1"\n'
    log = boot(scenario_from_text(text)).log_text
    assert "CPU1: IPA range mismatch" in log
    found = imported_log(log, tmp_path)
    assert of_cpus(found, PARANGE) == [5, 5, 4]
    assert found.scenario.faults == ()
    assert any(reason.startswith("cpu2 is taken to have ID_AA64MMFR0_EL1.P") for reason in found.features.reasons)


def test_a_pmu_that_refuses_every_cpu_differs_on_the_cpu_that_came_last(tmp_path: Path) -> None:
    log = boot(read_scenario("late-cpu-with-other-pmu")).log_text
    found = imported_log(log, tmp_path)
    assert of_cpus(found, PMUVER) == [4, 4, 5]
    assert found.scenario.faults == ()
    again = boot(found.scenario).log_text
    assert [line for line in again.splitlines() if line not in log.splitlines()] == []
    assert any(
        reason.startswith("cpu2 is taken to have ID_AA64DFR0_EL1.PMUVer = 5, which took the PMU from the system")
        for reason in found.features.reasons
    )
    assert found.contradictions == ()


def test_a_refusal_tells_of_the_cpus_that_came(tmp_path: Path) -> None:
    log = boot(scenario_from_text(LATE.format(A76, f"{A76}, features = {{ JSCVT = 0 }}", "6.12", "")))
    assert "missing HWCAP" not in log.log_text  # a Cortex-A76 has no JSCVT
    has = f"{A76}, features = {{ JSCVT = 1 }}"
    found = refused(tmp_path, has, A76)
    assert of_cpus(found, IdField("ID_AA64ISAR1_EL1", "JSCVT", shift=12)) == [1, 1, 0]
    taken = "cpu0-1 is taken to have ID_AA64ISAR1_EL1.JSCVT = 1"
    assert any(reason.startswith(taken) for reason in found.features.reasons)


def test_a_late_cpu_that_lacks_el2_started_at_el1(tmp_path: Path) -> None:
    found = refused(tmp_path, A76, f"{A76}, el = 1", "7.3", 'kvm_mode = "nvhe"')
    assert [cpu.firmware.el for cpu in found.scenario.topology.cpus] == [None, None, 1]


def test_a_panic_for_vhe_beside_a_core_without_it_is_of_another_core(tmp_path: Path) -> None:
    text = '[topology]\ncpus = [{ core = "arm,cortex-a53" }, { core = "arm,cortex-a76" }]\n[kernel]\nseries = "6.12"\n'
    log = boot(scenario_from_text(text)).log_text
    assert "Virtualization Host Extensions), System: 0, CPU: 1" in log
    found = imported_log(log, tmp_path)
    assert boot(found.scenario).log_text.splitlines()[3:] == log.splitlines()[3:]
    assert found.scenario.el2
    assert [cpu.firmware.el for cpu in found.scenario.topology.cpus] == [None, None]
    (told,) = (one for one in remarks(found) if "the core of the CPU before it" in one)
    assert "cpu1 is another core than the boot CPU, which has no VHE" in told
    assert told.endswith("it: simulated as the core of the CPU before it, with VHE.")


def test_a_cpu_that_came_has_what_the_system_has(tmp_path: Path) -> None:
    # The table of cores has no 32-bit programs on a Neoverse V2, and the kernel would refuse it.
    late = 'core = "arm,neoverse-v2", features = { AArch32_EL0 = true }, sve_bits = []'
    found = imported_log(boot(scenario_from_text(LATE.format(A76, late, "6.12", ""))).log_text, tmp_path)
    assert found.contradictions == ()
    assert any("in the log the CPU passed that check" in reason for reason in found.features.reasons)


TABLES = kernel_tables((6, 12))


def entry(words: str) -> Requirement:
    return next(one for one in TABLES.capabilities if one.description == words)


def test_cores_with_an_erratum_come_by_likeness() -> None:
    own = known_core("arm,cortex-a53")
    found = list(cores_with(entry("ARM erratum 843419"), TABLES, own))
    assert found[0].name == "arm,cortex-a53"
    assert {core.name for core in found} == {"arm,cortex-a53", "brcm,brahma-b53"}
    assert all(may_have(entry("ARM erratum 843419"), TABLES, core.midr) for core in found)


def test_an_entry_names_the_cores_that_it_lists() -> None:
    assert listed_cores(entry("ARM erratum 845719"), TABLES)[0] == "arm,cortex-a53 r0p0 to r0p4"
    assert "arm,cortex-a57" in listed_cores(entry("Spectre-v3a"), TABLES)
    assert model_decides(entry("Spectre-v3a"))
    assert not model_decides(entry("Spectre-v2"))
