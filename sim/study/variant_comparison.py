"""The comparison of a scenario's variants: who comes online, what is refused, and what the system loses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from sim.arguments import checked, checked_fields
from sim.boot_run import boot
from sim.cpufeature_tables.tables import words_of_hwcap
from sim.errors import InputError, choice
from sim.facts import CpuState, Facts
from sim.feature_facts import FeatureState
from sim.frames import as_html, frame
from sim.outcome import Outcome, scenario_row
from sim.rows import SCHEMA_VERSION
from sim.scenario import Scenario
from sim.study.outcome_difference import difference
from sim.study.variant_rows import VariantRecord, VariantRow
from sim.study.variants import Axis, Label, Variant, variants
from sim.topology import Topology
from sim.units import counted

if TYPE_CHECKING:
    import pandas as pd


_RENAMED = {"GIC system register CPU interface": "GICv3 CPU interface"}
"""Capabilities that newer kernels call otherwise."""
_REFUSED_BY_RELAY = "pKVM's relay does not start a CPU that was not online at KVM's init"


class VariantStep(NamedTuple):
    """Two variants that differ in one axis only, where that axis goes from a setting to the next, and what differs."""

    axis: Axis
    a: int
    """The number of the variant with the earlier setting, from 1."""
    b: int
    first: str | None
    """The first difference between these two; None: nothing differs."""
    worst_hazard: str | None
    """The worst hazard that only one variant has; None: there is none, or it is the first difference."""


@dataclass(frozen=True)
@checked_fields
class VariantComparison:
    """The outcomes of a scenario's variants, as `compare_variants()` returns them.

    Args:
        scenario: the scenario.
        rows: a row for each variant.
        without_effect: the axes along which nothing differs but the setting itself.
        steps: what differs first between each two variants that are neighbours along an axis.

    >>> from sim import compare_variants, read_scenario
    >>> compare_variants(read_scenario("bug"), ["kernel"])
    <VariantComparison of 'the bug of Linux 6.11': 12 boots>
    """

    scenario: Scenario
    rows: list[VariantRow]
    without_effect: tuple[Axis, ...] = ()
    steps: tuple[VariantStep, ...] = ()

    def __repr__(self) -> str:
        return f"<VariantComparison of {self.scenario.name!r}: {counted(len(self.rows), 'boot')}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.variants)

    @cached_property
    def variants(self) -> "pd.DataFrame":
        """The variants; columns of `VariantRow`."""
        return frame(self.rows, VariantRow)

    def record(self) -> VariantRecord:
        """Return everything, as JSON has it."""
        without_effect = [str(axis) for axis in self.without_effect]
        return VariantRecord(SCHEMA_VERSION, scenario_row(self.scenario), without_effect, self.rows)


@checked
def compare_variants(scenario: Scenario, axes: Axis | str | Sequence[Axis | str]) -> VariantComparison:
    """Boot every variant of a scenario along some axes.

    Args:
        scenario: the scenario.
        axes: what differs: a member of `Axis` or its name, or several of them.

    Raises:
        InputError: an axis is unknown or named twice, or there is none.

    >>> from sim import Scenario, Topology
    >>> compare_variants(Scenario(Topology.of([[128], [128, 256]]), kvm_mode="protected"), ["relay", "memory"])
    <VariantComparison of '': 6 boots>
    """
    if not axes:
        raise InputError(f"nothing differs between variants: give one or more of {', '.join(Axis)}")
    chosen = [choice(Axis, "axis", axis) for axis in ([axes] if isinstance(axes, str) else axes)]
    for axis in chosen:
        if chosen.count(axis) > 1:
            raise InputError(f"axes names {axis} twice: each axis is named once")
    booted = [(one, boot(one.scenario)) for one in variants(scenario, chosen)]
    capabilities = [_capabilities(outcome.facts) for _, outcome in booted]
    states = [outcome.facts.features_at_end for _, outcome in booted]
    every_capability = dict.fromkeys(chain.from_iterable(capabilities))
    every_state = [state for state in states if state is not None]
    steps = [step for axis in chosen for step in _steps(axis, booted)]
    # Of the steps to a variant, the last begins at the last variant above it that differs in one axis only.
    compared = {step.b: step for step in sorted(steps, key=lambda step: step.a)}
    rows = []
    for number, ((variant, outcome), own_capabilities, own_state) in enumerate(
        zip(booted, capabilities, states, strict=True), 1
    ):
        lost_capabilities = tuple(name for name in every_capability if name not in own_capabilities)
        lost_hwcaps = _lost_hwcaps(every_state, own_state)
        rows.append(_row(variant, outcome, lost_capabilities, lost_hwcaps, compared.get(number)))
    without_effect = tuple(axis for axis in chosen if _is_without_effect(axis, steps))
    return VariantComparison(scenario, rows, without_effect, tuple(steps))


def _steps(axis: Axis, booted: Sequence[tuple[Variant, Outcome]]) -> Iterator[VariantStep]:
    """Yield each two variants that differ in an axis only, and are neighbours along it."""
    alike: dict[frozenset[Label], list[int]] = {}
    for number, (variant, _) in enumerate(booted, 1):
        others = frozenset((own, words) for own, words in variant.labels if own is not axis)
        alike.setdefault(others, []).append(number)
    for numbers in alike.values():
        for a, b in pairwise(numbers):
            differs = difference(booted[a - 1][1], booted[b - 1][1])
            yield VariantStep(axis, a, b, differs.first, differs.worst_hazard)


def _is_without_effect(axis: Axis, steps: Sequence[VariantStep]) -> bool:
    """Return True if variants that differ along an axis alone have outcomes that do not differ."""
    firsts = [step.first for step in steps if step.axis is axis]
    return bool(firsts) and not any(firsts)


def _capabilities(facts: Facts) -> list[str]:
    """Return the capabilities that are features; a variant is not worse for having no erratum."""
    state = facts.features_at_end
    if state is None:
        return [str(vector_type) for vector_type, has in facts.supports.items() if has]
    features = (one.entry for one in state.capabilities if "LOCAL" not in one.entry.type)
    return [_RENAMED.get(one.words, one.words) for one in features if one.words is not None]


def _together(topology: Topology, told: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """Return CPUs with a reason, those with the same reason together."""
    by_reason: dict[str, set[int]] = {}
    for cpu, reason in told:
        by_reason.setdefault(reason, set()).add(cpu)
    return tuple(f"{topology.labels(sorted(cpus))}: {reason}" for reason, cpus in by_reason.items())


def _lost_hwcaps(every: Iterable[FeatureState], own: FeatureState | None) -> tuple[str, ...]:
    """Return the hwcaps that some state has and another has not, in words.

    A system that runs no 32-bit programs loses a capability, and none of their hwcaps.
    """
    if own is None:
        return ()
    names = dict.fromkeys(name for state in every for name in state.hwcaps if name not in own.hwcaps)
    compat = dict.fromkeys(name for state in every for name in state.compat_hwcaps if name not in own.compat_hwcaps)
    return *names, *(words_of_hwcap(name, compat=True) for name in (compat if own.compat_hwcaps else ()))


def _row(
    variant: Variant,
    outcome: Outcome,
    capabilities: tuple[str, ...],
    hwcaps: tuple[str, ...],
    compared: VariantStep | None,
) -> VariantRow:
    facts, labels = outcome.facts, dict(variant.labels)
    states = [facts.state(number) for number in range(len(facts.scenario.topology.cpus))]
    has_stopped = facts.panic is not None
    refused = [(one.cpu, one.refusal.words) for one in facts.refused]
    refused += [(one.cpu, _REFUSED_BY_RELAY) for one in facts.relay_refused]
    lost = [one for one in facts.lost if states[one.cpu] is CpuState.LOST]
    return VariantRow(
        boot_cpu=labels.get(Axis.BOOT_CPU),
        early=labels.get(Axis.EARLY),
        kernel=labels.get(Axis.KERNEL),
        kvm_mode=labels.get(Axis.KVM_MODE),
        design=labels.get(Axis.DESIGN),
        relay=labels.get(Axis.RELAY),
        memory=labels.get(Axis.MEMORY),
        online=0 if has_stopped else len(facts.online),
        refused=_together(facts.scenario.topology, refused),
        refused_cpus=len({cpu for cpu, _ in refused}),
        lost=_together(facts.scenario.topology, ((one.cpu, one.kind) for one in lost)),
        lost_cpus=len({one.cpu for one in lost}),
        panic=None if facts.panic is None else facts.panic.sentence,
        capabilities_lost=() if has_stopped else capabilities,
        hwcaps_lost=() if has_stopped else hwcaps,
        taint=None if facts.features_at_end is None else facts.features_at_end.taint,
        hazards=len(outcome.found),
        hazard_kinds=tuple(dict.fromkeys(one.kind.value for one in outcome.found)),
        compared_with=compared and compared.a,
        differs_first=compared and compared.first,
        worst_hazard=compared and compared.worst_hazard,
    )
