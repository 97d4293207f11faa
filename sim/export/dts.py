"""A topology as the /cpus node of a device tree source.

Sources: the kernel's Documentation/devicetree/bindings/arm/cpus.yaml (reg, enable-method) and
Documentation/devicetree/bindings/cpu/cpu-topology.txt (cpu-map).
"""

import re
from collections.abc import Iterable, Iterator

from sim.cores.core_table import core_table
from sim.errors import InputError
from sim.export.cpu_comment import describe_lengths
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import MPIDR_AFFINITY, Cpu, Topology
from sim.units import counted

_ANY_ARM = "arm,armv8"
"""The compatible string of CPUs whose core has none."""
_IN_COMMENTS = "(in comments only)"


def export_dts(scenario: Scenario) -> Exported:
    """Export a scenario's CPUs and clusters; vector lengths become comments, because a device tree has none.

    The nodes stand in the order of the scenario's file. Linux numbers the CPUs in the order of their nodes, behind the
    CPU that boots.

    Raises:
        InputError: two CPUs have the same affinities.
    """
    topology = scenario.topology
    _check_affinities(topology)
    lost = _lost(scenario)
    lines = [
        "/dts-v1/;",
        "",
        f'// "{scenario.name}": {counted(len(topology.cpus), "CPU")}, booted by cpu0.',
        "// A device tree has no vector lengths: each CPU's are in a comment.",
        *(f"// Lost: {part}." for part in lost if _IN_COMMENTS not in part),
        "/ {",
        "\tcpus {",
        # Two cells for reg: an MPIDR's affinity has 40 bits, with Aff3 in the upper cell.
        "\t\t#address-cells = <2>;",
        "\t\t#size-cells = <0>;",
        "",
        *_node("cpu-map", 2, _cluster_nodes(topology, (), 3)),
        *(line for spec in topology.cpus for line in _cpu_node(scenario, topology.number(spec.name))),
        "\t};",
        "};",
    ]
    return Exported("".join(f"{line}\n" for line in lines), lost)


def _lost(scenario: Scenario) -> tuple[str, ...]:
    topology = scenario.topology
    lost = {
        f"vector lengths {_IN_COMMENTS}": True,
        f"variants and revisions of cores {_IN_COMMENTS}": any(
            spec.features.core.has_all_features for spec in topology.cpus
        ),
        "EL3 that does not enable SVE or SME": any(spec.firmware.trapped for spec in topology.cpus),
        "CPUs that start at different exception levels": scenario.starts_at_mixed_levels,
        "cores whose compatible strings are unknown": any(
            spec.features.core.has_all_features and _compatible(spec) == _ANY_ARM for spec in topology.cpus
        ),
        "ID registers that are not as the core's": any(_has_other_registers(spec) for spec in topology.cpus),
        "the addresses of spin tables": not all(map(scenario.has_hotplug, range(len(topology.cpus)))),
        f"late CPUs {_IN_COMMENTS}": len(scenario.early) < len(topology.cpus),
        f"names of clusters {_IN_COMMENTS}": any(
            not re.fullmatch(r"cluster\d+", name) for spec in topology.cpus for name in spec.clusters
        ),
        f"the boot CPU, {topology.boot_cpu}, which is not the first": topology.boot_cpu != topology.cpus[0].name,
        "MPIDR bits outside the affinities": any((spec.mpidr or 0) & ~MPIDR_AFFINITY for spec in topology.cpus),
    }
    return tuple(what for what, is_lost in lost.items() if is_lost)


def _compatible(cpu: Cpu) -> str:
    """Return a CPU's compatible string: its core's name, where that is one, or the first that the table has for it."""
    name = cpu.features.core.name
    if re.fullmatch(r"[a-z0-9]+,[\w.-]+", name):
        return name
    return next((string for string, core in core_table().other_strings.items() if core == name), _ANY_ARM)


