"""Comparisons: every design on one scenario, side by side."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import msgspec

from sim.arguments import checked, checked_fields
from sim.boot_run import boot
from sim.designs import Design
from sim.errors import InputError
from sim.facts import Facts
from sim.frames import as_html, frame
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome, scenario_row
from sim.rows import SCHEMA_VERSION
from sim.scenario import MemoryLayout, Relay, Scenario
from sim.study.comparison_rows import ClusterRow, ComparisonRecord, DesignRow
from sim.study.variants import designs_beside
from sim.units import counted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
@checked_fields
class Comparison:
    """The outcomes of a scenario under each design, relay and memory.

    There is a row for each boot, and a row for each cluster in each boot.

    Args:
        scenario: the scenario that was compared.
        design_rows: a row for each boot.
        cluster_rows: a row for each cluster in each boot.

    >>> from sim import compare, read_scenario
    >>> [row.design for row in compare(read_scenario("bug")).design_rows][:3]
    ['v6.11', 'brown-v1', 'brown-v4']
    """

    scenario: Scenario
    design_rows: list[DesignRow]
    cluster_rows: list[ClusterRow]

    def __repr__(self) -> str:
        return f"<Comparison of {self.scenario.name!r}: {counted(len(self.design_rows), 'boot')}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.designs)

    @cached_property
    def designs(self) -> "pd.DataFrame":
        """The designs; columns of `DesignRow`."""
        return frame(self.design_rows, DesignRow)

    @cached_property
    def clusters(self) -> "pd.DataFrame":
        """The VLs that the host can run with on each cluster afterwards; columns of `ClusterRow`."""
        return frame(self.cluster_rows, ClusterRow)

    def record(self) -> ComparisonRecord:
        """Return everything, as JSON has it."""
        return ComparisonRecord(SCHEMA_VERSION, scenario_row(self.scenario), self.design_rows, self.cluster_rows)


@checked
def compare(
    scenario: Scenario,
    *,
    designs: Sequence[Design | str | None] | None = None,
    relays: Sequence[Relay | str] | None = None,
    memories: Sequence[MemoryLayout | str] | None = None,
) -> Comparison:
    """Boot a scenario under each design, each relay and each memory.

    Args:
        scenario: the scenario. If `designs` is not given and its own design is not a named design, that comes first.
        designs: designs or their names; None among them is the design of the kernel series. If not given, the
            scenario's own design and all named designs.
        relays: settings of the relay; if not given, the scenario's.
        memories: what surrounds the buffers; if not given, the scenario's.

    Raises:
        InputError: a name is unknown, or two designs have the same name.

    >>> from sim import Scenario, Topology
    >>> compare(Scenario(Topology.of([[128], [128, 256]]), kvm_mode="protected"))
    <Comparison of '': 8 boots>
    """
    chosen = list(designs_beside(scenario) if designs is None else designs)
    names = Counter(design.name if isinstance(design, Design) else str(design) for design in chosen)
    for name, times in names.items():
        if times > 1:
            raise InputError(f"two designs are named {name!r}: give each a name of its own")
    settings = product(relays or [scenario.relay], memories or [scenario.memory], chosen)
    design_rows: list[DesignRow] = []
    cluster_rows: list[ClusterRow] = []
    for relay, memory, design in settings:
        outcome = boot(scenario.but(relay=relay, memory=memory, design=design))
        design_rows.append(_design_row(outcome, own=outcome.scenario.active_design == scenario.active_design))
        cluster_rows += _cluster_rows(outcome)
    return Comparison(scenario, design_rows, cluster_rows)


def _design_row(outcome: Outcome, *, own: bool) -> DesignRow:
    """Return the row of a boot; `own` is True if it has the scenario's own design."""
    facts, scenario = outcome.facts, outcome.scenario
    late = {number for number in range(len(scenario.topology.cpus)) if facts.role(number) == "late"}
    hazards = Counter(hazard.kind for hazard in outcome.found)
    design, relay, memory = _settings(outcome)
    columns: dict[str, str | int | None] = {
        "design": design,
        "own": own,
        "relay": relay,
        "memory": memory,
        "late_cpus": len(late),
        "late_accepted": len(late & facts.ever_online),
        "late_refused": len(late & {one.cpu for one in facts.refused}),
        "late_refused_by_relay": len(late & {one.cpu for one in facts.relay_refused}),
        "late_warned": len(late & {one.cpu for one in facts.announced}),
        "asked_bytes": None if facts.buffers is None else facts.buffers.asked_bytes,
        "pages": None if facts.buffers is None else 1 << facts.buffers.page_order,
    }
    # The columns of hazards follow from `HazardKind`: a kind that is added needs no change here.
    return msgspec.convert(columns | {kind.value: hazards[kind] for kind in HazardKind}, DesignRow)


def _settings(outcome: Outcome) -> tuple[str, str, str]:
    """Return the names of a boot's design, relay and memory."""
    scenario = outcome.scenario
    design = "none" if scenario.active_design is None else scenario.active_design.name
    return design, str(scenario.relay), str(scenario.memory)


def _cluster_rows(outcome: Outcome) -> Iterator[ClusterRow]:
    """Yield the row of each cluster in a boot; after a panic no CPU counts as online."""
    facts = outcome.facts
    alive = frozenset[int]() if facts.panic is not None else frozenset(facts.online)
    for name, members in _clusters(facts).items():
        online = [facts.host_max_vl_bytes(number) for number in members if number in alive]
        yield ClusterRow(
            *_settings(outcome),
            cluster=name,
            cpus=len(members),
            online=len(online),
            least_host_max_vl_bytes=min(online, default=None),
            host_max_vl_bytes=max(online, default=None),
        )


def _clusters(facts: Facts) -> dict[str, list[int]]:
    """Return the logical numbers of each cluster's CPUs. CPUs outside clusters are grouped if they are alike."""
    inside: dict[str, list[int]] = {}
    outside: dict[tuple[int | None, bool], list[int]] = {}
    for number, one in enumerate(facts.scenario.topology.logical):
        if one.clusters:
            inside.setdefault("/".join(one.clusters), []).append(number)
        else:
            outside.setdefault((one.usable_sve_vqs, facts.role(number) == "late"), []).append(number)
    labels = {facts.scenario.topology.labels(numbers): numbers for numbers in outside.values()}
    # A cluster may be named as a group of CPUs outside clusters is, for example "cpu0-3".
    return {f"{label} (no cluster)" if label in inside else label: one for label, one in labels.items()} | inside
