"""The plan of a sweep over mixtures of cores."""

from collections.abc import Iterator
from dataclasses import dataclass

from sim.errors import InputError, choice
from sim.files.mixture_file import mixtures_from_data, mixtures_to_data
from sim.study.mixture_space import DRAWN_AT_ONCE, MOST_MIXTURES, MixtureBlock, MixtureSpace
from sim.sweep import parted_plan
from sim.sweep.parted_plan import Keep, PartedPlan, PlanRecord, Walk

COUNTED_MIXTURES = 1 << 20
"""Mixtures in a part where rows are only counted."""


@dataclass(frozen=True)
class MixturePlan(PartedPlan):
    """The plan of a sweep over mixtures of cores: all of them, or a sample.

    Raises:
        InputError: there are more mixtures than can be visited, or a number is out of range.
    """

    space: MixtureSpace
    keep: Keep = Keep.COUNTS
    sample: int = 0
    """Number of mixtures to draw; 0: every mixture is visited."""
    seed: int = 0
    part_points: int = 0
    """Mixtures, or draws, in each part, of which the last may have fewer; below 1: the number that suits the plan."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep", choice(Keep, "keep", self.keep))
        self._check_sample(MOST_MIXTURES)
        if self.visited > MOST_MIXTURES:
            what = f"a sample of {self.sample:,} points" if self.sample else f"{self.visited:,} mixtures"
            instead = f"allowed are 1 to {MOST_MIXTURES:,}" if self.sample else f"the most is {MOST_MIXTURES:,}"
            raise InputError(f"{what}: {instead}" if self.sample else f"{what} are too many: {instead}; take a sample")
        usual = self._usual_part_points()
        if self.part_points < 1:
            object.__setattr__(self, "part_points", usual)
        elif self.part_points > usual:
            # A part's rows and draws are held in memory. No plan is made so, but a stranger may have written one.
            raise InputError(f"parts of {self.part_points:,} points are too large: the most is {usual:,}")
        self._check_parts(
            f"{self.visited:,} mixtures are too many to keep rows of under {len(self.space.kernels):,} kernels",
            "keep counts alone, or take a sample",
        )

    def _usual_part_points(self) -> int:
        if self.keep is Keep.COUNTS:
            return COUNTED_MIXTURES
        wanted = max(1, parted_plan.KEPT_ROWS // len(self.space.kernels))
        # Of a sample whole streams, rounded up: the draws of a stream are drawn together.
        return wanted if wanted < DRAWN_AT_ONCE else -(-wanted // DRAWN_AT_ONCE) * DRAWN_AT_ONCE

    @property
    def visited(self) -> int:
        """The number of mixtures that the sweep visits, or of draws."""
        return self.sample or self.space.points

    def blocks(self, part: int) -> Iterator[MixtureBlock]:
        """Yield the mixtures of a part, as blocks."""
        start, stop = self.span(part)
        return self.space.sample(start, stop, self.seed) if self.sample else self.space.blocks(start, stop)

    def may_have(self, mixture: int, part: int) -> bool:
        """Return True if a part may have a mixture, which is given by its number in the space."""
        start, stop = (0, self.space.points) if self.sample else self.span(part)
        return start <= mixture < stop

    def record(self) -> PlanRecord:
        """Return the plan as files hold it."""
        walk = Walk.SAMPLE if self.sample else Walk.EXHAUSTIVE
        return PlanRecord(
            mixtures_to_data(self.space), str(walk), str(self.keep), self.sample, self.seed, 0, self.part_points
        )

    @classmethod
    def of(cls, record: PlanRecord) -> "MixturePlan":
        """Return the plan that a file holds.

        Raises:
            InputError: no plan is like that.
        """
        walk = choice(Walk, "walk", record.walk)
        if walk is Walk.SYMMETRIC or (walk is Walk.SAMPLE) != (record.sample > 0) or record.replications:
            raise InputError("a sweep over mixtures of cores visits all of them or a sample, and boots nothing")
        return cls(
            mixtures_from_data(record.space),
            choice(Keep, "keep", record.keep),
            record.sample,
            record.seed,
            record.part_points,
        )
