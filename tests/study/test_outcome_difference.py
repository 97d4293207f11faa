"""The difference between two boots: what differs first, and what does not count."""

from dataclasses import replace

import msgspec
import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import shipped
from sim.scenario import Action, Do, Scenario
from sim.schemas import schema_text
from sim.study.outcome_difference import difference
from sim.study.variant_comparison import compare_variants
from sim.study.variants import Axis
from sim.topology import Topology
from tests.systems import A64FX, V1, on, under_pkvm

FILES = {file.stem: file for file in shipped()}


def scenario(name: str) -> Scenario:
    return read_scenario(FILES[name])


def test_a_boot_does_not_differ_from_itself() -> None:
    for name in ("bug", "big-little", "late-cpu-refused"):
        found = difference(scenario(name), boot(scenario(name)))
        assert not found
        assert found.first is None


def test_settings_alone_are_no_difference_of_boots() -> None:
    found = difference(scenario("grace"), scenario("grace").but(name="other"))
    assert [(row.table, row.column) for row in found.value_rows] == [("settings", "name")]
    assert found.first is None


def test_the_fix_takes_every_hazard_away() -> None:
    found = difference(scenario("bug"), scenario("bug").but(kernel="6.12"))
    assert {row.side for row in found.hazard_rows} == {"a"}
    assert found.hazard_rows[0].hazard == "out_of_bounds_write"
    assert found.log_rows == []  # the bug is silent
    assert found.first is not None
    assert found.first.startswith("a has a hazard: cpu1's save at 512 bits starts 1088 bytes before")
    values = {(row.table, row.of, row.column): (row.a, row.b) for row in found.value_rows}
    assert values["settings", "", "design"] == ("v6.11", "constrain-v2")
    assert values["buffers", "cpu1", "save_bytes"] == (2200, 1108)


def test_the_first_line_that_differs_comes_first_and_the_banner_does_not_count() -> None:
    found = difference(scenario("late-cpu-refused"), scenario("late-cpu-refused").but(kernel="6.12"))
    assert not any("Linux version" in row.text for row in found.log_rows)
    late = difference(under_pkvm(V1, A64FX, maxcpus=1, actions=(on(1),)).scenario, under_pkvm(V1, A64FX).scenario)
    assert late.first == "the log of a has [    0.000100] smp: Brought up 1 node, 1 CPU"


def test_lines_that_introduce_cpus_do_not_count_and_are_said_not_to() -> None:
    bug = scenario("bug").but(actions=())
    three, two = Topology.of([[128], [128, 256], [128]]), Topology.of([[128], [128, 256]])
    found = difference(bug.but(topology=three), bug.but(topology=replace(two, boot_cpu="cpu1")))
    assert found.log_rows[0].text.startswith("Booting Linux on physical CPU ")
    assert (found.first or "").startswith("apart from the lines that introduce CPUs, the log of a has [")
    alike = Topology.of([[128], [128]])
    alone = difference(bug.but(topology=alike), bug.but(topology=replace(alike, boot_cpu="cpu1")))
    assert alone.first is None
    assert alone.has_introductions


def test_lines_that_repeat_a_setting_are_said_to_be_left_out() -> None:
    assert difference(scenario("bug"), scenario("bug").but(kernel="6.18")).has_lines_left_out
    assert difference(scenario("bug"), scenario("bug").but(kvm_mode="nvhe")).has_lines_left_out
    assert not difference(scenario("bug"), scenario("bug").but(relay="relaxed")).has_lines_left_out


def test_a_line_that_both_logs_have_differs_in_its_place_alone() -> None:
    found = difference(scenario("bug").but(kernel="6.1", actions=()), scenario("bug").but(kernel="6.10", actions=()))
    moved = [row for row in found.log_rows if row.moved]
    assert {row.text for row in moved} == {"CPU: All CPU(s) started at EL2"}
    assert found.first == "the log of a has [    0.030720] kvm [1]: Protected nVHE mode initialized successfully"
    without_kvm = scenario("bug").but(kvm_mode="none", actions=())
    order = difference(without_kvm.but(kernel="6.1"), without_kvm.but(kernel="6.10"))
    assert order.first == "a line comes earlier in the log of b: [    0.000420] CPU: All CPU(s) started at EL2"


