"""Tests of how objects are shown: by repr, in notebooks, and as frames."""

import json
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import msgspec
import pandas as pd
import pytest

import sim
from sim.boot_run import boot
from sim.causes.critical_path import critical_path
from sim.designs import DESIGNS
from sim.environment import Step, StepKind
from sim.errors import InputError
from sim.explore.exploration import Explored, explore_orders
from sim.explore.findings import Deadlock, Found
from sim.explore.random_orders import Sampled, sample_orders
from sim.frames import dtypes, frame
from sim.hazard_kinds import HazardKind
from sim.kernel.fpsimd import VlInfo
from sim.latencies import Distribution, Latencies, fixed
from sim.outcome import Outcome
from sim.outcome_rows import ActionRow, BufferRow, CpuRow, EventRow, HazardRow, LogRow, SaveRow
from sim.plot.topology_picture import plot_topology
from sim.prove.properties import PROPERTIES
from sim.rows import SCHEMA_VERSION, Row
from sim.scenario import Fault, KvmMode, MemoryLayout, Relay, Scenario
from sim.study.comparison import compare
from sim.study.outcome_difference import difference
from sim.study.system_space import Setting, Space, legal_vqs
from sim.study.variant_comparison import compare_variants
from sim.sweep.sweep_run import run_sweep
from sim.sweep.sweep_summary import Summary
from sim.topology import Firmware, Topology, cpu
from sim.vectors import VectorType
from tests.command_line import Asymboot
from tests.systems import A64FX, N2, V1, booted, group_of, guest, on, under_pkvm, wait_for

FRAMES: dict[str, type[Row]] = {
    "log": LogRow,
    "events": EventRow,
    "cpus": CpuRow,
    "buffers": BufferRow,
    "saves": SaveRow,
    "actions": ActionRow,
    "hazards": HazardRow,
}
MARKUP = "<script>alert(1)"


@pytest.fixture(scope="module")
def bug() -> Outcome:
    return under_pkvm(V1, A64FX, kernel="6.11", name="bug", actions=(guest(1),))


def test_reprs_describe_their_objects(bug: Outcome) -> None:
    assert repr(cpu("big", V1, late=True, clusters=("a", "b"))) == (
        "<Cpu 'big' in a/b: SVE bits {128,256}, SME bits none, late>"
    )
    assert repr(Topology.of([V1, V1, A64FX, None])) == (
        "<Topology of 4 CPUs: SVE bits of 2 with {128,256}, 1 with {128,256,512}, 1 with none>"
    )
    assert repr(bug.scenario) == (
        "<Scenario 'bug': CPUs 2, kernel 6.11, design v6.11, KVM protected, relay enforcing, actions 1>"
    )
    assert repr(bug) == "<Outcome of 'bug': 2 of 2 CPUs online, 4 hazards>"
    assert repr(boot(bug.scenario.but(memory="isolated", name=""))) == (
        "<Outcome: panicked, 2 of 2 CPUs online, 2 hazards>"
    )
    assert repr(bug.vectors["SVE"]).startswith(
        "<VlInfo of SVE: vq_map {128,256}, vq_partial_map {128,256,512}; bytes: "
    )
    assert repr(VlInfo(VectorType.SME)).startswith("<VlInfo of SME: vq_map {}, ")
    assert repr(DESIGNS["tabba"]).startswith("<Design 'tabba': buffer sized by any-early-cpu, ")
    assert repr(compare(bug.scenario)) == "<Comparison of 'bug': 8 boots>"
    alone = Scenario(Topology.of([[128]]))
    assert repr(alone.topology) == "<Topology of 1 CPU: SVE bits of 1 with {128}>"
    assert repr(boot(alone)) == "<Outcome: 1 of 1 CPU online, 0 hazards>"


def test_representations_of_large_systems_are_short() -> None:
    many = Topology.of([[128 * n for n in range(1, vq + 1)] for vq in range(1, 17)] * 64)
    for shown in (many, Scenario(many), boot(Scenario(many))):
        assert len(repr(shown)) < 400
        html: str = shown._repr_html_()
        assert html.count("<tr") < 100


REPORTS = Path(__file__).parents[1] / "reports"
MARKED = replace(DESIGNS["tabba"], name=MARKUP)


