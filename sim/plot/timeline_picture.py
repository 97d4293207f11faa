"""A boot as a picture: lanes of the boot's phases, the hotplug lock and each CPU, and the critical path across them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sim.arguments import checked
from sim.causes.critical_path import CriticalPath, critical_path
from sim.errors import InputError
from sim.outcome import Outcome
from sim.plot import style
from sim.plot.picture_rows import MAX_CPUS, cpu_rows
from sim.plot.time_axis import TimeScale
from sim.timeline import (
    BOOT,
    LOCK,
    Lane,
    Mark,
    MarkKind,
    Span,
    SpanKind,
    Timeline,
    beside_others,
    hazard_marks,
    timeline,
)
from sim.units import duration, seconds

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

_WIDTH_IN = 11.0
_HEIGHTS_IN = ((16, 0.30), (64, 0.22), (256, 0.15))
"""Pairs of a number of lanes and the height of a lane in inches, for up to that number of lanes."""
COLOURS = {
    SpanKind.ONLINE: style.LIGHT,
    SpanKind.CPU_ON: style.SKY,
    SpanKind.RELEASED: style.SKY,
    SpanKind.PROBING: style.BLUE,
    SpanKind.VERIFYING: style.GREEN,
    SpanKind.WAITED_FOR: style.PALE,
    SpanKind.ASLEEP: style.BLACK,
    SpanKind.GUEST: style.PINK,
    SpanKind.SAVE: style.RED,
    SpanKind.RESTORE: style.YELLOW,
    SpanKind.LOCK_HELD: style.GREY,
    SpanKind.PHASE: style.LIGHT,
}
"""The colour of each kind of span; kinds are drawn in this order, so that a kind lies above all kinds before it."""
_HATCHES = {SpanKind.WAITED_FOR: "////"}
_BORDERED = {SpanKind.PHASE, SpanKind.LOCK_HELD}
HEIGHTS = {SpanKind.ONLINE: 0.44, SpanKind.WAITED_FOR: 0.52, SpanKind.SAVE: 0.40, SpanKind.RESTORE: 0.40}
"""The heights of the spans that are lower than others, as shares of the lane's height.

A save lies above its guest, and where both are narrower than a pixel the guest shows beyond the save.
"""
HEIGHT_OF_OTHERS = 0.76
_MIN_BORDERED_IN = 0.05
"""The width below which a bar has no edges, in inches: the edges of many narrow bars would hide the bars."""
_DURATIONS_IN = 0.16
"""The room above the lanes for the durations of compressed gaps, in inches."""
_BREAK_SIGN = "//"
BESIDE = 0.36
"""The distance of a hazard's mark from its lane's middle, in lanes, where the CPU has another mark at that moment."""
SIGNS = {
    MarkKind.ALLOCATED: ("v", style.BLUE),
    MarkKind.ALLOCATION_FAILED: ("X", style.RED),
    MarkKind.DIED: ("P", style.RED),
    MarkKind.REFUSED: ("x", style.RED),
    MarkKind.PARKED: ("h", style.PINK),
    MarkKind.NOT_STARTED: ("s", style.ORANGE),
    MarkKind.WARNED: ("d", style.ORANGE),
    MarkKind.PANIC: ("*", style.RED),
    MarkKind.HANG: ("8", style.RED),
    MarkKind.HAZARD: ("^", style.RED),
}
"""The marker and the colour of each kind of mark."""


@style.styled
@checked
def plot_boot(outcome: Outcome, *, linear: bool = False) -> style.Picture:
    """Draw a boot as lanes over time.

    The time axis is not to scale: gaps between events are drawn by their logarithm, so that 2 us and 5 s can both be
    seen. A gap of 1 ms or more has a break mark on the axis and its duration above the lanes, where no longer gap
    beside it takes the room. The black line is the critical path: the waits whose sum is the length of the boot. Above
    256 CPUs the CPUs of a cluster share a lane.

    Args:
        outcome: the outcome of `boot()`.
        linear: draw time to scale.

    >>> from sim import boot, read_scenario
    >>> plot_boot(boot(read_scenario("bug")))  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    return _Drawing(outcome, linear=linear).picture


