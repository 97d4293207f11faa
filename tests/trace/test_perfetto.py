"""Tests of Perfetto's traces, read with the schema that Perfetto publishes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.latencies import Latencies, fixed
from sim.outcome import Outcome
from sim.scenario import CPU_ON_ERRORS, Action, BringUp, Do, Fault, KvmInit, KvmMode, Relay, Scenario
from sim.timeline import BOOT, LOCK, Lane, timeline
from sim.topology import Topology, cpu
from sim.trace.perfetto import MOST_CPUS, perfetto_trace
from tests.systems import A64FX, V1, booted, on

NO_TIME = Latencies(cpu_on_call=fixed("0s"), cpu_on=fixed("0s"), probe=fixed("0s"), guest_run=fixed("0s"))
Slice = tuple[str, int, int]
Instant = tuple[int, str, dict[str, str]]
Place = tuple[str, int, str]
"""A track, a time and a name."""


@dataclass
class ReadTrace:
    """The content of a trace by track, whose key is its path; slices are their names, starts and ends."""

    tracks: list[str] = field(default_factory=list)
    ranks: dict[str, int] = field(default_factory=dict)
    slices: dict[str, list[Slice]] = field(default_factory=dict)
    instants: dict[str, list[Instant]] = field(default_factory=dict)
    counted: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    flows: dict[int, list[Place]] = field(default_factory=dict)


def read_back(raw: bytes) -> ReadTrace:
    """Read a trace, and check that its slices are balanced and nested, and that times never go back."""
    read, paths, inside = ReadTrace(), dict[int, str](), dict[str, list[tuple[str, int]]]()
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


def _read_track(descriptor: Any, read: ReadTrace, paths: dict[int, str]) -> None:
    above = paths[descriptor.parent_uuid] if descriptor.parent_uuid else ""
    assert descriptor.uuid not in paths
    assert descriptor.uuid > 0
    paths[descriptor.uuid] = path = f"{above}/{descriptor.name}"
    assert descriptor.child_ordering == schema.TrackDescriptor.EXPLICIT
    read.tracks.append(path)
    read.ranks[path] = descriptor.sibling_order_rank


def _read_event(event: Any, now_ns: int, path: str, read: ReadTrace, inside: list[tuple[str, int]]) -> None:
    match event.type:
        case schema.TrackEvent.TYPE_SLICE_BEGIN:
            inside.append((event.name, now_ns))
        case schema.TrackEvent.TYPE_SLICE_END:
            name, start_ns = inside.pop()
            read.slices.setdefault(path, []).append((name, start_ns, now_ns))
        case schema.TrackEvent.TYPE_INSTANT:
            notes = {note.name: note.string_value for note in event.debug_annotations}
            read.instants.setdefault(path, []).append((now_ns, event.name, notes))
        case schema.TrackEvent.TYPE_COUNTER:
            read.counted.setdefault(path, []).append((now_ns, event.counter_value))
        case _:
            raise AssertionError(event)
    for flow in (*event.flow_ids, *event.terminating_flow_ids):
        read.flows.setdefault(flow, []).append((path, now_ns, event.name))


def shipped_outcome(name: str) -> Outcome:
    return boot(read_scenario(find(Path(name))))


def test_tracks_of_cpus_are_in_their_clusters_in_logical_order() -> None:
    read = read_back(perfetto_trace(shipped_outcome("phone")))
    root = "/boot of phone, 1 + 3 + 4, the prime core late"
    groups = ["phases", "kernel log", "hotplug lock", "CPU_ON calls", "CPUs online", "allocated by pKVM", "CPUs"]
    below = [
        *("little", "little/cpu0", "little/cpu1", "little/cpu2", "little/cpu3"),
        *("big", "big/cpu4", "big/cpu5", "big/cpu6"),
        *("prime", "prime/cpu7 (prime)"),
    ]
    assert read.tracks == [root, *(f"{root}/{group}" for group in groups), *(f"{root}/CPUs/{path}" for path in below)]
    by_rank = sorted((f"{root}/{group}" for group in groups), key=read.ranks.__getitem__)
    assert by_rank == [f"{root}/{group}" for group in groups]
    assert [read.ranks[f"{root}/CPUs/{path}"] for path in below] == [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 7]


def test_the_boot_cpu_comes_first_wherever_it_is_in_the_file() -> None:
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
    names = [name for name, _, _ in sorted(read.slices[on_cpu1], key=lambda piece: (piece[1], -piece[2]))]
    assert names == ["CPU_ON until it arrives", "probing", "online", "guest 'guest'", "save", "restore"]
    (notes,) = (notes for _, name, notes in read.instants[on_cpu1] if name == "hazard: out-of-bounds write")
    assert notes["sentence"].startswith("cpu1's save at 512 bits starts 1088 bytes before its registers")
    assert read.counted["/boot of the bug of Linux 6.11/allocated by pKVM"][-1] == (30_720_000, 8192)


def test_a_cpu_whose_registers_vary_has_an_instant_that_names_them() -> None:
    outcome = shipped_outcome("one-cpu-without-crc32")
    (line,) = (one for one in outcome.facts.log if "SANITY CHECK" in one.text)
    assert "SYS_ID_AA64ISAR0_EL1. Boot CPU" in line.text
    read = read_back(perfetto_trace(outcome))
    found = {
        path.rpartition("/")[2]: (time_ns, notes["detail"])
        for path, many in read.instants.items()
        for time_ns, name, notes in many
        if name == "varies"
    }
    assert found == {"cpu3": (line.time_ns, "ID_AA64ISAR0_EL1")}


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


def test_overlapping_spans_get_tracks_of_their_own() -> None:
    read = read_back(perfetto_trace(shipped_outcome("late-arrival")))
    on_cpu2 = "/boot of late arrival on another's idle task/CPUs/all/cpu2"
    assert [name for name, _, _ in read.slices[on_cpu2]] == ["CPU_ON until it arrives", "probing, to be verified"]
    assert [name for name, _, _ in read.slices[f"{on_cpu2}/meanwhile"]] == ["online"]


def test_a_flow_leads_from_the_accepted_call_to_the_arrival() -> None:
    late = Fault("cpu1", arrives_after_ns=20_000_000_000)
    scenario = Scenario(Topology.of([V1, V1]), faults=(late,), actions=(on(1),))
    read = read_back(perfetto_trace(boot(scenario)))
    calls = read.instants["/boot/CPU_ON calls"]
    assert [notes["answer"] for _, _, notes in calls] == ["SUCCESS", "ON_PENDING"]
    ((start, arrival),) = read.flows.values()
    assert start == ("/boot/CPU_ON calls", calls[0][0], "CPU_ON cpu1")
    assert arrival == ("/boot/CPUs/cpu1", calls[0][0] + 20_000_020_000, "arrived")


def test_a_trace_may_have_a_thousand_cpus() -> None:
    outcome = shipped_outcome("server-1024")
    read = read_back(perfetto_trace(outcome))
    assert sum(path.rpartition("/")[2].startswith("cpu") for path in read.tracks) == 1024
    check_spans(outcome, read)


def test_too_many_cpus_are_refused() -> None:
    scenario = Scenario(Topology.of([V1] * (MOST_CPUS + 1)))
    with pytest.raises(InputError, match=r"at most 4,096, not 4,097"):
        perfetto_trace(boot(scenario))


def check_spans(outcome: Outcome, read: ReadTrace) -> None:
    """Check that each lane's spans are slices on its track, or on a track below it."""
    labels: dict[str, Lane] = {outcome.facts.label(n): n for n in range(len(outcome.scenario.topology.cpus))}
    labels |= {"phases": BOOT, "hotplug lock": LOCK}
    drawn = [
        (labels[path.removesuffix("/meanwhile").rpartition("/")[2]], start_ns, end_ns)
        for path, slices in read.slices.items()
        for _, start_ns, end_ns in slices
    ]
    expected = [(span.lane, span.start_ns, span.end_ns) for span in timeline(outcome).spans]
    assert sorted(drawn, key=str) == sorted(expected, key=str)


