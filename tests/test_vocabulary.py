"""One spelling for each hazard, setting and design choice: in Python, frames, JSON, files and options."""

import dataclasses
from pathlib import Path

import msgspec
import pytest

from sim.boot_run import boot
from sim.designs import Design
from sim.explore.exploration import explore_orders
from sim.explore.exploration_record import FoundRow, exploration_record
from sim.files.scenario_file import read_scenario
from sim.files.scenario_tables import HAZARDS, DesignTable, KernelTable, PkvmTable
from sim.files.space_tables import SpaceTable
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.outcome_rows import ScenarioRow
from sim.scenario import Scenario
from sim.study.comparison import compare
from sim.study.comparison_rows import DesignColumns
from sim.study.outcome_difference import difference
from sim.study.system_space import Setting, Space
from sim.sweep.sweep_rows import schema
from sim.sweep.sweep_run import run_sweep
from sim.titles import title
from sim.topology import Topology
from tests.command_line import Asymboot
from tests.systems import group_of

NAMES = [kind.value for kind in HazardKind]
TITLES = {kind.title for kind in HazardKind}
SETTINGS = {"design", "relay", "kvm_mode", "memory"}
CHOICES = {"buffer_sized_by", "zcr_el2", "ffr_pointer", "late_cpu", "late_store"}


@pytest.fixture(scope="module")
def bug() -> Outcome:
    return boot(read_scenario("bug"))


def columns(row: type[msgspec.Struct]) -> set[str]:
    return {one.name for one in msgspec.structs.fields(row)}


def texts(value: object) -> set[str]:
    """Return every text in plain values, but not the sentences and titles for people, by their keys."""
    if isinstance(value, dict):
        return set().union(*(texts(one) for key, one in value.items() if key not in {"title", "sentence"}), value)
    if isinstance(value, list | tuple):
        return set().union(*map(texts, value))
    return {value} if isinstance(value, str) else set()


# Hazards


def test_a_hazards_name_is_its_members_name() -> None:
    assert [kind.name.lower() for kind in HazardKind] == NAMES == HAZARDS
    assert TITLES.isdisjoint(NAMES)


def test_boots_and_comparisons_spell_hazards_by_name(bug: Outcome) -> None:
    assert bug.hazards["hazard"].tolist() == [one.kind.value for one in bug.found]
    assert bug.hazards["title"].tolist() == [one.kind.title for one in bug.found]
    assert len(bug.found) > 0
    assert [one["hazard"] for one in bug.to_dict()["hazards"]] == bug.hazards["hazard"].tolist()
    comparison = compare(bug.scenario)
    assert set(NAMES) < set(comparison.designs.columns)
    for record in (bug.to_dict(), msgspec.to_builtins(comparison.record())):
        assert texts(record).isdisjoint(TITLES)


def test_explorations_spell_hazards_by_name() -> None:
    scenario = read_scenario("bug")
    record = exploration_record(scenario, explore_orders(scenario))
    found = [one.what for one in record.found]
    assert found
    assert set(found) <= {*NAMES, "deadlock"}
    assert "name of the hazard" in str(msgspec.json.schema(FoundRow))


def test_proofs_spell_hazards_by_name() -> None:
    pytest.importorskip("z3", reason="Z3 is not installed: proofs are not tested")
    from sim.prove.finding import proof_row
    from sim.prove.proof import prove_property
    from sim.prove.properties import PROPERTIES
    from sim.prove.question import Question

    question = Question(early=2, late=0, up_to_bits=256, kernel="6.12")
    setting = Space((group_of("a", (1,)),)).settings[0]
    row = proof_row(question, prove_property(question, setting, PROPERTIES["restored"]), frozenset(HazardKind))
    assert set(row.hazards) == set(NAMES)


def test_sweeps_spell_hazards_by_name(tmp_path: Path) -> None:
    space = Space((group_of("a", (1, 3)), group_of("b", (1, 3, 11), late=True)), kernel="6.12")
    summary = run_sweep(space, tmp_path / "out", jobs=1)
    named = set(schema(summary.plan).names)
    assert named.isdisjoint(TITLES)
    found = summary.hazards["hazard"].tolist()
    assert found
    assert set(found) <= set(NAMES) & named


# Settings and choices of a design


def test_settings_are_spelt_alike_everywhere() -> None:
    scenario = Scenario(Topology.of([[128]]))
    assert {one.name for one in dataclasses.fields(Setting)} == SETTINGS
    assert set(Space((group_of("a", (1,)),)).settings[0].row()) == SETTINGS
    assert {one.name for one in dataclasses.fields(scenario)} >= SETTINGS
    assert columns(ScenarioRow) >= SETTINGS
    assert columns(DesignColumns) >= SETTINGS - {"kvm_mode"}
    assert columns(KernelTable) | columns(PkvmTable) | {"design"} >= SETTINGS
    plurals = {"designs", "relays", "kvm_modes", "memories"}
    assert columns(SpaceTable) >= plurals <= {one.name for one in dataclasses.fields(Space)}


def test_choices_of_a_design_are_spelt_alike_everywhere() -> None:
    proof_rows = pytest.importorskip("sim.prove.proof_rows")
    assert {one.name for one in dataclasses.fields(Design)} >= CHOICES
    assert columns(DesignTable) == CHOICES | {"base", "name"}
    assert columns(proof_rows.PromiseRow) >= CHOICES


def test_no_column_is_a_title() -> None:
    pages = Path(__file__).parents[1] / "docs" / "outcome.md"
    assert not {line.split("`")[1] for line in pages.read_text("utf-8").splitlines() if line.startswith("| `")} & TITLES


# Titles for people


def test_a_quantity_has_one_title_in_run_compare_and_diff(asymboot: Asymboot) -> None:
    legend = f"{title('host_max_vl_bytes')}: the largest VL that the host can select at the end"
    for command in ("run", "compare"):
        assert legend in asymboot(command, "bug").stdout.splitlines()
    differing = asymboot("diff", "bug", "--kernel", "6.12").stdout
    rows = ["cpu1  ZCR_EL2 allows, bytes  64  32", "cpu1  a save would need, bytes  2200   1108"]
    assert [line.rstrip() for line in differing.splitlines() if line.rstrip() in rows] == rows


def test_diff_shows_titles_and_its_json_names(bug: Outcome, asymboot: Asymboot) -> None:
    changed = ("diff", "bug", "--kernel", "6.18", "--kvm-mode", "none")
    named = {row.column for row in difference(bug, bug.scenario.but(kernel="6.18", kvm_mode="none")).value_rows}
    assert {"kvm_mode", "command_line"} < named
    renamed = {one for one in named if title(one) != one}
    shown = asymboot(*changed).stdout.partition("Settings")[2]
    assert {one for one in renamed if one in shown.split()} == set()
    assert all(title(one) in shown for one in named)
    assert all(f'"{one}"' in asymboot(*changed, "--json").stdout for one in named)


def test_a_heading_that_is_wider_than_its_cells_takes_two_lines(asymboot: Asymboot) -> None:
    lines = asymboot("run", "bug").stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("CPU  role"))
    assert lines[place - 1].split() == ["ZCR_EL2"]
    assert lines[place].split()[-2:] == ["allows,", "bytes"]
