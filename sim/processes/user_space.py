"""User space: agents that write to sysfs and run guests, each its own actions in order."""

from sim.environment import Step
from sim.errnos import Errno
from sim.facts import ActionResult
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.system import Answer, Steps, System
from sim.scenario import Action, Do


class UserSpace:
    """The agents of one system."""

    def __init__(self, system: System, hotplug: Hotplug, guests: Guests) -> None:
        self._system = system
        self._printk = system.printk
        self._env = system.env
        self._hotplug = hotplug
        self._guests = guests
        self._underway: dict[str, tuple[Action, int, int]] = {}
        self.left: dict[str, list[Action]] = {}
        """What each agent has not begun yet."""

    def start(self) -> None:
        """Let every agent begin."""
        for action in self._system.scenario.actions:
            self.left.setdefault(action.agent, []).append(action)
        for name in self.left:
            self._env.begin(self._agent(name), name)

    def stop(self) -> None:
        """Nothing happens any more: what is under way stays so."""
        for agent in list(self._underway):
            self._finish(agent, "under way" if self._env.left_early else "hung", None)

    def under_way(self, agent: str) -> Action | None:
        """What an agent is doing."""
        return self._underway[agent][0] if agent in self._underway else None

    def _agent(self, name: str) -> Steps:
        """Perform one agent's actions in order."""
        start_ns, left = self._env.now_ns, self.left[name]
        first = left[0]
        while left:
            action = left[0]
            if action is not first:
                yield self._system.wait(self._system.scenario.latencies.sysfs_write, "sysfs_write by", name)
            if action.at_ns:
                yield self._env.after(max(0, start_ns + action.at_ns - self._env.now_ns), Step("time comes for", name))
            del left[0]
            self._underway[name] = (action, self._env.now_ns, len(self._printk.lines))
            number = self._system.scenario.topology.number(action.cpu)
            match action.do:
                case Do.ONLINE:
                    error = yield from self._hotplug.online(number)
                    outcome = "online"
                case Do.OFFLINE:
                    error = yield from self._hotplug.offline(number)
                    outcome = "offline"
                case Do.AWAIT:
                    error = yield from self._await(name, number)
                    outcome = "online"
                case Do.GUEST:
                    outcome, error = yield from self._guests.run(action, number)
            self._finish(name, outcome if not error else "failed", error.name if error else None)

    def _await(self, name: str, number: int) -> Answer:
        """Wait until a CPU is online: whoever is told that it came looks whether it still is."""
        while not self._system.smp.is_online(number):
            yield self._hotplug.coming(number)
            yield self._env.after(0, Step("looks again:", name))
        return Errno.OK

    def _finish(self, agent: str, outcome: str, error: str | None) -> None:
        """Record what came of the action that an agent has under way."""
        action, started_ns, log_from = self._underway.pop(agent)
        number = self._system.scenario.topology.number(action.cpu)
        ended_ns, log_to = self._env.now_ns, len(self._printk.lines)
        self._system.facts.actions.append(
            ActionResult(action, number, outcome, error, started_ns, ended_ns, log_from, log_to)
        )
