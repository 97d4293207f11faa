"""Traces: Perfetto's, read back with the schema that it publishes; the log as text; events as JSON lines."""

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

from sim import save_trace
from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.latencies import Latencies, fixed
from sim.outcome import Outcome
from sim.scenario import CPU_ON_ERRORS, Action, BringUp, Do, Fault, KvmInit, KvmMode, Relay, Scenario
from sim.timeline import BOOT, LOCK, Lane, Span, SpanKind, timeline
from sim.topology import Topology, cpu
from sim.trace.perfetto import MOST_CPUS, perfetto_trace
from sim.trace.span_nesting import nest_spans
from sim.trace.trace_formats import TraceFormat
from tests.command_line import Asymboot
from tests.systems import A64FX, V1, booted, on

ASYMBOOT = [sys.executable, "-m", "sim.cli"]
NO_TIME = Latencies(cpu_on_call=fixed("0s"), cpu_on=fixed("0s"), probe=fixed("0s"), guest_run=fixed("0s"))
Slice = tuple[str, int, int]
Instant = tuple[int, str, dict[str, str]]
Place = tuple[str, int, str]
"""A track, a time and a name."""


# Perfetto's traces, read back


@dataclass
class Read:
    """What a trace says, by track; a track is named by its path, and slices have their names, begins and ends."""

    tracks: list[str] = field(default_factory=list)
    ranks: dict[str, int] = field(default_factory=dict)
    slices: dict[str, list[Slice]] = field(default_factory=dict)
    instants: dict[str, list[Instant]] = field(default_factory=dict)
    counted: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    flows: dict[int, list[Place]] = field(default_factory=dict)


def read_back(raw: bytes) -> Read:
    """Read a trace; where slices do not balance or nest, or times go back, it fails."""
    read, paths, inside = Read(), dict[int, str](), dict[str, list[tuple[str, int]]]()
    latest_ns = 0
    packets = schema.Trace.FromString(raw).packet
    assert packets[0].sequence_flags == schema.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
    assert {packet.trusted_packet_sequence_id for packet in packets} == {1}
    for packet in packets:
        if packet.HasField("track_descriptor"):
            _read_track(packet.track_descriptor, read, paths)
            continue
        assert packet.timestamp >= latest_ns
        latest_ns, path = packet.timestamp, paths[packet.track_event.track_uuid]
        _read_event(packet.track_event, latest_ns, path, read, inside.setdefault(path, []))
    assert not any(inside.values())
    return read


def _read_track(descriptor: Any, read: Read, paths: dict[int, str]) -> None:
    above = paths[descriptor.parent_uuid] if descriptor.parent_uuid else ""
    assert descriptor.uuid not in paths
    assert descriptor.uuid > 0
    paths[descriptor.uuid] = path = f"{above}/{descriptor.name}"
    assert descriptor.child_ordering == schema.TrackDescriptor.EXPLICIT
    read.tracks.append(path)
    read.ranks[path] = descriptor.sibling_order_rank


def _read_event(event: Any, now_ns: int, path: str, read: Read, inside: list[tuple[str, int]]) -> None:
    match event.type:
        case schema.TrackEvent.TYPE_SLICE_BEGIN:
            inside.append((event.name, now_ns))
        case schema.TrackEvent.TYPE_SLICE_END:
            name, start_ns = inside.pop()
            read.slices.setdefault(path, []).append((name, start_ns, now_ns))
        case schema.TrackEvent.TYPE_INSTANT:
            notes = {one.name: one.string_value for one in event.debug_annotations}
            read.instants.setdefault(path, []).append((now_ns, event.name, notes))
        case schema.TrackEvent.TYPE_COUNTER:
            read.counted.setdefault(path, []).append((now_ns, event.counter_value))
        case _:
            raise AssertionError(event)
    for flow in (*event.flow_ids, *event.terminating_flow_ids):
        read.flows.setdefault(flow, []).append((path, now_ns, event.name))


def shipped_outcome(name: str) -> Outcome:
    return boot(read_scenario(find(Path(name))))