def test_the_first_difference_is_one_and_the_worst_hazard_beside_it_another() -> None:
    found = difference(scenario("bug"), scenario("bug").but(kernel="6.1"))
    assert found.first == "the log of a has [    0.030720] kvm [1]: Protected hVHE mode initialized successfully"
    assert (found.worst_hazard or "").startswith("a: cpu1's save at 512 bits starts 1088 bytes before")
    fixed = difference(scenario("bug"), scenario("bug").but(kernel="6.12"))
    assert (fixed.first or "").startswith("a has a hazard: cpu1's save at 512 bits starts 1088 bytes before")
    assert fixed.worst_hazard is None


def test_axes_along_which_nothing_differs_are_without_effect() -> None:
    found = compare_variants(scenario("bug"), ["relay", "memory"])
    assert found.without_effect == (Axis.RELAY,)
    assert found.record().without_effect == ["relay"]
    assert compare_variants(scenario("late-cpu-behind-the-relay"), ["relay"]).without_effect == ()
    # Of a single CPU there is one variant, which nothing is compared with.
    alone = Scenario(Topology.of([[128]]), kernel="6.12")
    assert compare_variants(alone, ["boot_cpu"]).without_effect == ()


def test_a_hazard_that_comes_before_every_line_is_first() -> None:
    bug = scenario("bug")
    late = difference(bug.but(actions=(*bug.actions, Action(Do.OFFLINE, "cpu1"))), bug.but(kernel="6.12"))
    assert [row.text for row in late.log_rows] == ["psci: CPU1 killed (polled 0 ms)"]
    assert late.first is not None
    assert late.first.startswith("a has a hazard: cpu1's save at 512 bits starts 1088 bytes before")


def test_rows_that_one_boot_has_none_of_are_counted() -> None:
    found = difference(scenario("bug"), scenario("bug").but(kvm_mode="nvhe"))
    assert [(row.column, row.a, row.b) for row in found.value_rows if row.table == "buffers"] == [("rows", 2, 0)]


def test_features_that_one_boot_has_are_told() -> None:
    found = difference(scenario("one-cpu-without-crc32"), scenario("big-little"))
    assert "crc32" in {row.column for row in found.value_rows if row.table == "hwcaps"}
    assert "CRC32 instructions" in {row.of for row in found.value_rows if row.table == "capabilities"}


def test_the_record_has_everything_and_a_schema() -> None:
    found = difference(scenario("bug"), scenario("bug").but(kernel="6.12"))
    record = msgspec.json.decode(msgspec.json.encode(found.record()))
    assert record["first"] == found.first
    assert set(record) == {"schema_version", "first", "worst_hazard", "values", "log", "hazards"}
    assert '"first"' in schema_text("difference")


def test_variants_say_what_differs_first_along_an_axis() -> None:
    rows = compare_variants(scenario("bug"), ["kernel"]).rows
    by_kernel = {row.kernel: row for row in rows}
    assert by_kernel["6.11"].hazards == by_kernel["6.10"].hazards == 4
    assert by_kernel["6.11"].differs_first is None
    assert "a has a hazard" in (by_kernel["6.12"].differs_first or "")
    assert by_kernel["6.16"].differs_first is None


def test_every_setting_is_an_axis() -> None:
    rows = compare_variants(scenario("bug"), ["relay", "memory", "design", "kvm_mode"]).rows
    assert len(rows) == 4 * 8 * 2 * 3
    assert {(row.kvm_mode, row.design, row.relay, row.memory) for row in rows} >= {
        ("nvhe", "tabba", "relaxed", "mapped")
    }
    kinds = {kind for row in rows for kind in row.hazard_kinds}
    assert {"out_of_bounds_write", "hypervisor_panic"} <= kinds


@pytest.mark.parametrize("axes", [[], ["speed"]])
def test_axes_are_known(axes: list[str]) -> None:
    with pytest.raises(InputError, match="boot_cpu, early, kernel, kvm_mode, design, relay, memory"):
        compare_variants(scenario("bug"), axes)
