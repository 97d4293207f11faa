"""Many CPUs in few lines: rows that are alike are shown as one, cluster by cluster as long as there is room."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from sim.topology import cpu_list

MOST_ROWS = 32
"""Above so many, rows are grouped."""
_LONGEST_LIST = 16

T = TypeVar("T")


def grouped(
    rows: Sequence[T], alike: Callable[[T], Hashable], clusters: Callable[[T], tuple[str, ...]] = lambda _: ()
) -> list[tuple[tuple[str, ...], list[T]]]:
    """Group rows that are alike, within the deepest level of clusters that leaves few enough groups.

    Returns:
        Each group's cluster path, cut to that level, and its rows; every row alone where there are few.
    """
    if len(rows) <= MOST_ROWS:
        return [(clusters(row), [row]) for row in rows]
    keys = [(clusters(row), alike(row)) for row in rows]
    for depth in range(max(len(path) for path, _ in keys), -1, -1):
        groups: dict[tuple[tuple[str, ...], Hashable], list[T]] = {}
        for row, (path, key) in zip(rows, keys, strict=True):
            groups.setdefault((path[:depth], key), []).append(row)
        if len(groups) <= MOST_ROWS:
            break
    return [(path, members) for (path, _), members in groups.items()]


def short_cpu_list(numbers: list[int]) -> str:
    """Write CPU numbers as sysfs does, cut where that gets long.

    >>> short_cpu_list([0, 1, 2, 5])
    '0-2,5'
    """
    text = cpu_list(sorted(numbers))
    if len(text) <= _LONGEST_LIST:
        return text
    cut = text.rfind(",", 0, _LONGEST_LIST)
    return f"{text[:cut] if cut > 0 else text},...\n({len(numbers):,} CPUs)"
