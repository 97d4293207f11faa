"""The kernel log, the trace of typed events, and the panics that end a boot early."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from sim.rules import Reason


class LogLine(NamedTuple):
    """A line of the kernel log, without its time stamp."""

    time_ns: int
    text: str


class EventKind(StrEnum):
    """The kinds of event; the comments name the fields of `Event` that each sets beside `cpu`."""

    ARRIVED = "arrived"  # task: the idle task that the CPU takes; None for the boot CPU and for a CPU that parks
    BOOTED = "booted"
    REFUSED = "refused"  # extension, reason
    OFFLINE = "offline"
    GAVE_UP = "gave up"
    LOCK_TAKEN = "lock taken"
    LOCK_RELEASED = "lock released"
    CPU_ON = "CPU_ON"
    CPU_ON_ANSWERED = "CPU_ON answered"  # answer, by_relay
    CAPABILITIES_FINAL = "capabilities final"
    WARN = "WARN"  # text
    ALLOCATED = "allocated"  # buffers, size_bytes: of each
    ALLOCATION_FAILED = "allocation failed"  # size_bytes
    KVM_INIT = "kvm init"
    PKVM_FINALISED = "pkvm finalised"
    USER_SPACE = "user space"
    GUEST_ENTERS = "guest enters"  # guest
    GUEST_LEAVES = "guest leaves"  # guest
    SAVE = "save"  # vl_bits: the length that EL2 runs with
    SAVED = "saved"
    RESTORE = "restore"
    RESTORED = "restored"
    PANIC = "panic"  # text


class Event(NamedTuple):
    """Something that happened, whether or not the kernel logs it.

    `cpu` is a logical number; for `EventKind.ARRIVED` and `EventKind.CPU_ON` it is the CPU hardware's own.
    """

    time_ns: int
    cpu: int | None
    kind: EventKind
    task: int | None = None
    answer: str = ""
    by_relay: bool = False
    extension: str = ""
    reason: Reason | None = None
    guest: str = ""
    vl_bits: int = 0
    buffers: int = 0
    size_bytes: int = 0
    text: str = ""


class Printk:
    """The place where the kernel's modules write: log lines for people, events for analysis.

    Args:
        clock: returns the current time in nanoseconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.lines: list[LogLine] = []
        self.events: list[Event] = []

    def line(self, text: str) -> None:
        """Write a line to the kernel log."""
        self.lines.append(LogLine(self._clock(), text))

    def event(
        self,
        kind: EventKind,
        cpu: int | None = None,
        task: int | None = None,
        answer: str = "",
        *,
        by_relay: bool = False,
        extension: str = "",
        reason: Reason | None = None,
        guest: str = "",
        vl_bits: int = 0,
        buffers: int = 0,
        size_bytes: int = 0,
        text: str = "",
    ) -> int:
        """Record an event, and return its place among the events."""
        self.events.append(
            Event(
                self._clock(),
                cpu,
                kind,
                task,
                answer,
                by_relay,
                extension,
                reason,
                guest,
                vl_bits,
                buffers,
                size_bytes,
                text,
            )
        )
        return len(self.events) - 1


class Panic(Exception):
    """The simulated system stops here; `sentence` says why, `cpu` is the logical number of the CPU that panicked.

    SimPy makes the exceptions of failed processes anew from their arguments, so both are arguments.
    """

    def __init__(self, cpu: int, sentence: str) -> None:
        super().__init__(cpu, sentence)
        self.cpu = cpu
        self.sentence = sentence


class KernelPanic(Panic):
    """The kernel panicked."""


class HypervisorPanic(Panic):
    """The hypervisor at EL2 panicked, and took the kernel with it."""
