"""The recorder of a boot: it takes facts as they come, and freezes them at the end."""

from functools import cached_property

from sim.facts import (
    ActionResult,
    Buffers,
    CpuState,
    Facts,
    GuestVisit,
    LossKind,
    Lost,
    PanicFact,
    Refused,
    SharedIdleTask,
    Suspended,
)
from sim.feature_facts import FeatureState, feature_state
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.kvm import Kvm
from sim.kernel.printk import Printk
from sim.kernel.smp import Smp
from sim.scenario import Scenario
from sim.vectors import VectorType, largest_vq


class Recorder:
    """The facts of a boot under way. Processes append to its lists and set its fields."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.actions: list[ActionResult] = []
        self.guests: list[GuestVisit] = []
        self.refused: list[Refused] = []
        self.relay_refused: list[Lost] = []
        self.lost: list[Lost] = []
        self.shared_tasks: list[SharedIdleTask] = []
        self.suspends: list[Suspended] = []
        self.early: list[int] = [0]
        self.counted: set[int] = set()
        self.stored: set[int] = set()
        self.states: dict[int, CpuState] = {}
        self.booted_events: dict[int, int] = {}
        self.final_event: int | None = None
        self.features_at_user_space: FeatureState | None = None
        self._judged_at_user_space: int | None = None
        self.panic: PanicFact | None = None

    @cached_property
    def _is_denied(self) -> bool:
        """True if the command line denies CPUs an extension."""
        return any(self._scenario.switched_off(vector_type) for vector_type in VectorType)

    def snapshot(self, *, kvm_decided: bool) -> tuple[object, ...]:
        """Return everything that later steps and hazards depend on.

        Four parts of the past matter: the lengths that each guest saw, because a guest that sees other lengths later
        is a hazard; the states of the CPUs; the CPUs that were counted, if the command line denies them an extension
        that they share; and refusals before KVM's initcall, because only the initcall's buffers tell whether they were
        needless.

        Args:
            kvm_decided: True if KVM's initcall is over.
        """
        seen = tuple(sorted({(visit.guest, visit.vqs) for visit in self.guests}))
        undecided = () if kvm_decided else self.refused
        refused = {(one.cpu, one.hw_cpu, one.refusal.feature, one.refusal.reason) for one in undecided}
        return (
            seen,
            tuple(sorted(refused)),
            tuple(sorted(self.counted)) if self._is_denied else (),
            tuple(sorted(self.states.items())),
            tuple(sorted(self.booted_events)),
        )

    def user_space_begins(self, features: CpuFeatures) -> None:
        """Record the state of all features when user space begins, where they are modelled."""
        self.features_at_user_space = feature_state(features)
        self._judged_at_user_space = features.judged

    def _features_at_end(self, features: CpuFeatures) -> FeatureState | None:
        # Most boots change nothing after user space began, and then need no second state.
        if features.judged == self._judged_at_user_space:
            return self.features_at_user_space
        return feature_state(features)

    def lose(self, lost: Lost) -> None:
        """Record that a CPU was lost or not started, and its state."""
        self.lost.append(lost)
        if lost.kind is LossKind.FIRMWARE_ANSWERS:
            self.not_started(lost.cpu)
        else:
            self.states[lost.cpu] = CpuState.LOST

    def not_started(self, number: int) -> None:
        """Record the state of a CPU for which CPU_ON was answered with an error.

        A CPU that was started and lost stays lost, whatever a later CPU_ON is answered.
        """
        if self.states.get(number) is not CpuState.LOST:
            self.states[number] = CpuState.NOT_STARTED

    def facts(
        self,
        printk: Printk,
        features: CpuFeatures,
        smp: Smp,
        kvm: Kvm,
        *,
        zcr_el2_len: dict[int, int],
        start_levels: frozenset[int],
        left_early: bool,
    ) -> Facts:
        """Return the facts of the boot, which is over.

        Args:
            printk: the kernel log.
            features: the system's features.
            smp: the sets of CPUs.
            kvm: KVM.
            zcr_el2_len: ZCR_EL2.LEN of each hardware CPU whose vector unit was used.
            start_levels: the exception levels at which CPUs started.
            left_early: True if the run ended where more could have happened.
        """
        # Nothing changes the records any more, so that the facts take them as they are.
        area, supported = kvm.save_area, features.supported()
        return Facts(
            scenario=self._scenario,
            log=tuple(printk.lines),
            events=tuple(printk.events),
            vectors=features.lengths.vl_info,
            supports={vector_type: vector_type in supported for vector_type in VectorType},
            features_at_user_space=self.features_at_user_space,
            features_at_end=self._features_at_end(features),
            announced=tuple(features.lengths.announced),
            kvm_decided=kvm.decided,
            kvm_initialised=kvm.initialised,
            kvm_sve_max_vl_bytes=kvm.kvm_sve_max_vl_bytes,
            kvm_host_sve_max_vl_bytes=kvm.kvm_host_sve_max_vl_bytes,
            offered_vqs=kvm.offered_vqs(),
            buffers=None if area is None else Buffers(largest_vq(area.allocation_vqs), area.size, area.limit_vqs),
            allocation_failed_at=kvm.allocation_failed_at,
            zcr_el2_len=zcr_el2_len,
            saves=() if area is None else tuple(area.saves),
            actions=tuple(self.actions),
            guests=tuple(self.guests),
            refused=tuple(self.refused),
            relay_refused=tuple(self.relay_refused),
            lost=tuple(self.lost),
            shared_tasks=tuple(self.shared_tasks),
            suspends=tuple(self.suspends),
            start_levels=start_levels,
            early=tuple(self.early),
            counted=frozenset(self.counted),
            stored=frozenset(self.stored),
            online=tuple(smp.online()),
            states=self.states,
            runs=smp.runs,
            booted_events=self.booted_events,
            final_event=self.final_event,
            panic=self.panic,
            end_ns=printk.end_ns,
            left_early=left_early,
        )
