"""The tables of cpufeature, read from the files beside this module.

Source: ``arm64_ftr_regs``, ``arm64_features`` and ``arm64_elf_hwcaps`` of arch/arm64/kernel/cpufeature.c, as the memory
of running kernels has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec

Series = tuple[int, int]
_SERIES = ("6.1", "6.12", "6.16", "6.18", "7.3")
"""The series that the files are of, oldest first."""


class SafeType(StrEnum):
    """The rules by which the kernel makes one value of the values of two CPUs."""

    LOWER_SAFE = "LOWER_SAFE"
    HIGHER_SAFE = "HIGHER_SAFE"
    HIGHER_OR_ZERO_SAFE = "HIGHER_OR_ZERO_SAFE"
    """Zero stands for an unknown value, and is the result if either is zero."""
    EXACT = "EXACT"
    """Two values that differ give the field's safe value."""


class _OfSeries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of some series; empty: of all."""

    in_series: tuple[str, ...] = msgspec.field(default=(), name="in")

    def is_in(self, series: str) -> bool:
        """Return True if the kernels of a series have the entry."""
        return not self.in_series or series in self.in_series


class Field(_OfSeries, frozen=True):
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

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.shift

    def of(self, register_value: int) -> int:
        """Return the field's value in a register's value, as the bits have it."""
        return (register_value & self.mask) >> self.shift

    def order(self, value: int) -> int:
        """Return a number by which values compare: a signed field's 15 is less than 0.

        >>> Field(name="FP", shift=16, signed=True).order(15)
        -1
        """
        return value - (1 << self.width) if self.signed and value >> (self.width - 1) else value

    def safe_value(self, system: int, cpu: int) -> int:
        """Return the system's value of the field after a CPU with another value came (``arm64_ftr_safe_value``).

        >>> Field(name="SVE", shift=32).safe_value(1, 0)
        0
        """
        if system == cpu:
            return system
        match self.type:
            case SafeType.EXACT:
                return self.safe
            case SafeType.HIGHER_SAFE:
                return max(system, cpu, key=self.order)
            case SafeType.HIGHER_OR_ZERO_SAFE:
                return 0 if 0 in {system, cpu} else max(system, cpu)
            case SafeType.LOWER_SAFE:
                return min(system, cpu, key=self.order)


class Register(_OfSeries, frozen=True):
    """An ID register and those of its fields that the kernel lists (``struct arm64_ftr_reg``)."""

    name: str
    id: str
    """The register's encoding, in hexadecimal."""
    fields: tuple[Field, ...]


class _Requirement(_OfSeries, frozen=True):
    """Something that needs a field of an ID register to have a value of at least `min`."""

    name: str
    """As arch/arm64/tools has it; empty where only the description is known."""
    register: str | None = None
    field: str | None = None
    min: int = 0
    max: int | None = None


class Capability(_Requirement, frozen=True, kw_only=True):
    """A capability of the kernel's (``struct arm64_cpu_capabilities``)."""

    type: tuple[str, ...]
    """The scope (LOCAL, SYSTEM, BOOT), and what it means for a CPU that comes late."""
    matcher: str = ""
    description: str | None = None
    """The words of the log; None for a capability that the kernel does not name."""

    @property
    def is_of_system(self) -> bool:
        """True if all CPUs together decide, or the boot CPU for all: not an erratum, nor a mitigation."""
        return "LOCAL" not in self.type


class Hwcap(_Requirement, frozen=True):
    """A feature that programs are promised, by its name in /proc/cpuinfo in capitals."""

    compat: bool = False
    """True if 32-bit programs are."""


class _Unlisted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field of the architecture that the kernel does not list."""

    register: str
    name: str
    shift: int
    width: int = 4


@dataclass(frozen=True, slots=True)
class KernelTables:
    """The tables of one series."""

    series: str
    registers: Mapping[str, Register]
    capabilities: tuple[Capability, ...]
    hwcaps: tuple[Hwcap, ...]


@cache
def kernel_tables(series: Series) -> KernelTables:
    """Return the tables of a series, or else of the nearest older series; series before 6.1 have those of 6.1."""
    name = next((one for one in reversed(_SERIES) if _numbers(one) <= series), _SERIES[0])
    registers = {
        one.name: msgspec.structs.replace(one, fields=tuple(each for each in one.fields if each.is_in(name)))
        for one in _read("registers.json", Register)
        if one.is_in(name)
    }
    capabilities = tuple(one for one in _read("capabilities.json", Capability) if one.is_in(name))
    return KernelTables(
        name, registers, capabilities, tuple(one for one in _read("hwcaps.json", Hwcap) if one.is_in(name))
    )


@cache
def unlisted_fields(register: str) -> tuple[Field, ...]:
    """Return the fields of a register that the architecture has and some kernels do not list."""
    found = [one for one in _read("unlisted_fields.json", _Unlisted) if one.register == register]
    return tuple(Field(name=one.name, shift=one.shift, width=one.width) for one in found)


def _numbers(series: str) -> Series:
    major, _, minor = series.partition(".")
    return int(major), int(minor)


_T = TypeVar("_T", bound=msgspec.Struct)


@cache
def _read(file: str, kind: type[_T]) -> list[_T]:
    text = resources.files("sim.cpufeature_tables").joinpath(file).read_bytes()
    return msgspec.json.decode(text, type=list[kind])  # type: ignore[valid-type]
