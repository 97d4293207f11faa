"""The tables of a space file as classes: their keys, types, defaults, ranges and meaning.

docs/sweeps.md describes them at greater length.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sim.files.scenario_tables import Bits, DesignTable, FieldValue, Lengths, Name, RegisterValue, Table
from sim.files.toml_tables import table_from_text
from sim.kernel_release import DEFAULT
from sim.scenario import KvmMode, MemoryLayout, Relay
from sim.study.mixture_space import LEAST_CLUSTERS, MOST_CLUSTERS, MOST_CORES, MOST_CPUS_OF_CLUSTER
from sim.study.system_space import MOST_GROUPS, MOST_WEIGHT, NamedSets
from sim.topology import MOST_CPUS, Weakness

SCHEMA_VERSION: Literal[1] = 1
"""Version of the format."""


class SetTable(Table):
    """A candidate set of lengths, with how often it occurs beside the others."""

    sve_bits: Annotated[Lengths, Meta(description="the SVE lengths; an empty list: no SVE")]
    weight: Annotated[int, Meta(ge=1, le=MOST_WEIGHT, description="how often it occurs beside the others")] = 1


class GroupTable(Table):
    """CPUs that share a set of lengths, or many such groups that are alike."""

    name: Annotated[Name, Meta(description="the group's name; of several groups, the part before their numbers")]
    sets: Annotated[
        NamedSets | list[SetTable | Lengths],
        Meta(description='"legal", "powers-of-two", or a list of sets: lists of lengths, or tables with a weight'),
    ]
    up_to_bits: Annotated[
        Bits | None, Meta(description='the largest length of "legal" or "powers-of-two" sets, which need it')
    ] = None
    count: Annotated[int, Meta(ge=1, le=MOST_GROUPS, description="number of equal groups, each with its own set")] = 1
    cpus: Annotated[int, Meta(ge=1, le=MOST_CPUS, description="number of CPUs that share one set: a cluster")] = 1
    late: Annotated[bool, Meta(description="left out of the early bring-up")] = False


class SpaceTable(Table):
    """A space of systems and the settings to boot them under."""

    groups: Annotated[
        list[GroupTable], Meta(min_length=1, max_length=MOST_GROUPS, description="the CPUs, in ascending number")
    ]
    schema_version: Annotated[Literal[1], Meta(description="version of this format; only 1 is allowed")] = (
        SCHEMA_VERSION
    )
    name: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(description="the space's name; by default the file's, without .toml"),
    ] = ""
    description: Annotated[str, Meta(description="for readers; the simulator does not use it")] = ""
    boot: Annotated[
        str | None, Meta(description="the group that holds the boot CPU; by default the first early group")
    ] = None
    kernel: Annotated[str, Meta(description='kernel series or release, from "6.1" on')] = DEFAULT
    kernel_flags: Annotated[
        dict[str, bool], Meta(description="kernel flags that are set otherwise than in the release, by name")
    ] = msgspec.field(default_factory=dict)
    designs: Annotated[
        Annotated[list[DesignTable | str], Meta(min_length=1)] | None,
        Meta(description="names of designs, or tables as in scenario files; by default all named designs"),
    ] = None
    relays: Annotated[tuple[Relay, ...], Meta(min_length=1, description="pKVM's PSCI relay")] = tuple(Relay)
    kvm_modes: Annotated[tuple[KvmMode, ...], Meta(min_length=1, description="kvm-arm.mode=")] = (KvmMode.PROTECTED,)
    memories: Annotated[
        tuple[MemoryLayout, ...], Meta(min_length=1, description="what lies around each buffer at EL2")
    ] = (MemoryLayout.ADJACENT,)
    latencies: Annotated[
        dict[str, Any], Meta(description="how long each step takes, in timing studies; as in scenario files")
    ] = msgspec.field(default_factory=dict)


class CoreTable(Table):
    """A core of a space of mixtures, where it is not just as the table of cores has it."""

    core: Annotated[Name, Meta(description="the core, by its compatible string")]
    name: Annotated[Name | None, Meta(description="the core's name in tables; by default its compatible string")] = None
    midr: Annotated[RegisterValue | UnsetType, Meta(description="MIDR_EL1")] = UNSET
    registers: Annotated[dict[str, RegisterValue] | UnsetType, Meta(description="ID registers")] = UNSET
    features: Annotated[dict[str, bool | FieldValue] | UnsetType, Meta(description="fields of ID registers")] = UNSET
    gic: Annotated[Literal[2, 3] | UnsetType, Meta(description="the version of the GIC")] = UNSET
    hides: Annotated[list[str] | UnsetType, Meta(description="fields that firmware hides")] = UNSET
    unaffected: Annotated[list[Weakness] | UnsetType, Meta(description="weaknesses that the core lacks")] = UNSET


class _Kind(msgspec.Struct):
    """The key that only a space of mixtures has."""

    cores: msgspec.Raw | object | UnsetType = UNSET


class MixtureTable(Table):
    """A space of mixtures of cores."""

    cores: Annotated[
        Literal["all"] | Annotated[list[str | CoreTable], Meta(max_length=MOST_CORES)],
        Meta(description='the cores: "all" whose registers are known, or a list of names and tables'),
    ]
    schema_version: Annotated[Literal[1], Meta(description="version of this format; only 1 is allowed")] = (
        SCHEMA_VERSION
    )
    name: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(description="the space's name; by default the file's, without .toml"),
    ] = ""
    description: Annotated[str, Meta(description="for readers; the simulator does not use it")] = ""
    clusters: Annotated[
        int, Meta(ge=LEAST_CLUSTERS, le=MOST_CLUSTERS, description="number of clusters, each of another core")
    ] = LEAST_CLUSTERS
    cpus: Annotated[int, Meta(ge=1, le=MOST_CPUS_OF_CLUSTER, description="number of CPUs of each cluster")] = 1
    kernels: Annotated[
        Literal["recorded"] | Annotated[list[str], Meta(min_length=1)],
        Meta(description='kernel series or releases, or "recorded": those with recorded boots'),
    ] = msgspec.field(default_factory=lambda: [DEFAULT])
    kvm_mode: Annotated[Literal["default", "nvhe"], Meta(description="kvm-arm.mode=")] = "default"


def is_of_cores(text: str) -> bool:
    """Return True if the text of a space file is a space of mixtures of cores.

    Raises:
        InputError: the text is not TOML.
    """
    return table_from_text(text, _Kind).cores is not UNSET
