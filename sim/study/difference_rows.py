"""The rows of the difference between two boots."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sim.rows import Row

Value = int | bool | str | tuple[int | str, ...] | None
"""A value of a setting or of an outcome."""


class LogDifferenceRow(Row, frozen=True, gc=False):
    """A log line that only one of two boots has, or has there; lines that repeat a setting are left out."""

    side: Annotated[str, Meta(description="the boot that has the line: a or b")]
    place: Annotated[int, Meta(description="place of the line in that boot's log, counted from 0")]
    time_ns: Annotated[int, Meta(description="time of the line")]
    text: Annotated[str, Meta(description="the line without its timestamp")]
    moved: Annotated[bool, Meta(description="true if the other boot has the line too, in another place of its log")]


class ValueDifferenceRow(Row, frozen=True, gc=False):
    """A value of the settings or of the outcome in which two boots differ."""

    table: Annotated[str, Meta(description="the table of the outcome that has the value")]
    of: Annotated[str, Meta(description="the row, such as a CPU or a vector type; empty where there is one row")]
    column: Annotated[str, Meta(description="the column")]
    a: Annotated[Value, Meta(description="the value in boot a; missing where it has no such row")]
    b: Annotated[Value, Meta(description="the value in boot b")]


class HazardDifferenceRow(Row, frozen=True, gc=False):
    """A hazard that only one of two boots has."""

    side: Annotated[str, Meta(description="the boot that has it: a or b")]
    hazard: Annotated[str, Meta(description="its name in files")]
    cpu: Annotated[int | None, Meta(description="the CPU; missing for the whole system")]
    time_ns: Annotated[int, Meta(description="time")]
    sentence: Annotated[str, Meta(description="sentence with the numbers")]


class DifferenceRecord(msgspec.Struct, frozen=True):
    """Everything in which two boots differ, as ``asymboot diff --json`` prints it."""

    schema_version: Literal[2]
    first: str | None
    worst_hazard: str | None
    values: list[ValueDifferenceRow]
    log: list[LogDifferenceRow]
    hazards: list[HazardDifferenceRow]
