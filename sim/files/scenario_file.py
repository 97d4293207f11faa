"""Scenario files: TOML, checked against `sim.files.scenario_tables`, made into a `sim.scenario.Scenario`.

docs/scenario-files.md describes the format for users.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

import msgspec
from msgspec import UNSET

from sim.arguments import checked
from sim.cores import named_field
from sim.cpufeature_tables.feature_words import check_config, check_options
from sim.designs import DESIGNS, Design, named
from sim.errors import InputError, closest, did_you_mean
from sim.files.core_properties import check_agreement, core_of, el_of, hidden_fields, lengths_of, vhe_of
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
from sim.files.shipped_scenarios import find
from sim.files.toml_tables import at, read_text, table_from_data, table_from_text
from sim.kernel_flags import kernel_flags
from sim.kernel_release import kernel_release
from sim.latencies import PARAMETERS, Distribution, Latencies, fixed
from sim.scenario import Action, Do, Fault, Scenario
from sim.topology import MOST_CPUS, Cpu, EnableMethod, Topology, cpu
from sim.units import nanoseconds
from sim.vectors import LEN_FIELD, VectorType

_PROPERTIES = [field.name for field in msgspec.structs.fields(CpuProperties)]
DEEPEST_CLUSTER = 16
"""The deepest nesting of clusters that is read; readers recurse once for each level."""
_CPU_ONS = re.compile(r"(?P<first>[1-9]\d{0,8})?-(?P<last>[1-9]\d{0,8})?", re.ASCII)


@checked
def read_scenario(path: Path | str) -> Scenario:
    """Read a scenario file.

    Args:
        path: the file, or the name of a scenario that ships where there is no such file.

    Raises:
        InputError: anything in the file is wrong; the line names the file, the place and what is allowed.

    >>> read_scenario("bug")
    <Scenario 'the bug of Linux 6.11': CPUs 2, kernel 6.11, design v6.11, KVM protected, relay enforcing, actions 1>
    """
    path = find(Path(path))
    with at(f"{path}"):
        return scenario_from_text(read_text(path, "scenario"), default_name=path.stem)


def scenario_from_text(text: str, default_name: str = "") -> Scenario:
    """Make a scenario from the text of a scenario file.

    Raises:
        InputError: the text is not TOML, or describes an impossible scenario.
    """
    return scenario_from_table(table_from_text(text, ScenarioTable), default_name)


def scenario_from_data(raw: dict[str, object], default_name: str = "") -> Scenario:
    """Make a scenario from the content of a scenario file, as plain values.

    Raises:
        InputError: the content describes an impossible scenario.
    """
    return scenario_from_table(table_from_data(raw, ScenarioTable), default_name)


def scenario_from_table(table: ScenarioTable, default_name: str) -> Scenario:
    """Make a scenario from the table that a scenario file is.

    Raises:
        InputError: the table describes an impossible scenario.
    """
    # `Scenario` checks series, flags and names of CPUs itself. They are checked here first, so that the message can say
    # where in the file the mistake is.
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
        release = kernel_release(kernel.series)
    with at("kernel.flags"):
        kernel_flags(release, kernel.flags)
    with at("kernel"):
        check_options(kernel.options, release.series)
        check_config(kernel.config)
    return Scenario(
        topology,
        kernel=kernel.series,
        kernel_flags=kernel.flags,
        design=None if table.design is None else design_from(table.design),
        kvm_mode=kernel.kvm_mode,
        el2=kernel.el2,
        maxcpus=kernel.maxcpus,
        arm64_nosve=kernel.arm64_nosve,
        arm64_nosme=kernel.arm64_nosme,
        options=kernel.options,
        kaslr=kernel.kaslr,
        kernel_config=kernel.config,
        relay=pkvm.relay,
        memory=pkvm.memory,
        page_bytes=kernel.page_bytes,
        allocation_fails_at=pkvm.allocation_fails_at,
        bring_up=kernel.bring_up,
        kvm_init=kernel.kvm_init,
        actions=tuple(_action(index, action, topology) for index, action in enumerate(table.actions)),
        faults=tuple(_fault(index, fault, topology) for index, fault in enumerate(table.faults)),
        latencies=latencies_from(table.latencies),
        seed=table.seed,
        name=table.name or default_name,
    )


# Topology


def _cpus(table: TopologyTable) -> Iterator[Cpu]:
    """Yield the CPUs in the order of the file: those outside clusters, then cluster by cluster."""
    # One iterator for the whole file: it gives CPUs without a name their place in the file.
    numbers = iter(range(MOST_CPUS + 1))
    nothing_stated = CpuProperties(enable_method=table.enable_method)
    yield from _listed("cpus", table.cpus, nothing_stated, (), numbers)
    yield from _clusters("clusters", table.clusters, nothing_stated, (), numbers)


def _clusters(
    place: str, clusters: list[ClusterTable], above: CpuProperties, path: tuple[str, ...], numbers: Iterator[int]
) -> Iterator[Cpu]:
    """Yield the CPUs of clusters that lie side by side.

    Args:
        place: where the clusters are in the file, for messages.
        clusters: the clusters.
        above: the properties that the clusters inherit.
        path: the names of the clusters around them, outermost first.
        numbers: the places in the file of the CPUs that are still to come.
    """
    if len(path) > DEEPEST_CLUSTER:
        raise InputError(f"clusters lie more than {DEEPEST_CLUSTER} deep")
    names = [cluster.name or f"cluster{index}" for index, cluster in enumerate(clusters)]
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f"{place}: two clusters are named {name!r}")
    for index, cluster in enumerate(clusters):
        here = f"{place}[{index}]"
        with at(here):
            check_agreement(cluster)
        given = _inherited(above, cluster)
        inside = (*path, names[index])
        yield from _listed(f"{here}.count", [CpuTable()] * cluster.count, given, inside, numbers)
        yield from _listed(f"{here}.cpus", cluster.cpus, given, inside, numbers)
        yield from _clusters(f"{here}.clusters", cluster.clusters, given, inside, numbers)


def _inherited(above: CpuProperties, own: CpuProperties) -> CpuProperties:
    """Return the properties that a table states, and for the others those of the table around it.

    An empty list is a statement: the CPU lacks the extension, even if its cluster has it. A register is a statement on
    all its fields, even on those that its cluster states.
    """
    stated = {
        name: value for table in (above, own) for name in _PROPERTIES if (value := getattr(table, name)) is not UNSET
    }
    # Another core has other registers, so those of the cluster's core are no longer meant.
    if own.core is not UNSET:
        for name in ("midr", "registers", "features"):
            if getattr(own, name) is UNSET:
                stated.pop(name, None)
    if own.registers is not UNSET and own.features is UNSET and (fields := stated.get("features")):
        stated["features"] = {
            name: value for name, value in fields.items() if named_field(name).register not in own.registers
        }
    return CpuProperties(**stated)


def _listed(
    place: str, cpus: list[CpuTable], above: CpuProperties, path: tuple[str, ...], numbers: Iterator[int]
) -> Iterator[Cpu]:
    for index, table in enumerate(cpus):
        with at(f"{place}[{index}]"):
            check_agreement(table)
            yield _cpu_of(table, _inherited(above, table), path, next(numbers, MOST_CPUS))


def _cpu_of(table: CpuTable, given: CpuProperties, path: tuple[str, ...], number: int) -> Cpu:
    # Refused at the first CPU too many, before the rest of a huge count is made.
    if number >= MOST_CPUS:
        raise InputError(f"a topology has at most {MOST_CPUS:,} CPUs")
    core = core_of(given)
    return cpu(
        table.name or f"cpu{number}",
        lengths_of(given.sve_bits, core, VectorType.SVE),
        lengths_of(given.sme_bits, core, VectorType.SME),
        zcr_el3_len=LEN_FIELD if given.zcr_el3_len is UNSET else given.zcr_el3_len,
        smcr_el3_len=LEN_FIELD if given.smcr_el3_len is UNSET else given.smcr_el3_len,
        cptr_el3_ez=given.cptr_el3_ez is not False,
        cptr_el3_esm=given.cptr_el3_esm is not False,
        el=el_of(given.el, core),
        vhe=vhe_of(given.vhe, core),
        enable_method=EnableMethod.PSCI if given.enable_method is UNSET else given.enable_method,
        core=core,
        hidden=hidden_fields(given),
        unaffected=frozenset() if given.unaffected is UNSET else frozenset(given.unaffected),
        late=given.late is True,
        mpidr=table.mpidr,
        clusters=path,
    )


# The rest


def design_from(table: DesignTable, place: str = "design") -> Design:
    """Return the design that a table describes: its base, with the stated choices in place of the base's.

    A changed design never has the name of a named design, so that no result passes it off as that.

    Args:
        table: the table.
        place: where the table is in the file, for messages.

    Raises:
        InputError: there is no such base, or another design has the name.
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


