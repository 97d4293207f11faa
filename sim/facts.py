"""Everything that happened in a boot, as frozen data: hazards, tables and pictures are made from it.

CPUs are logical numbers, times nanoseconds, events places among the boot's events. `hw_cpu` names CPU hardware by the
logical number of its MPIDR; the two differ where a late arrival took another CPU's boot arguments.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import msgspec

from sim import rules
from sim.feature_facts import FeatureState
from sim.kernel.fpsimd import VlInfo
from sim.kernel.length_records import Announced
from sim.kernel.printk import Event, EventKind, LogLine
from sim.kernel.refusal import Refusal
from sim.kernel.save_area import BufferSize, Save
from sim.scenario import Action, Do, Fault, LateBecause, Scenario
from sim.topology import Cpu
from sim.vectors import LEN_FIELD, VectorType, largest_vq, vl_bytes_from_vq, vqs_up_to_len


class CpuState(StrEnum):
    """The state of a CPU at the end."""

    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"
    NOT_STARTED = "not started"
    """CPU_ON was answered with an error."""
    LOST = "lost"
    """CPU_ON was accepted, and the CPU never came online."""


class ActionOutcome(StrEnum):
    """The outcome of an action of user space."""

    ONLINE = "online"
    OFFLINE = "offline"
    RAN = "ran"
    KILLED = "killed"
    RESUMED = "resumed"
    FAILED = "failed"
    HUNG = "hung"
    """The boot ended in the middle of the action."""
    UNDER_WAY = "under way"
    """A schedule ended in the middle of the action."""


class LossKind(StrEnum):
    """The ways in which firmware, or pKVM's relay, keeps a CPU from coming online."""

    RELAY_REFUSES = "pKVM's relay refuses CPU_ON"
    FIRMWARE_ANSWERS = "firmware answers CPU_ON with an error"
    NEVER_ARRIVES = "the CPU never arrives"
    STAYS_IN_SPIN_TABLE = "the CPU never leaves its spin table"
    CANNOT_RUN_AT_EL2 = "the kernel runs at EL2, and the CPU cannot"
    STUCK = "the CPU lacks what the kernel's page tables need, and stays in the kernel's first code"
    DIES_IN_PATCHED_CODE = "the kernel's code was patched for instructions that the CPU lacks"
    EL3_TRAPS = "the CPU's first use of a vector extension traps to EL3"
    PARKS = "the CPU arrives too late and finds no boot arguments"
    TAKES_ARGUMENTS = "the CPU arrives too late and takes another's boot arguments"


class ActionResult(msgspec.Struct, frozen=True):
    """The result of an action; the lines logged meanwhile are `log_from` up to `log_to`."""

    action: Action
    cpu: int | None
    """None for an action on the whole system."""
    outcome: ActionOutcome
    error: str | None
    """The name of the errno of an action that failed."""
    started_ns: int
    ended_ns: int
    log_from: int
    log_to: int
    events_to: int
    """The number of events that the boot had by its end."""
    taint: int
    """The kernel's taint after it."""


class GuestVisit(msgspec.Struct, frozen=True):
    """A guest's stay on a CPU, with the set of lengths that it can select there."""

    guest: str
    cpu: int
    time_ns: int
    vqs: int
    killed: bool
    event: int


class Refused(msgspec.Struct, frozen=True):
    """The refusal of a late CPU, under the logical number whose boot arguments it took."""

    time_ns: int
    cpu: int
    hw_cpu: int
    refusal: Refusal
    event: int


class SharedIdleTask(msgspec.Struct, frozen=True):
    """A CPU took an idle task that another CPU runs already."""

    time_ns: int
    hw_cpu: int
    task: int
    """The logical number whose idle task it is."""
    running_hw_cpu: int
    event: int


class Lost(msgspec.Struct, frozen=True):
    """A CPU that firmware, or pKVM's relay, kept from coming online."""

    time_ns: int
    cpu: int
    kind: LossKind
    event: int
    answer: str = ""
    """The answer to CPU_ON, if that is an error."""
    fault: Fault | None = None
    """The fault of firmware that decided, if any."""
    task: int | None = None
    """The logical number whose boot arguments it took."""
    vector_type: VectorType | None = None
    """The extension whose first use traps to EL3."""
    lacks: str = ""
    """A lack that the code of the kernel cannot do without, in words."""


