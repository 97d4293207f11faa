"""The base of all rows: what the tables of outputs hold, a class a table.

A field is a column, and its description, unit and type are stated in its class once; frames, JSON, its schema and
docs/outcome.md follow. Units are in the names: ``_ns`` nanoseconds, ``_bytes``, ``_bits``. Sets of lengths are tuples
of bits. A column named ``cpu`` holds logical numbers. Each class is defined beside the code that makes its rows.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SCHEMA_VERSION: Literal[1] = 1
"""The version of every output: it is raised when a column goes or changes its meaning."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of a table."""


class SpaceRecord(msgspec.Struct, frozen=True):
    """What ``asymboot space --json`` prints."""

    name: str
    points: Annotated[int, Meta(description="how many points the space has")]
    points_up_to_symmetry: Annotated[int, Meta(description="one for all that differ by exchanging groups alike")]
    settings: Annotated[int, Meta(description="what each point is booted under: combinations of designs and the rest")]
    rows: Annotated[int, Meta(description="points times settings")]
    rows_up_to_symmetry: int
    most_points: Annotated[int, Meta(description="so many points can be walked through")]
    estimated_s: Annotated[float | None, Meta(description="seconds that a sweep takes here; null: too many points")]
    estimated_up_to_symmetry_s: float | None
