"""What lies ahead of a boot under way: what agents are doing and have left to do, and which CPUs may still be late."""

from collections.abc import Iterator

from sim.boot_run import BootRun
from sim.environment import Step
from sim.explore.controlled_env import ON_ITS_WAY, ChosenEnvironment
from sim.processes.guests import PLACE
from sim.processes.hotplug import GIVE_UP
from sim.scenario import Action, Do, KvmInit


class Ahead:
    """What lies ahead in one state of a boot under way; CPUs are logical numbers."""

    def __init__(self, running: BootRun) -> None:
        env = running.system.env
        assert isinstance(env, ChosenEnvironment)
        self._running, self._env = running, env
        self._smp = running.system.smp
        self._to_come = list(self._all())
        self.down = {number for _, do, number in self._to_come if do is Do.OFFLINE}
        """The CPUs that somebody takes down, or will."""

    def _all(self) -> Iterator[tuple[str, Do, int]]:
        """What each agent is doing and has left to do."""
        user_space = self._running.user_space
        for agent, left in user_space.left.items():
            now = user_space.under_way(agent)
            for action in (*(() if now is None else (now,)), *left):
                yield agent, action.do, self.number(action)

    def number(self, action: Action) -> int:
        """The CPU that an action is about."""
        return self._running.system.scenario.topology.number(action.cpu)

    def is_kvm_to_come(self) -> bool:
        """Whether user space is there, and KVM is not: who is online then, and what the relay says, hang on it."""
        free = self._running.system.scenario.kvm_init is KvmInit.ANY_TIME
        return free and not self._running.system.kvm.decided

    def others_on(self, number: int, agent: str | None) -> bool:
        """Whether other agents have something to do with a CPU, or are about it."""
        return any(one == number and other != agent for other, _, one in self._to_come)

    def who(self, do: Do, number: int) -> str | None:
        """The agent that does something to a CPU now."""
        for agent in self._running.user_space.left:
            action = self._running.user_space.under_way(agent)
            if action is not None and action.do is do and self.number(action) == number:
                return agent
        return None

    def is_waited_at(self, number: int) -> bool:
        """Whether somebody waits for a guest's place on a CPU."""
        return any(lock.what == f"{PLACE}{number}" and lock.queue for lock in self._env.locks)

    def stays_online(self, number: int) -> bool:
        """Whether a CPU is online, and nobody takes it down."""
        return self._smp.is_online(number) and number not in self.down

    def is_steady(self) -> bool:
        """Whether it makes no difference to others which CPUs are online: guests turned away all go to cpu0."""
        return not self.down or self.stays_online(0)

    def is_punctual(self) -> bool:
        """Whether no CPU may arrive late any more, to meet whatever is there, nor did one leave anything behind.

        What it may leave: an arrival that is counted and nobody waited for; a CPU under another's number.
        """
        if not self._env.late:
            return True
        started = bool(self._running.user_space.left)
        bring_up = any(do is Do.ONLINE and number in self._env.late for _, do, number in self._to_come)
        swapped = any(task != hw_cpu for task, hw_cpu in self._smp.runs.items())
        return started and not (bring_up or swapped or self._strays() or self._running.hotplug.has_uncollected_arrivals)

    def _strays(self) -> bool:
        """Whether a CPU is on its way that nobody waits for."""
        awaited = self._env.awaited()
        return any(step.what in ON_ITS_WAY and Step(GIVE_UP, step.who) not in awaited for step in awaited)
