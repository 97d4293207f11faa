"""A boot as a trace: phases, log, lock, calls of CPU_ON, counters, and a track a CPU in its clusters."""

from collections.abc import Iterator

from sim.event_text import event_detail
from sim.hazards import Hazard
from sim.kernel.printk import EventKind
from sim.outcome import Outcome
from sim.timeline import BOOT, LOCK, Lane, Mark, Span, SpanKind, timeline
from sim.trace.cpu_on_calls import cpu_on_calls
from sim.trace.span_nesting import Edge, nested
from sim.trace.tracks import Trace, Unit


def drawn(outcome: Outcome) -> Trace:
    """Everything that a boot's trace has."""
    trace = Trace()
    name = outcome.scenario.name
    root = trace.track(f"boot of {name}" if name else "boot", 0, 0)
    lanes: dict[Lane, int] = {BOOT: trace.track("phases", root, 0)}
    _log(trace, trace.track("kernel log", root, 1), outcome)
    lanes[LOCK] = trace.track("hotplug lock", root, 2)
    calls = trace.track("CPU_ON calls", root, 3)
    _online(trace, trace.track("CPUs online", root, 4, Unit.COUNT), outcome)
    _allocated(trace, trace.track("allocated by pKVM", root, 5, Unit.BYTES), outcome)
    lanes |= enumerate(_cpus(trace, trace.track("CPUs", root, 6), outcome))
    told = timeline(outcome)
    _slices(trace, lanes, told.spans)
    _calls(trace, calls, lanes, outcome)
    _moments(trace, lanes, told.marks, outcome.found)
    return trace


def _log(trace: Trace, track: int, outcome: Outcome) -> None:
    for time_ns, text in outcome.facts.log:
        trace.instant(track, time_ns, text)


def _online(trace: Trace, track: int, outcome: Outcome) -> None:
    """Count by numbers: two CPUs on one idle task are one number online."""
    trace.count(track, 0, 0)
    online: set[int | None] = set()
    for event in outcome.facts.events:
        if event.kind is EventKind.BOOTED:
            online.add(event.cpu)
        elif event.kind is EventKind.OFFLINE:
            online.discard(event.cpu)
        else:
            continue
        trace.count(track, event.time_ns, len(online))


def _allocated(trace: Trace, track: int, outcome: Outcome) -> None:
    trace.count(track, 0, 0)
    buffers, cpus = outcome.facts.buffers, len(outcome.scenario.topology.cpus)
    for event in outcome.facts.events:
        if event.kind is EventKind.ALLOCATED and buffers is not None:
            trace.count(track, event.time_ns, buffers.run_bytes * cpus)


def _cpus(trace: Trace, root: int, outcome: Outcome) -> Iterator[int]:
    """A track a CPU, by logical number, below those of its clusters; a cluster's place is that of its first CPU."""
    topology = outcome.scenario.topology
    clusters: dict[tuple[str, ...], int] = {(): root}
    for number, one in enumerate(topology.logical):
        for depth in range(1, len(one.clusters) + 1):
            path = one.clusters[:depth]
            if path not in clusters:
                clusters[path] = trace.track(path[-1], clusters[path[:-1]], number)
        yield trace.track(topology.label(number), clusters[one.clusters], number)


def _slices(trace: Trace, lanes: dict[Lane, int], spans: list[Span]) -> None:
    """A slice a span; those that overlap others without nesting go to tracks of their own below the lane's."""
    by_lane: dict[Lane, list[Span]] = {}
    for span in spans:
        by_lane.setdefault(span.lane, []).append(span)
    for lane, of_lane in by_lane.items():
        for rank, edges in enumerate(nested(of_lane)):
            track = trace.track("meanwhile", lanes[lane], rank) if rank else lanes[lane]
            _row(trace, track, edges)


def _row(trace: Trace, track: int, edges: list[Edge]) -> None:
    for time_ns, span in edges:
        if span is None:
            trace.end(track, time_ns)
        else:
            name = _name(span)
            trace.begin(track, time_ns, name, detail="" if span.detail in name else span.detail)


def _name(span: Span) -> str:
    """What a slice is called: with what tells it from others of its kind, where that is short."""
    match span.kind:
        case SpanKind.PHASE:
            return span.detail
        case SpanKind.LOCK_HELD:
            return f"{span.kind} {span.detail}"
        case SpanKind.GUEST:
            return f"{span.kind} {span.detail!r}"
        case _:
            return span.kind


def _calls(trace: Trace, track: int, lanes: dict[Lane, int], outcome: Outcome) -> None:
    """Each call, and from it a flow to the arrival that it led to."""
    for number, call in enumerate(cpu_on_calls(outcome.facts.events), 1):
        flow = 0 if call.arrived_ns is None else number
        name = f"CPU_ON {outcome.facts.label(call.cpu)}"
        trace.instant(track, call.time_ns, name, flow_from=flow, answer=call.answer)
        if call.arrival is not None:
            detail = event_detail(call.arrival)
            trace.instant(lanes[call.cpu], call.arrival.time_ns, "arrived", flow_to=flow, detail=detail)


def _moments(trace: Trace, lanes: dict[Lane, int], marks: list[Mark], hazards: list[Hazard]) -> None:
    """Marks, and hazards with their sentences."""
    for mark in marks:
        trace.instant(lanes[mark.lane], mark.time_ns, mark.kind, detail=mark.detail)
    for hazard in hazards:
        lane = BOOT if hazard.cpu is None else hazard.cpu
        trace.instant(lanes[lane], hazard.time_ns, f"hazard: {hazard.kind.title}", sentence=hazard.sentence)
