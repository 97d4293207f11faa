"""Which of the steps that may be next need be tried: the others come to the same in whatever order.

Two steps are independent where neither changes what the other does, nor whether it may happen. From a state it is
enough to try a set of steps such that nothing which may happen without them depends on one of them (a persistent set):
every order that is left out differs from one that is tried by exchanges of independent steps, and shows the same
hazards.

What a step may depend on is judged from what lies ahead (`sim.explore.pending_actions`). Where that is not plain,
every step is tried.
"""

from sim import rules
from sim.boot_run import BootRun
from sim.designs import LateCpu, LateStore
from sim.environment import Step
from sim.explore.pending_actions import Ahead
from sim.kernel.cpufeature import own_vqs
from sim.processes.guests import PLACE
from sim.processes.hotplug import GIVE_UP
from sim.scenario import BringUp, Do
from sim.vectors import VectorType

_OF_BRING_UP = {"cpu_on_call", "cpu_on", GIVE_UP}
_OF_AGENTS = {"begin", "sysfs_write by", "time comes for"}
_OF_LOCK = {Do.ONLINE, Do.OFFLINE}
_TAKE_A_PLACE = f"take {PLACE}"


class Reduction:
    """What is independent in one state of a boot under way.

    Args:
        running: the boot.
        enabled: the steps that may be next.
    """

    def __init__(self, running: BootRun, enabled: list[Step]) -> None:
        self._running, self._scenario = running, running.system.scenario
        self._left = running.user_space.left
        self._enabled = enabled
        self._ahead = Ahead(running)
        self._punctual = self._ahead.is_punctual()

    def needed(self) -> list[Step]:
        """The steps to try."""
        for step in self._enabled:
            if self._is_private(step):
                return [step]
        return self._grants() or self._around_a_probe() or self._enabled

    def can_wait(self) -> frozenset[Step]:
        """Steps that can be put off until just before one that they make possible, and show nothing with others."""
        return frozenset(step for step in self._enabled if self._is_quiet(step) and self._is_private(step))

    def _is_quiet(self, step: Step) -> bool:
        of_agent = step.what in _OF_AGENTS and self._left[str(step.who)][0].do is not Do.GUEST
        return of_agent or step.what in _OF_BRING_UP

    def _is_private(self, step: Step) -> bool:
        """Whether a step is independent of everything that may happen without it."""
        match step.what:
            case "pkvm_finalise":
                private = True
            case "save" | "guest_run":
                private = self._guests_are_alone() and int(step.who) not in self._ahead.down
            case "looks again:":
                private = self._ahead.stays_online(self._awaited_by(str(step.who)))
            case "begin" | "sysfs_write by" | "time comes for":
                private = self._begins_privately(str(step.who))
            case _:
                private = self._punctual and self._is_private_where_nobody_is_late(step)
        return private

    def _is_private_where_nobody_is_late(self, step: Step) -> bool:
        match step.what:
            case "cpu_on" | "give up waiting for" | "late arrival of":
                private = True
            case "cpu_on_call":
                private = not self._ahead.is_kvm_to_come()
            case "probe":
                private = self._comes_or_goes_privately(int(step.who), Do.ONLINE) and self._is_counted_in_any_order()
            case "cpu_off":
                private = self._comes_or_goes_privately(int(step.who), Do.OFFLINE)
            case what if what.startswith(_TAKE_A_PLACE):
                private = self._takes_a_place_privately(step)
            case _:
                private = False
        return private

    def _guests_are_alone(self) -> bool:
        """Whether it makes no difference to a guest, on a CPU that stays, when it runs."""
        return self._saves_stay_apart() and not self._ahead.is_kvm_to_come()

    def _awaited_by(self, agent: str) -> int:
        action = self._running.user_space.under_way(agent)
        assert action is not None
        return self._ahead.number(action)

    def _comes_or_goes_privately(self, number: int, do: Do) -> bool:
        """Whether nobody but who brings a CPU online, or takes it down, has to do with it."""
        ahead = self._ahead
        alone = not (ahead.others_on(number, ahead.who(do, number)) or ahead.is_waited_at(number))
        return alone and ahead.is_steady() and not ahead.is_kvm_to_come()

    def _is_counted_in_any_order(self) -> bool:
        """Whether early CPUs may be counted in any order: what was counted before one without an extension stays."""
        features, scenario = self._running.system.features, self._scenario
        if features.final or scenario.bring_up is not BringUp.PARALLEL:
            return True
        early = [scenario.topology.logical[number] for number in scenario.early]
        return all(len({own_vqs(cpu, vector_type) is None for cpu in early}) == 1 for vector_type in VectorType)

    def _begins_privately(self, agent: str) -> bool:
        action = self._left[agent][0]
        if action.do in _OF_LOCK:
            return True  # it waits for the hotplug lock, which whoever waits may get
        if action.do is Do.GUEST and not self._guests_are_alone():
            return False
        number = self._ahead.number(action)
        alone = self._punctual and not self._ahead.others_on(number, agent) and self._ahead.is_steady()
        return alone or self._ahead.stays_online(number)

    def _takes_a_place_privately(self, step: Step) -> bool:
        """Whether nobody else can come to a place on a CPU, where a guest would stay or the CPU would be taken down."""
        agent, number = str(step.who), int(step.what.removeprefix(_TAKE_A_PLACE).removesuffix(":"))
        rivals = any(one.what == step.what and one.who != step.who for one in self._enabled)
        if rivals or self._ahead.others_on(number, agent):
            return False
        guests_come = number == 0 or not self._ahead.is_steady()
        return self._guests_are_alone() and not (self._ahead.down and guests_come)

    def _saves_stay_apart(self) -> bool:
        """Whether no save on any CPU can exceed its buffer, so that no guest meets another's bytes."""
        pkvm, design = self._running.system.kvm.saving_pkvm, self._scenario.active_design
        if pkvm is None or design is None:
            return True
        vq_map = self._running.system.features.vl_info[VectorType.SVE].vq_map
        limit = design.zcr_el2_limit(vq_map, pkvm.allocation_vqs)
        own = (cpu.usable_sve_vqs or 0 for cpu in self._scenario.topology.cpus)
        return not any(rules.above(one & limit, pkvm.allocation_vqs) for one in own)

    def _grants(self) -> list[Step]:
        """Those who may get the hotplug lock, where nobody else may come to wait for it meanwhile.

        Whoever gets it to take a CPU offline turns its guests away at once.
        """
        takes = [step for step in self._enabled if step.what == "take the hotplug lock:"]
        waiting = {str(step.who) for step in takes}
        later = any(
            action.do in _OF_LOCK for agent, left in self._left.items() if agent not in waiting for action in left
        )
        quiet = self._punctual and not any(self._turns_guests_away(agent) for agent in waiting)
        return takes if quiet and not later else []

    def _turns_guests_away(self, agent: str) -> bool:
        action = self._running.user_space.under_way(agent)
        if action is None or action.do is not Do.OFFLINE:
            return False
        number, ahead = self._ahead.number(action), self._ahead
        return ahead.others_on(number, agent) or not ahead.is_steady() or ahead.is_waited_at(number)

    def _around_a_probe(self) -> list[Step]:
        """A CPU that is about to be online, and the agents whose next action is about it."""
        design = self._scenario.active_design
        if design is not None and design.late_cpu is LateCpu.RAISES and design.late_store is LateStore.READ_ONLY:
            return []
        apart = self._punctual and self._ahead.is_steady() and not self._ahead.is_kvm_to_come()
        if not apart or not self._is_counted_in_any_order():
            return []
        for probe in self._enabled:
            if probe.what == "probe":
                found = self._about(int(probe.who))
                if found is not None:
                    return [probe, *found]
        return []

    def _about(self, number: int) -> list[Step] | None:
        """The next steps of the agents that have something to do with a CPU; None where one of them is elsewhere."""
        ahead = self._ahead
        if number in ahead.down or ahead.is_waited_at(number) or not self._saves_stay_apart():
            return None
        bringer, found = ahead.who(Do.ONLINE, number), []
        for agent, left in self._left.items():
            if agent == bringer or not any(ahead.number(action) == number for action in left):
                continue
            step = next((one for one in self._enabled if one.what in _OF_AGENTS and one.who == agent), None)
            if step is None or ahead.number(left[0]) != number or left[0].do is not Do.GUEST:
                return None
            found.append(step)
        return found
