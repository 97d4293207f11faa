"""A topology as the /cpus node of a device tree's source.

Sources: the kernel's Documentation/devicetree/bindings/arm/cpus.yaml (reg, enable-method) and
Documentation/devicetree/bindings/cpu/cpu-topology.txt (cpu-map).
"""

import re
from collections.abc import Iterable, Iterator

from sim.errors import InputError
from sim.export.cpu_comment import lengths_of
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import MPIDR_AFFINITY, Topology
from sim.units import counted


def dts(scenario: Scenario) -> Exported:
    """CPUs in the order of the file, by which Linux numbers them behind the one that boots.

    A tree has no place for vector lengths: comments tell them.

    Raises:
        InputError: two CPUs have the same affinities.
    """
    topology = scenario.topology
    _check_affinities(topology)
    early = set(scenario.early)
    lines = [
        "/dts-v1/;",
        "",
        f'// "{scenario.name}": {counted(len(topology.cpus), "CPU")}, booted by cpu0.',
        "// A device tree carries no vector lengths: comments tell each CPU's.",
        "/ {",
        "\tcpus {",
        "\t\t#address-cells = <2>;",
        "\t\t#size-cells = <0>;",
        "",
        *_node("cpu-map", 2, _clusters(topology, (), 3)),
        *(line for one in topology.cpus for line in _cpu(topology, topology.number(one.name), early)),
        "\t};",
        "};",
    ]
    return Exported("".join(f"{line}\n" for line in lines), _lost(scenario))


def _lost(scenario: Scenario) -> tuple[str, ...]:
    topology = scenario.topology
    lost = {
        "vector lengths, which only comments tell": True,
        "late CPUs, which only comments tell": len(scenario.early) < len(topology.cpus),
        "clusters' names, which only comments tell": any(
            not re.fullmatch(r"cluster\d+", name) for one in topology.cpus for name in one.clusters
        ),
        f"that {topology.boot_cpu} boots, though it is not the first": topology.boot_cpu != topology.cpus[0].name,
        "bits of MPIDRs that are no affinity": any((one.mpidr or 0) & ~MPIDR_AFFINITY for one in topology.cpus),
    }
    return tuple(what for what, is_so in lost.items() if is_so)


def _check_affinities(topology: Topology) -> None:
    owners: dict[int, str] = {}
    for number, one in enumerate(topology.logical):
        affinity = topology.mpidr(number) & MPIDR_AFFINITY
        other = owners.setdefault(affinity, one.name)
        if other != one.name:
            raise InputError(
                f"{other} and {one.name} have the same affinities, {affinity:#x}: a device tree has no more"
            )


def _cpu(topology: Topology, number: int, early: set[int]) -> Iterator[str]:
    """A CPU's node, and in a comment what the tree does not hold."""
    affinity = topology.mpidr(number) & MPIDR_AFFINITY
    properties = [
        'device_type = "cpu";',
        'compatible = "arm,armv8";',
        f"reg = <{affinity >> 32:#x} {affinity & 0xFFFF_FFFF:#x}>;",
        'enable-method = "psci";',
    ]
    role = "" if number in early else "late, "
    yield ""
    yield f"\t\t// {topology.label(number)}: {role}{lengths_of(topology.logical[number])}"
    yield from _node(f"cpu{number}: cpu@{affinity:x}", 2, ("\t\t\t" + line for line in properties))


def _clusters(topology: Topology, path: tuple[str, ...], depth: int) -> Iterator[str]:
    """What is in a cluster that has clusters; it cannot have cores too, so its own CPUs get a cluster to themselves."""
    nodes = list(topology.graph.successors(path))
    own = [one for one in nodes if isinstance(one, str)]
    bodies = [("", _cores(topology, own, depth + 1))] if own else []
    bodies += [(f' // "{one[-1]}"', _body(topology, one, depth + 1)) for one in nodes if isinstance(one, tuple)]
    for number, (comment, body) in enumerate(bodies):
        yield from _node(f"cluster{number}", depth, body, comment)


def _body(topology: Topology, path: tuple[str, ...], depth: int) -> Iterator[str]:
    nodes = list(topology.graph.successors(path))
    cpus = [one for one in nodes if isinstance(one, str)]
    return _cores(topology, cpus, depth) if len(cpus) == len(nodes) else _clusters(topology, path, depth)


def _cores(topology: Topology, names: list[str], depth: int) -> Iterator[str]:
    for core, name in enumerate(names):
        yield from _node(f"core{core}", depth, ["\t" * (depth + 1) + f"cpu = <&cpu{topology.number(name)}>;"])


def _node(name: str, depth: int, body: Iterable[str], comment: str = "") -> Iterator[str]:
    """A node. No comment ends in a name: it may end in a backslash, which C's preprocessor takes for more to come."""
    indent = "\t" * depth
    yield f"{indent}{name} {{{comment}"
    yield from body
    yield f"{indent}}};"
