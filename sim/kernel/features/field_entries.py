"""Entries of the tables that look at a field of a register, sorted by register.

Most entries do, and most of a boot's values were seen before: which entries a register's value rules out is computed
once for each value. The registers are sanitised, or a CPU's own where a CPU by itself is judged.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement

_OF_FIELDS_ALONE = frozenset({"has_cpuid_feature", "has_user_cpuid_feature"})
"""The matchers that want a field's value of the system or of a CPU, and nothing else."""
_OF_FIELDS = _OF_FIELDS_ALONE | {"has_sve_feature", "has_sme_feature", "has_address_auth_cpucap"}
"""The matchers that want a field's value, whatever else they want."""
_OF_VISIBLE_FIELDS = frozenset({"has_user_cpuid_feature", "has_sve_feature", "has_sme_feature"})
"""The matchers that want a field that programs may read."""


class FieldEntries:
    """The entries of one table that want a field's value, by their places.

    Args:
        tables: the kernel's tables.
        entries: the entries, each after its place.
    """

    def __init__(self, tables: KernelTables, entries: Iterable[tuple[int, Requirement]]) -> None:
        self.tables = tables
        self.alone = 0
        """The places, as a set, of the entries that are met where they are neither unmet nor hidden."""
        self.by_register: dict[str, list[tuple[int, Requirement]]] = {}
        for place, one in entries:
            if one.matcher in _OF_FIELDS and one.register is not None:
                self.by_register.setdefault(one.register, []).append((place, one))
                self.alone |= (one.matcher in _OF_FIELDS_ALONE) << place

    def unmet(self, read: Callable[[str], int]) -> int:
        """Return the places, as a set, of the entries that some registers do not meet.

        Args:
            read: returns a register's value.
        """
        found = 0
        for name in self.by_register:
            found |= _unmet(self, name, read(name))
        return found

    def hidden(self, user_mask: Callable[[str], int]) -> int:
        """Return the places, as a set, of the entries that want a field which programs may not read.

        Args:
            user_mask: returns the bits of a register that programs may read.
        """
        found = 0
        for name in self.by_register:
            found |= _hidden(self, name, user_mask(name))
        return found


@lru_cache(maxsize=16384)
def _unmet(entries: FieldEntries, name: str, value: int) -> int:
    found = 0
    for place, one in entries.by_register[name]:
        if not is_met_by(entries.tables, one, value):
            found |= 1 << place
    return found


@lru_cache(maxsize=1024)
def _hidden(entries: FieldEntries, name: str, user_mask: int) -> int:
    found = 0
    for place, one in entries.by_register[name]:
        if one.matcher in _OF_VISIBLE_FIELDS and not is_visible(entries.tables, one, user_mask):
            found |= 1 << place
    return found


def is_visible(tables: KernelTables, one: Requirement, user_mask: int) -> bool:
    """Return True if programs may read the field that an entry looks at."""
    mask = tables.field_of(one).mask
    return user_mask & mask == mask


# A boot asks the same of the same values many times, and so do the boots after it.
@lru_cache(maxsize=16384)
def is_met_by(tables: KernelTables, one: Requirement, register_value: int) -> bool:
    """Return True if the field that an entry looks at has a value that it wants, in a register's value."""
    field = tables.field_of(one)
    return one.is_met_by(field.of(register_value), field)
