"""The plan of a sweep: the same plan gives the same bytes, on any number of machines and in any order."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from math import prod

import msgspec

from sim.errors import InputError, choice
from sim.files.space_file import space_from_data, space_to_data
from sim.study.points import BLOCK_ROWS, MOST_POINTS, Exhaustive, Points, Sample, UpToSymmetry
from sim.study.system_space import Space

COUNTED_POINTS = 1 << 22
"""Points in a part where rows are only counted; more if there would be more than `MOST_PARTS` parts."""
KEPT_ROWS = 1 << 19
"""Rows in a part, about, where rows are kept."""
BOOTS = 1 << 12
"""Boots in a part of a timing study, about."""
MOST_REPLICATIONS = 1_000_000
MOST_PARTS = 1 << 14
"""The most parts of a sweep: each has a file, or two, in the folder."""
MOST_SEED = (1 << 62) - 1
"""The largest seed that a scenario file takes."""


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a sweep's bytes."""
    return {name: version(name) for name in ("asymboot", "numpy", "pyarrow")}


class Keep(StrEnum):
    """The rows that a sweep keeps beside its counts."""

    ALL = "all"
    HAZARDS = "hazards"
    """Rows with hazards."""
    COUNTS = "counts"
    """No rows."""


class Walk(StrEnum):
    """The points that a sweep visits."""

    EXHAUSTIVE = "exhaustive"
    SYMMETRIC = "symmetric"
    """One point for all that differ by an exchange of interchangeable groups; its weight says how many there are."""
    SAMPLE = "sample"


class PlanRecord(msgspec.Struct, frozen=True):
    """A plan as ``sweep.json`` holds it."""

    space: dict[str, object]
    """The space, as a space file holds it."""
    walk: str
    keep: str
    sample: int
    seed: int
    replications: int
    part_points: int


@dataclass(frozen=True)
class Plan:
    """The plan of a sweep.

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
        if self.sample < 0:
            raise InputError(f"a sample of {self.sample:,} points: allowed are 1 to {MOST_POINTS:,}")
        if (self.sample > 0) != (self.walk is Walk.SAMPLE):
            raise InputError("only a sample has a number of points, and it needs one")
        if not 0 <= self.replications <= MOST_REPLICATIONS:
            raise InputError(f"{self.replications:,} replications: allowed are 1 to {MOST_REPLICATIONS:,}")
        if not 0 <= self.seed <= MOST_SEED:
            raise InputError(f"the seed is {self.seed}: allowed are 0 to 2^62 - 1")
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
    def rows(self) -> int:
        """The number of rows: one for each point and setting."""
        return self.points.points * len(self.space.settings)

    @property
    def systems(self) -> int:
        """The number of systems that all points stand for: the sum of their weights."""
        if self.walk is Walk.SAMPLE:
            return self.sample
        return prod(sum(group.weights) for group in self.space.groups)

    def _usual_part_points(self) -> int:
        if self.replications:
            return max(1, BOOTS // (len(self.space.settings) * self.replications))
        wanted = max(1, KEPT_ROWS // len(self.space.settings))
        if self.keep is Keep.COUNTS:
            wanted = max(COUNTED_POINTS, -(-self.points.points // MOST_PARTS))
        # Whole blocks, rounded up: a sample draws its points by blocks, and would draw a block of two parts twice.
        return wanted if wanted < BLOCK_ROWS else -(-wanted // BLOCK_ROWS) * BLOCK_ROWS

    def _check_size(self) -> None:
        """Refuse a plan of more parts than a folder should hold."""
        if self.parts <= MOST_PARTS:
            return
        most = MOST_PARTS * self.part_points
        what = "boot" if self.replications else "keep rows of"
        less = "" if self.replications else "keep counts alone, or "
        raise InputError(
            f"{self.points.points:,} points are too many to {what} under {len(self.space.settings):,} settings: "
            f"the most is {most:,}; {less}take a sample"
        )

    @cached_property
    def sha256(self) -> str:
        """The checksum that tells this plan from any other."""
        # Sorted, so that the order of fields in a class, or of keys in a file, does not matter.
        return sha256(msgspec.json.encode(self.record(), order="sorted")).hexdigest()

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-self.points.points // self.part_points)

    def span(self, part: int) -> tuple[int, int]:
        """Return the points of a part: the first, and the one after the last."""
        start = part * self.part_points
        return start, min(start + self.part_points, self.points.points)

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
