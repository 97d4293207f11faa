"""The tables of a scenario file as classes: their keys, types, defaults, ranges and meaning.

The reader checks files against these classes, and the JSON Schema is made from them. Each description stands in
docs/scenario-files.md as well, and a test compares the two.

Some of the schema is written out here (`extra_json_schema`), because the reader checks these values elsewhere:
durations in `sim.units`, releases in `sim.kernel_release`, latencies in `sim.files.scenario_file`. Editors know the
schema only.
"""

from dataclasses import fields
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.designs import DESIGNS, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.facts import CpuState
from sim.files.validation_messages import HEXADECIMAL
from sim.hazard_kinds import HazardKind
from sim.kernel_flags import FLAGS
from sim.kernel_release import DEFAULT
from sim.latencies import LARGEST_SIGMA, PARAMETERS, Latencies
from sim.scenario import (
    CPU_ON_ERRORS,
    LONGEST_REASON,
    MOST_ROUNDS,
    BringUp,
    Do,
    KvmInit,
    KvmMode,
    MemoryLayout,
    Relay,
)
from sim.topology import LONGEST_NAME, MOST_CPUS, EnableMethod, Weakness
from sim.units import MAX_SEED
from sim.vectors import LEN_FIELD, SveRule

HAZARDS = [kind.value for kind in HazardKind]
"""The names of hazards in files."""
SCHEMA_VERSION: Literal[1] = 1
"""Version of the format."""

_DURATION = {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|min)\s*$", "examples": ["200us"]}
_SERIES = {
    "pattern": r"^(6\.[1-9][0-9]{0,2}|([7-9]|[1-9][0-9]{1,2})\.(0|[1-9][0-9]{0,2}))"
    r"(\.(0|[1-9][0-9]{0,3}))?([-+~][A-Za-z0-9_.+~-]{1,60})?$",
    "examples": ["6.12", "6.12.117"],
}
_ACTION = {
    "if": {"properties": {"do": {"const": Do.SUSPEND.value}}},
    "then": {"properties": {"cpu": False}},
    "else": {"required": ["cpu"]},
}


def _distribution(name: str) -> dict[str, object]:
    """Return the JSON Schema of a distribution's table."""
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

_CPU_ONS = {"type": "string", "pattern": r"^([1-9][0-9]{0,8}-([1-9][0-9]{0,8})?|-[1-9][0-9]{0,8})$"}
_ONE_FAULT = {
    "oneOf": [
        {"required": ["answer"]},
        {"required": ["never_arrives"], "properties": {"never_arrives": {"const": True}}},
        {"required": ["arrives_after"]},
        {"required": ["stays_on"], "properties": {"stays_on": {"const": True}}},
    ]
}

