"""The evidence of a device tree, given as a blob (DTB) or as source (DTS)."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from sim.cores import GICV2, GICV3
from sim.errors import InputError
from sim.files.bounded_read import LARGEST_FILE_BYTES, read_at_most
from sim.files.toml_tables import at
from sim.importer.cpu_evidence import Clusters, CpuEvidence
from sim.importer.device_tree_cpus import CpuNode, read_clusters, read_cpus
from sim.importer.dtc import compile_source
from sim.importer.fdt import MAGIC, Node, damage_reported, root_of
from sim.importer.log_text import is_log

_GICV3 = ("arm,gic-v3", "arm,gic-v5")
_GICV2 = ("arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a9-gic", "arm,cortex-a7-gic", "qcom,msm-qgic2")
"""Compatible strings of GICs (drivers/irqchip/irq-gic.c, irq-gic-v3.c)."""


class DeviceTree(msgspec.Struct, frozen=True):
    """The CPUs and clusters of a device tree, by logical CPU number."""

    model: str
    """The board's name; empty where the tree has none."""
    cpus: tuple[CpuNode, ...]
    failed: tuple[CpuNode, ...]
    """The nodes that Linux leaves out because their status says that they have failed."""
    clusters: Clusters
    gic: int | None = None
    """The version of the GIC, 2 or 3, which stands for later versions; None where the tree does not say."""

    def evidence(self) -> dict[int, CpuEvidence]:
        """Return what the tree says of each CPU, by logical CPU number."""
        return {
            node.cpu: CpuEvidence(node.cpu, node.mpidr, compatible=node.compatible, capacity=node.capacity)
            for node in self.cpus
        }

    def booted_by(self, mpidr: int) -> "DeviceTree":
        """Return the same tree, numbered as Linux does when the CPU with this MPIDR boots.

        A tree does not say which CPU boots. That CPU is logical CPU 0; the others follow in the tree's order.

        Raises:
            InputError: the tree has no such CPU.
        """
        if mpidr not in {node.mpidr for node in self.cpus}:
            raise InputError(f"has no CPU with MPIDR {mpidr:#x}, which booted")
        # The sort is stable: the other CPUs keep their order.
        ordered = sorted(self.cpus, key=lambda node: node.mpidr != mpidr)
        paths = {cpu: self.clusters.paths[node.cpu] for cpu, node in enumerate(ordered)}
        return replace(
            self,
            cpus=tuple(replace(node, cpu=cpu) for cpu, node in enumerate(ordered)),
            clusters=replace(self.clusters, paths=paths),
        )


def read_tree(path: Path) -> DeviceTree:
    """Read a device tree; logical CPU numbers are those that Linux gives if the first CPU boots.

    Raises:
        InputError: the file is not a sound device tree of an arm64 system.
        MissingExtra: the package pylibfdt is not installed.
    """
    with at(f"{path}"), damage_reported():
        root = _root(path)
        nodes = read_cpus(root)
        clusters, model = read_clusters(root, nodes), " ".join(root.texts("model"))
        return DeviceTree(model, nodes.cpus, nodes.failed, clusters, _gic(root))


def _gic(root: Node) -> int | None:
    """Return the version of the GIC to which the tree's interrupts go, or of the only GICs that the tree has."""
    places = [root, *(node for name in ("soc", "interrupt-controller") if (node := root.child(name)) is not None)]
    for place in places:
        found = place.referred("interrupt-parent")
        version = None if found is None else _gic_version(found)
        if version is not None:
            return version
    # Not every tree has interrupt-parent at one of these places.
    versions = {_gic_version(node) for node in _interrupt_controllers(root)} - {None}
    return versions.pop() if len(versions) == 1 else None


def _interrupt_controllers(root: Node) -> Iterator[Node]:
    """Yield the interrupt controllers of a tree that are not disabled."""
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node.value("interrupt-controller") is not None and node.texts("status") in {(), ("okay",), ("ok",)}:
            yield node
        nodes.extend(node.children())


def _gic_version(node: Node) -> int | None:
    """Return the version of a GIC, 2 or 3; None of any other interrupt controller."""
    compatible = set(node.texts("compatible"))
    if not compatible.isdisjoint(_GICV3):
        return GICV3
    return None if compatible.isdisjoint(_GICV2) else GICV2


def _root(path: Path) -> Node:
    raw = read_at_most(path, LARGEST_FILE_BYTES, "device tree")
    # The content counts, not the name: a blob that is called .dts is read as a blob.
    if raw.startswith(MAGIC):
        return root_of(raw)
    if path.suffix == ".dts":
        return root_of(compile_source(path))
    if is_log(raw):
        raise InputError(f"is a kernel log and not a device tree: import it with --dmesg {shlex.quote(str(path))}")
    return root_of(raw)