@pytest.fixture(scope="module")
def marked() -> Outcome:
    """A boot in which every name is markup."""
    topology = Topology((cpu(MARKUP, N2, clusters=(MARKUP,)), cpu("other", V1)))
    actions = (guest(0), wait_for(0, agent=MARKUP))
    return boot(
        Scenario(
            topology,
            name=MARKUP,
            kernel="6.11",
            kvm_mode=KvmMode.PROTECTED,
            design=MARKED,
            actions=tuple(replace(action, cpu=MARKUP) for action in actions),
        )
    )


def marked_setting() -> Setting:
    return Setting(MARKED, Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.MAPPED)


def marked_space() -> Space:
    return Space((group_of(MARKUP, legal_vqs(256)),), designs=(MARKED,), name=MARKUP)


def of_proofs() -> ModuleType:
    """Return `sim`, whose names of proofs need Z3, or skip the test."""
    pytest.importorskip("z3", reason="Z3 is not installed: how proofs show themselves is not tested")
    return sim


def marked_found() -> Found:
    return Found(
        Deadlock((f"{MARKUP!r} waits for cpu1",)), (Step(StepKind.SYSFS_WRITE, MARKUP), Step(StepKind.SAVE, 1))
    )


SHOWN: dict[str, Callable[[Outcome, Path], Any]] = {
    "outcome": lambda outcome, _: outcome,
    "scenario": lambda outcome, _: outcome.scenario,
    "topology": lambda outcome, _: outcome.scenario.topology,
    "comparison": lambda outcome, _: compare(outcome.scenario),
    "critical path": lambda outcome, _: critical_path(
        boot(
            outcome.scenario.but(
                actions=tuple(replace(action, agent=MARKUP) for action in outcome.scenario.actions * 2)
            )
        )
    ),
    "space": lambda *_: marked_space(),
    "summary": lambda _, folder: run_sweep(
        replace(marked_space(), groups=(group_of("a", (1, 3)), group_of("b", (1, 3), late=True))),
        folder / "out",
        jobs=1,
    ),
    "finding": lambda *_: of_proofs().Finding(PROPERTIES["restored"], marked_setting(), sim.Answer.REFUTED),
    "promises": lambda *_: of_proofs().Promises(MARKED, Relay.RELAXED, dict.fromkeys(PROPERTIES, sim.Answer.PROVED)),
    "found": lambda *_: marked_found(),
    "explored": lambda *_: Explored(found={marked_found().what: marked_found()}),
    "sampled": lambda *_: Sampled(found={marked_found().what: marked_found()}),
}


SHOWN |= {
    "vector lengths": lambda outcome, _: outcome.vectors["SVE"],
    "cpu": lambda outcome, _: outcome.scenario.topology.cpus[0],
    "action": lambda outcome, _: outcome.scenario.actions[0],
    "fault": lambda *_: Fault(MARKUP, answer="DENIED"),
    "design": lambda *_: MARKED,
    "hazard": lambda *_: sim.Hazard(sim.HazardKind.TAINTED, 1, 0, MARKUP, None),
    "latencies": lambda *_: Latencies(),
    "distribution": lambda *_: fixed("1ms"),
    "features": lambda outcome, _: outcome.scenario.topology.cpus[0].features,
    "firmware": lambda outcome, _: outcome.scenario.topology.cpus[0].firmware,
    "group": lambda *_: marked_space().groups[0],
    "setting": lambda *_: marked_setting(),
    "property": lambda *_: replace(of_proofs().PROPERTIES["restored"], name=MARKUP),
    "question": lambda *_: of_proofs().Question(),
    "deadlock": lambda *_: Deadlock((MARKUP,)),
    "explanation": lambda *_: replace(sim.explain_log(REPORTS / "pi5-reonline.log"), file=MARKUP),
}
NAMELESS = {"vector lengths", "latencies", "distribution", "features", "firmware", "question"}
"""The objects without a name that a user gave."""


def test_every_public_object_has_a_rich_display() -> None:
    classes = {getattr(sim, name) for name in sim.__all__ if isinstance(getattr(sim, name), type)}
    objects = {one for one in classes if not issubclass(one, Exception | Enum)}
    assert {one.__name__ for one in objects if not hasattr(one, "_repr_html_")} == set()


@pytest.mark.parametrize("name", SHOWN)
def test_notebooks_show_names_as_text(name: str, marked: Outcome, tmp_path: Path) -> None:
    html = SHOWN[name](marked, tmp_path)._repr_html_()
    assert "<table" in html
    assert "<script" not in html
    assert ("&lt;script&gt;" in html) is (name not in NAMELESS)


