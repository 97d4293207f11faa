"""Which CPUs share a row of a picture: each has its own, unless there are too many."""

from typing import NamedTuple

from sim.topology import Topology, cpu_list

MOST_CPUS = 256
"""Above so many CPUs, those of a cluster share a row."""
_MOST_ROWS = 64


class CpuRow(NamedTuple):
    """A row: what it is called, and the CPUs in it, as logical numbers."""

    label: str
    cpus: tuple[int, ...]


def cpu_rows(topology: Topology) -> list[CpuRow]:
    """The rows of a topology's CPUs; where clusters are too many, or there are none, so many CPUs a row."""
    cpus = range(len(topology.cpus))
    if len(cpus) <= MOST_CPUS:
        return [CpuRow(topology.label(number), (number,)) for number in cpus]
    clusters: dict[tuple[str, ...], list[int]] = {}
    for number in cpus:
        clusters.setdefault(topology.logical[number].clusters, []).append(number)
    if not 1 < len(clusters) <= _MOST_ROWS:
        size = -(-len(cpus) // _MOST_ROWS)
        blocks = (cpus[start : start + size] for start in range(0, len(cpus), size))
        return [
            CpuRow(f"cpu{block[0]}-{block[-1]}" if block[1:] else f"cpu{block[0]}", tuple(block)) for block in blocks
        ]
    return [CpuRow(_cluster_label(path, members), tuple(members)) for path, members in clusters.items()]


def _cluster_label(path: tuple[str, ...], members: list[int]) -> str:
    numbers = cpu_list(members)
    if "," in numbers:
        numbers = f"{len(members):,} CPUs"
        return f"{'/'.join(path)} ({numbers})" if path else numbers
    return f"{'/'.join(path)} (cpu{numbers})" if path else f"cpu{numbers}"