def test_cpus_lie_in_their_clusters_in_logical_order() -> None:
    read = read_back(perfetto_trace(shipped_outcome("phone")))
    root = "/boot of phone, 1 + 3 + 4, the prime core late"
    lines = ["phases", "kernel log", "hotplug lock", "CPU_ON calls", "CPUs online", "allocated by pKVM", "CPUs"]
    below = [
        *("little", "little/cpu0", "little/cpu1", "little/cpu2", "little/cpu3"),
        *("big", "big/cpu4", "big/cpu5", "big/cpu6"),
        *("prime", "prime/cpu7 (prime)"),
    ]
    assert read.tracks == [root, *(f"{root}/{one}" for one in lines), *(f"{root}/CPUs/{one}" for one in below)]
    by_rank = sorted((f"{root}/{one}" for one in lines), key=read.ranks.__getitem__)
    assert by_rank == [f"{root}/{one}" for one in lines]
    assert [read.ranks[f"{root}/CPUs/{one}"] for one in below] == [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 7]


def test_a_boot_cpu_inside_the_file_comes_first() -> None:
    cpus = (cpu("a", V1, clusters=("left",)), cpu("b", V1, clusters=("right", "up")), cpu("c", V1, clusters=("left",)))
    read = read_back(perfetto_trace(boot(Scenario(Topology(cpus, boot_cpu="b")))))
    ranks = {path.partition("/CPUs/")[2]: rank for path, rank in read.ranks.items() if "/CPUs/" in path}
    assert ranks == {
        "right": 0,
        "right/up": 0,
        "right/up/cpu0 (b)": 0,
        "left": 1,
        "left/cpu1 (a)": 1,
        "left/cpu2 (c)": 2,
    }


def test_a_trace_shows_the_bug() -> None:
    read = read_back(perfetto_trace(shipped_outcome("bug")))
    on_cpu1 = "/boot of the bug of Linux 6.11/CPUs/cpu1"
    names = [one[0] for one in sorted(read.slices[on_cpu1], key=lambda one: (one[1], -one[2]))]
    assert names == ["CPU_ON until it arrives", "probing", "online", "guest 'guest'", "save", "restore"]
    hazard = next(one for one in read.instants[on_cpu1] if one[1] == "hazard: out-of-bounds write")
    assert hazard[2]["sentence"].startswith("cpu1's save at 512 bits starts 1088 bytes before its registers")
    assert read.counted["/boot of the bug of Linux 6.11/allocated by pKVM"][-1] == (30_720_000, 8192)


def test_counters_have_units() -> None:
    packets = schema.Trace.FromString(perfetto_trace(booted(V1))).packet
    units = {
        packet.track_descriptor.name: packet.track_descriptor.counter.unit
        for packet in packets
        if packet.track_descriptor.HasField("counter")
    }
    assert units == {
        "CPUs online": schema.CounterDescriptor.UNIT_COUNT,
        "allocated by pKVM": schema.CounterDescriptor.UNIT_SIZE_BYTES,
    }


def test_spans_that_overlap_get_tracks_of_their_own() -> None:
    read = read_back(perfetto_trace(shipped_outcome("late-arrival")))
    on_cpu2 = "/boot of late arrival on another's idle task/CPUs/all/cpu2"
    assert [one[0] for one in read.slices[on_cpu2]] == ["CPU_ON until it arrives", "probing, to be verified"]
    assert [one[0] for one in read.slices[f"{on_cpu2}/meanwhile"]] == ["online"]


def test_a_cpu_arrives_because_of_the_call_that_was_accepted() -> None:
    late = Fault("cpu1", arrives_after_ns=20_000_000_000)
    scenario = Scenario(Topology.of([V1, V1]), faults=(late,), actions=(on(1),))
    read = read_back(perfetto_trace(boot(scenario)))
    calls = read.instants["/boot/CPU_ON calls"]
    assert [one[2]["answer"] for one in calls] == ["SUCCESS", "ON_PENDING"]
    ((start, arrival),) = read.flows.values()
    assert start == ("/boot/CPU_ON calls", calls[0][0], "CPU_ON cpu1")
    assert arrival == ("/boot/CPUs/cpu1", calls[0][0] + 20_000_020_000, "arrived")


