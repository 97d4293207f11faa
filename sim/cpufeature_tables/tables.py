"""The tables of cpufeature, read from the files beside this module.

Source: ``arm64_ftr_regs``, ``arm64_features``, ``arm64_errata`` and ``arm64_elf_hwcaps`` of arch/arm64/kernel/, as the
memory of running kernels has them.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from sim import rules
from sim.kernel_release import Series
from sim.rules import S

_SERIES = ("6.1", "6.12", "6.16", "6.18", "7.3")
"""The series that the files are of, oldest first."""
_EVERY_BIT = (1 << 64) - 1
_WIDEST = 63
"""A bit above the bits of every field, for the rules."""
OPTIONS_OF_CODE = frozenset(
    {
        "CONFIG_ARM64_BTI_KERNEL",
        "CONFIG_ARM64_SW_TTBR0_PAN",
        "CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY",
        "CONFIG_UNMAP_KERNEL_AT_EL0",
    }
)
"""The options on which lines, files of sysfs or the type of a capability depend, and no entry of the tables."""
NAMELESS = {
    "HAS_32BIT_EL0_DO_NOT_USE": "32-bit programs",
    "HAS_ADDRESS_AUTH": "address authentication",
    "HAS_GENERIC_AUTH": "generic authentication",
    "HAS_FPSIMD": "floating point and Advanced SIMD",
    "HAS_NO_FPSIMD": "the lack of floating point and Advanced SIMD",
    "HAS_TCR2": "TCR2_EL1",
}
"""Words for capabilities that the kernel's log does not name."""


class SafeType(StrEnum):
    """The rules by which the kernel makes one value of the values of two CPUs."""

    LOWER_SAFE = "LOWER_SAFE"
    HIGHER_SAFE = "HIGHER_SAFE"
    HIGHER_OR_ZERO_SAFE = "HIGHER_OR_ZERO_SAFE"
    """Zero stands for an unknown value, and is the result if either is zero."""
    EXACT = "EXACT"
    """Two values that differ give the field's safe value."""


class _OfSeries(msgspec.Struct, frozen=True, eq=False, kw_only=True, forbid_unknown_fields=True):
    """An entry of some series; empty: of all. Entries are compared by identity, so that caches find them fast."""

    in_series: tuple[str, ...] = msgspec.field(default=(), name="in")

    def is_in(self, series: str) -> bool:
        """Return True if the kernels of a series have the entry."""
        return not self.in_series or series in self.in_series


class Field(_OfSeries, frozen=True, eq=False, dict=True):
    """A field of an ID register (``struct arm64_ftr_bits``)."""

    name: str
    shift: int
    width: int = 4
    signed: bool = False
    visible: bool = False
    """True if programs may read it."""
    strict: bool = True
    """True if the kernel logs a difference."""
    type: SafeType = SafeType.LOWER_SAFE
    safe: int = 0
    """The value that is safe where two values differ and the type is EXACT."""
    visible_if: str | None = None
    """The configuration option without which programs may not read it."""

    @cached_property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.shift

    @cached_property
    def sign(self) -> int:
        """The sign bit of a signed field's value; 0 for an unsigned field."""
        return 1 << (self.width - 1) if self.signed else 0

    @cached_property
    def largest(self) -> int:
        """The largest value, as the bits have it."""
        return (1 << self.width) - 1 >> self.signed

    def order(self, value: int) -> int:
        """Return a number by which values compare: a signed field's 15 is less than 0.

        >>> Field(name="FP", shift=16, signed=True).order(15)
        -1
        """
        return value - (1 << self.width) if value & self.sign else value

    def of(self, register_value: int) -> int:
        """Return the field's value in a register's value, as the bits have it."""
        return (register_value & self.mask) >> self.shift

    def put(self, register_value: int, value: int) -> int:
        """Return a register's value with the field replaced."""
        return (register_value & ~self.mask) | (value << self.shift & self.mask)

    def safe_value(self, system: S, cpu: S) -> S:
        """Return the system's value of the field after a CPU with another value came (``arm64_ftr_safe_value``).

        >>> Field(name="SVE", shift=32).safe_value(1, 0)
        0
        """
        match self.type:
            case SafeType.EXACT:
                return rules.exact(system, cpu, self.safe, _WIDEST)
            case SafeType.HIGHER_SAFE:
                return rules.higher_safe(system, cpu, self.sign, _WIDEST)
            case SafeType.HIGHER_OR_ZERO_SAFE:
                return rules.higher_or_zero_safe(system, cpu, _WIDEST)
            case SafeType.LOWER_SAFE:
                return rules.lower_safe(system, cpu, self.sign, _WIDEST)


