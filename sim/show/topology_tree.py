"""A topology as a tree for a terminal: clusters, CPUs, and each CPU's vector lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from sim.scenario import Scenario
from sim.show.row_groups import MOST_ROWS, short_cpu_list
from sim.topology import Cpu
from sim.vectors import LEN_FIELD, braces

_LONGEST_SET = 50
"""Longer ones get spaces, so that a line can end between lengths."""


@dataclass
class _Cluster:
    """A cluster: what its own CPUs are, and the clusters in it."""

    cpus: list[tuple[int, str]] = field(default_factory=list)
    inside: dict[str, "_Cluster"] = field(default_factory=dict)

    def size(self) -> int:
        """How many CPUs it has."""
        return len(self.cpus) + sum(one.size() for one in self.inside.values())

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """What it is apart from names and numbers: clusters of one shape are alike."""
        return tuple(what for _, what in self.cpus), tuple(one.shape for one in self.inside.values())


def show_topology(scenario: Scenario, console: Console) -> None:
    """Print the tree; where there are many CPUs, neighbours that are alike share a line."""
    topology = scenario.topology
    root = _Cluster()
    early = set(scenario.early)
    for number, one in enumerate(topology.logical):
        cluster = root
        for name in one.clusters:
            cluster = cluster.inside.setdefault(name, _Cluster())
        role = "boot" if number == 0 else "early" if number in early else "late"
        cluster.cpus.append((number, f"{role}, {_lengths(one)}"))
    hypothetical = ", hypothetical" if topology.hypothetical else ""
    tree = Tree(Text(f"{scenario.name}: {_count(len(topology.cpus), 'CPU')}{hypothetical}"))
    _grow(tree, root, scenario, share=len(topology.cpus) > MOST_ROWS)
    console.print(tree)


def _grow(tree: Tree, cluster: _Cluster, scenario: Scenario, *, share: bool) -> None:
    for numbers, what in _lines(cluster.cpus, share=share):
        who = f"cpu{short_cpu_list(numbers)}" if len(numbers) > 1 else scenario.topology.label(numbers[0])
        tree.add(Text(f"{who}: {what}"))
    for names in _alike(cluster.inside, share=share):
        one = _merged([cluster.inside[name] for name in names])
        clusters = f"{names[0]} to {names[-1]}: {len(names)} clusters, in all" if len(names) > 1 else f"{names[0]}:"
        _grow(tree.add(Text(f"{clusters} {_count(one.size(), 'CPU')}", "bold")), one, scenario, share=share)


def _lines(cpus: list[tuple[int, str]], *, share: bool) -> list[tuple[list[int], str]]:
    """The CPUs that share a line, and what they are."""
    if not share:
        return [([number], what) for number, what in cpus]
    lines: dict[str, list[int]] = {}
    for number, what in cpus:
        lines.setdefault(what, []).append(number)
    return [(numbers, what) for what, numbers in lines.items()]


def _alike(clusters: dict[str, _Cluster], *, share: bool) -> Iterator[list[str]]:
    """The names of neighbouring clusters that share a branch."""
    for _, run in groupby(clusters, lambda name: clusters[name].shape if share else name):
        yield list(run)


def _merged(clusters: Sequence[_Cluster]) -> _Cluster:
    """Clusters of one shape as one."""
    return _Cluster(
        [cpu for one in clusters for cpu in one.cpus],
        dict(
            zip(
                clusters[0].inside,
                map(_merged, zip(*(one.inside.values() for one in clusters), strict=True)),
                strict=True,
            )
        ),
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number > 1 else "")


def _lengths(cpu: Cpu) -> str:
    """A CPU's lengths, and what firmware takes of them."""
    parts = [_extension("SVE", cpu.sve_vqs, cpu.usable_sve_vqs, "ZCR_EL3", cpu.zcr_el3_len)]
    if cpu.sme_vqs is not None:
        parts.append(_extension("SME", cpu.sme_vqs, cpu.usable_sme_vqs, "SMCR_EL3", cpu.smcr_el3_len))
    return ", ".join(parts)


def _extension(name: str, vqs: int | None, usable_vqs: int | None, register: str, len_field: int) -> str:
    if vqs is None or usable_vqs is None:
        return f"no {name}"
    firmware = f" of {braces(vqs)} ({register}.LEN {len_field})" if len_field < LEN_FIELD and usable_vqs != vqs else ""
    told = f"{braces(usable_vqs)}{firmware}"
    return f"{name} {told.replace(',', ', ') if len(told) > _LONGEST_SET else told}"
