"""The interactive timeline of a boot: the data from which timeline.js draws lanes that can be zoomed and pointed at."""

from typing import NamedTuple

from sim.causes.critical_path import CriticalPath
from sim.outcome import Outcome
from sim.plot import style
from sim.plot.picture_rows import cpu_rows
from sim.plot.time_axis import TimeScale
from sim.plot.timeline_picture import BESIDE, COLOURS, HEIGHT_OF_OTHERS, HEIGHTS, SIGNS, about, axis_of, moments, phases
from sim.timeline import BOOT, LOCK, Lane, Mark, MarkKind, Span, SpanKind, Timeline, beside_others
from sim.topology import Topology
from sim.units import duration, seconds

MAX_SPANS = 20_000
"""The number of spans above which the timeline would be too slow for a page."""
_MAX_TICKS = 4_000
"""The number of labels that a zoom can choose from."""
_DECIMALS = 4
"""The decimals of places: the whole axis is some ten to some thousand wide."""
_SHAPES = {
    MarkKind.ALLOCATED: "M-5-4H5L0 5Z",
    MarkKind.ALLOCATION_FAILED: "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z",
    MarkKind.DIED: "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2Z",
    MarkKind.REFUSED: "M-5-4-4-5 0-1 4-5 5-4 1 0 5 4 4 5 0 1-4 5-5 4-1 0Z",
    MarkKind.PARKED: "M-5 0-2.5-4.5H2.5L5 0 2.5 4.5H-2.5Z",
    MarkKind.NOT_STARTED: "M-4-4H4V4H-4Z",
    MarkKind.WARNED: "M0-5 4 0 0 5-4 0Z",
    MarkKind.PANIC: "M0-6 1.6-2H6L2.5.7 3.8 5 0 2.4-3.8 5-2.5.7-6-2H-1.6Z",
    MarkKind.HANG: "M-2-5H2L5-2V2L2 5H-2L-5 2V-2Z",
    MarkKind.HAZARD: "M0-5.5 5.5 4.5H-5.5Z",
}
"""The outline of each kind of mark around its place, in pixels, as an SVG path."""
_ON_PAGE = {style.BLACK: "var(--ink)", style.LIGHT: "var(--bar)", style.PALE: "var(--pale)"}
"""The colours that differ on dark paper, as the page's style names them."""


class View(NamedTuple):
    """A part of the time axis to zoom to: its name, and the places of its start and end."""

    name: str
    range: tuple[float, float]


class Key(NamedTuple):
    """An entry of the legend: a name, a colour, and the outline of a mark; empty for a span."""

    name: str
    colour: str
    shape: str = ""


def page_colour(kind: SpanKind | MarkKind) -> str:
    """Return the colour of a kind of span or mark, as the page's style has it."""
    if kind is SpanKind.WAITED_FOR:
        return "url(#hatched)"
    colour = COLOURS[kind] if isinstance(kind, SpanKind) else SIGNS[kind][1]
    return _ON_PAGE.get(colour, colour)


