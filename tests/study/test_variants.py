"""Variants of a scenario and their comparison: boot CPU, early CPUs, kernel."""

from dataclasses import replace

import pytest

from sim.errors import InputError
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.scenario import Action, Do, Scenario
from sim.study.variant_comparison import compare_variants
from sim.study.variants import Axis, variants
from sim.topology import Topology, cpu
from tests.systems import A64FX, V1

BIG_LITTLE = """
[topology]
clusters = [
    { core = "arm,cortex-a55", count = 2 },
    { core = "arm,cortex-a76", count = 2, features = { AArch32_EL0 = false } },
]
[kernel]
series = "6.12"
"""


def big_little() -> Scenario:
    return scenario_from_text(BIG_LITTLE)


def test_each_kind_of_cpu_may_boot() -> None:
    found = list(variants(big_little(), [Axis.BOOT_CPU]))
    assert [one.labels for one in found] == [
        ((Axis.BOOT_CPU, "arm,cortex-a55 cpu0"),),
        ((Axis.BOOT_CPU, "arm,cortex-a76 cpu0 (cpu2)"),),
    ]
    assert [one.scenario.topology.boot_cpu for one in found] == ["cpu0", "cpu2"]


def test_the_boot_cpu_of_the_file_stands_for_its_kind() -> None:
    own = big_little()
    own = own.but(topology=replace(own.topology, boot_cpu="cpu3"))
    found = list(variants(own, [Axis.BOOT_CPU]))
    assert [one.scenario.topology.boot_cpu for one in found] == ["cpu0", "cpu3"]
    assert found[1].scenario == own


def test_labels_are_the_numbers_and_names_of_the_variants_own_boot() -> None:
    cpus = (*(cpu(name, [128]) for name in ("m0", "m1")), *(cpu(name, [128, 256]) for name in ("m2", "m3")))
    scenario = Scenario(Topology(cpus, boot_cpu="m2"))
    told = [tuple(words for _, words in one.labels) for one in variants(scenario, [Axis.BOOT_CPU, Axis.EARLY])]
    assert told == [
        ("cpu0 (m0)", "all"),
        ("cpu0 (m0)", "all but cpu1 (m1)"),
        ("cpu0 (m0)", "all but cpu2-3 (m2 to m3)"),
        ("cpu0 (m0)", "the boot CPU alone"),
        ("cpu0 (m2)", "all"),
        ("cpu0 (m2)", "all but cpu1-2 (m0 to m1)"),
        ("cpu0 (m2)", "all but cpu3 (m3)"),
        ("cpu0 (m2)", "the boot CPU alone"),
    ]


def test_cpus_that_maxcpus_leaves_out_because_another_boots_are_brought_up() -> None:
    cpus = ", ".join(f"{{ core = 'arm,cortex-{core}' }}" for core in ("a76", "a55", "a53"))
    text = f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '7.3'\n"
    online = "[[actions]]\ndo = 'online'\ncpu = 'cpu{}'\n"

    def brought_up(maxcpus: int, *given: int) -> list[list[str | None]]:
        scenario = scenario_from_text(f"{text}maxcpus = {maxcpus}\n{''.join(map(online.format, given))}")
        found = variants(scenario, [Axis.BOOT_CPU])
        return [[action.cpu for action in one.scenario.actions] for one in found]

    assert brought_up(1, 1, 2) == [["cpu1", "cpu2"], ["cpu0", "cpu1", "cpu2"], ["cpu0", "cpu1", "cpu2"]]
    # cpu2, which no action of the file brings up, stays out.
    assert brought_up(2) == [[], [], ["cpu1"]]


def test_each_kind_may_come_late_and_every_late_cpu_is_brought_up() -> None:
    found = list(variants(big_little(), [Axis.EARLY]))
    late = [[cpu.name for cpu in one.scenario.topology.cpus if cpu.late] for one in found]
    assert late == [[], ["cpu1"], ["cpu2", "cpu3"], ["cpu1", "cpu2", "cpu3"]]
    assert [[action.cpu for action in one.scenario.actions] for one in found] == late


