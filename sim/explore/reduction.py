"""Partial-order reduction: choose, in each state, a persistent set of the enabled steps.

Two steps are independent if neither changes what the other does nor whether it is enabled. A set T of enabled steps is
persistent if nothing reachable without T depends on a step of T; exploring T alone then reaches every hazard and every
deadlock (Godefroid, LNCS 1032, theorem 4.3). We over-approximate dependence from the actions that are still pending
(`sim.explore.pending_actions`): where independence is not provable, every enabled step is explored.

The reduction is sound only for hazards that depend on the final state or on one step. `tests/explore` compares it with
no reduction on random scenarios.
"""

from sim.boot_run import BootRun
from sim.designs import LateCpu, LateStore
from sim.environment import Step, StepKind
from sim.explore.lock_order import LockOrder
from sim.explore.pending_actions import PendingActions
from sim.explore.save_reach import saves_stay_apart
from sim.scenario import BringUp, Do
from sim.vectors import VectorType

_OF_BRING_UP = {StepKind.CPU_ON_CALL, StepKind.CPU_ON, StepKind.GIVE_UP}
_OF_AGENTS = {StepKind.BEGIN, StepKind.SYSFS_WRITE, StepKind.TIME_COMES}
_UNDER_LOCK = {Do.ONLINE, Do.OFFLINE}


