"""Inputs that decide on lines of features besides cores: releases, firmware, the command line, the configuration."""

from typing import Any

import pytest

from sim.boot_run import boot
from sim.cores import known_core
from sim.files.scenario_file import scenario_from_text
from sim.kernel.features.id_fields import CSV3
from sim.scenario import KvmMode, Scenario
from sim.topology import Topology, Weakness
from sim.vectors import vqs_from_bits
from tests.systems import cpu_of, texts

TLBI = "CPU features: detected: Broken broadcast TLBI completion"
BHB = "CPU features: detected: Spectre-BHB"
V2, V4 = (f"CPU features: detected: Spectre-v{version}" for version in (2, 4))
NMI = "CPU features: detected: IRQ priority masking"


def system(*names: str, cpus: int = 2, sve_bits: list[int] | None = None, **properties: Any) -> Topology:
    sve = vqs_from_bits(sve_bits) if sve_bits else None
    cores = [known_core(name) for name in names for _ in range(cpus)]
    return Topology(tuple(cpu_of(f"cpu{n}", sve, core=core, **properties) for n, core in enumerate(cores)))


def log(topology: Topology, kernel: str, **settings: Any) -> list[str]:
    return texts(boot(Scenario(topology, kernel=kernel, **settings)))


@pytest.mark.parametrize(
    ("kernel", "core", "is_there"),
    [
        ("6.6.63", "arm,cortex-a76", False),
        ("6.1.175", "arm,cortex-a76", False),
        ("6.1.176", "arm,cortex-a76", True),
        ("6.12.93", "arm,cortex-a76", False),
        ("6.12.94", "arm,cortex-a76", True),
        ("6.18", "arm,cortex-a76", False),
        ("7.0", "arm,cortex-a76", False),
        ("7.1.0", "arm,cortex-a76", False),
        ("7.1.1", "arm,cortex-a76", True),
        ("7.2", "arm,cortex-a76", True),
        ("7.3", "arm,cortex-a76", True),
        ("6.1.11", "arm,cortex-a55", True),  # by an erratum of its own, 2441007
    ],
)
def test_broken_tlbi_concerns_big_cores_from_a_point_release_on(kernel: str, core: str, *, is_there: bool) -> None:
    assert (TLBI in log(system(core), kernel)) is is_there


def test_an_alternative_can_be_configured_out() -> None:
    without = {"CONFIG_ARM64_ERRATUM_4118414": False}
    assert TLBI not in log(system("arm,cortex-a76"), "7.3", kernel_config=without)


@pytest.mark.parametrize(
    ("kernel", "midr", "is_there"),
    [
        ("6.1.134", 0x411FD0B1, True),
        ("6.1.134", 0x51DF804E, False),
        ("6.1.135", 0x51DF804E, True),
        ("6.12.23", 0x51DF804E, False),
        ("6.12.24", 0x51DF804E, True),
        ("6.15", 0x51DF804E, True),
    ],
)
def test_spectre_bhb_concerned_listed_cores_before_it_concerned_all(kernel: str, midr: int, *, is_there: bool) -> None:
    core = known_core("arm,cortex-a76").with_registers(midr, {})
    topology = Topology((cpu_of("cpu0", core=core),))
    assert (BHB in log(topology, kernel)) is is_there


def test_firmware_says_that_a_cpu_is_not_affected() -> None:
    a72 = log(system("arm,cortex-a72"), "6.12")
    assert V2 in a72
    assert V4 in a72
    unaffected = frozenset({Weakness.SPECTRE_V2, Weakness.SPECTRE_V4})
    mended = log(system("arm,cortex-a72", unaffected=unaffected), "6.12")
    assert [line for line in a72 if line not in mended] == [V2, V4]


def test_firmware_s_word_counts_in_sysfs() -> None:
    state = boot(
        Scenario(system("arm,cortex-a72", unaffected=frozenset(Weakness)), kernel="6.12")
    ).facts.features_at_end
    assert state is not None
    assert state.vulnerabilities["spec_store_bypass"] == "Not affected"
    assert "Mitigation: CSV2" in str(state.vulnerabilities["spectre_v2"])


def test_a_cpu_with_a_switch_of_its_own_is_not_asked_about() -> None:
    unaffected = frozenset({Weakness.SPECTRE_V4})
    assert V4 in log(system("arm,cortex-a76", unaffected=unaffected), "6.12")