class Lanes:
    """The timeline of a boot, with the same lanes, colours and time axis as the picture's (`TimeScale`).

    The program on the page does not know the compressed scale: it gets places on it, and labels for some of them. Names
    and details are plain text, which the program never reads as HTML.
    """

    def __init__(self, outcome: Outcome, timeline: Timeline, path: CriticalPath | None) -> None:
        self._timeline, self._path = timeline, path
        self._scale = TimeScale(moments(timeline), phases(timeline))
        self._topology = outcome.scenario.topology
        rows = cpu_rows(self._topology)
        self._names = [BOOT, LOCK, *(row.label for row in rows)]
        self._row_of: dict[Lane, int] = {BOOT: 0, LOCK: 1}
        self._row_of |= {cpu: number for number, row in enumerate(rows, 2) for cpu in row.cpus}
        self._span_kinds = [kind for kind in COLOURS if any(span.kind is kind for span in timeline.spans)]
        self._mark_kinds = [kind for kind in SIGNS if any(mark.kind is kind for mark in timeline.marks)]

    @property
    def views(self) -> list[View]:
        """The whole boot, and each of its phases that takes time."""
        whole = self._view("all", 0, self._timeline.end_ns)
        spans = [span for span in self._timeline.spans if span.kind is SpanKind.PHASE and span.start_ns < span.end_ns]
        return [whole, *(self._view(span.detail, span.start_ns, span.end_ns) for span in spans)]

    def _view(self, name: str, start_ns: int, end_ns: int) -> View:
        start, end = self._scale.place(start_ns), self._scale.place(end_ns)
        margin = 0.01 * (end - start)
        return View(name, (start - margin, end + margin))

    @property
    def keys(self) -> list[Key]:
        """The legend: the kinds of spans and marks that occur."""
        seen = {span.kind for span in self._timeline.spans if span.takes_time} - {SpanKind.PHASE}
        spans = [Key(kind.value, page_colour(kind)) for kind in self._span_kinds if kind in seen]
        return [*spans, *(Key(kind.value, page_colour(kind), _SHAPES[kind]) for kind in self._mark_kinds)]

    @property
    def has_path(self) -> bool:
        """True if the critical path is drawn."""
        return self._path is not None

    @property
    def axis(self) -> str:
        """The label of the time axis."""
        return axis_of(self._path)

    def place(self, time_ns: int) -> float:
        """Return the place of a moment on the time axis."""
        return round(self._scale.place(time_ns), _DECIMALS)

    def data(self) -> dict[str, object]:
        """Return what timeline.js draws; spans in the order in which they are drawn."""
        spans = sorted(self._timeline.spans, key=lambda span: self._span_kinds.index(span.kind))
        nodes = [] if self._path is None else [self._path.graph.nodes[event] for event in self._path.events]
        return {
            "lanes": self._names,
            "kinds": [
                [page_colour(kind), HEIGHTS.get(kind, HEIGHT_OF_OTHERS), kind is SpanKind.PHASE]
                for kind in self._span_kinds
            ],
            "spans": [
                [
                    self._span_kinds.index(span.kind),
                    self._row_of[span.lane],
                    self.place(span.start_ns),
                    self.place(span.end_ns),
                    span.detail if span.kind is SpanKind.PHASE else "",
                    _of_span(span, self._topology),
                ]
                for span in spans
            ],
            "shapes": [[page_colour(kind), _SHAPES[kind]] for kind in self._mark_kinds],
            "marks": [
                [
                    self._mark_kinds.index(mark.kind),
                    self._row_of[mark.lane],
                    self.place(mark.time_ns),
                    _of_mark(mark, self._topology),
                    BESIDE if is_beside else 0,
                ]
                for mark, is_beside in zip(self._timeline.marks, beside_others(self._timeline.marks), strict=True)
            ],
            # An event of the whole system has no CPU and is drawn on the boot CPU's lane.
            "path": [[self.place(node["time_ns"]), self._row_of[node["cpu"] or 0]] for node in nodes],
            # The moments that may be labelled, most important first.
            "ticks": [[self.place(moment), seconds(moment)] for moment in self._scale.by_importance()[:_MAX_TICKS]],
            "breaks": [
                [self.place(start_ns), self.place(end_ns), about(end_ns - start_ns)]
                for start_ns, end_ns in self._scale.breaks()
            ],
        }


def _of_span(span: Span, topology: Topology) -> str:
    length = duration(span.end_ns - span.start_ns)
    when = f"{seconds(span.start_ns)} to {seconds(span.end_ns)} s, {length}"
    return "\n".join([f"{_lane_name(span.lane, topology)}: {span.kind.value}", when, *_detail(span.detail)])


def _of_mark(mark: Mark, topology: Topology) -> str:
    when = f"{seconds(mark.time_ns)} s"
    return "\n".join([f"{_lane_name(mark.lane, topology)}: {mark.kind.value}", when, *_detail(mark.detail)])


def _lane_name(lane: Lane, topology: Topology) -> str:
    return topology.label(lane) if isinstance(lane, int) else lane


def _detail(detail: str) -> list[str]:
    return [detail] if detail else []
