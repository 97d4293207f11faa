"""SANITY CHECK lines decoded: the fields that differ, and what the system loses by each.

The kernel compares the raw values of a register on the boot CPU and on another, and logs both where they differ in a
strict bit: a strict field of its table, or a bit in no field of it. Of each listed field it then uses the value that is
safe on both, and what needs a larger value is lost, for all CPUs. Nothing is lost by a bit in no field, because the
system's value has 0 there anyway. Nothing is lost either by a CPU that comes late, since capabilities are final then;
what it may change, or endanger, is told.

The kernel that logged the line may be older than all tables, or unknown. The tables of another kernel then stand for
its own: which fields are strict and what is lost is inferred, and sentences name the kernel that they are true of.

Source: ``check_update_ftr_reg`` and ``update_cpu_ftr_reg`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from sim.cpufeature_tables.field_uses import EffectKind, FieldEffect, field_effect, has_use, matched_field
from sim.cpufeature_tables.tables import Capability, Field, Hwcap, KernelTables, Series, unlisted_fields

_COUNTER_FREQUENCY = "ClockFreq"
"""The field of CNTFRQ_EL0, which tells no feature: firmware writes the frequency of the system counter to it."""
_NIBBLE = 4
_REGISTER_BITS = 64


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of an ID register that differs between the boot CPU and another."""

    field: Field
    boot: int
    """The boot CPU's value."""
    cpu: int
    """The other CPU's value."""
    is_listed: bool
    """True if the kernel has the field in its table."""
    has_name: bool
    """False for bits that the architecture does not name, or that asymboot does not know."""
    users: tuple[str, ...]
    """The hwcaps and capabilities that look at the field."""
    lost: tuple[str, ...]
    """Those of them that the boot CPU has and the system does not, and what the kernel's own code loses."""
    boot_decides: tuple[str, ...]
    """The capabilities on which the boot CPU decides for all, and of which the two CPUs differ."""
    effect: FieldEffect | None
    """The effect that capabilities and hwcaps do not tell; None if none is known."""
    is_late: bool
    """True if the other CPU came late, or came back, so that capabilities were final."""
    is_used: bool = False
    """True if something looks at the field, be it a capability that has no name or is a CPU's own."""
    is_alone: bool = False
    """True if no other field differs, so that the kernel logged the line for this field."""
    stand_in: str = ""
    """The series whose table stands for that of the log's own kernel; empty if the table is its own."""

    @property
    def is_strict(self) -> bool:
        """True if the kernel logs a difference of this field, as its table says or its line shows."""
        return not self.is_listed or self.field.strict or self.is_alone

    @property
    def system(self) -> int | None:
        """The value that the kernel uses for all CPUs; None for an unlisted field, of which it uses none."""
        return self.field.safe_value(self.boot, self.cpu) if self.is_listed else None

    @property
    def bits(self) -> str:
        """The field's bits, as the kernel and the architecture write them."""
        high, low = self.field.shift + self.field.width - 1, self.field.shift
        return str(low) if high == low else f"{high}:{low}"

    @property
    def value_words(self) -> str:
        """The field and its values, in words; "here" is the other CPU."""
        bits = f"bit {self.bits}" if self.field.width == 1 else f"bits {self.bits}"
        name = f"{self.field.name} ({bits})" if self.has_name else self.field.name
        return f"{name}: {self.boot} on the boot CPU, {self.cpu} here"

    @property
    def changes_reading(self) -> bool:
        """True if programs read another value of the field from the other CPU's arrival on."""
        return self.is_late and self.is_listed and self.field.visible and self.system != self.boot

    @property
    def danger(self) -> str:
        """The failure to expect, where all CPUs are taken to be alike in the field; empty if none is known."""
        return self.effect.words if self.effect is not None and self.effect.kind is EffectKind.DANGER else ""

    @property
    def words(self) -> str:
        """The field, its values, and what the difference costs the system."""
        return f"{self.value_words}: {'; '.join(part for part in self._parts if part)}"

    @property
    def _parts(self) -> tuple[str, ...]:
        if not self.is_listed:
            return (f"{self._strictness}, in no field that the kernel lists: a taint, and nothing is lost",)
        effect = "" if self.effect is None or self.effect.kind is EffectKind.LOSS else self.effect.words
        return (self._strictness, self._of_system, self._of_boot_cpu, effect or self._without_effect)

    @property
    def _of_system(self) -> str:
        there = "there " if self.stand_in else ""
        if self.is_late:
            changed = f"programs that read the register see {self.system} from then on"
            return changed if self.changes_reading else ""
        if self.lost:
            return f"{there}the system has {self.system} and loses {', '.join(self.lost)}"
        return f"{there}the system has {self.system}, and loses nothing that it had" if self.is_used else ""

    @property
    def _of_boot_cpu(self) -> str:
        if not self.boot_decides:
            return ""
        names = ", ".join(self.boot_decides)
        return f"the boot CPU decides on {names}, and a CPU without is refused before the kernel can log this line"

    @property
    def _without_effect(self) -> str:
        if self.field.name == _COUNTER_FREQUENCY:
            return "a taint, and programs that read the register here measure time wrongly"
        taint = "a taint, and " * self.is_strict
        if self.is_late:
            return "" if self.changes_reading else f"{taint}capabilities and hwcaps stay as they are"
        is_told = self.is_used or self.lost or self.boot_decides
        return "" if is_told else f"{taint}no hwcap and no capability depends on it"

    @property
    def _strictness(self) -> str:
        """The words on whether the kernel logs a difference of the field, and how that is known."""
        table = f" in Linux {self.stand_in}" if self.stand_in else ""
        if self.is_listed and not self.field.strict:
            return (
                f"strict, as the line shows, and not strict{table or ' in the table'}"
                if self.is_alone
                else (f"not strict{table}")
            )
        return f"strict{table}"


