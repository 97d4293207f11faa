"""Variants of a scenario: another boot CPU, other CPUs that come early, another kernel.

They answer what a platform team asks: which CPU should boot, and which may come late, so that none is refused and the
least is lost.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sim.kernel_release import RECORDED
from sim.scenario import Action, Do, Scenario
from sim.topology import Cpu, Firmware, Topology, cpu_list

Label = tuple["Axis", str]


class Axis(StrEnum):
    """The setting that differs between variants."""

    BOOT_CPU = "boot-cpu"
    EARLY = "early"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Variant:
    """A scenario with other settings, and the words for each of them."""

    labels: tuple[Label, ...]
    scenario: Scenario


def variants(scenario: Scenario, axes: Sequence[Axis]) -> Iterator[Variant]:
    """Yield the variants along some axes, in the order in which the axes are given.

    Args:
        scenario: the scenario; along the axis of early CPUs its actions are replaced by those that bring up every late
            CPU.
        axes: the axes, each once.
    """
    yield from _along(Variant((), scenario), list(axes))


def _along(variant: Variant, axes: list[Axis]) -> Iterator[Variant]:
    if not axes:
        yield variant
        return
    # Which CPUs may come late depends on the boot CPU, so that is chosen first whatever the order of the axes.
    axis, *rest = sorted(axes, key=list(Axis).index)
    for label, changed in _CHANGES[axis](variant.scenario):
        yield from _along(Variant((*variant.labels, (axis, label)), changed), rest)


def _kinds(topology: Topology) -> list[list[Cpu]]:
    """Return the CPUs that are alike, in the order of the file."""
    kinds: dict[tuple[int, Firmware], list[Cpu]] = {}
    for cpu in topology.cpus:
        kinds.setdefault((id(cpu.features), cpu.firmware), []).append(cpu)
    return list(kinds.values())


def _label(topology: Topology, cpus: Sequence[Cpu]) -> str:
    """Return the places of CPUs in the file, with their core's name where it is known."""
    places = cpu_list([topology.cpus.index(cpu) for cpu in cpus])
    core = cpus[0].features.core
    return f"cpu{places} ({core.name})" if core.has_all_features else f"cpu{places}"


def _boot_cpus(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for members in _kinds(scenario.topology):
        first, topology = members[0], scenario.topology
        cpus = tuple(replace(cpu, late=False) if cpu.name == first.name else cpu for cpu in topology.cpus)
        changed = replace(topology, cpus=cpus, boot_cpu=first.name)
        yield _label(topology, [first]), scenario.but(topology=changed)


def _early_cpus(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    topology = scenario.topology
    others = [cpu for cpu in topology.cpus if cpu.name != topology.boot_cpu]
    yield "all", _with_late(scenario, [])
    kinds = [[cpu for cpu in members if cpu.name != topology.boot_cpu] for members in _kinds(topology)]
    for members in kinds:
        if members and len(members) < len(others):
            yield f"all but {_label(topology, members)}", _with_late(scenario, members)
    if others:
        yield "the boot CPU alone", _with_late(scenario, others)


def _with_late(scenario: Scenario, late: Sequence[Cpu]) -> Scenario:
    """Return the scenario in which just these CPUs come late, one after the other."""
    names = {cpu.name for cpu in late}
    cpus = tuple(replace(cpu, late=cpu.name in names) for cpu in scenario.topology.cpus)
    topology = replace(scenario.topology, cpus=cpus)
    return scenario.but(topology=topology, maxcpus=None, actions=tuple(Action(Do.ONLINE, cpu.name) for cpu in late))


def _kernels(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for name in RECORDED:
        yield name, scenario.but(kernel=name)


_CHANGES: dict[Axis, Callable[[Scenario], Iterator[tuple[str, Scenario]]]] = {
    Axis.BOOT_CPU: _boot_cpus,
    Axis.EARLY: _early_cpus,
    Axis.KERNEL: _kernels,
}