def test_every_public_object_has_a_readable_repr(bug: Outcome) -> None:
    """The repr of each object is short and has no address."""
    scenario = bug.scenario
    space = Space((group_of("a", legal_vqs(1024)), group_of("b", (1,), cpus=2, late=True)))
    mixtures = sim.mixture_space(["arm,cortex-a55", "arm,cortex-a76"])
    found = marked_found()
    finding = of_proofs().Finding(PROPERTIES["restored"], marked_setting(), sim.Answer.PROVED)
    samples = (
        bug,
        bug.found[0],
        bug.found[0].kind,
        bug.vectors["SVE"],
        scenario,
        scenario.topology,
        scenario.topology.cpus[0],
        Firmware(),
        scenario.actions[0],
        scenario.latencies,
        scenario.latencies.probe,
        scenario.kvm_mode,
        scenario.relay,
        scenario.memory,
        scenario.bring_up,
        scenario.kvm_init,
        scenario.actions[0].do,
        Fault("cpu1", answer="DENIED"),
        DESIGNS["tabba"],
        PROPERTIES["restored"],
        compare(scenario),
        compare_variants(scenario, ["relay"]),
        sim.Axis.KERNEL,
        difference(bug, bug),
        critical_path(bug),
        space,
        space.groups[0],
        space.settings[0],
        mixtures,
        sim.sweep_mixtures(mixtures),
        sim.Question(),
        sim.explain_log(Path(__file__).parents[1] / "reports" / "pi5-reonline.log"),
        finding,
        finding.answer,
        sim.Promises(MARKED, Relay.RELAXED, dict.fromkeys(PROPERTIES, sim.Answer.REFUTED)),
        found,
        found.what,
        Explored(),
        Sampled(),
        sim.Strategy.PCT,
        sim.ExportFormat.DOT,
        sim.TraceFormat.PERFETTO,
        sim.AsymbootError("wrong"),
        InputError("wrong"),
        sim.MissingExtra("sweep", "sweep"),
        sim.SchedulerGone("gone"),
        sim.WorkerLost("lost"),
    )
    public = {value for name in sim.__all__ if isinstance(value := getattr(sim, name), type)}
    shown = {type(sample) for sample in samples}
    of_fields = {sim.Features}  # a part of a CPU, whose repr has the whole table of its core
    others = {value for value in public - shown if not issubclass(value, Exception | Enum)}
    assert others == {Summary, *of_fields}  # the summary is shown above
    for sample in samples:
        assert len(repr(sample)) < 250
        assert " at 0x" not in repr(sample)
    assert plot_topology(scenario.topology)._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (fixed("200us"), "<Distribution: 200 us>"),
        (Distribution("lognormal", (1000.0, 0.3)), "<Distribution: lognormal with median 1 us and sigma 0.3>"),
        (Latencies(), "<Latencies: all as by default>"),
        (Latencies(probe=fixed("1ms")), "<Latencies: probe 1 ms; the others as by default>"),
        (PROPERTIES["restored"], "<Property 'restored': registers come back>"),
        (Deadlock(("'b' waits for cpu1",)), "<Deadlock: 'b' waits for cpu1>"),
        (
            Found(Deadlock(("a", "b")), (Step(StepKind.SAVE, 1),)),
            "<Found: deadlock: a; b: 1 step, perhaps not all needed>",
        ),
        (group_of("a", (1, 0)), "<Group 'a': 1 CPU; any of {128} none>"),
        (group_of("a", (1, 3), cpus=2, late=True), "<Group 'a': 2 late CPUs; any of {128} {128,256}>"),
        (
            group_of("a", legal_vqs(1024)),
            "<Group 'a': 1 CPU; any of {128} {128,256} {128,256,384} {128,256,512} {128,256,384,512} ..., 35 sets>",
        ),
        (marked_setting(), f"<Setting: design {MARKUP!r}, relay relaxed, KVM protected, memory mapped>"),
        (
            Space((group_of("a", (1, 3)),), kernel="6.12", name="one"),
            "<Space 'one': CPUs 1, points 2, settings 16, kernel 6.12>",
        ),
    ],
)
def test_reprs_are_one_line(sample: object, expected: str) -> None:
    assert repr(sample) == expected


def test_explorations_and_samples_state_their_size() -> None:
    scenario = Scenario(Topology.of([V1, A64FX]))
    explored = explore_orders(scenario)
    assert repr(explored) == "<Explored: every order; states 1, ends 1, runs 1, hazards and deadlocks 0>"
    drawn = sample_orders(scenario, "random", 3)
    assert repr(drawn) == "<Sampled: orders drawn 3, different ends 1, hazards and deadlocks 0>"


