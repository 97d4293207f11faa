"""A trace as plain data: a tree of tracks, and the events on them.

The terms are Perfetto's (see its documentation of track events): a slice takes time, an instant takes none, a counter
has a value from one event to the next, and a flow is an arrow between two events.
"""

from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    """The unit of a counter; the values are Perfetto's names without ``UNIT_``."""

    COUNT = "COUNT"
    BYTES = "SIZE_BYTES"


class Track(NamedTuple):
    """A line of a trace, or a group of lines."""

    name: str
    parent: int
    """The number of the parent's track; 0: it has none."""
    rank: int
    """The position among the tracks of the same parent, ascending."""
    unit: Unit | None = None
    """The unit of a counter; None: the track is not a counter."""


class EventType(StrEnum):
    """A kind of event on a track; the values are Perfetto's names without ``TYPE_``."""

    BEGIN = "SLICE_BEGIN"
    END = "SLICE_END"
    """The end of the innermost slice of the track."""
    INSTANT = "INSTANT"
    COUNT = "COUNTER"


class TrackEvent(NamedTuple):
    """An event on a track."""

    time_ns: int
    track: int
    type: EventType
    name: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    """Pairs of a name and a text; Perfetto calls them debug annotations."""
    value: int = 0
    """The counter's value from now on."""
    flow_from: int = 0
    """The number of the flow that begins here; 0: none."""
    flow_to: int = 0
    """The number of the flow that ends here; 0: none."""


class Trace:
    """Tracks, numbered from 1, and events, which are ordered by time within each track but not between tracks."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.events: list[TrackEvent] = []

    def track(self, name: str, parent: int, rank: int, unit: Unit | None = None) -> int:
        """Add a track, and return its number."""
        self.tracks.append(Track(name, parent, rank, unit))
        return len(self.tracks)

    def begin(self, track: int, time_ns: int, name: str, **notes: str) -> None:
        """Begin a slice; empty notes are left out."""
        self.events.append(TrackEvent(time_ns, track, EventType.BEGIN, name, _without_empty(notes)))

    def end(self, track: int, time_ns: int) -> None:
        """End the innermost slice of a track."""
        self.events.append(TrackEvent(time_ns, track, EventType.END))

    def instant(self, track: int, time_ns: int, name: str, flow_from: int = 0, flow_to: int = 0, **notes: str) -> None:
        """Add an instant; empty notes are left out."""
        event = TrackEvent(
            time_ns, track, EventType.INSTANT, name, _without_empty(notes), flow_from=flow_from, flow_to=flow_to
        )
        self.events.append(event)

    def count(self, track: int, time_ns: int, value: int) -> None:
        """Set a counter to a value."""
        self.events.append(TrackEvent(time_ns, track, EventType.COUNT, value=value))


def _without_empty(notes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in notes.items() if text)
