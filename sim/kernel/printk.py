"""The kernel log and the trace of events, and the two ways in which a boot ends early."""

from collections.abc import Callable
from typing import NamedTuple


class LogLine(NamedTuple):
    """One line of the kernel log, without its timestamp."""

    time_ns: int
    text: str


class Event(NamedTuple):
    """Something that happened, whether or not the kernel logs it; `cpu` is a logical number."""

    time_ns: int
    cpu: int | None
    kind: str
    detail: str


class Printk:
    """Where the kernel's modules write: log lines for people, events for analysis."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.lines: list[LogLine] = []
        self.events: list[Event] = []

    def line(self, text: str) -> None:
        """Write a line to the kernel log."""
        self.lines.append(LogLine(self._clock(), text))

    def event(self, kind: str, cpu: int | None = None, detail: str = "") -> None:
        """Note that something happened."""
        self.events.append(Event(self._clock(), cpu, kind, detail))


class Panic(Exception):
    """The simulated system stops here; the sentence says why.

    SimPy makes failed processes' exceptions anew from their arguments, so these are kept whole.
    """

    def __init__(self, cpu: int, sentence: str) -> None:
        super().__init__(cpu, sentence)
        self.cpu = cpu
        self.sentence = sentence


class KernelPanic(Panic):
    """The kernel panicked."""


class HypervisorPanic(Panic):
    """The hypervisor at EL2 panicked, and took the kernel with it."""