Bits = Annotated[int, Meta(ge=128, le=2048, extra_json_schema={"multipleOf": 128})]
Lengths = Annotated[list[Bits], Meta(extra_json_schema={"uniqueItems": True})]
Len = Annotated[int, Meta(ge=0, le=LEN_FIELD)]
PageBytes = Literal[4096, 16384, 65536]
FieldValue = Annotated[int, Meta(ge=0, lt=1 << 32)]
RegisterValue = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=HEXADECIMAL)]
"""A register's value: a number, or text in hexadecimal, since TOML has no numbers of 64 bits without a sign."""
Level = Literal[1, 2]
LEVELS: tuple[Level, ...] = (1, 2)
"""The exception levels at which firmware starts CPUs."""
PAGE_BYTES: tuple[PageBytes, ...] = (4096, 16384, 65536)
"""The page sizes of arm64, in bytes: the values of `PageBytes`."""
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Duration = Annotated[str, Meta(extra_json_schema=_DURATION)]


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key that it does not have is an error."""


class CpuProperties(Table):
    """The properties of a CPU; those of a cluster hold for its CPUs unless these set their own.

    A property that is not stated is UNSET, and inherited. An empty list of lengths is stated: there is no extension.
    """

    sve_bits: Annotated[Lengths | UnsetType, Meta(description="the SVE lengths that the silicon supports")] = UNSET
    sme_bits: Annotated[Lengths | UnsetType, Meta(description="the streaming lengths that the silicon supports")] = (
        UNSET
    )
    core: Annotated[
        Name | UnsetType,
        Meta(description="the core, by its compatible string; asymboot list cores shows those with known registers"),
    ] = UNSET
    midr: Annotated[
        RegisterValue | UnsetType, Meta(description="MIDR_EL1, if the core is another stepping than the best known")
    ] = UNSET
    registers: Annotated[
        dict[str, RegisterValue] | UnsetType,
        Meta(description="ID registers with other values than the core's, by name"),
    ] = UNSET
    features: Annotated[
        dict[str, bool | FieldValue] | UnsetType,
        Meta(
            description="fields of ID registers with other values than the core's, by the Arm ARM's name; they refine "
            "the cluster's registers, and must agree with those of the same table, with gic, and with an empty "
            "sve_bits or sme_bits"
        ),
    ] = UNSET
    gic: Annotated[
        Literal[2, 3] | UnsetType,
        Meta(description="2 or 3; the version of the GIC, whose system registers are there from 3 on"),
    ] = UNSET
    hides: Annotated[
        list[str] | UnsetType,
        Meta(description="fields of ID registers that firmware shows as if the CPU lacked the feature"),
    ] = UNSET
    unaffected: Annotated[
        list[Weakness] | UnsetType,
        Meta(description="weaknesses that firmware says the CPU does not have: spectre-v2, spectre-v4"),
    ] = UNSET
    zcr_el3_len: Annotated[
        Len | UnsetType,
        Meta(description="0 to 15; firmware's ZCR_EL3.LEN: the kernel finds no SVE length above it"),
    ] = UNSET
    smcr_el3_len: Annotated[
        Len | UnsetType, Meta(description="0 to 15; firmware's SMCR_EL3.LEN: the same for streaming lengths")
    ] = UNSET
    cptr_el3_ez: Annotated[
        bool | UnsetType,
        Meta(description="firmware's CPTR_EL3.EZ; without it the first use of SVE traps to EL3, and the CPU is lost"),
    ] = UNSET
    cptr_el3_esm: Annotated[
        bool | UnsetType, Meta(description="firmware's CPTR_EL3.ESM; the same for streaming mode, SME")
    ] = UNSET
    el: Annotated[
        Level | UnsetType,
        Meta(
            description="1 or 2; the exception level at which firmware starts the CPU; 2 is refused where registers or "
            "features say that the CPU has no EL2"
        ),
    ] = UNSET
    vhe: Annotated[
        bool | UnsetType, Meta(description="the CPU can run a kernel at EL2; cores before Armv8.1 cannot")
    ] = UNSET
    enable_method: Annotated[
        EnableMethod | UnsetType, Meta(description='how the kernel starts the CPU: "psci" or "spin-table"')
    ] = UNSET
    late: Annotated[
        bool | UnsetType, Meta(description="left out of the early bring-up, even where maxcpus has room")
    ] = UNSET


class CpuTable(CpuProperties):
    """A CPU."""

    name: Annotated[
        Name | None,
        Meta(description="the CPU's name in the file; the default is cpu and its place in the file, from 0"),
    ] = None
    mpidr: Annotated[
        Annotated[int, Meta(ge=0, lt=1 << 40)] | None,
        Meta(description="0 to 2^40 - 1; MPIDR_EL1, which the log shows"),
    ] = None


class ClusterTable(CpuProperties, kw_only=True):
    """A cluster: `count` CPUs with the same properties, then listed CPUs, then further clusters."""

    name: Annotated[
        Name | None,
        Meta(
            description="without a /; must differ from the names of neighbouring clusters; by default cluster and "
            "its place",
            extra_json_schema={"pattern": "^[^/]*$"},
        ),
    ] = None
    count: Annotated[int, Meta(ge=0, le=MOST_CPUS, description="the number of CPUs with no keys of their own")] = 0
    cpus: Annotated[list[CpuTable], Meta(description="CPUs written out, after those of count")] = []
    clusters: Annotated[
        list["ClusterTable"], Meta(description="clusters inside it, after its CPUs; at most 16 deep")
    ] = []


class TopologyTable(Table):
    """The CPUs of the system, in clusters."""

    boot_cpu: Annotated[str, Meta(description="name of the CPU that boots the system")] = ""
    sve_rule: Annotated[SveRule, Meta(description="which sets of SVE lengths are legal")] = SveRule.MULTIPLES
    enable_method: Annotated[
        EnableMethod, Meta(description='how the kernel starts CPUs that do not say so: "psci" or "spin-table"')
    ] = EnableMethod.PSCI
    any_vls: Annotated[bool, Meta(description="accept sets that the architecture forbids")] = False
    cpus: Annotated[list[CpuTable], Meta(description="CPUs outside any cluster")] = []
    clusters: Annotated[list[ClusterTable], Meta(description="clusters, which come after cpus")] = []


class KernelTable(Table):
    """The kernel and its command line."""

    series: Annotated[
        str,
        Meta(
            description='kernel series or release, from "6.1" on, as "6.12.117"; text, since the number 6.10 is 6.1',
            extra_json_schema=_SERIES,
        ),
    ] = DEFAULT
    flags: Annotated[
        dict[str, bool],
        Meta(
            description="flags that this kernel has set otherwise than its release has by default",
            extra_json_schema={
                "properties": {name: {"type": "boolean", "description": one.meaning} for name, one in FLAGS.items()},
                "additionalProperties": False,
            },
        ),
    ] = {}
    maxcpus: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_CPUS)] | None,
        Meta(description="maxcpus=, 1 to 65,536: the number of early CPUs, the boot CPU among them"),
    ] = None
    arm64_nosve: Annotated[bool, Meta(description="arm64.nosve: the kernel does not use SVE")] = False
    arm64_nosme: Annotated[bool, Meta(description="arm64.nosme: the kernel does not use SME")] = False
    options: Annotated[
        str, Meta(description="further words of the command line that concern CPU features, such as arm64.nomte")
    ] = ""
    kaslr: Annotated[bool, Meta(description="the kernel runs at a random address, with a seed from its loader")] = False
    config: Annotated[
        dict[str, bool],
        Meta(
            description="configuration options that decide on CPU features, where they are not Debian's; their names "
            "begin with CONFIG_"
        ),
    ] = {}
    kvm_mode: Annotated[KvmMode, Meta(description='kvm-arm.mode=; one of "default", "protected", "nvhe", "none"')] = (
        KvmMode.DEFAULT
    )
    el2: Annotated[
        bool,
        Meta(
            description="the CPUs start at EL2, unless el says otherwise, or a CPU has none; without it there is no KVM"
        ),
    ] = True
    page_bytes: Annotated[PageBytes, Meta(description="page size: 4096, 16384 or 65536")] = 4096
    bring_up: Annotated[BringUp, Meta(description='how early CPUs come up: "one-at-a-time" or "parallel"')] = (
        BringUp.ONE_AT_A_TIME
    )
    kvm_init: Annotated[KvmInit, Meta(description='when KVM initialises: "in-order" or "any-time"')] = KvmInit.IN_ORDER


class PkvmTable(Table):
    """pKVM's relay and memory."""

    relay: Annotated[Relay, Meta(description='the PSCI relay: "enforcing" or "relaxed"')] = Relay.ENFORCING
    memory: Annotated[
        MemoryLayout, Meta(description='the memory around each buffer at EL2: "adjacent", "isolated" or "mapped"')
    ] = MemoryLayout.ADJACENT
    allocation_fails_at: Annotated[str | None, Meta(description="the CPU for whose buffer there is no memory")] = None


