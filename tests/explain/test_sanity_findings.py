"""SANITY CHECK lines as findings: the entry that fits what is lost, and what lines share."""

import pytest

from sim.explain import feature_entries
from sim.explain.log_entries import LogEntry
from tests.explain.logs import FINAL, explained, names, of_entry

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
