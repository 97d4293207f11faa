"""The rows of a sweep's summary, and the summary as JSON has it.

They stand by themselves, so that the schemas of outputs need no library that a sweep does.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.rows import Row


class SettingRow(Row, frozen=True, gc=False, kw_only=True):
    """A setting, with which the rows of a summary begin."""

    design: Annotated[str, Meta(description="the design's name")]
    relay: Annotated[str, Meta(description="pKVM's PSCI relay: enforcing or relaxed")]
    kvm_mode: Annotated[str, Meta(description="kvm-arm.mode=")]
    memory: Annotated[str, Meta(description="what lies around each buffer at EL2")]


class SweepHazardRow(SettingRow, frozen=True, gc=False, kw_only=True):
    """A hazard under a setting; its smallest example follows: a column ``<group>_sve_bits`` a group."""

    hazard: Annotated[str, Meta(description="the hazard")]
    systems: Annotated[int, Meta(description="the number of systems that show it, by weight")]
    share: Annotated[float, Meta(description="their share of all systems")]
    share_low: Annotated[float | UnsetType, Meta(description="in a sample: the low end of its 95 % interval")] = UNSET
    share_high: Annotated[float | UnsetType, Meta(description="in a sample: the high end of it")] = UNSET
    first_row: Annotated[int, Meta(description="the first row that shows it, for asymboot run DIR:ROW")]
    smallest_row: Annotated[int, Meta(description="the row of the smallest example")]
    worst_row: Annotated[int | None, Meta(description="of out-of-bounds writes: the first row with the longest")]
    underrun_bytes: Annotated[int | None, Meta(description="of these: the most bytes below a buffer's run of pages")]
    overrun_bytes: Annotated[int | None, Meta(description="of these: the most bytes above it")]


class SweepTimingRow(SettingRow, frozen=True, gc=False, kw_only=True):
    """A mean of a timing study under a setting."""

    metric: Annotated[str, Meta(description="the time that was measured")]
    boots: Annotated[int, Meta(description="the number of boots")]
    mean_ns: Annotated[float, Meta(description="the mean")]
    low_ns: Annotated[float | None, Meta(description="the low end of its 95 % interval; none of too few values")]
    high_ns: Annotated[float | None, Meta(description="the high end of it")]


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of a sweep, as JSON has it."""

    schema_version: int
    name: str
    kernel: str
    walk: str
    points: int
    """The number of points that were computed."""
    points_in_all: int
    complete: bool
    systems: int
    """The number of systems that these points stand for, by weight."""
    hazards: list[SweepHazardRow]
    timings: list[SweepTimingRow]


class MixtureRow(Row, frozen=True, gc=False):
    """The outcomes of the mixtures with a number of late clusters, under a kernel."""

    kernel: Annotated[str, Meta(description="the kernel")]
    late_clusters: Annotated[int, Meta(description="the number of clusters that come late")]
    mixtures: Annotated[int, Meta(description="the number of mixtures")]
    refused: Annotated[int, Meta(description="mixtures in which the kernel refuses a CPU")]
    lost: Annotated[int, Meta(description="mixtures in which a CPU is stuck, or dies before it can speak")]
    panicked: Annotated[int, Meta(description="mixtures that stop: the kernel panics, or falls silent")]
    tainted: Annotated[int, Meta(description="mixtures in which differences between CPUs taint the kernel")]
    capabilities_lost: Annotated[int, Meta(description="mixtures without a capability that some core has by itself")]
    hwcaps_lost: Annotated[int, Meta(description="mixtures without a hwcap that some core has by itself")]
    fine: Annotated[int, Meta(description="mixtures in which nothing of this happens")]


class LostRow(Row, frozen=True, gc=False):
    """A capability or hwcap that mixtures lack, and some core of them has by itself."""

    kernel: Annotated[str, Meta(description="the kernel")]
    kind: Annotated[str, Meta(description="capability or hwcap")]
    name: Annotated[str, Meta(description="the words of the log, or the name in /proc/cpuinfo")]
    mixtures: Annotated[int, Meta(description="the number of mixtures")]


class ExampleRow(Row, frozen=True, gc=False):
    """The first mixture with an outcome."""

    kernel: Annotated[str, Meta(description="the kernel")]
    outcome: Annotated[str, Meta(description="the outcome")]
    row: Annotated[int, Meta(description="the number, for asymboot run DIR:ROW")]
    cores: Annotated[tuple[str, ...], Meta(description="the cores, the boot CPU's first; a late core is marked")]


class MixtureRecord(msgspec.Struct, frozen=True):
    """A sweep over mixtures, as its folder and JSON have it."""

    schema_version: int
    space: dict[str, Any]
    """The space, as a space file holds it; cores are listed with everything that their file said."""
    name: str
    cores: list[str]
    points: int
    """The number of mixtures, or of draws, that were computed."""
    points_in_all: int
    complete: bool
    sample: int
    seed: int
    rows: list[MixtureRow]
    lost: list[LostRow]
    examples: list[ExampleRow]
