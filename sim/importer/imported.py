"""A scenario made of what was seen, and what it was made from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sim.files.toml_tables import at
from sim.importer.clusters import Clusters
from sim.importer.lengths import Lengths
from sim.importer.seen import SeenCpu
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.vectors import vqs_from_bits

LONGEST_NAME = 200
"""What a scenario file allows its name to have, in characters."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A scenario made of what somebody else said, and what it was made from."""

    path: Path
    cpus: tuple[SeenCpu, ...]
    """By ascending numbers, from 0 on."""
    clusters: Clusters
    lengths: dict[int, Lengths]
    """Each CPU's, by its number."""
    remarks: tuple[str, ...]
    """Sentences on where it comes from, and on what is not as it was seen."""
    about_lengths: str
    """What stands above the CPUs and their lengths."""
    scenario: Scenario
    contradictions: tuple[str, ...] = ()
    """Sentences on what was seen and cannot be so."""

    @property
    def unknown(self) -> dict[tuple[str, str], list[int]]:
        """The numbers of the CPUs whose lengths nobody knows, by their core's name and what they are taken to have."""
        found: dict[tuple[str, str], list[int]] = {}
        for one in self.cpus:
            has = self.lengths[one.number]
            if not has.known:
                found.setdefault((one.core_name, str(has)), []).append(one.number)
        return found


def cpus_of(seen: Iterable[SeenCpu], clusters: Clusters, lengths: dict[int, Lengths]) -> list[Cpu]:
    """The CPUs of a topology, in Linux's order.

    Raises:
        InputError: some lengths are none.
    """
    cpus = []
    for one in seen:
        has = lengths[one.number]
        with at(one.name):
            sve_vqs, sme_vqs = (None if bits is None else vqs_from_bits(bits) for bits in (has.sve_bits, has.sme_bits))
        cpus.append(Cpu.of(one.name, sve_vqs, sme_vqs, mpidr=one.mpidr, clusters=clusters.paths[one.number]))
    return cpus


def as_in_a_file(cpus: list[Cpu]) -> Topology:
    """The topology of CPUs given in Linux's order, in the order that a file can say."""
    return Topology(tuple(_in_file_order(cpus, 0)), boot_cpu=cpus[0].name)


def _in_file_order(cpus: Iterable[Cpu], depth: int) -> list[Cpu]:
    """The CPUs as a scenario file has them: those of a cluster together, those outside clusters first."""
    ordered: list[Cpu] = []
    below: dict[str, list[Cpu]] = {}
    for one in cpus:
        if len(one.clusters) == depth:
            ordered.append(one)
        else:
            below.setdefault(one.clusters[depth], []).append(one)
    for members in below.values():
        ordered += _in_file_order(members, depth + 1)
    return ordered
