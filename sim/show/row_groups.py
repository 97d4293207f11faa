"""Groups of rows: rows that are alike are shown as a single row, cluster by cluster as long as there is room."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from sim.topology import cpu_list

MAX_ROWS = 32
"""The number of rows above which rows are grouped."""
_MAX_LIST_WIDTH = 16
"""The width above which a list of CPU numbers is cut, in characters."""

T = TypeVar("T")


def grouped(
    rows: Sequence[T], alike: Callable[[T], Hashable], clusters: Callable[[T], tuple[str, ...]] = lambda _: ()
) -> list[tuple[tuple[str, ...], list[T]]]:
    """Group rows that are alike, by the deepest level of clusters that leaves at most 32 groups.

    Args:
        rows: the rows to group.
        alike: a key that rows which are alike share.
        clusters: the path of clusters that a row's CPU is in.

    Returns:
        The path of each group's cluster, cut to that level, and its rows. Up to 32 rows, each row is a group.
    """
    if len(rows) <= MAX_ROWS:
        return [(clusters(row), [row]) for row in rows]
    # From the innermost clusters outwards. At depth 0 only alikeness counts: those groups are taken however many.
    keys = [(clusters(row), alike(row)) for row in rows]
    for depth in range(max(len(path) for path, _ in keys), -1, -1):
        groups: dict[tuple[tuple[str, ...], Hashable], list[T]] = {}
        for row, (path, key) in zip(rows, keys, strict=True):
            groups.setdefault((path[:depth], key), []).append(row)
        if len(groups) <= MAX_ROWS:
            break
    return [(path, members) for (path, _), members in groups.items()]


def short_cpu_list(numbers: list[int]) -> str:
    """Return CPU numbers as sysfs lists them; a long list is cut and followed by the number of CPUs.

    >>> short_cpu_list([0, 1, 2, 5])
    '0-2,5'
    """
    text = cpu_list(sorted(numbers))
    if len(text) <= _MAX_LIST_WIDTH:
        return text
    cut = text.rfind(",", 0, _MAX_LIST_WIDTH)  # between two ranges, so that no number is cut in two
    return f"{text[:cut] if cut > 0 else text},...\n({len(numbers):,} CPUs)"


def first_to_last(names: list[str]) -> str:
    """Return the name of a CPU, or the first and the last name of several.

    >>> first_to_last(["little0", "little1", "little2"])
    'little0..little2'
    """
    return names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"