class Reduction:
    """The independence of steps in one state of a boot under way.

    Args:
        run: the boot.
        enabled: the enabled steps.
    """

    def __init__(self, run: BootRun, enabled: list[Step]) -> None:
        self._run, self._scenario = run, run.system.scenario
        self._left = run.user_space.left
        self._enabled = enabled
        self._pending = PendingActions(run)
        self._punctual = self._pending.is_punctual()

    def persistent_set(self) -> list[Step]:
        """Return the enabled steps to explore; the rest are reached by commuting independent steps."""
        if self._everything_depends():
            return self._enabled
        for step in self._enabled:
            if self._is_independent(step):
                return [step]  # a singleton is persistent: nothing that may happen without it depends on it
        # Larger sets only where there is no singleton: the smaller the set, the fewer orders are left.
        return self._lock_grants() or self._around_a_probe() or self._enabled

    def postponable(self) -> frozenset[Step]:
        """Return steps that can be put off until just before a step that they enable, and show no hazard themselves."""
        if self._everything_depends():
            return frozenset()
        return frozenset(step for step in self._enabled if self._shows_nothing(step) and self._is_independent(step))

    def _everything_depends(self) -> bool:
        """Return True if each step may depend on any other, so that there is nothing to reduce.

        A CPU at another exception level may end the boot, and changes how the kernel judges all CPUs that come after. A
        suspend freezes all agents and takes down all CPUs.
        """
        return self._scenario.has_mixed_levels or self._pending.has_suspend

    def _shows_nothing(self, step: Step) -> bool:
        of_agent = step.kind in _OF_AGENTS and self._left[str(step.who)][0].do is not Do.GUEST
        return of_agent or step.kind in _OF_BRING_UP

    def _is_independent(self, step: Step) -> bool:
        """Return True if a step is provably independent of everything that may happen without it."""
        match step.kind:
            case StepKind.PKVM_FINALISE:
                independent = True  # it only adds an event
            case StepKind.SAVE | StepKind.RESTORE | StepKind.GUEST_RUN:
                independent = self._guests_are_independent() and int(step.who) not in self._pending.down
            case StepKind.LOOK_AGAIN:
                # If the CPU stays online, the agent finds it online whenever it looks.
                independent = self._pending.stays_online(self._awaited_by(str(step.who)))
            case StepKind.BEGIN | StepKind.SYSFS_WRITE | StepKind.TIME_COMES:
                independent = self._begin_is_independent(str(step.who))
            case _:
                # A late arrival may meet whatever is there when it comes.
                independent = self._punctual and self._is_independent_if_punctual(step)
        return independent

    def _is_independent_if_punctual(self, step: Step) -> bool:
        match step.kind:
            case StepKind.CPU_ON | StepKind.GIVE_UP | StepKind.LATE_ARRIVAL:
                # A punctual CPU takes its own boot arguments, and only its own bring-up waits for it.
                independent = True
            case StepKind.CPU_ON_CALL:
                # pKVM's relay answers by the CPUs that were online at KVM's init.
                independent = not self._pending.is_kvm_pending() and not self._return_may_panic(int(step.who))
            case StepKind.PROBE:
                alone = self._is_alone_with(int(step.who), Do.ONLINE)
                independent = alone and self._counting_commutes() and not self._probes_may_panic()
            case StepKind.CPU_OFF:
                independent = self._is_alone_with(int(step.who), Do.OFFLINE)
            case StepKind.TAKE_SEAT:
                # The order in which guests enter decides which of them sees what the other's save left behind.
                independent = self._seat_is_uncontested(step)
            case _:
                independent = False
        return independent

    # A panic ends everything, so a step that may panic depends on every other.

    def _probes_may_panic(self) -> bool:
        """Return True if the design raises ``max_cpu_vl`` by a store to memory that is read-only by then."""
        design = self._scenario.active_design
        return design is not None and design.late_cpu is LateCpu.RAISES and design.late_store is LateStore.READ_ONLY

    def _return_may_panic(self, number: int) -> bool:
        """Return True if the kernel's hypervisor panics when a CPU comes back, and this CPU was online before."""
        came_before = number in self._run.system.recorder.booted_events
        return came_before and self._scenario.has_pkvm and self._scenario.flags.hyp_panic_on_return

    def _guests_are_independent(self) -> bool:
        """Return True if the time of a guest's stay, on a CPU that stays online, makes no difference."""
        return saves_stay_apart(self._run) and not self._pending.is_kvm_pending()

    def _awaited_by(self, agent: str) -> int:
        action = self._run.user_space.under_way(agent)
        assert action is not None
        return self._pending.number(action)

    def _is_alone_with(self, number: int, do: Do) -> bool:
        """Return True if only the agent that brings a CPU online, or takes it down, has pending actions on it."""
        pending = self._pending
        alone = not (pending.has_others(number, pending.agent_of(do, number)) or pending.is_seat_awaited(number))
        return alone and pending.is_steady() and not pending.is_kvm_pending()

    def _counting_commutes(self) -> bool:
        """Return True if CPUs may be counted, or verified, in any order.

        They may not if some lack an extension: only lengths that are counted before such a CPU stay in the maps. Nor if
        their features differ: a CPU narrows what later CPUs are judged by, or panics the kernel.
        """
        features, scenario = self._run.system.features, self._scenario
        if scenario.has_mixed_features:
            return False
        if features.final or scenario.bring_up is not BringUp.PARALLEL:
            return True
        early = [scenario.topology.logical[number] for number in scenario.early]
        return all(len({cpu.usable_vqs(vector_type) is None for cpu in early}) == 1 for vector_type in VectorType)

    def _begin_is_independent(self, agent: str) -> bool:
        """Return True if an agent's next action may begin at any time.

        An action looks at once at whether its CPU is online, so nothing that may happen before it may change that.
        """
        action = self._left[agent][0]
        if action.do in _UNDER_LOCK:
            return True  # it only queues for the hotplug lock, and the next holder is chosen among all that wait
        if action.do is Do.GUEST and not self._guests_are_independent():
            return False
        number = self._pending.number(action)
        alone = self._punctual and not self._pending.has_others(number, agent) and self._pending.is_steady()
        return alone or self._pending.stays_online(number)

    def _seat_is_uncontested(self, step: Step) -> bool:
        """Return True if no other process can start waiting for the same seat."""
        agent, number = str(step.who), step.seat
        assert number is not None
        rivals = any((one.kind, one.seat) == (step.kind, number) and one.who != step.who for one in self._enabled)
        if rivals or self._pending.has_others(number, agent):
            return False
        # Guests that are turned away from a CPU that goes down need a seat elsewhere: on cpu0, while it stays online.
        guests_come = number == 0 or not self._pending.is_steady()
        return self._guests_are_independent() and not (self._pending.down and guests_come)

    def _lock_grants(self) -> list[Step]:
        """Return the grants of the hotplug lock, if no other process may start waiting for it meanwhile.

        The holder that takes a CPU offline turns its guests away at once, so such grants depend on guests.
        """
        grants = [step for step in self._enabled if step.kind is StepKind.TAKE_HOTPLUG_LOCK]
        waiting = {str(step.who) for step in grants}
        later = any(
            action.do in _UNDER_LOCK for agent, left in self._left.items() if agent not in waiting for action in left
        )
        quiet = self._punctual and not any(self._turns_guests_away(agent) for agent in waiting)
        if not quiet or later:
            return []
        return LockOrder(self._run, self._pending, self._enabled).first(grants) or grants

    def _turns_guests_away(self, agent: str) -> bool:
        action = self._run.user_space.under_way(agent)
        if action is None or action.do is not Do.OFFLINE:
            return False
        number, pending = self._pending.number(action), self._pending
        return pending.has_others(number, agent) or not pending.is_steady() or pending.is_seat_awaited(number)

    def _around_a_probe(self) -> list[Step]:
        """Return the probe of a CPU together with the next steps of the agents whose next action is on that CPU.

        Such an action looks at whether the CPU is online, so these steps and the probe depend on each other, and on no
        other. The list is empty where that is not certain.
        """
        apart = self._punctual and self._pending.is_steady() and not self._pending.is_kvm_pending()
        if not apart or not self._counting_commutes() or self._probes_may_panic():
            return []
        for probe in self._enabled:
            if probe.kind is StepKind.PROBE:
                others = self._next_steps_on(int(probe.who))
                if others is not None:
                    return [probe, *others]
        return []

    def _next_steps_on(self, number: int) -> list[Step] | None:
        """Return the next steps of the agents with pending actions on a CPU, except the agent that brings it online.

        None: such an agent has something else to do first, or its action is not a guest, so that more than these steps
        depends on the probe.
        """
        pending = self._pending
        if number in pending.down or pending.is_seat_awaited(number) or not saves_stay_apart(self._run):
            return None
        bringer, found = pending.agent_of(Do.ONLINE, number), []
        for agent, left in self._left.items():
            if agent == bringer or not any(pending.number(action) == number for action in left):
                continue
            step = next((one for one in self._enabled if one.kind in _OF_AGENTS and one.who == agent), None)
            if step is None or pending.number(left[0]) != number or left[0].do is not Do.GUEST:
                return None
            found.append(step)
        return found