def test_a_thousand_cpus_are_a_trace() -> None:
    outcome = shipped_outcome("server-1024")
    read = read_back(perfetto_trace(outcome))
    assert sum(path.rpartition("/")[2].startswith("cpu") for path in read.tracks) == 1024
    check_spans(outcome, read)


def test_too_many_cpus_are_refused() -> None:
    scenario = Scenario(Topology.of([V1] * (MOST_CPUS + 1)))
    with pytest.raises(InputError, match=r"at most 4,096, not 4,097"):
        perfetto_trace(boot(scenario))


# Any small boot


def check_spans(outcome: Outcome, read: Read) -> None:
    """Every lane has the spans of the timeline, on its own track or one below it."""
    labels: dict[str, Lane] = {outcome.facts.label(n): n for n in range(len(outcome.scenario.topology.cpus))}
    labels |= {"phases": BOOT, "hotplug lock": LOCK}
    drawn = [
        (labels[path.removesuffix("/meanwhile").rpartition("/")[2]], start_ns, end_ns)
        for path, slices in read.slices.items()
        for _, start_ns, end_ns in slices
    ]
    told = [(one.lane, one.start_ns, one.end_ns) for one in timeline(outcome).spans]
    assert sorted(drawn, key=str) == sorted(told, key=str)


def check_arrivals(outcome: Outcome, read: Read) -> None:
    """Every arrival but the boot CPU's is where one flow ends, which begins at a call for that CPU before it."""
    facts, calls = outcome.facts, f"{read.tracks[0]}/CPU_ON calls"
    arrivals = [(facts.label(one.cpu or 0), one.time_ns) for one in facts.events if one.kind == "arrived"]
    ends = []
    for start, (of_cpu, arrived_ns, what) in read.flows.values():
        label = of_cpu.rpartition("/")[2]
        ends.append((label, arrived_ns))
        assert (start[0], start[2], what) == (calls, f"CPU_ON {label}", "arrived")
        assert start[1] <= arrived_ns
    assert sorted(ends) == sorted(arrivals[1:])
    told = [(one.time_ns, f"CPU_ON {facts.label(one.cpu or 0)}") for one in facts.events if one.kind == "CPU_ON"]
    assert [(time_ns, name) for time_ns, name, _ in read.instants.get(calls, [])] == told


def check_moments(outcome: Outcome, read: Read) -> None:
    """The log is there line by line; every hazard is on its CPU's track, every mark on its lane's."""
    root = read.tracks[0]
    log = [(time_ns, name) for time_ns, name, _ in read.instants[f"{root}/kernel log"]]
    assert log == list(outcome.log.itertuples(index=False, name=None))
    hazards = sorted(
        (path.rpartition("/")[2], time_ns, name.removeprefix("hazard: "), notes["sentence"])
        for path, many in read.instants.items()
        for time_ns, name, notes in many
        if name.startswith("hazard: ")
    )
    assert hazards == sorted(
        ("phases" if one.cpu is None else outcome.facts.label(one.cpu), one.time_ns, one.kind.title, one.sentence)
        for one in outcome.found
    )
    marks = {mark.kind.value for mark in timeline(outcome).marks}
    assert marks <= {name for many in read.instants.values() for _, name, _ in many}


