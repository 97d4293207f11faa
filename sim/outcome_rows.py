"""The rows of an outcome: log, events, CPUs, buffers, saves, actions, hazards, vector lengths."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sim.feature_rows import FeaturesRecord
from sim.rows import Row


class LogRow(Row, frozen=True, gc=False):
    """A line of the kernel log."""

    time_ns: Annotated[int, Meta(description="time of the line")]
    text: Annotated[str, Meta(description="the line without its timestamp")]


class EventRow(Row, frozen=True, gc=False):
    """Something that happened, whether or not the kernel logs it."""

    time_ns: Annotated[int, Meta(description="time of the event")]
    cpu: Annotated[int | None, Meta(description="the CPU; missing for the whole system")]
    kind: Annotated[str, Meta(description="the kind of event")]
    detail: Annotated[str, Meta(description="particulars in words; may be empty")]


class CpuRow(Row, frozen=True, gc=False):
    """A CPU, by logical number."""

    cpu: Annotated[int, Meta(description="logical number")]
    name: Annotated[str, Meta(description="name in the scenario")]
    cluster: Annotated[str, Meta(description="the clusters around it, outermost first, with / between; may be empty")]
    role: Annotated[str, Meta(description="boot, early (an early secondary) or late")]
    late_because: Annotated[
        str | None,
        Meta(
            description="why it comes when the capabilities are final: maxcpus=, listed later, brought up "
            "again, or failed to come early; missing if it came before, and stayed"
        ),
    ]
    hw_cpu: Annotated[
        int,
        Meta(description="the CPU hardware that runs under the number, by its own logical number"),
    ]
    el: Annotated[int, Meta(description="the exception level at which firmware starts that hardware, 1 or 2")]
    sve_bits: Annotated[
        tuple[int, ...] | None, Meta(description="SVE lengths that firmware leaves that hardware; missing without SVE")
    ]
    sme_bits: Annotated[
        tuple[int, ...] | None, Meta(description="streaming lengths that firmware leaves it; missing without SME")
    ]
    state: Annotated[str, Meta(description="state at the end: online, offline, refused, not started or lost")]
    host_max_vl_bytes: Annotated[
        int,
        Meta(description="the largest VL that the host can select there at the end; 0 where offline or without SVE"),
    ]


class BufferRow(Row, frozen=True, gc=False):
    """pKVM's buffer for the host's SVE registers of a possible CPU."""

    cpu: Annotated[int, Meta(description="the CPU that saves to it")]
    allocation_vl_bits: Annotated[int, Meta(description="the VL that the buffers are allocated for")]
    asked_bytes: Annotated[int, Meta(description="bytes for the header and the registers of that VL")]
    page_order: Annotated[int, Meta(description="the run has 2^page_order pages")]
    run_bytes: Annotated[int, Meta(description="size of the run of pages")]
    save_bytes: Annotated[
        int, Meta(description="bytes that a save of the hardware under this number needs, with header; 0 without SVE")
    ]
    save_first_byte: Annotated[
        int,
        Meta(description="first byte of that save's registers, from the start of the buffer's registers"),
    ]
    unused_bytes: Annotated[int, Meta(description="bytes asked for that such a save does not need")]


class SaveRow(Row, frozen=True, gc=False):
    """A save of the host's registers, and the result of its restore."""

    cpu: Annotated[int, Meta(description="the CPU")]
    time_ns: Annotated[int, Meta(description="time of its start")]
    host_vl_bits: Annotated[int, Meta(description="the VL in force at EL1 before")]
    save_vl_bits: Annotated[int, Meta(description="the VL that EL2 ran with")]
    pointer_vl_bits: Annotated[int, Meta(description="the VL that placed the pointer to FFR")]
    first_byte: Annotated[
        int | None,
        Meta(description="first byte of the registers written, from their start; missing if the save panicked"),
    ]
    last_byte: Annotated[
        int | None, Meta(description="last byte of the registers written; missing if the save panicked")
    ]
    written_bytes: Annotated[int, Meta(description="bytes written, header included")]
    header_intact: Annotated[bool, Meta(description="zcr_el1 is still in the header after the save")]
    panicked: Annotated[bool, Meta(description="a store met memory that is not mapped at EL2")]
    registers_restored: Annotated[
        bool | None, Meta(description="all registers came back, compared at the save's VL; missing without a restore")
    ]
    committed_restored: Annotated[
        bool | None,
        Meta(description="all registers came back, compared at the largest VL of the host's tasks"),
    ]
    task_restored: Annotated[
        bool | None,
        Meta(
            description="a task finds its registers again: they came back, or the kernel had saved them before; "
            "missing without a restore"
        ),
    ]
    host_vl_after_bits: Annotated[int | None, Meta(description="the VL in force at EL1 after the restore")]


