"""A comparison of designs as text for a terminal: a table a relay and memory, a row a design."""

from itertools import groupby

from rich.console import Console

from sim.hazards import HazardKind
from sim.show.console import heading, line, table
from sim.study.comparison import Comparison
from sim.study.comparison_rows import ClusterRow, DesignRow

_MOST_CLUSTERS = 4
_LEGEND = (
    "*: the scenario's own. late in: late CPUs brought online; out: refused, by the kernel or by pKVM's relay; warned: "
    "said to be above the maximum. hazards: their ranks. asked: bytes for each possible CPU's buffer, in so many "
    "pages. host VL: the largest afterwards, in bytes."
)


def show(comparison: Comparison, console: Console) -> None:
    """Print everything that `asymboot compare` shows."""
    scenario = comparison.scenario
    cpus, late = len(scenario.topology.cpus), len(scenario.topology.cpus) - len(scenario.early)
    hypothetical = "; hypothetical" if scenario.topology.hypothetical else ""
    kvm = f"KVM mode {scenario.kvm_mode}" if scenario.el2 else "no EL2"
    what = f"{cpus:,} possible CPUs, {late:,} of them late; kernel {scenario.kernel}, {kvm}{hypothetical}"
    line(console, f"{scenario.name}: {what}")
    for (relay, memory), rows in groupby(comparison.design_rows, lambda row: (row.relay, row.memory)):
        heading(console, f"relay {relay}, memory {memory}" if scenario.has_pkvm else "no pKVM: no relay, no buffers")
        _table(console, list(rows), comparison.cluster_rows)
        if not scenario.has_pkvm:
            break
    line(console, _LEGEND)
    heading(console, "Hazards by rank")
    kinds = [kind for kind in HazardKind if any(_count(row, kind) for row in comparison.design_rows)]
    for kind in kinds:
        line(console, f"{kind.rank:2} {kind.title}")
    if not kinds:
        line(console, "none", "green")


def _count(row: DesignRow, kind: HazardKind) -> int:
    return row.hazards(kind)


def _table(console: Console, rows: list[DesignRow], clusters: list[ClusterRow]) -> None:
    """Print one table; a column that would be empty is left out."""
    columns = {
        "design": ("wrap", [row.design + "*" * row.own for row in rows]),
        "late in": ("right", [_number(row.late_accepted) for row in rows]),
        "out": ("right", [_number(row.late_refused + row.late_refused_by_relay) for row in rows]),
        "warned": ("right", [_number(row.late_warned) for row in rows]),
        "panic": ("left", [_panic(row) for row in rows]),
        "hazards": ("wrap", [_hazards(row) for row in rows]),
        "asked": ("right", [_number(row.asked_bytes) for row in rows]),
        "pages": ("right", [_number(row.pages) for row in rows]),
        "host VL": ("wrap", [_host_vl(row, clusters) for row in rows]),
    }
    shown = {title: (how, cells) for title, (how, cells) in columns.items() if any(cells)}
    table(
        console,
        {title: how for title, (how, _) in shown.items()},
        zip(*(cells for _, cells in shown.values()), strict=True),
    )


def _panic(row: DesignRow) -> str:
    return "kernel" * row.hazards(HazardKind.KERNEL_PANIC) + "hyp" * row.hazards(HazardKind.HYPERVISOR_PANIC)


def _number(number: int | None) -> str:
    return str(number or "")


def _hazards(row: DesignRow) -> str:
    """The ranks of a design's hazards, with how many there are of each."""
    counts = {kind.rank: _count(row, kind) for kind in sorted(HazardKind)}
    return " ".join(f"{rank}" if count == 1 else f"{rank}x{count}" for rank, count in counts.items() if count)


def _host_vl(row: DesignRow, clusters: list[ClusterRow]) -> str:
    """The host's largest VL afterwards: one for all, or by cluster, or how many clusters have which."""
    by_vl: dict[str, list[str]] = {}
    for one in clusters:
        if (one.design, one.relay, one.memory) == (row.design, row.relay, row.memory) and one.online:
            ends = dict.fromkeys([one.least_host_max_vl_bytes, one.host_max_vl_bytes])
            by_vl.setdefault("-".join(str(end or "none") for end in ends), []).append(one.cluster)
    if len(by_vl) <= 1:
        return "".join(by_vl)
    if sum(map(len, by_vl.values())) <= _MOST_CLUSTERS:
        return "\n".join(f"{cluster} {vl}" for vl, members in by_vl.items() for cluster in members)
    return "\n".join(f"{vl} on {len(members)} clusters" for vl, members in by_vl.items())
