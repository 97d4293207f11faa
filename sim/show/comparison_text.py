"""A comparison of designs as text: a table for each relay setting and memory layout, a row for each design."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console

from sim.hazard_kinds import HazardKind
from sim.scenario import EL2, Scenario
from sim.show.console import heading, legend, line
from sim.show.cpu_table import ALLOWED_WORDS
from sim.show.shared_notes import show_shared_notes
from sim.show.table_forms import Layout, table_of_columns
from sim.study.comparison import Comparison
from sim.study.comparison_rows import ClusterRow, DesignRow
from sim.titles import title

_MAX_CLUSTERS = 4
"""The number of clusters above which their VLs are counted, and not listed by name."""
_LEGEND = {
    title("late_cpus"): "refused, by the kernel or by pKVM's relay; warned, if the log says that they are above the "
    "maximum",
    title("asked_bytes"): "for each possible CPU's buffer",
    "pages": "in the run of that buffer",
} | ALLOWED_WORDS
"""The columns that need words, with what each holds."""


def show(comparison: Comparison, console: Console) -> None:
    """Print everything that `asymboot compare` shows."""
    scenario = comparison.scenario
    cpus = len(scenario.topology.cpus)
    hypothetical = "; hypothetical" if scenario.topology.hypothetical else ""
    kvm = f"KVM mode {scenario.kvm_mode}" if scenario.el(0) == EL2 else "no EL2"
    settings = f"{cpus:,} possible CPUs, {_late_words(scenario)}; kernel {scenario.kernel_words}, {kvm}{hypothetical}"
    line(console, f"{scenario.name}: {settings}")
    show_shared_notes(scenario, console)
    titles: set[str] = set()
    # The rows of one setting follow each other, as groupby() needs.
    for (relay, memory), rows in groupby(comparison.design_rows, lambda row: (row.relay, row.memory)):
        heading(console, f"relay {relay}, memory {memory}" if scenario.has_pkvm else "no pKVM: no relay, no buffers")
        titles |= _table(console, list(rows), comparison.cluster_rows)
        # Without pKVM neither the relay nor the memory changes anything: the other tables would be the same.
        if not scenario.has_pkvm:
            break
    console.print()
    if any(row.own for row in comparison.design_rows):
        line(console, "*: the scenario's own design")
    legend(console, _LEGEND, titles)


def _late_words(scenario: Scenario) -> str:
    """Return how many CPUs are late, and why."""
    numbers = range(len(scenario.topology.cpus))
    reasons = Counter(because for number in numbers if (because := scenario.late_because(number)) is not None)
    words = "".join(f", {count:,} late ({because})" for because, count in sorted(reasons.items()))
    return words.removeprefix(", ") or "none of them late"


def _table(console: Console, rows: list[DesignRow], clusters: list[ClusterRow]) -> set[str]:
    """Print a table without the columns that would be empty, and return the titles of the others."""
    columns: dict[str, tuple[Layout, Sequence[str]]] = {
        "design": ("wrap", [row.design + "*" * row.own for row in rows]),
        title("late_cpus"): ("wrap", ["\n".join(_late_cpus(row)) for row in rows]),
        "hazards": ("wrap", [_hazards(row) for row in rows]),
        title("asked_bytes"): ("right", [str(row.asked_bytes or "") for row in rows]),
        "pages": ("right", [str(row.pages or "") for row in rows]),
        title("host_max_vl_bytes"): ("wrap", [_allowed(row, clusters) for row in rows]),
    }
    return table_of_columns(console, columns)


def _late_cpus(row: DesignRow) -> Iterator[str]:
    """Yield what happened to late CPUs, with their numbers."""
    refused = row.late_refused + row.late_refused_by_relay
    for count, fate in ((row.late_accepted, "online"), (refused, "refused"), (row.late_warned, "warned")):
        if count:
            yield f"{count:,} {fate}"


def _hazards(row: DesignRow) -> str:
    """Return the titles of a design's hazards, a line each, the worst first."""
    counts = {kind.title: row.hazards(kind) for kind in sorted(HazardKind)}
    return "\n".join(name if count == 1 else f"{name}: {count:,}" for name, count in counts.items() if count)


def _allowed(row: DesignRow, clusters: list[ClusterRow]) -> str:
    """Return the host's largest VL in bytes after the boot.

    A single VL holds for all clusters. Else each VL has a line, with the names of its clusters if there are up to four
    clusters, and with their number if there are more.
    Inside a cluster the VL may be a range, such as ``16-32``.
    """
    by_vl: dict[str, list[str]] = {}
    for cluster in clusters:
        if (cluster.design, cluster.relay, cluster.memory) == (row.design, row.relay, row.memory) and cluster.online:
            ends = dict.fromkeys([cluster.least_host_max_vl_bytes, cluster.host_max_vl_bytes])
            by_vl.setdefault("-".join(str(end or "none") for end in ends), []).append(cluster.cluster)
    if len(by_vl) <= 1:
        return "".join(by_vl)
    if sum(map(len, by_vl.values())) <= _MAX_CLUSTERS:
        return "\n".join(f"{', '.join(members)} {vl}" for vl, members in by_vl.items())
    return "\n".join(f"{vl} on {len(members)} clusters" for vl, members in by_vl.items())
