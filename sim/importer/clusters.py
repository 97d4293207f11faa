"""Which clusters CPUs are in: as a device tree's cpu-map says, else by MPIDR.

Source: Documentation/devicetree/bindings/cpu/cpu-topology.txt; drivers/base/arch_topology.c parse_socket(),
parse_cluster(), parse_core(), parse_dt_topology(): nodes count from 0, and a cpu-map that leaves a CPU out is dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, takewhile

from sim.errors import InputError
from sim.files.scenario_file import DEEPEST_CLUSTER
from sim.importer.blob import Node
from sim.importer.cpu_nodes import CpuNodes

_LEVEL_BITS = 8

ClusterPath = tuple[str, ...]
"""The clusters around a CPU, outermost first."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters around each CPU, by its number, and a sentence on where they come from."""

    paths: dict[int, ClusterPath]
    origin: str


class _Dropped(Exception):
    """Linux does not take a cpu-map."""


def read_clusters(root: Node, nodes: CpuNodes) -> Clusters:
    """The clusters of a tree's CPUs.

    Raises:
        InputError: the cpu-map names a CPU twice, or what is none; or it is nested too deeply.
    """
    mpidrs = {one.number: one.mpidr for one in nodes.cpus}
    folder = root.child("cpus")
    cpu_map = None if folder is None else folder.child("cpu-map")
    if cpu_map is None:
        return by_mpidr(mpidrs, "the tree has no cpu-map")
    try:
        paths = _by_map(cpu_map, nodes)
    except _Dropped as dropped:
        return by_mpidr(mpidrs, f"in the cpu-map {dropped}, so Linux drops it")
    left_out = [one.name for one in nodes.cpus if one.number not in paths]
    if left_out:
        return by_mpidr(mpidrs, f"the cpu-map leaves out {left_out[0]}, so Linux drops it")
    return Clusters(paths, "the cpu-map")


# From the cpu-map


def _by_map(cpu_map: Node, nodes: CpuNodes) -> dict[int, ClusterPath]:
    by_phandle = {one.phandle: one for one in (*nodes.failed, *nodes.cpus) if one.phandle}
    failed = {one.phandle for one in nodes.failed}
    paths: dict[int, ClusterPath] = {}
    for place, path, phandle in _entries(cpu_map):
        if phandle not in by_phandle:
            raise InputError(f"cpu-map: {place}: there is no CPU of the phandle {phandle:#x}")
        if phandle in failed:
            continue
        one = by_phandle[phandle]
        if one.number in paths:
            raise InputError(f"cpu-map: {place}: {one.node} is named a second time")
        paths[one.number] = path
    return paths


def _entries(cpu_map: Node) -> Iterator[tuple[str, ClusterPath, int]]:
    """Each CPU that a cpu-map names: where it does, the clusters around it, and its phandle.

    Raises:
        _Dropped: Linux does not take the map.
    """
    sockets = _numbered(cpu_map, "socket")
    for name, socket in sockets:
        yield from _of_cluster(socket, (name,), 0)
    if not sockets:
        yield from _of_cluster(cpu_map, (), 0)


def _of_cluster(node: Node, path: ClusterPath, depth: int) -> Iterator[tuple[str, ClusterPath, int]]:
    if len(path) > DEEPEST_CLUSTER:
        raise InputError(f"cpu-map: is nested more than {DEEPEST_CLUSTER} deep")
    clusters = _numbered(node, "cluster")
    for name, cluster in clusters:
        yield from _of_cluster(cluster, (*path, name), depth + 1)
    for name, core in _numbered(node, "core"):
        if depth == 0 or clusters:
            around = "clusters and cores lie in one node" if clusters else "cores lie outside any cluster"
            raise _Dropped(f"{around} ({'/'.join((*path, name))})")
        yield from _of_core(core, path, name)


def _of_core(node: Node, path: ClusterPath, name: str) -> Iterator[tuple[str, ClusterPath, int]]:
    threads = _numbered(node, "thread")
    where = "/".join((*path, name))
    if bool(threads) == (node.value("cpu") is not None):
        raise _Dropped(f"{where} has {'threads and a cpu' if threads else 'no cpu'}")
    for own, one, around in [(f"/{key}", thread, (*path, name)) for key, thread in threads] or [("", node, path)]:
        phandle = one.cell("cpu")
        if phandle is None:
            raise _Dropped(f"{where}{own} has no cpu")
        yield f"{where}{own}", around, phandle


def _numbered(node: Node, kind: str) -> list[tuple[str, Node]]:
    """The nodes of a kind right below, counted from 0 until one is missing."""
    children = {child.name: child for child in node.children()}
    names = (f"{kind}{number}" for number in count())
    return [(name, children[name]) for name in takewhile(children.__contains__, names)]


# From MPIDR


def by_mpidr(mpidrs: Mapping[int, int], why: str) -> Clusters:
    """A cluster for each value of the affinity above that which numbers cores; MPIDRs are by Linux's numbers."""
    by_aff1 = len(mpidrs) > 1 and not any(mpidr & 0xFF for mpidr in mpidrs.values())
    level = 2 if by_aff1 else 1
    places: dict[int, str] = {}
    paths: dict[int, ClusterPath] = {}
    for number, mpidr in mpidrs.items():
        above = mpidr >> level * _LEVEL_BITS
        paths[number] = (places.setdefault(above, f"cluster{len(places)}"),)
    cores = "Aff1, as Aff0 is 0 everywhere" if by_aff1 else "Aff0"
    return Clusters(paths, f"MPIDR affinity, with cores numbered by {cores}: {why}")
