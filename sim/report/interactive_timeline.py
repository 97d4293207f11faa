"""The boot's timeline that can be zoomed and asked: a plotly figure, and ranges to zoom to."""

from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

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

MOST_SPANS = 20_000
"""More are too many for a page."""
_LANE_PX, _AROUND_PX = 24, 150
_TICKS, _MOST_TICKS = 9, 4_000
_NAME_IN = 1.5
"""No lane's name is wider, so that there is room for lanes on a narrow screen."""
_SYMBOLS = {
    MarkKind.ALLOCATED: "triangle-down",
    MarkKind.ALLOCATION_FAILED: "x",
    MarkKind.REFUSED: "x-thin-open",
    MarkKind.PARKED: "hexagon",
    MarkKind.NOT_STARTED: "square",
    MarkKind.WARNED: "diamond",
    MarkKind.PANIC: "star",
    MarkKind.HAZARD: "triangle-up",
}
_WIDTHS = {SpanKind.ONLINE: 0.44, SpanKind.WAITED_FOR: 0.52}
_WIDTH_OF_REST = 0.76


class View(NamedTuple):
    """A part of the time axis to look at: its name, and from where to where."""

    name: str
    range: tuple[float, float]


class Lanes:
    """A boot's timeline as a plotly figure; places on its time axis are those of the picture's (`TimeScale`)."""

    def __init__(self, outcome: Outcome, told: Timeline, path: CriticalPath | None) -> None:
        self._told, self._path = told, path
        self._scale = TimeScale(moments(told), phases(told))
        rows = cpu_rows(outcome.scenario.topology)
        self._names = [
            BOOT,
            LOCK,
            *(escape(style.shortened(row.label, _NAME_IN, style.SMALL_PT), quote=False) for row in rows),
        ]
        self._row_of: dict[Lane, int] = {BOOT: 0, LOCK: 1}
        self._row_of |= {number: place for place, row in enumerate(rows, 2) for number in row.cpus}

    @property
    def views(self) -> list[View]:
        """The whole boot, and each of its phases."""
        whole = self._view("all", 0, self._told.end_ns)
        named = [one for one in self._told.spans if one.kind is SpanKind.PHASE and one.start_ns < one.end_ns]
        return [whole, *(self._view(one.detail, one.start_ns, one.end_ns) for one in named)]

    def _view(self, name: str, start_ns: int, end_ns: int) -> View:
        start, end = self._scale.place(start_ns), self._scale.place(end_ns)
        margin = 0.01 * (end - start)
        return View(name, (start - margin, end + margin))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Moments that may be labelled, as places and labels: those that matter most first."""
        moments_ns = self._scale.by_importance()[:_MOST_TICKS]
        return [(self._scale.place(one), seconds(one)) for one in moments_ns]

    def figure(self) -> "go.Figure":
        """The figure, without colours of paper and type, which the page's style has."""
        import plotly.graph_objects as go

        whole = self.views[0]
        first = self._scale.ticks(self._scale.end / _TICKS)
        traces = [*self._bars(), *self._path_line(), *self._signs()]
        clear = "rgba(0,0,0,0)"
        layout: dict[str, Any] = {
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
                "tickvals": [self._scale.place(one) for one in first],
                "ticktext": [seconds(one) for one in first],
                "title": {"text": axis_of(self._path), "standoff": 8},
                "zeroline": False,
            },
            "yaxis": {
                "tickvals": list(range(len(self._names))),
                "ticktext": self._names,
                "range": [len(self._names) - 0.5, -0.5],
                "automargin": True,
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
            },
        }
        return go.Figure(traces, layout)

    def _bars(self) -> "Iterator[go.Bar]":
        import plotly.graph_objects as go

        for kind, colour in COLOURS.items():
            spans = [one for one in self._told.spans if one.kind is kind]
            if spans:
                starts = [self._scale.place(one.start_ns) for one in spans]
                yield go.Bar(
                    name=kind.value,
                    orientation="h",
                    base=starts,
                    x=[self._scale.place(one.end_ns) - start for one, start in zip(spans, starts, strict=True)],
                    y=[self._row_of[one.lane] for one in spans],
                    width=_WIDTHS.get(kind, _WIDTH_OF_REST),
                    marker=_marker(kind, colour),
                    text=[escape(one.detail, quote=False) if kind is SpanKind.PHASE else "" for one in spans],
                    textposition="inside",
                    insidetextanchor="middle",
                    constraintext="none",
                    hovertext=[self._of_span(one) for one in spans],
                    hoverinfo="text",
                    showlegend=kind is not SpanKind.PHASE,
                )

    def _signs(self) -> "Iterator[go.Scatter]":
        import plotly.graph_objects as go

        for kind, (_, colour) in SIGNS.items():
            marks = [one for one in self._told.marks if one.kind is kind]
            if marks:
                yield go.Scatter(
                    name=kind.value,
                    mode="markers",
                    x=[self._scale.place(one.time_ns) for one in marks],
                    y=[self._row_of[one.lane] for one in marks],
                    marker={
                        "symbol": _SYMBOLS[kind],
                        "color": colour,
                        "size": 10,
                        "line": {"width": 2, "color": colour},
                    },
                    hovertext=[self._of_mark(one) for one in marks],
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
                line={"shape": "vh", "width": 1.2, "color": "#777777"},
                hoverinfo="skip",
            )

    def _of_span(self, span: Span) -> str:
        took = duration(span.end_ns - span.start_ns)
        when = f"{seconds(span.start_ns)} to {seconds(span.end_ns)} s, {took}"
        return "<br>".join([f"{self._lane(span.lane)}: {span.kind.value}", when, *self._detail(span.detail)])

    def _of_mark(self, mark: Mark) -> str:
        when = f"{seconds(mark.time_ns)} s"
        return "<br>".join([f"{self._lane(mark.lane)}: {mark.kind.value}", when, *self._detail(mark.detail)])

    def _lane(self, lane: Lane) -> str:
        return f"cpu{lane}" if isinstance(lane, int) else lane

    def _detail(self, detail: str) -> list[str]:
        return [escape(detail, quote=False)] if detail else []


def _marker(kind: SpanKind, colour: str) -> dict[str, Any]:
    """How bars of a kind are filled, as in the picture."""
    if kind is SpanKind.WAITED_FOR:
        return {"color": "rgba(0,0,0,0)", "pattern": {"shape": "/", "fgcolor": style.ORANGE, "solidity": 0.4}}
    bordered = kind in {SpanKind.PHASE, SpanKind.LOCK_HELD}
    return {"color": colour, "line": {"color": style.PAPER, "width": 1 if bordered else 0}}
