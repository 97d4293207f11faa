"""The registers of CPUs that a log does not state, and implies: of refused CPUs, and of CPUs without 32-bit programs.

A log names the capability or the hwcap for which a CPU was refused, and entries of the kernel's tables name the field
that decides. Of a CPU that was refused nothing else is known, so that the nearest value is taken that the kernel
refuses. `sim.importer.inferred_features` boots the scenario, and keeps only what the model refuses as the log does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import lru_cache

import msgspec

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.conflicts import NAMELESS, NO_DESCRIPTION, capabilities_in_conflict
from sim.cpufeature_tables.field_uses import matched_fields
from sim.cpufeature_tables.tables import Capability, Field, Hwcap, Requirement
from sim.errors import printable
from sim.id_registers import AARCH32, AARCH64_ONLY, EL0, Core
from sim.importer.imported_cores import changed
from sim.importer.kernel_log import RefusedCpu, ShownFeatures
from sim.kernel.cpufeature import VHE, register_values
from sim.kernel.features.id_fields import CSV2
from sim.scenario import Scenario
from sim.topology import Cpu, Features, Topology, cpu_list

_ADDRESS_AUTH = ("has_address_auth_metacap", "has_address_auth_cpucap")
_SAFE_FROM_1 = {
    "has_spectre_v2": Requirement(register=CSV2.register, field=CSV2.name, min=1),
    "unmap_kernel_at_el0": Requirement(register="ID_AA64PFR0_EL1", field="CSV3", min=1),
}
"""The matchers of weaknesses that a CPU has where a field is less."""


class ImpliedRegisters(msgspec.Struct, frozen=True):
    """Values of registers for which the kernel would refuse some CPUs as the log says."""

    cpus: dict[int, Cpu]
    """The CPUs with these values, by logical number."""
    fields: tuple[str, ...]
    """The fields that have other values than the cores', in words."""
    why: str
    """The capability or the hwcap, in words."""
    further: str
    """The other fields that may differ instead, to be put behind a sentence."""

    def reason(self, cpus: Collection[int]) -> str:
        """Return the sentence on what was inferred for some of the CPUs."""
        return (
            f"cpu{cpu_list(sorted(cpus))} is taken to have {', '.join(self.fields)}: the kernel then refuses it for "
            f"{self.why}, as in the log{self.further}"
        )


def registers_of_refused(
    scenario: Scenario, tables: KernelTables, refused: Sequence[RefusedCpu]
) -> Iterator[ImpliedRegisters]:
    """Yield values of registers for which the kernel may refuse CPUs as it did, the likeliest first.

    Args:
        scenario: the CPUs in Linux's order, with the registers that they have otherwise.
        tables: the kernel's tables.
        refused: the CPUs, all refused for the same.
    """
    entries, values, logical = (
        _entries(refused[0], scenario, tables),
        register_values(scenario),
        scenario.topology.logical,
    )
    for one, words in entries:
        wanted = _Wanted(one, tables, has=not refused[0].in_system)
        changes = {each.cpu: wanted.put_into(logical[each.cpu], values[each.cpu]) for each in refused}
        cpus = {cpu: found for cpu, found in changes.items() if found is not None}
        if not cpus:
            continue
        number, after = next(iter(cpus.items()))
        others = [other for each, other in entries if each is not one]
        further = f"; it may be {' or '.join(others)} instead" if others else ""
        if one.matcher in _ADDRESS_AUTH:
            further += "; another algorithm, or another level of one, is refused as well"
        yield ImpliedRegisters(cpus, _differing(values[number], after, tables), words, further)


