"""Which clusters CPUs are in: as a device tree's cpu-map says, else by MPIDR.

Source: Documentation/devicetree/bindings/cpu/cpu-topology.txt; drivers/base/arch_topology.c parse_dt_topology(), which
drops a cpu-map that leaves a CPU out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.errors import InputError
from sim.files.scenario_file import DEEPEST_CLUSTER
from sim.importing.blob import Node
from sim.importing.cpu_nodes import CpuNodes

_ENTRY = re.compile(r"(socket|cluster|core|thread)[0-9]{1,6}")
_LEVEL_BITS = 8

ClusterPath = tuple[str, ...]
"""The clusters around a CPU, outermost first."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters around each CPU, by its number, and a sentence on where they come from."""

    paths: dict[int, ClusterPath]
    origin: str


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
    paths = _by_map(cpu_map, nodes)
    left_out = [one.name for one in nodes.cpus if one.number not in paths]
    if left_out:
        return by_mpidr(mpidrs, f"the cpu-map leaves out {left_out[0]}, so Linux drops it")
    return Clusters(paths, "the cpu-map")


# From the cpu-map


def _by_map(cpu_map: Node, nodes: CpuNodes) -> dict[int, ClusterPath]:
    by_phandle = {one.phandle: one for one in (*nodes.failed, *nodes.cpus) if one.phandle}
    failed = {one.phandle for one in nodes.failed}
    paths: dict[int, ClusterPath] = {}
    for place, path, phandle in _entries(cpu_map, ()):
        if phandle not in by_phandle:
            raise InputError(f"cpu-map: {place}: there is no CPU of the phandle {phandle:#x}")
        if phandle in failed:
            continue
        one = by_phandle[phandle]
        if one.number in paths:
            raise InputError(f"cpu-map: {place}: {one.node} is named a second time")
        paths[one.number] = path
    return paths


def _entries(node: Node, path: ClusterPath) -> Iterator[tuple[str, ClusterPath, int]]:
    """Each CPU that a cpu-map names: where it does, the clusters around it, and its phandle."""
    if len(path) > DEEPEST_CLUSTER:
        raise InputError(f"cpu-map: is nested more than {DEEPEST_CLUSTER} deep")
    for child in node.children():
        name = child.name
        kind = _ENTRY.fullmatch(name)
        if kind is None:
            continue
        if (phandle := child.cell("cpu")) is not None:
            yield "/".join((*path, name)), path, phandle
        elif kind[1] != "thread":
            yield from _entries(child, (*path, name))


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
