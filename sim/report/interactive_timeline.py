"""The interactive timeline of a boot: a plotly figure with details to point at, and views to zoom to."""

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from sim.causes.critical_path import CriticalPath
from sim.outcome import Outcome
from sim.plot import style
from sim.plot.picture_rows import cpu_rows
from sim.plot.time_axis import TimeScale
from sim.plot.timeline_picture import COLOURS, SIGNS, axis_of, moments, phases
from sim.timeline import BOOT, LOCK, Lane, Mark, MarkKind, Span, SpanKind, Timeline
from sim.units import duration, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    import plotly.graph_objects as go

MAX_SPANS = 20_000
"""The number of spans above which the figure would be too slow for a page."""
_LANE_PX, _AROUND_PX = 24, 150
_TICKS, _MAX_TICKS = 9, 4_000
"""The number of labels that fit on the axis (`MOST_TICKS` in timeline.js), and of those that a zoom can choose from."""
_MAX_NAME_IN = 1.5
"""The largest width of a lane's name, which leaves room for the lanes on a narrow screen."""
_SYMBOLS = {
    MarkKind.ALLOCATED: "triangle-down",
    MarkKind.ALLOCATION_FAILED: "x",
    MarkKind.DIED: "cross",
    MarkKind.REFUSED: "x-thin-open",
    MarkKind.PARKED: "hexagon",
    MarkKind.NOT_STARTED: "square",
    MarkKind.WARNED: "diamond",
    MarkKind.PANIC: "star",
    MarkKind.HANG: "octagon",
    MarkKind.HAZARD: "triangle-up",
}
_HEIGHTS = {SpanKind.ONLINE: 0.44, SpanKind.WAITED_FOR: 0.52}
"""The heights of the spans that lie below other spans, as shares of the lane's height."""
_HEIGHT_OF_OTHERS = 0.76


class View(NamedTuple):
    """A part of the time axis to zoom to: its name, and the places of its start and end."""

    name: str
    range: tuple[float, float]


