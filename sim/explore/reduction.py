"""Which of the steps that may be next need be tried: the others come to the same in whatever order.

Two steps are independent where neither changes what the other does, nor whether it may happen. From a state it is
enough to try a set of steps such that nothing which may happen without them depends on one of them (a persistent set):
every order that is left out differs from one that is tried by exchanges of independent steps, and shows the same
hazards.

What a step may depend on is judged from what agents have left to do. Where that is not plain, every step is tried.
"""

from sim import rules
from sim.booting import Running
from sim.designs import LateCpu, LateStore
from sim.explore.choosing import late_arrivals
from sim.processes.hotplug import GIVE_UP
from sim.scenario import Action, Do, KvmInit
from sim.scheduling import Step
from sim.vectors import VectorType

_OF_BRING_UP = {"cpu_on_call", "cpu_on", GIVE_UP}
_OF_AGENTS = {"begin", "sysfs_write by", "time comes for"}


class Reduction:
    """What is independent in one state of a boot under way."""

    def __init__(self, running: Running) -> None:
        self._running, self._scenario = running, running.system.scenario
        self._user_space = running.user_space

    def needed(self, enabled: list[Step]) -> list[Step]:
        """The steps to try, of those that may be next."""
        if len(enabled) == 1 or not self._is_plain():
            return enabled
        for step in enabled:
            if self._is_private(step):
                return [step]
        return self._grants(enabled) or self._around_a_probe(enabled) or enabled

    def can_wait(self, enabled: list[Step]) -> frozenset[Step]:
        """Steps that can be put off until just before one that they make possible, and show nothing with others."""
        if not self._is_plain():
            return frozenset()
        quiet = (step for step in enabled if step.what in _OF_BRING_UP or self._is_of_an_agent_without_guest(step))
        return frozenset(step for step in quiet if self._is_private(step))

    def _is_of_an_agent_without_guest(self, step: Step) -> bool:
        return step.what in _OF_AGENTS and self._user_space.left[str(step.who)][0].do is not Do.GUEST

    def _is_plain(self) -> bool:
        """Whether late arrivals, which meet whatever is there, are out of the question."""
        return not late_arrivals(self._scenario)

    def _is_private(self, step: Step) -> bool:
        """Whether a step is independent of everything that may happen without it."""
        match step.what:
            case "cpu_on" | "pkvm_finalise" | "give up waiting for":
                private = True
            case "cpu_on_call":
                private = not self._kvm_to_come()
            case "save" | "guest_run":
                private = self._guests_are_alone()
            case "looks again:":
                private = not self._goes_offline()
            case "begin" | "sysfs_write by" | "time comes for":
                private = self._begins_privately(str(step.who))
            case "probe":
                private = self._arrives_privately(int(step.who))
            case _:
                private = False
        return private

    def _guests_are_alone(self) -> bool:
        """Whether it makes no difference to a guest when it runs."""
        return self._saves_stay_apart() and not self._goes_offline() and not self._kvm_to_come()

    def _arrives_privately(self, number: int) -> bool:
        """Whether nobody but who brings a CPU online has to do with it."""
        return not (self._goes_offline() or self._kvm_to_come() or self._others_on(number, self._bringer(number)))

    def _begins_privately(self, agent: str) -> bool:
        action = self._user_space.left[agent][0]
        if action.do in {Do.ONLINE, Do.OFFLINE}:
            return True  # it waits for the hotplug lock, which whoever waits may get
        if self._goes_offline() or self._others_on(self._number(action), agent):
            return False
        return action.do is Do.AWAIT or self._guests_are_alone()

    def _kvm_to_come(self) -> bool:
        """Whether user space is there, and KVM is not: who is online then, and what the relay says, hang on it."""
        return self._scenario.kvm_init is KvmInit.ANY_TIME and not self._running.system.kvm.decided

    def _others_on(self, number: int, agent: str | None) -> bool:
        """Whether other agents have something to do with a CPU, or are about it."""
        return any(self._number(action) == number for other, action in self._to_come() if other != agent)

    def _to_come(self) -> list[tuple[str, Action]]:
        """What each agent is doing and has left to do."""
        under_way = [(agent, self._user_space.under_way(agent)) for agent in self._user_space.left]
        doing = [(agent, action) for agent, action in under_way if action is not None]
        return doing + [(agent, action) for agent, left in self._user_space.left.items() for action in left]

    def _bringer(self, number: int) -> str | None:
        """The agent that brings a CPU online now."""
        for agent in self._user_space.left:
            action = self._user_space.under_way(agent)
            if action is not None and action.do is Do.ONLINE and self._number(action) == number:
                return agent
        return None

    def _number(self, action: Action) -> int:
        return self._scenario.topology.number(action.cpu)

    def _goes_offline(self) -> bool:
        """Whether CPUs go offline, so that guests are turned away, and move to whichever CPU is online."""
        return any(action.do is Do.OFFLINE for action in self._scenario.actions)

    def _saves_stay_apart(self) -> bool:
        """Whether no save on any CPU can exceed its buffer, so that no guest meets another's bytes."""
        pkvm, design = self._running.system.kvm.saving_pkvm, self._scenario.active_design
        if pkvm is None or design is None:
            return True
        vq_map = self._running.system.features.vl_info[VectorType.SVE].vq_map
        limit = design.zcr_el2_limit(vq_map, pkvm.allocation_vqs)
        own = (cpu.usable_sve_vqs or 0 for cpu in self._scenario.topology.cpus)
        return not any(rules.above(one & limit, pkvm.allocation_vqs) for one in own)

    def _grants(self, enabled: list[Step]) -> list[Step]:
        """Those who may get the hotplug lock, where nobody else may come to wait for it meanwhile.

        Whoever gets it to take a CPU offline turns guests away at once.
        """
        if self._goes_offline():
            return []
        takes = [step for step in enabled if step.what == "take the hotplug lock:"]
        waiting = {str(step.who) for step in takes}
        later = {
            agent
            for agent, left in self._user_space.left.items()
            if agent not in waiting and any(action.do is not Do.GUEST for action in left)
        }
        return takes if takes and not later else []

    def _around_a_probe(self, enabled: list[Step]) -> list[Step]:
        """A CPU that is about to be online, and the agents whose next action is about it."""
        design = self._scenario.active_design
        if design is not None and design.late_cpu is LateCpu.RAISES and design.late_store is LateStore.READ_ONLY:
            return []
        if self._kvm_to_come():
            return []
        for probe in enabled:
            if probe.what == "probe":
                found = self._about(int(probe.who), enabled)
                if found is not None:
                    return [probe, *found]
        return []

    def _about(self, number: int, enabled: list[Step]) -> list[Step] | None:
        """The next steps of the agents that have something to do with a CPU; None where one of them is elsewhere."""
        if self._goes_offline() or not self._saves_stay_apart():
            return None
        bringer, found = self._bringer(number), []
        for agent, left in self._user_space.left.items():
            if agent == bringer or not any(self._number(action) == number for action in left):
                continue
            step = next((one for one in enabled if one.what in _OF_AGENTS and one.who == agent), None)
            if step is None or self._number(left[0]) != number or left[0].do is not Do.GUEST:
                return None
            found.append(step)
        return found
