"""Cores and settings of an import: when all features are modelled, and what a log adds to the table of cores."""

import re
import shutil
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.importer.imported import Imported, import_machine
from sim.importer.log_reader import parse_kernel_log
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text, remarks
from tests.importer.machines import (
    HEAD,
    UNKNOWN_CORE,
    cpuinfo,
    dmesg_of,
    imported_log,
    imported_machine,
    imported_sysfs,
    sysfs_of,
)
from tests.importer.recorded_logs import compared

LITTLE, BIG = "410fd034", "410fd082"
LOG = """\
Booting Linux on physical CPU 0x0000000000 [0x{0}]
Linux version 6.12.1 (gcc)
Kernel command line: {2}
CPU features: detected: ARM erratum 845719
alternatives: applying boot alternatives
CPU features: detected: Spectre-v2
CPU features: detected: Spectre-v3a
CPU features: detected: Spectre-v4
CPU features: detected: Spectre-BHB
CPU features: detected: ARM erratum 1742098
CPU features: detected: ARM errata 1165522, 1319367, or 1530923
CPU1: Booted secondary processor 0x0000000100 [0x{1}]
smp: Brought up 1 node, 2 CPUs
CPU: All CPU(s) started at EL2
CPU features: detected: 32-bit EL0 Support
CPU features: detected: 32-bit EL1 Support
CPU features: detected: CRC32 instructions
alternatives: applying system-wide alternatives
kvm [1]: Hyp nVHE mode initialized successfully
"""
SANITY = "CPU features: SANITY CHECK: Unexpected variation in SYS_{}. Boot CPU: {:#018x}, CPU1: {:#018x}\n"


def of_log(folder: Path, *extra: str, boot_cpu: str = LITTLE, other: str = BIG, words: str = "") -> Imported:
    return imported_log(LOG.format(boot_cpu, other, words) + "".join(extra), folder)


def cores(found: Imported) -> list[tuple[str, int]]:
    """Return each CPU's core by name and MIDR; QEMU's where lengths alone are modelled."""
    return [(cpu.features.core.name, cpu.features.core.midr) for cpu in found.scenario.topology.cpus]


def test_cores_are_written_by_name_and_midr_and_read_back(tmp_path: Path) -> None:
    found = of_log(tmp_path)
    assert cores(found) == [("arm,cortex-a53", 0x410FD034), ("arm,cortex-a72", 0x410FD082)]
    assert {cpu.features.core.gic for cpu in found.scenario.topology.cpus} == {2}
    file = tmp_path / "written.toml"
    file.write_text(annotated_text(found), encoding="utf-8")
    assert boot(read_scenario(file)).log_text == boot(found.scenario).log_text
    assert not found.features.missing + found.features.too_many + found.features.reasons


@pytest.mark.parametrize("machine", ["bookworm", "clusters", "mixed", "nosve", "pkvm"])
def test_an_emulators_core_has_what_the_log_shows(machine: str) -> None:
    found = imported_machine(machine)
    assert {core.name for core in found.cores.cores.values()} == {"QEMU's -cpu max"}
    assert found.contradictions == found.features.missing == found.features.too_many == ()
    without_stamps = [re.sub(r"^\[[ \d.]+\] ", "", line) for line in dmesg_of(machine).splitlines()]
    assert [line for line in compared(without_stamps) if not line.startswith("kvm")] == [
        line for line in compared([one.text for one in boot(found.scenario).facts.log]) if not line.startswith("kvm")
    ]


def test_an_emulators_core_of_which_no_log_tells_leaves_lengths_alone(tmp_path: Path) -> None:
    found = imported_sysfs(sysfs_of(tmp_path, cpuinfo("0x051").replace("0x41", "0x00")))
    assert found.cores.why_not == "the table of ID registers has no core of cpu0 (QEMU's -cpu max)"