class Register(_OfSeries, frozen=True, eq=False, dict=True):
    """An ID register and those of its fields that the kernel lists (``struct arm64_ftr_reg``)."""

    name: str
    id: str
    """The register's encoding, in hexadecimal."""
    fields: tuple[Field, ...]
    rest_is_strict: bool = True
    """The kernel logs a difference in bits that no field lists."""
    compared: bool = True
    """False if the kernel takes the boot CPU's value, and never looks at another CPU's."""

    @cached_property
    def is_aarch32(self) -> bool:
        """True if only CPUs that run 32-bit programs have it."""
        return not self.name.startswith("ID_AA64") and self.name.startswith(("ID_", "MVFR"))

    @cached_property
    def is_emulated(self) -> bool:
        """True if a program can read it: its MRS traps, and the kernel returns the value for programs.

        Source: arch/arm64/kernel/cpufeature.c (``is_emulated``).
        """
        encoding = int(self.id, 16)
        op0, op1, crn, crm = (encoding >> shift & mask for shift, mask in ((19, 3), (16, 7), (12, 15), (8, 15)))
        return (op0, op1, crn) == (3, 0, 0) and crm in range(2, 8)

    @cached_property
    def listed_mask(self) -> int:
        """The bits of all listed fields."""
        return sum(field.mask for field in self.fields)

    @cached_property
    def strict_mask(self) -> int:
        """The bits in which a difference is logged."""
        rest = _EVERY_BIT & ~self.listed_mask if self.rest_is_strict else 0
        return rest | sum(field.mask for field in self.fields if field.strict)

    @cached_property
    def visible_mask(self) -> int:
        """The bits that programs may read, where the configuration does not say otherwise."""
        return sum(field.mask for field in self.fields if field.visible)

    @cached_property
    def hidden_value(self) -> int:
        """The safe values of the fields that programs may not read, where the configuration does not say otherwise."""
        return sum(field.put(0, field.safe) for field in self.fields if not field.visible)

    @cached_property
    def visible_by_config(self) -> tuple[tuple[str, Field], ...]:
        """The fields that programs may read where the kernel is built so, each after its configuration option."""
        return tuple((field.visible_if, field) for field in self.fields if field.visible_if is not None)

    def safe_value(self, system: int, cpu: int) -> int:
        """Return the system's value after a CPU with another value came."""
        for field in self.fields:
            old, new = field.of(system), field.of(cpu)
            if old != new:
                system = field.put(system, field.safe_value(old, new))
        return system

    def field(self, name: str) -> Field | None:
        """Return a listed field; None if the kernel does not list it."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        # Of two fields with one name, the first.
        return {one.name: one for one in reversed(self.fields)}


class Requirement(msgspec.Struct, frozen=True, eq=False, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Something that a matcher of the kernel's looks for in a CPU."""

    matcher: str = "has_user_cpuid_feature"
    register: str | None = None
    field: str | None = None
    min: int = 0
    max: int | None = None
    """The largest value that counts; None: every value from `min` on."""
    shift: int | None = None
    """The field's place, where the kernel does not list the field."""
    width: int = 4
    signed: bool = False
    midr: tuple[tuple[str, str, str], ...] = ()
    """Core models, each with the lowest and the highest variant and revision, in hexadecimal."""
    fixed: tuple[tuple[str, str], ...] = ()
    """Variants and revisions that are not concerned where any of these bits of REVIDR is set, in hexadecimal."""
    model: str | None = None
    """Implementer, architecture and the upper bits of the part number, in hexadecimal."""
    any_of: tuple["Requirement", ...] = ()
    """Alternatives."""
    config: tuple[str, ...] = ()
    """The configuration options without which the kernel lacks the entry, or the alternative."""

    def is_met_by(self, value: int, field: Field) -> bool:
        """Return True if a field's value is one of those that the matcher looks for."""
        return bool(self.where_met(value, field))

    def where_met(self, value: S, field: Field) -> S:
        """Return a mask: every bit where a field's value is one of those that the matcher looks for."""
        # A matcher that says itself where its field is looks at the bits as it says.
        sign = 0 if self.shift is not None and not self.signed else field.sign
        largest = field.largest if self.max is None else self.max
        return rules.in_range(value, self.min, largest, sign, _WIDEST)


