"""Spaces and sweeps as text for a terminal: how many points, what was found, and a bar while it is being found."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from math import isnan
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sim.hazards import HazardKind
from sim.rows import SpaceRecord
from sim.show.console import heading, line, table
from sim.study.system_space import Group, Space
from sim.sweep.sweep_plan import Walk
from sim.sweep.sweep_run import Progress as SweepProgress
from sim.sweep.sweep_run import Report
from sim.sweep.sweep_summary import Summary
from sim.sweep.timing_study import METRICS
from sim.vectors import bits_from_vq

_MOST_NAMED = 2
_MILLION = 1_000_000
_MS = 1_000_000
_PERCENT = 100
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def show_space(space: Space, told: SpaceRecord, console: Console) -> None:
    """Print what `asymboot space` shows."""
    line(console, f"{space.name}: {space.cpus:,} CPUs in {len(space.groups)} groups; kernel {space.kernel}")
    heading(console, "Groups")
    rows = [
        (
            group.name,
            "late" if group.late else "early",
            f"{group.cpus:,}",
            f"{len(group.sets):,}",
            _largest(group.any_vqs),
        )
        for group in space.groups
    ]
    table(
        console,
        {"group": "wrap", "role": "left", "CPUs": "right", "candidate sets": "right", "up to, bits": "right"},
        rows,
    )
    heading(console, "Points")
    line(console, f"{told.points:,}; {told.points_up_to_symmetry:,} up to symmetry")
    line(console, f"{told.settings:,} settings each: {told.rows:,} rows; {told.rows_up_to_symmetry:,} up to symmetry")
    every, few = told.estimated_s, told.estimated_up_to_symmetry_s
    if every is None and few is None:
        line(console, f"too many to walk through: the most is {told.most_points:,}; take a sample")
    else:
        line(console, f"{_about(every)} here, with --keep counts; {_about(few)} with --symmetric")


def _about(seconds: float | None) -> str:
    return "too many to walk through" if seconds is None else f"about {duration(seconds)}"


def _role(group: Group) -> str:
    return "late" if group.late else "early"


def _largest(vqs: int) -> str:
    return str(bits_from_vq(vqs.bit_length())) if vqs else "none"


def duration(seconds: float) -> str:
    """A duration as people say it.

    >>> duration(0.2), duration(80), duration(7500), duration(200_000)
    ('1 s', '1 min 20 s', '2 h 5 min', '2 d 7 h')
    """
    whole = max(1, round(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S:,} d {whole % _DAY_S // _HOUR_S} h"


def show_summary(summary: Summary, console: Console) -> None:
    """Print what `asymboot summary` shows: hazards by design and relay, with shares and examples."""
    plan = summary.plan
    walk = {
        Walk.EXHAUSTIVE: "every point",
        Walk.SYMMETRIC: "up to symmetry",
        Walk.SAMPLE: f"a sample, seed {plan.seed}",
    }
    done = f"{summary.points:,} points" if summary.complete else f"{summary.points:,} of {plan.points.points:,} points"
    stands = f", which stand for {summary.systems:,} systems" if plan.walk is Walk.SYMMETRIC else ""
    line(console, f"{plan.space.name}: {walk[plan.walk]}: {done}{stands}; kernel {plan.space.kernel}")
    rows = summary.hazard_rows
    for (relay, mode, memory), found in groupby(rows, lambda row: (row["relay"], row["kvm_mode"], row["memory"])):
        heading(console, f"relay {relay}, KVM mode {mode}, memory {memory}")
        columns = {"design": "wrap", "hazard": "wrap", "systems": "right", "share": "right"}
        if plan.walk is Walk.SAMPLE:
            columns |= {"95 %": "left"}
        columns |= {"first row": "right", "smallest": "right", "its sets": "wrap"}
        table(console, columns, [list(_cells(summary, row)) for row in found])
    if not rows:
        line(console, "no hazards", "green")
    _show_timings(summary, console)
    line(
        console,
        "share: of systems, by weight. smallest: the row with the smallest largest length, then the fewest lengths; "
        "its sets: the largest length of each group. asymboot replay shows a row's boot.",
    )


def _show_timings(summary: Summary, console: Console) -> None:
    for metric, found in groupby(sorted(summary.timing_rows, key=_metric_order), lambda row: row["metric"]):
        heading(console, f"{metric}: {METRICS[metric]}")
        columns = {
            "design": "wrap",
            "relay": "left",
            "KVM": "left",
            "memory": "left",
            "mean, ms": "right",
            "95 %": "left",
        }
        table(console, columns, [_timing_cells(row) for row in found])


def _metric_order(row: dict[str, Any]) -> int:
    return list(METRICS).index(row["metric"])


def _timing_cells(row: dict[str, Any]) -> list[str]:
    interval = "" if isnan(row["low_ns"]) else f"{row['low_ns'] / _MS:,.3f} to {row['high_ns'] / _MS:,.3f}"
    return [row["design"], row["relay"], row["kvm_mode"], row["memory"], f"{row['mean_ns'] / _MS:,.3f}", interval]


def _cells(summary: Summary, row: dict[str, object]) -> Iterator[str]:
    yield str(row["design"])
    yield HazardKind[str(row["hazard"]).upper()].title
    yield f"{row['systems']:,}"
    yield percent(row["share"])
    if "share_low" in row:
        yield f"{percent(row['share_low'])} to {percent(row['share_high'])}"
    yield f"{row['first_row']:,}"
    yield f"{row['smallest_row']:,}"
    sets = [str(row[f"{group.name}_sve_bits"]) for group in summary.plan.space.groups]
    yield " ".join(one.rpartition(",")[2] or "none" for one in sets)


def percent(share: object) -> str:
    """A share in percent, never rounded to none or all.

    >>> percent(0.25), percent(1e-9), percent(1 - 1e-9), percent(1)
    ('25.00 %', '<0.01 %', '>99.99 %', '100.00 %')
    """
    assert isinstance(share, float | int)
    told = f"{_PERCENT * share:.2f}"
    if told == "0.00" and share:
        return "<0.01 %"
    if told == "100.00" and share < 1:
        return ">99.99 %"
    return f"{told} %"


@contextmanager
def progress_bar(console: Console) -> Iterator[Report]:
    """A bar with the rate, the time left and the hazards so far, where there is a terminal; a report moves it."""
    columns = (
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[hazards]}"),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    task = bar.add_task("", total=None, rate="", hazards="")

    def report(progress: SweepProgress) -> None:
        bar.start()  # only now: what is refused before is one line
        bar.update(
            task,
            total=progress.points,
            completed=progress.done,
            rate=_rate(progress, bar.tasks[0].elapsed or 0),
            hazards=hazards_so_far(progress),
        )

    try:
        yield report
    finally:
        bar.stop()


def _rate(progress: SweepProgress, elapsed_s: float) -> str:
    new = progress.done - progress.found_before
    return f"{new / elapsed_s / _MILLION:,.2f} M/s" if new and elapsed_s else ""


def hazards_so_far(progress: SweepProgress) -> str:
    """The worst hazards so far, and the share of rows that have each."""
    rows = progress.rows_by_hazard
    found = [kind for kind in HazardKind if rows[kind]]
    return ", ".join(f"{kind.title} {percent(rows[kind] / progress.rows)}" for kind in found[:_MOST_NAMED])
