"""Notes on CPU features: the limits of what is known of a kernel's tables, and statements that have no effect."""

from collections.abc import Iterator

from sim.cpufeature_tables import OPTIONS_OF_CODE, UNKEPT_REGISTERS, KernelTables, kernel_tables
from sim.cpufeature_tables.feature_words import selected_option
from sim.facts import Facts
from sim.kernel.feature_options import feature_options
from sim.scenario import EL2, Scenario
from sim.topology import EL2_FIELD, lacks_el2

_BY_FIRMWARE = ("spectre_v2", "spec_store_bypass")
"""The vulnerabilities that firmware can mitigate (SMCCC_ARCH_WORKAROUND_1 and _2)."""


def feature_notes(facts: Facts) -> Iterator[str]:
    """Yield the notes on CPU features; where lengths alone are modelled, the note on CPUs without a core."""
    scenario = facts.scenario
    if not scenario.has_all_features:
        yield from _without_core(scenario)
        return
    tables = kernel_tables(scenario.release.series, scenario.page_bytes)
    series = scenario.release.series_name
    # Where another release stands for the whole kernel, the notes on the release say so.
    if tables.series != series and scenario.release.stand_in is None:
        yield (
            f"no table of Linux {series}'s CPU features is known, and that of {tables.series} stands for it: lines and "
            "capabilities that came or went between the two are not certain"
        )
    yield from _without_effect(scenario, tables)
    yield from _without_el2(scenario)
    if _is_vulnerable(facts):
        yield (
            "firmware that mitigates Spectre (SMCCC_ARCH_WORKAROUND_1, _2) is not modelled: where it does, the files "
            "of vulnerabilities name a mitigation"
        )


def _without_core(scenario: Scenario) -> Iterator[str]:
    """Yield the note on CPUs without a core in a system that has CPUs with a core."""
    cpus = [number for number, cpu in enumerate(scenario.topology.logical) if cpu.features.core.is_unknown]
    if cpus:
        verb, their = ("has", "its") if len(cpus) == 1 else ("have", "their")
        yield (
            f"{scenario.topology.labels(cpus)} {verb} no core, and other CPUs have: vector lengths alone are "
            f"modelled, and no other feature; the log leaves out the lines that would show {their} ID registers"
        )


def _is_vulnerable(facts: Facts) -> bool:
    """Return True if the kernel mitigates a vulnerability on no CPU that firmware could mitigate."""
    state = facts.features_at_end
    if state is None or feature_options(facts.scenario).mitigations.off:
        return False
    return any((state.vulnerabilities.get(name) or "").startswith("Vulnerable") for name in _BY_FIRMWARE)


def _without_effect(scenario: Scenario, tables: KernelTables) -> Iterator[str]:
    """Yield the notes on registers and configuration options that the series does not know."""
    stated = {name for one in scenario.topology.cpus for name in one.features.core.changes}
    if unknown := sorted(stated - {*tables.registers, *UNKEPT_REGISTERS}):
        yield f"Linux {tables.series} does not know {', '.join(unknown)}, which a CPU states: nothing depends on it"
    options, unused = _options(tables), []
    for name in sorted(set(scenario.kernel_config) - options):
        selected = selected_option(name)
        if selected in options:
            yield (
                f"in Linux {tables.series} {name} selects {selected} for some cores: nothing depends on the former, "
                "which the configuration states, and the latter is modelled"
            )
        else:
            unused.append(name)
    if unused:
        yield f"nothing in Linux {tables.series} depends on {', '.join(unused)}, which the configuration states"


def _without_el2(scenario: Scenario) -> Iterator[str]:
    """Yield the note on CPUs that firmware is said to start at an exception level that their registers lack."""
    topology = scenario.topology
    cpus = [number for number, cpu in enumerate(topology.logical) if lacks_el2(cpu.features.core)]
    if at_el2 := [number for number in cpus if scenario.el(number) == EL2]:
        yield (
            f"{topology.labels(at_el2)}: {EL2_FIELD.register}.{EL2_FIELD.name} is 0, and the CPU starts at EL2, as its "
            "firmware is said to"
        )


def _options(tables: KernelTables) -> set[str]:
    """Return the configuration options that a series' entries, or the kernel's own code, depend on."""
    entries = (*tables.capabilities, *tables.hwcaps)
    of_entries = {option for one in entries for each in (one, *one.any_of) for option in each.config}
    of_fields = {
        field.visible_if for register in tables.registers.values() for field in register.fields if field.visible_if
    }
    return of_entries | of_fields | OPTIONS_OF_CODE | {"CONFIG_KVM"}
