"""A boot as a trace: tracks for its phases, log, lock, CPU_ON calls and counters, and for each CPU in its cluster."""

from collections.abc import Iterator

from sim.event_text import event_detail
from sim.hazard_kinds import Hazard
from sim.kernel.printk import EventKind
from sim.outcome import Outcome
from sim.timeline import BOOT, LOCK, Lane, Mark, Span, SpanKind, timeline
from sim.trace.cpu_on_calls import cpu_on_calls
from sim.trace.span_nesting import Edge, nest_spans
from sim.trace.tracks import Trace, Unit


def build_trace(outcome: Outcome) -> Trace:
    """Return the trace of a boot, with all its tracks and events."""
    trace = Trace()
    name = outcome.scenario.name
    root = trace.track(f"boot of {name}" if name else "boot", 0, 0)
    # The ranks are the order of the tracks from top to bottom.
    lanes: dict[Lane, int] = {BOOT: trace.track("phases", root, 0)}
    _add_log(trace, trace.track("kernel log", root, 1), outcome)
    lanes[LOCK] = trace.track("hotplug lock", root, 2)
    calls = trace.track("CPU_ON calls", root, 3)
    _add_online_counter(trace, trace.track("CPUs online", root, 4, Unit.COUNT), outcome)
    _add_allocation_counter(trace, trace.track("allocated by pKVM", root, 5, Unit.BYTES), outcome)
    lanes |= enumerate(_add_cpu_tracks(trace, trace.track("CPUs", root, 6), outcome))
    lines = timeline(outcome)
    _add_slices(trace, lanes, lines.spans)
    _add_cpu_on_calls(trace, calls, lanes, outcome)
    _add_variations(trace, lanes, outcome)
    _add_instants(trace, lanes, lines.marks, outcome.found)
    return trace


def _add_log(trace: Trace, track: int, outcome: Outcome) -> None:
    for line in outcome.facts.log:
        trace.instant(track, line.time_ns, line.text)


def _add_online_counter(trace: Trace, track: int, outcome: Outcome) -> None:
    """Count online CPUs by logical number, as the kernel does: two CPUs on one idle task count once."""
    trace.count(track, 0, 0)  # without a first value, a viewer begins the counter at its first change
    online: set[int | None] = set()
    for event in outcome.facts.events:
        if event.kind is EventKind.BOOTED:
            online.add(event.cpu)
        elif event.kind is EventKind.OFFLINE:
            online.discard(event.cpu)
        else:
            continue
        trace.count(track, event.time_ns, len(online))


def _add_allocation_counter(trace: Trace, track: int, outcome: Outcome) -> None:
    trace.count(track, 0, 0)
    buffers, cpus = outcome.facts.buffers, len(outcome.scenario.topology.cpus)
    for event in outcome.facts.events:
        if event.kind is EventKind.ALLOCATED and buffers is not None:
            trace.count(track, event.time_ns, buffers.run_bytes * cpus)


def _add_cpu_tracks(trace: Trace, root: int, outcome: Outcome) -> Iterator[int]:
    """Add a track for each CPU below those of its clusters; yield the track numbers by logical CPU number.

    A cluster's rank is the number of its first CPU, so that clusters and CPUs beside each other stay in that order.
    """
    topology = outcome.scenario.topology
    clusters: dict[tuple[str, ...], int] = {(): root}
    for cpu, spec in enumerate(topology.logical):
        for depth in range(1, len(spec.clusters) + 1):
            path = spec.clusters[:depth]
            if path not in clusters:
                clusters[path] = trace.track(path[-1], clusters[path[:-1]], cpu)
        yield trace.track(topology.label(cpu), clusters[spec.clusters], cpu)


def _add_slices(trace: Trace, lanes: dict[Lane, int], spans: list[Span]) -> None:
    """Add a slice for each span; spans that do not nest with the others of their lane get tracks below it."""
    by_lane: dict[Lane, list[Span]] = {}
    for span in spans:
        by_lane.setdefault(span.lane, []).append(span)
    for lane, lane_spans in by_lane.items():
        for rank, edges in enumerate(nest_spans(lane_spans)):
            track = trace.track("meanwhile", lanes[lane], rank) if rank else lanes[lane]
            _add_row(trace, track, edges)


def _add_row(trace: Trace, track: int, edges: list[Edge]) -> None:
    for time_ns, span in edges:
        if span is None:
            trace.end(track, time_ns)
        else:
            name = _slice_name(span)
            # A detail that the name has already is not repeated as an argument.
            trace.begin(track, time_ns, name, detail="" if span.detail in name else span.detail)


def _slice_name(span: Span) -> str:
    """Return the name of a slice: the kind of its span, with the detail where that is short."""
    match span.kind:
        case SpanKind.PHASE:
            return span.detail
        case SpanKind.LOCK_HELD:
            return f"{span.kind} {span.detail}"
        case SpanKind.GUEST:
            return f"{span.kind} {span.detail!r}"
        case _:
            return span.kind


def _add_cpu_on_calls(trace: Trace, track: int, lanes: dict[Lane, int], outcome: Outcome) -> None:
    """Add each CPU_ON call, with a flow to the arrival that it caused."""
    for number, call in enumerate(cpu_on_calls(outcome.facts.events), 1):
        flow = 0 if call.arrived_ns is None else number
        name = f"CPU_ON {outcome.facts.label(call.cpu)}"
        trace.instant(track, call.time_ns, name, flow_from=flow, answer=call.answer)
        if call.arrival is not None:
            detail = event_detail(call.arrival, outcome.scenario.topology)
            trace.instant(lanes[call.cpu], call.arrival.time_ns, "arrived", flow_to=flow, detail=detail)


def _add_variations(trace: Trace, lanes: dict[Lane, int], outcome: Outcome) -> None:
    """Add an instant for each CPU whose registers differ, unexpectedly, from the boot CPU's."""
    for event in outcome.facts.events:
        if event.kind is EventKind.VARIES and event.cpu is not None:
            detail = event_detail(event, outcome.scenario.topology)
            trace.instant(lanes[event.cpu], event.time_ns, event.kind, detail=detail)


def _add_instants(trace: Trace, lanes: dict[Lane, int], marks: list[Mark], hazards: list[Hazard]) -> None:
    """Add the marks of a timeline, and the hazards with their sentences."""
    for mark in marks:
        trace.instant(lanes[mark.lane], mark.time_ns, mark.kind, detail=mark.detail)
    for hazard in hazards:
        lane = BOOT if hazard.cpu is None else hazard.cpu
        trace.instant(lanes[lane], hazard.time_ns, f"hazard: {hazard.kind.title}", sentence=hazard.sentence)
