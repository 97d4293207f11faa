"""Traces as Perfetto's protobuf, for ui.perfetto.dev and Perfetto's own tools.

Source: protos/perfetto/trace/ in Perfetto's repository, track_event and track_descriptor.
"""

from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.extras import needed_by
from sim.outcome import Outcome
from sim.trace.boot_trace import build_trace
from sim.trace.tracks import EventType, Track, TrackEvent

if TYPE_CHECKING:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket

MOST_CPUS = 4096
"""The most CPUs of a trace: viewers do not show more tracks."""
_SEQUENCE = 1
"""The packet sequence of all packets: a trace may have several writers, and this trace has a single one."""


def perfetto_trace(outcome: Outcome) -> bytes:
    """Return a boot as the bytes of a Perfetto trace, with times in nanoseconds from the start of the boot.

    Raises:
        InputError: the boot has too many CPUs.
        MissingExtra: the package perfetto is not installed.
    """
    cpus = len(outcome.scenario.topology.cpus)
    if cpus > MOST_CPUS:
        raise InputError(
            f"a Perfetto trace has a track for each CPU: at most {MOST_CPUS:,}, not {cpus:,}; other formats take more"
        )
    with needed_by("sim.save_trace"):
        from perfetto.trace_builder.proto_builder import TraceProtoBuilder
    trace = build_trace(outcome)
    builder = TraceProtoBuilder()
    for number, track in enumerate(trace.tracks, 1):
        _fill_descriptor(builder.add_packet(), number, track)
    # Sorting is stable: events of one track at one time keep their order, in which slices nest.
    for event in sorted(trace.events, key=lambda event: event.time_ns):
        _fill_event(builder.add_packet(), event)
    # The flag marks the first packet of the sequence: its events refer to nothing before it.
    builder.trace.packet[0].sequence_flags = builder.trace.packet[0].SEQ_INCREMENTAL_STATE_CLEARED
    content: bytes = builder.serialize()
    return content


def _fill_descriptor(packet: "TracePacket", number: int, track: Track) -> None:
    packet.trusted_packet_sequence_id = _SEQUENCE
    descriptor = packet.track_descriptor
    descriptor.uuid, descriptor.name = number, track.name
    descriptor.child_ordering, descriptor.sibling_order_rank = descriptor.EXPLICIT, track.rank
    if track.parent:
        descriptor.parent_uuid = track.parent
    if track.unit is not None:
        descriptor.counter.unit = descriptor.counter.Unit.Value(f"UNIT_{track.unit}")


def _fill_event(packet: "TracePacket", event: TrackEvent) -> None:
    packet.trusted_packet_sequence_id = _SEQUENCE
    packet.timestamp = event.time_ns
    track_event = packet.track_event
    track_event.type, track_event.track_uuid = track_event.Type.Value(f"TYPE_{event.type}"), event.track
    if event.name:
        track_event.name = event.name
    for name, text in event.notes:
        track_event.debug_annotations.add(name=name, string_value=text)
    if event.type is EventType.COUNT:
        track_event.counter_value = event.value
    if event.flow_from:
        track_event.flow_ids.append(event.flow_from)
    if event.flow_to:
        track_event.terminating_flow_ids.append(event.flow_to)
