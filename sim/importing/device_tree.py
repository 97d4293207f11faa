"""Device trees, as blobs or source, made into scenarios: ``asymboot import``."""

from collections.abc import Iterator
from pathlib import Path

from sim.errors import printable
from sim.files.reading import read_at_most
from sim.files.toml_tables import LARGEST_FILE_BYTES, at
from sim.importing.blob import MAGIC, Node, root_of, sound
from sim.importing.clusters import read_clusters
from sim.importing.cpu_nodes import CpuNode, CpuNodes, read_cpus
from sim.importing.imported import LONGEST_NAME, Imported, as_in_a_file, cpus_of
from sim.importing.lengths import Vls, read_lengths
from sim.importing.seen import SeenCpu
from sim.importing.source import compiled
from sim.scenario import Scenario
from sim.topology import cpu_list

_LONGEST_TEXT = 100


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
        model = " ".join(root.texts("model")) or "without a model"
        cpus = tuple(_seen(one) for one in nodes.cpus)
        lengths = read_lengths(cpus, clusters.paths, vls)
        topology = as_in_a_file(cpus_of(cpus, clusters, lengths))
        return Imported(
            path,
            cpus,
            clusters,
            lengths,
            tuple(_remarks(path, model, nodes)),
            "of which a tree has none; capacity is capacity-dmips-mhz, which nothing here depends on:",
            Scenario(topology, name=printable(path.stem)[:LONGEST_NAME]),
        )


def _root(path: Path) -> Node:
    raw = read_at_most(path, LARGEST_FILE_BYTES, "device tree")
    if path.suffix == ".dts" and not raw.startswith(MAGIC):
        return root_of(compiled(path, raw.decode(errors="backslashreplace")))
    return root_of(raw)


def _seen(node: CpuNode) -> SeenCpu:
    return SeenCpu(node.number, node.mpidr, compatible=node.compatible, capacity=node.capacity)


def _remarks(path: Path, model: str, nodes: CpuNodes) -> Iterator[str]:
    yield f"From {_short(path.name)}: {_short(model)}."
    yield "CPUs: as Linux numbers them, in the order of /cpus; mpidr is reg. That the first one boots is an assumption."
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
