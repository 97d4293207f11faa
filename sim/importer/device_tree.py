"""Device trees, as blobs or source, made into scenarios: ``asymboot import``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sim.errors import InputError, printable
from sim.files.bounded_read import read_at_most
from sim.files.toml_tables import LARGEST_FILE_BYTES, at
from sim.importer.blob import MAGIC, Node, root_of, sound
from sim.importer.clusters import Clusters, read_clusters
from sim.importer.cpu_nodes import CpuNode, CpuNodes, read_cpus
from sim.importer.imported import LONGEST_NAME, Imported, as_in_a_file, cpus_of
from sim.importer.lengths import Vls, read_lengths
from sim.importer.seen import SeenCpu
from sim.importer.source import compiled
from sim.scenario import Scenario
from sim.topology import cpu_list

_LONGEST_TEXT = 100


@dataclass(frozen=True, slots=True)
class Tree:
    """What a device tree says of its CPUs, in Linux's order if the first one boots."""

    cpus: tuple[SeenCpu, ...]
    clusters: Clusters
    remarks: tuple[str, ...]


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
    tree = read_tree(path)
    with at(f"{path}"):
        lengths = read_lengths(tree.cpus, tree.clusters.paths, vls)
        topology = as_in_a_file(cpus_of(tree.cpus, tree.clusters, lengths))
        return Imported(
            path,
            tree.cpus,
            tree.clusters,
            lengths,
            (
                *tree.remarks,
                "CPUs: as Linux numbers them, in the order of /cpus, if the first one boots; mpidr is reg.",
            ),
            "of which a tree has none; capacity is capacity-dmips-mhz, which nothing here depends on:",
            Scenario(topology, name=printable(path.stem)[:LONGEST_NAME]),
        )


def read_tree(path: Path) -> Tree:
    """Read a device tree's CPUs and clusters.

    Raises:
        InputError: see `read_device_tree`.
    """
    with at(f"{path}"), sound():
        root = _root(path)
        nodes = read_cpus(root)
        model = " ".join(root.texts("model")) or "without a model"
        cpus = tuple(_seen(one) for one in nodes.cpus)
        return Tree(cpus, read_clusters(root, nodes), tuple(_remarks(path, model, nodes)))


def as_booted_by(tree: Tree, mpidr: int) -> Tree:
    """The same tree with the CPU of that MPIDR as Linux's CPU 0, and the others in their order after it.

    Raises:
        InputError: it has no such CPU.
    """
    if mpidr not in {one.mpidr for one in tree.cpus}:
        raise InputError(f"MPIDR {mpidr:#x}, which booted, is none of the tree's")
    ordered = sorted(tree.cpus, key=lambda one: one.mpidr != mpidr)
    paths = {number: tree.clusters.paths[one.number] for number, one in enumerate(ordered)}
    cpus = tuple(replace(one, number=number) for number, one in enumerate(ordered))
    return replace(tree, cpus=cpus, clusters=replace(tree.clusters, paths=paths))


def _root(path: Path) -> Node:
    raw = read_at_most(path, LARGEST_FILE_BYTES, "device tree")
    if path.suffix == ".dts" and not raw.startswith(MAGIC):
        return root_of(compiled(path, raw.decode(errors="backslashreplace")))
    return root_of(raw)


def _seen(node: CpuNode) -> SeenCpu:
    return SeenCpu(node.number, node.mpidr, compatible=node.compatible, capacity=node.capacity)


def _remarks(path: Path, model: str, nodes: CpuNodes) -> Iterator[str]:
    yield f"From {_short(path.name)}: {_short(model)}."
    for one in nodes.failed:
        yield f"Left out: {_short(one.node)}, whose status is {_short(one.status)}."
    yield from _start_up(nodes.cpus)


def _start_up(cpus: tuple[CpuNode, ...]) -> Iterator[str]:
    """How CPUs are started, as far as that is not as simulated; and who is disabled."""
    other: dict[str, list[int]] = {}
    for one in cpus:
        if one.enable_method != "psci":
            other.setdefault(one.enable_method, []).append(one.number)
    for method, numbers in other.items():
        said = f'enable-method "{_short(method)}"' if method else "no enable-method"
        yield f"Simulated as if started by PSCI: cpu{cpu_list(numbers)} with {said}."
    if disabled := [one.number for one in cpus if one.status not in {"", "okay", "ok"}]:
        yield f"Not okay by status, and started by Linux all the same: cpu{cpu_list(disabled)}."


def _short(text: str) -> str:
    return printable(text[:_LONGEST_TEXT])
