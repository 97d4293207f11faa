"""SANITY CHECK lines as findings: the entry that fits what is lost, and what lines share."""

import pytest

from sim.explain import feature_entries
from sim.explain.crash_entries import IDLE_TASK_PANIC
from sim.explain.log_entries import LogEntry
from tests.explain.logs import FINAL, HEAD, explained, names, of_entry

CHECK = "CPU features: SANITY CHECK: Unexpected variation in SYS_{}. Boot CPU: {:#018x}, CPU{}: {:#018x}"
PFR0 = 0x1301001121110222
WITHOUT_SVE = 0x1301001021110222


@pytest.mark.parametrize(
    ("before", "line", "entry"),
    [
        ([], CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE), feature_entries.SANITY_LOSS),
        ([], CHECK.format("ID_AA64PFR0_EL1", WITHOUT_SVE, 1, PFR0), feature_entries.SANITY_TAINT),
        (FINAL, CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE), feature_entries.SANITY_LATE),
        (
            ["CPU features: SYS_ID_AA64PFR0_EL1[35:32]: forced to 0"],
            CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE),
            feature_entries.SANITY_TAINT,
        ),
        ([], CHECK.format("CNTFRQ_EL0", 62500000, 1, 0), feature_entries.SANITY_COUNTER),
        (
            [],
            "SANITY CHECK: Unexpected variation in cntfrq. Boot CPU: 0x18cba80, CPU4: 0x0",
            feature_entries.SANITY_COUNTER,
        ),
    ],
)
def test_a_line_has_the_entry_of_what_it_costs(before: list[str], line: str, entry: LogEntry) -> None:
    assert entry.name in names(explained(*before, line))


def test_cpus_with_the_same_value_share_a_finding_and_the_taint_is_put_to_the_first() -> None:
    lines = [CHECK.format("ID_AA64PFR0_EL1", WITHOUT_SVE, cpu, PFR0) for cpu in (1, 2, 3)]
    lines.insert(1, "CPU features: Unsupported CPU feature variation detected.")
    finding = of_entry(explained(*lines), feature_entries.SANITY_TAINT)
    assert (finding.cpus, len(finding.lines)) == ((1, 2, 3), 4)
    assert finding.register is not None
    assert finding.register.series == "6.12"


def test_a_taint_without_its_line_is_said_to_be_inferred() -> None:
    finding = of_entry(
        explained("CPU features: Unsupported CPU feature variation detected."), feature_entries.SANITY_TAINT
    )
    assert finding.inferred


OLD = ["Booting Linux on physical CPU 0x0000000000 [0x51df805e]", "Linux version 5.4.0 (gcc)"]
UNNAMED = ["smp: Bringing up secondary CPUs ..."]
OF_PMU, OF_SMCR = feature_entries.SANITY_PMU, feature_entries.SANITY_SMCR
TAINT_INFERRED, LOSS_UNKNOWN = feature_entries.SANITY_TAINT_INFERRED, feature_entries.SANITY_LOSS_UNKNOWN


@pytest.mark.parametrize(
    ("head", "line", "entry"),
    [
        # 32-bit EL1 Support came in 5.8
        (OLD, CHECK.format("ID_AA64PFR0_EL1", 0x11112222, 4, 0x11111112), TAINT_INFERRED),
        ([OLD[0], "Linux version 5.10.1 (gcc)"], CHECK.format("ID_AA64PFR0_EL1", 0x22, 4, 0x12), LOSS_UNKNOWN),
        (OLD, CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE), LOSS_UNKNOWN),
        (UNNAMED, CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE), LOSS_UNKNOWN),
        (OLD, CHECK.format("ID_DFR0_EL1", 0x04011088, 4, 0x05011088), OF_PMU),
        (UNNAMED, CHECK.format("ID_DFR0_EL1", 0x04011088, 4, 0x05011088), OF_PMU),
        (OLD, CHECK.format("ID_AA64DFR0_EL1", 0x10305106, 4, 0x10305406), OF_PMU),
        # another strict field differs as well, for which the line is right
        (OLD, CHECK.format("ID_DFR0_EL1", 0x04011088, 4, 0x05001088), TAINT_INFERRED),
        (UNNAMED, CHECK.format("SMCR_EL1", 0xF, 3, 0x8000000F), OF_SMCR),
        (
            [OLD[0], "Linux version 6.1.10 (gcc)"],
            CHECK.format("SMCR_EL1", 0xF, 3, 0x8000000F),
            OF_SMCR,
        ),
    ],
)
def test_a_kernel_whose_table_is_not_known_is_not_said_to_lose_anything(
    head: list[str], line: str, entry: LogEntry
) -> None:
    explanation = explained(line, head=head)
    assert names(explanation)[:1] == [entry.name]