class DesignTable(Table):
    """A named design, with changes."""

    base: Annotated[
        str,
        Meta(description="a named design; asymboot list designs shows them", extra_json_schema={"enum": list(DESIGNS)}),
    ]
    name: Annotated[Name | None, Meta(description="the name of the changed design")] = None
    buffer_sized_by: Annotated[Sizing | None, Meta(description="the length that a buffer is for")] = None
    zcr_el2: Annotated[ZcrEl2 | None, Meta(description="the limit that ZCR_EL2.LEN sets during save and restore")] = (
        None
    )
    ffr_pointer: Annotated[Pointer | None, Meta(description="the length that places the pointer to FFR")] = None
    late_cpu: Annotated[
        LateCpu | None,
        Meta(description="the treatment of a late CPU whose largest length is above max_cpu_vl"),
    ] = None
    late_store: Annotated[LateStore | None, Meta(description="the effect of the store that raises max_cpu_vl")] = None


class FaultTable(Table):
    """A fault of firmware, which concerns one CPU."""

    cpu: Annotated[str, Meta(description="the CPU that it concerns")]
    cpu_on: Annotated[
        Annotated[int, Meta(ge=1)] | Annotated[str, Meta(extra_json_schema=_CPU_ONS)],
        Meta(description='the calls of CPU_ON that it concerns, counted from 1: 2, "2-", "-2" or "2-3"'),
    ] = "1-"
    answer: Annotated[
        str | None,
        Meta(
            description="CPU_ON is answered with this error",
            extra_json_schema={"enum": list(CPU_ON_ERRORS)},
        ),
    ] = None
    never_arrives: Annotated[bool, Meta(description="CPU_ON is accepted, and the CPU never starts")] = False
    arrives_after: Annotated[
        Duration | None,
        Meta(description="CPU_ON is accepted, and the CPU arrives after this time instead of cpu_on"),
    ] = None
    stays_on: Annotated[
        bool, Meta(description="firmware goes on reporting the CPU as on when it was taken down after that CPU_ON")
    ] = False
    stands_for: Annotated[
        str,
        Meta(
            max_length=LONGEST_REASON,
            description="beside never_arrives: why a real kernel kept the CPU out, which the scenario does not have; a "
            "note then says so, and the CPU is not lost to firmware",
        ),
    ] = ""


