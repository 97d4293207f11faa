"""Symmetry: states that differ by a permutation of alike CPUs count as one state.

A state has a representative: the state in which alike CPUs are sorted by what the state says of them. It is reached by
the schedule in which these CPUs and their agents have changed places, so the search runs that schedule, and its
fingerprint stands for all permutations. Nothing is renamed within a state. If the sorting misses that two states are
permutations of each other, that costs states and nothing else, because every representative is a state of a real run.

Persistent sets go well with it: a permutation of a persistent set is persistent in the permuted state (Emerson, Jha,
Peled, "Combining partial order and symmetry reductions", TACAS 1997). `sim.explore.alike_cpus` finds the CPUs.
"""

from collections.abc import Iterator
from itertools import pairwise

from sim.boot_run import BootRun
from sim.environment import Step, StepKind
from sim.explore.alike_cpus import AlikeCpu, alike_cpus
from sim.explore.controlled_env import ControlledEnvironment
from sim.explore.findings import Schedule
from sim.scenario import Scenario

_USER_SPACE = Step(StepKind.USER_SPACE, 0)


class Symmetry:
    """The symmetry of a scenario.

    Args:
        groups: the groups of CPUs that are interchangeable from the beginning of user space on.
    """

    def __init__(self, groups: list[list[AlikeCpu]]) -> None:
        self.groups = groups

    @classmethod
    def of(cls, scenario: Scenario) -> "Symmetry":
        """Return a scenario's symmetry."""
        return cls(alike_cpus(scenario))

    @property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """The groups by the logical numbers of their CPUs."""
        return tuple(tuple(one.number for one in group) for group in self.groups)

    def representative(self, run: BootRun, schedule: Schedule) -> Schedule:
        """Return a schedule to the representative of a state.

        Args:
            run: the boot in that state.
            schedule: the steps that led there; returned as they are if the state is its own representative.
        """
        moved: list[tuple[AlikeCpu, AlikeCpu]] = []
        for group in self.groups:
            views = {one: _view(run, one) for one in group}
            moved += ((old, new) for old, new in zip(sorted(group, key=views.__getitem__), group, strict=True))
        return _permuted(schedule, moved)

    def neighbours(self, schedule: Schedule) -> Iterator[Schedule]:
        """Yield a schedule with two CPUs exchanged, for each two that follow each other in a group.

        Repeated exchanges reach every permutation.
        """
        for group in self.groups:
            for one, other in pairwise(group):
                yield _permuted(schedule, [(one, other), (other, one)])


def _permuted(schedule: Schedule, moved: list[tuple[AlikeCpu, AlikeCpu]]) -> Schedule:
    """Return a schedule in which CPUs, with their agents, have taken the places of others since user space began."""
    renamed: dict[int | str, int | str] = {}
    seats: dict[int | None, int] = {}
    for old, new in moved:
        if old != new:
            renamed[old.number] = seats[old.number] = new.number
            renamed.update(zip(old.agents, new.agents, strict=True))
    if not renamed or _USER_SPACE not in schedule:
        return schedule
    begins = schedule.index(_USER_SPACE)
    later = (
        Step(step.kind, renamed.get(step.who, step.who), seats.get(step.seat, step.seat)) for step in schedule[begins:]
    )
    return *schedule[:begins], *later


def _view(run: BootRun, cpu: AlikeCpu) -> str:
    """Return what a state says of a CPU and its agents, without their names: CPUs are sorted by it."""
    system, env, number = run.system, run.system.env, cpu.number
    assert isinstance(env, ControlledEnvironment)
    places = {agent: place for place, agent in enumerate(cpu.agents)}
    steps = [
        (step.kind.value, places.get(step.who) if isinstance(step.who, str) else None, step.seat == number)
        for step in env.awaited()
        if step.who == number or step.who in places
    ]
    progress = [
        (len(run.user_space.left.get(agent, ())), run.user_space.under_way(agent) is not None) for agent in cpu.agents
    ]
    unit, panic = system.units.get(number), system.recorder.panic
    return repr(
        (
            panic is not None and panic.cpu == number,
            system.smp.is_present(number),
            system.smp.is_online(number),
            system.smp.runs.get(number) == number,
            system.recorder.states.get(number),
            progress,
            sorted(steps, key=repr),
            None if unit is None else unit.snapshot(),
            sum(visit.cpu == number for visit in system.recorder.guests),
        )
    )
