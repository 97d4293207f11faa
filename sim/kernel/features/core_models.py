"""Core models: whether a CPU is one of those that a table of the kernel's names.

Source: arch/arm64/include/asm/cputype.h (``midr_is_cpu_model_range``), arch/arm64/kernel/cpu_errata.c.
"""

from collections.abc import Iterable
from functools import lru_cache

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement

MidrRange = tuple[str, str, str]
_MODEL = 0xFF0FFFF0
"""The bits of MIDR_EL1 that name a model: implementer, architecture and part number."""
_VARIANT_REVISION = 0x00F0000F
_KRYO = 0xFF0FF000
"""Implementer, architecture, and the upper four bits of the part number."""


@lru_cache(maxsize=4096)
def _numbers(texts: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(int(text, 16) for text in texts)


def is_in_range(midr: int, one: MidrRange) -> bool:
    """Return True if a model is the range's, with a variant and revision between its ends."""
    model, lowest, highest = _numbers(one)
    return midr & _MODEL == model and lowest <= midr & _VARIANT_REVISION <= highest


@lru_cache(maxsize=4096)
def is_in_list(midr: int, ranges: tuple[MidrRange, ...]) -> bool:
    """Return True if a model is in any of these ranges."""
    return any(is_in_range(midr, one) for one in ranges)


# Lists are long, and found by their names without comparing them.
@lru_cache(maxsize=4096)
def is_listed(tables: KernelTables, name: str, midr: int) -> bool:
    """Return True if a model is in a list that the kernel keeps; a list that it does not keep is empty."""
    return is_in_list(midr, tables.midr_lists.get(name, ()))


def is_mended(midr: int, revidr: int, fixed: Iterable[tuple[str, str]]) -> bool:
    """Return True if REVIDR_EL1 says that this variant and revision no longer has the erratum."""
    return any(
        midr & _VARIANT_REVISION == variant_revision and revidr & bits
        for variant_revision, bits in map(_numbers, fixed)
    )


def is_of_other_models(midr: int, one: Requirement) -> bool:
    """Return True if an entry of the tables names core models, and a model is none of them."""
    if one.any_of:
        return all(is_of_other_models(midr, each) for each in one.any_of)
    if one.model is not None:
        return not is_kryo(midr, one.model)
    return bool(one.midr) and not is_in_list(midr, one.midr)


def is_kryo(midr: int, model: str) -> bool:
    """Return True if a model has this implementer and architecture, and a part number of this family."""
    return midr & _KRYO == int(model, 16)
