"""Entries of the tables that look at a field of a register, sorted by register.

Most entries do, and most of a boot's values were seen before: which entries a register's value rules out is computed
once for each value. The registers are sanitised, or a CPU's own where a CPU by itself is judged.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement

_OF_FIELDS = frozenset(
    {
        "has_cpuid_feature",
        "has_user_cpuid_feature",
        "has_sve_feature",
        "has_sme_feature",
        "has_address_auth_cpucap",
    }
)
"""The matchers that want a field's value of the system or of a CPU, whatever else they want."""


class FieldEntries:
    """The entries of one table that want a field's value, by their places.

    Args:
        tables: the kernel's tables.
        entries: all entries, in the order of their places.
    """

    def __init__(self, tables: KernelTables, entries: Iterable[Requirement]) -> None:
        self.tables = tables
        self.by_register: dict[str, list[tuple[int, Requirement]]] = {}
        for place, one in enumerate(entries):
            if one.matcher in _OF_FIELDS and one.register is not None:
                self.by_register.setdefault(one.register, []).append((place, one))

    def unmet(self, read: Callable[[str], int]) -> int:
        """Return the places, as a set, of the entries that some registers do not meet.

        Args:
            read: returns a register's value.
        """
        found = 0
        for name in self.by_register:
            found |= _unmet(self, name, read(name))
        return found


@lru_cache(maxsize=16384)
def _unmet(entries: FieldEntries, name: str, value: int) -> int:
    found = 0
    for place, one in entries.by_register[name]:
        if not is_met_by(entries.tables, one, value):
            found |= 1 << place
    return found


# A boot asks the same of the same values many times, and so do the boots after it.
@lru_cache(maxsize=16384)
def is_met_by(tables: KernelTables, one: Requirement, register_value: int) -> bool:
    """Return True if the field that an entry looks at has a value that it wants, in a register's value."""
    field = tables.field_of(one)
    return one.is_met_by(field.of(register_value), field)
