"""The rows of CPU features: fields of ID registers by CPU, capabilities, and what a CPU has that the system cannot use.

They are made from the features' state at the end of a boot (`sim.feature_facts`) and from each CPU's own registers.
Where lengths alone are modelled there are none.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sim.cpufeature_tables import Field, SafeType, unlisted_fields
from sim.facts import Facts
from sim.feature_facts import RegisterState
from sim.kernel.cpufeature import register_values
from sim.rows import SCHEMA_VERSION, Row

_UNLISTED = "unlisted"


class FieldRow(Row, frozen=True, gc=False):
    """A field of an ID register: each CPU's value beside the system's."""

    register: Annotated[str, Meta(description="the ID register")]
    field: Annotated[str, Meta(description="the field, by the Arm ARM's name")]
    bits: Annotated[str, Meta(description="the field's bits in the register, highest and lowest")]
    values: Annotated[tuple[int, ...], Meta(description="the CPUs' own values, by logical number")]
    sanitised: Annotated[
        int | None, Meta(description="the system's value at the end; missing of bits that the kernel does not list")
    ]
    rule: Annotated[
        str,
        Meta(description="how two values become one: the kernel's type of the field, or unlisted"),
    ]
    strict: Annotated[bool, Meta(description="whether the kernel logs a difference from the boot CPU")]
    visible: Annotated[bool, Meta(description="whether programs read it")]
    decided_by: Annotated[
        tuple[int, ...],
        Meta(description="the CPUs whose own value is the system's, where others have more or another; may be empty"),
    ]

    @property
    def differs(self) -> bool:
        """True if CPUs have different values."""
        return len(set(self.values)) > 1


class CapabilityRow(Row, frozen=True, gc=False):
    """A capability that the system has."""

    number: Annotated[int, Meta(description="its number in this kernel's list")]
    name: Annotated[str, Meta(description="its name in arch/arm64/tools/cpucaps, if that is known")]
    description: Annotated[str | None, Meta(description="the words of the log; missing if the log never names it")]
    scope: Annotated[str, Meta(description="who decides: the boot CPU, any early CPU, each of them, or all together")]
    decided_by: Annotated[int | None, Meta(description="the CPU that decided; missing if all did together")]
    cpus: Annotated[
        tuple[int, ...] | None, Meta(description="the CPUs that have it; missing where the kernel does not count them")
    ]


def field_rows(facts: Facts, *, only_differing: bool = True) -> list[FieldRow]:
    """Return a row for each field of each ID register that the kernel keeps or that CPUs differ in.

    Args:
        facts: the facts of a boot.
        only_differing: leave out the fields in which all CPUs are alike.
    """
    state = facts.features_at_end
    if state is None:
        return []
    by_cpu = register_values(facts.scenario)
    rows = (
        row
        for name, register in state.registers.items()
        for row in _rows_of(name, register, tuple(values.get(name, 0) for values in by_cpu))
    )
    return [row for row in rows if row.differs or not only_differing]


def _rows_of(name: str, register: RegisterState, values: tuple[int, ...]) -> Iterator[FieldRow]:
    listed = register.table.fields
    for one in sorted(listed, key=lambda each: -each.shift):
        yield _listed_row(name, one, register, values)
    rest = ~register.table.listed_mask
    if len({value & rest for value in values}) == 1:
        return
    for one in _unlisted(name, rest, values):
        own = tuple(one.of(value & rest) for value in values)
        yield FieldRow(
            register=name,
            field=one.name,
            bits=_bits(one),
            values=own,
            sanitised=None,
            rule=_UNLISTED,
            strict=bool(register.strict_mask & one.mask),
            visible=False,
            decided_by=(),
        )


def _listed_row(name: str, one: Field, register: RegisterState, values: tuple[int, ...]) -> FieldRow:
    own, sanitised = tuple(one.of(value) for value in values), one.of(register.system_value)
    rule = f"{one.type}, signed" if one.signed else str(one.type)
    strict = bool(register.strict_mask & one.mask)
    decided_by = tuple(cpu for cpu, value in enumerate(own) if value == sanitised) if len(set(own)) > 1 else ()
    return FieldRow(
        register=name,
        field=one.name,
        bits=_bits(one),
        values=own,
        sanitised=sanitised,
        rule=rule,
        strict=strict,
        visible=one.visible,
        decided_by=decided_by,
    )


def _unlisted(name: str, rest: int, values: tuple[int, ...]) -> Iterator[Field]:
    """Yield the fields of differing bits that the kernel does not list: by name, and else four bits at a time."""
    differing = 0
    for value in values:
        differing |= (value ^ values[0]) & rest
    for one in unlisted_fields(name):
        if one.mask & differing:
            differing &= ~one.mask
            yield one
    for shift in range(0, 64, 4):
        nibble = Field(name=f"bits {shift + 3}:{shift}", shift=shift)
        if nibble.mask & differing:
            yield nibble


def _bits(one: Field) -> str:
    return f"{one.shift + one.width - 1}:{one.shift}"


def capability_rows(facts: Facts) -> list[CapabilityRow]:
    """Return a row for each capability of the system at the end, in the order of their numbers."""
    state = facts.features_at_end
    if state is None:
        return []
    series = facts.scenario.release.series
    return [
        CapabilityRow(
            number=one.entry.number(series),
            name=one.entry.name,
            description=one.entry.description,
            scope=str(one.scope),
            decided_by=one.decided_by,
            cpus=None if one.entry.per_cpu is None else one.cpus,
        )
        for one in state.capabilities
    ]


class UnusedRow(Row, frozen=True, gc=False):
    """A feature that a CPU has and the system cannot use, because another CPU lacks it."""

    cpu: Annotated[int, Meta(description="the CPU that has it")]
    register: Annotated[str, Meta(description="the ID register")]
    field: Annotated[str, Meta(description="the field")]
    value: Annotated[int, Meta(description="the CPU's own value")]
    sanitised: Annotated[int, Meta(description="the system's value")]
    lost_by: Annotated[tuple[int, ...], Meta(description="the CPUs whose own value is the system's")]


def unused_rows(facts: Facts) -> list[UnusedRow]:
    """Return a row for each feature of each online CPU that the system cannot use."""
    online = facts.online
    return [
        UnusedRow(cpu, row.register, row.field, row.values[facts.hw_cpu(cpu)], row.sanitised, row.decided_by)
        for row in field_rows(facts)
        if row.sanitised is not None and row.rule.startswith(SafeType.LOWER_SAFE)
        for cpu in online
        if row.values[facts.hw_cpu(cpu)] > row.sanitised
    ]


class FeaturesRecord(msgspec.Struct, frozen=True):
    """All features of a boot, as JSON has them."""

    schema_version: Literal[2]
    fields: list[FieldRow]
    capabilities: list[CapabilityRow]
    unused: list[UnusedRow]
    hwcaps: tuple[str, ...]
    vulnerabilities: Mapping[str, str]
    taint: int


def features_record(facts: Facts, *, only_differing: bool = True) -> FeaturesRecord:
    """Return all features of a boot in which they are modelled, as JSON has them.

    Args:
        facts: the facts of the boot.
        only_differing: leave out the fields in which all CPUs are alike.
    """
    state = facts.features_at_end
    assert state is not None
    return FeaturesRecord(
        SCHEMA_VERSION,
        field_rows(facts, only_differing=only_differing),
        capability_rows(facts),
        unused_rows(facts),
        state.hwcaps,
        state.vulnerabilities,
        state.taint,
    )