def test_a_table_that_stands_for_another_is_named() -> None:
    lines = [CHECK.format("ID_AA64PFR0_EL1", 0x11112222, cpu, 0x11111112) for cpu in (4, 5)]
    finding = of_entry(explained(*lines, head=OLD), TAINT_INFERRED)
    assert finding.register is not None
    assert [field.words for field in finding.register.fields][-1] == (
        "EL1 (bits 7:4): 2 on the boot CPU, 1 here: not strict in Linux 6.1; no hwcap and no capability depends on it"
    )
    assert finding.happened == "ID_AA64PFR0_EL1 differs from the boot CPU's, and Linux 6.1 would lose nothing by it"
    assert [sentence.partition(",")[0] for sentence in finding.inferred] == [
        "the table of Linux 6.1 stands for that of this kernel",
        "no field that differs is strict in the table of Linux 6.1",
    ]
    loss = of_entry(explained(CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE), head=OLD), LOSS_UNKNOWN)
    assert loss.register is not None
    assert loss.register.fields[0].words == (
        "SVE (bits 35:32): 1 on the boot CPU, 0 here: strict in Linux 6.1; there the system has 0 and loses hwcap sve, "
        "capability 'Scalable Vector Extension'"
    )


@pytest.mark.parametrize(("entry", "release"), [(OF_PMU, "6.0 and 5.15.61"), (OF_SMCR, "6.6 and 6.1.53")])
def test_a_bug_of_the_kernel_names_the_release_that_mends_it(entry: LogEntry, release: str) -> None:
    assert [cause.text for cause in entry.causes if f"mended in {release} (commit " in cause.text]
    assert entry.severity.is_harmless
    assert of_entry(explained(*entry.examples), entry).inferred == ()


DFR0, FEWER_BREAKPOINTS = 0x10305408, 0x10303408
IDLE = "Kernel panic - not syncing: Attempted to kill the idle task!"


def test_fewer_breakpoints_cost_the_system_some_or_endanger_it_by_when_the_cpu_comes() -> None:
    line = CHECK.format("ID_AA64DFR0_EL1", DFR0, 1, FEWER_BREAKPOINTS)
    assert feature_entries.SANITY_LOSS.name in names(explained(line))
    assert feature_entries.SANITY_DANGER.name in names(explained(*FINAL, line))
    more = CHECK.format("ID_AA64DFR0_EL1", FEWER_BREAKPOINTS, 1, DFR0)
    assert feature_entries.SANITY_TAINT.name in names(explained(*FINAL, more))


def test_a_panic_of_a_cpu_that_was_coming_up_names_the_cpu_of_the_line_before() -> None:
    line = CHECK.format("ID_AA64DFR0_EL1", DFR0, 1, FEWER_BREAKPOINTS)
    panic = of_entry(explained(*FINAL, line, IDLE), IDLE_TASK_PANIC)
    assert (panic.cpus, len(panic.lines), len(panic.inferred)) == ((1,), 2, 1)
    assert "resets as many breakpoints as it counted when it booted" in panic.happened
    booted = "CPU1: Booted secondary processor 0x0000000100 [0x410fd4f0]"
    assert of_entry(explained(*FINAL, line, booted, IDLE), IDLE_TASK_PANIC).cpus == ()


def test_another_size_of_cleared_blocks_is_a_problem() -> None:
    explanation = explained(CHECK.format("DCZID_EL0", 4, 1, 5))
    assert feature_entries.SANITY_DANGER.name in names(explanation)
    assert explanation.problems


BOOTED = "CPU{0}: Booted secondary processor 0x0000000{0}00 [0x414fd0c1]"


def severe(*lines: str, head: list[str] | None = None) -> list[str]:
    return [one.happened for one in explained(*lines, head=head).problems]


def test_a_late_cpu_is_judged_by_what_the_early_cpus_left() -> None:
    early, late = (CHECK.format("ID_AA64DFR0_EL1", DFR0, cpu, FEWER_BREAKPOINTS) for cpu in (1, 3))
    told = severe(FINAL[0], early, BOOTED.format(1), *FINAL[1:], late)
    assert not [one for one in told if "it panics" in one]
    assert [one for one in severe(*FINAL, late) if "it panics" in one]