class ActionTable(Table):
    """An action of user space."""

    do: Annotated[Do, Meta(description='"online", "offline", "guest", "await" or "suspend"')]
    cpu: Annotated[
        str | None, Meta(description='the CPU that the action concerns; required, but for "suspend", which has none')
    ] = None
    at: Annotated[Duration, Meta(description="not before this time, counted from user space's start")] = "0s"
    agent: Annotated[Name, Meta(description="the agent that performs the action")] = "user space"
    guest: Annotated[
        Name, Meta(description="which guest runs; actions with the same name are visits of the same guest")
    ] = "guest"
    rounds: Annotated[
        int,
        Meta(ge=1, le=MOST_ROUNDS, description="1 to 1000; how often the guest enters, touching SVE each time"),
    ] = 1


class VectorExpectTable(Table):
    """The expected record of one kind of vector lengths at the end; a key that is left out allows any value."""

    supported: Annotated[bool | UnsetType, Meta(description="whether the system has SVE, or SME")] = UNSET
    vq_map_bits: Annotated[Lengths | UnsetType, Meta(description="the lengths that all early CPUs have")] = UNSET
    vq_partial_map_bits: Annotated[Lengths | UnsetType, Meta(description="the lengths that any early CPU has")] = UNSET
    min_vl_bytes: Annotated[int | UnsetType, Meta(description="the smallest VL")] = UNSET
    max_vl_bytes: Annotated[int | UnsetType, Meta(description="the largest VL of tasks")] = UNSET
    default_vl_bytes: Annotated[int | UnsetType, Meta(description="the initial VL of tasks")] = UNSET
    max_virtualisable_vl_bytes: Annotated[int | UnsetType, Meta(description="the bound on guests' VLs")] = UNSET
    max_cpu_vl_bytes: Annotated[int | UnsetType, Meta(description="the largest VL of any counted CPU")] = UNSET


class ExpectTable(Table):
    """The expected outcome, for tests; a boot does not depend on it."""

    cpus: Annotated[
        dict[str, CpuState] | UnsetType,
        Meta(description='CPUs by name: "online", "offline", "refused", "not started" or "lost" at the end'),
    ] = UNSET
    log: Annotated[list[str] | UnsetType, Meta(description="parts of lines of the kernel log, in this order")] = UNSET
    hazards: Annotated[
        list[Annotated[str, Meta(extra_json_schema={"enum": HAZARDS})]] | UnsetType,
        Meta(description="all hazards, by the names that asymboot list hazards shows"),
    ] = UNSET
    capabilities: Annotated[
        list[str] | UnsetType,
        Meta(description="capabilities that the system has at the end, by the words of the log or their names"),
    ] = UNSET
    hwcaps: Annotated[
        list[str] | UnsetType, Meta(description="all hwcaps at the end, by the names in /proc/cpuinfo, in any order")
    ] = UNSET
    taint: Annotated[
        Annotated[int, Meta(ge=0)] | UnsetType, Meta(description="the kernel's taint, as far as CPUs cause it")
    ] = UNSET
    sve: Annotated[VectorExpectTable | UnsetType, Meta(description="the record of SVE lengths")] = UNSET
    sme: Annotated[VectorExpectTable | UnsetType, Meta(description="the record of SME lengths")] = UNSET


class ScenarioTable(Table):
    """One system, its kernel, and the actions of user space."""

    topology: Annotated[TopologyTable, Meta(description="the CPUs")]
    schema_version: Annotated[Literal[1], Meta(description="version of this format; only 1 is allowed")] = (
        SCHEMA_VERSION
    )
    name: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(description="the scenario's name, at most 200 characters; by default the file's name without .toml"),
    ] = ""
    description: Annotated[str, Meta(description="for readers; the simulator does not use it")] = ""
    seed: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_SEED,
            description="0 to 2^62 - 1; seeds random latencies and the order of simultaneous events",
        ),
    ] = 0
    kernel: Annotated[KernelTable, Meta(description="the kernel")] = msgspec.field(default_factory=KernelTable)
    pkvm: Annotated[PkvmTable, Meta(description="pKVM's relay and memory")] = msgspec.field(default_factory=PkvmTable)
    design: Annotated[DesignTable | None, Meta(description="how pKVM saves the host's SVE registers")] = None
    latencies: Annotated[
        dict[str, Any], Meta(description="how long each step takes", extra_json_schema=_LATENCIES)
    ] = {}
    faults: Annotated[
        list[Annotated[FaultTable, Meta(extra_json_schema=_ONE_FAULT)]], Meta(description="the faults of firmware")
    ] = []
    actions: Annotated[
        list[Annotated[ActionTable, Meta(extra_json_schema=_ACTION)]], Meta(description="the actions of user space")
    ] = []
    expect: Annotated[ExpectTable | UnsetType, Meta(description="the expected outcome, for tests")] = UNSET
