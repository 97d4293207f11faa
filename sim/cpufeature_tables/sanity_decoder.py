"""SANITY CHECK lines decoded: the fields that differ, and what the system loses by each.

The kernel compares the raw values of a register on the boot CPU and on another, and logs both where they differ in a
strict bit: a strict field of its table, or a bit in no field of it. Of each listed field it then uses the value that is
safe on all CPUs so far (`sim.cpufeature_tables.system_values`), and what needs a larger value is lost, for all CPUs.
Nothing is lost by a bit in no field, because the system's value has 0 there anyway. Nothing is lost either by a CPU
that comes late, since capabilities are final then; what it may change, or endanger, is told.

The kernel that logged the line may have no table here: it is older than all tables, newer, between two, or unknown. The
tables of its neighbours then stand for its own: which fields are strict and what is lost is inferred, and sentences
name the kernels that they are true of.

Source: ``check_update_ftr_reg`` and ``update_cpu_ftr_reg`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from sim.cpufeature_tables.field_difference import FieldDifference
from sim.cpufeature_tables.field_uses import EffectKind, field_effect, has_use, matched_field
from sim.cpufeature_tables.system_values import Comparison, LoggedDifference, compared
from sim.cpufeature_tables.tables import (
    Capability,
    Field,
    Hwcap,
    KernelTables,
    Requirement,
    kernel_tables,
    series_with_tables,
    unlisted_fields,
)
from sim.kernel_release import Series

_NIBBLE = 4
_REGISTER_BITS = 64


class DecodingTables(msgspec.Struct, frozen=True):
    """The tables that decode the registers of a log's kernel.

    `tables` are the kernel's own, or those of a neighbour in its stead.
    """

    tables: KernelTables
    series: Series | None
    """The series of the log's kernel; None if it is unknown."""
    newer: KernelTables | None = None
    """The tables of the next newer series, where the kernel has none of its own and lies between two."""
    compares_own_range: bool | None = None
    """True if the kernel compares a late CPU's own PARange with KVM's limit, False if it compares the system's."""

    @property
    def register_names(self) -> tuple[str, ...]:
        """The names of all registers."""
        return (*self.tables.registers, *(() if self.newer is None else self.newer.registers))

    @property
    def is_own(self) -> bool:
        """True if the tables are those of the kernel's own series."""
        return self.series is not None and f"{self.series[0]}.{self.series[1]}" == self.tables.series

    @property
    def whose(self) -> str:
        """The kernel, as a clause behind "this kernel"; only for kernels without tables of their own."""
        if self.series is None:
            return "which is unknown"
        if self.newer is not None:
            return "which has none of its own here"
        return "which is older" if self.series < _numbers(self.tables.series) else "which is newer"


def decoding_tables(
    series: Series | None, default: Series, *, compares_own_range: bool | None = None
) -> DecodingTables:
    """Return the tables that decode the registers of a kernel.

    Args:
        series: the kernel's series; None if it is unknown.
        default: the series whose tables decode the registers of an unknown kernel.
        compares_own_range: see `DecodingTables`.

    >>> found = decoding_tables((6, 8), (6, 18))
    >>> found.tables.series, found.newer.series
    ('6.1', '6.12')
    """
    tables = kernel_tables(series or default)
    names = series_with_tables(series)
    newer = kernel_tables(_numbers(names[-1])) if len(names) > 1 else None
    return DecodingTables(tables, series, newer, compares_own_range)


def _numbers(series: str) -> Series:
    major, _, minor = series.partition(".")
    return int(major), int(minor)


class RegisterDifference(msgspec.Struct, frozen=True):
    """An ID register that differs between the boot CPU and another."""

    register: str
    boot_value: int
    value: int
    series: str
    """The series whose table of the register decoded it."""
    is_known: bool
    """False if no table has the register."""
    fields: tuple[FieldDifference, ...]
    """The fields that differ, from the highest bit on."""
    is_own: bool = True
    """False if tables of other kernels stand for that of the log's own kernel."""
    stand_in: str = ""
    """A sentence on the tables that stand for the kernel's own; empty if the table is its own."""
    told_by: tuple[str, ...] = ()
    """The series of all tables that say the same, which are its own, a table in its stead, or those on both sides."""

    @property
    def differs(self) -> bool:
        """False if the two values are equal, of which no kernel logs a line."""
        return self.value != self.boot_value

    @property
    def is_certain(self) -> bool:
        """True if the kernel's own table tells it, or the tables on both sides of it alike."""
        return self.is_own or len(self.told_by) > 1

    @property
    def tables_words(self) -> str:
        """The series of the tables that tell it, in words."""
        return " and ".join(self.told_by)

    @property
    def lost(self) -> tuple[str, ...]:
        """The hwcaps and capabilities that the system loses."""
        return tuple(dict.fromkeys(name for one in self.fields for name in one.lost))

    @property
    def dangers(self) -> tuple[str, ...]:
        """The failures to expect, where all CPUs are taken to be alike in some field."""
        return tuple(dict.fromkeys(one.danger for one in self.fields if one.danger))

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields that programs read another value of since a late CPU came, with both values."""
        return tuple(f"{one.field.name} {one.before} to {one.system}" for one in self.fields if one.changes_reading)

    @property
    def suspects(self) -> tuple[FieldDifference, ...]:
        """The strict fields, for which the kernel may have logged the line; if none is strict, all that differ."""
        return tuple(one for one in self.fields if one.is_strict) or self.fields

    @property
    def inferred(self) -> tuple[str, ...]:
        """Sentences on what the table says and the log's own kernel may not."""
        sentences = [self.stand_in] if self.stand_in else []
        if self.fields and not any(one.is_strict for one in self.fields):
            sentences.append(
                f"no field that differs is strict in the table of Linux {self.series}, and in this kernel at least one "
                "was, as the line shows"
            )
        return tuple(sentences)