def test_a_log_of_lengths_alone_gives_lengths_alone(tmp_path: Path) -> None:
    text = "".join(line for line in LOG.splitlines(keepends=True) if "detected:" not in line)
    found = imported_log(text.format(LITTLE, BIG, ""), tmp_path)
    assert found.cores.why_not == "the log names no CPU feature besides those that decide on vector lengths"
    assert not found.scenario.has_all_features


def test_an_unknown_core_leaves_lengths_alone_and_is_named(tmp_path: Path) -> None:
    found = of_log(tmp_path, other=UNKNOWN_CORE)
    assert found.cores.why_not == "the table of ID registers has no core of cpu1 (of MIDR 0x410fdff0)"
    assert found.contradictions == ()


def test_lengths_that_a_core_cannot_have_leave_lengths_alone(tmp_path: Path) -> None:
    found = imported_log(LOG.format(LITTLE, BIG, ""), tmp_path, None, cpu1=(128, 256))
    assert found.cores.why_not == "cpu1 is given SVE lengths, and arm,cortex-a72 has none"


def test_a_core_without_the_sve_that_it_may_have_says_so_in_the_file(tmp_path: Path) -> None:
    found = imported_sysfs(sysfs_of(tmp_path, cpuinfo("0xd40", "fp asimd")), cpu0=None)
    assert "sve_bits = []" in scenario_text(found.scenario)


def test_sanity_lines_state_registers_of_both_cpus_and_of_cpus_that_are_alike(tmp_path: Path) -> None:
    check = SANITY.format("ID_AA64MMFR0_EL1", 0x1122, 0x1111)
    found = of_log(tmp_path, check)
    assert [dict(cpu.features.core.changes) for cpu in found.scenario.topology.cpus] == [
        {},
        {"ID_AA64MMFR0_EL1": 0x1111},
    ]
    assert "From the log, as SANITY CHECK lines state them: values of ID_AA64MMFR0_EL1." in [*remarks(found)]


def test_an_erratum_that_no_core_has_contradicts_the_log(tmp_path: Path) -> None:
    text = LOG.format(LITTLE, BIG, "").replace("ARM erratum 845719", "ARM erratum 1418040")
    found = imported_log(text, tmp_path)
    assert found.contradictions == ("the log names 'ARM erratum 1418040', which none of the cores has by its MIDR",)
    assert found.scenario.kernel_config == {"CONFIG_ARM64_ERRATUM_845719": False}


def test_a_kernel_that_says_that_it_does_not_mitigate_spectre_bhb_is_configured_so(tmp_path: Path) -> None:
    option = "CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY"
    kernel = f"[kernel]\nseries = '6.12'\nconfig = {{ {option} = false }}\n"
    log = boot(scenario_from_text(f"[topology]\ncpus = [{{ core = 'arm,cortex-a76' }}]\n{kernel}")).log_text
    found = imported_log(log, tmp_path)
    assert found.scenario.kernel_config == {option: False}
    assert boot(found.scenario).log_text.splitlines()[3:] == log.splitlines()[3:]
    off = log.replace("compile time", "command line")
    assert imported_log(off, tmp_path).scenario.kernel_config == {}


PANICS = """
[topology]
cpus = [{{ core = "arm,cortex-a57"{0} }}, {{ core = "{1}"{0} }}, {{ core = "arm,cortex-a76"{0} }}]
[kernel]
series = "6.12"
config = {{ {2} = false }}
"""


@pytest.mark.parametrize(
    ("core", "option", "is_told"),
    [
        # Of the boot CPU, and of a CPU that came.
        ("arm,cortex-a57", "CONFIG_ARM64_ERRATUM_834220", True),
        ("arm,cortex-a53", "CONFIG_ARM64_ERRATUM_845719", True),
        # The system decides on the first, and the CPU that panics has the second: the log is not as far.
        ("arm,cortex-a57", "CONFIG_KVM", False),
        ("arm,cortex-a57", "CONFIG_ARM64_ERRATUM_1463225", False),
    ],
)
def test_a_log_that_ends_in_a_panic_tells_of_the_cpus_that_came(
    core: str, option: str, *, is_told: bool, tmp_path: Path
) -> None:
    log = boot(scenario_from_text(PANICS.format("", core, option))).log_text
    assert "detected unsupported configuration" in log
    found = imported_log(log, tmp_path)
    assert found.scenario.kernel_config == ({option: False} if is_told else {})
    assert found.features.too_many == found.features.missing == ()
    assert boot(found.scenario).log_text.splitlines()[3:] == log.splitlines()[3:]


