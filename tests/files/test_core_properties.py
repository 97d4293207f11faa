"""Cores in scenario files: registers, fields, lengths and what firmware hides, and how mistakes are told."""

import pytest

from sim.boot_run import boot
from sim.cores import known_core
from sim.errors import InputError
from sim.feature_rows import field_rows
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.kernel.features.id_fields import SVE
from sim.notes import notes_of
from sim.scenario import Scenario
from sim.topology import EL2_FIELD, Topology
from tests.systems import cpu_of, texts


def scenario(cpus: str, kernel: str = "") -> Scenario:
    return scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n{kernel}")


A55 = "{ core = 'arm,cortex-a55' }"
A76 = "{ core = 'arm,cortex-a76' }"


def test_cores_give_registers_lengths_and_midr() -> None:
    v1, a55 = scenario(f"{{ core = 'arm,neoverse-v1' }}, {A55}").topology.cpus
    assert v1.sve_vqs == 0b11
    assert v1.features.core.midr == 0x411FD402
    assert v1.features.vhe
    assert a55.sve_vqs is None
    assert a55.features.register("ID_AA64ISAR0_EL1") == 0x100010211120


def test_a_core_whose_registers_do_not_tell_of_vhe_keeps_it_in_a_file() -> None:
    """Pin that the boot of an imported system is that of its file, where the log shows that the CPUs have no VHE."""
    for key in ("", ", vhe = true", ", vhe = false"):
        found = scenario(f"{{ core = 'arm,cortex-a77'{key} }}")
        assert found.topology.cpus[0].features.vhe is (key != ", vhe = false")
        assert scenario_from_text(scenario_text(found)).topology == found.topology
    assert "vhe" not in scenario_text(scenario(f"{{ core = 'arm,cortex-a53' }}, {A76}"))


def test_a_register_and_a_field_of_it_must_agree() -> None:
    scenario("{ core = 'arm,cortex-a76', registers = { ID_AA64PFR1_EL1 = '0x210' }, features = { MTE = 2 } }")
    told = r"cpus\[0\]: features.MTE: ID_AA64PFR1_EL1.MTE is 2, and registers.ID_AA64PFR1_EL1 has 1 there$"
    with pytest.raises(InputError, match=told):
        scenario("{ core = 'arm,cortex-a76', registers = { ID_AA64PFR1_EL1 = '0x110' }, features = { MTE = 2 } }")
    cluster = "core = 'arm,cortex-a76', registers = { ID_AA64PFR1_EL1 = '0x110' }"
    with pytest.raises(InputError, match=r"clusters\[0\]: features.MTE: "):
        scenario_from_text(f"[topology]\nclusters = [{{ {cluster}, features = {{ MTE = 2 }}, count = 2 }}]")


def test_a_cpu_refines_the_registers_of_its_cluster() -> None:
    cluster = "core = 'arm,cortex-a76', registers = { ID_AA64PFR1_EL1 = '0x110' }"
    text = f"[topology]\nclusters = [{{ {cluster}, cpus = [{{}}, {{ features = {{ MTE = 2 }} }}] }}]"
    found = [cpu.features.register("ID_AA64PFR1_EL1") for cpu in scenario_from_text(text).topology.cpus]
    assert found == [0x110, 0x210]


def test_a_cpu_without_el2_cannot_start_there() -> None:
    without = "core = 'arm,cortex-a76', features = { EL2 = 0 }"
    told = "el is 2, and ID_AA64PFR0_EL1.EL2 is 0: the CPU has no EL2$"
    # Of Cortex-A65 the register is not known otherwise.
    for core in (without, without.replace("a76", "a65")):
        with pytest.raises(InputError, match=told):
            scenario(f"{{ {core}, el = 2 }}")
    in_python = Scenario(
        Topology(
            (
                cpu_of(
                    "a76",
                    core=known_core("arm,cortex-a76").with_registers(0x414FD0B1, {EL2_FIELD.register: 0x11111011}),
                    el=2,
                ),
            )
        )
    )
    note = "cpu0 (a76): ID_AA64PFR0_EL1.EL2 is 0, and the CPU starts at EL2, as its firmware is said to"
    assert note in notes_of(boot(in_python).facts)


