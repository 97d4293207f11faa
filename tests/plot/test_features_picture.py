"""Pictures of CPU features: the states of fields, and what can be drawn of any machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.feature_rows import FieldRow, field_rows
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.shipped_scenarios import shipped
from sim.plot.features_picture import FeatureCell, feature_cell, plot_features
from sim.scenario import Scenario
from tests.command_line import Asymboot
from tests.plot.tidy import assert_tidy, boxes

UNLIKE = [file for file in shipped() if field_rows(boot(read_scenario(file)).facts)]


def of_kinds(kinds: int) -> Scenario:
    """Return a scenario of two CPUs of each kind, which differ in breakpoints and watchpoints."""
    features = (f"{{ BRPs = {number % 15 + 1}, WRPs = {number // 15 + 1} }}" for number in range(kinds))
    clusters = (f'{{ core = "arm,cortex-a76", count = 2, features = {one} }}' for one in features)
    return scenario_from_text(
        f'schema_version = 1\nname = "{kinds} kinds"\n[kernel]\nseries = "6.12"\n'
        f"[topology]\nclusters = [{', '.join(clusters)}]\n",
        "kinds.toml",
    )


@pytest.mark.parametrize("file", UNLIKE, ids=lambda file: file.stem)
def test_every_shipped_machine_whose_cpus_differ_can_be_drawn(file: Path) -> None:
    assert_tidy(plot_features(boot(read_scenario(file))))


@pytest.mark.parametrize("kinds", [2, 8, 32, 128])
def test_texts_can_be_read_whatever_the_number_of_kinds(kinds: int) -> None:
    made = plot_features(boot(of_kinds(kinds)))
    assert_tidy(made)
    told = " ".join(text for text, _ in boxes(made))
    assert (f"12 of {kinds} kinds of CPU are shown" in told) is (kinds > 12)


def test_a_cell_says_what_the_system_makes_of_a_value() -> None:
    by_name = {(row.register, row.field): row for row in field_rows(boot(read_scenario("rk3588")).facts)}
    csv2, l1ip = by_name["ID_AA64PFR0_EL1", "CSV2"], by_name["CTR_EL0", "L1Ip"]
    assert [feature_cell(csv2, cpu) for cpu in (0, 4)] == [FeatureCell.USED, FeatureCell.UNUSED]
    assert [feature_cell(l1ip, cpu) for cpu in (0, 4)] == [FeatureCell.USED, FeatureCell.OTHER]
    unlisted = FieldRow(
        "ID_AA64DFR0_EL1", "TraceVer", "7:4", (0, 1), (), (), None, "unlisted", True, False, (), False, ()
    )
    assert feature_cell(unlisted, 1) is FeatureCell.UNLISTED


def test_heads_have_the_names_of_cpus_beside_their_numbers() -> None:
    scenario = read_scenario("rk3588")
    picture = plot_features(boot(replace(scenario, topology=replace(scenario.topology, boot_cpu="cpu4"))))
    assert_tidy(picture)
    assert {"cpu0,5-7\n(cpu4 to cpu7)\ncortex-a76", "cpu1-4\n(cpu0 to cpu3)\ncortex-a55"} <= {
        text for text, _ in boxes(picture)
    }


def test_what_the_kernel_logs_is_marked() -> None:
    told = [text for text, _ in boxes(plot_features(boot(of_kinds(2))))]
    assert "ID_AA64DFR0_EL1.BRPs" in told
    assert "lower safe, logged" in told


def test_logging_is_explained_where_a_field_is_logged_alone() -> None:
    for name, is_logged in (("big-little", False), ("zeroed-blocks-differ", True)):
        told = " ".join(text for text, _ in boxes(plot_features(boot(read_scenario(name)))))
        assert ("Logged: a difference" in told, ", logged" in told) == (is_logged, is_logged)


@pytest.mark.parametrize(
    ("scenario", "why"),
    [("bug", "features are modelled where every CPU has a core"), ("imx8mm", "all CPUs have the same ID registers")],
)
def test_nothing_to_draw_is_an_error(scenario: str, why: str, asymboot: Asymboot, tmp_path: Path) -> None:
    result = asymboot("plot", "features", scenario, "-o", tmp_path / "features.png")
    assert result.exit_code == 2
    assert why in result.stderr
    assert not (tmp_path / "features.png").exists()


def test_a_kernel_that_never_starts_has_no_picture_of_features() -> None:
    text = "[topology]\ncpus = [{ core = 'arm,cortex-a53' }, { core = 'arm,cortex-a76' }]\n[kernel]\nseries = '6.12'\n"
    with pytest.raises(
        InputError, match="the kernel stopped before it read the boot CPU's ID registers: nothing to draw"
    ):
        plot_features(boot(scenario_from_text(text + "page_bytes = 16384")))


def test_lengths_alone_have_no_picture_of_features() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        plot_features(boot(read_scenario("bug")))


def test_registers_of_32_bit_code_are_not_there_without_it() -> None:
    outcome = boot(
        scenario_from_text(
            "[topology]\n"
            "cpus = [{ core = 'arm,cortex-a55' }, { core = 'arm,cortex-a76', features = { AArch32_EL0 = false } }]\n"
            "[kernel]\nseries = '6.12'\n"
        )
    )
    rows = [row for row in field_rows(outcome.facts, only_differing=False) if row.register == "ID_PFR1_EL1"]
    assert {(row.values[1], row.lacked_by, row.differs) for row in rows} == {(None, (1,), False)}
    assert feature_cell(rows[0], 1) is FeatureCell.LACKED
    assert all(row.sanitised == row.values[0] for row in rows)


def test_unknown_values_are_marked() -> None:
    outcome = boot(
        scenario_from_text(
            "[topology]\n"
            "cpus = [{ core = 'arm,cortex-a76' }, { core = 'arm,cortex-a57' }, { core = 'arm,cortex-x3' }]\n"
            "[kernel]\nseries = '6.12'\nel2 = false\n"
        )
    )
    row = next(row for row in field_rows(outcome.facts) if row.field == "ATOMIC")
    assert (row.values, row.sanitised) == ((2, 0, None), 0)
    assert feature_cell(row, 2) is FeatureCell.UNKNOWN
    open_row = FieldRow(
        "ID_AA64ISAR0_EL1", "DP", "47:44", (1, 2, None), (), (), None, "LOWER_SAFE", True, True, (), False, ()
    )
    assert feature_cell(open_row, 0) is FeatureCell.OPEN
    made = plot_features(outcome)
    assert_tidy(made)
    assert "?" in {text for text, _ in boxes(made)}
