"""The vector lengths that CPUs are taken to have of which nobody knows them."""

from collections.abc import Iterable, Mapping

from sim.importing.lengths import NOT_KNOWN, Lengths
from sim.importing.machine import Machine
from sim.importing.seen import SeenCpu
from sim.vectors import VectorType

_BITS_OF_A_BYTE = 8
_SMALLEST_BITS = 128


def assumed_lengths(seen: Machine, cpus: Iterable[SeenCpu]) -> Lengths:
    """As little as the log's maximum implies; else 128 bits where there is SVE, and none where there is not."""
    announced = {} if seen.log is None else seen.log.announced
    sve, sme = (_largest_bits(announced, vector_type) for vector_type in VectorType)
    if sve or sme:
        source = "not known: as little as the log's maximum implies"
        return Lengths(_up_to(sve, _SMALLEST_BITS), _up_to(sme, _smallest_sme(announced)), source, known=False)
    if any(one.has_sve for one in cpus) or (seen.sysfs is not None and seen.sysfs.has_sve):
        return Lengths((_SMALLEST_BITS,), None, "not known: what every CPU with SVE has", known=False)
    return NOT_KNOWN


def _largest_bits(announced: Mapping[str, str], vector_type: VectorType) -> int:
    return _bits(announced.get(f"{vector_type} maximum", "0"))


def _smallest_sme(announced: Mapping[str, str]) -> int:
    return _bits(announced.get("SME minimum", "0")) or _SMALLEST_BITS


def _bits(size: str) -> int:
    return int(size.removesuffix(" bytes")) * _BITS_OF_A_BYTE


def _up_to(largest: int, smallest: int) -> tuple[int, ...] | None:
    """The smallest, its doubles below the largest, and that; none where there is no largest."""
    doubles = (smallest << power for power in range(largest.bit_length()))
    return (*(one for one in doubles if one < largest), largest) if largest else None
