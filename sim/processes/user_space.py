"""User space: agents that write to sysfs and run guests, each its own actions in order."""

from sim.facts import ActionResult
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.system import Steps, System
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

    def start(self) -> None:
        """Let every agent begin."""
        agents: dict[str, list[Action]] = {}
        for action in self._system.scenario.actions:
            agents.setdefault(action.agent, []).append(action)
        for name, actions in agents.items():
            self._env.process(self._agent(name, actions))

    def stop(self) -> None:
        """The system has stopped: what is under way stays so."""
        for agent in list(self._underway):
            self._finish(agent, "hung", None)

    def _agent(self, name: str, actions: list[Action]) -> Steps:
        """Perform one agent's actions in order."""
        start_ns = self._env.now_ns
        for place, action in enumerate(actions):
            if place:
                yield self._system.wait(self._system.scenario.latencies.sysfs_write, f"sysfs_write by {name}")
            if start_ns + action.at_ns > self._env.now_ns:
                yield self._env.timeout(start_ns + action.at_ns - self._env.now_ns)
            self._underway[name] = (action, self._env.now_ns, len(self._printk.lines))
            number = self._system.scenario.topology.number(action.cpu)
            match action.do:
                case Do.ONLINE:
                    error = yield from self._hotplug.online(number)
                    outcome = "online"
                case Do.OFFLINE:
                    error = yield from self._hotplug.offline(number)
                    outcome = "offline"
                case Do.GUEST:
                    outcome, error = yield from self._guests.run(action, number)
            self._finish(name, outcome if not error else "failed", error.name if error else None)

    def _finish(self, agent: str, outcome: str, error: str | None) -> None:
        """Record what came of the action that an agent has under way."""
        action, started_ns, log_from = self._underway.pop(agent)
        number = self._system.scenario.topology.number(action.cpu)
        ended_ns, log_to = self._env.now_ns, len(self._printk.lines)
        self._system.facts.actions.append(
            ActionResult(action, number, outcome, error, started_ns, ended_ns, log_from, log_to)
        )
