"""Spans arranged in rows, within each of which any two spans are nested or disjoint.

Perfetto closes the innermost slice of a track first, so that slices on one track have to nest. Spans of a boot do not
always: a CPU's number may come online on the hardware of a latecomer, while its own hardware is still on its way.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sim.timeline import Span


class Edge(NamedTuple):
    """The beginning of a span, or the end of the innermost open span, where `span` is None."""

    time_ns: int
    span: Span | None


def nest_spans(spans: Iterable[Span]) -> list[list[Edge]]:
    """Arrange spans in rows by first fit, and return each row as edges in the order of time.

    Of two spans with the same beginning and end the later one is the outer: a timeline lists spans in the order in
    which they end.

    >>> from sim.timeline import SpanKind
    >>> on, off = (Span(1, SpanKind.ONLINE, 0, 9), Span(1, SpanKind.CPU_ON, 4, 12))
    >>> [[edge.time_ns for edge in row] for row in nest_spans([on, off])]
    [[0, 9], [4, 12]]
    """
    rows: list[list[Edge]] = []
    # The earliest start first, and of equal starts the longest span. Sorting in the opposite order and reversing keeps
    # that, and puts the later of two equal spans first.
    remaining = sorted(spans, key=lambda span: (-span.start_ns, span.end_ns))[::-1]
    while remaining:
        row, remaining = _fill_row(remaining)
        rows.append(row)
    return rows


def _fill_row(spans: list[Span]) -> tuple[list[Edge], list[Span]]:
    """Fill a row with spans that nest, and return its edges and the spans that are left over."""
    edges: list[Edge] = []
    open_spans: list[Span] = []
    remaining: list[Span] = []
    for span in spans:
        # A span that begins as another ends lies beside it, not inside: the end comes first.
        while open_spans and open_spans[-1].end_ns <= span.start_ns:
            edges.append(Edge(open_spans.pop().end_ns, None))
        # Spans come by their starts, so a span overlaps the innermost open span without nesting if it ends later.
        if open_spans and open_spans[-1].end_ns < span.end_ns:
            remaining.append(span)
        else:
            open_spans.append(span)
            edges.append(Edge(span.start_ns, span))
    edges += [Edge(span.end_ns, None) for span in reversed(open_spans)]
    return edges, remaining
