"""The CPUs of a scenario whose ID registers are given other values of fields, one after the other."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from sim.cores.named_fields import named_field
from sim.cpufeature_tables import KernelTables, aarch32_registers
from sim.cpufeature_tables.tables import Requirement
from sim.errors import InputError
from sim.id_registers import Core, IdField
from sim.importer.deciding_fields import deciding_fields, id_field, nearest_value
from sim.importer.imported_cores import changed
from sim.importer.other_cores import mending_bits
from sim.kernel.cpufeature import register_values
from sim.kernel.features.cache_type import IDC, NEEDS_CLEANING, effective_ctr
from sim.kernel.features.id_fields import REVIDR
from sim.scenario import Scenario
from sim.topology import EVERY_BIT, Cpu, Features, Topology
from sim.vectors import VectorType

_CTR, _CLIDR = "CTR_EL0", "CLIDR_EL1"
_WHOLE = {REVIDR.register}
"""Registers without fields that scenario files name."""


class FieldEditor:
    """The CPUs of a scenario, by logical number, with the changes so far.

    A field of a register that is known changes the register. Of a register that is unknown the field alone is stated,
    but for registers whose fields a scenario file cannot name.

    Args:
        scenario: the scenario.
        tables: the kernel's tables.
    """

    def __init__(self, scenario: Scenario, tables: KernelTables) -> None:
        self._scenario = scenario
        self._tables = tables
        self._features = [cpu.features for cpu in scenario.topology.logical]
        self._values = [dict(values) for values in register_values(scenario)]

    def there_is(self, cpu: int) -> bool:
        """Return True if there is a CPU of this number: a line may name others."""
        return cpu < len(self._values)

    def value(self, cpu: int, field: IdField) -> int:
        """Return the bits of a field as the kernel reads it, which are another CPU's where the core's are unknown."""
        return (self._values[cpu].get(field.register, 0) & field.mask) >> field.shift

    def knows(self, cpu: int, field: IdField) -> bool:
        """Return True if the value of a field is the CPU's own."""
        return not self._features[cpu].unknown_bits(field.register) & field.mask

    def put(self, cpu: int, field: IdField, value: int) -> dict[IdField, int]:
        """Give a field of a CPU a value, and return the field if its value was another, or unknown."""
        if self.value(cpu, field) == value and self.knows(cpu, field):
            return {}
        register, core = field.register, self._features[cpu].core
        if field.register == _CTR and field.mask == IDC and not value:
            self._needs_cleaning(cpu)
            core = self._features[cpu].core
        if core.knows(register) or register in _WHOLE or register in aarch32_registers():
            self.put_bits(cpu, register, field.mask, value << field.shift)
        else:
            self._take(cpu, _with_field(core, field, value))
            self._values[cpu][register] = field.put(self._values[cpu].get(register, 0), value)
        return {field: value}

    def _needs_cleaning(self, cpu: int) -> None:
        """Give a CPU a CLIDR_EL1 that does not imply CTR_EL0.IDC, if its own does."""
        clidr = self._features[cpu].core.id_registers.get(_CLIDR)
        if clidr is not None and effective_ctr(0, clidr):
            self.put_bits(cpu, _CLIDR, EVERY_BIT, NEEDS_CLEANING)

    def put_bits(self, cpu: int, register: str, mask: int, value: int) -> None:
        """Give the bits of a mask the values that they have in another value of the register."""
        features, read = self._features[cpu], self._values[cpu].get(register, 0)
        own = features.register(register) if features.core.knows(register) else read
        changes = {**features.core.changes, register: own & ~mask | value & mask}
        self._take(cpu, changed(features.core, tuple(sorted(changes.items()))))
        self._values[cpu][register] = read & ~mask | value & mask

    def _take(self, cpu: int, core: Core) -> None:
        self._features[cpu] = _with_core(self._features[cpu], core)

    def let(self, cpu: int, one: Requirement, *, has: bool) -> dict[IdField, int]:
        """Give a CPU the nearest fields with which it has, or lacks, what an entry of the tables looks for.

        Returns:
            The fields that changed, REVIDR_EL1 among them where it says that an erratum is mended; none where no field
            decides, or the CPU has such fields already.
        """
        deciding, changes = deciding_fields(one, self._tables), dict[IdField, int]()
        if mended := mending_bits(one, self._features[cpu].core.midr):
            revidr = self.value(cpu, REVIDR)
            changes |= self.put(cpu, REVIDR, revidr & ~mended if has else revidr | mended)
        is_met = has is not deciding.is_weakness
        for each in deciding.fields:
            field = id_field(each, self._tables)
            value = self.value(cpu, field)
            # An unknown field that no other CPU's stands for reads as 0, which need not be the nearest value.
            if self.is_met(cpu, each) is not is_met or not (is_met or self.knows(cpu, field)):
                nearest = nearest_value(each, self._tables, is_met=is_met)
                value = value if nearest is None else nearest
            changes |= self.put(cpu, field, value)
        return changes

    def copy_lengths(self, cpu: int, vector_type: VectorType) -> None:
        """Give a CPU the boot CPU's lengths of a vector type."""
        features, lengths = self._features[cpu], self._features[0].lengths_bits.get(vector_type)
        if lengths is not None and vector_type not in features.lengths_bits:
            self._features[cpu] = replace(features, lengths_bits={**features.lengths_bits, vector_type: lengths})

    def agree(self, cpu: int, one: Requirement, *, has: bool) -> dict[IdField, int]:
        """Let a CPU agree with the system about an entry: as the boot CPU does, else by the nearest values.

        Args:
            cpu: the CPU.
            one: the entry of the tables.
            has: True if the system has what the entry looks for.

        Returns:
            The fields that changed.
        """
        changes = dict[IdField, int]()
        if self.has(0, one) is has:
            for each in deciding_fields(one, self._tables).fields:
                field = id_field(each, self._tables)
                changes |= self.put(cpu, field, self.value(0, field))
        return changes or self.let(cpu, one, has=has)

    def is_met(self, cpu: int, one: Requirement) -> bool:
        """Return True if the field of a requirement has a value that meets it."""
        return one.is_met_by(self.value(cpu, id_field(one, self._tables)), self._tables.field_of(one))

    def has(self, cpu: int, one: Requirement) -> bool | None:
        """Return True if a CPU's fields are such that it has what an entry looks for; None if no field decides."""
        deciding = deciding_fields(one, self._tables)
        if not deciding.fields:
            return None
        met = (self.is_met(cpu, each) for each in deciding.fields)
        return (any(met) if deciding.any_is_enough else all(met)) is not deciding.is_weakness

    def changes(self) -> dict[int, Cpu]:
        """Return the CPUs that have other registers than in the scenario."""
        pairs = zip(self._scenario.topology.logical, self._features, strict=True)
        return {
            number: replace(cpu, features=features)
            for number, (cpu, features) in enumerate(pairs)
            if features is not cpu.features
        }

    def scenario(self) -> Scenario:
        """Return the scenario with the changes."""
        return self._scenario.but(topology=replaced(self._scenario.topology, self.changes()))


def replaced(topology: Topology, changes: Mapping[int, Cpu]) -> Topology:
    """Return a topology in Linux's order with some CPUs replaced, by logical number."""
    return replace(topology, cpus=tuple(changes.get(number, cpu) for number, cpu in enumerate(topology.logical)))


def field_words(fields: Mapping[IdField, int]) -> str:
    """Return fields with their values, in words."""
    return ", ".join(f"{field.register}.{field.name} = {value}" for field, value in fields.items())


@lru_cache(maxsize=1024)
def _canonical(field: IdField) -> IdField:
    """Return a field as scenario files name it."""
    try:
        return named_field(f"{field.register}.{field.name}")
    except InputError:
        return field


# CPUs that are alike share one object, so that each kind is judged once.
@lru_cache(maxsize=4096)
def _with_core(features: Features, core: Core) -> Features:
    return replace(features, core=core)


@lru_cache(maxsize=4096)
def _with_field(core: Core, field: IdField, value: int) -> Core:
    return core.with_fields({**core.stated_fields, _canonical(field): value})
