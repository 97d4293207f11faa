"""Rows of ``asymboot conform --json``: a run of a real kernel beside a run of the simulator, field by field.

Their JSON Schema is ``asymboot schema conformance``.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from sim.conform.compared_fields import Field
from sim.conform.conformance import Conformance
from sim.conform.run_records import RecordedBoot, RecordedSave, Run


class FieldRow(msgspec.Struct, frozen=True):
    """One value that a real kernel showed, beside the simulator's.

    Values are raw JSON, because fields have many types: numbers, lists, and records such as the host's lengths.
    """

    name: str
    kernel: Annotated[msgspec.Raw, Meta(description="what the real kernel showed; null: nothing")]
    simulator: Annotated[msgspec.Raw, Meta(description="what the simulator says")]
    agrees: bool


class ConformanceRow(msgspec.Struct, frozen=True):
    """A run of a real kernel, compared with a run of the simulator."""

    id: Annotated[str, Meta(description="the kernel series, and the name of the case")]
    release: Annotated[str, Meta(description="of the kernel; may be empty")]
    qemu: Annotated[str, Meta(description="its version; may be empty")]
    agrees: Annotated[
        bool | None, Meta(description="True if every field agrees; null where the case was not booted, without fields")
    ]
    fields: list[FieldRow]
    not_compared: Annotated[list[str], Meta(description="fields that could not be read of this kernel")]
    left_out: Annotated[list[str], Meta(description="parts of the scenario that the boot did not have")]
    not_booted: Annotated[
        str | None, Meta(description="why the case was not booted, or not to its end; null where it was")
    ]


def conformance_row(one: Conformance[Run]) -> ConformanceRow:
    """Return the row of a run that was compared."""
    rows = [_field_row(field) for field in one.fields]
    # Saves were measured with kernels that were built for the purpose: their records name no release and no QEMU.
    release = "" if isinstance(one.record, RecordedSave) else one.record.release
    qemu = one.record.qemu if isinstance(one.record, RecordedBoot) else ""
    return ConformanceRow(
        id=one.name,
        release=release,
        qemu=qemu,
        agrees=one.agrees,
        fields=rows,
        not_compared=one.not_compared,
        left_out=one.left_out,
        not_booted=None,
    )


def _field_row(field: Field) -> FieldRow:
    kernel, simulator = (msgspec.Raw(msgspec.json.encode(value)) for value in (field.recorded, field.simulated))
    return FieldRow(field.name, kernel, simulator, field.agrees)


def not_booted_row(identity: str, reason: str) -> ConformanceRow:
    """Return the row of a case that was not booted, which has no fields."""
    return ConformanceRow(
        id=identity, release="", qemu="", agrees=None, fields=[], not_compared=[], left_out=[], not_booted=reason
    )