def register_name(logged: str, names: Collection[str]) -> str:
    """Return a register's name; older kernels log it in small letters and without its exception level.

    Args:
        logged: the name in the log.
        names: the names that tables have.
    """
    if logged in names:
        return logged
    return {name.rpartition("_")[0].lower(): name for name in names}.get(logged.lower(), logged)


def decode_differences(
    lines: Sequence[LoggedDifference],
    decoding: DecodingTables,
    hidden: Mapping[str, Container[int]] | None = None,
) -> list[RegisterDifference]:
    """Decode the registers that differ in a boot, each by what the lines before it left of the system's value.

    Args:
        lines: the lines of the boot, in the order of the log, with the names of `register_name`.
        decoding: the tables.
        hidden: the lowest bits of the fields that the command line hides on all CPUs, by register, so that nothing is
            lost by them.
    """
    found = _decoded(lines, decoding.tables, decoding, hidden or {})
    if decoding.is_own:
        return found
    if decoding.newer is None:
        return [_standing_in(one, (), decoding) for one in found]
    newer = _decoded(lines, decoding.newer, decoding, hidden or {})
    return [_by_two_tables(*both, decoding) for both in zip(found, newer, strict=True)]


def _decoded(
    lines: Sequence[LoggedDifference],
    tables: KernelTables,
    decoding: DecodingTables,
    hidden: Mapping[str, Container[int]],
) -> list[RegisterDifference]:
    return [_Decoder(one, tables, decoding, hidden).decoded() for one in compared(lines, tables)]


def _by_two_tables(
    older: RegisterDifference, newer: RegisterDifference, decoding: DecodingTables
) -> RegisterDifference:
    """Return what two tables say of a line, between whose kernels the log's is."""
    if not older.is_known and newer.is_known:
        return _standing_in(newer, (), decoding)
    return _standing_in(older, (newer,) if newer.is_known else (), decoding)


def _standing_in(
    one: RegisterDifference, others: tuple[RegisterDifference, ...], decoding: DecodingTables
) -> RegisterDifference:
    """Return a register that tables of other kernels decode, with a sentence that says so."""
    if not one.is_known:
        return replace(one, is_own=False)
    agreeing = [other.series for other in others if _answers(other) == _answers(one)]
    one = replace(one, is_own=False, told_by=(one.series, *agreeing))
    words = one.tables_words
    stand = f"tables of Linux {words}, which agree here, stand" if agreeing else f"table of Linux {words} stands"
    sentence = (
        f"the {stand} for that of this kernel, {decoding.whose}: which fields are strict, and what the system loses, "
        "may have been otherwise"
    )
    if others and not agreeing:
        sentence += f", as Linux {others[0].series} has it"
    fields = tuple(replace(field, stand_in=words) for field in one.fields)
    return replace(one, fields=fields, stand_in=sentence)


def _answers(one: RegisterDifference) -> list[tuple[object, ...]]:
    """Return what a table says of each field, for the comparison with another table."""
    return [
        (
            field.field.shift,
            field.is_listed,
            field.is_strict,
            field.system,
            field.lost,
            field.boot_decides,
            field.effect,
        )
        for field in one.fields
    ]