def _entries(refused: RefusedCpu, scenario: Scenario, tables: KernelTables) -> list[tuple[Capability | Hwcap, str]]:
    """Return the entries for which a CPU may have been refused, each with its words, the likeliest first."""
    if refused.hwcap:
        found = (one for one in tables.hwcaps if one.name == refused.hwcap and one.compat is refused.is_compat)
        return [(one, f"the missing hwcap {one.cpuinfo_name}") for one in found]
    if refused.capability == VHE:
        return []  # the exception level decides as well, and has its own evidence
    capabilities = capabilities_in_conflict(
        refused.capability, tables, in_system=refused.in_system, is_early=refused.is_early
    )
    # Numbers shift between point releases, so that the nearest is a guess, and the others are told.
    series = scenario.release.series
    capabilities = tuple(sorted(capabilities, key=lambda one: abs(one.number(series) - refused.number)))
    is_named = refused.capability != NO_DESCRIPTION
    words = f"capability {printable(refused.capability)!r}"
    return [(one, words if is_named else NAMELESS[one.name]) for one in capabilities]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An entry that a CPU is to meet, or not to meet."""

    entry: Requirement
    tables: KernelTables
    _: KW_ONLY
    has: bool

    def put_into(self, cpu: Cpu, values: Mapping[str, int]) -> Cpu | None:
        """Return a CPU with such fields; None if no field decides, or it has such fields already.

        Args:
            cpu: the CPU.
            values: its registers as the kernel reads them, which are taken from other CPUs where the core is unknown.
        """
        found = cpu
        is_met = self.has is not (self.entry.matcher in _SAFE_FROM_1)
        for each in _deciding(self.entry, self.tables):
            if each.register is None or each.field is None or each.register not in self.tables.registers:
                return None
            field = self.tables.field_of(each)
            own = found.features.register(each.register) or values.get(each.register, 0)
            value = _nearest(field, each, is_met=is_met)
            if value is None:
                return None
            if each.is_met_by(field.of(own), field) is not is_met:
                found = with_register(found, each.register, field.put(own, value))
        return None if found is cpu else found


def _deciding(one: Requirement, tables: KernelTables) -> tuple[Requirement, ...]:
    """Return the fields that decide about an entry, all of which are to have, or to lack, what it looks for."""
    if one.matcher == "has_address_auth_metacap":
        return tuple(each for each in tables.capabilities if each.matcher == "has_address_auth_cpucap")
    return (_SAFE_FROM_1[one.matcher],) if one.matcher in _SAFE_FROM_1 else matched_fields(one)


def _nearest(field: Field, one: Requirement, *, is_met: bool) -> int | None:
    """Return the least value with what an entry looks for, or the largest below it; None where there is none."""
    values = sorted(range(1 << field.width), key=field.order)
    found = [value for value in values if one.is_met_by(value, field)]
    if is_met or not found:
        return found[0] if found else None
    below = values[: values.index(found[0])]
    return below[-1] if below else None


def _differing(before: Mapping[str, int], after: Cpu, tables: KernelTables) -> tuple[str, ...]:
    """Return the fields of which a CPU has other values than before, each with its value."""
    found = []
    for register, new in after.features.core.changes.items():
        old = before.get(register, 0)
        fields = tables.registers[register].fields if register in tables.registers else ()
        found += [f"{register}.{field.name} = {field.of(new)}" for field in fields if field.of(old ^ new)]
    return tuple(found)


# 32-bit programs on some CPUs only


def asymmetric_32bit(scenario: Scenario, shown: ShownFeatures) -> dict[int, Cpu]:
    """Return the CPUs whose registers are other than a log implies, corrected, where CPUs differ in 32-bit programs.

    The kernel looks at the CPUs in the order in which they come online, and tells of the first that differs from the
    boot CPU. If it keeps that CPU online, it is the first that runs 32-bit programs. CPUs after it are like the CPU of
    their MIDR among the two, as far as there is one.
    """
    differs, cpus = shown.differs_in_32bit, scenario.topology.logical
    if differs is None or not 0 < differs < len(cpus):
        return {}
    values = register_values(scenario)
    boot_cpu_does = differs != shown.kept_for_32bit
    boot_midr, other_midr = (cpus[number].features.core.midr for number in (0, differs))
    found = {}
    for number, cpu in enumerate(cpus):
        midr = cpu.features.core.midr
        is_other = number == differs or (midr == other_midr and number > differs)
        if number > differs and midr not in {boot_midr, other_midr}:
            continue
        value = AARCH32 if boot_cpu_does is not is_other else AARCH64_ONLY
        own = cpu.features.register(EL0.register) or values[number].get(EL0.register, 0)
        if EL0.of(own) != value:
            found[number] = with_register(cpu, EL0.register, EL0.put(own, value))
    return found


# CPUs with other registers


def replaced(topology: Topology, changes: dict[int, Cpu]) -> Topology:
    """Return a topology in Linux's order with some CPUs replaced, by logical number."""
    cpus = tuple(changes.get(number, cpu) for number, cpu in enumerate(topology.logical))
    return replace(topology, cpus=cpus)


def with_register(cpu: Cpu, register: str, value: int) -> Cpu:
    """Return a CPU with another value of a register."""
    core = cpu.features.core
    core = changed(core, tuple(sorted({**core.changes, register: value}.items())))
    return replace(cpu, features=_with_core(cpu.features, core))


# CPUs that are alike share one object, so that each kind is judged once.
@lru_cache(maxsize=4096)
def _with_core(features: Features, core: Core) -> Features:
    return replace(features, core=core)