def test_the_gic_of_a_log_that_ends_in_a_panic_is_known(tmp_path: Path) -> None:
    text = PANICS.format(", gic = 2", "arm,cortex-a57", "CONFIG_ARM64_ERRATUM_834220")
    found = imported_log(boot(scenario_from_text(text)).log_text, tmp_path)
    assert {cpu.features.core.gic for cpu in found.scenario.topology.cpus} == {2}


def test_registers_of_cpus_that_came_are_alike_in_a_log_that_ends_in_a_panic(tmp_path: Path) -> None:
    keys = ("'arm,cortex-a76'", "'arm,cortex-a78ae'", "'arm,cortex-a76', features = { MTE = 2 }")
    cpus = ", ".join(f"{{ core = {one} }}" for one in keys)
    log = boot(scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n")).log_text
    lines = log.splitlines(keepends=True)
    found = imported_log("".join(line for line in lines if "variation" not in line), tmp_path)
    assert "SANITY CHECK" in log
    assert "SANITY CHECK" not in boot(found.scenario).log_text
    assert any(reason.endswith("the table of cores has one") for reason in found.features.reasons)


def test_kaslr_that_is_off_and_forces_isolation_is_a_contradiction(tmp_path: Path) -> None:
    forced = "CPU features: kernel page table isolation forced ON by KASLR\n"
    found = of_log(tmp_path, "KASLR disabled due to lack of seed\n", forced)
    assert "the log says that KASLR is disabled, and that page tables are isolated for it" in found.contradictions
    assert of_log(tmp_path, forced).scenario.kaslr


def test_a_kernel_that_says_that_it_cannot_isolate_page_tables_is_configured_so(tmp_path: Path) -> None:
    line = "CPU features: kernel page table isolation disabled by kernel configuration\n"
    found = of_log(tmp_path, line)
    assert found.scenario.kernel_config == {"CONFIG_UNMAP_KERNEL_AT_EL0": False}
    assert "CONFIG_UNMAP_KERNEL_AT_EL0 is off, as the log says" in found.features.reasons
    assert line.strip() in boot(found.scenario).log_text


def test_every_spelling_of_a_parameter_is_kept(tmp_path: Path) -> None:
    for words in ("kpti=y", "kpti=no mitigations=auto,nosmt", "irqchip.gicv3_pseudo_nmi=true"):
        assert of_log(tmp_path, words=f"quiet {words} root=/dev/sda1").scenario.options == words


@pytest.mark.parametrize("cut", ["alternatives: applying system-wide alternatives\n", "Linux version 6.12.1 (gcc)\n"])
def test_a_missing_name_is_no_evidence_in_a_log_that_is_cut(cut: str, tmp_path: Path) -> None:
    text = LOG.format(LITTLE, BIG, "").replace("CPU features: detected: ARM erratum 845719\n", "").replace(cut, "")
    assert imported_log(text, tmp_path).scenario.kernel_config == {}


def test_every_alternative_of_an_erratum_is_switched_off(tmp_path: Path) -> None:
    first = "ARM errata 826319, 827319, 824069, or 819472"
    found = of_log(tmp_path, boot_cpu="410fd032")
    assert first not in parse_kernel_log(boot(found.scenario).log_text).shown.detected
    assert any(first in reason for reason in found.features.reasons)


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed: make system-deps")
def test_a_cpu_that_the_model_refuses_too_needs_no_fault(tmp_path: Path) -> None:
    refused = (
        "CPU features: CPU2: Detected conflict for capability 98 (ARM errata 1165522, 1319367, or 1530923), System: 0, "
        "CPU: 1\n"
        "CPU2: will not boot\nCPU2: failed to come online\npsci: CPU2 killed (polled 0 ms)\n"
        "CPU2: died during early boot\n"
    )
    # Only cpuinfo or a tree can tell the core of a CPU that never came.
    tree = tmp_path / "board.dts"
    nodes = "".join(
        f'cpu@{reg:x} {{ device_type = "cpu"; compatible = "{core}"; reg = <{reg}>; enable-method = "psci"; }};'
        for reg, core in ((0, "arm,cortex-a53"), (0x100, "arm,cortex-a53"), (0x200, "arm,cortex-a72"))
    )
    tree.write_text(f"/dts-v1/; / {{ cpus {{ #address-cells = <1>; #size-cells = <0>; {nodes} }}; }};")
    text = re.sub(r"CPU features: detected: (?:Spectre|ARM err.* (?:1742098|or 1530923)).*\n", "", LOG)
    found = imported_log(
        text.format(LITTLE, LITTLE, "maxcpus=2") + "Run /init as init process\n" + refused, tmp_path, tree
    )
    assert found.cores.are_known
    assert found.scenario.faults == ()
    assert found.contradictions == ()
    assert "conflict for capability" in boot(found.scenario).log_text
    assert not any("simulated as if it never arrived" in one for one in remarks(found))


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed: make system-deps")
@pytest.mark.parametrize(("compatible", "gic"), [("arm,gic-400", 2), ("arm,gic-v3", 3), ("acme,irqs", 3)])
def test_a_trees_interrupt_controller_is_the_gic(compatible: str, gic: int, tmp_path: Path) -> None:
    tree = tmp_path / "board.dts"
    tree.write_text(
        f'/dts-v1/; / {{ interrupt-parent = <&irqs>; irqs: irqs {{ compatible = "{compatible}"; }}; cpus {{ '
        '#address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a53"; '
        "reg = <0>; }; }; };"
    )
    found = import_machine(Sources(tree=tree), {})
    assert [cpu.features.core.gic for cpu in found.scenario.topology.cpus] == [gic]
    assert "No source states the revision of arm,cortex-a53: simulated as r0p4, of which most is known." in [
        *remarks(found)
    ]


def reimported(text: str, folder: Path) -> str:
    """Boot the scenario of a text, import its log, boot the imported scenario, and return that log."""
    found = imported_log(text, folder)
    file = folder / "imported.toml"
    file.write_text(annotated_text(found), encoding="utf-8")
    return boot(read_scenario(file)).log_text


def without_command_line(log: str) -> list[str]:
    return [line for line in log.splitlines() if "Kernel command line:" not in line]


@pytest.mark.parametrize("options", ["id_aa64isar1.apa=f arm64.nopauth", "arm64.nopauth id_aa64isar1.apa=f"])
def test_overrides_keep_their_order_since_the_later_counts(options: str, tmp_path: Path) -> None:
    text = f'[topology]\ncpus = [{{ core = "arm,neoverse-v1" }}]\n[kernel]\nseries = "7.3"\noptions = "{options}"\n'
    log = boot(scenario_from_text(text)).log_text
    assert ("[7:4]: ignoring override to f" in log) == options.endswith("=f")
    assert without_command_line(reimported(log, tmp_path)) == without_command_line(log)


ASYMMETRIC = """
[topology]
cpus = [
    {{ core = "{0}", features = {{ AArch32_EL0 = {1} }} }},
    {{ core = "{0}", features = {{ AArch32_EL0 = {1} }} }},
    {{ core = "{2}", features = {{ AArch32_EL0 = {3} }} }},
    {{ core = "{2}", features = {{ AArch32_EL0 = {3} }} }},
    {{ core = "{0}", features = {{ AArch32_EL0 = {1} }} }},
]
[kernel]
series = "6.12"
maxcpus = 3
options = "allow_mismatched_32bit_el0"
[[actions]]
do = "online"
cpu = "cpu3"
[[actions]]
do = "online"
cpu = "cpu4"
"""


@pytest.mark.parametrize(("of_boot_cpu", "of_others"), [("false", "true"), ("true", "false")])
def test_the_cpus_of_asymmetric_32_bit_support_are_read_off_its_line(
    of_boot_cpu: str, of_others: str, tmp_path: Path
) -> None:
    text = ASYMMETRIC.format("arm,cortex-a76", of_boot_cpu, "arm,cortex-a55", of_others)
    log = boot(scenario_from_text(text)).log_text
    assert "Asymmetric 32-bit EL0 support detected on CPU 2" in log
    for shown in (log, log.replace("allow_mismatched_32bit_el0", "")):
        assert without_command_line(reimported(shown, tmp_path)) == without_command_line(log)


REFUSED = """
[topology]
cpus = [
    {{ core = "{0}" }},
    {{ core = "{0}", features = {{ {1} }} }},
    {{ core = "{0}", features = {{ {1} }} }},
    {{ core = "{0}" }},
]
[kernel]
series = "{2}"
{3}
"""
LATE = 'maxcpus = 1\n[[actions]]\ndo = "online"\ncpu = "cpu1"\n[[actions]]\ndo = "online"\ncpu = "cpu2"\n'


@pytest.mark.parametrize(
    ("features", "when", "inferred"),
    [
        ("APA = 0, API = 1", "", "cpu1-2 is taken to have ID_AA64ISAR1_EL1.APA = 0"),
        ("APA = 2", "", "cpu1-2 is taken to have ID_AA64ISAR1_EL1.APA = 0"),
        ("APA = 0", LATE, "cpu1-2 is taken to have ID_AA64ISAR1_EL1.APA = 0"),
        ("GPA = 0, GPI = 1", LATE, "cpu1-2 is taken to have ID_AA64ISAR1_EL1.GPA = 0"),
        ("ATOMIC = 2, CRC32 = 0", LATE, "cpu1-2 is taken to have ID_AA64ISAR0_EL1.CRC32 = 0"),
        ("AES = 1", LATE, "cpu1-2 is taken to have ID_AA64ISAR0_EL1.AES = 1"),
        ("DIC = 0", LATE, "cpu1-2 is taken to have CTR_EL0.DIC = 0"),
        ("AArch32_EL0 = false", LATE, "cpu1-2 is taken to have ID_AA64PFR0_EL1.EL0 = 1"),
    ],
)
def test_registers_of_a_refused_cpu_are_inferred_where_a_field_decides(
    features: str, when: str, inferred: str, tmp_path: Path
) -> None:
    log = boot(scenario_from_text(REFUSED.format("arm,neoverse-v1", features, "7.3", when))).log_text
    assert "CPU1: will not boot" in log
    found = imported_log(log, tmp_path)
    assert found.scenario.faults == ()
    assert any(reason.startswith(inferred) for reason in found.features.reasons)
    assert without_command_line(reimported(log, tmp_path)) == without_command_line(log)


def test_a_refused_cpu_of_which_nothing_follows_never_arrives(tmp_path: Path) -> None:
    log = boot(scenario_from_text(REFUSED.format("arm,neoverse-v1", "APA = 0", "7.3", ""))).log_text
    log = log.replace("capability 5 ((null))", "capability 5 (Bogus thing)")
    found = imported_log(log, tmp_path)
    assert [one.cpu for one in found.scenario.faults] == ["cpu1", "cpu2"]
    assert any("refused there for conflict of Bogus thing, which no register" in one for one in remarks(found))


@pytest.mark.parametrize("line", ["CPU1: Unknown ASID size (1); assuming 8-bit", "Detected AIVIVT I-cache on CPU1"])
def test_a_line_on_a_cpu_that_there_is_not_tells_nothing_of_its_registers(line: str, tmp_path: Path) -> None:
    # Without its line on the number of CPUs, as far as the log goes, there is one.
    text = HEAD.partition("[    0.000000] SLUB")[0] + "CPU features: detected: LSE atomic instructions\n" + line + "\n"
    assert len(imported_log(text, tmp_path).scenario.topology.cpus) == 1
