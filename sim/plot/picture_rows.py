"""The rows of a picture: one for each CPU, or for groups of CPUs where there are too many."""

from math import ceil
from typing import NamedTuple

from sim.topology import Topology, cpu_list

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
        return [CpuRow(_cluster_label(path, members), tuple(members)) for path, members in clusters.items()]
    size = ceil(len(cpus) / _MAX_ROWS)
    blocks = (cpus[start : start + size] for start in range(0, len(cpus), size))
    return [CpuRow(topology.labels(block), tuple(block)) for block in blocks]


def _cluster_label(path: tuple[str, ...], members: list[int]) -> str:
    numbers = cpu_list(members)
    if "," in numbers:
        numbers = f"{len(members):,} CPUs"
        return f"{'/'.join(path)} ({numbers})" if path else numbers
    return f"{'/'.join(path)} (cpu{numbers})" if path else f"cpu{numbers}"