@dataclass(frozen=True, slots=True)
class RegisterDifference:
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
    """False if the table stands for that of the log's own kernel, which is older or unknown."""

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
        return tuple(f"{one.field.name} {one.boot} to {one.system}" for one in self.fields if one.changes_reading)

    @property
    def suspects(self) -> tuple[FieldDifference, ...]:
        """The strict fields, for which the kernel may have logged the line; if none is strict, all that differ."""
        return tuple(one for one in self.fields if one.is_strict) or self.fields

    @property
    def inferred(self) -> tuple[str, ...]:
        """Sentences on what the table says and the log's own kernel may not."""
        sentences = []
        if not self.is_own:
            sentences.append(
                f"the table of Linux {self.series} stands for that of this kernel, which is older or unknown: which "
                "fields are strict, and what the system loses, may have been otherwise"
            )
        if self.fields and not any(one.is_strict for one in self.fields):
            sentences.append(
                f"no field that differs is strict in the table of Linux {self.series}, and in this kernel at least one "
                "was, as the line shows"
            )
        return tuple(sentences)


def register_name(logged: str, tables: KernelTables) -> str:
    """Return a register's name; older kernels log it in small letters and without its exception level."""
    if logged in tables.registers:
        return logged
    return {name.rpartition("_")[0].lower(): name for name in tables.registers}.get(logged.lower(), logged)


def decode_difference(
    register: str,
    boot_value: int,
    value: int,
    tables: KernelTables,
    hidden: Container[int] = (),
    *,
    is_late: bool,
    is_own: bool = True,
    series: Series | None = None,
) -> RegisterDifference:
    """Decode a register that differs.

    Args:
        register: its name.
        boot_value: the boot CPU's value.
        value: the other CPU's value.
        tables: the kernel's tables.
        hidden: the lowest bits of the fields that the command line hides on all CPUs, so that nothing is lost by them.
        is_late: True if the other CPU came after the kernel's capabilities were final.
        is_own: False if the tables stand for those of the log's kernel, which is older than any or unknown.
        series: the series of the log's kernel, if it is known.
    """
    if series is not None:
        capabilities = tuple(one for one in tables.capabilities if one.may_be_in(series))
        tables = replace(tables, capabilities=capabilities)
    listed = tables.registers.get(register)
    fields = () if listed is None else listed.fields
    both = _TwoCpus(register, boot_value, value, tables, is_late)
    found = [both.listed(field, is_hidden=field.shift in hidden) for field in fields]
    rest = (boot_value ^ value) & ~_mask_of(fields)
    found += [both.unlisted(field, has_name=has_name) for field, has_name in _unlisted(register, rest)]
    differing = sorted((one for one in found if one.boot != one.cpu), key=lambda one: -one.field.shift)
    # The tables may be of a series near the kernel's own, in which a field was not strict yet, or no longer.
    stand_in = tables.series if listed is not None and not is_own else ""
    is_alone = len(differing) == 1
    differing = [replace(one, is_alone=is_alone, stand_in=stand_in) for one in differing]
    return RegisterDifference(register, boot_value, value, tables.series, listed is not None, tuple(differing), is_own)


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


@dataclass(frozen=True, slots=True)
class _TwoCpus:
    """A register's values of the boot CPU and of another."""

    register: str
    boot_value: int
    value: int
    tables: KernelTables
    is_late: bool

    def unlisted(self, field: Field, *, has_name: bool) -> FieldDifference:
        """Return the difference in a field that the kernel does not list."""
        boot, cpu = field.of(self.boot_value), field.of(self.value)
        return FieldDifference(field, boot, cpu, False, has_name, (), (), (), None, self.is_late)

    def listed(self, field: Field, *, is_hidden: bool) -> FieldDifference:
        """Return the difference in a field that the kernel lists."""
        boot, cpu = field.of(self.boot_value), field.of(self.value)
        system = field.safe_value(boot, cpu)
        users: list[str] = []
        lost: list[str] = []
        decided: list[str] = []
        is_used = has_use(self.register, field)
        everything: tuple[Hwcap | Capability, ...] = (*self.tables.hwcaps, *self.tables.capabilities)
        for one in everything:
            wanted = matched_field(one, self.register, field.name)
            if wanted is None:
                continue
            is_used = True
            users.extend(_names(one))
            if is_hidden or not wanted.is_met_by(boot, field):
                continue
            if isinstance(one, Capability) and "BOOT" in one.type:
                decided.extend(() if wanted.is_met_by(cpu, field) else _names(one))
            elif not self.is_late and not wanted.is_met_by(system, field):
                lost.extend(_names(one))
        effect = field_effect(self.register, field, boot, cpu, is_late=self.is_late)
        if effect is not None and effect.kind is EffectKind.LOSS and not is_hidden:
            lost.append(effect.words)
        return FieldDifference(
            field, boot, cpu, True, True, tuple(users), tuple(lost), tuple(decided), effect, self.is_late, is_used
        )


def _names(one: Hwcap | Capability) -> Iterator[str]:
    """Yield a name for people: a hwcap's as /proc/cpuinfo has it, a capability's as the log has it.

    A capability of the CPU's own, such as an erratum, is not the system's to lose, and is not named.
    """
    if isinstance(one, Hwcap):
        yield f"hwcap {one.cpuinfo_name}{' of 32-bit programs' * one.compat}"
    elif one.is_of_system and one.description is not None:
        yield f"capability {one.description!r}"