def test_a_cpu_is_late_once_the_early_cpus_are_counted_or_where_it_was_online_before() -> None:
    line = CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE)
    for before in (["smp: Brought up 1 node, 1 CPU"], [BOOTED.format(1), "psci: CPU1 killed (polled 0 ms)"]):
        assert feature_entries.SANITY_LATE.name in names(explained(*before, line))


def test_a_cpu_that_comes_online_did_not_panic_the_kernel() -> None:
    line = CHECK.format("ID_AA64DFR0_EL1", DFR0, 3, FEWER_BREAKPOINTS)
    explanation = explained(*FINAL, line, BOOTED.format(3))
    finding = of_entry(explanation, feature_entries.SANITY_TAINT)
    assert finding.register is not None
    assert "this kernel did not: the CPU came online" in finding.register.fields[0].words
    assert explanation.problems == ()


def test_an_older_kernel_is_not_said_to_refuse_all_cpus_for_their_range() -> None:
    line = CHECK.format("ID_AA64MMFR0_EL1", 0x101125, 4, 0x101122)
    told = {
        version: severe(*FINAL, line, head=[HEAD[0], f"Linux version {version} (gcc)"])
        for version in ("6.6.30", "6.12.1")
    }
    assert not [one for one in told["6.6.30"] if "IPA range mismatch" in one]
    assert [one for one in told["6.12.1"] if "IPA range mismatch" in one]


def test_a_log_that_begins_late_may_lack_the_lines_of_earlier_cpus() -> None:
    line = CHECK.format("ID_AA64ISAR0_EL1", 0x20, 3, 0x10)
    sentence = "that no CPU changed the system's value before: the log begins too late to show it"
    for head, is_inferred in (([], True), (HEAD, False)):
        finding = of_entry(explained(*FINAL, line, head=head), feature_entries.SANITY_LATE)
        assert (sentence in finding.inferred) is is_inferred


def test_a_line_with_equal_values_is_not_decoded() -> None:
    for register in ("ID_AA64PFR0_EL1", "CNTFRQ_EL0", "ACME_EL1"):
        explanation = explained(
            CHECK.format(register, PFR0, 1, PFR0), "CPU features: Unsupported CPU feature variation detected."
        )
        finding = of_entry(explanation, feature_entries.SANITY_EQUAL)
        assert finding.happened == f"the two values of {register} are equal, of which no kernel prints this line"
        assert finding.register is not None
        assert not finding.register.fields
        assert not finding.inferred
        assert len(finding.lines) == 2
        assert names(explanation) == [feature_entries.SANITY_EQUAL.name]


def test_a_register_that_no_table_has_is_a_finding_of_its_own() -> None:
    finding = of_entry(explained(CHECK.format("ACME_EL1", 1, 2, 0)), feature_entries.SANITY_UNKNOWN)
    assert finding.happened == "ACME_EL1 differs from the boot CPU's, and what the system loses by it is not known"


@pytest.mark.parametrize(
    ("version", "tables"), [("6.8.12", "6.1 and 6.12"), ("6.14.2", "6.12 and 6.16"), ("7.0.5", "6.18 and 7.3")]
)
def test_a_kernel_between_two_tables_is_said_to_be_decoded_by_both(version: str, tables: str) -> None:
    line = CHECK.format("ID_AA64PFR0_EL1", PFR0, 1, WITHOUT_SVE)
    head = [HEAD[0], f"Linux version {version} (gcc)"]
    finding = of_entry(explained(line, head=head), feature_entries.SANITY_LOSS)
    assert f"the tables of Linux {tables}, which agree here, stand for that of this kernel" in finding.inferred[0]


def test_a_kernel_between_two_tables_that_differ_is_not_said_to_lose_anything() -> None:
    line = CHECK.format("ID_AA64MMFR1_EL1", 1 << 40, 1, 0)  # HCX, which 6.1 does not list
    finding = of_entry(explained(line, head=[HEAD[0], "Linux version 6.8.12 (gcc)"]), TAINT_INFERRED)
    assert finding.happened.endswith("and Linux 6.1 would lose nothing by it")
    assert finding.inferred[0].endswith("as Linux 6.12 has it")
