"""A boot as frames to be watched: at each moment what happened, the states of CPUs, the log, and what the kernel knows.

A frame holds what changed; player.js adds the changes up. The states are read from the timeline's spans, so that the
player and the timeline show the same.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sim.boot_run import booted_again
from sim.event_text import event_sentence
from sim.facts import CpuState, Facts
from sim.feature_facts import FeatureState
from sim.kernel.feature_history import KnownFeatures, KnownLengths
from sim.outcome import Outcome
from sim.plot.timeline_picture import COLOURS
from sim.report.interactive_timeline import Lanes, page_colour
from sim.show.console import lengths
from sim.timeline import MarkKind, SpanKind, Timeline
from sim.titles import title
from sim.units import seconds, timestamp
from sim.vectors import bits_from_vqs

MAX_FRAMES = 20_000
"""The number of frames above which the player would be too large for a page."""
_OFF, _LOST = "off", "lost"
_LASTING = {
    MarkKind.REFUSED,
    MarkKind.DIED,
    MarkKind.PARKED,
    MarkKind.NOT_STARTED,
    MarkKind.PANIC,
    MarkKind.HANG,
}
"""The marks that tell a CPU's state from then on."""
_FINAL = {MarkKind.PANIC, MarkKind.HANG}
"""The marks after which nothing else counts."""
_STATES: tuple[SpanKind | MarkKind, ...] = (*(kind for kind in COLOURS if kind is not SpanKind.PHASE), *_LASTING)
_LENGTH_FIELDS = [name for name in KnownLengths._fields if name != "type"]
_SETS = {"vq_map", "vq_partial_map"}


class State(NamedTuple):
    """A state of CPUs: its name, and its colour; without a colour it is off."""

    name: str
    colour: str = ""


class _Lane:
    """The state of a CPU as the moments pass: the spans that are open, and a mark that lasts."""

    def __init__(self) -> None:
        self._open: Counter[SpanKind] = Counter()
        self._mark: MarkKind | None = None
        self.is_hazardous = False

    def begin(self, kind: SpanKind) -> None:
        """Begin a span. A CPU that is brought up again is no longer what a mark told."""
        self._open[kind] += 1
        if kind is not SpanKind.WAITED_FOR and self._mark not in _FINAL:
            self._mark = None

    def end(self, kind: SpanKind) -> None:
        """End a span."""
        self._open[kind] -= 1

    def mark(self, kind: MarkKind) -> None:
        """Note a mark."""
        if kind is MarkKind.HAZARD:
            self.is_hazardous = True
        elif kind in _LASTING and self._mark not in _FINAL:
            self._mark = kind

    @property
    def state(self) -> str:
        """The name of the CPU's state."""
        shown = [kind for kind in COLOURS if self._open[kind] > 0]  # the last is drawn above the others
        if self._mark is not None and (self._mark in _FINAL or set(shown) <= {SpanKind.WAITED_FOR}):
            return self._mark.value
        return shown[-1].value if shown else _OFF


