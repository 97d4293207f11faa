"""The tables of a scenario file, as classes: their keys, types, defaults, ranges and meaning.

Reading checks a file against them, and its JSON Schema is made from them. docs/scenario-files.md says the same at
greater length.
"""

from dataclasses import fields
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.designs import DESIGNS, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.facts import CpuState
from sim.hazards import HazardKind
from sim.kernel_flags import FLAGS
from sim.kernel_series import DEFAULT
from sim.latencies import LARGEST_SIGMA, PARAMETERS, Latencies
from sim.scenario import CPU_ON_ERRORS, MOST_ROUNDS, BringUp, Do, KvmInit, KvmMode, MemoryLayout, Relay
from sim.topology import MOST_CPUS
from sim.vectors import LEN_FIELD, SveRule

HAZARDS = [kind.name.lower() for kind in HazardKind]
"""The names of hazards in files."""
SCHEMA_VERSION: Literal[1] = 1
"""Version of the format."""

_DURATION = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|min)\s*$", "examples": ["200us"]}
_SERIES = {
    "pattern": r"^(6\.[1-9][0-9]{0,2}|([7-9]|[1-9][0-9]{1,2})\.(0|[1-9][0-9]{0,2}))$",
    "examples": ["6.12"],
}


def _distribution(name: str) -> dict[str, Any]:
    """The schema of a distribution's table."""
    parameters = PARAMETERS[name]
    return {
        "type": "object",
        "properties": {
            "distribution": {"const": name},
            **{one: _SIGMA if one == "sigma" else _DURATION for one in parameters},
        },
        "required": ["distribution", *parameters],
        "additionalProperties": False,
    }


_SIGMA = {"type": "number", "minimum": 0, "maximum": LARGEST_SIGMA}
_LATENCY = {"anyOf": [_DURATION, *(_distribution(name) for name in PARAMETERS)]}
_LATENCIES = {
    "properties": {one.name: _LATENCY for one in fields(Latencies)},
    "additionalProperties": False,
}

_ONE_FAULT = {
    "oneOf": [
        {"required": ["answer"]},
        {"required": ["never_arrives"], "properties": {"never_arrives": {"const": True}}},
        {"required": ["arrives_after"]},
    ]
}

