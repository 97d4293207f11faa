"""Entries of a table with their places, which are the bits that stand for them in sets."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.kernel.features.field_entries import FieldEntries

R = TypeVar("R", bound=Requirement)


class PlacedEntries(Generic[R]):
    """Some entries of a table, in the order in which the kernel looks at them.

    Args:
        tables: the kernel's tables.
        entries: the entries, each after its place among all entries of the table.
    """

    def __init__(self, tables: KernelTables, entries: Iterable[tuple[int, R]]) -> None:
        self._entries = tuple(entries)
        self.of_fields = FieldEntries(tables, self._entries)
        """Those of the entries that look at a field of a register."""
        self.mask = sum(1 << place for place, _one in self._entries)
        """The entries as a set, a bit for each."""
        # Most of a boot's sets were seen before, in this boot or another.
        self.within = lru_cache(maxsize=1024)(self._within)
        """The entries that are in a set."""

    def without(self, members: int) -> tuple[tuple[int, R], ...]:
        """Return the entries that are not in a set."""
        return self.within(~members)

    def __iter__(self) -> Iterator[tuple[int, R]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _within(self, members: int) -> tuple[tuple[int, R], ...]:
        return tuple((place, one) for place, one in self._entries if members >> place & 1)