def test_pseudo_nmi_needs_the_option_the_configuration_and_the_gic() -> None:
    topology, configured = system("arm,cortex-a76"), {"CONFIG_ARM64_PSEUDO_NMI": True}
    asked = {"options": "irqchip.gicv3_pseudo_nmi=1"}
    lines = log(topology, "6.16", kernel_config=configured, **asked)
    assert lines.index(NMI) == lines.index("CPU features: detected: GIC system register CPU interface") + 1
    assert NMI in log(topology, "6.16", kernel_config=configured, options="irqchip.gicv3_pseudo_nmi=y")
    assert NMI not in log(topology, "6.16", kernel_config=configured, options="irqchip.gicv3_pseudo_nmi=off")
    assert NMI not in log(topology, "6.16", **asked)
    assert NMI not in log(topology, "6.16", kernel_config=configured)
    gicv2 = Topology((cpu_of("cpu0", core=known_core("arm,cortex-a76", gic=2)),))
    assert NMI not in log(gicv2, "6.16", kernel_config=configured, **asked)


@pytest.mark.parametrize(("kernel", "enabled", "is_there"), [("6.16", 1, True), ("6.16", 0, False), ("6.12", 1, False)])
def test_mpam_is_there_if_firmware_enabled_it(kernel: str, enabled: int, *, is_there: bool) -> None:
    core = known_core("arm,neoverse-n2")
    core = core.with_registers(core.midr, {"MPAM1_EL1": enabled << 63, "MPAMIDR_EL1": 1 << 17})
    topology = Topology((cpu_of("cpu0", vqs_from_bits([128]), core=core),))
    told = [line for line in log(topology, kernel) if "Memory Partitioning" in line]
    assert bool([line for line in told if line.endswith("Monitoring")]) is is_there


@pytest.mark.parametrize(
    ("kernel", "el2", "lines"),
    [
        ("6.1", True, ["CPU features: detected: Protected KVM"]),
        ("6.12", True, ["CPU features: detected: VHE for hypervisor only", "CPU features: detected: Protected KVM"]),
        ("6.12", False, []),
    ],
)
def test_pkvm_is_a_capability(kernel: str, el2: bool, lines: list[str]) -> None:
    told = log(system("arm,cortex-a76"), kernel, kvm_mode=KvmMode.PROTECTED, el2=el2)
    assert [line for line in told if line.endswith(("Protected KVM", "VHE for hypervisor only"))] == lines


def test_an_unknown_cache_level_id_register_says_nothing() -> None:
    """A73's CTR_EL0 is known, and its CLIDR_EL1 is not; of 0 the kernel would take that no line need be cleaned."""
    line = "CPU features: detected: Data cache clean to the PoU not required for I/D coherence"
    assert line not in log(system("arm,cortex-a73"), "6.12")
    known = known_core("arm,cortex-a73").with_registers(0x410FD092, {"CLIDR_EL1": 0x82000023})
    assert line in log(Topology((cpu_of("cpu0", core=known),)), "6.12")


def test_the_gic_is_the_machine_s_and_known_where_no_register_is() -> None:
    line = "CPU features: detected: GICv3 CPU interface"
    assert line in log(system("arm,cortex-x4", sve_bits=[128]), "6.18")
    core = known_core("arm,cortex-x4", gic=2)
    assert line not in log(Topology((cpu_of("cpu0", vqs_from_bits([128]), core=core),)), "6.18")


@pytest.mark.parametrize(
    ("kernel", "name"),
    [("6.16", "GIC system register CPU interface"), ("6.17", "GICv3 CPU interface"), ("6.18", "GICv3 CPU interface")],
)
def test_the_gic_s_registers_have_another_name_since_6_17(kernel: str, name: str) -> None:
    told = [line for line in log(system("arm,cortex-a76"), kernel) if "GIC" in line]
    assert told == [f"CPU features: detected: {name}"]


def test_an_override_of_an_unknown_field_says_nothing() -> None:
    unknown = log(system("arm,cortex-x4", sve_bits=[128]), "6.12", options="arm64.nomte", kvm_mode=KvmMode.NVHE)
    assert [line for line in unknown if "forced" in line or "already" in line] == [
        "CPU features: SYS_ID_AA64MMFR1_EL1[11:8]: forced to 0"
    ]
    known = log(system("arm,cortex-a76"), "6.12", options="arm64.nomte")
    assert "CPU features: SYS_ID_AA64PFR1_EL1[11:8]: already set to 0" in known