Bits = Annotated[int, Meta(ge=128, le=2048, extra_json_schema={"multipleOf": 128})]
Lengths = Annotated[list[Bits], Meta(extra_json_schema={"uniqueItems": True})]
Len = Annotated[int, Meta(ge=0, le=LEN_FIELD)]
Name = Annotated[str, Meta(min_length=1, max_length=60)]
Duration = Annotated[str, Meta(extra_json_schema=_DURATION)]


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key that it does not have is an error."""


class CpuProperties(Table):
    """What a CPU has; given for a cluster, it is what its CPUs have unless they say otherwise."""

    sve_bits: Annotated[Lengths | UnsetType, Meta(description="the SVE lengths that the silicon supports")] = UNSET
    sme_bits: Annotated[Lengths | UnsetType, Meta(description="the streaming lengths that the silicon supports")] = (
        UNSET
    )
    zcr_el3_len: Annotated[
        Len | UnsetType,
        Meta(description="0 to 15; firmware's ZCR_EL3.LEN: the kernel finds no SVE length above it"),
    ] = UNSET
    smcr_el3_len: Annotated[
        Len | UnsetType, Meta(description="0 to 15; firmware's SMCR_EL3.LEN: the same for streaming lengths")
    ] = UNSET
    late: Annotated[
        bool | UnsetType, Meta(description="left out of the early bring-up, even where maxcpus has room")
    ] = UNSET


class CpuTable(CpuProperties):
    """A CPU."""

    name: Annotated[
        Name | None, Meta(description="what the file calls it; the default is cpu and its place in the file, from 0")
    ] = None
    mpidr: Annotated[
        Annotated[int, Meta(ge=0, lt=1 << 40)] | None,
        Meta(description="0 to 2^40 - 1; MPIDR_EL1, which the log shows"),
    ] = None


class ClusterTable(CpuProperties, kw_only=True):
    """A cluster: so many CPUs alike, or listed ones, or further clusters, in this order."""

    name: Annotated[
        Name,
        Meta(description="without a /; must differ from its neighbours'", extra_json_schema={"pattern": "^[^/]*$"}),
    ]
    count: Annotated[int, Meta(ge=0, le=MOST_CPUS, description="so many CPUs that say nothing of their own")] = 0
    cpus: Annotated[list[CpuTable], Meta(description="CPUs written out, after those of count")] = []
    clusters: Annotated[
        list["ClusterTable"], Meta(description="clusters inside it, after its CPUs; at most 16 deep")
    ] = []


class TopologyTable(Table):
    """Who is there."""

    boot_cpu: Annotated[str, Meta(description="name of the CPU that boots the system")] = ""
    sve_rule: Annotated[SveRule, Meta(description="which sets of SVE lengths are legal")] = SveRule.MULTIPLES
    any_vls: Annotated[bool, Meta(description="accept sets that the architecture forbids")] = False
    cpus: Annotated[list[CpuTable], Meta(description="CPUs outside any cluster")] = []
    clusters: Annotated[list[ClusterTable], Meta(description="clusters, which come after cpus")] = []


class KernelTable(Table):
    """The kernel and its command line."""

    series: Annotated[
        str,
        Meta(
            description='kernel series, from "6.1" on; text, because as a number 6.10 is 6.1', extra_json_schema=_SERIES
        ),
    ] = DEFAULT
    flags: Annotated[
        dict[str, bool],
        Meta(
            description="flags that this kernel has set otherwise than its series has by default",
            extra_json_schema={
                "properties": {name: {"type": "boolean", "description": one.meaning} for name, one in FLAGS.items()},
                "additionalProperties": False,
            },
        ),
    ] = {}
    maxcpus: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_CPUS)] | None,
        Meta(description="maxcpus=, 1 to 65,536: so many CPUs come up early, the boot CPU among them"),
    ] = None
    arm64_nosve: Annotated[bool, Meta(description="arm64.nosve: the kernel does not use SVE")] = False
    arm64_nosme: Annotated[bool, Meta(description="arm64.nosme: the kernel does not use SME")] = False
    kvm_mode: Annotated[KvmMode, Meta(description='kvm-arm.mode=; one of "default", "protected", "nvhe", "none"')] = (
        KvmMode.DEFAULT
    )
    el2: Annotated[bool, Meta(description="the CPUs start at EL2; without it there is no KVM")] = True
    page_bytes: Annotated[Literal[4096, 16384, 65536], Meta(description="page size: 4096, 16384 or 65536")] = 4096
    bring_up: Annotated[BringUp, Meta(description='how early CPUs come up: "one-at-a-time" or "parallel"')] = (
        BringUp.ONE_AT_A_TIME
    )
    kvm_init: Annotated[KvmInit, Meta(description='when KVM initialises: "in-order" or "any-time"')] = KvmInit.IN_ORDER


class PkvmTable(Table):
    """What surrounds pKVM's decisions."""

    relay: Annotated[Relay, Meta(description='the PSCI relay: "enforcing" or "relaxed"')] = Relay.ENFORCING
    memory: Annotated[
        MemoryLayout, Meta(description='what lies around each buffer at EL2: "adjacent", "isolated" or "mapped"')
    ] = MemoryLayout.ADJACENT
    allocation_fails_at: Annotated[str | None, Meta(description="the CPU for whose buffer there is no memory")] = None


class DesignTable(Table):
    """A named design, or one that differs from it."""

    base: Annotated[
        str,
        Meta(description="a named design; asymboot list designs shows them", extra_json_schema={"enum": list(DESIGNS)}),
    ]
    name: Annotated[Name | None, Meta(description="what the changed design is called")] = None
    buffer_sized_by: Annotated[Sizing | None, Meta(description="the length that a buffer is for")] = None
    zcr_el2: Annotated[ZcrEl2 | None, Meta(description="what ZCR_EL2.LEN lets through during save and restore")] = None
    ffr_pointer: Annotated[Pointer | None, Meta(description="the length that places the pointer to FFR")] = None
    late_cpu: Annotated[
        LateCpu | None,
        Meta(description="what becomes of a late CPU whose largest length is above max_cpu_vl"),
    ] = None
    late_store: Annotated[LateStore | None, Meta(description="what the store does that raises max_cpu_vl")] = None


class FaultTable(Table):
    """What firmware does wrong with a CPU."""

    cpu: Annotated[str, Meta(description="any but the boot CPU")]
    answer: Annotated[
        str | None,
        Meta(
            description="CPU_ON is answered with this error, every time",
            extra_json_schema={"enum": list(CPU_ON_ERRORS)},
        ),
    ] = None
    never_arrives: Annotated[bool, Meta(description="CPU_ON is accepted, and the CPU never starts")] = False
    arrives_after: Annotated[
        Duration | None,
        Meta(description="CPU_ON is accepted, and the CPU arrives so much later, not after cpu_on"),
    ] = None


