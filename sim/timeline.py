"""The timeline of a boot: lanes of spans and marks, from which pictures, traces and reports are drawn.

Spans and marks are read from the events of an outcome. Each CPU has a lane, by its logical number; two more lanes hold
the boot as a whole and the hotplug lock.
"""

from enum import StrEnum
from typing import NamedTuple

from sim.event_text import event_detail
from sim.kernel.printk import Arrival, Event, EventKind
from sim.machine.firmware import SUCCESS
from sim.outcome import Outcome
from sim.topology import Topology

BOOT, LOCK = "boot", "hotplug lock"
"""The lanes that do not belong to a CPU."""
Lane = int | str
"""A CPU by its logical number, `BOOT` or `LOCK`."""


class SpanKind(StrEnum):
    """The kinds of spans."""

    PHASE = "phase of the boot"
    LOCK_HELD = "hotplug lock held"
    CPU_ON = "CPU_ON until it arrives"
    RELEASED = "out of its spin table until it arrives"
    PROBING = "probing"
    VERIFYING = "probing, to be verified"
    """A CPU that arrives after the capabilities are final is probed, and verified against them."""
    WAITED_FOR = "waited for in vain"
    ONLINE = "online"
    ASLEEP = "asleep"
    """The CPU that stays up for a suspend sleeps in firmware, and the system with it."""
    GUEST = "guest"
    SAVE = "save"
    RESTORE = "restore"


class MarkKind(StrEnum):
    """The kinds of marks."""

    ALLOCATED = "pKVM allocates"
    ALLOCATION_FAILED = "allocation fails"
    REFUSED = "refused"
    PARKED = "comes too late, parks"
    DIED = "dies without a line"
    NOT_STARTED = "CPU_ON fails"
    WARNED = "WARN"
    PANIC = "panic"
    HANG = "hangs"
    HAZARD = "hazard"


class Span(NamedTuple):
    """A stretch of time on a lane."""

    lane: Lane
    kind: SpanKind
    start_ns: int
    end_ns: int
    detail: str = ""

    @property
    def takes_time(self) -> bool:
        """True if the span can be seen: of no length it is only the beginning and the end of something."""
        return self.end_ns > self.start_ns


class Mark(NamedTuple):
    """A moment on a lane."""

    lane: Lane
    kind: MarkKind
    time_ns: int
    detail: str = ""


class Timeline(NamedTuple):
    """The spans and marks of a boot, and its end."""

    spans: list[Span]
    marks: list[Mark]
    end_ns: int


def timeline(outcome: Outcome) -> Timeline:
    """Read the spans and marks of a boot from its events; spans are ordered by their ends."""
    reader = _Reader(outcome.facts.end_ns, outcome.scenario.topology)
    for event in outcome.facts.events:
        reader.read(event)
    reader.close()
    return Timeline(reader.spans, reader.marks, reader.end_ns)


def hazard_marks(outcome: Outcome) -> list[Mark]:
    """Return a mark for each CPU and moment with hazards; those of the whole system lie on the boot's lane."""
    told: dict[tuple[Lane, int], list[str]] = {}
    for hazard in outcome.found:
        lane = BOOT if hazard.cpu is None else hazard.cpu
        told.setdefault((lane, hazard.time_ns), []).append(hazard.kind.title)
    return [Mark(lane, MarkKind.HAZARD, time_ns, ", ".join(titles)) for (lane, time_ns), titles in told.items()]


def beside_others(marks: list[Mark]) -> list[bool]:
    """Return for each mark True if it is a hazard's whose CPU has another mark at that moment, which it would hide."""
    others = {(mark.lane, mark.time_ns) for mark in marks if mark.kind is not MarkKind.HAZARD}
    return [mark.kind is MarkKind.HAZARD and (mark.lane, mark.time_ns) in others for mark in marks]