def test_a_core_of_which_nothing_is_known_has_no_weakness_of_another_s() -> None:
    """The Denver's ID_AA64PFR0_EL1 is taken to be A72's, of which CSV2 and CSV3 are 0."""
    names = ("arm,cortex-a53", "nvidia,tegra186-denver", "arm,cortex-a72")
    known, alone = (log(system(*some, vhe=False), "6.12") for some in (names, names[:2]))
    assert V2 in known
    assert V2 not in alone
    assert not any("KPTI" in line for line in (*known, *alone))


ISOLATION = "CPU features: kernel page table isolation "


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ("kpti=1", "ON"),
        ("kpti=y", "ON"),
        ("kpti=Yes", "ON"),
        ("kpti=on", "ON"),
        ("kpti=true", "ON"),
        ("kpti=0", "OFF"),
        ("kpti=n", "OFF"),
        ("kpti=OFF", "OFF"),
        ("kpti=false", "OFF"),
        ("kpti=y kpti=n", "OFF"),
        ("kpti=n kpti=y", "ON"),
    ],
)
def test_a_truth_value_is_read_as_the_kernel_reads_it(options: str, state: str) -> None:
    assert f"{ISOLATION}forced {state} by kpti command line option" in log(
        system("arm,cortex-a76"), "6.12", options=options
    )


@pytest.mark.parametrize(
    ("options", "are_off"),
    [
        ("mitigations=off", True),
        ("mitigations=auto,nosmt", False),
        ("mitigations=auto", False),
        ("mitigations=off mitigations=auto", False),
        ("mitigations=auto mitigations=off", True),
    ],
)
def test_the_last_word_on_mitigations_counts(options: str, *, are_off: bool) -> None:
    lines = log(system("arm,cortex-a76"), "6.12", options=options)
    assert (f"{ISOLATION}forced OFF by mitigations=off" in lines) is are_off


@pytest.mark.parametrize(
    ("options", "is_off"), [("ssbd=force-off", True), ("ssbd=force-off ssbd=kernel", False), ("ssbd=force-on", False)]
)
def test_the_last_word_on_spectre_v4_counts(options: str, *, is_off: bool) -> None:
    lines = log(system("arm,cortex-a76"), "6.12", options=options)
    assert ("spectre-v4 mitigation disabled by command-line option" in lines) is is_off


@pytest.mark.parametrize(
    ("kernel", "options", "line", "v2"),
    [
        ("6.12", "", "compile time", "Mitigation: CSV2, but not BHB"),
        ("6.12", "nospectre_bhb", "compile time", "Mitigation: CSV2, but not BHB"),
        # What the option decides there is not known.
        ("7.3", "", None, None),
    ],
)
def test_a_kernel_may_be_built_without_the_mitigation_of_spectre_bhb(
    kernel: str, options: str, line: str | None, v2: str | None
) -> None:
    without = {"CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY": False}
    outcome = boot(Scenario(system("arm,cortex-a76"), kernel=kernel, options=options, kernel_config=without))
    told = [text for text in texts(outcome) if text.startswith("spectre-bhb")]
    assert told == ([] if line is None else [f"spectre-bhb mitigation disabled by {line} option"])
    state = outcome.facts.features_at_end
    assert state is not None
    assert state.vulnerabilities["spectre_v2"] == v2
    assert BHB in texts(outcome)


def vulnerable_to_meltdown(options: str = "", **settings: Any) -> tuple[list[str], str | None]:
    """Return the lines on isolation, and what sysfs tells, of cores that are vulnerable."""
    core = known_core("arm,cortex-a75").with_fields({CSV3: 0})
    topology = Topology((cpu_of("cpu0", core=core),))
    outcome = boot(Scenario(topology, kernel="6.12", options=options, **settings))
    state = outcome.facts.features_at_end
    assert state is not None
    return [line for line in texts(outcome) if "isolation" in line], state.vulnerabilities["meltdown"]


def test_a_kernel_without_isolation_says_so_whatever_is_asked_for() -> None:
    assert vulnerable_to_meltdown()[1] == "Mitigation: PTI"
    without = {"CONFIG_UNMAP_KERNEL_AT_EL0": False}
    for options in ("", "kpti=1", "mitigations=off"):
        found = vulnerable_to_meltdown(options, kernel_config=without)
        assert found == ([f"{ISOLATION}disabled by kernel configuration"], "Vulnerable")


