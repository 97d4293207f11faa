"""Fields that follow from the names in a log: which CPUs have them, and where the configuration decides instead."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import scenario_from_text
from sim.id_registers import EL0, IdField
from sim.importer.imported import Imported
from sim.importer.kernel_log import ShownFeatures
from sim.importer.log_reader import parse_kernel_log
from tests.importer.machines import imported_log

IMP_DEF = 'core = "arm,neoverse-v1", features = { APA = 0, API = 1, GPA = 0, GPI = 1 }'
DEBIANS, MAINLINE = "7.3.4+deb13-arm64", "7.3.4"


def log_of(*cpus: str, kernel: str = DEBIANS, more: str = "") -> str:
    tables = ", ".join(f"{{ {one} }}" for one in cpus)
    text = f'[topology]\ncpus = [{tables}]\n[kernel]\nseries = "{kernel}"\n{more}'
    return boot(scenario_from_text(text)).log_text


def imported_boot(folder: Path, *cpus: str, kernel: str = DEBIANS, more: str = "") -> Imported:
    """Boot CPUs, import the log, and check that the scenario logs the same."""
    log = log_of(*cpus, kernel=kernel, more=more)
    found = imported_log(log, folder)
    lines = [text.splitlines() for text in (log, boot(found.scenario).log_text)]
    of_boots = [[line for line in each if "Kernel command line" not in line] for each in lines]
    assert of_boots[0] == of_boots[1]
    assert found.contradictions == ()
    return found


def values(found: Imported, field: IdField) -> list[int]:
    return [field.of(cpu.features.register(field.register)) for cpu in found.scenario.topology.logical]


@pytest.mark.parametrize("kernel", [DEBIANS, MAINLINE])
def test_an_option_that_a_named_feature_wants_is_on(kernel: str, tmp_path: Path) -> None:
    found = imported_boot(tmp_path, IMP_DEF, IMP_DEF, kernel=kernel)
    assert found.scenario.kernel_config == {}
    assert any("ID_AA64ISAR1_EL1.API = 1" in reason for reason in found.features.reasons)


BTI = IdField("ID_AA64PFR1_EL1", "BT", shift=0)


@pytest.mark.parametrize(("kernel", "config"), [(DEBIANS, {}), (MAINLINE, {"CONFIG_ARM64_BTI": False})])
def test_a_missing_name_is_a_field_where_the_configuration_is_known(
    kernel: str, config: dict[str, bool], tmp_path: Path
) -> None:
    found = imported_boot(tmp_path, 'core = "arm,neoverse-n2", features = { BT = 0 }', kernel=kernel)
    assert found.scenario.kernel_config == config
    assert values(found, BTI) == [0 if kernel == DEBIANS else 1]


WITH, WITHOUT = ('core = "arm,cortex-a76"', 'core = "arm,cortex-a76", features = { AArch32_EL0 = false }')


def test_a_feature_that_the_system_lost_is_taken_from_all_cpus_of_which_no_line_tells_that_they_have_it(
    tmp_path: Path,
) -> None:
    assert values(imported_boot(tmp_path, WITH, WITHOUT), EL0) == [1, 1]
    # A line that compares a register of 32-bit code shows that both CPUs run 32-bit programs.
    other = f'{WITH}, registers = {{ ID_ISAR5_EL1 = "0x1011111" }}'
    assert values(imported_boot(tmp_path, WITH, WITHOUT, other), EL0) == [2, 1, 2]


CSV2 = IdField("ID_AA64PFR0_EL1", "CSV2", shift=56)
UNSAFE = 'core = "arm,cortex-a76", features = { CSV2 = 0 }'


def test_a_weakness_is_that_of_the_cpu_that_was_coming_up_when_it_was_named(tmp_path: Path) -> None:
    assert values(imported_boot(tmp_path, WITH, WITH, UNSAFE), CSV2) == [1, 1, 0]
    assert values(imported_boot(tmp_path, UNSAFE, WITH), CSV2) == [0, 0]


def test_a_list_of_cpus_tells_of_each(tmp_path: Path) -> None:
    lacks = 'core = "arm,neoverse-n2", features = { AMU = 0 }'
    has = 'core = "arm,neoverse-n2"'
    field = IdField("ID_AA64PFR0_EL1", "AMU", shift=44)
    assert values(imported_boot(tmp_path, has, lacks, has), field) == [1, 0, 1]


def shown(text: str) -> ShownFeatures:
    return parse_kernel_log(text).shown


def test_names_have_the_cpu_that_was_coming_up() -> None:
    log = shown(log_of(WITH, UNSAFE, kernel="6.12"))
    assert (log.named_on["Spectre-v4"], log.named_on["Spectre-v2"]) == (0, 1)
    assert "CRC32 instructions" in log.detected
    assert "CRC32 instructions" not in log.named_on
    assert log.listed_on == {"Hardware dirty bit management": frozenset({0, 1})}
    assert log.icaches == {0: "PIPT", 1: "PIPT"}


def test_a_log_that_names_nothing_of_the_boot_cpu_may_be_cut_before() -> None:
    text = log_of(WITH, kernel="6.12")
    begin, names = text.split("CPU features:", 1)[0], text.partition("alternatives: applying boot")[2]
    assert shown(text).boot_cpu_is_complete
    assert not shown(f"{begin}alternatives: applying boot{names}").boot_cpu_is_complete


def test_ranges_that_no_kernel_writes_are_no_cpus() -> None:
    line = "\nCPU features: detected: Hardware dirty bit management on CPU{}\n"
    for text in ("5-3", "1-9999999", "70000", ",-"):
        listed = shown(log_of(WITH, kernel="6.12").replace("\n", line.format(text), 1)).listed_on
        assert listed["Hardware dirty bit management"] == frozenset({0})


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ("arm64.nobti", BTI, 1),
        ("id_aa64pfr1.mte=f", IdField("ID_AA64PFR1_EL1", "MTE", shift=8), 3),
        ("arm64.nomte", IdField("ID_AA64PFR1_EL1", "MTE", shift=8), 1),
    ],
)
def test_an_override_shows_what_the_boot_cpu_has(options: str, field: IdField, value: int, tmp_path: Path) -> None:
    core = 'core = "arm,cortex-x4", features = { BT = 1, MTE = 3 }, sve_bits = [128]'
    found = imported_boot(tmp_path, core, more=f'options = "{options}"')
    stated = found.scenario.topology.cpus[0].features.core.stated_fields
    assert stated[field] == value