def check_counters(outcome: Outcome, read: Read) -> None:
    """At the end they have what the outcome has."""
    root = read.tracks[0]
    assert read.counted[f"{root}/CPUs online"][-1][1] == (outcome.cpus["state"] == "online").sum()
    assert read.counted[f"{root}/allocated by pKVM"][-1][1] == outcome.buffers["run_bytes"].sum()
    assert all(many[0] == (0, 0) for many in read.counted.values())


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    sets = draw(st.lists(st.sampled_from([[128], V1, A64FX]), min_size=1, max_size=4))
    clusters = st.sampled_from([(), ("big",), ("big", "0"), ("little",)])
    cpus = tuple(cpu(f"core{n}", bits, clusters=draw(clusters)) for n, bits in enumerate(sets))
    numbers = st.integers(0, len(sets) - 1)
    names = numbers.map("core{}".format)
    act = st.builds(Action, st.sampled_from([Do.ONLINE, Do.OFFLINE, Do.GUEST]), names, agent=st.sampled_from("ab"))
    fault = st.one_of(
        st.sampled_from(sorted(CPU_ON_ERRORS)).map(lambda answer: {"answer": answer}),
        st.just({"never_arrives": True}),
        st.sampled_from([0, 4_999_000_000, 7_000_000_000]).map(lambda ns: {"arrives_after_ns": ns}),
    )
    faults = draw(st.dictionaries(names.filter("core0".__ne__), fault, max_size=2)) if len(sets) > 1 else {}
    return Scenario(
        Topology(cpus),
        maxcpus=draw(st.integers(1, len(sets))),
        kernel=draw(st.sampled_from(["6.1", "6.11", "6.12"])),
        kvm_mode=draw(st.sampled_from(KvmMode)),
        relay=draw(st.sampled_from(Relay)),
        bring_up=draw(st.sampled_from(BringUp)),
        kvm_init=draw(st.sampled_from(KvmInit)),
        latencies=draw(st.sampled_from([Latencies(), NO_TIME])),
        faults=tuple(Fault(name, **what) for name, what in faults.items()),
        actions=tuple(draw(st.lists(act, max_size=6))),
    )


@settings(deadline=None)
@given(scenarios())
def test_a_trace_says_what_the_outcome_says(scenario: Scenario) -> None:
    outcome = boot(scenario)
    raw = perfetto_trace(outcome)
    read = read_back(raw)
    check_spans(outcome, read)
    check_arrivals(outcome, read)
    check_moments(outcome, read)
    check_counters(outcome, read)
    assert perfetto_trace(boot(scenario)) == raw


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted), max_size=8))
def test_rows_hold_every_span_and_nest(ends: list[list[int]]) -> None:
    spans = [Span(0, SpanKind.ONLINE, start_ns, end_ns) for start_ns, end_ns in ends]
    found = []
    for row in nest_spans(spans):
        times = [edge.time_ns for edge in row]
        assert times == sorted(times)
        inside: list[Span] = []
        for time_ns, span in row:
            if span is None:
                assert inside.pop().end_ns == time_ns
            else:
                inside.append(span)
                found.append(span)
        assert inside == []
    assert sorted(found) == sorted(spans)


# The command


def printed(asymboot: Asymboot, *words: str | Path) -> str:
    result = asymboot("trace", *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_log_is_printed_as_dmesg_has_it(asymboot: Asymboot) -> None:
    assert printed(asymboot, "bug", "--format", "dmesg") == shipped_outcome("bug").log_text


def test_events_are_printed_as_json_lines(asymboot: Asymboot) -> None:
    outcome = shipped_outcome("bug")
    rows = [json.loads(line) for line in printed(asymboot, "bug", "--format", "jsonl").splitlines()]
    assert rows == outcome.to_dict()["events"]
    assert {tuple(row) for row in rows} == {tuple(outcome.events.columns)}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("boot.perfetto-trace", TraceFormat.PERFETTO),
        ("boot.pftrace", TraceFormat.PERFETTO),
        ("boot.txt", TraceFormat.DMESG),
        ("boot.log", TraceFormat.DMESG),
        ("boot.dmesg", TraceFormat.DMESG),
        ("boot.jsonl", TraceFormat.JSONL),
    ],
)
def test_a_files_name_says_its_format(asymboot: Asymboot, name: str, form: TraceFormat, tmp_path: Path) -> None:
    assert printed(asymboot, "bug", "-o", tmp_path / name) == ""
    assert printed(asymboot, "bug", "-o", tmp_path / "other", "--format", form) == ""
    save_trace(shipped_outcome("bug"), tmp_path / f"from python {name}")
    content = (tmp_path / name).read_bytes()
    assert {(tmp_path / one).read_bytes() for one in ("other", f"from python {name}")} == {content}
    match form:
        case TraceFormat.PERFETTO:
            assert content == perfetto_trace(shipped_outcome("bug"))
        case TraceFormat.DMESG:
            assert content.decode() == shipped_outcome("bug").log_text
        case TraceFormat.JSONL:
            assert content.decode() == printed(asymboot, "bug", "--format", "jsonl")


