"""Comparison of the features of a system at one moment: as a record has them, beside the simulator's."""

from collections.abc import Iterator, Mapping

from sim.conform.compared_fields import Field, Value
from sim.conform.feature_records import FeatureSnapshot
from sim.facts import Facts
from sim.feature_facts import FeatureState, Scope
from sim.topology import cpu_list

STATE_FIELDS = (
    "online",
    "offline",
    "present",
    "taint",
    "sanitised",
    "user",
    "mrs",
    "strict_masks_changed",
    "cpucaps",
    "boot_cpucaps",
    "features",
    "hwcap",
    "compat_elf_hwcap",
    "compat_elf_hwcap2",
    "vulnerabilities",
    "aarch32_el0",
)
"""The fields of a state that are facts of the model, as records name them."""


def was_read(state: FeatureSnapshot, name: str) -> bool:
    """Return True if a record has a field; sysfs has no `aarch32_el0` without the option that lets CPUs differ."""
    return getattr(state, name) is not None or name == "aarch32_el0"


def compare_state(
    point: str, recorded: FeatureSnapshot, state: FeatureState | None, facts: Facts, events_to: int | None
) -> Iterator[Field]:
    """Compare the state at one point; a state that the simulated boot did not reach has no values."""
    simulated = {} if state is None else _state(recorded, state, facts, events_to)
    for name in STATE_FIELDS:
        if was_read(recorded, name):
            yield Field(f"{point}.{name}", getattr(recorded, name), simulated.get(name))


def _state(recorded: FeatureSnapshot, state: FeatureState, facts: Facts, events_to: int | None) -> dict[str, Value]:
    """Return the simulator's values of the fields of a state."""
    sets, everyone = facts.cpu_sets(events_to), range(len(facts.scenario.topology.cpus))
    registers = state.registers.items()
    return {
        "online": cpu_list(sorted(sets.online)),
        "offline": cpu_list(sorted(set(everyone) - sets.online)),
        "present": cpu_list(sorted(sets.present)),
        "taint": state.taint,
        "sanitised": _beside(recorded.sanitised, {name: reg.system_value for name, reg in registers}),
        "user": _beside(recorded.user, {name: reg.user_value for name, reg in registers}),
        "mrs": _beside(recorded.mrs, {name: reg.user_value for name, reg in registers if reg.table.is_emulated}),
        "strict_masks_changed": {
            name: f"{reg.strict_mask:x}" for name, reg in registers if reg.strict_mask != reg.table.strict_mask
        },
        "cpucaps": sorted(one.entry.label for one in state.capabilities),
        "boot_cpucaps": sorted(one.entry.label for one in state.capabilities if one.scope is Scope.BOOT),
        "features": list(state.hwcaps),
        "hwcap": [f"{word:x}" for word in state.hwcap_words],
        "compat_elf_hwcap": f"{state.compat_hwcap_words[0]:x}",
        "compat_elf_hwcap2": f"{state.compat_hwcap_words[1]:x}",
        "vulnerabilities": dict(state.vulnerabilities),
        "aarch32_el0": None if state.aarch32_cpus is None else cpu_list(state.aarch32_cpus),
    }


def _beside(recorded: Mapping[str, str] | None, simulated: Mapping[str, int]) -> dict[str, str]:
    """Return the values of registers as a record has them, and those besides that are not 0."""
    names = dict.fromkeys([*(recorded or ()), *(name for name, value in simulated.items() if value)])
    return {name: f"{simulated.get(name, 0):x}" for name in names}