def test_a_scenario_shows_its_actions_in_a_notebook(bug: Outcome) -> None:
    assert "<b>Actions</b>" in bug.scenario._repr_html_()
    assert "<b>Actions</b>" not in bug.scenario.but(actions=())._repr_html_()


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_has_documented_columns_and_types_with_and_without_rows(name: str, bug: Outcome) -> None:
    row = FRAMES[name]
    for outcome in (bug, booted(V1)):
        made: pd.DataFrame = getattr(outcome, name)
        assert {column: str(dtype) for column, dtype in made.dtypes.items()} == dtypes(row)
        assert made.attrs == {"schema_version": SCHEMA_VERSION, "row": row.__name__}
    assert len(getattr(bug, name)) > 0
    assert dtypes(row).keys() == get_type_hints(row).keys()


def test_missing_values_are_missing_in_frames(bug: Outcome) -> None:
    panicked = boot(bug.scenario.but(memory="isolated"))
    assert panicked.saves["first_byte"].isna().all()
    assert bug.saves["first_byte"].tolist() == [-1088]
    assert bug.actions["error"].isna().all()
    assert bug.cpus["sme_bits"].isna().all()
    assert bug.cpus["sve_bits"].tolist() == [(128, 256), (128, 256, 512)]


def test_frames_written_to_parquet_carry_the_schemas_version(bug: Outcome, tmp_path: Path) -> None:
    for name, row in FRAMES.items():
        written: pd.DataFrame = getattr(bug, name)
        written.to_parquet(tmp_path / name)
        read = pd.read_parquet(tmp_path / name)
        assert read.attrs == {"schema_version": SCHEMA_VERSION, "row": row.__name__}
        assert list(read.columns) == list(written.columns)
        assert len(read) == len(written)


def test_frames_are_made_of_any_rows() -> None:
    made = frame([LogRow(1, "a"), LogRow(2, "b")], LogRow)
    assert made["time_ns"].tolist() == [1, 2]


# Comparison


def test_a_comparison_has_every_named_design_in_order() -> None:
    comparison = compare(Scenario(Topology.of([V1, A64FX]), kvm_mode=KvmMode.PROTECTED))
    assert comparison.designs["design"].tolist() == list(DESIGNS)
    assert {str(relay) for relay in comparison.designs["relay"]} == {"enforcing"}


def test_a_comparison_counts_hazards_as_boots_do() -> None:
    scenario = Scenario(
        Topology.of([V1, A64FX, N2]),
        kernel="6.12",
        kvm_mode=KvmMode.PROTECTED,
        maxcpus=2,
        actions=(guest(1), on(2), guest(0)),
    )
    comparison = compare(scenario, relays=["enforcing", "relaxed"], memories=["adjacent", "isolated", "mapped"])
    assert len(comparison.design_rows) == len(DESIGNS) * 2 * 3
    for row in comparison.design_rows:
        outcome = boot(scenario.but(design=row.design, relay=row.relay, memory=row.memory))
        kinds = [hazard.kind.value for hazard in outcome.found]
        counts = {name: kinds.count(name) for name in set(kinds)}
        columns = msgspec.structs.asdict(row)
        counted = {kind.value for kind in HazardKind} & set(columns)
        assert {name: columns[name] for name in counted if columns[name]} == counts
        asked = outcome.facts.buffers and outcome.facts.buffers.asked_bytes
        assert row.asked_bytes == asked


def test_a_comparison_counts_late_cpus_by_their_fate() -> None:
    scenario = Scenario(
        Topology.of([V1, V1, A64FX, N2, V1]),
        kernel="6.12",
        kvm_mode=KvmMode.PROTECTED,
        maxcpus=2,
        actions=(on(2), on(3), on(4)),
    )
    comparison = compare(scenario, relays=["enforcing", "relaxed"], designs=["v6.11", "brown-v1", "brown-v4-meant"])
    columns = ["late_cpus", "late_accepted", "late_refused", "late_refused_by_relay", "late_warned"]
    assert comparison.designs[columns].to_numpy().tolist() == [
        [3, 0, 0, 3, 0],
        [3, 0, 0, 3, 0],
        [3, 0, 0, 3, 0],
        [3, 2, 1, 0, 0],
        [3, 1, 2, 0, 1],
        [3, 2, 1, 0, 1],
    ]


