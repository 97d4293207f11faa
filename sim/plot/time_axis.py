"""A time axis: to scale, or with compressed gaps, on which microseconds and seconds can be seen at once.

A plain logarithmic axis would not do: it compresses what comes late, and a boot has short steps at its end too. So the
gap between two neighbouring moments is compressed, wherever it lies.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

_BREAK_NS = 1_000_000
"""The length from which a compressed gap is marked as broken, in ns: a thousand times the logarithm's unit."""
_UNIT_NS = 1_000
"""The scale of the logarithm, in ns: gaps far below 1 us are drawn to scale, longer gaps by their logarithm."""
_MIN_PHASE_SHARE = 0.12
"""The smallest share of the axis that a phase gets."""


class TimeScale:
    """The places of moments on the axis, in the order of time. The first moment lies at 0.

    A gap of t ns between two neighbouring moments is log2(1 + t / 1000) wide. The gaps of a phase are then stretched
    by a common factor, so that each phase has at least 12 % of the phases' width.

    Args:
        moments_ns: the moments at which something happens.
        phases_ns: the start and end of each phase; phases follow each other.
        linear: draw time to scale instead.
    """

    def __init__(
        self, moments_ns: Iterable[int], phases_ns: Sequence[tuple[int, int]] = (), *, linear: bool = False
    ) -> None:
        self._moments_ns = sorted({0, *moments_ns})
        self._linear = linear
        if linear:
            self._places = [moment / _UNIT_NS for moment in self._moments_ns]
            return
        gaps = [(before, math.log2(1 + (after - before) / _UNIT_NS)) for before, after in pairwise(self._moments_ns)]
        factors = _factors([sum(gap for start, gap in gaps if first <= start < last) for first, last in phases_ns])
        self._places = [0.0]
        for start, gap in gaps:
            in_phases = (factor for factor, ends in zip(factors, phases_ns, strict=True) if ends[0] <= start < ends[1])
            self._places.append(self._places[-1] + gap * next(in_phases, 1))

    @property
    def end(self) -> float:
        """The place of the last moment."""
        return self._places[-1]

    def place(self, time_ns: int) -> float:
        """Return the place of a moment, by linear interpolation between its neighbours."""
        index = bisect_right(self._moments_ns, time_ns) - 1
        if index == len(self._moments_ns) - 1:  # no gap follows the last moment
            return self._places[-1]
        start_ns, stop_ns = self._moments_ns[index : index + 2]
        start, stop = self._places[index : index + 2]
        return start + (stop - start) * (time_ns - start_ns) / (stop_ns - start_ns)

    def breaks(self) -> list[tuple[int, int]]:
        """Return the start and the end of each compressed gap of 1 ms or more, the longest first.

        There is none where time is drawn to scale.
        """
        gaps = [] if self._linear else [gap for gap in pairwise(self._moments_ns) if gap[1] - gap[0] >= _BREAK_NS]
        return sorted(gaps, key=lambda gap: (gap[0] - gap[1], gap[0]))

    def ticks(self, distance: float) -> list[int]:
        """Return the moments to label, at least a distance apart on the axis: the most important that have room."""
        places = dict(zip(self._moments_ns, self._places, strict=True))
        chosen: list[int] = []
        for moment in self.by_importance():
            if all(abs(places[moment] - places[other]) >= distance for other in chosen):
                chosen.append(moment)
        return sorted(chosen)

    def by_importance(self) -> list[int]:
        """Return all moments: the first, the last, then the end and the start of each gap, the longest gap first.

        Readers look for the long waits, so these are labelled first.
        """
        gaps = zip(pairwise(self._places), pairwise(self._moments_ns), strict=True)
        longest_first = sorted(gaps, key=lambda gap: gap[0][0] - gap[0][1])
        ends = [moment for _, moments_ns in longest_first for moment in reversed(moments_ns)]
        return list(dict.fromkeys([self._moments_ns[0], self._moments_ns[-1], *ends]))


def _factors(widths: list[float]) -> list[float]:
    """Return the factors that stretch the widths of phases so that each has its share, or is empty.

    With a whole width of W, each of the n phases below 0.12 W is stretched to 0.12 W. The other phases share the
    remaining W (1 - 0.12 n) in proportion to their widths, so the whole width stays the same.
    """
    whole = sum(widths)
    small = [0 < width < _MIN_PHASE_SHARE * whole for width in widths]
    rest = sum(width for width, is_small in zip(widths, small, strict=True) if not is_small)
    left = whole * (1 - _MIN_PHASE_SHARE * sum(small))
    return [
        _MIN_PHASE_SHARE * whole / width if is_small else left / rest if rest else 1.0
        for width, is_small in zip(widths, small, strict=True)
    ]
