"""Spans put into rows, so that in each row every two of them nest or follow each other."""

from collections.abc import Iterable
from typing import NamedTuple

from sim.timeline import Span


class Edge(NamedTuple):
    """A span begins; or, where it is None, the innermost one ends."""

    time_ns: int
    span: Span | None


def nested(spans: Iterable[Span]) -> list[list[Edge]]:
    """The rows, each as the edges of its spans in order: every beginning has its end, and times never go back.

    A span goes to the first row where it fits. Of two that begin and end together, the later one is the outer: a
    timeline has spans in the order in which they end.

    >>> from sim.timeline import SpanKind
    >>> on, off = (Span(1, SpanKind.ONLINE, 0, 9), Span(1, SpanKind.CPU_ON, 4, 12))
    >>> [[edge.time_ns for edge in row] for row in nested([on, off])]
    [[0, 9], [4, 12]]
    """
    rows: list[list[Edge]] = []
    left = sorted(spans, key=lambda one: (-one.start_ns, one.end_ns))[::-1]
    while left:
        row, left = _row(left)
        rows.append(row)
    return rows


def _row(spans: list[Span]) -> tuple[list[Edge], list[Span]]:
    """A row of spans that nest, and the spans that are left over."""
    edges: list[Edge] = []
    inside: list[Span] = []
    left: list[Span] = []
    for span in spans:
        while inside and inside[-1].end_ns <= span.start_ns:
            edges.append(Edge(inside.pop().end_ns, None))
        if inside and inside[-1].end_ns < span.end_ns:
            left.append(span)
        else:
            inside.append(span)
            edges.append(Edge(span.start_ns, span))
    edges += [Edge(one.end_ns, None) for one in reversed(inside)]
    return edges, left