def _action(index: int, table: ActionTable, topology: Topology) -> Action:
    with at(f"actions[{index}]"):
        if table.cpu is not None:
            topology.number(table.cpu)
        elif table.do is not Do.SUSPEND:
            raise InputError("the key 'cpu' is missing")
        return Action(table.do, table.cpu, nanoseconds(table.at), table.agent, table.guest, table.rounds)


def _fault(index: int, table: FaultTable, topology: Topology) -> Fault:
    with at(f"faults[{index}]"):
        after = None if table.arrives_after is None else nanoseconds(table.arrives_after)
        first, last = _cpu_ons(table.cpu_on)
        kinds = table.answer, table.never_arrives, after
        fault = Fault(table.cpu, *kinds, first, last, table.stays_on, table.stands_for)
        topology.number(table.cpu)
        return fault


def _cpu_ons(text: int | str) -> tuple[int, int | None]:
    """Read which calls of CPU_ON a fault concerns: the numbers of the first and the last."""
    if isinstance(text, int):
        return text, text
    numbers = _CPU_ONS.fullmatch(text)
    if numbers is None or text == "-":
        raise InputError(f'cpu_on must be a number such as 2, or text such as "2-", "-2" or "2-3", and is {text!r:.40}')
    return int(numbers["first"] or 1), int(numbers["last"]) if numbers["last"] else None


