"""Alike CPUs: CPUs that a scenario and the kernel treat in the same way, so that they are interchangeable.

CPUs are alike if their hardware, firmware and faults are equal, if they come early or late together, and if each has
agents of its own with the same programs. A permutation of such CPUs, together with their agents, turns each order of a
scenario's steps into another, with the same hazards. The boot CPU is like no other.

The kernel must not tell them apart by their numbers either. It does so where a suspend takes CPUs down in order, where
guests leave the boot CPU for the online CPU with the lowest number, and where a save reaches the memory beside its
buffer, which belongs to the CPU before it or after it. Then no CPUs are alike here. Where it is not certain, neither.

`tests/explore/test_symmetry.py` compares explorations up to symmetry with explorations of every state.
"""

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple

from sim.boot_run import BootRun
from sim.environment import Step, StepKind
from sim.explore.controlled_env import controlled_boot, late_arrivals
from sim.explore.save_reach import saves_stay_apart
from sim.scenario import Action, BringUp, Do, MemoryLayout, Scenario


class AlikeCpu(NamedTuple):
    """A CPU by its logical number, and the agents that act on it alone, in the order of their programs."""

    number: int
    agents: tuple[str, ...]


def alike_cpus(scenario: Scenario) -> list[list[AlikeCpu]]:
    """Return the groups of CPUs that are interchangeable from the beginning of user space on."""
    ordered = any(
        action.do is Do.SUSPEND or (action.do is Do.OFFLINE and scenario.cpu_of(action) == 0)
        for action in scenario.actions
    )
    run = None if ordered else _at_user_space(scenario)
    if run is None or not _keeps_to_buffers(run):
        return []
    groups: dict[object, list[AlikeCpu]] = defaultdict(list)
    early = _early_cpus(run)
    agents = _Agents(scenario)
    for number in sorted(agents.of_cpu):
        if number != 0 and (number not in early or _came_alike(run, number)):
            programs = [agents.program(agent) for agent in agents.of_cpu[number]]
            groups[_kind(scenario, number), number in early, *programs].append(
                AlikeCpu(number, tuple(agents.of_cpu[number]))
            )
    return [group for group in groups.values() if len(group) > 1]


def _at_user_space(scenario: Scenario) -> BootRun | None:
    """Return a boot at the beginning of user space, with KVM's initcall put off if it may be; None: it ends before."""

    def choose(enabled: list[Step]) -> Step | None:
        if run.user_space.left:
            return None
        return next((step for step in enabled if step.kind is not StepKind.KVM_INIT), enabled[0])

    run = controlled_boot(scenario, choose)
    run.to_the_end()
    return run if run.user_space.left and run.system.recorder.panic is None else None


def _keeps_to_buffers(run: BootRun) -> bool:
    """Return True if no save reaches another CPU's buffer, in whatever order the boot went on."""
    scenario = run.system.scenario
    if scenario.memory is not MemoryLayout.ADJACENT or not scenario.has_pkvm or scenario.active_design is None:
        return True
    return _is_settled(scenario) and saves_stay_apart(run)


def _is_settled(scenario: Scenario) -> bool:
    """Return True if early CPUs come in one order only, so that one boot tells how all of them begin user space."""
    early = scenario.early_candidates if scenario.flags.maxcpus_counts_online else scenario.early
    return scenario.bring_up is BringUp.ONE_AT_A_TIME and not late_arrivals(scenario).intersection(early)


def _early_cpus(run: BootRun) -> frozenset[int]:
    """Return the CPUs that are brought up before user space, or may be."""
    scenario = run.system.scenario
    if _is_settled(scenario):
        return frozenset(run.system.recorder.early)
    return frozenset(scenario.early_candidates if scenario.flags.maxcpus_counts_online else scenario.early)


def _came_alike(run: BootRun, number: int) -> bool:
    """Return True if an early CPU is online, and what the kernel holds of it does not tell when it came."""
    scenario = run.system.scenario
    return _is_settled(scenario) and not scenario.has_mixed_features and run.system.smp.is_online(number)


def _kind(scenario: Scenario, number: int) -> tuple[object, ...]:
    """Return everything but actions by which a scenario tells a CPU from another."""
    cpu = scenario.topology.logical[number]
    faults = tuple(replace(fault, cpu="") for fault in scenario.faults if fault.cpu == cpu.name)
    return cpu.features, cpu.firmware, cpu.late, faults, cpu.name == scenario.allocation_fails_at


class _Agents:
    """The agents of a scenario that act on one CPU alone; no other agent acts on that CPU."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._programs: dict[str, list[Action]] = defaultdict(list)
        self._agents_of_guest: dict[str, set[str]] = defaultdict(set)
        for action in scenario.actions:
            self._programs[action.agent].append(action)
            if action.do is Do.GUEST:
                self._agents_of_guest[action.guest].add(action.agent)
        self.of_cpu = self._owners()
        """The agents of each CPU, in the order of their programs."""

    def _owners(self) -> dict[int, list[str]]:
        owners: dict[int, list[str]] = defaultdict(list)
        shared: set[int] = set()
        for agent, program in self._programs.items():
            cpus = {cpu for action in program if (cpu := self._scenario.cpu_of(action)) is not None}
            if len(cpus) > 1:
                shared |= cpus
            for cpu in cpus:
                owners[cpu].append(agent)
        return {cpu: sorted(agents, key=self.program) for cpu, agents in owners.items() if cpu not in shared}

    def program(self, agent: str) -> tuple[tuple[str, bool, int, str, int], ...]:
        """Return what an agent does, without the CPU; of times, whether there is any, since each may come at once.

        A guest that several agents run has its name. Any other counts by its place among the guests of its agent.
        """
        places: dict[str, int] = {}
        told = []
        for action in self._programs[agent]:
            name, place = "", 0
            if action.do is Do.GUEST:
                is_own = len(self._agents_of_guest[action.guest]) == 1
                name, place = ("", places.setdefault(action.guest, len(places))) if is_own else (action.guest, -1)
            told.append((action.do.value, bool(action.at_ns), action.rounds, name, place))
        return tuple(told)
