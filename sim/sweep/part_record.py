"""The counts of one part of a sweep over vector lengths, as a record; `sim.sweep.sealed_part` has its file."""

from collections import Counter

import msgspec

from sim.study import verdict_bits
from sim.study.tally import Example, Tally, hazard_bits
from sim.study.worst_save import Worst
from sim.sweep.parted_plan import Walk
from sim.sweep.sealed_part import CountsRecord
from sim.sweep.sweep_plan import Plan
from sim.sweep.times_tally import TimesRecord
from sim.sweep.timing_study import METRICS
from sim.vectors import VQ_MAX

_ALL_BITS = (verdict_bits.WARNED << 1) - 1
"""Every bit of a system's outcome: the last is `verdict_bits.WARNED`."""
_MOST_BYTES = 0xFFFF
"""More bytes than any save writes: the registers of 2048 bits have 8704."""
_MOST_LENGTHS = 0xFFFF
"""`sim.study.tally.Sizes` packs a number of lengths into 16 bits."""


class TallyRecord(msgspec.Struct, frozen=True):
    """The outcomes of a part's points under one setting."""

    outcomes: list[tuple[int, int, int, int]]
    """Outcome bits (`sim.study.verdict_bits`), the largest VQs of the first and of the last group, and how often these
    occur together, by weight; without cells (`Plan.counts_cells`) both lengths are 0."""
    first: list[tuple[int, int]]
    """Pairs of a hazard's bit and the first point that shows it."""
    smallest: list[tuple[int, Example]]
    """Pairs of a hazard's bit and its smallest example."""
    underrun: Worst | None
    """The most bytes below a buffer's run of pages, and the first point with that number."""
    overrun: Worst | None

    @classmethod
    def of(cls, tally: Tally) -> "TallyRecord":
        """Return the record of a tally."""
        return cls(
            sorted((bits, *cell, times) for (bits, cell), times in tally.cells.items()),
            sorted(tally.first.items()),
            sorted(tally.smallest.items()),
            tally.underrun,
            tally.overrun,
        )

    def tally(self) -> Tally:
        """Return the tally that the record was made of."""
        cells = Counter({(bits, (first, last)): times for bits, first, last, times in self.outcomes})
        return Tally(cells, dict(self.first), dict(self.smallest), self.underrun, self.overrun)

    @property
    def systems(self) -> int:
        """The number of systems, by weight."""
        return sum(times for *_, times in self.outcomes)

    def fits(self, start: int, stop: int, *, has_cells: bool) -> bool:
        """Return True if the points from `start` up to `stop` could have these outcomes, counted by cell or not."""
        cells, first, smallest = {one[:3] for one in self.outcomes}, dict(self.first), dict(self.smallest)
        if (len(cells), len(first), len(smallest)) != (len(self.outcomes), len(self.first), len(self.smallest)):
            return False  # a key stands twice
        most_vq = VQ_MAX if has_cells else 0
        if not all(
            0 <= bits <= _ALL_BITS and 0 <= one <= most_vq and 0 <= other <= most_vq and times >= 1
            for bits, one, other, times in self.outcomes
        ):
            return False
        shown = {bit for bits, *_ in self.outcomes for bit in hazard_bits(bits)}
        # Each hazard that occurs has a first point and a smallest example, and no other has.
        return (
            first.keys() == shown == smallest.keys()
            and self._has_worst(start, stop, is_outside=verdict_bits.OUTSIDE in shown)
            and all(start <= point < stop for point in first.values())
            and all(
                start <= one.point < stop and 0 <= one.largest_vq <= VQ_MAX and 0 <= one.lengths <= _MOST_LENGTHS
                for one in smallest.values()
            )
        )

    def _has_worst(self, start: int, stop: int, *, is_outside: bool) -> bool:
        """Return True if there are worst saves just where some save leaves its run of pages."""
        worst = [one for one in (self.underrun, self.overrun) if one is not None]
        return bool(worst) == is_outside and all(
            1 <= one.bytes <= _MOST_BYTES and start <= one.point < stop for one in worst
        )


class PartRecord(CountsRecord, frozen=True):
    """The content of a part's file of counts."""

    tallies: list[TallyRecord]
    """A record for each setting."""
    times: list[list[TimesRecord]]
    """In a timing study, for each setting a record for each metric; else empty."""

    def fits(self, plan: Plan, number: int) -> bool:
        """Return True if a part of this number of the plan could have this record."""
        if not self.is_part_of(plan, number):
            return False
        start, stop = plan.span(number)
        settings = len(plan.space.settings)
        systems = {one.systems for one in self.tallies}  # the same points under every setting
        return (
            len(self.tallies) == settings
            and all(one.fits(start, stop, has_cells=plan.counts_cells) for one in self.tallies)
            and len(systems) == 1
            # Each point weighs at least 1, and a part cannot weigh more than the whole.
            and stop - start <= min(systems) <= plan.systems
            and self._has_times(plan, stop - start, min(systems))
        )

    def _has_times(self, plan: Plan, points: int, systems: int) -> bool:
        if not plan.replications:
            return not self.times
        return len(self.times) == len(plan.space.settings) and all(
            len(records) == len(METRICS)
            and all(one.fits(points, systems, sampled=plan.walk is Walk.SAMPLE) for one in records)
            for records in self.times
        )