def test_every_set_of_few_kinds_may_come_late_and_each_of_many_alone() -> None:
    def late_sets(cores: list[str]) -> list[list[int]]:
        cpus = ", ".join(f"{{ core = 'arm,{core}' }}" for core in cores)
        scenario = scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'")
        found = variants(scenario, [Axis.EARLY])
        return [[number for number, cpu in enumerate(one.scenario.topology.cpus) if cpu.late] for one in found]

    three = ["cortex-a53", "cortex-a55", "cortex-a76", "cortex-a77"]
    assert late_sets(three) == [[], [1], [2], [3], [1, 2], [1, 3], [2, 3], [1, 2, 3]]
    five = [*three, "cortex-a72", "cortex-a73"]
    assert late_sets(five) == [[], [1], [2], [3], [4], [5], [1, 2, 3, 4, 5]]


def test_axes_make_a_matrix_and_the_boot_cpu_is_chosen_first() -> None:
    found = list(variants(big_little(), [Axis.KERNEL, Axis.EARLY, Axis.BOOT_CPU]))
    assert len(found) == 2 * 4 * 12
    assert [axis for axis, _ in found[0].labels] == [Axis.BOOT_CPU, Axis.EARLY, Axis.KERNEL]


def test_the_platform_team_sees_what_each_choice_costs() -> None:
    rows = compare_variants(big_little(), ["boot_cpu", "early"]).rows
    assert [(row.online, row.refused_cpus) for row in rows] == [
        (4, 0), (4, 0), (2, 2), (2, 2), (4, 0), (2, 2), (4, 0), (2, 2),
    ]  # fmt: skip
    assert rows[2].refused == ("cpu2-3: 32-bit programs: lacks what the system has",)
    (reason,) = rows[5].refused
    assert "1530923: has what the system was set up without" in reason
    assert rows[0].capabilities_lost == ("32-bit EL0 Support", "32-bit EL1 Support")
    assert rows[2].capabilities_lost == ()


def test_a_variant_is_compared_with_the_last_above_that_differs_in_one_axis() -> None:
    rows = compare_variants(read_scenario("bug"), ["kernel", "memory"]).rows
    assert [row.compared_with for row in rows[:9]] == [None, 1, 2, 1, 4, 5, 4, 7, 8]
    by_setting = {(row.kernel, row.memory): row for row in rows}
    # Only the memory differs from the variant just above, whose hazards another kernel does not have.
    assert by_setting["6.11", "isolated"].differs_first is not None
    assert by_setting["6.11", "adjacent"].differs_first is None
    assert "a has a hazard" in (by_setting["6.12", "adjacent"].differs_first or "")


def test_other_boot_cpus_and_early_cpus_say_what_differs_first() -> None:
    (_, other) = compare_variants(read_scenario("boot-cpu-smaller"), ["boot_cpu"]).rows
    assert other.differs_first is not None
    # In the other variant the save of cpu0 stops the hypervisor, later.
    apart, _, first = other.differs_first.partition(", ")
    assert apart == "apart from the lines that introduce CPUs"
    assert first.startswith("a has a hazard: cpu1's save at 256 bits starts 544 bytes before its registers")
    (_, late) = compare_variants(read_scenario("bug"), ["early"]).rows
    assert (late.compared_with, late.differs_first is None) == (1, False)


def test_kernels_are_compared_by_what_they_make_of_the_machine() -> None:
    rows = compare_variants(big_little(), ["kernel"]).rows
    by_kernel = {row.kernel: row for row in rows}
    assert (
        by_kernel["7.3"].capabilities_lost == ("32-bit EL1 Support",) or "XNX" not in by_kernel["7.3"].capabilities_lost
    )
    assert "XNX" in by_kernel["6.12"].capabilities_lost
    assert not any("GIC" in name for row in rows for name in row.capabilities_lost)


