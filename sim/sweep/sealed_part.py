"""The counts of one part of a sweep as a sealed file, whatever is counted.

A file of counts may come from a stranger, with a right checksum over wrong numbers. Each kind of record therefore says
whether a part of the plan could have it: what is built on records (shares, intervals, examples) need not expect a
division by zero, a missing example or a sum beyond 64 bits.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sim.errors import InputError
from sim.files.json_record import record_from_json
from sim.sweep.parted_plan import Keep, PartedPlan

if TYPE_CHECKING:
    import pyarrow as pa

_SHA256_DIGITS = 64


class CountsRecord(msgspec.Struct, frozen=True):
    """The base of files of counts, for sweeps of either kind."""

    plan_sha256: str
    part: int
    rows_sha256: str | None
    """The checksum of the file of rows; None where no rows are kept."""

    def is_part_of(self, plan: PartedPlan, number: int) -> bool:
        """Return True if the record says that it is this part of the plan, and has rows as the plan demands."""
        if (self.plan_sha256, self.part) != (plan.sha256, number):
            return False
        if (self.rows_sha256 is None) != (plan.keep is Keep.COUNTS):
            return False
        return self.rows_sha256 is None or len(self.rows_sha256) == _SHA256_DIGITS


@dataclass(frozen=True)
class Part:
    """A computed part of a sweep."""

    record: CountsRecord
    rows: bytes | None
    """The rows that are kept, as a Parquet file; None where none are kept."""


def parquet_bytes(tables: "list[pa.Table]") -> bytes:
    """Return the kept rows of a part's blocks as a Parquet file; pyarrow loads only where rows are kept."""
    from sim.sweep.sweep_rows import parquet

    return parquet(tables)


R = TypeVar("R", bound=CountsRecord)


def seal(record: CountsRecord) -> bytes:
    """Return the record as bytes that show whether they are whole: a line with a checksum, then JSON."""
    body = msgspec.json.encode(record) + b"\n"
    return sha256(body).hexdigest().encode() + b"\n" + body


def unseal(sealed: bytes, kind: type[R]) -> R | None:
    """Return the record that was sealed, or None where the bytes are not what `seal` returned."""
    checksum, _, body = sealed.partition(b"\n")
    if sha256(body).hexdigest().encode() != checksum:
        return None
    try:
        return record_from_json(body, kind)
    except InputError:
        return None
