"""What is compared, as plain values for JSON."""

from collections.abc import Iterable

from sim.conform.compared_fields import Field
from sim.conform.run_records import RecordedBoot, RecordedSave
from sim.rows import ConformanceRow, FieldRow


def conformance_row(
    record: RecordedBoot | RecordedSave,
    fields: Iterable[Field],
    not_compared: Iterable[str] = (),
    left_out: Iterable[str] = (),
) -> ConformanceRow:
    """A run of a real kernel beside the simulator's."""
    rows = [FieldRow(one.name, one.recorded, one.simulated, one.agrees) for one in fields]
    release, qemu = (record.release, record.qemu) if isinstance(record, RecordedBoot) else ("", "")
    return ConformanceRow(
        id=record.id,
        release=release,
        qemu=qemu,
        agrees=all(row.agrees for row in rows),
        fields=rows,
        not_compared=list(not_compared),
        left_out=list(left_out),
        not_booted=None,
    )


def not_booted_row(identity: str, reason: str) -> ConformanceRow:
    """A case of which there is nothing to compare."""
    return ConformanceRow(
        id=identity, release="", qemu="", agrees=None, fields=[], not_compared=[], left_out=[], not_booted=reason
    )
