"""Scenarios as TOML: `sim.files.scenario_file` reads the text of `scenario_text` as the same scenario."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import msgspec
import tomli_w

from sim.designs import DESIGNS, Design
from sim.errors import InputError
from sim.files.new_file import write_new
from sim.files.scenario_tables import (
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
from sim.latencies import PARAMETERS, Distribution, Latencies
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.vectors import LEN_FIELD, bits_from_vqs


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as the text of a scenario file, which leaves out the defaults.

    Raises:
        InputError: a file cannot list its CPUs in their order.
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
                cpu=one.cpu,
                answer=one.answer,
                never_arrives=one.never_arrives,
                arrives_after=None if one.arrives_after_ns is None else _duration(one.arrives_after_ns),
            )
            for one in scenario.faults
        ],
        actions=[
            ActionTable(
                do=one.do, cpu=one.cpu, at=_duration(one.at_ns), agent=one.agent, guest=one.guest, rounds=one.rounds
            )
            for one in scenario.actions
        ],
    )
    return tomli_w.dumps({"schema_version": table.schema_version, **_stated(table)})


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario to a file that does not exist yet.

    Raises:
        InputError: the file exists, or a file cannot list the scenario's CPUs in their order.
        OSError: the file cannot be written.
    """
    write_new(path, scenario_text(scenario))


def _stated(table: msgspec.Struct) -> dict[str, object]:
    """Return a table's keys and values without the defaults."""
    stated: dict[str, object] = {}
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        inner = _plain(value)
        if value is not msgspec.UNSET and value is not None and value != field.default and inner not in ({}, []):
            stated[field.name] = inner
    return stated


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return _stated(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    plain: object = value if value is msgspec.UNSET else msgspec.to_builtins(value)
    return plain


def _topology(topology: Topology) -> TopologyTable:
    cpus, clusters = _inside(list(topology.cpus), 0)
    if list(_names(cpus, clusters)) != [one.name for one in topology.cpus]:
        raise InputError("a scenario file has the CPUs of a cluster together, and those outside clusters first")
    return TopologyTable(
        boot_cpu=topology.boot_cpu,
        sve_rule=topology.sve_rule,
        any_vls=topology.any_vls,
        cpus=cpus,
        clusters=clusters,
    )


def _inside(cpus: list[Cpu], depth: int) -> tuple[list[CpuTable], list[ClusterTable]]:
    """Return the CPUs at a depth, and the clusters below it."""
    own = [_cpu(one) for one in cpus if len(one.clusters) == depth]
    below: dict[str, list[Cpu]] = {}
    for one in cpus:
        if len(one.clusters) > depth:
            below.setdefault(one.clusters[depth], []).append(one)
    clusters = []
    for name, members in below.items():
        inner, deeper = _inside(members, depth + 1)
        clusters.append(ClusterTable(name=name, cpus=inner, clusters=deeper))
    return own, clusters


def _names(cpus: list[CpuTable], clusters: list[ClusterTable]) -> Iterator[str | None]:
    """Yield the CPUs' names in the order in which a file lists them."""
    yield from (one.name for one in cpus)
    for cluster in clusters:
        yield from _names(cluster.cpus, cluster.clusters)


def _cpu(cpu: Cpu) -> CpuTable:
    has = msgspec.UNSET
    return CpuTable(
        name=cpu.name,
        mpidr=cpu.mpidr,
        sve_bits=has if cpu.sve_vqs is None else list(bits_from_vqs(cpu.sve_vqs)),
        sme_bits=has if cpu.sme_vqs is None else list(bits_from_vqs(cpu.sme_vqs)),
        zcr_el3_len=has if cpu.zcr_el3_len == LEN_FIELD else cpu.zcr_el3_len,
        smcr_el3_len=has if cpu.smcr_el3_len == LEN_FIELD else cpu.smcr_el3_len,
        late=cpu.late or has,
    )


def _kernel(scenario: Scenario) -> KernelTable:
    return KernelTable(
        series=scenario.kernel,
        flags=dict(scenario.kernel_flags),
        maxcpus=scenario.maxcpus,
        arm64_nosve=scenario.nosve,
        arm64_nosme=scenario.nosme,
        kvm_mode=scenario.kvm_mode,
        el2=scenario.el2,
        page_bytes=next(one for one in PAGE_BYTES if one == scenario.page_bytes),
        bring_up=scenario.bring_up,
        kvm_init=scenario.kvm_init,
    )


def _design(design: Design) -> DesignTable:
    return DesignTable(base=design.name) if DESIGNS.get(design.name) == design else design_table(design)


def design_table(design: Design) -> DesignTable:
    """Return the table of a design, with every choice written out."""
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
        drawn, usual = getattr(latencies, field.name), getattr(Latencies(), field.name)
        if drawn != usual:
            yield field.name, _distribution(drawn)


def _distribution(one: Distribution) -> dict[str, object]:
    names = PARAMETERS[one.name]
    values = zip(names, one.parameters, strict=True)
    return {"distribution": one.name} | {
        name: value if name == "sigma" else _duration(int(value)) for name, value in values
    }


def _duration(ns: int) -> str:
    return f"{ns}ns" if ns else "0s"