def check_arrivals(outcome: Outcome, read: ReadTrace) -> None:
    """Check that each arrival but the boot CPU's ends a flow from an earlier call of CPU_ON for that CPU."""
    facts, calls = outcome.facts, f"{read.tracks[0]}/CPU_ON calls"
    arrivals = [(facts.label(event.cpu or 0), event.time_ns) for event in facts.events if event.kind == "arrived"]
    ends = []
    for start, (track, arrived_ns, name) in read.flows.values():
        label = track.rpartition("/")[2]
        ends.append((label, arrived_ns))
        assert (start[0], start[2], name) == (calls, f"CPU_ON {label}", "arrived")
        assert start[1] <= arrived_ns
    assert sorted(ends) == sorted(arrivals[1:])
    expected = [
        (event.time_ns, f"CPU_ON {facts.label(event.cpu or 0)}") for event in facts.events if event.kind == "CPU_ON"
    ]
    assert [(time_ns, name) for time_ns, name, _ in read.instants.get(calls, [])] == expected


def check_instants(outcome: Outcome, read: ReadTrace) -> None:
    """Check that every line of the log, every hazard and every mark is an instant on its track."""
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
        (
            "phases" if hazard.cpu is None else outcome.facts.label(hazard.cpu),
            hazard.time_ns,
            hazard.kind.title,
            hazard.sentence,
        )
        for hazard in outcome.found
    )
    marks = {mark.kind.value for mark in timeline(outcome).marks}
    assert marks <= {name for many in read.instants.values() for _, name, _ in many}


def check_counters(outcome: Outcome, read: ReadTrace) -> None:
    """Check that the last value of each counter is the outcome's."""
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
    on_cpu = st.builds(Action, st.sampled_from([Do.ONLINE, Do.OFFLINE, Do.GUEST]), names, agent=st.sampled_from("ab"))
    act = on_cpu | st.builds(Action, st.just(Do.SUSPEND), agent=st.sampled_from("ab"))
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
        faults=tuple(Fault(name, **fault) for name, fault in faults.items()),
        actions=tuple(draw(st.lists(act, max_size=6))),
    )


@settings(deadline=None)
@given(scenarios())
def test_a_trace_agrees_with_the_outcome(scenario: Scenario) -> None:
    outcome = boot(scenario)
    raw = perfetto_trace(outcome)
    read = read_back(raw)
    check_spans(outcome, read)
    check_arrivals(outcome, read)
    check_instants(outcome, read)
    check_counters(outcome, read)
    assert perfetto_trace(boot(scenario)) == raw
