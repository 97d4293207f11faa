"""Pending actions: what agents are doing and have left to do in a state, and the CPUs that may still arrive late.

Partial-order reduction over-approximates dependence from them (`sim.explore.reduction`). CPUs are logical numbers.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sim.boot_run import BootRun
from sim.environment import Lock, Step, StepKind
from sim.explore.controlled_env import ON_ITS_WAY, ControlledEnvironment
from sim.scenario import Action, Do, KvmInit


class Pending(NamedTuple):
    """An action that an agent is doing or has left to do."""

    agent: str
    do: Do
    cpu: int | None
    """None: it concerns all CPUs."""


class PendingActions:
    """The pending actions in the current state of a boot under way."""

    def __init__(self, run: BootRun) -> None:
        env = run.system.env
        assert isinstance(env, ControlledEnvironment)
        self._run, self._env = run, env
        self._smp = run.system.smp
        self._pending = list(self._all())
        self.down = {one.cpu for one in self._pending if one.do is Do.OFFLINE}
        """The CPUs that an agent takes down, or will, by an action of their own."""
        self.up = {one.cpu for one in self._pending if one.do is Do.ONLINE and one.cpu is not None}
        """The CPUs that an agent brings online, or will."""
        self.may_arrive_late = bool(env.late)
        """True if some CPU may arrive late in this scenario."""
        self.has_suspend = any(one.do is Do.SUSPEND for one in self._pending)
        """True if an agent suspends the system, or will."""

    def _all(self) -> Iterator[Pending]:
        """Yield what each agent is doing and has left to do."""
        user_space = self._run.user_space
        for agent, left in user_space.left.items():
            now = user_space.under_way(agent)
            for action in (*(() if now is None else (now,)), *left):
                yield Pending(agent, action.do, self._run.system.scenario.cpu_of(action))

    def number(self, action: Action) -> int:
        """Return the CPU of an action that concerns one."""
        number = self._run.system.scenario.cpu_of(action)
        assert number is not None
        return number

    def is_kvm_pending(self) -> bool:
        """Return True if KVM may initialise beside user space, and has not yet.

        Who is online then, and what the relay answers, depend on its time.
        """
        free = self._run.system.scenario.kvm_init is KvmInit.ANY_TIME
        return free and not self._run.system.kvm.decided

    def has_others(self, number: int, agent: str | None) -> bool:
        """Return True if another agent has a pending action on a CPU."""
        return any(one.cpu == number and one.agent != agent for one in self._pending)

    def agents_on(self, number: int) -> set[str]:
        """Return the agents that have a pending action on a CPU."""
        return {one.agent for one in self._pending if one.cpu == number}

    def agent_of(self, do: Do, number: int) -> str | None:
        """Return the agent that performs an operation on a CPU now, if any."""
        for agent in self._run.user_space.left:
            action = self._run.user_space.under_way(agent)
            if action is not None and action.do is do and self.number(action) == number:
                return agent
        return None

    def is_seat_awaited(self, number: int) -> bool:
        """Return True if a process waits for the seat on a CPU."""
        return any(lock.which == Lock(StepKind.TAKE_SEAT, number) and lock.queue for lock in self._env.locks)

    def stays_online(self, number: int) -> bool:
        """Return True if a CPU is online, and no pending action takes it down."""
        return self._smp.is_online(number) and number not in self.down

    def is_steady(self) -> bool:
        """Return True if guests do not depend on which other CPUs are online.

        A guest that is turned away goes to the lowest CPU online: always cpu0, while cpu0 stays online.
        """
        return not self.down or self.stays_online(0)

    def is_punctual(self) -> bool:
        """Return True if no CPU may arrive late any more, and no late arrival left anything behind.

        It may leave a completion that no process waited for, or a CPU under another's number.
        """
        if not self._env.late:
            return True
        # Before user space begins, early CPUs are still to come, and `_pending` has no actions yet.
        started = bool(self._run.user_space.left)
        bring_up = any(one.do is Do.ONLINE and one.cpu in self._env.late for one in self._pending)
        swapped = any(task != hw_cpu for task, hw_cpu in self._smp.runs.items())
        left_behind = swapped or self._run.hotplug.has_uncollected_arrivals
        return started and not (bring_up or left_behind or self._has_strays())

    def _has_strays(self) -> bool:
        """Return True if a CPU is on its way and no process waits for it."""
        awaited = self._env.awaited()
        return any(step.kind in ON_ITS_WAY and Step(StepKind.GIVE_UP, step.who) not in awaited for step in awaited)