class _Drawing:
    """A picture in the making: the lanes' rows, the time axis, and the axes to draw on."""

    def __init__(self, outcome: Outcome, *, linear: bool) -> None:
        lanes = timeline(outcome)
        lanes.marks.extend(hazard_marks(outcome))
        rows = cpu_rows(outcome.scenario.topology)
        self._row_of: dict[Lane, int] = {BOOT: 0, LOCK: 1}
        self._row_of |= {cpu: number for number, row in enumerate(rows, 2) for cpu in row.cpus}
        self._labels = [BOOT, LOCK, *(row.label for row in rows)]
        self._scale = TimeScale(moments(lanes), phases(lanes), linear=linear)
        path = path_of(outcome)
        self._end_ns = lanes.end_ns
        self._axis = axis_of(path, linear=linear)
        lane_in = next((height for limit, height in _HEIGHTS_IN if len(rows) <= limit), _HEIGHTS_IN[-1][1])
        # A scenario's names may be long: the lanes keep most of the width.
        labels_in = min(2.4, max(style.text_width_in(label, style.SMALL_PT) for label in self._labels)) + 0.2
        self._width_in = width_in = _WIDTH_IN - labels_in - 0.35
        handles = _handles(lanes, has_path=path is not None)
        below_in = 0.55 + style.legend_height_in(handles, _WIDTH_IN - 0.3)
        height_in = lane_in * len(self._labels)
        above_in = _DURATIONS_IN if self._scale.breaks() else 0.0
        whole_in = height_in + below_in + above_in
        self.picture = style.new_picture(_WIDTH_IN, whole_in, _title(outcome), _subtitle(outcome, path))
        self._axes = style.axes_at(self.picture, labels_in, below_in, width_in, height_in)
        self._prepare(labels_in, width_in)
        self._draw_breaks()
        self._draw(lanes)
        if path is not None:
            self._draw_path(path)
        style.legend(self.picture, handles, 0.15, 0.08, _WIDTH_IN - 0.3)

    def _prepare(self, labels_in: float, width_in: float) -> None:
        axes, end = self._axes, self._scale.end or 1.0
        axes.set_xlim(0, end)
        axes.set_ylim(len(self._labels) - 0.5, -0.5)
        names = [style.shortened(label, labels_in - 0.15, style.SMALL_PT) for label in self._labels]
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.tick_params(axis="y", length=0)
        tick_in = style.text_width_in(seconds(self._end_ns), style.SMALL_PT) + 0.08
        ticks = self._scale.ticks(end * tick_in / width_in)
        axes.set_xticks([self._scale.place(tick) for tick in ticks], [seconds(tick) for tick in ticks])
        axes.set_xlabel(self._axis, size=style.SMALL_PT)
        for tick in ticks:
            axes.axvline(self._scale.place(tick), color=style.PALE, linewidth=0.6, zorder=0)
        axes.axhline(1.5, color=style.LIGHT, linewidth=0.6)

    def _draw_breaks(self) -> None:
        """Mark the compressed gaps on the axis, with their durations above the lanes."""
        bottom, taken = len(self._labels) - 0.5, list[tuple[float, float]]()
        for start_ns, end_ns in self._scale.breaks():
            middle = (self._scale.place(start_ns) + self._scale.place(end_ns)) / 2
            words = about(end_ns - start_ns)
            half_in = max(style.text_width_in(one, style.SMALL_PT) for one in (words, _BREAK_SIGN)) / 2 + 0.03
            start_in, end_in = self._in(middle) - half_in, self._in(middle) + half_in
            # The longest gaps come first, and a gap whose words would overlap those of a longer gap goes without.
            if all(end_in < first or start_in > last for first, last in taken):
                taken.append((start_in, end_in))
                self._draw_break(middle, bottom, words)

    def _draw_break(self, place: float, bottom: float, words: str) -> None:
        # The sign lies on a piece of paper, which cuts the axis.
        paper = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6}
        grey: dict[str, Any] = {"size": style.SMALL_PT, "ha": "center", "color": style.GREY}
        self._axes.text(place, bottom, _BREAK_SIGN, va="center", bbox=paper, **grey)
        self._axes.annotate(words, (place, -0.5), (0, 2), textcoords="offset points", **grey)

    def _in(self, width: float) -> float:
        """Return a width on the axis in inches."""
        return width / (self._scale.end or 1.0) * self._width_in

    def _draw(self, lanes: Timeline) -> None:
        by_row: dict[tuple[int, SpanKind], list[Span]] = {}
        for span in lanes.spans:
            by_row.setdefault((self._row_of[span.lane], span.kind), []).append(span)
        # A single collection of bars for each kind and row, however many spans: a boot may have thousands.
        for order, kind in enumerate(COLOURS, 2):
            for (row, spans_kind), spans in by_row.items():
                if spans_kind is kind:
                    self._draw_spans(row, kind, spans, order)
        for mark, is_beside in zip(lanes.marks, beside_others(lanes.marks), strict=True):
            self._draw_mark(mark, BESIDE if is_beside else 0.0)
        for span in lanes.spans:
            if span.kind is SpanKind.PHASE:
                self._name_phase(span)

    def _draw_spans(self, row: int, kind: SpanKind, spans: list[Span], order: int) -> None:
        height = HEIGHTS.get(kind, HEIGHT_OF_OTHERS)
        hatch = _HATCHES.get(kind, "")
        bars = list(self._merged(spans))
        bordered = [kind in _BORDERED and self._in(width) >= _MIN_BORDERED_IN for _, width in bars]
        self._axes.broken_barh(
            bars,
            (row - height / 2, height),
            facecolor=COLOURS[kind],
            hatch=hatch,
            edgecolor=[style.ORANGE if hatch else style.PAPER if one else "none" for one in bordered],
            linewidth=[1.0 if one else 0.3 for one in bordered],
            zorder=order,
        )

    def _merged(self, spans: list[Span]) -> Iterator[tuple[float, float]]:
        """Yield the starts and widths of spans; spans that overlap, of CPUs that share a row, are merged."""
        start = end = -1.0  # no span yet: places on the axis begin at 0
        shared = len({span.lane for span in spans}) > 1
        for first, last in sorted((self._scale.place(span.start_ns), self._scale.place(span.end_ns)) for span in spans):
            # A lane's own spans that follow each other at once, such as two holds of the lock, stay apart; where they
            # are too narrow for edges, seams between them would only make them pale.
            is_apart = first == end and not shared and self._in(last - first) >= _MIN_BORDERED_IN
            if first > end or is_apart:
                if end >= 0:
                    yield start, end - start
                start, end = first, last
            else:
                end = max(end, last)
        yield start, end - start

    def _draw_mark(self, mark: Mark, above: float) -> None:
        marker, colour = SIGNS[mark.kind]
        self._axes.plot(
            self._scale.place(mark.time_ns),
            self._row_of[mark.lane] - above,
            linestyle="none",
            marker=marker,
            color=colour,
            markersize=5,
            markeredgewidth=1.5 if marker == "x" else 0.5,
            zorder=20,
            clip_on=False,  # a mark at the very beginning or end is drawn whole
        )

    def _name_phase(self, span: Span) -> None:
        start, end = self._scale.place(span.start_ns), self._scale.place(span.end_ns)
        if style.text_width_in(span.detail, style.SMALL_PT) <= self._in(end - start) - 0.06:
            middle = (start + end) / 2
            self._axes.text(
                middle, 0, span.detail, size=style.SMALL_PT, ha="center", va="center", zorder=15, parse_math=False
            )

    def _draw_path(self, path: CriticalPath) -> None:
        nodes = [path.graph.nodes[event] for event in path.events]
        places = [self._scale.place(node["time_ns"]) for node in nodes]
        # An event of the whole system has no CPU and is drawn on the boot CPU's lane.
        rows = [self._row_of[node["cpu"] or 0] for node in nodes]
        # steps-pre: the line changes lanes when the cause happens, and then runs along the lane of the CPU that waits.
        self._axes.plot(places, rows, drawstyle="steps-pre", color=style.BLACK, linewidth=0.9, zorder=12)


