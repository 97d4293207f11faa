"""The size of a space, as ``asymboot space --json`` prints it."""

from typing import Annotated

import msgspec
from msgspec import Meta


class SpaceRecord(msgspec.Struct, frozen=True):
    """The size of a space, and how long a sweep of it takes on this machine."""

    name: str
    points: Annotated[int, Meta(description="number of points in the space")]
    points_up_to_symmetry: Annotated[int, Meta(description="the same, counting points once that differ by an exchange")]
    settings: Annotated[
        int, Meta(description="number of settings: combinations of designs, relays, modes and memories")
    ]
    rows: Annotated[int, Meta(description="points times settings")]
    rows_up_to_symmetry: int
    most_points: Annotated[int, Meta(description="the largest number of points that a sweep visits")]
    most_cell_points: Annotated[
        int, Meta(description="the largest number of points of a sweep whose counts suffice for heat maps")
    ]
    estimated_s: Annotated[float | None, Meta(description="duration of a sweep here, in s; null: too many points")]
    estimated_up_to_symmetry_s: float | None
    sample: Annotated[int, Meta(description="number of points of a sample that is estimated too; 0 without it")] = 0
    estimated_sample_s: Annotated[float | None, Meta(description="duration of a sweep of the sample here, in s")] = None
