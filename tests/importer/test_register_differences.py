"""ID registers that differ: which CPUs, which field, what the system loses, and what a scenario can have of it."""

from pathlib import Path

import pytest

from sim.cpufeature_tables.sanity_decoder import decoding_tables
from sim.explain.logged_registers import decoded_registers
from sim.importer.log_reader import parse_kernel_log
from sim.importer.log_text import understood_lines
from sim.importer.provenance import remarks
from sim.importer.register_differences import register_differences
from tests.importer.machines import BOOTED, HEAD, UNKNOWN_CORE, imported_log

CHECK = "CPU features: SANITY CHECK: Unexpected variation in SYS_{}. Boot CPU: {:#018x}, CPU{}: {:#018x}\n"
NOT_SIMULATED = "CPUs of a scenario differ in having SVE or SME only: no other difference of registers is simulated."
PFR0, WITHOUT_SVE = 0x1301001121110222, 0x1301001021110222


def registers(*lines: str) -> list[str]:
    text = HEAD.format(cpus=4) + "".join(lines)
    return [
        f"{one.cpus} {one.register.register} {[field.field.name for field in one.register.fields]} {one.is_late}"
        for one in register_differences(parse_kernel_log(text))
    ]


def test_cpus_with_the_same_value_are_told_together_and_registers_in_the_order_of_the_log() -> None:
    lines = [
        CHECK.format("ID_AA64MMFR1_EL1", 0, 3, 1 << 24),
        CHECK.format("ID_AA64ISAR0_EL1", 0x20, 1, 0x10),
        CHECK.format("ID_AA64MMFR1_EL1", 0, 2, 1 << 24),
        CHECK.format("ID_AA64MMFR1_EL1", 0, 1, 3 << 24),
    ]
    assert registers(*lines) == [
        "(2, 3) ID_AA64MMFR1_EL1 ['SpecSEI'] False",
        "(1,) ID_AA64ISAR0_EL1 ['AES'] False",
        "(1,) ID_AA64MMFR1_EL1 ['SpecSEI'] False",
    ]


def test_a_late_cpu_is_told_apart_from_early_cpus() -> None:
    early, late = (CHECK.format("ID_AA64MMFR1_EL1", 0, cpu, 1 << 24) for cpu in (1, 2))
    assert registers(early, "Run /init as init process\n", late) == [
        "(1,) ID_AA64MMFR1_EL1 ['SpecSEI'] False",
        "(2,) ID_AA64MMFR1_EL1 ['SpecSEI'] True",
    ]


@pytest.mark.parametrize("gone", ["", "psci: CPU1 killed (polled 0 ms)\n"])
def test_a_cpu_that_was_online_before_is_late_though_no_line_ends_the_bring_up(gone: str) -> None:
    """Pin that import and explain have one definition of late CPUs."""
    first, again = (CHECK.format("ID_AA64MMFR1_EL1", 0, 1, level << 24) for level in (1, 2))
    lines = (first, BOOTED.format(1), gone, again, CHECK.format("ID_AA64MMFR2_EL1", 0, 2, 1 << 24))
    assert registers(*lines) == [
        "(1,) ID_AA64MMFR1_EL1 ['SpecSEI'] False",
        "(1,) ID_AA64MMFR1_EL1 ['SpecSEI'] True",
        f"(2,) ID_AA64MMFR2_EL1 ['NV'] {gone != ''}",
    ]
    found = list(understood_lines("".join(lines)))
    decoded = decoded_registers(found, decoding_tables((6, 12), (6, 12), compares_own_range=None))
    assert [one.fields[0].is_late for one in decoded.values()] == [False, True, gone != ""]


def test_a_cpu_that_came_back_is_not_a_late_cpu(tmp_path: Path) -> None:
    check = CHECK.format("ID_AA64MMFR1_EL1", 0, 1, 1 << 24)
    down = "Run /init as init process\n[ 8.0] psci: CPU1 killed (polled 0 ms)\n"
    log = (
        HEAD.format(cpus=2)
        + check
        + BOOTED.format(1)
        + down
        + f"[ 9.0] {check}"
        + BOOTED.format(1).replace("0.1", "9.1")
    )
    told = [one for one in remarks(imported_log(log, tmp_path)) if "ID_AA64MMFR1_EL1 differs" in one]
    assert [one.partition(":")[0] for one in told] == ["cpu1", "cpu1 (back online)"]