def test_sme_that_is_announced_counts_as_warned() -> None:
    topology = Topology.of([[128]] * 3, [[128], [128], [128, 1024]])
    scenario = Scenario(topology, kernel="6.18", maxcpus=2, actions=(on(2),))
    rows = compare(scenario, designs=["v6.11", "brown-v4", "brown-v4-meant"]).design_rows
    assert [(row.late_warned, row.hazards(HazardKind.KERNEL_PANIC)) for row in rows] == [(0, 0), (1, 1), (1, 0)]


def test_two_designs_of_one_name_are_refused() -> None:
    mine = replace(DESIGNS["v6.11"], name="tabba")
    with pytest.raises(InputError, match="two designs are named 'tabba'"):
        compare(Scenario(Topology.of([V1]), design=mine))


def test_a_cluster_named_like_a_cpu_is_distinguished() -> None:
    topology = Topology((cpu("cpu0", V1), cpu("b", V1, clusters=("cpu0",))))
    rows = compare(Scenario(topology, kernel="6.12"), designs=["tabba"]).cluster_rows
    assert [(row.cluster, row.cpus) for row in rows] == [("cpu0 (no cluster)", 1), ("cpu0", 1)]


def test_the_hosts_largest_vl_is_given_for_each_cluster() -> None:
    topology = Topology(
        (
            cpu("a", V1, clusters=("little",)),
            cpu("b", A64FX, clusters=("big",)),
            cpu("c", A64FX, clusters=("big",), late=True),
            cpu("d", V1),
            cpu("e", V1),
        )
    )
    scenario = Scenario(
        topology,
        kernel="6.12",
        kvm_mode=KvmMode.PROTECTED,
    )
    rows = compare(scenario, designs=["v6.11"]).cluster_rows
    cells = [(row.cluster, row.cpus, row.online, row.least_host_max_vl_bytes, row.host_max_vl_bytes) for row in rows]
    assert cells == [("cpu3-4 (d to e)", 2, 2, 32, 32), ("little", 1, 1, 32, 32), ("big", 2, 1, 64, 64)]


def test_after_a_panic_no_cluster_has_a_largest_vl() -> None:
    scenario = under_pkvm(A64FX, V1, kernel="6.11", actions=(guest(0),)).scenario
    (row,) = {row.host_max_vl_bytes for row in compare(scenario, designs=["v6.11"]).cluster_rows}
    assert row is None


def test_the_scenarios_own_design_comes_first() -> None:
    mine = replace(DESIGNS["tabba"], name="mine")
    comparison = compare(Scenario(Topology.of([V1]), kvm_mode=KvmMode.PROTECTED, design=mine))
    assert comparison.designs["design"].tolist() == ["mine", *DESIGNS]


def test_the_tree_and_the_table_say_why_a_cpu_is_late(asymboot: Asymboot) -> None:
    assert "cpu7 (prime): late (maxcpus=), SVE {128,256}" in asymboot("show", "phone").stdout
    assert "cpu2: late (maxcpus=), SVE {128,256,512}" in asymboot("show", "late-cpu-above-maximum").stdout


def test_tables_of_features_say_how_much_of_each_core_is_known(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "cores.toml"
    file.write_text("[topology]\ncpus = [{ core = 'arm,cortex-a55' }, { core = 'arm,cortex-a77' }]\n")
    known = "ID registers of arm,cortex-a77 on cpu1 are known"
    assert known in asymboot("features", file).stdout
    assert known in asymboot("compare", file, "--by", "boot-cpu").stdout
    assert "known" not in asymboot("features", "rk3588").stdout


def test_a_boot_that_panics_early_has_no_features_of_programs(asymboot: Asymboot) -> None:
    assert "user space was not reached" in asymboot("run", "early-cpu-with-fewer-asids").stdout
    features = json.loads(asymboot("run", "early-cpu-with-fewer-asids", "--json").stdout)["features"]
    assert (features["hwcaps"], features["hwcap_words"], features["vulnerabilities"]) == ([], [], {})


def test_the_tree_names_cores(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "cores.toml"
    file.write_text(
        "[topology]\ncpus = [{ core = 'arm,cortex-a55', features = { MTE = 2 } }, { core = 'arm,cortex-a76' }]"
    )
    told = asymboot("show", file).stdout
    assert "cpu0: boot, arm,cortex-a55, with other values, no SVE" in told
    assert "cpu1: early, arm,cortex-a76, no SVE" in told
    assert "early (brought up again)" in asymboot("run", "lost-on-return").stdout