def test_a_format_that_is_asked_for_comes_before_the_name(asymboot: Asymboot, tmp_path: Path) -> None:
    printed(asymboot, "bug", "-o", tmp_path / "boot.pftrace", "--format", "dmesg")
    assert (tmp_path / "boot.pftrace").read_text() == shipped_outcome("bug").log_text


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["--design", "nosve"], {"design": "nosve"}),
        (["--kernel", "6.16"], {"kernel": "6.16"}),
        (["--kvm", "none"], {"kvm_mode": "none"}),
        (["--memory", "isolated"], {"memory": "isolated"}),
        (["--relay", "relaxed", "--seed", "3"], {"relay": "relaxed", "seed": 3}),
    ],
    ids=lambda one: "-".join(one).lstrip("-") if isinstance(one, list) else "",
)
def test_a_scenario_is_changed_as_run_changes_it(
    asymboot: Asymboot, options: list[str], changes: dict[str, Any]
) -> None:
    outcome = boot(read_scenario(find(Path("bug"))).but(**changes))
    assert printed(asymboot, "bug", "--format", "dmesg", *options) == outcome.log_text


def test_bad_input_is_one_line(asymboot: Asymboot, tmp_path: Path) -> None:
    here = tmp_path / "boot.pftrace"
    assert "--output FILE is needed, or --format dmesg or jsonl to print" in asymboot.refused("trace", "bug")
    assert "is binary: --output FILE is needed" in asymboot.refused("trace", "bug", "--format", "perfetto")
    assert "'svg' is not one of 'perfetto', 'dmesg', 'jsonl'" in asymboot.refused(
        "trace", "bug", "--format", "svg", "-o", here
    )
    assert (
        "boot.svg: the name does not say the format: let it end in one of .perfetto-trace, .pftrace, .txt"
        in asymboot.refused("trace", "bug", "-o", tmp_path / "boot.svg")
    )
    assert "a path cannot be empty" in asymboot.refused("trace", "bug", "-o", "")
    assert asymboot.refused("trace", "no-such", "-o", here).startswith("asymboot: no-such: ")
    assert "unknown kernel series" in asymboot.refused("trace", "bug", "--kernel", "newest", "-o", here)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[topology]\ncpus = [{ sve_bit = [128] }]\n")
    assert "unknown key 'sve_bit'" in asymboot.refused("trace", wrong, "-o", here)
    assert sorted(tmp_path.iterdir()) == [wrong]


def test_what_is_there_is_not_written_over(asymboot: Asymboot, tmp_path: Path) -> None:
    there, folder = tmp_path / "boot.log", tmp_path / "folder.log"
    there.write_text("mine")
    folder.mkdir()
    for one in (there, folder):
        assert asymboot.refused("trace", "bug", "-o", one) == f"asymboot: {one}: exists already"
    assert there.read_text() == "mine"


def test_more_than_4096_cpus_are_too_many_for_perfetto(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    file.write_text('[topology]\nclusters = [{ name = "all", count = 4097, sve_bits = [128] }]\n')
    assert "at most 4,096, not 4,097" in asymboot.refused("trace", file, "-o", tmp_path / "boot.pftrace")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("limit", "file", "message"),
    [
        ("unlimited", "missing/boot.log", "No such file or directory"),
        ("unlimited", "a-file/boot.log", "Not a directory"),
        ("8", "boot.pftrace", "File too large"),
    ],
)
def test_a_file_is_written_whole_or_not_at_all(limit: str, file: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    trace = f"{shlex.join(ASYMBOOT)} trace server-1024 -o {shlex.quote(str(tmp_path / file))}"
    done = subprocess.run(["bash", "-c", f"ulimit -f {limit}; {trace}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"asymboot: {tmp_path / file}: {message}\n"
    assert [one.name for one in tmp_path.iterdir()] == ["a-file"]


def test_perfetto_is_imported_only_where_it_is_needed() -> None:
    program = "import sys, sim.cli.trace, sim.trace.trace_file; print('perfetto' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
