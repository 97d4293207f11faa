"""What is known of cores: their vector lengths, by compatible string or MIDR, each with its source (cores.toml)."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

_NO_VARIANT_OR_REVISION = 0xFF00_FFF0
_ARCHITECTURE_BY_FEATURES = 0x000F_0000
"""MIDR_EL1.Architecture of every arm64 core: its ID registers tell what it is."""


_ANY_ARM = {"arm,armv8", "arm,arm-v8"}
"""What trees call cores of emulators and hypervisors."""


@dataclass(frozen=True, slots=True)
class Core:
    """A core's vector lengths in bits, none where it lacks the extension, and who says so."""

    sve_bits: tuple[int, ...]
    source: str
    sme_bits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    cores: dict[str, Core]
    midrs: dict[str, str]
    not_arm64: frozenset[str]
    not_arm64_begins: tuple[str, ...]


def known_core(compatible: tuple[str, ...]) -> Core | None:
    """What is known of a core by its compatible strings, the first of which tells most; None if nothing is.

    >>> known_core(("cavium,thunder2", "brcm,vulcan")).sve_bits
    ()
    """
    cores = _table().cores
    return next((cores[one] for one in compatible if one in cores), None)


def compatible_of_midr(midr: int) -> tuple[str, ...]:
    """A core's compatible string by its MIDR_EL1, whatever its variant and revision; none if it is not known.

    >>> compatible_of_midr(0x411FD403)
    ('arm,neoverse-v1',)
    """
    model = midr & _NO_VARIANT_OR_REVISION | _ARCHITECTURE_BY_FEATURES
    name = _table().midrs.get(f"{model:#010x}")
    return () if name is None else (name,)


def is_arm64(compatible: str) -> bool:
    """Whether a CPU of that compatible string may be arm64; False for those known to be something else."""
    table = _table()
    return compatible in _ANY_ARM or not (
        compatible in table.not_arm64 or compatible.startswith(table.not_arm64_begins)
    )


@cache
def _table() -> _Table:
    text = (files("sim") / "importer" / "cores.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Table)