class _Decoder(msgspec.Struct, frozen=True):
    """A line with the system's values, and the tables that decode it."""

    comparison: Comparison
    tables: KernelTables
    decoding: DecodingTables
    hidden: Mapping[str, Container[int]]

    def decoded(self) -> RegisterDifference:
        """Return the register, by these tables."""
        line = self.comparison.line
        listed = self.tables.registers.get(line.register)
        fields = () if listed is None else listed.fields
        different = line.boot_value ^ line.value
        found = [self._listed(field) for field in fields if field.mask & different]
        rest = different & ~_mask_of(fields)
        found += [
            self._unlisted(field, has_name=has_name, is_in_table=listed is not None)
            for field, has_name in _unlisted(line.register, rest)
        ]
        differing = sorted(found, key=lambda one: -one.field.shift)
        # The tables may be of a series near the kernel's own, in which a field was not strict yet, or no longer.
        is_alone = len(differing) == 1
        return RegisterDifference(
            line.register,
            line.boot_value,
            line.value,
            self.tables.series,
            listed is not None,
            tuple(replace(one, is_alone=is_alone) for one in differing),
            told_by=(self.tables.series,),
        )

    def _unlisted(self, field: Field, *, has_name: bool, is_in_table: bool) -> FieldDifference:
        """Return the difference in a field that the kernel does not list."""
        values, is_late = self.comparison.of(field), self.comparison.line.is_late
        return FieldDifference(
            field,
            values.boot,
            values.cpu,
            is_listed=False,
            has_name=has_name,
            users=(),
            lost=(),
            boot_decides=(),
            effect=None,
            before=values.before,
            system=None,
            is_late=is_late,
            is_in_table=is_in_table,
        )

    def _listed(self, field: Field) -> FieldDifference:
        """Return the difference in a field that the kernel lists."""
        line, values = self.comparison.line, self.comparison.of(field)
        register = self.tables.registers[line.register]
        is_hidden = field.shift in self.hidden.get(line.register, ())
        # The line of an early CPU tells what the system loses by that CPU, whatever it loses by others.
        of_both = field.safe_value(values.boot, values.cpu)
        is_used = has_use(line.register, field)
        users: list[str] = []
        lost: list[str] = []
        decided: list[str] = []
        for one, wanted in _users(self.tables, line.register, field.name):
            if isinstance(one, Capability) and not self._may_have(one):
                continue
            is_used = True
            users.extend(_names(one))
            if is_hidden or not wanted.is_met_by(values.boot, field):
                continue
            if isinstance(one, Capability) and "BOOT" in one.type:
                decided.extend(() if wanted.is_met_by(values.cpu, field) else _names(one))
            elif not line.is_late and not wanted.is_met_by(of_both, field):
                lost.extend(_names(one))
        effect = field_effect(
            self.comparison,
            field,
            register.strict_mask & register.listed_mask,
            compares_own_range=self.decoding.compares_own_range,
        )
        if effect is not None and effect.kind is EffectKind.LOSS and not is_hidden:
            lost.append(effect.words)
        return FieldDifference(
            field,
            values.boot,
            values.cpu,
            is_listed=True,
            has_name=True,
            users=tuple(users),
            lost=tuple(lost),
            boot_decides=tuple(decided),
            effect=effect,
            before=values.before if line.is_late else values.boot,
            system=field.safe_value(values.before, values.cpu) if line.is_late else values.at_boot,
            is_late=line.is_late,
            is_hidden=is_hidden,
            is_used=is_used,
        )

    def _may_have(self, one: Capability) -> bool:
        return self.decoding.series is None or one.may_be_in(self.decoding.series)


@lru_cache(maxsize=4096)
def _users(tables: KernelTables, register: str, field: str) -> tuple[tuple[Hwcap | Capability, Requirement], ...]:
    """Return the entries that look at a field, each with what it looks for there."""
    everything: tuple[Hwcap | Capability, ...] = (*tables.hwcaps, *tables.capabilities)
    found = ((one, matched_field(one, register, field)) for one in everything)
    return tuple((one, wanted) for one, wanted in found if wanted is not None)


def _mask_of(fields: tuple[Field, ...]) -> int:
    mask = 0
    for field in fields:
        mask |= field.mask
    return mask


def _unlisted(register: str, differing: int) -> Iterator[tuple[Field, bool]]:
    """Yield the fields that some differing bits belong to, and True if a field has a name: by four bits otherwise."""
    for field in unlisted_fields(register):
        if field.mask & differing:
            differing &= ~field.mask
            yield field, True
    for shift in range(0, _REGISTER_BITS, _NIBBLE):
        nibble = Field(name=f"bits {shift + _NIBBLE - 1}:{shift}", shift=shift)
        if nibble.mask & differing:
            yield nibble, False


def _names(one: Hwcap | Capability) -> Iterator[str]:
    """Yield a name for people: a hwcap's as /proc/cpuinfo has it, a capability's as the log has it.

    A capability of the CPU's own, such as an erratum, is not the system's to lose, and is not named.
    """
    if isinstance(one, Hwcap):
        yield f"hwcap {one.words}"
    elif one.is_of_system and one.description is not None:
        yield f"capability {one.description!r}"