_PHASES = {
    EventKind.CAPABILITIES_FINAL: "early CPUs",
    EventKind.KVM_INIT: "to KVM's initcall",
    EventKind.PKVM_FINALISED: "to pKVM final",
    EventKind.USER_SPACE: "to user space",
}
"""The name of each phase, by the kind of the event that ends it."""
_MARKS = {
    EventKind.DIED: MarkKind.DIED,
    EventKind.REFUSED: MarkKind.REFUSED,
    EventKind.ALLOCATED: MarkKind.ALLOCATED,
    EventKind.ALLOCATION_FAILED: MarkKind.ALLOCATION_FAILED,
    EventKind.WARN: MarkKind.WARNED,
    EventKind.PANIC: MarkKind.PANIC,
    EventKind.HANG: MarkKind.HANG,
}
_OF_BOOT = {EventKind.ALLOCATED, EventKind.ALLOCATION_FAILED, EventKind.WARN}
_ENDS = {
    EventKind.GUEST_LEAVES: SpanKind.GUEST,
    EventKind.SAVED: SpanKind.SAVE,
    EventKind.RESTORED: SpanKind.RESTORE,
    EventKind.AWAKE: SpanKind.ASLEEP,
    EventKind.OFFLINE: SpanKind.ONLINE,
    EventKind.DIED: SpanKind.CPU_ON,
}
_BEGINS = {
    EventKind.GUEST_ENTERS: SpanKind.GUEST,
    EventKind.SAVE: SpanKind.SAVE,
    EventKind.RESTORE: SpanKind.RESTORE,
    EventKind.ASLEEP: SpanKind.ASLEEP,
}