class Capability(Requirement, frozen=True, eq=False, kw_only=True):
    """A capability of the kernel's (``struct arm64_cpu_capabilities``)."""

    name: str
    """As arch/arm64/tools/cpucaps has it; empty where only the description is known."""
    type: tuple[str, ...]
    """The scope (LOCAL, SYSTEM, BOOT), and what it means for a CPU that comes late."""
    numbers: Mapping[str, int]
    """Its number in the kernel's list, by series."""
    description: str | None = None
    """The words of the log; None for a capability that the kernel does not name."""
    logged_by_matcher: str | None = None
    """The words of the log, where no description has them and the matcher logs them itself."""
    enable: str | None = None
    """The function that runs on each CPU once the system has it."""
    per_cpu: str | None = None
    """The kernel's set of the CPUs that have it, which the log then names."""
    page_bytes: int | None = None
    """The size of pages of the kernels that have this entry; None: all have it."""
    since: str | None = None
    """The first series that has it, where that is known; kernels older than the tables may lack it."""
    until: str | None = None
    """The series from which on another entry takes its place, where that has no tables."""

    def number(self, series: Series) -> int:
        """Return the capability's number in the kernels of a series."""
        known = [key for key in self.numbers if _numbers(key) <= series]
        return self.numbers[max(known, key=_numbers) if known else min(self.numbers, key=_numbers)]

    def may_be_in(self, series: Series) -> bool:
        """Return True if a series may have the capability, as far as is known."""
        return self.since is None or _numbers(self.since) <= series

    @property
    def is_of_system(self) -> bool:
        """True if all CPUs together decide, or the boot CPU for all: not an erratum, nor a mitigation."""
        return "LOCAL" not in self.type

    @property
    def words(self) -> str | None:
        """The words by which the log names the capability, whichever part of the kernel logs them; None: it does not.

        A conflict shows the description alone, so that it has no words for what a matcher logs.
        """
        return self.description or self.logged_by_matcher

    @property
    def is_workaround(self) -> bool:
        """True if it stands for the workaround of an erratum, by its name, or by the log's words where it has none.

        Source: ``arm64_errata`` of arch/arm64/kernel/cpu_errata.c, which also has mitigations and mismatched caches.
        """
        return self.name.startswith("WORKAROUND_") if self.name else "errat" in (self.description or "")

    @property
    def words_for_people(self) -> str:
        """The log's description, or words of our own for a capability that has none, or its name."""
        return self.description or NAMELESS.get(self.name, self.label)

    @property
    def label(self) -> str:
        """The capability's name, or what is known instead."""
        return self.name or self.description or ""


