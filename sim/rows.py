"""Rows: what the tables of an outcome hold, one class a table.

A field is a column. Its description, unit and type are stated here once; frames, JSON, its schema and
docs/outcome.md follow. Units stand in the names: ``_ns`` nanoseconds, ``_bytes``, ``_bits``. Sets of lengths are tuples
of bits. A column named ``cpu`` holds logical numbers.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SCHEMA_VERSION: Literal[1] = 1
SCHEDULE_VERSION = 1
"""Version of every output: what rows have which columns. Raised when a column goes or changes its meaning."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of a table."""


class LogRow(Row, frozen=True, gc=False):
    """A line of the kernel log."""

    time_ns: Annotated[int, Meta(description="when it was logged")]
    text: Annotated[str, Meta(description="the line without its timestamp")]


class EventRow(Row, frozen=True, gc=False):
    """Something that happened, whether or not the kernel logs it."""

    time_ns: Annotated[int, Meta(description="when it happened")]
    cpu: Annotated[int | None, Meta(description="where; missing where no CPU is concerned")]
    kind: Annotated[str, Meta(description="what happened")]
    detail: Annotated[str, Meta(description="particulars in words; may be empty")]


class CpuRow(Row, frozen=True, gc=False):
    """A CPU, by logical number."""

    cpu: Annotated[int, Meta(description="its logical number")]
    name: Annotated[str, Meta(description="its name in the scenario")]
    cluster: Annotated[str, Meta(description="the clusters around it, outermost first, with / between; may be empty")]
    role: Annotated[str, Meta(description="boot, early (an early secondary) or late")]
    hw_cpu: Annotated[
        int,
        Meta(description="the CPU whose silicon runs under the number: another's where a latecomer took its arguments"),
    ]
    sve_bits: Annotated[
        tuple[int, ...] | None, Meta(description="SVE lengths that firmware leaves that silicon; missing without SVE")
    ]
    sme_bits: Annotated[
        tuple[int, ...] | None, Meta(description="streaming lengths that firmware leaves it; missing without SME")
    ]
    state: Annotated[str, Meta(description="at the end: online, offline, refused, not started or lost")]
    host_max_vl_bytes: Annotated[
        int,
        Meta(description="the largest VL that the host can select there at the end; 0 where offline or without SVE"),
    ]


class BufferRow(Row, frozen=True, gc=False):
    """A buffer of pKVM's for the host's SVE registers: one for every possible CPU."""

    cpu: Annotated[int, Meta(description="whose buffer it is")]
    allocation_vl_bits: Annotated[int, Meta(description="the VL that the buffers are allocated for")]
    asked_bytes: Annotated[int, Meta(description="header and registers for that VL")]
    page_order: Annotated[int, Meta(description="its run has 2 to this power of pages")]
    run_bytes: Annotated[int, Meta(description="size of its run of pages")]
    save_bytes: Annotated[int, Meta(description="what a save on this CPU needs with its header; 0 without SVE")]
    save_first_byte: Annotated[
        int,
        Meta(
            description="where that save's registers begin, from the start of the buffer's registers; below 0: before"
        ),
    ]
    unused_bytes: Annotated[int, Meta(description="bytes asked for that such a save does not need")]


class SaveRow(Row, frozen=True, gc=False):
    """A save of the host's registers, and what its restore brought back."""

    cpu: Annotated[int, Meta(description="where it ran")]
    time_ns: Annotated[int, Meta(description="when it began")]
    host_vl_bits: Annotated[int, Meta(description="the VL that the host ran with before")]
    save_vl_bits: Annotated[int, Meta(description="the VL that EL2 ran with")]
    pointer_vl_bits: Annotated[int, Meta(description="the VL that placed the pointer to FFR")]
    first_byte: Annotated[
        int | None,
        Meta(
            description="first byte of the registers it wrote, from their start; missing where it did not get through"
        ),
    ]
    last_byte: Annotated[int | None, Meta(description="last byte of them")]
    written_bytes: Annotated[int, Meta(description="bytes that it wrote, the header's among them")]
    header_intact: Annotated[bool, Meta(description="zcr_el1 is still in the header after the save")]
    panicked: Annotated[bool, Meta(description="a store met memory that is not mapped at EL2")]
    registers_restored: Annotated[
        bool | None, Meta(description="all came back, compared at the save's VL; missing where there was no restore")
    ]
    committed_restored: Annotated[
        bool | None, Meta(description="the same, compared at the largest VL that the host's tasks may use")
    ]
    host_vl_after_bits: Annotated[int | None, Meta(description="the VL that the host runs with after the restore")]


