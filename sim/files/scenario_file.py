"""Scenario files: TOML, checked against `sim.files.scenario_tables`, made into a `sim.scenario.Scenario`.

docs/scenario-files.md describes the format for users.
"""

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from msgspec import UNSET

from sim.designs import DESIGNS, Design, named
from sim.errors import InputError
from sim.files.scenario_tables import (
    ActionTable,
    ClusterTable,
    CpuProperties,
    CpuTable,
    DesignTable,
    FaultTable,
    ScenarioTable,
    TopologyTable,
)
from sim.files.toml_tables import at, read_text, table_from_data, table_from_text
from sim.kernel_flags import kernel_flags
from sim.kernel_series import kernel_series
from sim.latencies import PARAMETERS, Distribution, Latencies, fixed
from sim.scenario import Action, Fault, Scenario
from sim.topology import MOST_CPUS, Cpu, Topology
from sim.units import nanoseconds
from sim.vectors import LEN_FIELD, vqs_from_bits

DEEPEST_CLUSTER = 16


def read_scenario(path: Path | str) -> Scenario:
    """Read a scenario file.

    Raises:
        InputError: anything wrong with it, as one line that names the file, the place and what is allowed.
    """
    path = Path(path)
    with at(f"{path}"):
        return scenario_from_text(read_text(path, "scenario"), default_name=path.stem)


def scenario_from_text(text: str, default_name: str = "") -> Scenario:
    """Make a scenario from the text of a scenario file.

    Raises:
        InputError: it is no TOML, or says something that cannot be.
    """
    return scenario_from_table(table_from_text(text, ScenarioTable), default_name)


def scenario_from_data(raw: dict[str, Any], default_name: str = "") -> Scenario:
    """Make a scenario from what a scenario file holds, as plain values.

    Raises:
        InputError: it says something that cannot be.
    """
    return scenario_from_table(table_from_data(raw, ScenarioTable), default_name)


def scenario_from_table(table: ScenarioTable, default_name: str) -> Scenario:
    """Make a scenario from what a scenario file holds.

    Raises:
        InputError: it says something that cannot be.
    """
    kernel, pkvm = table.kernel, table.pkvm
    with at("topology"):
        topology = Topology(
            tuple(_cpus(table.topology)),
            boot_cpu=table.topology.boot_cpu,
            sve_rule=table.topology.sve_rule,
            any_vls=table.topology.any_vls,
        )
    if pkvm.allocation_fails_at is not None:
        with at("pkvm.allocation_fails_at"):
            topology.number(pkvm.allocation_fails_at)
    with at("kernel.series"):
        series = kernel_series(kernel.series)
    with at("kernel.flags"):
        kernel_flags(series, kernel.flags)
    return Scenario(
        topology,
        kernel=kernel.series,
        kernel_flags=kernel.flags,
        design=None if table.design is None else design_from(table.design),
        kvm_mode=kernel.kvm_mode,
        el2=kernel.el2,
        maxcpus=kernel.maxcpus,
        nosve=kernel.arm64_nosve,
        nosme=kernel.arm64_nosme,
        relay=pkvm.relay,
        memory=pkvm.memory,
        page_bytes=kernel.page_bytes,
        allocation_fails_at=pkvm.allocation_fails_at,
        bring_up=kernel.bring_up,
        kvm_init=kernel.kvm_init,
        actions=tuple(_action(place, one, topology) for place, one in enumerate(table.actions)),
        faults=tuple(_fault(place, one, topology) for place, one in enumerate(table.faults)),
        latencies=latencies_from(table.latencies),
        seed=table.seed,
        name=table.name or default_name,
    )


# Topology


def _cpus(table: TopologyTable) -> Iterator[Cpu]:
    numbers = iter(range(MOST_CPUS + 1))
    yield from _listed("cpus", table.cpus, {}, (), numbers)
    yield from _clusters("clusters", table.clusters, {}, (), numbers)


def _clusters(
    place: str, clusters: list[ClusterTable], above: dict[str, Any], path: tuple[str, ...], numbers: Iterator[int]
) -> Iterator[Cpu]:
    if len(path) > DEEPEST_CLUSTER:
        raise InputError(f"clusters lie more than {DEEPEST_CLUSTER} deep")
    for name, times in Counter(one.name for one in clusters).items():
        if times > 1:
            raise InputError(f"{place}: two clusters are named {name!r}")
    for index, one in enumerate(clusters):
        here = f"{place}[{index}]"
        given = above | _given(one)
        inside = (*path, one.name)
        yield from _listed(f"{here}.count", [CpuTable()] * one.count, given, inside, numbers)
        yield from _listed(f"{here}.cpus", one.cpus, given, inside, numbers)
        yield from _clusters(f"{here}.clusters", one.clusters, given, inside, numbers)


