"""Device trees, as blobs or source, made into scenarios: ``asymboot import``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sim.errors import printable
from sim.files.reading import read_at_most
from sim.files.toml_tables import LARGEST_FILE_BYTES, at
from sim.importing.blob import MAGIC, Node, root_of, sound
from sim.importing.clusters import Clusters, read_clusters
from sim.importing.cpu_nodes import CpuNode, CpuNodes, read_cpus
from sim.importing.lengths import Lengths, Vls, read_lengths
from sim.importing.source import compiled
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.vectors import vqs_from_bits

LONGEST_NAME = 200
"""What a scenario file allows its name to have, in characters."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A scenario made from a device tree, and what it was made from."""

    path: Path
    model: str
    nodes: CpuNodes
    clusters: Clusters
    lengths: dict[int, Lengths]
    """Each CPU's, by its number."""
    scenario: Scenario

    @property
    def unknown(self) -> dict[str, list[int]]:
        """The numbers of the CPUs without lengths because nothing is known of their core, by the core's string."""
        found: dict[str, list[int]] = {}
        for one in self.nodes.cpus:
            if not self.lengths[one.number].known:
                found.setdefault(core_name(one), []).append(one.number)
        return found


def core_name(cpu: CpuNode) -> str:
    """What a tree calls a CPU's core."""
    return printable(cpu.compatible[0][:60]) if cpu.compatible else "without compatible"


def read_device_tree(path: Path | str, vls: Vls | None = None) -> Scenario:
    """Read a device tree, a blob or (where dtc is installed) source, as a scenario that boots its CPUs.

    Args:
        path: the file.
        vls: SVE lengths in bits, or None for no SVE, by the name of a CPU or a cluster; for the others, the lengths
            that their core is known to have, and none where it is not known.

    Raises:
        InputError: the file is no sound device tree of an arm64 system, or the lengths cannot be.
    """
    return import_device_tree(Path(path), vls or {}).scenario


def import_device_tree(path: Path, vls: Vls) -> Imported:
    """The same, with what the scenario was made from.

    Raises:
        InputError: see `read_device_tree`.
    """
    with at(f"{path}"), sound():
        root = _root(path)
        nodes = read_cpus(root)
        clusters = read_clusters(root, nodes)
        lengths = read_lengths(nodes.cpus, clusters.paths, vls)
        topology = _topology(nodes.cpus, clusters, lengths)
        model = " ".join(root.texts("model")) or "without a model"
        scenario = Scenario(topology, name=printable(path.stem)[:LONGEST_NAME])
        return Imported(path, model, nodes, clusters, lengths, scenario)


def _root(path: Path) -> Node:
    raw = read_at_most(path, LARGEST_FILE_BYTES, "device tree")
    if path.suffix == ".dts" and not raw.startswith(MAGIC):
        return root_of(compiled(path, raw.decode(errors="backslashreplace")))
    return root_of(raw)


def _topology(nodes: tuple[CpuNode, ...], clusters: Clusters, lengths: dict[int, Lengths]) -> Topology:
    cpus = []
    for one in nodes:
        has = lengths[one.number]
        with at(one.name):
            sve_vqs, sme_vqs = (None if bits is None else vqs_from_bits(bits) for bits in (has.sve_bits, has.sme_bits))
        cpus.append(
            Cpu(one.name, sve_vqs, sme_vqs, mpidr=one.mpidr, clusters=clusters.paths[one.number]),
        )
    return Topology(tuple(_in_file_order(cpus, 0)), boot_cpu=nodes[0].name)


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