class Suspended(msgspec.Struct, frozen=True):
    """A suspend of the system that has ended, whether or not the system slept."""

    time_ns: int
    """The time of its end."""
    stayed_up: int | None
    """The CPU that could not be taken down, if any."""
    not_off: tuple[int, ...]
    """The CPU hardware that was not off, so that firmware denied SYSTEM_SUSPEND."""
    not_back: tuple[int, ...]
    """The CPUs that were online before it, and did not come back."""


class PanicFact(msgspec.Struct, frozen=True):
    """The panic that stopped the system, or its hang."""

    time_ns: int
    cpu: int
    of_hypervisor: bool
    sentence: str
    event: int
    is_silent: bool = False
    """The system hangs, and logs nothing."""


class Buffers(msgspec.Struct, frozen=True):
    """pKVM's buffers: one for every possible CPU, all alike."""

    allocation_vq: int
    size: BufferSize
    limit_vqs: int
    """Every VQ that ZCR_EL2 lets through during a save."""

    @property
    def asked_bytes(self) -> int:
        """Bytes asked for, for each buffer."""
        return self.size.asked_bytes

    @property
    def page_order(self) -> int:
        """Each run has 2^page_order pages."""
        return self.size.page_order

    @property
    def run_bytes(self) -> int:
        """Bytes in each run of pages."""
        return self.size.run_bytes


class Need(NamedTuple):
    """The needs of a CPU's save."""

    first_byte: int
    """The first byte of its registers, from the start of the buffer's registers."""
    size_bytes: int
    """Bytes with the header; 0 without SVE."""


class CpuSets(NamedTuple):
    """The kernel's sets of CPUs at one moment, as logical numbers."""

    online: frozenset[int]
    present: frozenset[int]
    """A CPU that refused itself has left it."""