def latencies_from(tables: Mapping[str, object]) -> Latencies:
    """Return the latencies that a file's table states, with defaults for the others.

    Raises:
        InputError: there is no such latency, or its value is not a duration.
    """
    known = [field.name for field in fields(Latencies)]
    stated = {}
    for name, value in tables.items():
        with at(f"latencies.{name[:60]}"):
            if name not in known:
                close = closest(name, known)
                hint = f"did you mean {close!r}? There" if close else "there"
                raise InputError(f"unknown latency: {hint} are {', '.join(known)}")
            stated[name] = fixed(value) if isinstance(value, str) else _distribution(value)
    return Latencies(**stated)


def _distribution(table: object) -> Distribution:
    if not isinstance(table, dict):
        raise InputError(f"must be a duration such as '200us' or a distribution's table, and is {table!r:.40}")
    name = str(table.get("distribution", ""))
    if name not in PARAMETERS:
        there_are = f"there are {', '.join(PARAMETERS)}{did_you_mean(name, PARAMETERS)}"
        raise InputError(f"unknown distribution {name[:40]!r}: {there_are}")
    wanted = PARAMETERS[name]
    if set(table) != {"distribution", *wanted}:
        raise InputError(f"{name} takes distribution, {', '.join(wanted)}, and nothing else")
    return Distribution(name, tuple(_parameter(key, table[key]) for key in wanted))


def _parameter(key: str, value: object) -> int | float:
    # sigma of a log-normal distribution has no unit; every other parameter is a duration.
    if key == "sigma":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("sigma is a plain number")
        return value
    if not isinstance(value, str):
        raise InputError(f"{key} is a duration with its unit, such as '200us'")
    return nanoseconds(value)
