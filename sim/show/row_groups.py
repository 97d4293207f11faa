"""Groups of rows: rows that are alike are shown as a single row, cluster by cluster as long as there is room."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from sim.topology import Topology, cpu_list

MAX_ROWS = 32
"""The number of rows above which rows are grouped."""
_MAX_LIST_WIDTH = 16
"""The width above which a list of CPU numbers is cut, in characters."""
_MAX_NAMES_WIDTH = 30
"""The width above which a list of CPUs' names is cut, in characters."""

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


def short_cpu_list(numbers: Sequence[int]) -> str:
    """Return CPU numbers as sysfs lists them; a long list is cut and followed by the number of CPUs.

    >>> short_cpu_list([0, 1, 2, 5])
    '0-2,5'
    """
    text = cpu_list(sorted(numbers))
    if len(text) <= _MAX_LIST_WIDTH:
        return text
    cut = text.rfind(",", 0, _MAX_LIST_WIDTH)  # between two ranges, so that no number is cut in two
    return f"{text[:cut] if cut > 0 else text},...\n({len(numbers):,} CPUs)"


def short_names(topology: Topology, numbers: Sequence[int]) -> str:
    """Return the file's names of CPUs, for a column beside their numbers; a long list is cut.

    >>> from dataclasses import replace
    >>> own = replace(Topology.of([[128]] * 20), boot_cpu="cpu2")
    >>> short_names(own, [0, 1, 2]), short_names(own, [1, 3, 5, 7, 9, 11])
    ('cpu2, cpu0 to cpu1', 'cpu0, cpu3, cpu5, cpu7, cpu9,...')
    """
    text = topology.names(sorted(numbers))
    if len(text) <= _MAX_NAMES_WIDTH:
        return text
    cut = text.rfind(", ", 0, _MAX_NAMES_WIDTH)
    return f"{text[:cut]},..." if cut > 0 else text


def short_labels(topology: Topology, numbers: Sequence[int]) -> str:
    """Return `topology.labels()` of CPUs, with long lists cut.

    >>> from dataclasses import replace
    >>> short_labels(replace(Topology.of([[128]] * 4), boot_cpu="cpu2"), [1, 2])
    'cpu1-2 (cpu0 to cpu1)'
    """
    told = f"cpu{short_cpu_list(numbers)}"
    return f"{told} ({short_names(topology, numbers)})" if topology.has_own_names(numbers) else told
