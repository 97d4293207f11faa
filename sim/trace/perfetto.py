"""Traces as Perfetto's protobuf, to be opened at ui.perfetto.dev or read by its tools."""

from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.extras import needed_by
from sim.outcome import Outcome
from sim.trace.boot_trace import drawn
from sim.trace.tracks import Track, TrackEvent, What

if TYPE_CHECKING:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket

MOST_CPUS = 4096
"""What has more is refused: no viewer shows so many tracks."""
_SEQUENCE = 1
"""Everything is written by one writer, whose packets are in order."""


def perfetto_trace(outcome: Outcome) -> bytes:
    """A boot as the bytes of a Perfetto trace; times are nanoseconds from its beginning.

    Raises:
        InputError: it has too many CPUs.
        MissingExtra: the package perfetto is not installed.
    """
    cpus = len(outcome.scenario.topology.cpus)
    if cpus > MOST_CPUS:
        raise InputError(f"a Perfetto trace has a track a CPU: at most {MOST_CPUS:,}, not {cpus:,}; other formats do")
    with needed_by("sim.save_trace"):
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder
    trace = drawn(outcome)
    builder = TraceProtoBuilder()
    for number, track in enumerate(trace.tracks, 1):
        _describe(builder.add_packet(), number, track)
    for event in sorted(trace.events, key=lambda one: one.time_ns):
        _write(builder.add_packet(), event)
    builder.trace.packet[0].sequence_flags = builder.trace.packet[0].SEQ_INCREMENTAL_STATE_CLEARED
    written: bytes = builder.serialize()
    return written


def _describe(packet: "TracePacket", number: int, track: Track) -> None:
    packet.trusted_packet_sequence_id = _SEQUENCE
    descriptor = packet.track_descriptor
    descriptor.uuid, descriptor.name = number, track.name
    descriptor.child_ordering, descriptor.sibling_order_rank = descriptor.EXPLICIT, track.rank
    if track.parent:
        descriptor.parent_uuid = track.parent
    if track.unit is not None:
        descriptor.counter.unit = descriptor.counter.Unit.Value(f"UNIT_{track.unit}")


def _write(packet: "TracePacket", event: TrackEvent) -> None:
    packet.trusted_packet_sequence_id = _SEQUENCE
    packet.timestamp = event.time_ns
    written = packet.track_event
    written.type, written.track_uuid = written.Type.Value(f"TYPE_{event.what}"), event.track
    if event.name:
        written.name = event.name
    for name, text in event.notes:
        written.debug_annotations.add(name=name, string_value=text)
    if event.what is What.COUNT:
        written.counter_value = event.value
    if event.flow_from:
        written.flow_ids.append(event.flow_from)
    if event.flow_to:
        written.terminating_flow_ids.append(event.flow_to)
