"""The base of all rows: what the tables of outputs hold, a class a table.

A field is a column, and its description, unit and type are stated in its class once; frames, JSON, its schema and
docs/outcome.md follow. Units are in the names: ``_ns`` nanoseconds, ``_bytes``, ``_bits``. Sets of lengths are tuples
of bits. A column named ``cpu`` holds logical numbers. Each class is defined beside the code that makes its rows.
"""

from typing import Literal

import msgspec

SCHEMA_VERSION: Literal[2] = 2
"""The version of every output: it is raised when a column goes or changes its meaning."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of a table."""