def test_kaslr_forces_isolation_unless_the_kernel_uses_e0pd() -> None:
    forced = f"{ISOLATION}forced ON by KASLR"
    assert forced not in log(system("arm,neoverse-n2"), "6.12", kaslr=True)
    assert forced in log(system("arm,neoverse-n2"), "6.12", kaslr=True, kernel_config={"CONFIG_ARM64_E0PD": False})


def test_thunderx_forces_isolation_off_if_the_kernel_knows_its_erratum() -> None:
    core = known_core("arm,cortex-a76").with_registers(0x430F0A11, {})
    topology = Topology((cpu_of("cpu0", core=core),))
    forced = f"{ISOLATION}forced OFF by ARM64_WORKAROUND_CAVIUM_27456"
    assert forced in log(topology, "6.12", kaslr=True)
    lines = log(topology, "6.12", kaslr=True, kernel_config={"CONFIG_CAVIUM_ERRATUM_27456": False})
    assert forced not in lines
    assert f"{ISOLATION}forced ON by KASLR" in lines


def test_isolation_of_page_tables_is_forced_whatever_is_known() -> None:
    told = log(system("arm,cortex-x4", sve_bits=[128]), "6.12", options="kpti=0")
    assert "CPU features: kernel page table isolation forced OFF by kpti command line option" in told


@pytest.mark.parametrize(
    ("kernel", "lines"),
    [
        ("6.6", ["Hardware dirty bit management", *(f"detected CPU{n}: Activity Monitors Unit (AMU)" for n in (0, 1))]),
        ("6.9", ["Activity Monitors Unit (AMU) on CPU0-1", "Hardware dirty bit management on CPU0-1"]),
        ("6.12", ["Activity Monitors Unit (AMU) on CPU0-1", "Hardware dirty bit management on CPU0-1"]),
    ],
)
def test_capabilities_of_single_cpus_are_told_with_a_list_since_6_7(kernel: str, lines: list[str]) -> None:
    told = log(system("arm,cortex-a710", sve_bits=[128]), kernel)
    found = [line for line in told if "Activity Monitors" in line or "dirty bit" in line]
    assert [line.removeprefix("CPU features: ").removeprefix("detected: ") for line in found] == lines


LATE_AT_EL1 = """
schema_version = 1
[kernel]
series = "7.3"
kvm_mode = "nvhe"
maxcpus = 1
[topology]
cpus = [{{ core = "arm,cortex-a76"{more} }}, {{ core = "arm,cortex-a76", el = 1{more} }}]
[[actions]]
do = "online"
cpu = "cpu1"
"""


@pytest.mark.parametrize(
    ("more", "is_refused"),
    [("", True), (", features = { TDS = 0 }", False), (', registers = { ICH_VTR_EL2 = "0x80000" }', True)],
)
def test_a_named_core_can_trap_icv_dir_unless_it_is_said_otherwise(more: str, *, is_refused: bool) -> None:
    lines = texts(boot(scenario_from_text(LATE_AT_EL1.format(more=more), "late.toml")))
    assert any("(ICV_DIR_EL1 trapping), System: 1, CPU: 0" in line for line in lines) is is_refused


@pytest.mark.parametrize(
    ("cpu", "is_there"),
    [
        ("core = 'arm,cortex-a76'", True),
        ("core = 'arm,cortex-a76', features = { ATOMIC = 0 }", False),
        ("core = 'arm,cortex-a53', features = { ATOMIC = 2 }", True),
        ("core = 'arm,cortex-a53', registers = { ID_AA64ISAR0_EL1 = '0x211120' }", True),
        ("core = 'arm,cortex-a53', features = { ATOMIC = 2, TDS = 0 }", False),
        ("core = 'arm,cortex-a53', gic = 2, features = { ATOMIC = 2 }", False),
        ("core = 'arm,cortex-a78', features = { ATOMIC = 2 }", True),  # its register is unknown otherwise
        ("core = 'arm,cortex-a78', features = { ATOMIC = 0 }", False),
    ],
)
def test_the_trap_of_icv_dir_follows_the_atomic_instructions_that_the_file_states(cpu: str, *, is_there: bool) -> None:
    text = f"schema_version = 1\n[kernel]\nseries = '7.3'\n[topology]\ncpus = [{{ {cpu} }}]"
    lines = texts(boot(scenario_from_text(text)))
    assert ("CPU features: detected: ICV_DIR_EL1 trapping" in lines) is is_there


