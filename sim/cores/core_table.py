"""The table of cores, ``cores.toml``: the vector lengths of each core that is documented, with the source of each fact.

A device tree names a core by its compatible strings, a kernel log and sysfs by its MIDR_EL1. A core that is not in the
table is unknown; a core without SVE is in the table, with an empty set; and of some cores only the name is known.
tests/cores/test_core_table.py checks the table's entries.
"""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from sim.vectors import VectorType

_VARIANT_AND_REVISION = 0x00F0_000F
"""The bits of MIDR_EL1 that tell steppings of one core apart."""
_ARCHITECTURE_BY_FEATURES = 0x000F_0000
"""MIDR_EL1.Architecture of every arm64 core: its ID registers say what it implements."""
_ANY_ARM = {"arm,armv8", "arm,arm-v8"}
"""Compatible strings that emulators and hypervisors give their CPUs."""


class DocumentedCore(msgspec.Struct, frozen=True):
    """A core's vector lengths in bits, and the document that states them; empty where the extension is missing."""

    source: str
    sve_bits: tuple[int, ...] = ()
    sme_bits: tuple[int, ...] = ()
    unknown: frozenset[VectorType] = frozenset()
    """The extensions that the core has or may have, with lengths that are unknown."""
    vhe: bool = True
    """False if it cannot run a kernel at EL2; True where it can, or no source says that it cannot."""
    aarch32: bool | None = None
    """True if it is assumed to run 32-bit programs, False if not to; None where that is unknown."""
    aarch32_el1: bool | None = None
    """The same of 32-bit kernels at EL1; None too where `aarch32` is False, which excludes them."""
    is_model: bool = False
    """True for a model or an emulator, whose registers are what its user asks for."""

    def lengths(self, vector_type: VectorType) -> tuple[int, ...] | None:
        """Return the lengths of a vector type; None where they are unknown."""
        if vector_type in self.unknown:
            return None
        return self.sve_bits if vector_type is VectorType.SVE else self.sme_bits


class CoreTable(msgspec.Struct, frozen=True):
    """The content of ``cores.toml``; the file's comments describe each part."""

    cores: dict[str, DocumentedCore]
    """The cores by compatible string, or by name where no device tree names the core."""
    other_strings: dict[str, str]
    """The keys of `cores` by other compatible strings."""
    midrs: dict[str, str]
    """The keys of `cores` by MIDR_EL1 with variant and revision 0, written as ``0x410fd030``."""
    icaches: dict[str, Literal["VIPT", "PIPT"]]
    """The policy of the instruction cache of cores whose CTR_EL0 no source tells, as public kernel logs have it."""
    not_arm64: frozenset[str]
    not_arm64_begins: tuple[str, ...]


@cache
def core_table() -> CoreTable:
    """Read the table that ships with this package."""
    text = (files("sim") / "cores" / "cores.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=CoreTable)


def find_core(compatible: Iterable[str]) -> DocumentedCore | None:
    """Find a core by its compatible strings, the most specific string first; None where none is in the table.

    >>> find_core(["cavium,thunder2", "brcm,vulcan"]).sve_bits
    ()
    """
    cores = core_table().cores
    return next((cores[name] for name in map(core_named, compatible) if name in cores), None)


def core_named(compatible: str) -> str:
    """Return the name of a core in this table by a compatible string; the string itself if the table has no other.

    >>> core_named("hisilicon,tsv110")
    'HiSilicon TaiShan v110'
    """
    return core_table().other_strings.get(compatible, compatible)


def core_of_midr(midr: int) -> str | None:
    """Return the name of the core with a MIDR_EL1, of any variant and revision; None if it is unknown.

    The name is the compatible string where the core has one.

    >>> core_of_midr(0x411FD403)
    'arm,neoverse-v1'
    """
    model = midr & ~_VARIANT_AND_REVISION | _ARCHITECTURE_BY_FEATURES
    return core_table().midrs.get(f"{model:#010x}")


def is_arm64(compatible: str) -> bool:
    """Return True if a core with this compatible string may be arm64: it is not known to be something else."""
    table = core_table()
    return compatible in _ANY_ARM or not (
        compatible in table.not_arm64 or compatible.startswith(table.not_arm64_begins)
    )
