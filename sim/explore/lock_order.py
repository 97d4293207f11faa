"""The order in which agents bring CPUs online: where bring-ups commute, one order stands for all.

Agents that wait for the hotplug lock exclude each other, so each grant depends on the others, and no persistent set is
smaller than all of them. Still the order makes no difference where what a holder does until it gives the lock back
commutes with everything that may happen before it (Lipton, "Reduction", CACM 1975): then every order has an equivalent
order in which a chosen agent comes first, and only its grant need be explored. The chosen bring-up must not depend on
what other agents do on its CPU either, except for guests that find it offline: these can come before it all the same.

`tests/explore/test_symmetry.py` compares explorations with those of every state.
"""

from sim.boot_run import BootRun
from sim.designs import LateCpu
from sim.environment import Step
from sim.explore.pending_actions import PendingActions
from sim.explore.save_reach import saves_stay_apart
from sim.scenario import Do


class LockOrder:
    """The order of agents that wait for the hotplug lock, in one state of a boot under way.

    Args:
        run: the boot.
        pending: its pending actions.
        enabled: the enabled steps.
    """

    def __init__(self, run: BootRun, pending: PendingActions, enabled: list[Step]) -> None:
        self._run, self._pending, self._enabled = run, pending, enabled

    def first(self, grants: list[Step]) -> list[Step]:
        """Return a grant of the hotplug lock that need be explored alone; empty if there is none.

        Args:
            grants: the grants that are enabled; no other agent may start waiting for the lock.
        """
        if not self._bring_ups_commute():
            return []
        return next(([grant] for grant in grants if self._can_come_first(str(grant.who))), [])

    def _bring_ups_commute(self) -> bool:
        """Return True if bring-ups of different CPUs have the same results in any order, and none panics the kernel."""
        pending, scenario, features = self._pending, self._run.system.scenario, self._run.system.features
        if pending.may_arrive_late or pending.down or pending.is_kvm_pending() or not saves_stay_apart(self._run):
            return False
        # A late CPU above the maximum is announced, or raises it, and so changes what is said of the next.
        design = scenario.active_design
        if design is not None and design.late_cpu is not LateCpu.SILENT:
            return False
        returns = self._run.system.recorder.booted_events.keys() & pending.up
        if returns and scenario.has_pkvm and scenario.flags.hyp_panic_on_return:
            return False
        # A CPU that differs changes what later CPUs are judged by, and is named as the cause of what it changes.
        differs = scenario.has_mixed_features or not all(map(features.is_like_the_boot_cpu, pending.up))
        return features.final and not (features.taint or differs)

    def _can_come_first(self, agent: str) -> bool:
        """Return True if an agent's bring-up commutes with everything that may happen before it."""
        action = self._run.user_space.under_way(agent)
        if action is None or action.do is not Do.ONLINE:
            return False
        number = self._pending.number(action)
        others = [other for other in self._pending.agents_on(number) if other != agent]
        return all(self._finds_it_offline_now(other, number) for other in others)

    def _finds_it_offline_now(self, agent: str, number: int) -> bool:
        """Return True if an agent has nothing left but guests on a CPU, and may begin the first of them at once."""
        left = self._run.user_space.left[agent]
        only_guests = all(action.do is Do.GUEST and self._pending.number(action) == number for action in left)
        is_ready = any(step.who == agent for step in self._enabled)
        return only_guests and is_ready and self._run.user_space.under_way(agent) is None