class Facts(msgspec.Struct, frozen=True, dict=True):
    """Everything that happened in one boot."""

    scenario: Scenario
    log: tuple[LogLine, ...]
    events: tuple[Event, ...]
    vectors: Mapping[VectorType, VlInfo]
    supports: Mapping[VectorType, bool]
    """The vector types that the system has."""
    features_at_user_space: FeatureState | None
    """All features when user space began; None where it did not, and where lengths alone are modelled."""
    features_at_end: FeatureState | None
    """All features at the end; None where lengths alone are modelled."""
    announced: tuple[Announced, ...]
    kvm_decided: bool
    """KVM's initcall is over, whatever its result."""
    kvm_initialised: bool
    kvm_sve_max_vl_bytes: int
    kvm_host_sve_max_vl_bytes: int
    offered_vqs: int
    """The lengths that KVM offers to guests."""
    buffers: Buffers | None
    allocation_failed_at: int | None
    """The CPU for whose buffer pKVM got no memory."""
    zcr_el2_len: Mapping[int, int]
    """ZCR_EL2.LEN on the hardware CPUs on which it was written; elsewhere it is 15."""
    saves: tuple[Save, ...]
    actions: tuple[ActionResult, ...]
    guests: tuple[GuestVisit, ...]
    refused: tuple[Refused, ...]
    relay_refused: tuple[Lost, ...]
    lost: tuple[Lost, ...]
    shared_tasks: tuple[SharedIdleTask, ...]
    suspends: tuple[Suspended, ...]
    start_levels: frozenset[int]
    """The exception levels at which CPUs started, whether or not they came online."""
    early: tuple[int, ...]
    """The CPUs that the kernel tried to bring up early, the boot CPU first."""
    counted: frozenset[int]
    """The CPU hardware whose features were counted before the capabilities became final."""
    stored: frozenset[int]
    """The CPU hardware whose registers the system's values were made from; a CPU that was refused is not among it."""
    online: tuple[int, ...]
    states: Mapping[int, CpuState]
    """The last state of each CPU that was brought up, whether or not it came."""
    runs: Mapping[int, int]
    """The hardware CPU that runs each number that was online."""
    booted_events: Mapping[int, int]
    """The event with which each CPU came online last."""
    final_event: int | None
    """The event with which the capabilities became final."""
    panic: PanicFact | None
    end_ns: int
    left_early: bool
    """The run ended where more could have happened, because its schedule did."""

    @property
    def ever_online(self) -> frozenset[int]:
        """The CPUs that were online at any time."""
        return frozenset(self.booted_events)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The agents that wait, and for what, where everything stopped without a panic."""
        # After a panic an action that is under way is hung as well, but its agent waits for nothing that could come.
        hung = (one for one in self.actions if one.outcome is ActionOutcome.HUNG and self.panic is None)
        return tuple(sorted(f"{one.action.agent!r} waits {self._for_what(one)}" for one in hung))

    def _for_what(self, one: ActionResult) -> str:
        if one.cpu is None:
            return f"in {one.action.do}"
        if one.action.do is Do.AWAIT:
            return f"for {self.label(one.cpu)} to be online"
        return f"in {one.action.do} of {self.label(one.cpu)}"

    def cpu_sets(self, events_to: int | None = None) -> CpuSets:
        """Return the sets of CPUs after the first events of the boot.

        Args:
            events_to: the number of events; None: all.
        """
        online: set[int | None] = set()
        present: set[int | None] = set(range(len(self.scenario.topology.cpus)))
        for event in self.events[:events_to]:
            match event.kind:
                case EventKind.BOOTED:
                    online.add(event.cpu)
                case EventKind.OFFLINE:
                    online.discard(event.cpu)
                case EventKind.REFUSED:
                    present.discard(event.cpu)
        return CpuSets(*(frozenset(one for one in cpus if one is not None) for cpus in (online, present)))

    def label(self, number: int) -> str:
        """Return the name of a CPU in sentences."""
        return self.scenario.topology.label(number)

    def state(self, number: int) -> CpuState:
        """Return a CPU's state at the end; a number is online whichever CPU runs under it."""
        if number in self._online:
            return CpuState.ONLINE
        return self.states.get(number, CpuState.OFFLINE)

    @cached_property
    def _online(self) -> frozenset[int]:
        return frozenset(self.online)

    def hw_cpu(self, number: int) -> int:
        """Return the hardware CPU that runs under a number, or would."""
        return self.runs.get(number, number)

    def hardware(self, number: int) -> Cpu:
        """Return the CPU that runs under a number, or would."""
        return self.scenario.topology.logical[self.hw_cpu(number)]

    def host_max_vl_bytes(self, number: int) -> int:
        """Return the largest VL that ZCR_EL2 lets the host select on a CPU at the end, in bytes; 0 without SVE.

        It may be below the CPU's own largest VL, because a save leaves its limit in ZCR_EL2 afterwards.
        """
        if not self.supports[VectorType.SVE]:
            return 0
        limit_vqs = vqs_up_to_len(self.zcr_el2_len.get(self.hw_cpu(number), LEN_FIELD))
        usable_vqs = self.hardware(number).usable_vqs(VectorType.SVE) or 0
        return vl_bytes_from_vq(largest_vq(usable_vqs & limit_vqs))

    def need(self, hw_cpu: int) -> Need:
        """Return what a save of CPU hardware needs in this boot's buffers, whether or not it is online.

        It needs the same in each buffer, whatever number it runs under, because buffers are alike. The boot must have
        buffers.
        """
        buffers, design = self.buffers, self.scenario.active_design
        assert buffers is not None
        assert design is not None
        own_vqs = self.scenario.topology.logical[hw_cpu].usable_vqs(VectorType.SVE) or 0
        running = rules.selected(own_vqs, buffers.limit_vqs)
        if not running:
            return Need(0, 0)
        running_vq = largest_vq(running)
        pointer_vq = design.ffr_pointer.vq(buffers.allocation_vq, running_vq)
        return Need(rules.save_first_byte(pointer_vq, running_vq), rules.buffer_bytes(running_vq))

    def role(self, number: int) -> str:
        """Return the role of a CPU: boot, early (an early secondary) or late."""
        if number == 0:
            return "boot"
        return "early" if number in self._early else "late"

    def late_because(self, number: int) -> LateBecause | None:
        """Return why a CPU comes after the capabilities are final, or would; None if it came before, and stayed."""
        if number not in self._early:
            return self.scenario.late_because(number)
        if number in self._returning:
            return LateBecause.RETURNS
        came_late = self.final_event is not None and self.booted_events.get(number, 0) > self.final_event
        return LateBecause.FAILED_EARLY if came_late else None

    @cached_property
    def _early(self) -> frozenset[int]:
        # A boot that ended before the capabilities were final has not tried all CPUs that it would have.
        untried = self.scenario.early if self.final_event is None else ()
        return frozenset((*self.early, *untried))

    @cached_property
    def _returning(self) -> frozenset[int]:
        """The CPUs for which CPU_ON was called after they had been taken down."""
        taken_down: set[int | None] = set()
        returning: set[int] = set()
        for event in self.events:
            if event.kind is EventKind.OFFLINE:
                taken_down.add(event.cpu)
            elif event.kind is EventKind.CPU_ON and event.cpu is not None and event.cpu in taken_down:
                returning.add(event.cpu)
        return frozenset(returning)