class ActionRow(Row, frozen=True, gc=False):
    """An action of user space's, in the order in which they ended."""

    agent: Annotated[str, Meta(description="who did it")]
    do: Annotated[str, Meta(description="online, offline or guest")]
    cpu: Annotated[int, Meta(description="to which CPU")]
    outcome: Annotated[
        str,
        Meta(
            description="online, offline, ran, killed or failed; hung: the boot ended in the middle of it; under way: "
            "a schedule did"
        ),
    ]
    error: Annotated[str | None, Meta(description="the errno's name where it failed")]
    started_ns: Annotated[int, Meta(description="when it began")]
    ended_ns: Annotated[int, Meta(description="when it was done")]
    log: Annotated[list[str], Meta(description="what the kernel logged meanwhile")]


class HazardRow(Row, frozen=True, gc=False):
    """A hazard; worst first."""

    rank: Annotated[int, Meta(description="1 is the worst; docs/hazards.md has them in this order")]
    hazard: Annotated[str, Meta(description="its name")]
    cpu: Annotated[int | None, Meta(description="where; missing where the whole system is concerned")]
    time_ns: Annotated[int, Meta(description="when")]
    underrun_bytes: Annotated[int, Meta(description="bytes written below the buffer's run of pages")]
    overrun_bytes: Annotated[int, Meta(description="bytes written above it")]
    sentence: Annotated[str, Meta(description="what happened, with its numbers")]


class VectorRow(Row, frozen=True, gc=False):
    """The kernel's record of vector lengths, one row for SVE and one for SME."""

    type: Annotated[str, Meta(description="SVE or SME")]
    supported: Annotated[
        bool, Meta(description="the system has it: every counted CPU does, and nobody switched it off")
    ]
    vq_map_bits: Annotated[tuple[int, ...], Meta(description="the lengths that every counted CPU has")]
    vq_partial_map_bits: Annotated[tuple[int, ...], Meta(description="the lengths that some counted CPU has")]
    min_vl_bytes: Annotated[int, Meta(description="min_vl")]
    max_vl_bytes: Annotated[int, Meta(description="max_vl: the largest that all counted CPUs share")]
    default_vl_bytes: Annotated[int, Meta(description="what tasks start with")]
    max_virtualisable_vl_bytes: Annotated[int, Meta(description="max_virtualisable_vl, a bound and perhaps no VL")]
    max_cpu_vl_bytes: Annotated[int, Meta(description="max_cpu_vl of Brown's series: the largest of any counted CPU")]


class WaitRow(Row, frozen=True, gc=False):
    """What a boot's length went to: waits of one kind on its critical path, the longest first."""

    waited_for: Annotated[str, Meta(description="what was waited for, in words")]
    waited_ns: Annotated[int, Meta(description="how long, together")]
    times: Annotated[int, Meta(description="how often")]
    share: Annotated[float, Meta(description="of the whole path: 0 to 1")]


class ScenarioRow(Row, frozen=True, gc=False):
    """What was booted, in short; in a comparison design, relay and memory are the scenario's own."""

    name: str
    kernel: Annotated[str, Meta(description="kernel series")]
    design: Annotated[str | None, Meta(description="the design in force; null before there were any")]
    kvm_mode: str
    relay: str
    memory: str
    seed: int
    command_line: Annotated[str, Meta(description="the kernel's command line")]


