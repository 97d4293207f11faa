"""The sums over a sweep's parts, to which each part's record is added once, in any order."""

from sim.study.tally import Tally
from sim.sweep.part_record import PartRecord
from sim.sweep.sweep_plan import Plan
from sim.sweep.times_tally import TimesTallies


class SweepTotals:
    """The tallies of the parts that were added so far."""

    def __init__(self, plan: Plan) -> None:
        settings = plan.space.settings
        self.plan = plan
        self.tallies = [Tally() for _ in settings]
        """One for each setting of the space."""
        self.times = [TimesTallies() for _ in settings] if plan.replications else []
        """In a timing study, one for each setting."""
        self.points = 0
        """The number of points in these parts."""

    def add(self, record: PartRecord) -> None:
        """Add a part's counts."""
        start, stop = self.plan.span(record.part)
        self.points += stop - start
        for tally, counted in zip(self.tallies, record.tallies, strict=True):
            tally.merge(counted.tally())
        for study, records in zip(self.times, record.times, strict=True):
            study.merge(records)