def test_a_core_before_armv8_1_and_a_gicv2_have_no_trap_of_icv_dir() -> None:
    trapping = "CPU features: detected: ICV_DIR_EL1 trapping"
    assert trapping in log(system("arm,cortex-a76"), "7.3")
    assert trapping not in log(system("arm,cortex-a53"), "7.3")
    gicv2 = Topology((cpu_of("cpu0", core=known_core("arm,cortex-a76", gic=2)),))
    assert trapping not in log(gicv2, "7.3")


WITHOUT_KVM = {"CONFIG_KVM": False}


def test_a_kernel_without_kvm_logs_nothing_of_it() -> None:
    for mode in KvmMode:
        lines = log(system("arm,cortex-a76"), "6.12", kernel_config=WITHOUT_KVM, kvm_mode=mode)
        assert [line for line in lines if "kvm" in line.lower() and "command line" not in line] == []


@pytest.mark.parametrize("config", [{}, WITHOUT_KVM])
def test_a_kernel_without_kvm_refuses_no_cpu_for_guests(config: dict[str, bool]) -> None:
    text = """
        schema_version = 1
        [kernel]
        series = "7.3"
        [topology]
        cpus = [{ core = "arm,neoverse-v1" }, { core = "arm,neoverse-v1", features = { VMIDBits = 0 }, late = true }]
        [[actions]]
        do = "online"
        cpu = "cpu1"
    """
    outcome = boot(scenario_from_text(text, "vmid.toml").but(kernel_config=config))
    assert ("CPU features: CPU1: VMID width mismatch" in texts(outcome)) is not bool(config)


@pytest.mark.parametrize("without", ["features = { SVE = false }", 'hides = ["SVE"]'])
def test_a_cpu_without_sve_has_no_parts_of_it(without: str) -> None:
    text = f"""
        schema_version = 1
        [topology]
        cpus = [{{ core = "arm,neoverse-n2" }}, {{ core = "arm,neoverse-n2", {without} }}]
    """
    lines = texts(boot(scenario_from_text(text, "sve.toml")))
    checks = [line.partition("variation in ")[2].partition(".")[0] for line in lines if "SANITY CHECK" in line]
    assert checks == ["SYS_ID_AA64PFR0_EL1", "SYS_ID_AA64ZFR0_EL1"]


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("arm64.no32bit-el0", "arm64.no32bit_el0"),
        ("allow-mismatched-32bit-el0", "allow_mismatched_32bit_el0"),
        ("id-aa64pfr1.mte=0", "id_aa64pfr1.mte=0"),
    ],
)
def test_a_hyphen_in_the_name_of_a_parameter_is_an_underscore(word: str, same: str) -> None:
    text = (
        "[topology]\ncpus = [{{ core = 'arm,neoverse-n1' }}, {{ core = 'arm,neoverse-n1', features = {{ AArch32_EL0 = "
        "false }} }}]\n[kernel]\nseries = '6.12'\noptions = '{}'\n"
    )
    shown, expected = (boot(scenario_from_text(text.format(one))).log_text for one in (word, same))
    assert shown.replace(word, same) == expected


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("boot_has", [False, True])
@pytest.mark.parametrize("in_kernel", [False, True])
def test_a_kernel_that_uses_bti_itself_panics_where_a_cpu_differs(
    *, in_kernel: bool, boot_has: bool, is_late: bool
) -> None:
    text = f"""
        actions = [{{ do = "online", cpu = "cpu1" }}]
        [topology]
        cpus = [
            {{ core = "arm,neoverse-n2", features = {{ BT = {int(boot_has)} }} }},
            {{ core = "arm,neoverse-n2", features = {{ BT = {int(not boot_has)} }}, late = {str(is_late).lower()} }},
        ]
        [kernel]
        series = "6.12"
        config = {{ CONFIG_ARM64_BTI_KERNEL = {str(in_kernel).lower()} }}
    """
    outcome = boot(scenario_from_text(text, "bti.toml"))
    lines, facts = texts(outcome), outcome.facts
    values = f"System: {int(boot_has)}, CPU: {int(not boot_has)}"
    conflict = f"CPU features: CPU1: Detected conflict for capability 2 (Branch Target Identification), {values}"
    assert (conflict in lines) is (in_kernel or (is_late and boot_has))
    assert (facts.panic is not None) is in_kernel
    detected = "CPU features: detected: Branch Target Identification"
    assert (detected in lines) is (boot_has and (in_kernel or is_late))
    if detected in lines:
        is_of_boot = lines.index(detected) < lines.index("alternatives: applying boot alternatives")
        assert is_of_boot is in_kernel
    assert (1 in facts.online) is not (in_kernel or (is_late and boot_has))
