"""The vector lengths that CPUs are taken to have of which nobody knows them."""

from collections.abc import Mapping, Sequence

from sim.importer.kernel_log import Ending, KernelLog
from sim.importer.lengths import NOT_KNOWN, Lengths
from sim.importer.machine import Machine
from sim.importer.seen import SeenCpu
from sim.vectors import VQ_MAX, bits_from_vq

_BITS_OF_A_BYTE = 8
_SMALLEST_BITS = bits_from_vq(1)


def assumed_lengths(seen: Machine, cpus: Sequence[SeenCpu]) -> dict[int, Lengths]:
    """As little as the log's maximum implies, and what makes it refuse those that it refused.

    Where no log says a maximum: 128 bits where there is SVE, and none where there is not.
    """
    usual = _usual(seen, cpus)
    lengths = {one.number: usual for one in cpus}
    if seen.log is not None and usual.sve_bits is not None:
        lengths |= _refused(seen.log, usual.sve_bits, usual.sme_bits)
    return lengths


def _usual(seen: Machine, cpus: Sequence[SeenCpu]) -> Lengths:
    announced = {} if seen.log is None else seen.log.announced
    sve, sme = (
        _up_to(_bits(announced, f"{one} maximum"), _bits(announced, f"{one} minimum")) for one in ("SVE", "SME")
    )
    if sve or sme:
        return Lengths(sve, sme, "not known: as little as the log's maximum implies", known=False)
    if any(one.has_sve for one in cpus) or (seen.sysfs is not None and seen.sysfs.has_sve):
        return Lengths((_SMALLEST_BITS,), None, "not known: what every CPU with SVE has", known=False)
    return NOT_KNOWN


def _bits(announced: Mapping[str, str], what: str) -> int:
    return int(announced.get(what, "0").removesuffix(" bytes")) * _BITS_OF_A_BYTE


def _up_to(largest: int, smallest: int) -> tuple[int, ...] | None:
    """The smallest, its doubles below the largest, and that; none where there is no largest."""
    doubles = ((smallest or _SMALLEST_BITS) << power for power in range(largest.bit_length()))
    return (*(one for one in doubles if one < largest), largest) if largest else None


def _refused(log: KernelLog, sve_bits: tuple[int, ...], sme_bits: tuple[int, ...] | None) -> dict[int, Lengths]:
    """A set for each CPU that was refused for its SVE lengths: as little as that takes."""
    lacking = sve_bits[:1]
    beyond = [bits for vq in range(1, VQ_MAX + 1) if (bits := bits_from_vq(vq)) < sve_bits[-1] and bits not in sve_bits]
    with_more = tuple(sorted((*sve_bits, *beyond[:1])))
    source = "not known: so that it is refused as in the log"
    return {
        step.cpu: Lengths(with_more if "Unsupported" in step.why else lacking, sme_bits, source, known=False)
        for step in log.hotplugs
        if step.ending is Ending.REFUSED and step.why.startswith("SVE: ")
    }
