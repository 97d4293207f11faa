"""Variants of a scenario: another boot CPU, other CPUs that come early, another kernel, another setting of pKVM.

They answer what a platform team asks: which CPU should boot, and which may come late, so that none is refused and the
least is lost; and what a kernel engineer asks: what a setting changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations

from sim.designs import DESIGNS, Design
from sim.errors import NamedChoice
from sim.kernel_release import MODELLED, kernel_release
from sim.scenario import Action, Do, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Cpu, Firmware, Topology

Label = tuple["Axis", str]
_KINDS_COMBINED = 4
"""The largest number of kinds of CPU, beside the boot CPU, of which every combination may come late."""


class Axis(NamedChoice):
    """The setting that differs between variants.

    >>> from sim import compare_variants, read_scenario
    >>> [row.relay for row in compare_variants(read_scenario("bug"), [Axis.RELAY]).rows]
    ['enforcing', 'relaxed']
    """

    BOOT_CPU = "boot_cpu"
    EARLY = "early"
    KERNEL = "kernel"
    KVM_MODE = "kvm_mode"
    DESIGN = "design"
    RELAY = "relay"
    MEMORY = "memory"


OF_PKVM = frozenset({Axis.DESIGN, Axis.RELAY, Axis.MEMORY})
"""The settings that a system without pKVM does not have."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A scenario with other settings, and the words for each of them."""

    labels: tuple[Label, ...]
    scenario: Scenario


def variants(scenario: Scenario, axes: Sequence[Axis]) -> Iterator[Variant]:
    """Yield the variants along some axes, in the order in which the axes are given.

    Args:
        scenario: the scenario; along the axis of early CPUs every late CPU is brought up before its other actions, and
            along that of boot CPUs every CPU that is early in the scenario and late in the variant.
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
    """Return the numbers and names of CPUs that are alike, after their core's name where it is known.

    Args:
        topology: the variant's own topology, since another boot CPU gives other numbers.
        cpus: the CPUs, in the order of the file.
    """
    told = topology.labels(sorted(topology.number(cpu.name) for cpu in cpus))
    core = cpus[0].features.core
    return f"{core.name} {told}" if core.has_all_features else told


def designs_beside(scenario: Scenario) -> list[Design | None]:
    """Return the named designs, after the scenario's own design if that is not among them; None: it has no design."""
    own = scenario.active_design
    return [*([own] if own not in DESIGNS.values() else []), *DESIGNS.values()]


def _boot_cpus(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    topology = scenario.topology
    for members in _kinds(topology):
        # The file's own boot CPU stands for its kind, so that one variant is the boot that the file describes.
        boots = next((cpu for cpu in members if cpu.name == topology.boot_cpu), members[0])
        cpus = tuple(replace(cpu, late=False) if cpu.name == boots.name else cpu for cpu in topology.cpus)
        changed = scenario.but(topology=replace(topology, cpus=cpus, boot_cpu=boots.name))
        # maxcpus= may leave out CPUs that come early in the file, the file's own boot CPU first.
        early = _early_names(changed)
        left_out = [name for name in _early_names(scenario) if name not in early]
        yield _label(changed.topology, [boots]), changed.but(actions=tuple(_with_bring_ups(scenario.actions, left_out)))


def _early_names(scenario: Scenario) -> list[str]:
    return [scenario.topology.logical[number].name for number in scenario.early]


def _early_cpus(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    topology = scenario.topology
    yield "all", _with_late(scenario, [])
    beside_boot = ([cpu for cpu in members if cpu.name != topology.boot_cpu] for members in _kinds(topology))
    kinds = [members for members in beside_boot if members]
    # Of many kinds each alone: all their combinations would be more than a table shows.
    most = len(kinds) if len(kinds) <= _KINDS_COMBINED else 2
    for late in chain.from_iterable(combinations(kinds, count) for count in range(1, most)):
        label = " and ".join(_label(topology, members) for members in late)
        yield f"all but {label}", _with_late(scenario, list(chain.from_iterable(late)))
    if kinds:
        yield "the boot CPU alone", _with_late(scenario, list(chain.from_iterable(kinds)))


def _with_late(scenario: Scenario, late: Sequence[Cpu]) -> Scenario:
    """Return the scenario in which just these CPUs come late, and every action stays."""
    names = [cpu.name for cpu in late]
    cpus = tuple(replace(cpu, late=cpu.name in names) for cpu in scenario.topology.cpus)
    topology = replace(scenario.topology, cpus=cpus)
    return scenario.but(topology=topology, maxcpus=None, actions=tuple(_with_bring_ups(scenario.actions, names)))


def _with_bring_ups(actions: Sequence[Action], late: Sequence[str]) -> Iterator[Action]:
    """Yield actions after others that bring up CPUs which come late, unless the actions bring them up themselves.

    CPUs that no action concerns come at the beginning, one after the other. An agent brings up a CPU before its own
    first action on it, so that it finds the CPU online whatever other agents do meanwhile.
    """
    first: dict[str | None, Do] = {}
    for action in actions:
        if action.do is not Do.AWAIT:
            first.setdefault(action.cpu, action.do)
    yield from (Action(Do.ONLINE, name) for name in late if name not in first)
    to_bring_up = {name for name in late if first.get(name, Do.ONLINE) is not Do.ONLINE}
    met: set[tuple[str, str | None]] = set()
    for action in actions:
        if action.cpu in to_bring_up and (action.agent, action.cpu) not in met:
            yield Action(Do.ONLINE, action.cpu, agent=action.agent)
        met.add((action.agent, action.cpu))
        yield action


def _kernels(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    names = dict.fromkeys([*MODELLED, scenario.kernel])
    for name in sorted(names, key=lambda name: (kernel_release(name).series, name != scenario.kernel)):
        yield name, scenario.but(kernel=name)


def _kvm_modes(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for mode in KvmMode:
        yield str(mode), scenario.but(kvm_mode=mode)


def _designs(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for design in designs_beside(scenario):
        yield "none" if design is None else design.name, scenario.but(design=design)


def _relays(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for relay in Relay:
        yield str(relay), scenario.but(relay=relay)


def _memories(scenario: Scenario) -> Iterator[tuple[str, Scenario]]:
    for memory in MemoryLayout:
        yield str(memory), scenario.but(memory=memory)


_CHANGES: dict[Axis, Callable[[Scenario], Iterator[tuple[str, Scenario]]]] = {
    Axis.BOOT_CPU: _boot_cpus,
    Axis.EARLY: _early_cpus,
    Axis.KERNEL: _kernels,
    Axis.KVM_MODE: _kvm_modes,
    Axis.DESIGN: _designs,
    Axis.RELAY: _relays,
    Axis.MEMORY: _memories,
}
