"""The CPUs of a device tree: the nodes of ``/cpus``, numbered and grouped into clusters as Linux does it.

Nodes count in the tree's order. A node whose status is "fail" or "fail-..." is left out, a node that is "disabled" is
not. The nodes of a level of the cpu-map count from 0 until a number is missing, and a map that Linux cannot use is
dropped as a whole.

Sources: arch/arm64/kernel/smp.c ``of_parse_and_init_cpus()``, drivers/of/base.c ``of_get_next_cpu_node()``;
drivers/base/arch_topology.c ``parse_dt_topology()``, ``parse_socket()``, ``parse_cluster()``, ``parse_core()``;
Documentation/devicetree/bindings/cpu/cpu-topology.txt.
"""

from collections.abc import Iterator
from itertools import count, takewhile

import msgspec
from msgspec.structs import replace

from sim.cores.core_table import is_arm64
from sim.errors import InputError
from sim.files.scenario_file import DEEPEST_CLUSTER
from sim.importer.cpu_evidence import ClusterPath, Clusters, clusters_by_mpidr
from sim.importer.fdt import Node
from sim.topology import MOST_CPUS, MPIDR_AFFINITY
from sim.units import counted

_REG_BYTES = {1: 4, 2: 8}
"""The size of ``reg`` in bytes, by the value of ``#address-cells``."""


class CpuNode(msgspec.Struct, frozen=True):
    """A CPU's node; texts are empty where the node has no such property."""

    cpu: int
    """The logical CPU number if the first CPU boots: the index in ``/cpus`` among the nodes that have not failed."""
    node: str
    mpidr: int
    phandle: int
    compatible: tuple[str, ...]
    capacity: int | None
    """capacity-dmips-mhz: speed for each MHz, relative to the other CPUs."""
    enable_method: str
    status: str

    @property
    def has_failed(self) -> bool:
        """True if the firmware says that the CPU is broken; Linux then ignores the node."""
        return self.status == "fail" or self.status.startswith("fail-")


class CpuNodes(msgspec.Struct, frozen=True):
    """The CPUs of a tree, and the nodes that have failed."""

    cpus: tuple[CpuNode, ...]
    failed: tuple[CpuNode, ...]


def read_cpus(root: Node) -> CpuNodes:
    """Read the CPUs of a tree.

    Raises:
        InputError: the tree has no CPUs, or too many; a CPU has no valid ``reg``, or the ``reg`` or phandle of another
            CPU; a CPU is not arm64.
    """
    folder = root.child("cpus")
    if folder is None:
        raise InputError("has no /cpus")
    cells = folder.cell("#address-cells") or root.cell("#address-cells")
    if cells not in _REG_BYTES:
        raise InputError(f"/cpus: #address-cells must be 1 or 2, and is {'missing' if cells is None else cells}")
    cpus: list[CpuNode] = []
    failed: list[CpuNode] = []
    for node in folder.children():
        if not _is_cpu(node):
            continue
        cpu = _cpu(len(cpus), node, _REG_BYTES[cells])
        (failed if cpu.has_failed else cpus).append(cpu)
        if len(cpus) + len(failed) > MOST_CPUS:
            raise InputError(f"/cpus has more than {MOST_CPUS:,} CPUs")
    if not cpus:
        raise InputError("/cpus has no CPU")
    _check_distinct(cpus)
    return CpuNodes(tuple(cpus), tuple(failed))


def _is_cpu(node: Node) -> bool:
    return node.value("device_type") == b"cpu\0" or node.name.partition("@")[0] == "cpu"


def _cpu(cpu: int, node: Node, reg_bytes: int) -> CpuNode:
    compatible = node.texts("compatible")
    if other := next((name for name in compatible if not is_arm64(name)), None):
        raise InputError(f"{node.name} is {other}, which is not arm64")
    found = CpuNode(
        cpu,
        node.name,
        mpidr=0,
        phandle=node.phandle,
        compatible=compatible,
        capacity=node.cell("capacity-dmips-mhz"),
        enable_method=" ".join(node.texts("enable-method")),
        status=" ".join(node.texts("status")),
    )
    # Linux never looks at the reg of a node that has failed, so that it may be wrong.
    return found if found.has_failed else replace(found, mpidr=_mpidr(node, reg_bytes))


def _mpidr(node: Node, reg_bytes: int) -> int:
    reg = node.value("reg")
    if not reg or len(reg) % reg_bytes:
        has = "none" if reg is None else counted(len(reg), "byte")
        raise InputError(f"{node.name}: reg must have {reg_bytes} bytes, as #address-cells says, and has {has}")
    # A node of a multithreaded core lists a reg for each thread; Linux takes the first.
    mpidr = int.from_bytes(reg[:reg_bytes], "big")
    if mpidr & ~MPIDR_AFFINITY:
        raise InputError(
            f"{node.name}: reg is {mpidr:#x}, and an MPIDR's affinity has bits in {MPIDR_AFFINITY:#x} only"
        )
    return mpidr