class ActionRow(Row, frozen=True, gc=False):
    """An action of user space; rows are in the order in which the actions ended."""

    agent: Annotated[str, Meta(description="the agent")]
    do: Annotated[str, Meta(description="online, offline, guest, await or suspend")]
    cpu: Annotated[int | None, Meta(description="the CPU; missing for the whole system")]
    outcome: Annotated[
        str,
        Meta(
            description="online, offline, ran, killed, resumed or failed; hung: the boot ended in the middle of it; "
            "under way: a schedule ended in the middle of it"
        ),
    ]
    error: Annotated[str | None, Meta(description="name of the errno if it failed")]
    started_ns: Annotated[int, Meta(description="time of its start")]
    ended_ns: Annotated[int, Meta(description="time of its end")]
    log: Annotated[list[str], Meta(description="lines that the kernel logged meanwhile")]


class HazardRow(Row, frozen=True, gc=False):
    """A hazard; rows are worst first."""

    rank: Annotated[int, Meta(description="place of its kind by severity; 1 is the worst")]
    hazard: Annotated[str, Meta(description="name of its kind, as in files and columns: a value of HazardKind")]
    title: Annotated[str, Meta(description="title of its kind, for people")]
    cpu: Annotated[int | None, Meta(description="the CPU; missing for the whole system")]
    time_ns: Annotated[int, Meta(description="time")]
    underrun_bytes: Annotated[int, Meta(description="bytes written below the buffer's run of pages")]
    overrun_bytes: Annotated[int, Meta(description="bytes written above it")]
    sentence: Annotated[str, Meta(description="sentence with the numbers")]


class VectorRow(Row, frozen=True, gc=False):
    """The kernel's record of vector lengths, one row for SVE and one for SME."""

    type: Annotated[str, Meta(description="SVE or SME")]
    supported: Annotated[
        bool, Meta(description="the system has it: every counted CPU does, and it is not switched off")
    ]
    vq_map_bits: Annotated[tuple[int, ...], Meta(description="the lengths that every counted CPU has")]
    vq_partial_map_bits: Annotated[tuple[int, ...], Meta(description="the lengths that some counted CPU has")]
    min_vl_bytes: Annotated[int, Meta(description="min_vl")]
    max_vl_bytes: Annotated[int, Meta(description="max_vl: the largest that all counted CPUs share")]
    default_vl_bytes: Annotated[int, Meta(description="the VL that tasks start with")]
    max_virtualisable_vl_bytes: Annotated[int, Meta(description="max_virtualisable_vl: a bound, which may not be a VL")]
    max_cpu_vl_bytes: Annotated[int, Meta(description="max_cpu_vl of Brown's series: the largest of any counted CPU")]

    @property
    def is_told(self) -> bool:
        """True if tables for people have the type: the system has it, or some CPU that it counted does."""
        # Where SVE is not supported because one early CPU lacks it, the maps keep the lengths that were counted before.
        return self.supported or bool(self.vq_partial_map_bits)


class ScenarioRow(Row, frozen=True, gc=False):
    """The settings of a scenario; in a comparison, design, relay and memory are the scenario's own."""

    name: Annotated[str, Meta(description="name of the scenario")]
    kernel: Annotated[str, Meta(description="kernel series or release")]
    kernel_flags: Annotated[dict[str, bool], Meta(description="kernel flags that the scenario sets")]
    design: Annotated[str | None, Meta(description="the design in force; null before there were any")]
    kvm_mode: Annotated[str, Meta(description="kvm-arm.mode: default, protected, nvhe or none")]
    relay: Annotated[str, Meta(description="pKVM's PSCI relay: enforcing or relaxed")]
    memory: Annotated[str, Meta(description="memory around the buffers: adjacent, isolated or mapped")]
    seed: Annotated[int, Meta(description="seed of all draws")]
    command_line: Annotated[str, Meta(description="the kernel's command line")]


class KvmRow(Row, frozen=True, gc=False):
    """KVM's limits."""

    initialised: Annotated[bool, Meta(description="KVM is initialised")]
    kvm_sve_max_vl_bytes: Annotated[int, Meta(description="guests' limit")]
    kvm_host_sve_max_vl_bytes: Annotated[int, Meta(description="the VL that pKVM takes for the host's largest")]
    offered_bits: Annotated[tuple[int, ...], Meta(description="the lengths that KVM offers to guests")]


class OutcomeRecord(msgspec.Struct, frozen=True):
    """Everything about a boot, as ``asymboot run --json`` prints it."""

    schema_version: Literal[2]
    scenario: ScenarioRow
    without_effect: Annotated[
        tuple[str, ...],
        Meta(description="the settings that options changed and on which nothing depends, since there is no pKVM"),
    ]
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
    features: Annotated[
        FeaturesRecord | None,
        Meta(description="all CPU features at the end; null where vector lengths alone are modelled"),
    ] = None
