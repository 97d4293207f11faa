"""User space: agents that write to sysfs and run guests, each performing its own actions in order."""

from collections.abc import Generator
from typing import Any

from simpy.events import Event

from sim.environment import StepKind
from sim.errnos import Errno
from sim.facts import ActionOutcome, ActionResult
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.suspend import Suspend
from sim.processes.system import Answer, Steps, System
from sim.scenario import Action, Do


class UserSpace:
    """The agents of a system.

    Args:
        system: the system.
        hotplug: brings CPUs online, and takes them down.
        guests: runs guests.
        suspend: suspends the system.
    """

    def __init__(self, system: System, hotplug: Hotplug, guests: Guests, suspend: Suspend) -> None:
        self._system = system
        self._printk = system.printk
        self._env = system.env
        self._hotplug = hotplug
        self._guests = guests
        self._suspend = suspend
        self._underway: dict[str, tuple[Action, int, int]] = {}
        self.left: dict[str, list[Action]] = {}
        """The actions that each agent has not begun yet."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on; each agent's actions are the scenario's."""
        return tuple(sorted((agent, len(left), agent in self._underway) for agent, left in self.left.items()))

    def start(self) -> None:
        """Let every agent begin."""
        for action in self._system.scenario.actions:
            self.left.setdefault(action.agent, []).append(action)
        for name in self.left:
            self._env.begin(self._agent(name), name)

    def stop(self) -> None:
        """Record the actions that are under way at the end of the run.

        They hang for ever, unless the run ended where more could have happened. The state stays as it is: an agent that
        waits for ever has not finished. What still happens in SimPy's queue does not belong to the boot, so that
        they end with its last line or event, unless they began after it.
        """
        under_way = self._underway.copy()
        for agent, (_, started_ns, _) in under_way.items():
            outcome = ActionOutcome.UNDER_WAY if self._env.left_early else ActionOutcome.HUNG
            self._finish(agent, outcome, None, max(started_ns, self._printk.end_ns))
        self._underway = under_way

    def under_way(self, agent: str) -> Action | None:
        """Return the action that an agent performs now; None between two actions."""
        return self._underway[agent][0] if agent in self._underway else None

    def _agent(self, name: str) -> Steps:
        """Perform one agent's actions in order."""
        start_ns, left = self._env.now_ns, self.left[name]
        first = left[0]
        while left:
            action = left[0]
            # The latency of a write is the time between two actions of an agent, so the first action begins at once.
            if action is not first:
                yield self._system.wait(self._system.scenario.latencies.sysfs_write, StepKind.SYSFS_WRITE, name)
            # The time of an action counts from the agent's start; an action whose time has passed begins at once.
            if action.at_ns:
                delay_ns = max(0, start_ns + action.at_ns - self._env.now_ns)
                yield self._env.after(delay_ns, StepKind.TIME_COMES, name)
            yield from self._system.freezer.thawed(name)
            del left[0]
            self._underway[name] = (action, self._env.now_ns, len(self._printk.lines))
            outcome, error = yield from self._perform(action)
            outcome = ActionOutcome.FAILED if error else outcome
            self._finish(name, outcome, error.name if error else None, self._env.now_ns)

    def _perform(self, action: Action) -> Generator[Event, Any, tuple[ActionOutcome, Errno]]:
        """Perform an action, and return the outcome that it has unless the errno says that it failed."""
        number = self._system.scenario.cpu_of(action)
        if number is None:
            return ActionOutcome.RESUMED, (yield from self._suspend.run())
        match action.do:
            case Do.ONLINE | Do.OFFLINE if not self._system.scenario.has_hotplug(number):
                # There is no file to write to. A shell, which asks to create it, reports EACCES instead.
                return ActionOutcome.FAILED, Errno.ENOENT
            case Do.OFFLINE:
                return ActionOutcome.OFFLINE, (yield from self._hotplug.offline(number))
            case Do.AWAIT:
                return ActionOutcome.ONLINE, (yield from self._await(action.agent, number))
            case Do.GUEST:
                return (yield from self._guests.run(action, number))
            case _:
                return ActionOutcome.ONLINE, (yield from self._hotplug.online(number))

    def _await(self, name: str, number: int) -> Answer:
        """Wait until a CPU is online.

        The agent runs a step later than the CPU comes online. The CPU may be offline again by then, so the agent looks
        again before it goes on.
        """
        while not self._system.smp.is_online(number):
            yield self._hotplug.coming(number)
            yield self._env.after(0, StepKind.LOOK_AGAIN, name)
            yield from self._system.freezer.thawed(name)
        return Errno.OK

    def _finish(self, agent: str, outcome: ActionOutcome, error: str | None, ended_ns: int) -> None:
        """Record the result of the action that an agent has under way."""
        action, started_ns, log_from = self._underway.pop(agent)
        number = self._system.scenario.cpu_of(action)
        result = ActionResult(
            action,
            number,
            outcome,
            error,
            started_ns,
            ended_ns=ended_ns,
            log_from=log_from,
            log_to=len(self._printk.lines),
            events_to=len(self._printk.events),
            taint=self._system.features.taint,
        )
        self._system.recorder.actions.append(result)
