"""The verdict, the tables and the pictures of a sweep over mixtures of cores."""

from pathlib import Path
from typing import NamedTuple

from sim.plot.mixtures_picture import MAX_CORES, plot_mixtures
from sim.plot.style import Picture
from sim.show.mixture_text import shares_by_kernels
from sim.show.sweep_text import percent
from sim.study.mixture_evaluation import OUTCOMES
from sim.sweep.mixture_summary import MixtureSummary
from sim.sweep.summary_rows import MixtureRow
from sim.titles import title
from sim.units import counted

_GRAVEST_FIRST = ("panicked", "lost", "refused", "tainted", "capabilities_lost", "hwcaps_lost")


class Verdict(NamedTuple):
    """A sweep in one line."""

    text: str
    is_good: bool


def verdict(summary: MixtureSummary) -> Verdict:
    """Return the verdict: the outcomes under the kernel with the fewest mixtures in which nothing happens."""
    totals = [summary.total(kernel) for kernel in summary.space.kernels]
    worst = min(totals, key=lambda row: (row.fine, [-getattr(row, name) for name in _GRAVEST_FIRST]))
    if not worst.mixtures:
        return Verdict("no part of the sweep is done: asymboot sweep --resume computes it", is_good=False)
    mixtures = counted(worst.mixtures, "drawn mixture" if summary.record.sample else "mixture")
    mixtures += "" if summary.complete else " so far"
    if worst.fine == worst.mixtures:
        return Verdict(f"nothing happens in any of {mixtures}", is_good=True)
    counts = [f"{title(name)} {getattr(worst, name):,}" for name in _GRAVEST_FIRST if getattr(worst, name)]
    where = f"Linux {worst.kernel}{_among(summary)}"
    return Verdict(f"{where}: nothing happens in {worst.fine:,} of {mixtures}; {', '.join(counts)}", is_good=False)


def _among(summary: MixtureSummary) -> str:
    """Return the place of the worst kernel among the others."""
    alike = len(shares_by_kernels(summary))
    if len(summary.space.kernels) == 1:
        return ""
    return " and every other kernel" if alike == 1 else f", the worst of {len(summary.space.kernels)} kernels"


def outcome_rows(summary: MixtureSummary) -> list[list[str]]:
    """Return the rows of the table of outcomes: kernels, the number of late clusters and of mixtures, and shares."""
    return [
        [summary.space.span(kernels), late, f"{row.mixtures:,}", *_shares(row)]
        for kernels, rows in shares_by_kernels(summary)
        for late, row in rows
    ]


def _shares(row: MixtureRow) -> list[str]:
    counts = [getattr(row, name) for name in (*OUTCOMES, "fine")]
    return [_percent(count, row.mixtures) if count else "" for count in counts]


def _percent(count: int, of: int) -> str:
    """Return a share in percent that no line break divides."""
    return percent(count / of).replace(" ", "\N{NO-BREAK SPACE}")


def lost_rows(summary: MixtureSummary) -> list[list[str]]:
    """Return the rows of the table of what mixtures lose: name, kind, share, number of mixtures, and kernels.

    Kernels with equal numbers are together.
    """
    alike: dict[tuple[str, str, int], list[str]] = {}
    for one in summary.record.lost:
        alike.setdefault((one.name, one.kind, one.mixtures), []).append(one.kernel)
    return [
        [name, kind, _percent(mixtures, summary.record.points), f"{mixtures:,}", summary.space.span(kernels)]
        for (name, kind, mixtures), kernels in sorted(alike.items(), key=lambda item: -item[0][2])
    ]


def maps(folder: Path, summary: MixtureSummary) -> list[tuple[str, Picture]]:
    """Return a heat map for each outcome that occurs, the gravest first; none of too many cores."""
    if len(summary.space.cores) > MAX_CORES:
        return []
    occur = {one.outcome for one in summary.record.examples}
    return [(name, plot_mixtures(folder, name)) for name in _GRAVEST_FIRST if name in occur]