class _Reader:
    """A state machine that reads events in order; it holds the spans that have begun and not yet ended."""

    def __init__(self, end_ns: int, topology: Topology) -> None:
        self.spans: list[Span] = []
        self.marks: list[Mark] = []
        self.end_ns = end_ns
        self._topology = topology
        self._phase_ns = 0
        self._open: dict[tuple[Lane, SpanKind], tuple[int, str]] = {}
        self._accepted_ns: dict[int, int] = {}
        """When CPU_ON was accepted, for each CPU that has not arrived yet."""
        self._probed_as: dict[int, int] = {}
        """The CPU hardware that is being probed under each logical number."""
        self._died: set[int] = set()
        self._final = False
        self._in_user_space = False

    def read(self, event: Event) -> None:
        """Process the next event."""
        cpu, kind = event.cpu, event.kind
        # Where KVM's initcall runs beside user space, it does not end a phase any more.
        if kind in _PHASES and not self._in_user_space:
            self.spans.append(Span(BOOT, SpanKind.PHASE, self._phase_ns, event.time_ns, _PHASES[kind]))
            self._phase_ns = event.time_ns
            self._final = True  # the first phase ends with the final capabilities
            self._in_user_space = kind is EventKind.USER_SPACE
        if kind in _MARKS:
            lane = BOOT if cpu is None or kind in _OF_BOOT else cpu
            self.marks.append(Mark(lane, _MARKS[kind], event.time_ns, event_detail(event, self._topology)))
        if kind is EventKind.LOCK_TAKEN:
            held_for = "suspend" if cpu is None else self._topology.label(cpu)
            self._begin(LOCK, SpanKind.LOCK_HELD, event.time_ns, f"for {held_for}")
        elif kind is EventKind.LOCK_RELEASED:
            self._end(LOCK, SpanKind.LOCK_HELD, event.time_ns)
        if cpu is None:
            return
        if kind in _BEGINS:
            self._begin(cpu, _BEGINS[kind], event.time_ns, event_detail(event, self._topology))
        if kind in _ENDS:
            self._end(cpu, _ENDS[kind], event.time_ns)
        self._hotplug(cpu, event)

    def _hotplug(self, cpu: int, event: Event) -> None:
        now_ns = event.time_ns
        match event.kind:
            case EventKind.CPU_ON:
                self._begin(cpu, SpanKind.CPU_ON, now_ns)
            case EventKind.CPU_ON_ANSWERED if event.detail != SUCCESS:
                # A second CPU_ON fails while the first is still under way: the CPU's span goes on until it arrives.
                if cpu not in self._accepted_ns or cpu in self._died:
                    self._end(cpu, SpanKind.CPU_ON, now_ns)
                self.marks.append(Mark(cpu, MarkKind.NOT_STARTED, now_ns, event_detail(event, self._topology)))
            case EventKind.CPU_ON_ANSWERED:
                self._accepted_ns[cpu] = now_ns
            case EventKind.ARRIVED:
                self._arrived(cpu, event)
            case EventKind.RELEASED | EventKind.DIED:
                self._without_an_answer(cpu, event)
            case EventKind.BOOTED:
                self._end_probing(cpu, now_ns)
                self._begin(cpu, SpanKind.ONLINE, now_ns)
            case EventKind.REFUSED:
                self._end_probing(cpu, now_ns)
                self._begin(cpu, SpanKind.WAITED_FOR, now_ns, "it refused itself")
            case EventKind.GAVE_UP:
                self._waited(cpu, now_ns)
            case _:
                pass

    def _waited(self, cpu: int, now_ns: int) -> None:
        """End the wait for a CPU that refused itself or that never arrived."""
        if (cpu, SpanKind.WAITED_FOR) in self._open:
            self._end(cpu, SpanKind.WAITED_FOR, now_ns)
        else:
            # Its time of acceptance stays: the CPU may still arrive, and its span of CPU_ON goes on until then.
            start_ns = self._accepted_ns.get(cpu, now_ns)
            self.spans.append(Span(cpu, SpanKind.WAITED_FOR, start_ns, now_ns, "it did not arrive"))

    def _without_an_answer(self, cpu: int, event: Event) -> None:
        """Begin the way of a CPU out of its spin table, or end the way of a CPU that dies when it arrives."""
        if event.kind is EventKind.RELEASED:
            self._begin(cpu, SpanKind.RELEASED, event.time_ns)
            self._accepted_ns[cpu] = event.time_ns
        else:
            self._end(cpu, SpanKind.RELEASED, event.time_ns)
            self._died.add(cpu)

    def _arrived(self, cpu: int, event: Event) -> None:
        self._end(cpu, SpanKind.CPU_ON, event.time_ns)
        self._end(cpu, SpanKind.RELEASED, event.time_ns)
        self._accepted_ns.pop(cpu, None)
        task = event.detail.task if isinstance(event.detail, Arrival) else cpu  # the boot CPU takes its own
        if task is not None:
            self._probed_as[task] = cpu
            kind = SpanKind.VERIFYING if self._final else SpanKind.PROBING
            self._begin(cpu, kind, event.time_ns, event_detail(event, self._topology))
        else:
            self.marks.append(Mark(cpu, MarkKind.PARKED, event.time_ns, "no CPU waits for it any more"))

    def _end_probing(self, cpu: int, now_ns: int) -> None:
        """End the probing of a CPU, which lies on the lane of the hardware that took its idle task."""
        hw_cpu = self._probed_as.pop(cpu, cpu)
        self._end(hw_cpu, SpanKind.PROBING, now_ns)
        self._end(hw_cpu, SpanKind.VERIFYING, now_ns)

    def _begin(self, lane: Lane, kind: SpanKind, now_ns: int, detail: str = "") -> None:
        # A span that is open stays as it began: a second CPU_ON may be called while the CPU is still on its way.
        self._open.setdefault((lane, kind), (now_ns, detail))

    def _end(self, lane: Lane, kind: SpanKind, now_ns: int) -> None:
        if (lane, kind) in self._open:
            start_ns, detail = self._open.pop((lane, kind))
            self.spans.append(Span(lane, kind, start_ns, now_ns, detail))

    def _last_phase(self) -> str:
        """Return the name of the phase in which the boot ended."""
        if self._in_user_space:
            return "user space"
        return "until it ends" if self._final else "early CPUs"

    def close(self) -> None:
        """End the spans that are still open: a boot may end in the middle of them."""
        if self._phase_ns < self.end_ns:
            self.spans.append(Span(BOOT, SpanKind.PHASE, self._phase_ns, self.end_ns, self._last_phase()))
        for lane, kind in list(self._open):
            self._end(lane, kind, self.end_ns)
