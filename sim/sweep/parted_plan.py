"""The base of plans of sweeps: points that are computed in parts, whatever the points are.

A sweep is over vector lengths (`sim.sweep.sweep_plan`) or over mixtures of cores (`sim.sweep.mixture_plan`). Its parts
are computed in any order and on any number of machines; its folder (`sim.sweep.parts_folder`) is of one form.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version

import msgspec

from sim.errors import InputError, NamedChoice
from sim.units import MAX_SEED

KEPT_ROWS = 1 << 19
"""Rows in a part, about, where rows are kept."""
MOST_PARTS = 1 << 14
"""The most parts of a sweep: each has a file, or two, in the folder."""


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a sweep's bytes."""
    return {name: version(name) for name in ("asymboot", "numpy", "pyarrow")}


class Keep(NamedChoice):
    """The rows that a sweep keeps beside its counts.

    >>> [one.value for one in Keep]
    ['all', 'hazards', 'counts']
    """

    ALL = "all"
    HAZARDS = "hazards"
    """Rows with hazards; of mixtures of cores, those with any outcome."""
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


class PartedPlan(ABC):
    """The plan of a sweep, as far as its parts, its folder and its workers need it."""

    keep: Keep
    sample: int
    seed: int
    part_points: int
    """Points in each part, of which the last may have fewer."""

    @property
    @abstractmethod
    def visited(self) -> int:
        """The number of points that the sweep visits."""

    @abstractmethod
    def record(self) -> PlanRecord:
        """Return the plan as files hold it."""

    @cached_property
    def sha256(self) -> str:
        """The checksum that tells this plan from any other."""
        # Sorted, so that the order of fields in a class, or of keys in a file, does not matter.
        return sha256(msgspec.json.encode(self.record(), order="sorted")).hexdigest()

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-self.visited // self.part_points)

    def span(self, part: int) -> tuple[int, int]:
        """Return the points of a part: the first, and the one after the last."""
        start = part * self.part_points
        return start, min(start + self.part_points, self.visited)

    def _check_sample(self, most: int) -> None:
        if self.sample < 0:
            raise InputError(f"a sample of {self.sample:,} points: allowed are 1 to {most:,}")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"the seed is {self.seed}: allowed are 0 to 2^62 - 1")

    def _check_parts(self, what: str, less: str) -> None:
        """Refuse a plan of more parts than a folder should hold.

        Args:
            what: the points, and what is done with them.
            less: what needs fewer parts.
        """
        if self.parts > MOST_PARTS:
            raise InputError(f"{what}: the most is {MOST_PARTS * self.part_points:,}; {less}")