def words_of_hwcap(cpuinfo_name: str, *, compat: bool) -> str:
    """Return the words for a feature that programs are promised.

    >>> words_of_hwcap("aes", compat=True)
    'aes of 32-bit programs'
    """
    return f"{cpuinfo_name} of 32-bit programs" if compat else cpuinfo_name


class Hwcap(Requirement, frozen=True, eq=False, kw_only=True):
    """A feature that programs are promised."""

    in_series: tuple[str, ...] = msgspec.field(default=(), name="in")
    name: str
    """As in the kernel's sources, such as SVE_EBF16."""
    compat: bool = False
    """True if 32-bit programs are."""
    bit: int | None = None
    """The number of its bit, counted through AT_HWCAP, AT_HWCAP2 and AT_HWCAP3; None for 32-bit programs."""
    word: int = 1
    """For 32-bit programs: the word, of AT_HWCAP or AT_HWCAP2."""
    mask: int = 0
    """For 32-bit programs: the bit in that word."""

    @property
    def cpuinfo_name(self) -> str:
        """The name in /proc/cpuinfo."""
        return self.name.lower().replace("_", "")

    @property
    def words(self) -> str:
        """The name in /proc/cpuinfo, with the programs if they are 32-bit programs."""
        return words_of_hwcap(self.cpuinfo_name, compat=self.compat)

    @property
    def log_name(self) -> str:
        """The name in the log's line on a missing hwcap."""
        return ("COMPAT_HWCAP2_" if self.word > 1 else "COMPAT_HWCAP_" if self.compat else "KERNEL_HWCAP_") + self.name


class MidrList(_OfSeries, frozen=True):
    """A list of core models that the kernel keeps for a mitigation."""

    name: str
    ranges: tuple[tuple[str, str, str], ...]


class _Unlisted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the architecture that the kernel does not list."""

    register: str
    name: str
    shift: int
    width: int = 4


class KernelTables(msgspec.Struct, frozen=True, eq=False, dict=True):
    """The tables of one series, for one size of pages."""

    series: str
    page_bytes: int
    registers: Mapping[str, Register]
    """In the order in which the kernel compares them."""
    capabilities: tuple[Capability, ...]
    """In the order of their numbers."""
    hwcaps: tuple[Hwcap, ...]
    """In the order in which the kernel looks at them, those of 32-bit programs last."""
    midr_lists: Mapping[str, tuple[tuple[str, str, str], ...]]

    def only(self, fields: Collection[tuple[str, str]], descriptions: Collection[str]) -> "KernelTables":
        """Return the tables with some fields of some registers and some capabilities, and nothing else.

        Args:
            fields: the fields, each by register and name.
            descriptions: the capabilities, by the words of the log.
        """
        registers = {}
        for name, register in self.registers.items():
            kept = tuple(field for field in register.fields if (name, field.name) in fields)
            if kept:
                registers[name] = msgspec.structs.replace(register, fields=kept, rest_is_strict=False)
        capabilities = tuple(one for one in self.capabilities if one.description in descriptions)
        return KernelTables(self.series, self.page_bytes, registers, capabilities, (), self.midr_lists)

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The registers that the kernel compares on every CPU, in its order."""
        return tuple(name for name, one in self.registers.items() if one.compared and not one.is_aarch32)

    @cached_property
    def aarch32(self) -> tuple[str, ...]:
        """The registers that it compares on CPUs that run 32-bit programs, in its order."""
        return tuple(name for name, one in self.registers.items() if one.is_aarch32)

    def field_of(self, one: Requirement) -> Field:
        """Return the field that a matcher looks at; a field that the kernel does not list has a place of its own."""
        return _field_of(self, one)


@lru_cache(maxsize=4096)
def _field_of(tables: KernelTables, one: Requirement) -> Field:
    assert one.register is not None
    assert one.field is not None
    if one.shift is not None:
        return Field(name=one.field, shift=one.shift, width=one.width, signed=one.signed)
    found = tables.registers[one.register].field(one.field)
    assert found is not None, one
    return found


