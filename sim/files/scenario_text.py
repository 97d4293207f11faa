"""Scenarios as TOML: `sim.files.scenario_file` reads the text of `scenario_text` as the same scenario.

The limit: a file lists the CPUs outside clusters first, then cluster by cluster. A topology in any other order cannot
be written.
"""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import msgspec

from sim.arguments import checked
from sim.cores import known_core
from sim.designs import DESIGNS, Design
from sim.errors import InputError
from sim.files.core_properties import lacks_lengths, stated_fields, stated_gic, stated_registers, vhe_of
from sim.files.new_file import write_new
from sim.files.scenario_tables import (
    LEVELS,
    PAGE_BYTES,
    ActionTable,
    ClusterTable,
    CpuTable,
    DesignTable,
    FaultTable,
    KernelTable,
    PkvmTable,
    ScenarioTable,
    TopologyTable,
)
from sim.files.toml_tables import text_from_data
from sim.id_registers import Core
from sim.latencies import PARAMETERS, Distribution, Latencies
from sim.scenario import Fault, Scenario
from sim.topology import Cpu, EnableMethod, Features, Topology
from sim.vectors import LEN_FIELD, VectorType, bits_from_vqs


@checked
def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as the text of a scenario file, which leaves out the defaults.

    Args:
        scenario: the scenario.

    Raises:
        InputError: a file cannot list its CPUs in their order, or cannot hold it, such as a name of 61 characters.

    >>> from sim import Scenario, Topology
    >>> scenario_text(Scenario(Topology.of([[128, 256]]), name="one")).splitlines()[:2]
    ['schema_version = 1', 'name = "one"']
    """
    table = ScenarioTable(
        name=scenario.name,
        seed=scenario.seed,
        topology=_topology(scenario.topology),
        kernel=_kernel(scenario),
        pkvm=PkvmTable(
            relay=scenario.relay,
            memory=scenario.memory,
            allocation_fails_at=scenario.allocation_fails_at,
        ),
        design=_design(scenario.design) if isinstance(scenario.design, Design) else None,
        latencies=dict(latencies_data(scenario.latencies)),
        faults=[
            FaultTable(
                cpu=fault.cpu,
                cpu_on=_cpu_ons(fault),
                answer=fault.answer,
                never_arrives=fault.never_arrives,
                arrives_after=None if fault.arrives_after_ns is None else _duration(fault.arrives_after_ns),
                stays_on=fault.stays_on,
                stands_for=fault.stands_for,
            )
            for fault in scenario.faults
        ],
        actions=[
            ActionTable(
                do=action.do,
                cpu=action.cpu,
                at=_duration(action.at_ns),
                agent=action.agent,
                guest=action.guest,
                rounds=action.rounds,
            )
            for action in scenario.actions
        ],
    )
    # The version is written though it is the default, so that the file says which format it has.
    return text_from_data({"schema_version": table.schema_version, **_stated(table)}, ScenarioTable)


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario to a file that does not exist yet.

    Raises:
        InputError: the file exists, or no file can hold the scenario.
        OSError: the file cannot be written.
    """
    write_new(path, scenario_text(scenario))


