"""The rows of a picture: one for each CPU, or for groups of CPUs where there are too many."""

from math import ceil
from typing import NamedTuple

from sim.topology import Topology

MAX_CPUS = 256
"""The number of CPUs above which the CPUs of a cluster share a row."""
_MAX_ROWS = 64


class CpuRow(NamedTuple):
    """A row: its label, and its CPUs as logical numbers."""

    label: str
    cpus: tuple[int, ...]


def cpu_rows(topology: Topology) -> list[CpuRow]:
    """Return the rows of a topology's CPUs, for pictures of bounded height.

    Up to 256 CPUs, each has a row. Above that the CPUs of a cluster share a row; where there are no clusters, or more
    than 64, the rows are at most 64 blocks of consecutive CPUs.
    """
    cpus = range(len(topology.cpus))
    if len(cpus) <= MAX_CPUS:
        return [CpuRow(topology.label(number), (number,)) for number in cpus]
    clusters: dict[tuple[str, ...], list[int]] = {}
    for number in cpus:
        clusters.setdefault(topology.logical[number].clusters, []).append(number)
    if 1 < len(clusters) <= _MAX_ROWS:
        return [CpuRow(_cluster_label(topology, path, members), tuple(members)) for path, members in clusters.items()]
    size = ceil(len(cpus) / _MAX_ROWS)
    blocks = (cpus[start : start + size] for start in range(0, len(cpus), size))
    return [CpuRow(topology.labels(block), tuple(block)) for block in blocks]


def _cluster_label(topology: Topology, path: tuple[str, ...], members: list[int]) -> str:
    cpus = topology.labels(members)
    if "," in cpus:  # a list of several ranges may be of any length
        cpus = f"{len(members):,} CPUs"
    return f"{'/'.join(path)}: {cpus}" if path else cpus
