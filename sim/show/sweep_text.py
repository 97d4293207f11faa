"""Spaces and sweeps as text: the number of systems, the hazards found in them, and a bar that shows progress."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sim.hazard_kinds import KINDS, HazardKind
from sim.show.console import heading, line
from sim.show.table_forms import Layout, table
from sim.study.system_space import Group, Space
from sim.sweep.parted_plan import Walk
from sim.sweep.space_record import SpaceRecord
from sim.sweep.sweep_plan import without_cells
from sim.sweep.sweep_summary import Summary
from sim.sweep.timing_study import METRICS
from sim.units import counted
from sim.vectors import bits_from_vq

if TYPE_CHECKING:  # summaries are shown without the packages that sweeps need
    from sim.sweep.parts_run import Progress as SweepProgress
    from sim.sweep.parts_run import Report

_MAX_HAZARDS_IN_BAR = 2
_MILLION = 1_000_000
_NS_PER_MS = 1_000_000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def show_space(space: Space, record: SpaceRecord, console: Console) -> None:
    """Print everything that `asymboot space` shows."""
    line(
        console,
        f"{space.name}: {counted(space.cpus, 'CPU')} in {counted(len(space.groups), 'group')}; "
        f"kernel {space.kernel_words}",
    )
    heading(console, "Groups")
    columns: dict[str, Layout] = {
        "group": "wrap",
        "role": "left",
        "CPUs": "right",
        "candidate sets": "right",
        "largest VL, bits": "right",
    }
    rows = [
        (group.name, _role(group), f"{group.cpus:,}", f"{len(group.sets_vqs):,}", _largest_bits(group.any_vqs))
        for group in space.groups
    ]
    table(console, columns, rows)
    heading(console, "Points")
    line(console, f"{counted(record.points, 'point')}; {record.points_up_to_symmetry:,} up to symmetry")
    rows_each = f"{counted(record.rows, 'row')}; {record.rows_up_to_symmetry:,} up to symmetry"
    line(console, f"{counted(record.settings, 'setting')} for each point: {rows_each}")
    every_s, symmetric_s = record.estimated_s, record.estimated_up_to_symmetry_s
    if every_s is None and symmetric_s is None:
        line(console, f"too many points to compute them all: at most {record.most_points:,} can be; take a sample")
    else:
        line(console, f"{_estimate(every_s)} here, with --keep counts; {_estimate(symmetric_s)} with --symmetric")
    if record.sample:
        line(console, f"{_estimate(record.estimated_sample_s)} here for a sample of {counted(record.sample, 'point')}")
    first, last = space.groups[0].name, space.groups[-1].name
    over = f"{first} and {last}" if first != last else first
    line(
        console,
        f"--keep counts suffices for the summary, the report, heat maps over {over}, and DIR:ROW of every row; --keep "
        "hazards also writes the rows with hazards; --keep all writes every row, for heat maps over any column",
    )
    if record.points > record.most_cell_points:
        line(console, without_cells(space, record.points))


def _estimate(seconds: float | None) -> str:
    return "too many points" if seconds is None else f"about {rounded_duration(seconds)}"


def _role(group: Group) -> str:
    return "late" if group.late else "early"


def _largest_bits(vqs: int) -> str:
    return str(bits_from_vq(vqs.bit_length())) if vqs else "none"


def rounded_duration(seconds: float) -> str:
    """Return a duration in its two largest units, at least one second.

    >>> rounded_duration(0.2), rounded_duration(80), rounded_duration(7500), rounded_duration(200_000)
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
    """Print everything that `asymboot summary` shows: hazards by design and relay, with shares and examples."""
    plan = summary.plan
    is_sample = plan.walk is Walk.SAMPLE
    line(console, f"{plan.space.name}: {visited(summary)}; kernel {plan.space.kernel_words}")
    what = "draws" if is_sample else "systems"
    columns: dict[str, Layout] = {"design": "over", "hazard": "wrap", what: "right", "share": "right"}
    if is_sample:
        columns["95 % interval"] = "left"
    columns |= {"first row": "right", "smallest row": "right", "largest VLs": "wrap"}
    rows = summary.hazard_rows  # the rows of one setting follow each other, as groupby() needs
    for (relay, mode, memory), found in groupby(rows, lambda row: (row["relay"], row["kvm_mode"], row["memory"])):
        heading(console, f"relay {relay}, KVM mode {mode}, memory {memory}")
        of_setting = list(found)
        table(console, columns, [list(_cells(summary, row)) for row in of_setting])
        _show_worst(summary, [row for row in of_setting if row["worst_row"] is not None], console)
    if not rows:
        line(console, "no hazards", "green")
    _show_timings(summary, console)
    line(
        console,
        f"share: of {what}{'' if is_sample else ', by weight'}. smallest row: the row whose largest VL is smallest, "
        "then the row with the fewest VLs. underrun, overrun: the most bytes that a save of any system writes below "
        "and above its buffer's run of pages; the worst row has as many. largest VLs: of each group in that row, in "
        "bits. asymboot run DIR:ROW boots the system of a row."
        + (" Of a sample, all rows are of draws: a point that no draw met is not counted." if is_sample else ""),
    )