class KvmRow(Row, frozen=True, gc=False):
    """What KVM made of the record."""

    initialised: Annotated[bool, Meta(description="KVM's initialisation succeeded")]
    kvm_sve_max_vl_bytes: Annotated[int, Meta(description="guests' limit")]
    kvm_host_sve_max_vl_bytes: Annotated[int, Meta(description="what pKVM takes for the host's largest VL")]
    offered_bits: Annotated[tuple[int, ...], Meta(description="the lengths that KVM offers to guests")]


class OutcomeRecord(msgspec.Struct, frozen=True):
    """Everything that came of one boot: what ``asymboot run --json`` prints."""

    schema_version: Literal[1]
    scenario: ScenarioRow
    log: list[LogRow]
    events: list[EventRow]
    cpus: list[CpuRow]
    vectors: list[VectorRow]
    kvm: KvmRow
    buffers: list[BufferRow]
    saves: list[SaveRow]
    actions: list[ActionRow]
    hazards: list[HazardRow]
    notes: list[str]


class DesignRow(Row, frozen=True, gc=False):
    """What one design makes of a scenario. The last thirteen columns count hazards, by kind, the worst first."""

    design: Annotated[str, Meta(description="its name; none where the kernel's own pKVM keeps no buffers")]
    own: Annotated[bool, Meta(description="it is the scenario's own: what its file or its kernel has")]
    relay: Annotated[str, Meta(description="pKVM's PSCI relay: enforcing or relaxed")]
    memory: Annotated[str, Meta(description="what surrounds the buffers: adjacent, isolated or mapped")]
    late_cpus: Annotated[int, Meta(description="CPUs that are not brought up early")]
    late_accepted: Annotated[int, Meta(description="late CPUs that came online")]
    late_refused: Annotated[int, Meta(description="late CPUs that the kernel refused")]
    late_refused_by_relay: Annotated[int, Meta(description="late CPUs that pKVM's relay did not start")]
    late_warned: Annotated[int, Meta(description="late CPUs that the log says are above the maximum")]
    asked_bytes: Annotated[
        int | None, Meta(description="bytes asked for each possible CPU's buffer; missing without buffers")
    ]
    pages: Annotated[int | None, Meta(description="pages in each possible CPU's buffer")]
    kernel_panic: Annotated[int, Meta(description="1 where the kernel panicked, which ends the boot")]
    hypervisor_panic: Annotated[int, Meta(description="1 where the hypervisor panicked, which ends the boot")]
    out_of_bounds_write: Annotated[int, Meta(description="hazards of this kind; so below")]
    not_restored: int
    header_destroyed: int
    lacks_committed_vl: int
    guest_vls_differ: int
    allocation_exceeded_silently: int
    allocation_exceeded_announced: int
    shared_idle_task: int
    host_denied_vl: int
    harmless_cpu_refused: int
    cpu_lost_to_firmware: int


class ClusterRow(Row, frozen=True, gc=False):
    """What the host can run with on one cluster, after a scenario under one design."""

    design: Annotated[str, Meta(description="as in the designs' rows")]
    relay: Annotated[str, Meta(description="as there")]
    memory: Annotated[str, Meta(description="as there")]
    cluster: Annotated[
        str, Meta(description="its path; CPUs outside clusters are put together where they are alike, by their numbers")
    ]
    cpus: Annotated[int, Meta(description="CPUs in it, not in clusters inside it")]
    online: Annotated[int, Meta(description="of these online at the end; none after a panic")]
    least_host_max_vl_bytes: Annotated[
        int | None, Meta(description="the host's largest VL on the online CPU where that is least; missing without any")
    ]
    host_max_vl_bytes: Annotated[int | None, Meta(description="the same where it is most")]


class ComparisonRecord(msgspec.Struct, frozen=True):
    """Every design on one scenario: what ``asymboot compare --json`` prints."""

    schema_version: Literal[1]
    scenario: ScenarioRow
    designs: list[DesignRow]
    clusters: list[ClusterRow]


