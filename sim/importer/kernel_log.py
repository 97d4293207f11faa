"""What the kernel log of an arm64 boot says: CPUs that came, went or were refused, vector lengths, KVM."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sim.importer.command_line import CommandLine
from sim.importer.seen import SeenCpu


class Ending(StrEnum):
    """What became of a CPU that was brought up or taken down."""

    ONLINE = "comes online"
    OFFLINE = "goes offline"
    REFUSED = "is refused"
    REFUSED_OTHERWISE = "is refused, not for vector lengths"
    """For what is not modelled."""
    NOT_STARTED = "is not started"
    LOST = "does not come online"


class Hotplug(NamedTuple):
    """One CPU, by Linux's number, brought up or taken down; why it was refused, or which error it was."""

    cpu: int
    ending: Ending
    why: str = ""

    def __str__(self) -> str:
        return f"{self.ending} ({self.why})" if self.why else str(self.ending)


@dataclass(slots=True)
class KernelLog:
    """What a log says of one boot, so far as it goes."""

    boots: int = 0
    """How many boots the text holds; this is the last one."""
    release: str = ""
    command_line: CommandLine = field(default_factory=CommandLine)
    cpus: dict[int, SeenCpu] = field(default_factory=dict)
    possible: int = 0
    """How many CPUs there are, in the kernel's account."""
    brought_up: bool = False
    """Whether it goes on until the early CPUs are there."""
    final: bool = False
    """Whether it goes on until capabilities are final, so that what it does not say by then is not so."""
    early: list[Hotplug] = field(default_factory=list)
    late: list[Hotplug] = field(default_factory=list)
    announced: dict[str, str] = field(default_factory=dict)
    """What is said of vector lengths and KVM, by what it is about."""
    el2: bool | None = None
    panic: str | None = None
    oddities: list[str] = field(default_factory=list)
    """Sentences on where it contradicts itself."""

    @property
    def hotplugs(self) -> list[Hotplug]:
        """All of them, in their order."""
        return [*self.early, *self.late]

    @property
    def came(self) -> set[int]:
        """The CPUs that came online, at whatever time."""
        return {step.cpu for step in self.hotplugs if step.ending is Ending.ONLINE}

    @property
    def without_sve(self) -> bool:
        """Whether it goes on long enough to say what SVE there is, and says nothing."""
        told = self.cpus[0].has_sve or any(name.startswith("SVE ") for name in self.announced)
        return self.final and not told and not self.command_line.nosve

    def returned_not(self) -> list[Hotplug]:
        """CPUs that had come and did not come again, for whatever firmware did then."""
        came = self.came
        return [one for one in self.late if one.cpu in came and one.ending in {Ending.LOST, Ending.NOT_STARTED}]
