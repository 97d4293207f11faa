"""Tests of spans arranged in rows."""

from hypothesis import given
from hypothesis import strategies as st

from sim.timeline import Span, SpanKind
from sim.trace.span_nesting import nest_spans


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted), max_size=8))
def test_rows_have_every_span_once_and_nested(ends: list[list[int]]) -> None:
    spans = [Span(0, SpanKind.ONLINE, start_ns, end_ns) for start_ns, end_ns in ends]
    found = []
    for row in nest_spans(spans):
        times = [edge.time_ns for edge in row]
        assert times == sorted(times)
        inside: list[Span] = []
        for time_ns, span in row:
            if span is None:
                assert inside.pop().end_ns == time_ns
            else:
                inside.append(span)
                found.append(span)
        assert inside == []
    assert sorted(found) == sorted(spans)
