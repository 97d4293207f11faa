"""The features of a boot that depend on registers which no source tells, and the cores whose registers those are."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from sim.cpufeature_tables import kernel_tables
from sim.facts import CpuState, Facts
from sim.id_registers import OF_FIRMWARE
from sim.scenario import Scenario


class CoreRegisters(msgspec.Struct, frozen=True):
    """The CPUs of a core of which not every ID register is known."""

    core: Annotated[str, Meta(description="the core's name")]
    cpus: Annotated[tuple[int, ...], Meta(description="the CPUs, by logical number")]
    known: Annotated[int, Meta(description="the number of ID registers that are known, of those that the kernel keeps")]
    kept: Annotated[int, Meta(description="the number of ID registers that the kernel keeps of such a CPU")]


class UnknownRecord(msgspec.Struct, frozen=True):
    """The features that depend on registers which no source tells."""

    cores: Annotated[list[CoreRegisters], Meta(description="the cores, and how much is known of each")]
    capabilities: Annotated[
        tuple[str, ...], Meta(description="the capabilities of which it is unknown whether the system has them")
    ]
    hwcaps: Annotated[
        tuple[str, ...], Meta(description="the names in /proc/cpuinfo of which it is unknown whether they are there")
    ]
    vulnerabilities: Annotated[
        tuple[str, ...], Meta(description="the files of /sys/devices/system/cpu/vulnerabilities of unknown content")
    ]
    assumed_capabilities: Annotated[
        tuple[str, ...], Meta(description="the capabilities that are there if unknown registers are as on other CPUs")
    ]
    assumed_hwcaps: Annotated[
        tuple[str, ...], Meta(description="the names in /proc/cpuinfo that are there under the same condition")
    ]
    ipa_limit_is_assumed: Annotated[
        bool, Meta(description="whether KVM's limit of guests' physical addresses holds under the same condition")
    ]

    judged_by_assumption: Annotated[
        tuple[int, ...],
        Meta(description="the CPUs that came late or never, if unknown registers of theirs are as on other CPUs"),
    ]

    @property
    def is_empty(self) -> bool:
        """True if no feature depends on them."""
        told = self.capabilities, self.hwcaps, self.vulnerabilities, self.assumed_capabilities, self.assumed_hwcaps
        return not any(told) and not self.ipa_limit_is_assumed and not self.judged_by_assumption


def unknown_record(facts: Facts) -> UnknownRecord | None:
    """Return the features that depend on unknown registers; None where every CPU's registers are known."""
    state = facts.features_at_end
    if state is None or not (cores := partly_known_cores(facts.scenario)):
        return None
    certainty = state.certainty
    return UnknownRecord(
        cores=cores,
        capabilities=tuple(one.label for one in certainty.unknown_capabilities),
        hwcaps=certainty.unknown_hwcaps,
        vulnerabilities=tuple(name for name, words in state.vulnerabilities.items() if words is None),
        assumed_capabilities=tuple(one.label for one in certainty.assumed_capabilities),
        assumed_hwcaps=certainty.assumed_hwcaps,
        ipa_limit_is_assumed=bool(state.ipa_limit_bits) and certainty.ipa_limit_is_assumed,
        judged_by_assumption=_judged_by_assumption(facts, cores),
    )


def _judged_by_assumption(facts: Facts, cores: Iterable[CoreRegisters]) -> tuple[int, ...]:
    """Return the CPUs of unknown registers whose fate is not told by the features of the early CPUs.

    Each check of a CPU ends it or lets it go on to the next, so that the fate of such a CPU depends on its registers
    even where the check that ends it does not.
    """
    partly_known = {cpu for one in cores for cpu in one.cpus}
    tried = (cpu for cpu in facts.states if cpu and facts.hw_cpu(cpu) in partly_known)
    return tuple(sorted(cpu for cpu in tried if facts.role(cpu) == "late" or facts.states[cpu] is not CpuState.ONLINE))


def partly_known_cores(scenario: Scenario) -> list[CoreRegisters]:
    """Return the cores of which not every ID register is known, and how many are; none where lengths are modelled.

    A core of which all registers are known but those that firmware writes is known.
    """
    if not scenario.has_all_features:
        return []
    topology, registers = scenario.topology, kernel_tables(scenario.release.series, scenario.page_bytes).registers
    groups: dict[tuple[str, int, int], list[int]] = {}
    for members in topology.kinds:
        features = topology.logical[members[0]].features
        kept = [name for name in registers if not features.lacks(name)]
        unknown = {name for name in kept if not features.knows(name)}
        if unknown - OF_FIRMWARE:
            known = len(kept) - len(unknown)
            groups.setdefault((features.core.name, known, len(kept)), []).extend(members)
    return [
        CoreRegisters(core, tuple(sorted(cpus)), known, kept_of_core)
        for (core, known, kept_of_core), cpus in groups.items()
    ]


def core_sentences(scenario: Scenario) -> list[str]:
    """Return a sentence for each partly known core: how many of its registers are known, and which CPUs have it."""
    return [
        f"{one.known} of {one.kept} ID registers of {one.core} on {scenario.topology.labels(one.cpus)} "
        f"{'is' if one.known == 1 else 'are'} known"
        for one in partly_known_cores(scenario)
    ]


def unknown_notes(facts: Facts) -> Iterator[str]:
    """Yield notes on registers that no source tells, and on everything that depends on them."""
    record = unknown_record(facts)
    if record is None or record.is_empty:
        return
    yield from core_sentences(facts.scenario)
    state = facts.features_at_end
    no_limit = ["KVM's limit of guests' addresses"] if state is not None and state.ipa_limit_bits is None else []
    unknown = [*_counts(record.capabilities, record.hwcaps), *record.vulnerabilities, *no_limit]
    if unknown:
        yield f"unknown, since it depends on unknown registers: {', '.join(unknown)}"
    limit = ["KVM's limit of guests' addresses"] if record.ipa_limit_is_assumed else []
    judged = record.judged_by_assumption
    verdicts = [f"whether the kernel accepts {facts.scenario.topology.labels(judged)}"] if judged else []
    assumed = [*_counts(record.assumed_capabilities, record.assumed_hwcaps), *limit, *verdicts]
    if assumed:
        yield f"assumed, with unknown registers taken to be as on the system's other CPUs: {', '.join(assumed)}"


def _counts(capabilities: tuple[str, ...], hwcaps: tuple[str, ...]) -> list[str]:
    told = ((capabilities, "capability", "capabilities"), (hwcaps, "hwcap", "hwcaps"))
    return [f"{len(names)} {one if len(names) == 1 else many}" for names, one, many in told if names]