def test_a_panic_has_no_cpu_online() -> None:
    scenario = scenario_from_text(BIG_LITTLE.replace("features = {", "gic = 2, features = {"))
    (row, *_) = compare_variants(scenario, ["early"]).rows
    assert row.online == 0
    assert row.panic is not None
    assert "GIC" in row.panic


def actions_by_early(*actions: Action) -> dict[str, list[str]]:
    """Return the actions of each variant along the axis of early CPUs, on three kinds of CPU, with agents."""
    scenario = Scenario(Topology.of([[128], [128, 256], [128, 256, 512]]), actions=actions)
    found = variants(scenario, [Axis.EARLY])
    return {one.labels[0][1]: [f"{action.agent}: {action.words}" for action in one.scenario.actions] for one in found}


def test_actions_stay_after_the_late_cpus_are_brought_up() -> None:
    found = actions_by_early(Action(Do.GUEST, "cpu1"), Action(Do.GUEST, "cpu1", agent="vmm"))
    guests = ["user space: guest cpu1", "vmm: guest cpu1"]
    assert found["all"] == guests
    assert found["all but cpu2"] == ["user space: online cpu2", *guests]
    assert found["all but cpu1"] == ["user space: online cpu1", guests[0], "vmm: online cpu1", guests[1]]


def test_a_cpu_that_the_file_brings_up_is_brought_up_as_the_file_does() -> None:
    own = [Action(Do.AWAIT, "cpu1", agent="vmm"), Action(Do.ONLINE, "cpu1", at_ns=5), Action(Do.SUSPEND)]
    found = actions_by_early(*own)
    told = ["vmm: await cpu1", "user space: online cpu1", "user space: suspend"]
    assert found["all"] == found["all but cpu1"] == told
    assert found["the boot CPU alone"] == ["user space: online cpu2", *told]


def test_another_axis_does_not_take_a_hazard_away() -> None:
    bug = read_scenario("bug")
    rows = compare_variants(bug, ["early", "memory"]).rows
    assert [row.hazards for row in rows if row.early == "all"] == [
        row.hazards for row in compare_variants(bug, ["memory"]).rows
    ]
    assert all(row.hazards for row in rows if row.early == "all")
    late = compare_variants(bug.but(relay="relaxed"), ["early"]).rows[-1]
    assert "out_of_bounds_write" in late.hazard_kinds


def test_lengths_alone_are_compared_too() -> None:
    rows = compare_variants(Scenario(Topology.of([V1, A64FX])), ["boot_cpu", "early"]).rows
    assert {row.taint for row in rows} == {None}
    assert [row.refused_cpus for row in rows] == [0, 0, 0, 1]


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="'moon'"):
        compare_variants(big_little(), ["moon"])


def test_a_cpu_that_the_relay_does_not_start_is_refused() -> None:
    enforcing, relaxed = compare_variants(read_scenario("phone"), ["relay"]).rows
    assert (enforcing.online, enforcing.refused_cpus, relaxed.online, relaxed.refused_cpus) == (7, 1, 8, 0)
    assert enforcing.refused == ("cpu7 (prime): pKVM's relay does not start a CPU that was not online at KVM's init",)


@pytest.mark.parametrize(
    ("name", "line"),
    [("big-little", "CPU features: detected: Hardware dirty bit"), ("phone", "smp: Brought up 1 node, 7 CPUs")],
)
def test_lines_that_introduce_a_cpu_are_not_what_differs_first_with_another_boot_cpu(name: str, line: str) -> None:
    (*_, other) = compare_variants(read_scenario(name), ["boot_cpu"]).rows
    assert line in (other.differs_first or "")


def test_axes_may_be_a_single_one_and_none_of_them_twice() -> None:
    bug = read_scenario("bug")
    rows = compare_variants(bug, ["relay"]).rows
    assert compare_variants(bug, "relay").rows == compare_variants(bug, Axis.RELAY).rows == rows
    with pytest.raises(InputError, match="axes names kernel twice: each axis is named once"):
        compare_variants(bug, ["kernel", Axis.KERNEL])
