"""What a sweep is to do: the same plan gives the same bytes, whoever computes its parts, in whatever order."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import msgspec

from sim.errors import InputError, choice
from sim.files.space_file import space_from_data, space_to_data
from sim.study.points import BLOCK_ROWS, MOST_POINTS, Exhaustive, Points, Sample, UpToSymmetry
from sim.study.system_space import Space

COUNTED_POINTS = 1 << 22
"""So many points in a part where rows are only counted."""
KEPT_ROWS = 1 << 19
"""So many rows in a part, about, where rows are kept."""
BOOTS = 1 << 12
"""So many boots in a part of a timing study, about."""
MOST_REPLICATIONS = 1_000_000
MOST_PARTS = 1 << 14
MOST_SEED = (1 << 62) - 1


def versions() -> dict[str, str]:
    """The versions of what decides a sweep's bytes."""
    return {name: version(name) for name in ("asymboot", "numpy", "pyarrow")}


class Keep(StrEnum):
    """Which rows a sweep keeps beside what it counts."""

    ALL = "all"
    HAZARDS = "hazards"
    """Those with hazards."""
    COUNTS = "counts"
    """None."""


class Walk(StrEnum):
    """Which points a sweep visits."""

    EXHAUSTIVE = "exhaustive"
    SYMMETRIC = "symmetric"
    """One for all that differ by an exchange of interchangeable groups, counted as often."""
    SAMPLE = "sample"


@dataclass(frozen=True)
class Plan:
    """A sweep's plan.

    Raises:
        InputError: parts that contradict each other, or more points than can be walked through.
    """

    space: Space
    walk: Walk = Walk.EXHAUSTIVE
    keep: Keep = Keep.COUNTS
    sample: int = 0
    """How many points a sample has; 0 for the other walks."""
    seed: int = 0
    """Of a sample, and of a timing study."""
    replications: int = 0
    """In a timing study, how often each point is booted under each setting; 0: nothing is booted."""
    part_points: int = 0
    """So many points in each part, but perhaps the last; 0: as is best."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "walk", choice(Walk, "walk", self.walk))
        object.__setattr__(self, "keep", choice(Keep, "keep", self.keep))
        for name in ("sample", "seed", "replications"):
            if not isinstance(getattr(self, name), int):
                raise InputError(f"{name} is {getattr(self, name)!r:.40}: it is a whole number")
        if self.sample < 0:
            raise InputError(f"a sample of {self.sample:,} points: allowed are 1 to {MOST_POINTS:,}")
        if (self.sample > 0) != (self.walk is Walk.SAMPLE):
            raise InputError("a sample has a number of points, and the other walks have none")
        if not 0 <= self.replications <= MOST_REPLICATIONS:
            raise InputError(f"{self.replications:,} replications: allowed are 1 to {MOST_REPLICATIONS:,}")
        if not 0 <= self.seed <= MOST_SEED:
            raise InputError(f"the seed is {self.seed}: allowed are 0 to 2^62 - 1")
        if self.part_points < 1:
            object.__setattr__(self, "part_points", self._usual_part_points())
        self._check_size()

    @cached_property
    def points(self) -> Points:
        """The points, in order."""
        match self.walk:
            case Walk.EXHAUSTIVE:
                return Exhaustive(self.space)
            case Walk.SYMMETRIC:
                return UpToSymmetry(self.space)
            case Walk.SAMPLE:
                return Sample(self.space, self.sample, self.seed)

    @property
    def rows(self) -> int:
        """How many rows there are: one for each point and setting."""
        return self.points.points * len(self.space.settings)

    def _usual_part_points(self) -> int:
        if self.replications:
            return max(1, BOOTS // (len(self.space.settings) * self.replications))
        wanted = max(1, KEPT_ROWS // len(self.space.settings))
        if self.keep is Keep.COUNTS:
            wanted = max(COUNTED_POINTS, -(-self.points.points // MOST_PARTS))
        return wanted if wanted < BLOCK_ROWS else -(-wanted // BLOCK_ROWS) * BLOCK_ROWS

    def _check_size(self) -> None:
        """See that what each point takes is bounded, and so is the number of parts."""
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
        """What tells this plan from any other."""
        return sha256(msgspec.json.encode(self.to_data(), order="sorted")).hexdigest()

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.points.points // self.part_points)

    def span(self, part: int) -> tuple[int, int]:
        """The points of a part: from one number up to another."""
        start = part * self.part_points
        return start, min(start + self.part_points, self.points.points)

    def to_data(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "space": space_to_data(self.space),
            "walk": str(self.walk),
            "keep": str(self.keep),
            "sample": self.sample,
            "seed": self.seed,
            "replications": self.replications,
            "part_points": self.part_points,
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Plan":
        """A plan from plain values.

        Raises:
            InputError: they are none.
        """
        try:
            numbers = (int(data[name]) for name in ("sample", "seed", "replications", "part_points"))
            return cls(space_from_data(data["space"]), data["walk"], data["keep"], *numbers)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"is no plan of a sweep: {error!r}") from None
