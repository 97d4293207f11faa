"""What is known of cores' vector lengths: the table of cores.toml, by compatible string, each with its source."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec


@dataclass(frozen=True, slots=True)
class Core:
    """A core's vector lengths in bits, none where it lacks the extension, and who says so."""

    sve_bits: tuple[int, ...]
    source: str
    sme_bits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    cores: dict[str, Core]
    not_arm64: frozenset[str]


def known_core(compatible: tuple[str, ...]) -> Core | None:
    """What is known of a core by its compatible strings, the first of which tells most; None if nothing is.

    >>> known_core(("cavium,thunder2", "brcm,vulcan")).sve_bits
    ()
    """
    cores = _table().cores
    return next((cores[one] for one in compatible if one in cores), None)


def is_arm64(compatible: str) -> bool:
    """Whether a CPU of that compatible string may be arm64; False for those known to be something else."""
    return compatible not in _table().not_arm64


@cache
def _table() -> _Table:
    text = (files("sim") / "importing" / "cores.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Table)
