"""A topology as a tree: clusters, their CPUs, and each CPU's core and vector lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from sim.scenario import Scenario
from sim.show.row_groups import MAX_ROWS, short_labels
from sim.topology import Cpu, EnableMethod
from sim.units import counted
from sim.vector_types import VECTOR_TYPES
from sim.vectors import LEN_FIELD, braces

_MAX_SET_WIDTH = 50
"""A set that is longer gets spaces, so that a line can break between its lengths."""


@dataclass
class _Cluster:
    """A cluster: the numbers and descriptions of its own CPUs, and the clusters inside it."""

    cpus: list[tuple[int, str]] = field(default_factory=list)
    inside: dict[str, "_Cluster"] = field(default_factory=dict)

    def size(self) -> int:
        """Return the number of CPUs in it and in the clusters inside it."""
        return len(self.cpus) + sum(cluster.size() for cluster in self.inside.values())

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """Everything but names and numbers: clusters of the same shape are alike."""
        cpus = tuple(description for _, description in self.cpus)
        return cpus, tuple(cluster.shape for cluster in self.inside.values())


def show_topology(scenario: Scenario, console: Console) -> None:
    """Print the tree. Above 32 CPUs, neighbouring CPUs and clusters that are alike share a line."""
    topology = scenario.topology
    root = _Cluster()
    for number, cpu in enumerate(topology.logical):
        cluster = root
        for name in cpu.clusters:
            cluster = cluster.inside.setdefault(name, _Cluster())
        cluster.cpus.append((number, ", ".join([_role(scenario, number), *_core(cpu), _lengths(cpu)])))
    hypothetical = ", hypothetical" if topology.hypothetical else ""
    tree = Tree(Text(f"{scenario.name}: {counted(len(topology.cpus), 'CPU')}{hypothetical}"))
    _grow(tree, root, scenario, share=len(topology.cpus) > MAX_ROWS)
    console.print(tree)


def _role(scenario: Scenario, number: int) -> str:
    because = scenario.late_because(number)
    early = "early" if number else "boot"
    return early if because is None else f"late ({because})"


def _grow(tree: Tree, cluster: _Cluster, scenario: Scenario, *, share: bool) -> None:
    for numbers, description in _lines(cluster.cpus, share=share):
        tree.add(Text(f"{short_labels(scenario.topology, numbers)}: {description}"))
    for names in _alike(cluster.inside, share=share):
        merged = _merged([cluster.inside[name] for name in names])
        clusters = f"{names[0]} to {names[-1]}: {len(names)} clusters, in all" if len(names) > 1 else f"{names[0]}:"
        branch = tree.add(Text(f"{clusters} {counted(merged.size(), 'CPU')}", "bold"))
        _grow(branch, merged, scenario, share=share)


def _lines(cpus: list[tuple[int, str]], *, share: bool) -> list[tuple[list[int], str]]:
    """Return the lines to show: the numbers of the CPUs that share each, and their description."""
    if not share:
        return [([number], description) for number, description in cpus]
    lines: dict[str, list[int]] = {}
    for number, description in cpus:
        lines.setdefault(description, []).append(number)
    return [(numbers, description) for description, numbers in lines.items()]


def _alike(clusters: dict[str, _Cluster], *, share: bool) -> Iterator[list[str]]:
    """Yield the names of the neighbouring clusters that share a branch."""
    for _, neighbours in groupby(clusters, lambda name: clusters[name].shape if share else name):
        yield list(neighbours)


def _merged(clusters: Sequence[_Cluster]) -> _Cluster:
    """Return a cluster with all CPUs of clusters of the same shape, which need not have the same names inside."""
    return _Cluster(
        [cpu for cluster in clusters for cpu in cluster.cpus],
        dict(
            zip(
                clusters[0].inside,
                map(_merged, zip(*(cluster.inside.values() for cluster in clusters), strict=True)),
                strict=True,
            )
        ),
    )


def _core(cpu: Cpu) -> list[str]:
    """Return the name of a CPU's core, and whether the file gives it other values; nothing where it states none."""
    core = cpu.features.core
    if not core.has_all_features:
        return []
    return [core.name, "with other values"] if core.changes or core.stated_fields else [core.name]


def _lengths(cpu: Cpu) -> str:
    """Return a CPU's lengths, with those that firmware takes away."""
    parts = [_extension("SVE", cpu.sve_vqs, cpu.usable_sve_vqs, "ZCR_EL3", cpu.zcr_el3_len)]
    if cpu.sme_vqs is not None:
        parts.append(_extension("SME", cpu.sme_vqs, cpu.usable_sme_vqs, "SMCR_EL3", cpu.smcr_el3_len))
    parts += [f"{VECTOR_TYPES[vector_type].el3_enable} 0" for vector_type in sorted(cpu.firmware.trapped)]
    if cpu.firmware.el is not None:
        parts.append(f"EL{cpu.firmware.el}")
    if cpu.firmware.enable_method is EnableMethod.SPIN_TABLE:
        parts.append("spin table")
    return ", ".join(parts)


def _extension(name: str, vqs: int | None, usable_vqs: int | None, register: str, len_field: int) -> str:
    if vqs is None or usable_vqs is None:
        return f"no {name}"
    firmware = f" of {braces(vqs)} ({register}.LEN {len_field})" if len_field < LEN_FIELD and usable_vqs != vqs else ""
    sets = f"{braces(usable_vqs)}{firmware}"
    return f"{name} {sets.replace(',', ', ') if len(sets) > _MAX_SET_WIDTH else sets}"