def _check_distinct(cpus: list[CpuNode]) -> None:
    """Refuse two CPUs with the same reg, or with the same phandle."""
    by_mpidr: dict[int, CpuNode] = {}
    by_phandle: dict[int, CpuNode] = {}
    for cpu in cpus:
        if (other := by_mpidr.setdefault(cpu.mpidr, cpu)) is not cpu:
            raise InputError(f"{other.node} and {cpu.node} have the same reg, {cpu.mpidr:#x}")
        if cpu.phandle and (other := by_phandle.setdefault(cpu.phandle, cpu)) is not cpu:
            raise InputError(f"{other.node} and {cpu.node} have the same phandle, {cpu.phandle:#x}")


# The cpu-map


class _MapDropped(Exception):
    """Linux cannot use a cpu-map, and drops it as a whole; the message says where in the map, and why.

    It is not an `InputError`: such a tree boots, and its clusters follow from MPIDR.
    """


def read_clusters(root: Node, nodes: CpuNodes) -> Clusters:
    """Read the clusters of a tree's CPUs: from the cpu-map, or by MPIDR where there is none or Linux drops it.

    Raises:
        InputError: the cpu-map names a CPU twice, or something that is not a CPU; or it is nested too deeply.
    """
    mpidrs = {cpu.cpu: cpu.mpidr for cpu in nodes.cpus}
    folder = root.child("cpus")
    cpu_map = None if folder is None else folder.child("cpu-map")
    if cpu_map is None:
        return clusters_by_mpidr(mpidrs, "the tree has no cpu-map")
    try:
        paths = _paths(cpu_map, nodes)
    except _MapDropped as dropped:
        return clusters_by_mpidr(mpidrs, f"in the cpu-map {dropped}, so Linux drops it")
    left_out = [cpu for cpu in mpidrs if cpu not in paths]
    if left_out:
        return clusters_by_mpidr(mpidrs, f"the cpu-map leaves out cpu{left_out[0]}, so Linux drops it")
    return Clusters(paths, "the cpu-map")


def _paths(cpu_map: Node, nodes: CpuNodes) -> dict[int, ClusterPath]:
    by_phandle = {cpu.phandle: cpu for cpu in (*nodes.failed, *nodes.cpus) if cpu.phandle}
    failed = {cpu.phandle for cpu in nodes.failed}
    paths: dict[int, ClusterPath] = {}
    for entry in _entries(cpu_map):
        if entry.phandle not in by_phandle:
            raise InputError(f"cpu-map: {entry.place}: there is no CPU with the phandle {entry.phandle:#x}")
        # As in Linux, an entry for a CPU that is not there does not spoil the map (get_cpu_for_node(): -ENODEV).
        if entry.phandle in failed:
            continue
        cpu = by_phandle[entry.phandle]
        if cpu.cpu in paths:
            raise InputError(f"cpu-map: {entry.place}: {cpu.node} is named a second time")
        paths[cpu.cpu] = entry.clusters
    return paths


class _Entry(msgspec.Struct, frozen=True):
    """A CPU that a cpu-map names: where it stands in the map, the clusters around it, and its phandle."""

    place: str
    clusters: ClusterPath
    phandle: int


def _entries(cpu_map: Node) -> Iterator[_Entry]:
    """Yield every entry of a cpu-map.

    Raises:
        _MapDropped: Linux cannot use the map.
    """
    sockets = _numbered(cpu_map, "socket")
    for name, socket in sockets:
        yield from _of_cluster(socket, (name,), 0)
    if not sockets:
        yield from _of_cluster(cpu_map, (), 0)


def _of_cluster(node: Node, path: ClusterPath, depth: int) -> Iterator[_Entry]:
    """Yield the entries in a cluster, a socket, or the map itself.

    Args:
        node: the node.
        path: the names of the sockets and clusters around its children, itself among them.
        depth: the number of clusters among these. A socket does not count, so that cores directly inside a socket lie
            outside any cluster, which Linux does not accept.
    """
    if len(path) > DEEPEST_CLUSTER:
        raise InputError(f"cpu-map: is nested more than {DEEPEST_CLUSTER} deep")
    clusters = _numbered(node, "cluster")
    for name, cluster in clusters:
        yield from _of_cluster(cluster, (*path, name), depth + 1)
    for name, core in _numbered(node, "core"):
        if depth == 0 or clusters:
            around = "clusters and cores lie in one node" if clusters else "cores lie outside any cluster"
            raise _MapDropped(f"{around} ({'/'.join((*path, name))})")
        yield from _of_core(core, path, name)


def _of_core(core: Node, path: ClusterPath, name: str) -> Iterator[_Entry]:
    threads = _numbered(core, "thread")
    place = "/".join((*path, name))
    if bool(threads) == (core.value("cpu") is not None):
        raise _MapDropped(f"{place} has {'threads and a cpu' if threads else 'no cpu'}")
    if not threads:
        yield _Entry(place, path, _phandle(core, place))
    for key, thread in threads:
        # A scenario has no threads: a core with threads becomes a cluster of as many CPUs.
        yield _Entry(f"{place}/{key}", (*path, name), _phandle(thread, f"{place}/{key}"))


def _phandle(node: Node, place: str) -> int:
    phandle = node.cell("cpu")
    if phandle is None:
        raise _MapDropped(f"{place} has no cpu")
    return phandle


def _numbered(node: Node, kind: str) -> list[tuple[str, Node]]:
    """List the child nodes of a kind, which count from 0 until a number is missing."""
    children = {child.name: child for child in node.children()}
    names = (f"{kind}{number}" for number in count())
    return [(name, children[name]) for name in takewhile(children.__contains__, names)]