class Lanes:
    """A boot's timeline as a plotly figure, with the same time axis as the picture's (`TimeScale`).

    Plotly interprets some HTML elements in texts, so every name and detail is escaped. Plotly does not know the axis's
    compressed scale: it sees places on it, and timeline.js labels them again after each zoom.
    """

    def __init__(self, outcome: Outcome, timeline: Timeline, path: CriticalPath | None) -> None:
        self._timeline, self._path = timeline, path
        self._scale = TimeScale(moments(timeline), phases(timeline))
        rows = cpu_rows(outcome.scenario.topology)
        self._names = [
            BOOT,
            LOCK,
            *(escape(style.shortened(row.label, _MAX_NAME_IN, style.SMALL_PT), quote=False) for row in rows),
        ]
        self._row_of: dict[Lane, int] = {BOOT: 0, LOCK: 1}
        self._row_of |= {cpu: number for number, row in enumerate(rows, 2) for cpu in row.cpus}

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
    def ticks(self) -> list[tuple[float, str]]:
        """The moments that may be labelled, most important first, as places and labels."""
        moments_ns = self._scale.by_importance()[:_MAX_TICKS]
        return [(self._scale.place(moment), seconds(moment)) for moment in moments_ns]

    def figure(self) -> "go.Figure":
        """Return the figure, without the colours of paper and text, which the page's style sets."""
        import plotly.graph_objects as go

        whole = self.views[0]
        ticks = self._scale.ticks(self._scale.end / _TICKS)
        traces = [*self._bars(), *self._path_line(), *self._signs()]
        clear = "rgba(0,0,0,0)"  # the page's paper shows through, light or dark
        layout: dict[str, object] = {
            "template": "none",
            "barmode": "overlay",
            "height": _AROUND_PX + _LANE_PX * len(self._names),
            "margin": {"l": 10, "r": 20, "t": 10, "b": 40},
            "paper_bgcolor": clear,
            "plot_bgcolor": clear,
            "hovermode": "closest",
            "dragmode": "zoom",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "xaxis": {
                "range": whole.range,
                "tickvals": [self._scale.place(tick) for tick in ticks],
                "ticktext": [seconds(tick) for tick in ticks],
                "title": {"text": axis_of(self._path), "standoff": 8},
                "zeroline": False,
            },
            "yaxis": {
                "tickvals": list(range(len(self._names))),
                "ticktext": self._names,
                "range": [len(self._names) - 0.5, -0.5],
                "automargin": True,
                "fixedrange": True,  # zooming is about time: all lanes stay in view
                "showgrid": False,
                "zeroline": False,
            },
        }
        return go.Figure(traces, layout)

    def _bars(self) -> "Iterator[go.Bar]":
        import plotly.graph_objects as go

        for kind, colour in COLOURS.items():
            spans = [span for span in self._timeline.spans if span.kind is kind]
            if spans:
                starts = [self._scale.place(span.start_ns) for span in spans]
                yield go.Bar(
                    name=kind.value,
                    orientation="h",
                    base=starts,
                    x=[self._scale.place(span.end_ns) - start for span, start in zip(spans, starts, strict=True)],
                    y=[self._row_of[span.lane] for span in spans],
                    width=_HEIGHTS.get(kind, _HEIGHT_OF_OTHERS),  # plotly's word for the height of a horizontal bar
                    marker=_marker(kind, colour),
                    text=[escape(span.detail, quote=False) if kind is SpanKind.PHASE else "" for span in spans],
                    textposition="inside",
                    insidetextanchor="middle",
                    constraintext="none",
                    hovertext=[self._of_span(span) for span in spans],
                    hoverinfo="text",
                    showlegend=kind is not SpanKind.PHASE,
                )

    def _signs(self) -> "Iterator[go.Scatter]":
        import plotly.graph_objects as go

        for kind, (_, colour) in SIGNS.items():
            marks = [mark for mark in self._timeline.marks if mark.kind is kind]
            if marks:
                yield go.Scatter(
                    name=kind.value,
                    mode="markers",
                    x=[self._scale.place(mark.time_ns) for mark in marks],
                    y=[self._row_of[mark.lane] for mark in marks],
                    marker={
                        "symbol": _SYMBOLS[kind],
                        "color": colour,
                        "size": 10,
                        "line": {"width": 2, "color": colour},
                    },
                    hovertext=[self._of_mark(mark) for mark in marks],
                    hoverinfo="text",
                )

    def _path_line(self) -> "Iterator[go.Scatter]":
        import plotly.graph_objects as go

        if self._path is not None:
            nodes = [self._path.graph.nodes[event] for event in self._path.events]
            yield go.Scatter(
                name="critical path",
                mode="lines",
                x=[self._scale.place(node["time_ns"]) for node in nodes],
                y=[self._row_of[node["cpu"] or 0] for node in nodes],
                # First vertical, then horizontal, as in the picture: along the lane of the CPU that waits.
                line={"shape": "vh", "width": 1.2, "color": "#777777"},
                hoverinfo="skip",
            )

    def _of_span(self, span: Span) -> str:
        length = duration(span.end_ns - span.start_ns)
        when = f"{seconds(span.start_ns)} to {seconds(span.end_ns)} s, {length}"
        return "<br>".join([f"{_lane_name(span.lane)}: {span.kind.value}", when, *_detail(span.detail)])

    def _of_mark(self, mark: Mark) -> str:
        when = f"{seconds(mark.time_ns)} s"
        return "<br>".join([f"{_lane_name(mark.lane)}: {mark.kind.value}", when, *_detail(mark.detail)])


def _lane_name(lane: Lane) -> str:
    return f"cpu{lane}" if isinstance(lane, int) else lane


def _detail(detail: str) -> list[str]:
    return [escape(detail, quote=False)] if detail else []


def _marker(kind: SpanKind, colour: str) -> dict[str, object]:
    """Return the filling of the bars of a kind, as in the picture."""
    if kind is SpanKind.WAITED_FOR:
        return {"color": "rgba(0,0,0,0)", "pattern": {"shape": "/", "fgcolor": style.ORANGE, "solidity": 0.4}}
    bordered = kind in {SpanKind.PHASE, SpanKind.LOCK_HELD}
    return {"color": colour, "line": {"color": style.PAPER, "width": 1 if bordered else 0}}