@cache
def kernel_tables(series: Series, page_bytes: int = 4096) -> KernelTables:
    """Return the tables of a series, or else of the nearest older series; series before 6.1 have those of 6.1."""
    name = next((one for one in reversed(_SERIES) if _numbers(one) <= series), _SERIES[0])
    registers = {
        one.name: msgspec.structs.replace(one, fields=tuple(each for each in one.fields if each.is_in(name)))
        for one in _registers(name)
    }
    capabilities = [
        one
        for one in _read("capabilities.json", Capability)
        if one.page_bytes in {None, page_bytes}
        and (one.until is None or series < _numbers(one.until))
        and (name in one.numbers or any(_numbers(name) < _numbers(key) <= series for key in one.numbers))
    ]
    # Debian's 6.1 shows no lists, since it has no symbols of data; 6.12's read the same in its sources.
    lists_of = max(name, _SERIES[1], key=_numbers)
    return KernelTables(
        name,
        page_bytes,
        registers,
        tuple(sorted(capabilities, key=lambda one: one.number(series))),
        tuple(one for one in _read("hwcaps.json", Hwcap) if not one.in_series or name in one.in_series),
        {one.name: one.ranges for one in _read("midr_lists.json", MidrList) if one.is_in(lists_of)},
    )


UNKEPT_REGISTERS = ("REVIDR_EL1", "CLIDR_EL1", "MPAM1_EL1", "ICH_VTR_EL2")
"""Registers that the kernel reads without keeping a value of the system's."""


def series_with_tables(series: Series | None) -> tuple[str, ...]:
    """Return the series whose tables decode the registers of a kernel: its own, or its neighbours' on both sides.

    Args:
        series: the kernel's series; None: it is unknown, and any table is as good as another.

    >>> series_with_tables((6, 12)), series_with_tables((6, 8)), series_with_tables((5, 4))
    (('6.12',), ('6.1', '6.12'), ('6.1',))
    """
    if series is None:
        return ()
    older = [one for one in _SERIES if _numbers(one) <= series]
    newer = [one for one in _SERIES if _numbers(one) >= series]
    return tuple(dict.fromkeys((*older[-1:], *newer[:1])))


@cache
def newest_registers() -> tuple[str, ...]:
    """Return the registers of the newest series with tables."""
    return tuple(one.name for one in _registers(_SERIES[-1]))


@cache
def aarch32_registers() -> frozenset[str]:
    """Return the registers of any series that only CPUs have that run 32-bit programs."""
    return frozenset(one.name for one in _registers(_SERIES[-1]) if one.is_aarch32)


@cache
def every_config_option() -> frozenset[str]:
    """Return the configuration options that entries of any series depend on."""
    capabilities, hwcaps = _read("capabilities.json", Capability), _read("hwcaps.json", Hwcap)
    fields = (field.visible_if for one in _read("registers.json", Register) for field in one.fields)
    of_entries = (
        option
        for entries in (capabilities, hwcaps)
        for one in entries
        for each in (one, *one.any_of)
        for option in each.config
    )
    return OPTIONS_OF_CODE.union(of_entries, (option for option in fields if option is not None))


@cache
def unlisted_fields(register: str) -> tuple[Field, ...]:
    """Return the fields of a register that the architecture has and some kernels do not list."""
    found = [one for one in _read("unlisted_fields.json", _Unlisted) if one.register == register]
    return tuple(Field(name=one.name, shift=one.shift, width=one.width) for one in found)


def _registers(series: str) -> list[Register]:
    return [one for one in _read("registers.json", Register) if one.is_in(series)]


@cache
def _numbers(series: str) -> Series:
    major, _, minor = series.partition(".")
    return int(major), int(minor)


_T = TypeVar("_T", bound=msgspec.Struct)


@cache
def _read(file: str, kind: type[_T]) -> list[_T]:
    text = Path(__file__).with_name(file).read_bytes()
    return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
