"""A trace as plain data: tracks as a tree, and what happens on them."""

from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    """What a counter counts, as Perfetto calls it."""

    COUNT = "COUNT"
    BYTES = "SIZE_BYTES"


class Track(NamedTuple):
    """A line of a trace, or a group of lines; `parent` is the number of another, 0 of none."""

    name: str
    parent: int
    rank: int
    """Its place among the tracks of its parent: lower ones come first."""
    unit: Unit | None = None
    """What it counts, where it is a counter."""


class What(StrEnum):
    """What happens on a track, as Perfetto calls it."""

    BEGIN = "SLICE_BEGIN"
    END = "SLICE_END"
    """The innermost slice ends."""
    INSTANT = "INSTANT"
    COUNT = "COUNTER"


class TrackEvent(NamedTuple):
    """Something that happens on a track."""

    time_ns: int
    track: int
    what: What
    name: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    """Particulars, each with its name."""
    value: int = 0
    """What a counter has from now on."""
    flow_from: int = 0
    """The number of the flow that begins here; 0: none."""
    flow_to: int = 0
    """The number of the flow that ends here; 0: none."""


class Trace:
    """Tracks, numbered from 1 in their order, and events: in order on each track, and not between them."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.events: list[TrackEvent] = []

    def track(self, name: str, parent: int, rank: int, unit: Unit | None = None) -> int:
        """Add a track, and return its number."""
        self.tracks.append(Track(name, parent, rank, unit))
        return len(self.tracks)

    def begin(self, track: int, time_ns: int, name: str, **notes: str) -> None:
        """Begin a slice; notes that are empty are left out."""
        self.events.append(TrackEvent(time_ns, track, What.BEGIN, name, _told(notes)))

    def end(self, track: int, time_ns: int) -> None:
        """End the innermost slice."""
        self.events.append(TrackEvent(time_ns, track, What.END))

    def instant(self, track: int, time_ns: int, name: str, flow_from: int = 0, flow_to: int = 0, **notes: str) -> None:
        """Add something that takes no time; notes that are empty are left out."""
        event = TrackEvent(time_ns, track, What.INSTANT, name, _told(notes), flow_from=flow_from, flow_to=flow_to)
        self.events.append(event)

    def count(self, track: int, time_ns: int, value: int) -> None:
        """Set a counter."""
        self.events.append(TrackEvent(time_ns, track, What.COUNT, value=value))


def _told(notes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in notes.items() if text)