def _given(table: CpuProperties) -> dict[str, Any]:
    """The properties that a table states."""
    stated = {name: getattr(table, name) for name in CpuProperties.__struct_fields__}
    return {name: value for name, value in stated.items() if value is not UNSET}


def _listed(
    place: str, cpus: list[CpuTable], above: dict[str, Any], path: tuple[str, ...], numbers: Iterator[int]
) -> Iterator[Cpu]:
    for index, one in enumerate(cpus):
        with at(f"{place}[{index}]"):
            yield _cpu(one, above | _given(one), path, next(numbers, MOST_CPUS))


def _cpu(table: CpuTable, given: dict[str, Any], path: tuple[str, ...], number: int) -> Cpu:
    if number >= MOST_CPUS:
        raise InputError(f"a topology has at most {MOST_CPUS:,} CPUs")
    return Cpu.of(
        table.name or f"cpu{number}",
        vqs_from_bits(given["sve_bits"]) if given.get("sve_bits") else None,
        vqs_from_bits(given["sme_bits"]) if given.get("sme_bits") else None,
        zcr_el3_len=given.get("zcr_el3_len", LEN_FIELD),
        smcr_el3_len=given.get("smcr_el3_len", LEN_FIELD),
        late=given.get("late", False),
        mpidr=table.mpidr,
        clusters=path,
    )


# The rest


def design_from(table: DesignTable, place: str = "design") -> Design:
    """The design of a design's table, which lies at a place in the file.

    Raises:
        InputError: no such base, or a name that another design has.
    """
    with at(f"{place}.base"):
        base = named(table.base)
    choices = ("buffer_sized_by", "zcr_el2", "ffr_pointer", "late_cpu", "late_store")
    changed = {name: value for name in choices if (value := getattr(table, name)) is not None}
    if not changed and table.name is None:
        return base
    if table.name in DESIGNS:
        raise InputError(f"{place}.name: {table.name!r} is the name of another design: give this one a name of its own")
    return replace(base, name=table.name or f"{base.name}, changed", source=f"{base.name}, changed", **changed)


def _action(place: int, table: ActionTable, topology: Topology) -> Action:
    with at(f"actions[{place}]"):
        topology.number(table.cpu)
        return Action(table.do, table.cpu, nanoseconds(table.at), table.agent, table.guest, table.rounds)


def _fault(place: int, table: FaultTable, topology: Topology) -> Fault:
    with at(f"faults[{place}]"):
        after = None if table.arrives_after is None else nanoseconds(table.arrives_after)
        fault = Fault(table.cpu, table.answer, table.never_arrives, after)
        topology.number(table.cpu)
        return fault


def latencies_from(tables: dict[str, Any]) -> Latencies:
    """The latencies that a file's table says; the others are as by default.

    Raises:
        InputError: there is no such latency, or no such duration.
    """
    known = [one.name for one in fields(Latencies)]
    drawn = {}
    for name, value in tables.items():
        with at(f"latencies.{name[:60]}"):
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}? There" if close else "there"
                raise InputError(f"unknown latency: {hint} are {', '.join(known)}")
            drawn[name] = fixed(value) if isinstance(value, str) else _distribution(value)
    return Latencies(**drawn)


def _distribution(table: Any) -> Distribution:
    if not isinstance(table, dict):
        raise InputError(f"must be a duration such as '200us' or a distribution's table, and is {table!r:.40}")
    name = str(table.get("distribution", ""))
    if name not in PARAMETERS:
        raise InputError(f"unknown distribution {name[:40]!r}: there are {', '.join(PARAMETERS)}")
    wanted = PARAMETERS[name]
    if set(table) != {"distribution", *wanted}:
        raise InputError(f"{name} takes distribution, {', '.join(wanted)}, and nothing else")
    return Distribution(name, tuple(_parameter(key, table[key]) for key in wanted))


def _parameter(key: str, value: Any) -> int | float:
    if key == "sigma":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("sigma is a plain number")
        return value
    if not isinstance(value, str):
        raise InputError(f"{key} is a duration with its unit, such as '200us'")
    return nanoseconds(value)
