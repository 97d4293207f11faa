"""Everything that happened in one boot, as plain data: what verdicts and tables are made from."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from sim import rules
from sim.designs import Design
from sim.kernel.cpufeature import Announced, Refusal
from sim.kernel.fpsimd import VlInfo
from sim.kernel.pkvm import Save
from sim.kernel.printk import Event, LogLine
from sim.machine.registers import VectorUnit
from sim.scenario import Action, Do, Scenario
from sim.topology import Cpu
from sim.vectors import VectorType, largest_vq, vl_bytes_from_vq


class CpuState(StrEnum):
    """Where a CPU is at the end."""

    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"
    NOT_STARTED = "not started"
    """CPU_ON was answered with an error."""
    LOST = "lost"
    """CPU_ON was accepted, and the CPU never came online."""


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came of one action; `log_from` and `log_to` bound the lines logged meanwhile."""

    action: Action
    cpu: int
    outcome: str
    """online, offline, ran, killed or failed; hung, where the boot ended in the middle of it; under way, where a
    schedule did"""
    error: str | None
    """The name of the errno, where the outcome is failed."""
    started_ns: int
    ended_ns: int
    log_from: int
    log_to: int


@dataclass(frozen=True, slots=True)
class GuestVisit:
    """A guest's stay on a CPU: the set of lengths it could select there."""

    guest: str
    cpu: int
    time_ns: int
    vqs: int
    killed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A late CPU refused itself."""

    time_ns: int
    cpu: int
    """The number it took."""
    hw_cpu: int
    """The number of the CPU that it is."""
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class SharedIdleTask:
    """A CPU took an idle task that another CPU runs already; logical numbers."""

    time_ns: int
    cpu: int
    task: int
    running_hw_cpu: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A CPU that firmware, or pKVM's relay, kept from coming online."""

    time_ns: int
    cpu: int
    how: str


@dataclass(frozen=True, slots=True)
class PanicFact:
    """Where the system stopped."""

    time_ns: int
    cpu: int
    of_hypervisor: bool
    sentence: str


@dataclass(slots=True)
class Buffers:
    """pKVM's buffers: one for every possible CPU, all alike."""

    allocation_vq: int
    asked_bytes: int
    page_order: int
    run_bytes: int


class Need(NamedTuple):
    """What one CPU's save needs: where its registers begin in the buffer, and bytes with the header."""

    first_byte: int
    size_bytes: int
    keeps_committed: bool
    """It saves at least the largest length that the host's tasks may use there."""


@dataclass
class Facts:
    """Everything that happened in one boot. CPUs are logical numbers, times nanoseconds."""

    scenario: Scenario
    log: list[LogLine]
    events: list[Event]
    vectors: dict[VectorType, VlInfo]
    supports: dict[VectorType, bool] = field(default_factory=dict)
    announced: list[Announced] = field(default_factory=list)
    kvm_decided: bool = False
    """Whether KVM's initcall is over, however it ended."""
    kvm_initialised: bool = False
    kvm_sve_max_vl_bytes: int = 0
    kvm_host_sve_max_vl_bytes: int = 0
    offered_vqs: int = 0
    """The lengths KVM offers to guests."""
    buffers: Buffers | None = None
    allocation_failed_at: int | None = None
    """The CPU for whose buffer pKVM got no memory."""
    units: dict[int, VectorUnit] = field(default_factory=dict)
    """Vector units that something was written to; the others are as firmware left them."""
    saves: list[Save] = field(default_factory=list)
    actions: list[ActionResult] = field(default_factory=list)
    guests: list[GuestVisit] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    relay_refused: list[Lost] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    shared_tasks: list[SharedIdleTask] = field(default_factory=list)
    online: list[int] = field(default_factory=list)
    states: dict[int, CpuState] = field(default_factory=dict)
    """What last became of each CPU that somebody tried to bring up."""
    runs: dict[int, int] = field(default_factory=dict)
    """Which CPU each online number is: its own, unless a latecomer took another's boot arguments."""
    ever_online: set[int] = field(default_factory=set)
    panic: PanicFact | None = None
    end_ns: int = 0
    left_early: bool = False
    """Whether the run was left where more could have happened, as a schedule wanted it."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Who waits, and for what, where everything came to a stop without a panic."""
        hung = (one for one in self.actions if one.outcome == "hung" and self.panic is None)
        return tuple(sorted(f"{one.action.agent!r} waits {self._for_what(one)}" for one in hung))

    def _for_what(self, one: ActionResult) -> str:
        return (
            f"for {self.label(one.cpu)} to be online"
            if one.action.do is Do.AWAIT
            else f"in {one.action.do} of {self.label(one.cpu)}"
        )

    def label(self, number: int) -> str:
        """How sentences name a CPU."""
        return self.scenario.topology.label(number)

    def state(self, number: int) -> CpuState:
        """Where a CPU is at the end; a number is online whichever CPU runs under it."""
        if number in self._online:
            return CpuState.ONLINE
        return self.states.get(number, CpuState.OFFLINE)

    @cached_property
    def _online(self) -> frozenset[int]:
        return frozenset(self.online)

    def hardware(self, number: int) -> Cpu:
        """The CPU that runs under a number, or would."""
        return self.scenario.topology.logical[self.runs.get(number, number)]

    def unit(self, number: int) -> VectorUnit:
        """The vector unit of the CPU that runs under a number, as it is at the end."""
        hw_cpu = self.runs.get(number, number)
        return self.units.get(hw_cpu) or VectorUnit(self.scenario.topology.logical[hw_cpu])

    def host_max_vl_bytes(self, cpu: int) -> int:
        """The VL that the host can run with on a CPU at the end, ZCR_EL1 at its maximum; 0 without SVE."""
        if not self.supports.get(VectorType.SVE):
            return 0
        unit = self.unit(cpu)
        return vl_bytes_from_vq(largest_vq(unit.vqs_at_el1_below(unit.zcr_el2_len)))

    def need(self, design: Design, cpu: int) -> Need:
        """What a save on a CPU needs under a design, online or not, with the buffers of this boot."""
        assert self.buffers is not None
        vq_map = self.vectors[VectorType.SVE].vq_map
        allocation_vqs = 1 << (self.buffers.allocation_vq - 1)
        own = self.scenario.topology.logical[cpu].usable_sve_vqs or 0
        running = rules.selected(own, design.zcr_el2_limit(vq_map, allocation_vqs))
        running_vq = largest_vq(running)
        if not running_vq:
            return Need(0, 0, keeps_committed=True)
        pointer_vq = largest_vq(design.pointer_vqs(allocation_vqs, running))
        return Need(
            rules.save_first_byte(pointer_vq, running_vq),
            rules.buffer_bytes(running_vq),
            keeps_committed=running_vq >= largest_vq(rules.largest(vq_map & own)),
        )

    def role(self, cpu: int) -> str:
        """Whether a CPU is the boot CPU, an early secondary or a late CPU."""
        if cpu == 0:
            return "boot"
        return "early" if cpu in self._early else "late"

    @cached_property
    def _early(self) -> frozenset[int]:
        return frozenset(self.scenario.early)