def test_older_kernels_name_registers_in_another_way() -> None:
    line = "SANITY CHECK: Unexpected variation in cntfrq. Boot CPU: 0x18cba80, CPU1: 0x0\n"
    assert registers(line) == ["(1,) CNTFRQ_EL0 ['ClockFreq'] False"]


def test_what_the_command_line_hides_is_not_lost() -> None:
    check = CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE)
    hidden = "CPU features: SYS_ID_AA64PFR0_EL1[35:32]: forced to 0\n"
    lost = [
        register_differences(parse_kernel_log(HEAD.format(cpus=2) + text))[0].register.lost
        for text in (check, hidden + check)
    ]
    assert lost == [("hwcap sve", "capability 'Scalable Vector Extension'"), ()]


@pytest.mark.parametrize(
    ("register", "values", "words", "is_simulated"),
    [
        (
            "ID_AA64ISAR0_EL1",
            (0x20, 0x10),
            "AES (bits 7:4): 2 on the boot CPU, 1 here: strict; the system has 1",
            False,
        ),
        ("ID_AA64PFR0_EL1", (PFR0, WITHOUT_SVE), "SVE (bits 35:32): 1 on the boot CPU, 0 here: strict", True),
        ("CNTFRQ_EL0", (24000000, 0), "a taint, and programs that read the register here measure time wrongly", False),
        (
            "ACME_EL1",
            (0, 0xA0),
            "bits 7:4: 0 on the boot CPU, 10 here: what depends on it is not known",
            False,
        ),
    ],
)
def test_a_difference_is_a_remark(
    register: str, values: tuple[int, int], words: str, is_simulated: bool, tmp_path: Path
) -> None:
    boot, cpu = values
    text = HEAD.format(cpus=2) + CHECK.format(register, boot, 1, cpu) + BOOTED.format(1)
    # Of a core that is not known, lengths alone are modelled.
    told = [*remarks(imported_log(text.replace("411fd403", UNKNOWN_CORE), tmp_path))]
    (remark,) = (one for one in told if "differs from the boot CPU's" in one)
    assert remark.startswith(f"cpu1: {register} differs from the boot CPU's: ")
    assert words in remark
    assert (NOT_SIMULATED not in told) is is_simulated


def test_the_remark_on_a_late_cpu_says_what_programs_see(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + "Run /init as init process\n" + CHECK.format("ID_AA64ISAR0_EL1", 0x20, 1, 0x10)
    (remark,) = (one for one in remarks(imported_log(text, tmp_path)) if "differs" in one)
    assert remark.startswith("cpu1 (late): ")
    assert remark.endswith("1 here: strict; programs that read the register see 1 from then on.")


def test_the_table_of_another_kernel_is_named_in_the_comments(tmp_path: Path) -> None:
    line = CHECK.format("ID_AA64PFR0_EL1", 0x11112222, 1, 0x11111112)
    found = [*remarks(imported_log(HEAD.format(cpus=2).replace("6.12.1", "5.4.0") + line, tmp_path, cpu0=None))]
    assert not any("loses capability" in remark for remark in found)
    assert [remark[:70] for remark in found if remark.startswith("Inferred: ")] == [
        "Inferred: the table of Linux 6.1 stands for that of this kernel, which",
        "Inferred: no field that differs is strict in the table of Linux 6.1, a",
    ]


BRPS, FEWER = 0x10305408, 0x10303408


def remarks_on(lines: str, tmp_path: Path) -> list[str]:
    found = remarks(imported_log(HEAD.format(cpus=4) + lines, tmp_path))
    return [one for one in found if "differs from the boot CPU's" in one]


def test_a_late_cpu_is_compared_with_what_early_cpus_left_of_the_systems_value(tmp_path: Path) -> None:
    early, late = (CHECK.format("ID_AA64DFR0_EL1", BRPS, cpu, FEWER) for cpu in (1, 2))
    init = "[ 8.0] Run /init as init process\n"
    for log, panics in (
        (early + BOOTED.format(1) + init + late, False),
        (BOOTED.format(1) + init + late, True),
        # The log shows that the CPU came online, whatever the tables tell.
        (BOOTED.format(1) + init + late + BOOTED.format(2), False),
    ):
        assert any("it panics" in one for one in remarks_on(log, tmp_path)) is panics