def visited(summary: Summary) -> str:
    """Return the points that a sweep visited, as far as it is done: all of them, or draws from them."""
    plan = summary.plan
    what = "draw" if plan.walk is Walk.SAMPLE else "point"
    wanted = counted(plan.visited, what)
    done = wanted if summary.complete else f"{summary.points:,} of {wanted}"
    match plan.walk:
        case Walk.EXHAUSTIVE:
            return f"every point: {done}"
        case Walk.SYMMETRIC:
            return f"up to symmetry: {done}, which stand for {counted(summary.systems, 'system')}"
        case Walk.SAMPLE:
            return f"a sample, seed {plan.seed}: {done} from {counted(plan.space.points, 'point')}"


def _show_worst(summary: Summary, rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print how far saves write out of bounds: the most bytes under each design, and the first row with that number."""
    if not rows:
        return
    columns: dict[str, Layout] = {
        "design": "wrap",
        "underrun, bytes": "right",
        "overrun, bytes": "right",
        "worst row": "right",
        "largest VLs": "wrap",
    }
    cells = [
        [
            row["design"],
            str(row["underrun_bytes"]),
            str(row["overrun_bytes"]),
            f"{row['worst_row']:,}",
            _largest_vls(summary, summary.sets_of_row(row["worst_row"])),
        ]
        for row in rows
    ]
    console.print()
    table(console, columns, cells)


def _show_timings(summary: Summary, console: Console) -> None:
    columns: dict[str, Layout] = {
        "design": "wrap",
        "relay": "left",
        "KVM mode": "left",
        "memory": "left",
        "mean, ms": "right",
        "95 % interval, ms": "left",
    }
    # The rows are ordered by setting. Sorting is stable, so each metric's table keeps the order of settings.
    for metric, found in groupby(sorted(summary.timing_rows, key=_metric_order), lambda row: row["metric"]):
        heading(console, f"{metric}: {METRICS[metric]}")
        table(console, columns, [_timing_cells(row) for row in found])


def _metric_order(row: Mapping[str, Any]) -> int:
    return list(METRICS).index(row["metric"])


def _timing_cells(row: Mapping[str, Any]) -> list[str]:
    # From a single replication, or a single sampled point, no interval can be computed: its ends are NaN.
    interval = "" if isnan(row["low_ns"]) else f"{milliseconds(row['low_ns'])} to {milliseconds(row['high_ns'])}"
    return [row["design"], row["relay"], row["kvm_mode"], row["memory"], milliseconds(row["mean_ns"]), interval]


def milliseconds(ns: float) -> str:
    """Return nanoseconds in milliseconds, with three decimals."""
    return f"{ns / _NS_PER_MS:,.3f}"


def _cells(summary: Summary, row: Mapping[str, Any]) -> Iterator[str]:
    yield row["design"]
    yield KINDS[row["hazard"]].title
    yield f"{row['systems']:,}"
    yield percent(row["share"])
    if "share_low" in row:
        yield f"{percent(row['share_low'])} to {percent(row['share_high'])}"
    yield f"{row['first_row']:,}"
    yield f"{row['smallest_row']:,}"
    yield _largest_vls(summary, row)


def _largest_vls(summary: Summary, sets: Mapping[str, Any]) -> str:
    # A set is text in ascending order, such as 128,256: its largest length is the last.
    every = [sets[f"{group.name}_sve_bits"] for group in summary.plan.space.groups]
    return " ".join(lengths.rpartition(",")[2] or "none" for lengths in every)


def percent(share: float) -> str:
    """Return a share in percent; only a share of 0 is 0.00 %, and only a share of 1 is 100.00 %.

    >>> percent(0.25), percent(1e-9), percent(1 - 1e-9), percent(1)
    ('25.00 %', '<0.01 %', '>99.99 %', '100.00 %')
    """
    return f"{percentage(share)} %"


def percentage(share: float) -> str:
    """Return the number that `percent` has before its sign, for columns whose heading has the sign."""
    rounded = f"{100 * share:.2f}"
    if rounded == "0.00" and share:
        return "<0.01"
    if rounded == "100.00" and share < 1:
        return ">99.99"
    return rounded


@contextmanager
def progress_bar(console: Console) -> "Iterator[Report]":
    """Show the progress, rate, time left and hazards of a sweep, if the console is a terminal.

    Yields:
        A function that takes the sweep's progress and moves the bar.
    """
    columns = (
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[hazards]}"),
    )
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    task = bar.add_task("", total=None, rate="", hazards="")

    def report(progress: "SweepProgress") -> None:
        # The bar starts with the first report, so that a sweep that is refused before leaves its one line alone.
        bar.start()
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


def _rate(progress: "SweepProgress", elapsed_s: float) -> str:
    # Parts that a resumed sweep found in its folder took no time now.
    computed = progress.done - progress.found_before
    return f"{computed / elapsed_s / _MILLION:,.2f} M/s" if computed and elapsed_s else ""


def hazards_so_far(progress: "SweepProgress") -> str:
    """Return the two worst hazards so far, each with the share of rows that have it."""
    rows = progress.rows_by_hazard
    found = [kind for kind in HazardKind if rows[kind]]
    return ", ".join(f"{kind.title} {percent(rows[kind] / progress.rows)}" for kind in found[:_MAX_HAZARDS_IN_BAR])
