"""A time axis on which short steps and long waits can be seen at once: gaps between events are compressed."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

_UNIT_NS = 1_000
_LEAST_SHARE = 0.12
"""Gaps of this length are drawn nearly to scale; of longer ones, the logarithm."""


class TimeScale:
    """Where moments lie on the axis: from 0, in order, the gap between two neighbours by its logarithm.

    Args:
        moments_ns: the moments that something happens at.
        phases_ns: stretches of time, one after the other, of which each has at least a share of the axis.
    """

    def __init__(self, moments_ns: Iterable[int], phases_ns: Sequence[tuple[int, int]] = ()) -> None:
        self._moments_ns = sorted({0, *moments_ns})
        gaps = [(before, math.log2(1 + (after - before) / _UNIT_NS)) for before, after in pairwise(self._moments_ns)]
        factors = _factors([sum(gap for start, gap in gaps if first <= start < last) for first, last in phases_ns])
        self._places = [0.0]
        for start, gap in gaps:
            factor = next((one for one, ends in zip(factors, phases_ns, strict=True) if ends[0] <= start < ends[1]), 1)
            self._places.append(self._places[-1] + gap * factor)

    @property
    def end(self) -> float:
        """Where the last moment lies."""
        return self._places[-1]

    def place(self, time_ns: int) -> float:
        """Where a moment lies; between two of those given, in proportion."""
        index = bisect_right(self._moments_ns, time_ns) - 1
        if index == len(self._moments_ns) - 1:
            return self._places[-1]
        start_ns, stop_ns = self._moments_ns[index : index + 2]
        start, stop = self._places[index : index + 2]
        return start + (stop - start) * (time_ns - start_ns) / (stop_ns - start_ns)

    def ticks(self, least: float) -> list[int]:
        """Moments to label, at least so far apart on the axis: the first and the last, and those after long gaps.

        The longest gaps are what a reader looks for, so their ends come first.
        """
        places = dict(zip(self._moments_ns, self._places, strict=True))
        chosen: list[int] = []
        for moment in self.by_importance():
            if all(abs(places[moment] - places[other]) >= least for other in chosen):
                chosen.append(moment)
        return sorted(chosen)

    def by_importance(self) -> list[int]:
        """All moments: the first and the last, then the ends of gaps, the longest first."""
        gaps = zip(self._places, self._places[1:], self._moments_ns, self._moments_ns[1:], strict=False)
        by_gap = [one for _, _, *ends in sorted(gaps, key=lambda gap: gap[0] - gap[1]) for one in reversed(ends)]
        return list(dict.fromkeys([self._moments_ns[0], self._moments_ns[-1], *by_gap]))


def _factors(widths: list[float]) -> list[float]:
    """By what to stretch the widths of phases, so that none that has any is less than a share of the whole."""
    whole = sum(widths)
    small = [0 < width < _LEAST_SHARE * whole for width in widths]
    rest = sum(width for width, is_small in zip(widths, small, strict=True) if not is_small)
    left = whole * (1 - _LEAST_SHARE * sum(small))
    return [
        _LEAST_SHARE * whole / width if is_small else left / rest if rest else 1.0
        for width, is_small in zip(widths, small, strict=True)
    ]