class Frames:
    """The frames of a boot, one for each moment at which something happened.

    Args:
        outcome: the boot.
        timeline: its timeline, with the marks of hazards.
        lanes: its lanes, which know the places of moments; None where the page has no timeline.
    """

    def __init__(self, outcome: Outcome, timeline: Timeline, lanes: Lanes | None) -> None:
        self._facts, self._timeline, self._lanes = outcome.facts, timeline, lanes
        self._history = _history(outcome)
        self._moments_ns = _moments(outcome.facts, timeline, self._history)

    def __len__(self) -> int:
        return len(self._moments_ns)

    @property
    def states(self) -> list[State]:
        """The states that CPUs can have, the first where all begin."""
        told = [State(kind.value, page_colour(kind)) for kind in _STATES]
        return [State(_OFF), *told, State(_LOST, page_colour(MarkKind.REFUSED))]

    def data(self, max_lines: int) -> dict[str, object]:
        """Return what player.js shows.

        Args:
            max_lines: the number of lines of the log that the page has at most.
        """
        facts = self._facts
        topology = facts.scenario.topology
        told = self._told_types()
        return {
            "cpus": [topology.label(number) for number in range(len(topology.cpus))],
            "states": self.states,
            "frames": self._frames(),
            "log": [f"{timestamp(line.time_ns)} {line.text}" for line in facts.log[:max_lines]],
            "types": [str(self._history[0].lengths[place].type) for place in told],
            "fields": [title(f"{name}_bits" if name in _SETS else name) for name in _LENGTH_FIELDS],
            "records": [_record([known.lengths[place] for place in told]) for known in self._history],
            "capabilities": [_capabilities(known, facts.features_at_end) for known in self._history],
        }

    def _told_types(self) -> list[int]:
        """Return the places of the vector types that the system had at some moment, in the record."""
        places = range(len(self._history[0].lengths)) if self._history else ()
        had = [known.lengths for known in self._history]
        return [place for place in places if any(one[place].supported or one[place].vq_partial_map for one in had)]

    def _frames(self) -> list[list[object]]:
        facts = self._facts
        log_ns = [line.time_ns for line in facts.log]
        known_ns = [known.time_ns for known in self._history]
        told = self._told()
        changes = self._changes()
        return [
            [
                seconds(now_ns),
                None if self._lanes is None else self._lanes.place(now_ns),
                told.get(now_ns, []),
                changes[now_ns],
                bisect_right(log_ns, now_ns),
                bisect_right(known_ns, now_ns) - 1,
            ]
            for now_ns in self._moments_ns
        ]

    def _told(self) -> dict[int, list[str]]:
        """Return what happened at each moment, in sentences: events, then hazards."""
        told: dict[int, list[str]] = {}
        for event in self._facts.events:
            told.setdefault(event.time_ns, []).append(event_sentence(event, self._facts.scenario.topology))
        for mark in self._timeline.marks:
            if mark.kind is MarkKind.HAZARD:
                where = f"{self._facts.label(mark.lane)}: " if isinstance(mark.lane, int) else ""
                told.setdefault(mark.time_ns, []).append(f"{where}hazard: {mark.detail}")
        return told

    def _changes(self) -> dict[int, list[list[object]]]:
        """Return, for each moment, the CPUs whose state changed, with the place of the new state."""
        cpus = range(len(self._facts.scenario.topology.cpus))
        lanes = {number: _Lane() for number in cpus}
        begins, ends, marks = _by_time(self._timeline)
        place = {state.name: number for number, state in enumerate(self.states)}
        shown: dict[int, tuple[str, bool]] = dict.fromkeys(cpus, (_OFF, False))
        changes: dict[int, list[list[object]]] = {}
        last_ns = self._moments_ns[-1]
        for now_ns in self._moments_ns:
            touched = set[int]()
            for lane, kind in ends.get(now_ns, []):
                lanes[lane].end(kind)
                touched.add(lane)
            for lane, kind in begins.get(now_ns, []):
                lanes[lane].begin(kind)
                touched.add(lane)
            for lane, mark in marks.get(now_ns, []):
                lanes[lane].mark(mark)
                touched.add(lane)
            changes[now_ns] = []
            for number in cpus if now_ns == last_ns else sorted(touched):
                state = self._at_end(number, lanes[number]) if now_ns == last_ns else lanes[number].state
                if shown[number] != (state, lanes[number].is_hazardous):
                    shown[number] = state, lanes[number].is_hazardous
                    changes[now_ns].append([number, place[state], int(lanes[number].is_hazardous)])
        return changes

    def _at_end(self, number: int, lane: _Lane) -> str:
        """Return the state at the end, where the timeline ends all spans, even those that went on."""
        state = lane.state
        if state != _OFF:
            return state
        match self._facts.state(number):
            case CpuState.ONLINE:
                return SpanKind.ONLINE.value
            case CpuState.LOST:
                return _LOST
            case _:
                return state


def _history(outcome: Outcome) -> tuple[KnownFeatures, ...]:
    """Return a boot's history of features; an outcome without it is booted again, and that of a schedule has none."""
    recorded = outcome if outcome.history is not None else booted_again(outcome, history=True)
    return () if recorded is None else recorded.history or ()


def _moments(facts: Facts, timeline: Timeline, history: tuple[KnownFeatures, ...]) -> list[int]:
    """Return the moments at which something happened, in nanoseconds, in order."""
    moments_ns = {event.time_ns for event in facts.events} | {line.time_ns for line in facts.log}
    moments_ns |= {mark.time_ns for mark in timeline.marks} | {known.time_ns for known in history}
    return sorted(moments_ns | {timeline.end_ns})


_ByTime = dict[int, list[tuple[int, SpanKind]]]


def _by_time(timeline: Timeline) -> tuple[_ByTime, _ByTime, dict[int, list[tuple[int, MarkKind]]]]:
    """Return the spans that begin and those that end at each moment, and its marks; those of CPUs alone."""
    begins: _ByTime = {}
    ends: _ByTime = {}
    marks: dict[int, list[tuple[int, MarkKind]]] = {}
    for span in timeline.spans:
        if isinstance(span.lane, int) and span.start_ns < span.end_ns:
            begins.setdefault(span.start_ns, []).append((span.lane, span.kind))
            ends.setdefault(span.end_ns, []).append((span.lane, span.kind))
    for mark in timeline.marks:
        if isinstance(mark.lane, int):
            marks.setdefault(mark.time_ns, []).append((mark.lane, mark.kind))
    return begins, ends, marks


def _record(known: Sequence[KnownLengths]) -> list[list[str]]:
    """Return the cells of the record's table: a row for each field, with a cell for each vector type."""
    return [[_cell(name, getattr(one, name)) for one in known] for name in _LENGTH_FIELDS]


def _cell(name: str, value: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return lengths(bits_from_vqs(value)) if name in _SETS else f"{value:,}"


def _capabilities(known: KnownFeatures, end: FeatureState | None) -> list[str]:
    """Return the capabilities that the kernel has words for, as the terminal does.

    Where lengths alone are modelled there are none.

    Args:
        known: what is known at a moment.
        end: the features at the end, which tell the capabilities of single CPUs that no CPU turned out to have.
    """
    if end is None:
        return []
    vacant = {one.entry.label for one in end.capabilities if one.entry.per_cpu is not None and not one.cpus}
    return [one.words for one in known.capabilities if one.words is not None and one.label not in vacant]