def about(duration_ns: int) -> str:
    """Return a duration with two digits."""
    return duration(round(duration_ns, 2 - len(str(duration_ns))))


def axis_of(path: CriticalPath | None, *, linear: bool = False) -> str:
    """Return the label of the time axis. A boot by a schedule has no critical path, and counts steps."""
    if path is None:
        return "steps of the schedule, with the log's timestamps: 0.000001 a step"
    return "time in seconds, as in the log" + ("" if linear else "; long gaps are compressed")


def phases(lanes: Timeline) -> list[tuple[int, int]]:
    """Return the start and end of each phase of a boot, in nanoseconds."""
    return [(span.start_ns, span.end_ns) for span in lanes.spans if span.kind is SpanKind.PHASE]


def moments(lanes: Timeline) -> Iterator[int]:
    """Yield every moment at which a span begins or ends, a mark lies, or the boot ends, in nanoseconds."""
    for span in lanes.spans:
        yield span.start_ns
        yield span.end_ns
    yield from (mark.time_ns for mark in lanes.marks)
    yield lanes.end_ns


def path_of(outcome: Outcome) -> CriticalPath | None:
    """Return the critical path; None for a boot by a schedule, which has no times."""
    try:
        return critical_path(outcome)
    except InputError:
        return None


def _title(outcome: Outcome) -> str:
    return outcome.scenario.name or "a boot"


def _subtitle(outcome: Outcome, path: CriticalPath | None) -> str:
    scenario = outcome.scenario
    design = scenario.active_design
    subtitle = f"Linux {scenario.kernel_words}, KVM {scenario.kvm_mode}"
    if design is not None and scenario.has_pkvm:
        subtitle += f", design {design.name}, relay {scenario.relay}"
    if len(scenario.topology.cpus) > MAX_CPUS:
        subtitle += "; a bar stands for at least one of the lane's CPUs"
    return subtitle if path is None else f"{subtitle}: {path.sentence}"


def _handles(lanes: Timeline, *, has_path: bool) -> "list[Patch | Line2D]":
    """Return the entries of the legend: the kinds of spans and marks that occur."""
    span_kinds = {span.kind for span in lanes.spans if span.takes_time} - {SpanKind.PHASE}
    mark_kinds = {mark.kind for mark in lanes.marks}
    handles: list[Patch | Line2D] = [
        style.patch(kind.value, colour, _HATCHES.get(kind, ""), edgecolor=style.ORANGE if kind in _HATCHES else None)
        for kind, colour in COLOURS.items()
        if kind in span_kinds
    ]
    handles += [
        style.sign(kind.value, marker, colour) for kind, (marker, colour) in SIGNS.items() if kind in mark_kinds
    ]
    if has_path:
        handles.append(style.line("critical path", style.BLACK))
    return handles
