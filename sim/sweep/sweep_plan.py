"""The plan of a sweep over vector lengths.

The same plan gives the same bytes, on any number of machines and in any order.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

from sim.errors import InputError, choice
from sim.files.space_file import space_from_data, space_to_data
from sim.study.points import BLOCK_ROWS, MOST_POINTS, Exhaustive, Points, Sample, UpToSymmetry
from sim.study.system_space import Space
from sim.sweep import parted_plan
from sim.sweep.parted_plan import MOST_PARTS, Keep, PartedPlan, PlanRecord, Walk

COUNTED_POINTS, MOST_COUNTED_POINTS = 1 << 22, 1 << 24
"""The fewest and the most points in a part where rows are only counted; more if there would be more than `MOST_PARTS`.

A larger part has more blocks that are alike; a sweep of fewer parts occupies fewer processes.
"""
_PARTS = 16
"""The least number of parts of larger sweeps than the fewest points suffice for."""
MOST_CELL_POINTS = 1 << 28
"""The largest number of points that are counted by cell, for heat maps: that makes a sweep a quarter longer."""
BOOTS = 1 << 12
"""Boots in a part of a timing study, about."""
MOST_REPLICATIONS = 1_000_000


@dataclass(frozen=True)
class Plan(PartedPlan):
    """The plan of a sweep over vector lengths.

    Raises:
        InputError: the settings contradict each other, or there are more points than can be walked through.
    """

    space: Space
    walk: Walk = Walk.EXHAUSTIVE
    keep: Keep = Keep.COUNTS
    sample: int = 0
    """Number of points in a sample; 0 for the other walks."""
    seed: int = 0
    """The seed of a sample, and of a timing study."""
    replications: int = 0
    """In a timing study, the number of boots of each point under each setting; 0: no boots."""
    part_points: int = 0
    """Points in each part, of which the last may have fewer; below 1: the number that suits the plan."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "walk", choice(Walk, "walk", self.walk))
        object.__setattr__(self, "keep", choice(Keep, "keep", self.keep))
        for name in ("sample", "seed", "replications"):
            if not isinstance(getattr(self, name), int):
                raise InputError(f"{name} is {getattr(self, name)!r:.40}, and must be a whole number")
        self._check_sample(MOST_POINTS)
        if (self.sample > 0) != (self.walk is Walk.SAMPLE):
            raise InputError("only a sample has a number of points, and it needs one")
        if not 0 <= self.replications <= MOST_REPLICATIONS:
            raise InputError(f"{self.replications:,} replications: allowed are 1 to {MOST_REPLICATIONS:,}")
        # The size belongs to the plan and not to the program: a sweep must resume with the parts that it began with.
        usual = self._usual_part_points()
        if self.part_points < 1:
            object.__setattr__(self, "part_points", usual)
        elif self.part_points > usual and (self.replications or self.keep is not Keep.COUNTS):
            # A part's rows and times are held in memory. No plan is made so, but a stranger may have written one.
            raise InputError(f"parts of {self.part_points:,} points are too large: the most is {usual:,}")
        self._check_size()

    @cached_property
    def points(self) -> Points:
        """The points that the sweep visits, in order."""
        match self.walk:
            case Walk.EXHAUSTIVE:
                return Exhaustive(self.space)
            case Walk.SYMMETRIC:
                return UpToSymmetry(self.space)
            case Walk.SAMPLE:
                return Sample(self.space, self.sample, self.seed)

    @property
    def visited(self) -> int:
        """The number of points that the sweep visits."""
        return self.points.points

    @property
    def counts_cells(self) -> bool:
        """True if outcomes are counted by cell, so that the counts suffice for heat maps."""
        return self.visited <= MOST_CELL_POINTS

    @property
    def rows(self) -> int:
        """The number of rows: one for each point and setting."""
        return self.visited * len(self.space.settings)

    @property
    def systems(self) -> int:
        """The number of systems that all points stand for: the sum of their weights."""
        if self.walk is Walk.SAMPLE:
            return self.sample
        return prod(sum(group.weights) for group in self.space.groups)

    def _usual_part_points(self) -> int:
        if self.replications:
            return max(1, BOOTS // (len(self.space.settings) * self.replications))
        wanted = max(1, parted_plan.KEPT_ROWS // len(self.space.settings))
        if self.keep is Keep.COUNTS:
            points = self.points.points
            wanted = min(max(COUNTED_POINTS, points // _PARTS), MOST_COUNTED_POINTS)
            wanted = max(wanted, -(-points // MOST_PARTS))
        # Whole blocks, rounded up: a sample draws its points by blocks, and would draw a block of two parts twice.
        return wanted if wanted < BLOCK_ROWS else -(-wanted // BLOCK_ROWS) * BLOCK_ROWS

    def _check_size(self) -> None:
        what = "boot" if self.replications else "keep rows of"
        less = "" if self.replications else "keep counts alone, or "
        settings = f"{len(self.space.settings):,} settings"
        self._check_parts(f"{self.visited:,} points are too many to {what} under {settings}", f"{less}take a sample")

    def record(self) -> PlanRecord:
        """Return the plan as files hold it."""
        return PlanRecord(
            space_to_data(self.space),
            str(self.walk),
            str(self.keep),
            self.sample,
            self.seed,
            self.replications,
            self.part_points,
        )

    @classmethod
    def of(cls, record: PlanRecord) -> "Plan":
        """Return the plan that a file holds.

        Raises:
            InputError: no plan is like that.
        """
        return cls(
            space_from_data(record.space),
            choice(Walk, "walk", record.walk),
            choice(Keep, "keep", record.keep),
            record.sample,
            record.seed,
            record.replications,
            record.part_points,
        )


def without_cells(space: Space, points: int) -> str:
    """Return one line about a sweep that does not count by cell: that no heat map can be drawn, and what to do."""
    fewer = "--symmetric or --sample N" if space.points_up_to_symmetry <= MOST_CELL_POINTS else "--sample N"
    return (
        f"{points:,} points are counted without what heat maps need, as more than {MOST_CELL_POINTS:,} are: for heat "
        f"maps sweep with {fewer}"
    )
