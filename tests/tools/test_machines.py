"""Scenarios of real machines print the lines of their public logs, and docs/machines.md says how far."""

import pytest

from tools.machines import LOGS, ROOT, Comparison, comparisons, page_text

MACHINES = comparisons()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_boot_prints_no_line_that_the_machine_s_log_lacks(machine: Comparison) -> None:
    assert machine.differing[1] == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_a_boot_prints_every_line_of_the_log_unless_an_input_is_unknown(machine: Comparison) -> None:
    assert bool(machine.differing[0]) is bool(machine.log.mend)


def test_the_page_says_what_the_comparison_found() -> None:
    page = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
    assert page == page_text(), "make machines writes it"


def test_every_log_is_of_a_scenario_that_ships() -> None:
    assert len(MACHINES) == len(list(LOGS.glob("*.toml"))) >= 15
    assert all(machine.logged and machine.scenario.has_all_features for machine in MACHINES)
