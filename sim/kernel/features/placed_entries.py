"""Entries of a table with their places, which are the bits that stand for them in sets."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from sim.cpufeature_tables.tables import Requirement

R = TypeVar("R", bound=Requirement)


class PlacedEntries(Generic[R]):
    """Some entries of a table, in the order in which the kernel looks at them.

    Args:
        entries: the entries, each after its place among all entries of the table.
    """

    def __init__(self, entries: Iterable[tuple[int, R]]) -> None:
        self._entries = tuple(entries)
        self.mask = sum(1 << place for place, _one in self._entries)
        """The entries as a set, a bit for each."""
        # Most of a boot's sets were seen before, in this boot or another.
        self.without = lru_cache(maxsize=1024)(self._without)
        """The entries that are not in a set."""

    def __iter__(self) -> Iterator[tuple[int, R]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _without(self, members: int) -> tuple[tuple[int, R], ...]:
        return tuple((place, one) for place, one in self._entries if not members >> place & 1)
