"""The kernel log, the trace of typed events, and the panics that end a boot early."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from sim.machine.firmware import CpuOnAnswer
from sim.rules import Reason

# A large boot has millions of lines and events. Structs are small and quickly made, and these refer to nothing that
# could refer back to them, so that the garbage collector need not visit them.


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A line of the kernel log; `text` is without the time stamp that dmesg shows before it."""

    time_ns: int
    text: str


class EventKind(StrEnum):
    """The kinds of event; a comment names the class of the event's detail, if it has any."""

    ARRIVED = "arrived"  # Arrival
    DIED = "died"  # Words
    VARIES = "varies"  # Variation
    BOOTED = "booted"
    REFUSED = "refused"  # RefusedBy
    OFFLINE = "offline"
    GAVE_UP = "gave up"
    LOCK_TAKEN = "lock taken"
    LOCK_RELEASED = "lock released"
    ASLEEP = "asleep"
    AWAKE = "awake"
    CPU_ON = "CPU_ON"
    CPU_ON_ANSWERED = "CPU_ON answered"  # CpuOnAnswer
    RELEASED = "released"
    CAPABILITIES_FINAL = "capabilities final"
    WARN = "WARN"  # Words
    ALLOCATED = "allocated"  # Allocation
    ALLOCATION_FAILED = "allocation failed"  # Allocation
    KVM_INIT = "kvm init"
    PKVM_FINALISED = "pkvm finalised"
    USER_SPACE = "user space"
    GUEST_ENTERS = "guest enters"  # Guest
    GUEST_LEAVES = "guest leaves"  # Guest
    SAVE = "save"  # SaveLength
    SAVED = "saved"
    RESTORE = "restore"
    RESTORED = "restored"
    PANIC = "panic"  # Words
    HANG = "hang"  # Words


# Each CPU has one: unlike a tuple it is nothing for the garbage collector to visit.
class Arrival(msgspec.Struct, frozen=True, gc=False):
    """The idle task that an arriving CPU takes, by logical number; None: it finds no boot arguments."""

    task: int | None


class RefusedBy(NamedTuple):
    """The extension that a CPU was refused for, and the reason."""

    extension: str
    reason: Reason


class Variation(NamedTuple):
    """The registers in which the kernel finds, unexpectedly, that a CPU differs from the boot CPU."""

    registers: tuple[str, ...]


class Allocation(NamedTuple):
    """The number of buffers that were allocated, and the bytes of each; 0 buffers if that failed."""

    buffers: int
    run_bytes: int


class Guest(NamedTuple):
    """The name of a guest."""

    name: str


class SaveLength(NamedTuple):
    """The vector length that EL2 saves with, in bits."""

    vl_bits: int


class Words(NamedTuple):
    """A sentence of the kernel or the hypervisor."""

    text: str


Detail = Arrival | CpuOnAnswer | RefusedBy | Variation | Allocation | Guest | SaveLength | Words


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, whether or not the kernel logs it.

    `cpu` is a logical number, or None for the system as a whole; for `EventKind.ARRIVED`, `DIED`, `CPU_ON` and
    `RELEASED` it is the CPU hardware's own.
    """

    time_ns: int
    cpu: int | None
    kind: EventKind
    detail: Detail | None = None


class Printk:
    """The place where the kernel's modules write: log lines for people, events for analysis.

    Args:
        clock: returns the current time in nanoseconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.lines: list[LogLine] = []
        self.events: list[Event] = []

    @property
    def now_ns(self) -> int:
        """The current time in nanoseconds."""
        return self._clock()

    @property
    def end_ns(self) -> int:
        """The time of the last line or event, in nanoseconds; 0 before the first."""
        return max((told[-1].time_ns for told in (self.lines, self.events) if told), default=0)

    def line(self, text: str) -> None:
        """Write a line to the kernel log."""
        self.lines.append(LogLine(self._clock(), text))

    def event(self, kind: EventKind, cpu: int | None = None, detail: Detail | None = None) -> int:
        """Record an event, and return its place among the events."""
        self.events.append(Event(self._clock(), cpu, kind, detail))
        return len(self.events) - 1


class Panic(Exception):
    """The simulated system stops here; `sentence` says why, `cpu` is the logical number of the CPU that panicked.

    When a process fails, SimPy makes its exception anew from `args`, so both must be positional arguments.
    """

    def __init__(self, cpu: int, sentence: str) -> None:
        super().__init__(cpu, sentence)
        self.cpu = cpu
        self.sentence = sentence


class KernelPanic(Panic):
    """The kernel panicked."""


class SystemHang(Panic):
    """The system hangs without a word."""


class HypervisorPanic(Panic):
    """The hypervisor at EL2 panicked, and took the kernel with it."""
