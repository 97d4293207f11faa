"""SANITY CHECK lines decoded: the fields that differ, and what the system loses by each.

The kernel compares the raw values of a register on the boot CPU and on another, and logs both where they differ in a
strict bit: a strict field of its table, or a bit in no field of it. Of each listed field it then uses the value that is
safe on both, and what needs a larger value is lost, for all CPUs. Nothing is lost by a bit in no field, because the
system's value has 0 there anyway.

The kernel that logged the line may be older than all tables, or unknown. The tables of another kernel then stand for
its own: which fields are strict and what is lost is inferred, and sentences name the kernel that they are true of.

Source: ``check_update_ftr_reg`` and ``update_cpu_ftr_reg`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

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
    """Those of them that the boot CPU has, and the system does not."""
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
    def late_words(self) -> str:
        """The field, its values and the effect of a late CPU's difference, which is on no capability and no hwcap."""
        if self.is_listed and self.field.visible and self.system != self.boot:
            return f"{self.value_words}: programs that read the register see {self.system} from then on"
        return f"{self.value_words}: a taint, and nothing changes"

    @property
    def words(self) -> str:
        """The field, its values, and what the difference of an early CPU costs the system."""
        values, strict = self.value_words, self._strictness
        there = "there " if self.stand_in else ""
        if not self.is_listed:
            return f"{values}: {strict}, in no field that the kernel lists: a taint, and nothing is lost"
        if self.lost:
            return f"{values}: {strict}; {there}the system has {self.system} and loses {', '.join(self.lost)}"
        if self.field.name == _COUNTER_FREQUENCY:
            return f"{values}: {strict}: a taint, and programs that read the register here measure time wrongly"
        if not self.users:
            taint = "a taint, and " * self.is_strict
            return f"{values}: {strict}, unlisted in hwcaps and capabilities: {taint}nothing is lost"
        return f"{values}: {strict}; {there}the system has {self.system}, and loses nothing that it had"

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
        is_own: False if the tables stand for those of the log's kernel, which is older than any or unknown.
        series: the series of the log's kernel, if it is known.
    """
    if series is not None:
        capabilities = tuple(one for one in tables.capabilities if one.may_be_in(series))
        tables = replace(tables, capabilities=capabilities)
    listed = tables.registers.get(register)
    fields = () if listed is None else listed.fields
    found = [
        _difference(register, field, (boot_value, value), tables, is_listed=True, is_hidden=field.shift in hidden)
        for field in fields
    ]
    rest = (boot_value ^ value) & ~_mask_of(fields)
    found += [
        _difference(register, field, (boot_value, value), tables, is_listed=False, has_name=has_name)
        for field, has_name in _unlisted(register, rest)
    ]
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


def _difference(
    register: str,
    field: Field,
    values: tuple[int, int],
    tables: KernelTables,
    *,
    is_listed: bool,
    has_name: bool = True,
    is_hidden: bool = False,
) -> FieldDifference:
    boot, cpu = (field.of(value) for value in values)
    everything: tuple[Hwcap | Capability, ...] = (*tables.hwcaps, *tables.capabilities)
    users = [one for one in everything if is_listed and (one.register, one.field) == (register, field.name)]
    system = field.safe_value(boot, cpu) if is_listed else boot
    lost = [one for one in users if not is_hidden and _is_met(one, field, boot) and not _is_met(one, field, system)]
    return FieldDifference(field, boot, cpu, is_listed, has_name, tuple(_names(users)), tuple(_names(lost)))


def _is_met(one: Hwcap | Capability, field: Field, value: int) -> bool:
    # Capabilities of the CPU's own, such as errata, are not the system's to lose.
    if isinstance(one, Capability) and not one.is_of_system:
        return False
    return one.is_met_by(value, field)


def _names(users: list[Hwcap | Capability]) -> Iterator[str]:
    """Yield names for people: hwcaps as /proc/cpuinfo has them, capabilities as the log has them."""
    for one in users:
        if isinstance(one, Hwcap):
            yield f"hwcap {one.cpuinfo_name}{' of 32-bit programs' * one.compat}"
        elif one.is_of_system and one.description is not None:
            yield f"capability {one.description!r}"