def _stated(table: msgspec.Struct) -> dict[str, object]:
    """Return a table's keys and values without the defaults."""
    stated: dict[str, object] = {}
    for field in msgspec.structs.fields(table):
        # Lists and tables have a factory instead of a default: of these the empty value is left out.
        value = getattr(table, field.name)
        inner = _plain(value)
        # An empty list is a statement where a missing key means something else: sve_bits = [] means no SVE.
        is_empty = inner in ({}, []) and not (inner == [] and field.default is msgspec.UNSET)
        if value is not msgspec.UNSET and value is not None and value != field.default and not is_empty:
            stated[field.name] = inner
    return stated


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return _stated(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    plain: object = value if value is msgspec.UNSET else msgspec.to_builtins(value)
    return plain


def _topology(topology: Topology) -> TopologyTable:
    cpus, clusters = _inside(list(topology.cpus), 0)
    # The tables are grouped by cluster. If that changed the order of CPUs, their numbers would change on reading.
    if list(_names(cpus, clusters)) != [cpu.name for cpu in topology.cpus]:
        raise InputError("a scenario file has the CPUs of a cluster together, and those outside clusters first")
    return TopologyTable(
        boot_cpu=topology.boot_cpu,
        sve_rule=topology.sve_rule,
        any_vls=topology.any_vls,
        cpus=cpus,
        clusters=clusters,
    )


def _inside(cpus: list[Cpu], depth: int) -> tuple[list[CpuTable], list[ClusterTable]]:
    """Return the tables of CPUs that are in a cluster themselves, and the tables of the clusters inside it.

    Args:
        cpus: every CPU in the cluster, at any depth.
        depth: the number of clusters around its own CPUs; 0 for the topology itself.
    """
    own = [_cpu(cpu) for cpu in cpus if len(cpu.clusters) == depth]
    below: dict[str, list[Cpu]] = {}
    for cpu in cpus:
        if len(cpu.clusters) > depth:
            below.setdefault(cpu.clusters[depth], []).append(cpu)
    clusters = []
    for name, members in below.items():
        inner, deeper = _inside(members, depth + 1)
        clusters.append(ClusterTable(name=name, cpus=inner, clusters=deeper))
    return own, clusters


def _names(cpus: list[CpuTable], clusters: list[ClusterTable]) -> Iterator[str | None]:
    """Yield the CPUs' names in the order in which a file lists them."""
    yield from (cpu.name for cpu in cpus)
    for cluster in clusters:
        yield from _names(cluster.cpus, cluster.clusters)


def _cpu(cpu: Cpu) -> CpuTable:
    # Every CPU states its own properties. None of them is inherited, because the cluster's table states none.
    unstated, method = msgspec.UNSET, cpu.firmware.enable_method
    return CpuTable(
        name=cpu.name,
        mpidr=cpu.mpidr,
        core=unstated if not cpu.features.core.has_all_features else cpu.features.core.name,
        midr=_midr(cpu.features.core),
        registers=stated_registers(cpu),
        features=stated_fields(cpu),
        gic=stated_gic(cpu.features.core),
        hides=[f"{field.register}.{field.name}" for field in cpu.firmware.hidden] or unstated,
        unaffected=sorted(cpu.firmware.unaffected) or unstated,
        sve_bits=_bits(cpu, VectorType.SVE),
        sme_bits=_bits(cpu, VectorType.SME),
        zcr_el3_len=unstated if cpu.zcr_el3_len == LEN_FIELD else cpu.zcr_el3_len,
        smcr_el3_len=unstated if cpu.smcr_el3_len == LEN_FIELD else cpu.smcr_el3_len,
        cptr_el3_ez=unstated if cpu.is_enabled(VectorType.SVE) else False,
        cptr_el3_esm=unstated if cpu.is_enabled(VectorType.SME) else False,
        el=next((level for level in LEVELS if level == cpu.firmware.el), unstated),
        vhe=_vhe(cpu.features),
        enable_method=unstated if method is EnableMethod.PSCI else method,
        late=cpu.late or unstated,
    )


def _vhe(features: Features) -> bool | msgspec.UnsetType:
    """Return True or False if a CPU can, or cannot, run a kernel at EL2 otherwise than its core says."""
    by_itself = replace(features, vhe=vhe_of(msgspec.UNSET, features.core))
    return msgspec.UNSET if by_itself.vhe is features.vhe else features.vhe


def _bits(cpu: Cpu, vector_type: VectorType) -> list[int] | msgspec.UnsetType:
    """Return a CPU's lengths; a CPU without them says so only where its core may have them."""
    vqs = cpu.vqs(vector_type)
    if vqs is not None:
        return list(bits_from_vqs(vqs))
    return msgspec.UNSET if lacks_lengths(cpu.features.core, vector_type) else []


def _midr(core: Core) -> str | msgspec.UnsetType:
    """Return MIDR_EL1 where the core's name does not say it."""
    if not core.has_all_features or known_core(core.name).midr == core.midr:
        return msgspec.UNSET
    return f"{core.midr:#010x}"


def _kernel(scenario: Scenario) -> KernelTable:
    return KernelTable(
        series=scenario.kernel,
        flags=dict(scenario.kernel_flags),
        maxcpus=scenario.maxcpus,
        arm64_nosve=scenario.arm64_nosve,
        arm64_nosme=scenario.arm64_nosme,
        options=scenario.options,
        kaslr=scenario.kaslr,
        config=dict(scenario.kernel_config),
        kvm_mode=scenario.kvm_mode,
        el2=scenario.el2,
        # The same number, as the literal type of the table.
        page_bytes=next(size for size in PAGE_BYTES if size == scenario.page_bytes),
        bring_up=scenario.bring_up,
        kvm_init=scenario.kvm_init,
    )


def _design(design: Design) -> DesignTable:
    # By name only if it is equal to the design of that name: a program may have changed it and kept the name.
    return DesignTable(base=design.name) if DESIGNS.get(design.name) == design else design_table(design)


def design_table(design: Design) -> DesignTable:
    """Return the table of a design, with every choice written out.

    The base then matters only for `nosve`, which no choice expresses.
    """
    return DesignTable(
        base="nosve" if design.nosve else "v6.11",
        name=design.name,
        buffer_sized_by=design.buffer_sized_by,
        zcr_el2=design.zcr_el2,
        ffr_pointer=design.ffr_pointer,
        late_cpu=design.late_cpu,
        late_store=design.late_store,
    )


def latencies_data(latencies: Latencies) -> Iterator[tuple[str, object]]:
    """Yield the latencies that differ from the defaults, as a file's table states them."""
    for field in fields(Latencies):
        latency, default = getattr(latencies, field.name), getattr(Latencies(), field.name)
        if latency != default:
            yield field.name, _distribution(latency)


def _distribution(distribution: Distribution) -> dict[str, object]:
    names = PARAMETERS[distribution.name]
    values = zip(names, distribution.parameters, strict=True)
    return {"distribution": distribution.name} | {
        name: value if name == "sigma" else _duration(int(value)) for name, value in values
    }


def _cpu_ons(fault: Fault) -> int | str:
    return fault.first if fault.first == fault.last else f"{fault.first}-{fault.last or ''}"


def _duration(ns: int) -> str:
    # Nanoseconds are exact. "0s" is the default as the tables have it, so that it is recognised and left out.
    return f"{ns}ns" if ns else "0s"
