"""The kinds of hazards, and the register of the functions that find them.

A kind is a member of `HazardKind`; the function that finds it, in `sim.hazards` or `sim.feature_hazards`, is marked
with `@finds`. Everything else (columns, names in files, tables, pages) follows from these two.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import total_ordering
from typing import TYPE_CHECKING

from sim.arguments import checked_fields
from sim.errors import no_choice
from sim.frames import FieldsShown

if TYPE_CHECKING:
    from sim.facts import Facts


@total_ordering
class HazardKind(Enum):
    """The hazards: for each its name, its title for people, and its severity.

    The value of a member is its name, and the only spelling in files, options, frames and JSON.

    The larger the severity, the worse; it orders hazards and means nothing else. Kinds compare by it, the worst first.

    >>> HazardKind("kernel_panic").title
    'kernel panic'
    >>> HazardKind.KERNEL_PANIC.severity > HazardKind.NOT_RESTORED.severity
    True
    """

    SYSTEM_SILENT = "system_silent", "the system falls silent", 140
    KERNEL_PANIC = "kernel_panic", "kernel panic", 130
    HYPERVISOR_PANIC = "hypervisor_panic", "hypervisor panic", 120
    OUT_OF_BOUNDS_WRITE = "out_of_bounds_write", "out-of-bounds write", 110
    NOT_RESTORED = "not_restored", "registers or VL not restored", 100
    HEADER_DESTROYED = "header_destroyed", "header destroyed", 90
    LACKS_COMMITTED_VL = "lacks_committed_vl", "CPU online that lacks a committed VL", 80
    ZEROED_BLOCKS_DIFFER = "zeroed_blocks_differ", "memory cleared in blocks that differ", 75
    GUEST_VLS_DIFFER = "guest_vls_differ", "guest sees different VLs on different CPUs", 70
    IPA_RANGE_LOWERED = "ipa_range_lowered", "late CPU lowers guests' address range", 67
    PMU_VERSION_LOWERED = "pmu_version_lowered", "late CPU takes the PMU from the system", 66
    MITIGATION_WORSENED = "mitigation_worsened", "late CPU worsens a mitigation", 65
    ALLOCATION_EXCEEDED_SILENTLY = "allocation_exceeded_silently", "allocation exceeded, nothing logged", 60
    ALLOCATION_EXCEEDED_ANNOUNCED = "allocation_exceeded_announced", "allocation exceeded, announced", 50
    USER_VIEW_SHRINKS = "user_view_shrinks", "ID registers shrink under programs", 46
    DIES_IN_PATCHED_CODE = "dies_in_patched_code", "CPU lost before it can speak", 44
    CPU_STUCK = "cpu_stuck", "CPU stuck in the kernel", 42
    SHARED_IDLE_TASK = "shared_idle_task", "two CPUs on one idle task", 40
    HOST_DENIED_VL = "host_denied_vl", "host denied a VL that all CPUs have", 30
    HARMLESS_CPU_REFUSED = "harmless_cpu_refused", "harmless CPU refused by VL", 20
    CPU_REFUSED = "cpu_refused", "CPU refused by its features", 15
    CPU_LOST_TO_FIRMWARE = "cpu_lost_to_firmware", "CPU lost to firmware", 10
    FEATURE_LOST_TO_ONE_CPU = "feature_lost_to_one_cpu", "feature lost for all by one CPU", 5
    TAINTED = "tainted", "kernel tainted by CPUs that differ", 3

    title: str
    severity: int

    def __new__(cls, name_in_files: str, title: str, severity: int) -> "HazardKind":
        """Make a member; its value is its name in files and outputs."""
        member = object.__new__(cls)
        member._value_ = name_in_files
        member.title, member.severity = title, severity
        return member

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise no_choice(cls.__name__, value, (one.value for one in cls))

    def __lt__(self, other: "HazardKind") -> bool:
        return self.severity > other.severity

    @property
    def rank(self) -> int:
        """Its place among all kinds by severity; 1 is the worst."""
        return 1 + sum(other.severity > self.severity for other in HazardKind)


KINDS = {kind.value: kind for kind in HazardKind}
"""The kinds by name."""


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Hazard(FieldsShown):
    """A hazard: its kind, the logical CPU, the time, a sentence with the numbers, and the event that caused it.

    Args:
        kind: its kind.
        cpu: the logical number of the CPU; None: the whole system.
        time_ns: the time, in nanoseconds from the start of the boot.
        sentence: a sentence with the numbers.
        event: the place among the boot's events; None where the boot ended before there was one.
        underrun_bytes: the bytes written below the buffer's run of pages.
        overrun_bytes: the bytes written above it.

    >>> Hazard(HazardKind.CPU_STUCK, 1, 5_000, "cpu1 is stuck", None)
    <Hazard 17, CPU stuck in the kernel: cpu1 is stuck>
    """

    kind: HazardKind
    cpu: int | None
    time_ns: int
    sentence: str
    event: int | None
    underrun_bytes: int = 0
    overrun_bytes: int = 0

    def __repr__(self) -> str:
        return f"<Hazard {self.kind.rank}, {self.kind.title}: {self.sentence}>"


Finder = Callable[["Facts"], Iterable[Hazard]]
FINDERS: dict[HazardKind, Finder] = {}
"""The function that finds each kind."""


def finds(kind: HazardKind) -> Callable[[Finder], Finder]:
    """Mark the function that finds a kind of hazard in the facts of a boot."""

    def register(finder: Finder) -> Finder:
        FINDERS[kind] = finder
        return finder

    return register