class ActionTable(Table):
    """What user space does."""

    do: Annotated[Do, Meta(description='"online", "offline", "guest" or "await"')]
    cpu: Annotated[str, Meta(description="where")]
    at: Annotated[Duration, Meta(description="not before this time, counted from user space's start")] = "0s"
    agent: Annotated[Name, Meta(description="who does it")] = "user space"
    guest: Annotated[
        Name, Meta(description="which guest runs; actions with the same name are visits of the same guest")
    ] = "guest"
    rounds: Annotated[
        int,
        Meta(ge=1, le=MOST_ROUNDS, description="1 to 1000; how often the guest enters, touching SVE each time"),
    ] = 1


class VectorExpectTable(Table):
    """What the kernel's record of one kind of vector lengths should hold at the end; what is not stated may be any."""

    supported: Annotated[bool | UnsetType, Meta(description="whether the system has it")] = UNSET
    vq_map_bits: Annotated[Lengths | UnsetType, Meta(description="the lengths that all early CPUs have")] = UNSET
    vq_partial_map_bits: Annotated[Lengths | UnsetType, Meta(description="the lengths that any has")] = UNSET
    min_vl_bytes: Annotated[int | UnsetType, Meta(description="the smallest VL")] = UNSET
    max_vl_bytes: Annotated[int | UnsetType, Meta(description="the largest VL of tasks")] = UNSET
    default_vl_bytes: Annotated[int | UnsetType, Meta(description="the VL that tasks begin with")] = UNSET
    max_virtualisable_vl_bytes: Annotated[int | UnsetType, Meta(description="the bound on guests' VLs")] = UNSET
    max_cpu_vl_bytes: Annotated[int | UnsetType, Meta(description="the largest VL of any counted CPU")] = UNSET


class ExpectTable(Table):
    """What should come of the boot, for tests; the boot itself does not look at it."""

    cpus: Annotated[
        dict[str, CpuState] | UnsetType,
        Meta(description='CPUs by name: "online", "offline", "refused", "not started" or "lost" at the end'),
    ] = UNSET
    log: Annotated[
        list[str] | UnsetType, Meta(description="parts of lines of the kernel log, which come in this order")
    ] = UNSET
    hazards: Annotated[
        list[Annotated[str, Meta(extra_json_schema={"enum": HAZARDS})]] | UnsetType,
        Meta(description="all hazards, by the names that asymboot list hazards has"),
    ] = UNSET
    sve: Annotated[VectorExpectTable | UnsetType, Meta(description="the record of SVE lengths")] = UNSET
    sme: Annotated[VectorExpectTable | UnsetType, Meta(description="the record of SME lengths")] = UNSET


class ScenarioTable(Table):
    """One system, its kernel, and what happens to it."""

    topology: Annotated[TopologyTable, Meta(description="the CPUs")]
    schema_version: Annotated[Literal[1], Meta(description="version of this format; only 1 is allowed")] = (
        SCHEMA_VERSION
    )
    name: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(
            description="what the scenario is called, in at most 200 characters; by default as the file, without .toml"
        ),
    ] = ""
    description: Annotated[str, Meta(description="for readers; the simulator does not use it")] = ""
    seed: Annotated[
        int,
        Meta(
            ge=0,
            lt=1 << 62,
            description="0 to 2^62 - 1; seeds drawn latencies and the order of events of the same time",
        ),
    ] = 0
    kernel: Annotated[KernelTable, Meta(description="the kernel")] = msgspec.field(default_factory=KernelTable)
    pkvm: Annotated[PkvmTable, Meta(description="what surrounds pKVM")] = msgspec.field(default_factory=PkvmTable)
    design: Annotated[DesignTable | None, Meta(description="how pKVM saves the host's SVE registers")] = None
    latencies: Annotated[
        dict[str, Any], Meta(description="how long each step takes", extra_json_schema=_LATENCIES)
    ] = {}
    faults: Annotated[
        list[Annotated[FaultTable, Meta(extra_json_schema=_ONE_FAULT)]], Meta(description="what firmware does wrong")
    ] = []
    actions: Annotated[list[ActionTable], Meta(description="what user space does")] = []
    expect: Annotated[ExpectTable | UnsetType, Meta(description="what should come of it, for tests")] = UNSET