@pytest.mark.parametrize("keys", ["features = { EL2 = 0 }", "registers = { ID_AA64PFR0_EL1 = '0x1100000011110012' }"])
@pytest.mark.parametrize("core", ["arm,cortex-a76", "arm,cortex-a65"])
def test_a_cpu_without_el2_starts_at_el1(core: str, keys: str) -> None:
    # el2 of [kernel] is true by default, so that the file does not say it of this CPU.
    found = scenario(f"{{ core = '{core}', {keys}, sve_bits = [], sme_bits = [] }}")
    assert (found.el(0), found.runs_at_el2(0)) == (1, False)
    assert "CPU: All CPU(s) started at EL1" in texts(boot(found))
    assert not any("EL2 is 0" in one for one in boot(found).notes)
    mixed = scenario(f"{A76}, {{ core = '{core}', {keys}, sve_bits = [], sme_bits = [] }}", "kvm_mode = 'nvhe'")
    assert [mixed.el(number) for number in (0, 1)] == [2, 1]


def test_clusters_of_cores_need_no_names() -> None:
    text = "[topology]\nclusters = [{ core = 'arm,cortex-a55', count = 4 }, { core = 'arm,cortex-a76', count = 2 }]"
    topology = scenario_from_text(text).topology
    assert [one.clusters for one in topology.cpus] == [("cluster0",)] * 4 + [("cluster1",)] * 2
    assert topology.cpus[0].features is topology.cpus[3].features


def test_a_cpu_with_another_core_than_its_cluster_has_none_of_its_registers() -> None:
    text = """
    [topology]
    clusters = [{ core = 'arm,cortex-a55', registers = { ID_AA64PFR1_EL1 = '0x0' }, cpus = [
        {}, { core = 'arm,cortex-a76' },
    ] }]
    """
    a55, a76 = scenario_from_text(text).topology.cpus
    assert a55.features.register("ID_AA64PFR1_EL1") == 0
    assert a76.features.register("ID_AA64PFR1_EL1") == 0x10


def test_registers_and_fields_override_the_core() -> None:
    keys = "registers = { ID_AA64MMFR0_EL1 = '0x101125' }, features = { MTE = 2, AArch32_EL0 = false, FP = false }"
    (one,) = scenario(f"{{ core = 'arm,cortex-a55', {keys} }}").topology.cpus
    assert one.features.register("ID_AA64MMFR0_EL1") == 0x101125
    assert one.features.register("ID_AA64PFR1_EL1") == 0x210
    assert one.features.register("ID_AA64PFR0_EL1") & 0xF000F == 0xF0001


def test_firmware_hides_a_feature_that_the_core_has() -> None:
    hiding = scenario(f"{A55}, {{ core = 'arm,cortex-a55', hides = ['CRC32'] }}")
    assert "CPU features: detected: CRC32 instructions" not in texts(boot(hiding))
    assert "CPU features: detected: CRC32 instructions" in texts(boot(scenario(f"{A55}, {A55}")))


def test_a_file_keeps_cores_and_the_command_line() -> None:
    kernel = "options = 'arm64.nomte kpti=1'\nkaslr = true\nconfig = { CONFIG_ARM64_ERRATUM_1742098 = false }"
    keys = "core = 'arm,cortex-a55', midr = '0x411fd050', features = { MTE = 2 }, hides = ['SSBS']"
    one = scenario(f"{{ {keys} }}, {A76}", kernel)
    again = scenario_from_text(scenario_text(one))
    assert scenario_text(again) == scenario_text(one)
    assert [cpu.features.id_registers for cpu in again.topology.cpus] == [
        cpu.features.id_registers for cpu in one.topology.cpus
    ]
    assert (again.options, again.kaslr, again.kernel_config) == (one.options, one.kaslr, one.kernel_config)
    assert texts(boot(again)) == texts(boot(one))


def test_where_a_cpu_has_no_core_the_lengths_are_modelled_alone() -> None:
    assert not scenario(f"{A55}, {{}}").has_all_features
    assert not any("detected:" in line for line in texts(boot(scenario(f"{A55}, {{}}"))))


def test_registers_that_no_source_tells_are_taken_from_the_others() -> None:
    mixed = texts(boot(scenario("{ core = 'arm,cortex-a53' }, { core = 'arm,cortex-a73' }")))
    assert not any("SANITY" in line for line in mixed)
    assert "CPU features: detected: ARM erratum 858921" in mixed