class ProofRow(Row, frozen=True, gc=False):
    """What came of one property under one setting, over all systems."""

    design: str
    relay: str
    kernel: str
    memory: str
    early_cpus: Annotated[int, Meta(description="so many early CPUs were asked about")]
    late_cpus: Annotated[int, Meta(description="so many late ones")]
    any_number: Annotated[bool, Meta(description="they stand for any number of CPUs")]
    property: Annotated[str, Meta(description="its name")]
    answer: Annotated[str, Meta(description="proved, refuted, or unknown: the solver gave up")]
    early_sve_bits: Annotated[
        tuple[tuple[int, ...], ...], Meta(description="a system that breaks it: its early CPUs' lengths")
    ]
    late_sve_bits: Annotated[tuple[tuple[int, ...], ...], Meta(description="and its late CPUs'")]
    smallest: Annotated[bool | None, Meta(description="no smaller one does; false: the solver gave up on that")]
    hazards: Annotated[tuple[str, ...], Meta(description="what a boot of that system showed")]
    shown: Annotated[bool | None, Meta(description="one of these breaks the property")]


class PromiseRow(Row, frozen=True, gc=False):
    """What one of all possible designs promises, over all systems."""

    design: str
    relay: str
    buffer_sized_by: str
    zcr_el2: str
    ffr_pointer: str
    late_cpu: str
    late_store: str
    answers: Annotated[dict[str, str], Meta(description="for each property: proved, refuted or unknown")]
    safe: Annotated[bool, Meta(description="nothing panics, is overwritten, lost, or different elsewhere")]
    refuses_nobody_harmless: Annotated[bool, Meta(description="every late CPU that would do no harm comes online")]
    denies_nothing: Annotated[bool, Meta(description="the host can use every length that all CPUs have")]
    cost: Annotated[int, Meta(description="of its buffers, by rank: 0 is never dearer than 1, nor 1 than 2")]


class FoundRow(Row, frozen=True, gc=False):
    """A hazard or deadlock that orders of a scenario's steps can come to."""

    what: Annotated[str, Meta(description="the hazard's title, or deadlock")]
    waiting: Annotated[tuple[str, ...], Meta(description="of a deadlock: who waits, and for what")]
    steps: Annotated[
        tuple[tuple[str, int | str], ...],
        Meta(description="a schedule that shows it: what happens, and to which CPU or agent"),
    ]
    shortest: Annotated[bool, Meta(description="no schedule has fewer steps; false: that is not known")]
    minimal: Annotated[bool, Meta(description="no step of it can be left out; false: that is not known")]
    runs: Annotated[int, Meta(description="drawn orders that met it")]


class ExplorationRecord(msgspec.Struct, frozen=True):
    """What came of all orders of a scenario's steps, or of some that were drawn."""

    schema_version: Literal[1]
    scenario: str
    strategy: Annotated[str, Meta(description="exhaustive, random or pct")]
    complete: Annotated[bool, Meta(description="whether all orders were covered")]
    states: Annotated[int | None, Meta(description="that were covered; null where orders were drawn")]
    ends: Annotated[int, Meta(description="different states in which nothing more can happen")]
    orders: Annotated[
        int | float,
        Meta(description="from the beginning to an end, of the steps that were tried or drawn; rounded from 2^63 on"),
    ]
    runs: Annotated[int, Meta(description="from the beginning")]
    steps_left_out: Annotated[int | None, Meta(description="independent of those tried; null where orders were drawn")]
    found: Annotated[list[FoundRow], Meta(description="hazards, worst first, then deadlocks")]


class ScheduleRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a schedule's file holds."""

    schema_version: Annotated[int, Meta(description="1")]
    scenario: Annotated[str, Meta(description="the text of its scenario file")]
    steps: Annotated[
        list[tuple[str, int | str]],
        Meta(description="what happens, and to whom: a CPU by its logical number, or an agent by its name"),
    ]
