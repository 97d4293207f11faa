"""Spaces of mixtures of cores and sweeps over them as text."""

from collections.abc import Callable, Sequence

from rich.console import Console

from sim.show.console import heading, line
from sim.show.sweep_text import percent, percentage
from sim.show.table_forms import Layout, table
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MixtureSpace
from sim.sweep.mixture_summary import MixtureSummary
from sim.sweep.summary_rows import ExampleRow, MixtureRow
from sim.units import counted, spans

_MOST_LOST = 5
_MAX_NAMED = 2
"""The number of kernels in a row above which a range stands for them."""
_HEADINGS = {
    "refused": "refused",
    "lost": "lost",
    "panicked": "panics",
    "tainted": "tainted",
    "capabilities_lost": "caps\nlost",
    "hwcaps_lost": "hwcaps\nlost",
}


def show_mixture_space(space: MixtureSpace, console: Console) -> None:
    """Print the mixtures of a space."""
    line(
        console,
        f"{space.name}: {space.clusters} clusters of {counted(len(space.cores), 'core')}, "
        f"{counted(space.cpus, 'CPU')} each",
    )
    line(console, f"kernels {', '.join(space.kernels)}")
    heading(console, "Cores")
    rows = [(one.name, f"{one.features.core.midr:#010x}") for one in space.cores]
    table(console, {"core": "wrap", "MIDR_EL1": "left"}, rows)
    heading(console, "Points")
    line(console, f"{counted(space.points, 'mixture')}, each under {counted(len(space.kernels), 'kernel')}")


def show_mixtures(summary: MixtureSummary, console: Console) -> None:
    """Print what a sweep over mixtures found: shares by kernel and number of late clusters, and what is lost."""
    space, record = summary.space, summary.record
    done = f"{record.points:,}" if record.complete else f"{record.points:,} of {record.points_in_all:,}"
    walk = f"a sample, seed {record.seed}, of the mixtures" if record.sample else "every mixture"
    line(
        console,
        f"{space.name}: {walk} of {space.clusters} of {counted(len(space.cores), 'core')}: "
        f"{done}; kvm-arm.mode={space.kvm_mode}",
    )
    line(console, f"kernels {', '.join(space.kernels)}")
    heading(console, "Share of mixtures, in %")
    columns: dict[str, Layout] = {"kernels": "over", "late\nclusters": "right", "mixtures": "right"}
    columns |= dict.fromkeys(_HEADINGS.values(), "right")
    rows = [
        [spans(space.kernels, kernels, _MAX_NAMED), late, *_shares(row)]
        for kernels, of_kernels in shares_by_kernels(summary)
        for late, row in of_kernels
    ]
    # "In every row: nothing none" would say nothing.
    has_nothing = any(row[-1] for row in rows)
    if has_nothing:
        columns["nothing"] = "right"
    else:
        rows = [row[:-1] for row in rows]
    table(console, columns, rows)
    for kernels in _alike(space, lambda kernel: str(_most_lost(summary, kernel))):
        _show_lost(summary, kernels, console)
    heading(console, "First mixture with each outcome")
    columns = {"outcome": "left", "row": "right", "kernel": "left", "cores, the boot CPU's first": "wrap"}
    examples = [
        (_HEADINGS[one.outcome].replace("\n", " "), f"{one.row:,}", one.kernel, " + ".join(one.cores))
        for one in first_examples(summary)
    ]
    table(console, columns, examples)
    nothing = "nothing: none of these. " if has_nothing else ""
    line(
        console,
        "refused: the kernel refuses a CPU. lost: a CPU is stuck, or dies before it can speak. panics: the system "
        "stops. tainted: because CPUs differ. caps, hwcaps lost: a core of the mixture has by itself what the system "
        f"has not; not counted where it stops. {nothing}asymboot run DIR:ROW boots the mixture of a row.",
    )


def _shares(row: MixtureRow) -> list[str]:
    counts = [getattr(row, name) for name in (*OUTCOMES, "fine")]
    return [
        f"{row.mixtures:,}",
        *(percentage(count / row.mixtures) if count else "" for count in counts),
    ]


def shares_by_kernels(summary: MixtureSummary) -> list[tuple[list[str], list[tuple[str, MixtureRow]]]]:
    """Return the outcomes by kernel; kernels with equal figures are together.

    For each group of kernels there is a row for each number of late clusters, and then a row for ``any``.
    """
    rows = {
        kernel: [(str(one.late_clusters), one) for one in summary.record.rows if one.kernel == kernel]
        + [("any", summary.total(kernel))]
        for kernel in summary.space.kernels
    }
    alike = _alike(summary.space, lambda kernel: str([(late, _shares(row)) for late, row in rows[kernel]]))
    return [(kernels, rows[kernels[0]]) for kernels in alike]


def first_examples(summary: MixtureSummary) -> list[ExampleRow]:
    """Return the first mixture with each outcome, whatever the kernel; mixtures with fewer late clusters come first."""
    first: dict[str, ExampleRow] = {}
    for one in summary.record.examples:
        if one.outcome not in first or one.row < first[one.outcome].row:
            first[one.outcome] = one
    return [first[name] for name in OUTCOMES if name in first]


def _alike(space: MixtureSpace, key: Callable[[str], str]) -> list[list[str]]:
    """Return the kernels with equal figures, together."""
    found: dict[str, list[str]] = {}
    for kernel in space.kernels:
        found.setdefault(key(kernel), []).append(kernel)
    return list(found.values())


def _most_lost(summary: MixtureSummary, kernel: str) -> list[tuple[str, str, int]]:
    """Return what is most often lost under a kernel, capabilities first: kind, name and number of mixtures."""
    return [
        (one.kind, one.name, one.mixtures)
        for kind in ("capability", "hwcap")
        for one in [one for one in summary.record.lost if (one.kernel, one.kind) == (kernel, kind)][:_MOST_LOST]
    ]


def _show_lost(summary: MixtureSummary, kernels: Sequence[str], console: Console) -> None:
    total = summary.total(kernels[0]).mixtures
    lost = _most_lost(summary, kernels[0])
    if lost:
        heading(console, f"Most often lost under {spans(summary.space.kernels, kernels, _MAX_NAMED)}")
        rows = [
            (f"hwcap {name}" if kind == "hwcap" else name, f"{times:,}", percent(times / total))
            for kind, name, times in lost
        ]
        table(console, {"capability or hwcap": "wrap", "mixtures": "right", "share": "right"}, rows)