def _has_other_registers(cpu: Cpu) -> bool:
    core = cpu.features.core
    return core.has_all_features and bool(core.changes or core.stated_fields or cpu.firmware.hidden)


def _check_affinities(topology: Topology) -> None:
    """Refuse two CPUs that differ only in other bits of their MPIDRs: `reg` has no place for these."""
    owners: dict[int, str] = {}
    for cpu, spec in enumerate(topology.logical):
        affinity = topology.mpidr(cpu) & MPIDR_AFFINITY
        other = owners.setdefault(affinity, spec.name)
        if other != spec.name:
            raise InputError(
                f"{other} and {spec.name} have the same affinities, {affinity:#x}: a device tree tells CPUs apart by "
                "nothing else"
            )


def _cpu_node(scenario: Scenario, cpu: int) -> Iterator[str]:
    """Yield a CPU's node, below a comment with its name, MIDR and lengths, and why it is late if it is."""
    topology, because = scenario.topology, scenario.late_because(cpu)
    core = topology.logical[cpu].features.core
    affinity = topology.mpidr(cpu) & MPIDR_AFFINITY
    properties = [
        'device_type = "cpu";',
        f'compatible = "{_compatible(topology.logical[cpu])}";',
        f"reg = <{affinity >> 32:#x} {affinity & 0xFFFF_FFFF:#x}>;",
        f'enable-method = "{topology.logical[cpu].firmware.enable_method}";',
    ]
    role = "" if because is None else f"late ({because}), "
    # A compatible string names a core, and not which revision of it.
    stepping = f"MIDR {core.midr:#010x}, " if core.has_all_features else ""
    yield ""
    yield f"\t\t// {topology.label(cpu)}: {role}{stepping}{describe_lengths(topology.logical[cpu])}"
    yield from _node(f"cpu{cpu}: cpu@{affinity:x}", 2, ("\t\t\t" + line for line in properties))


def _cluster_nodes(topology: Topology, path: tuple[str, ...], depth: int) -> Iterator[str]:
    """Yield the nodes inside the map itself, or inside a cluster that contains clusters.

    A cluster of a cpu-map has clusters or cores, never both, and the map itself has no cores. CPUs beside clusters, or
    in no cluster, therefore get a cluster of their own. Nodes must be called cluster0, cluster1, ... without a gap, so
    that the topology's names become comments.
    """
    children = list(topology.graph.successors(path))
    own_cpus = [child for child in children if isinstance(child, str)]
    bodies = [("", _core_nodes(topology, own_cpus, depth + 1))] if own_cpus else []
    bodies += [
        (f' // "{child[-1]}"', _cluster_body(topology, child, depth + 1))
        for child in children
        if isinstance(child, tuple)
    ]
    for index, (comment, body) in enumerate(bodies):
        yield from _node(f"cluster{index}", depth, body, comment)


def _cluster_body(topology: Topology, path: tuple[str, ...], depth: int) -> Iterator[str]:
    """Yield cores if a cluster has CPUs only, and clusters otherwise."""
    children = list(topology.graph.successors(path))
    cpus = [child for child in children if isinstance(child, str)]
    if len(cpus) == len(children):
        return _core_nodes(topology, cpus, depth)
    return _cluster_nodes(topology, path, depth)


def _core_nodes(topology: Topology, names: list[str], depth: int) -> Iterator[str]:
    for core, name in enumerate(names):
        yield from _node(f"core{core}", depth, ["\t" * (depth + 1) + f"cpu = <&cpu{topology.number(name)}>;"])


def _node(name: str, depth: int, body: Iterable[str], comment: str = "") -> Iterator[str]:
    """Yield a node.

    `comment` must not end in a name from the scenario. A name may end in a backslash; the C preprocessor, through which
    trees are often run, would then join the next line to the comment.
    """
    indent = "\t" * depth
    yield f"{indent}{name} {{{comment}"
    yield from body
    yield f"{indent}}};"