def test_a_field_of_an_unknown_register_leaves_its_other_fields_unknown() -> None:
    stated = "{ core = 'arm,cortex-a720', features = { 'ID_AA64ISAR0_EL1.AES' = 0 } }"
    one = scenario(f"{stated}, {{ core = 'arm,cortex-a720' }}, {A76}", "el2 = false")
    first = one.topology.cpus[0].features
    assert not first.knows("ID_AA64ISAR0_EL1")
    rows = field_rows(boot(one).facts, only_differing=False)
    values = {row.field: row.values for row in rows if row.register == "ID_AA64ISAR0_EL1"}
    assert values["AES"] == (0, None, 2)
    assert values["SHA1"] == (None, None, 1)
    # The second CPU's AES is taken to be as the first's, so that the kernel has nothing to log.
    assert not any("SYS_ID_AA64ISAR0_EL1. Boot CPU" in line and "CPU1" in line for line in texts(boot(one)))


@pytest.mark.parametrize(
    ("cpus", "kernel", "message"),
    [
        ("{ core = 'arm,cortex-a55', midr = 5 }", "", "midr is 0x00000005, which is another core, and not arm,cortex"),
        ("{ core = 'arm,cortex-a72', vhe = true }", "", "vhe is true, and ID_AA64MMFR1_EL1.VH of arm,cortex-a72 says"),
        ("{ core = 'arm,cortex-a55', vhe = true, features = { VH = 0 } }", "", "vhe is true, and ID_AA64MMFR1_EL1.VH"),
        ("{ core = 'arm,cortex-a57', vhe = true, features = { VH = 0 } }", "", "vhe is true, and ID_AA64MMFR1_EL1.VH"),
        (
            "{ core = 'arm,cortex-a55', features = { AES = 2, 'ID_AA64ISAR0_EL1.AES' = 1 } }",
            "",
            "is the same field as AES: state it once",
        ),
        ("{ core = 'arm,cortex-a59' }", "", r"cpus\[0\]: core: unknown core 'arm,cortex-a59': did you mean"),
        ("{ midr = '0x410fd034' }", "", "midr needs a core"),
        ("{ core = 'arm,cortex-a55', registers = { ID_AA64PFR9_EL1 = 1 } }", "", "unknown register: did you mean"),
        (
            "{ core = 'arm,cortex-a55', registers = { id_aa64pfr0_el1 = 1 } }",
            "",
            "unknown register: did you mean 'ID_AA64PFR0_EL1'",
        ),
        ("{ core = 'arm,cortex-a55', registers = { X = 1 } }", "", "unknown register: `asymboot features big-little"),
        ("{ core = 'arm,cortex-a55', features = { specsel = 1 } }", "", "'specsel': did you mean 'SpecSEI'"),
        ("{ core = 'arm,cortex-a55', features = { MTE = 16 } }", "", "ID_AA64PFR1_EL1.MTE has 4 bits"),
        (
            "{ core = 'arm,cortex-a55', features = { NONE = 1 } }",
            "",
            "unknown field 'NONE': `asymboot features big-little --all`",
        ),
        ("{ core = 'arm,cortex-a55', midr = '0x1410fd034' }", "", "wider than 32 bits"),
        (
            "{ core = 'arm,cortex-a55', midr = '0x414fd0b1' }",
            "",
            "midr is 0x414fd0b1, which is arm,cortex-a76, and not",
        ),
        (
            "{ core = 'arm,cortex-a55', registers = { ID_AA64PFR0_EL1 = '0x11111111111111111' } }",
            "",
            r"registers.ID_AA64PFR0_EL1: is '0x1{17}', and must be 0x and 1 to 16 hexadecimal digits",
        ),
        ("{ core = 'arm,cortex-a55', features = { MTE = -1 } }", "", "features.MTE: is -1, and must be at least 0"),
        ("{ core = 'arm,cortex-a55', sve_bits = [128] }", "", "arm,cortex-a55 has no SVE"),
        ("{ core = 'arm,cortex-a55', features = { SVE = 1 } }", "", "sve_bits must say"),
        (A55, "options = 'kvm-arm.mode=nvhe'", "decides on more than CPU features: set kvm_mode instead"),
        (A55, "options = 'kvm-arm.mode=nested'", "'kvm-arm.mode=nested' asks for nested .* which is not modelled$"),
        (A55, "options = 'kpti=maybe'", "'kpti=maybe' does not concern CPU features: did you mean 'kpti=1'"),
        (A55, "options = 'arm64.nomet'", "'arm64.nomet' does not concern CPU features: did you mean 'arm64.no"),
        (A55, "config = { CONFIG_ARM64_ERRATUM_84571 = false }", "no CPU feature that is modelled depends on"),
        (A55, "config = { CONFIG_DEBUG_INFO = false }", "no CPU feature .* depends on 'CONFIG_DEBUG_INFO'$"),
        ("{ core = '' }", "", r"cpus\[0\].core: must not be empty$"),
        ("{ core = 'arm,cortex-a55', registers = { MIDR_EL1 = 1 } }", "", "MIDR_EL1: is not stated here: the key midr"),
        ("{ core = 'arm,cortex-a55', registers = { MPIDR_EL1 = 1 } }", "", "the key mpidr states it"),
        (A55, "options = 'nospectre_v4'", "'nospectre_v4' does not .* features: no arm64 kernel reads it, and ssbd="),
        (A55, "options = 'spectre_v2=off'", "features: no arm64 kernel reads it, and nospectre_v2 switches"),
        (A55, "options = 'maxcpus=1'", "'maxcpus=1' does not concern CPU features: set maxcpus instead$"),
        (A55, "options = 'nr_cpus=2'", "features: leave the CPUs that it keeps out, out of the topology$"),
        (A55, "options = 'id_aa64pfr0.fp=0'", "no override of that field: of id_aa64pfr0, Linux 6.12 takes sve, el0$"),
        (A55, "options = 'id_aa64pfr0.sv'", "no override of that field: of id_aa64pfr0, Linux 6.12 takes sve, el0$"),
        (A55, "options = 'id_aa64isar0.aes=0'", "'id_aa64isar0.aes=0': the kernel has no override of that field$"),
        (A55, "options = 'id_aa64prf0.sve=0'", "override of that field: did you mean 'id_aa64pfr0.sve=0'"),
        (A55, "options = 'id_aa64pfr0.sve'", "features: did you mean 'id_aa64pfr0.sve=0'"),
        (A55, "options = 'arm64.nompan'", "features: did you mean 'arm64.nom(op|t)"),
        (A55, "config = { ARM64_ERRATUM_845719 = false }", "did you mean 'CONFIG_ARM64_ERRATUM_845719'"),
        (A55, "config = { ARM64_ERRATUM_84571 = false }", "did you mean 'CONFIG_ARM64_ERRATUM_845719'"),
        (
            A55,
            "config = { CONFIG_ARM64_ERRATUM_1530923 = false }",
            "state CONFIG_ARM64_WORKAROUND_SPECULATIVE_AT instead",
        ),
        (A55, "config = { ARM64_ERRATUM_1319367 = false }", "state CONFIG_ARM64_WORKAROUND_SPECULATIVE_AT instead"),
        (
            A55,
            "config = { CONFIG_ARM64_ERRATUM_2119858 = false }",
            "2119858' selects CONFIG_ARM64_WORKAROUND_TRBE_OVERWRITE_FILL_MODE for some cores, .*_FILL_MODE instead$",
        ),
        (
            "{ core = 'arm,cortex-a55', features = { 'ID_ISAR5_EL1.AES' = 0 } }",
            "",
            "`registers = { ID_ISAR5_EL1 = ... }` states the whole register",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(cpus: str, kernel: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        scenario(cpus, kernel)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cpu",
    [
        "{ core = 'arm,cortex-a72', unaffected = ['spectre-v4', 'spectre-v2'] }",
        "{ core = 'arm,cortex-x4', gic = 2 }",
        "{ core = 'arm,cortex-a72', gic = 2, registers = { ID_AA64ISAR0_EL1 = '0x10000' } }",
        "{ core = 'arm,neoverse-v1', sve_bits = [] }",
        "{ core = 'arm,cortex-a720', features = { 'ID_AA64ISAR0_EL1.AES' = 0, AdvSIMD = false } }",
        "{ core = 'arm,neoverse-n2', registers = { MPAM1_EL1 = '0x8000000000000000' } }",
    ],
)
def test_firmware_and_the_gic_are_written_as_they_were_read(cpu: str) -> None:
    one = scenario(cpu)
    again = scenario_from_text(scenario_text(one))
    assert scenario_text(again) == scenario_text(one)
    assert texts(boot(again)) == texts(boot(one))
    assert again.topology.cpus[0].firmware == one.topology.cpus[0].firmware
    assert again.topology.cpus[0].features.core.gic == one.topology.cpus[0].features.core.gic


def test_a_weakness_must_be_one_on_which_firmware_is_asked() -> None:
    with pytest.raises(InputError, match=r"unaffected"):
        scenario("{ core = 'arm,cortex-a72', unaffected = ['spectre-v1'] }")
    with pytest.raises(InputError, match=r"unaffected needs a core"):
        scenario("{ unaffected = ['spectre-v4'] }")


N1, A510 = "core = 'arm,neoverse-n1'", "core = 'arm,cortex-a510'"


@pytest.mark.parametrize(
    ("cpu", "message"),
    [
        (
            f"{{ {N1}, sve_bits = [], features = {{ SVE = 1 }} }}",
            r"sve_bits is \[\], .* no SVE, and .*PFR0_EL1.SVE is 1$",
        ),
        (
            f"{{ {N1}, sme_bits = [], features = {{ SME = true }} }}",
            r"sme_bits is \[\], .* no SME, .*PFR1_EL1.SME is 1$",
        ),
        (f"{{ {N1}, sve_bits = [], registers = {{ ID_AA64PFR0_EL1 = '0x100000012' }} }}", r"PFR0_EL1.SVE is 1$"),
        ("{ core = 'arm,cortex-a78', sve_bits = [], features = { SVE = 1 } }", r"PFR0_EL1.SVE is 1$"),
        (
            f"{{ {N1}, gic = 2, features = {{ GIC = 1 }} }}",
            r"gic is 2, which has no system registers, .*PFR0_EL1.GIC is 1$",
        ),
        (
            f"{{ {N1}, gic = 3, features = {{ GIC = 0 }} }}",
            r"gic is 3, which has system registers, .*PFR0_EL1.GIC is 0$",
        ),
        (f"{{ {N1}, gic = 2, registers = {{ ID_PFR1_EL1 = '0x10010000' }} }}", r"gic is 2, .*ID_PFR1_EL1.GIC is 1$"),
    ],
)
def test_keys_that_contradict_each_other_are_told_in_one_line(cpu: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        scenario(cpu)
    assert "\n" not in str(caught.value)


def test_a_contradiction_between_a_cluster_and_its_cpu_is_told_too() -> None:
    cluster = f"{N1}, features = {{ SVE = 1 }}, cpus = [{{ sve_bits = [] }}]"
    with pytest.raises(InputError, match=r"clusters\[0\].cpus\[0\]: sve_bits is \[\]"):
        scenario_from_text(f"[topology]\nclusters = [{{ {cluster} }}]")


def test_an_extension_of_the_core_itself_may_be_missing() -> None:
    for keys in (A510, f"{A510}, features = {{ CSV2 = 1 }}"):
        found = scenario(f"{{ {keys}, sve_bits = [] }}")
        assert found.topology.cpus[0].sve_vqs is None
        assert scenario_from_text(scenario_text(found)).topology.cpus[0].sve_vqs is None


def test_a_register_of_a_cpu_replaces_the_fields_of_its_cluster() -> None:
    cpus = "{}, { registers = { ID_AA64PFR1_EL1 = '0x110' } }"
    cluster = f"core = 'arm,cortex-a76', features = {{ MTE = 2, CRC32 = 0 }}, cpus = [{cpus}]"
    found = scenario_from_text(f"[topology]\nclusters = [{{ {cluster} }}]").topology.cpus
    assert [cpu.features.register("ID_AA64PFR1_EL1") for cpu in found] == [0x210, 0x110]
    assert [cpu.features.register("ID_AA64ISAR0_EL1") >> 16 & 0xF for cpu in found] == [0, 0]


@pytest.mark.parametrize("name", ["arm,neoverse-v1", "arm,cortex-a710"])
def test_a_cpu_without_the_extension_that_its_registers_state_is_written_without_it(name: str) -> None:
    """Pin that what Python can describe is written so that it can be read: registers say what the lengths say."""
    core = known_core(name).with_registers(known_core(name).midr, {"ID_AA64PFR0_EL1": 0x1101000121110112})
    stated = known_core("arm,cortex-a78").with_fields({SVE: 1})
    for one in (core, stated):
        text = scenario_text(Scenario(Topology((cpu_of("cpu0", core=one),)), kernel="6.12"))
        again = scenario_from_text(text).topology.cpus[0]
        assert again.sve_vqs is None
        assert SVE.of(again.features.register("ID_AA64PFR0_EL1")) == 0


def test_a_gic_that_the_registers_contradict_is_not_written() -> None:
    gicv2 = known_core("arm,cortex-a76", gic=2)
    core = gicv2.with_registers(gicv2.midr, {"ID_AA64PFR0_EL1": 0x1100000011111112})
    text = scenario_text(Scenario(Topology((cpu_of("cpu0", core=core),)), kernel="6.12"))
    assert "gic" not in text
    assert scenario_from_text(text).topology.cpus[0].features.register("ID_AA64PFR0_EL1") == 0x1100000011111112
