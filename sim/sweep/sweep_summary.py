"""The summary of a sweep: hazards by setting, with shares and examples, as data frames and as Parquet files."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.arguments import checked, checked_fields
from sim.errors import InputError
from sim.extras import needed_by
from sim.frames import as_html, dtypes
from sim.rows import SCHEMA_VERSION
from sim.study import verdict_bits
from sim.study.points import sets_at
from sim.study.tally import Tally
from sim.study.worst_save import Worst
from sim.sweep.parted_plan import Walk
from sim.sweep.summary_rows import SweepHazardRow, SweepTimingRow
from sim.sweep.sweep_folder import Folder
from sim.sweep.sweep_plan import Plan
from sim.sweep.sweep_totals import SweepTotals
from sim.sweep.times_tally import TimesTallies
from sim.sweep.timing_study import METRICS
from sim.units import counted
from sim.vectors import bits_from_vqs

if TYPE_CHECKING:
    import pandas as pd

_LATE = {
    "late_accepted": verdict_bits.ACCEPTED,
    "late_refused": verdict_bits.REFUSED,
    "late_refused_by_relay": verdict_bits.BY_RELAY,
    "late_warned": verdict_bits.WARNED,
}
_CONFIDENCE = 0.95


@dataclass(repr=False)
@checked_fields
class Summary:
    """The summary of a sweep, as far as it is done, as `run_sweep()` and `read_summary()` return it.

    Args:
        plan: what the sweep computes, with its space.
        tallies: the counts of outcomes, one for each setting of the space.
        points: the number of points that were computed, less than all while parts are missing.
        times: in a timing study the sums of times in nanoseconds, one for each setting; else empty.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", jobs=1)
    >>> summary
    <Summary of '': 4 of 4 points, 16 settings>
    """

    plan: Plan
    tallies: list[Tally]
    points: int
    times: list[TimesTallies]

    def __repr__(self) -> str:
        told = f"{self.points:,} of {counted(self.plan.points.points, 'point')}"
        return f"<Summary of {self.plan.space.name!r}: {told}, {counted(len(self.tallies), 'setting')}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.hazard_rows)

    @cached_property
    def systems(self) -> int:
        """The number of systems that the points stand for, by weight."""
        # The same for every setting: a record in which settings differ does not fit (`PartRecord.fits`).
        return sum(self.tallies[0].cells.values())

    @cached_property
    def timings(self) -> "pd.DataFrame":
        """The means of a timing study in ns, a row for each setting and metric, with Student's 95 % interval.

        Columns: design, relay, kvm_mode, memory, metric (as in `sim.sweep.timing_study.METRICS`), ``boots``,
        ``mean_ns``, ``low_ns``, ``high_ns``. The interval is over replications where every point was visited, and over
        points in a sample; it is missing where there are too few of them.
        """
        import pandas as pd

        columns = dtypes(SweepTimingRow)
        return pd.DataFrame(self.timing_rows, columns=list(columns)).astype(columns)

    @cached_property
    def timing_rows(self) -> list[dict[str, Any]]:
        """The rows of `timings`, as plain values."""
        return list(self._timing_rows())

    def _timing_rows(self) -> Iterator[dict[str, Any]]:
        replications = self.plan.replications
        for setting, tallies in zip(self.plan.space.settings, self.times, strict=False):
            for metric, tally in zip(METRICS, tallies.by_metric, strict=True):
                low, high = tally.interval_ns(replications, sampled=self.plan.walk is Walk.SAMPLE)
                yield {
                    **setting.row(),
                    "metric": metric,
                    "boots": tally.points * replications,
                    "mean_ns": tally.mean_ns(replications),
                    "low_ns": low,
                    "high_ns": high,
                }

    @property
    def complete(self) -> bool:
        """True if all points were computed."""
        return self.points == self.plan.points.points

    @cached_property
    def hazards(self) -> "pd.DataFrame":
        """The hazards, a row for each setting and hazard that occurs.

        Columns: design, relay, kvm_mode, memory, hazard; ``systems``, by weight, and their ``share``; in a sample the
        share's 95 % interval (Clopper and Pearson's), ``share_low`` and ``share_high``; ``first_row``, ``smallest_row``
        and ``worst_row``, for `asymboot run DIR:ROW`; of out-of-bounds writes ``underrun_bytes`` and
        ``overrun_bytes``, the most that a save of any system writes below and above its buffer's run of pages (the
        worst row has the larger of these; all three are missing for other hazards); and the smallest example's sets,
        ``<group>_sve_bits``.
        """
        import pandas as pd

        # Types are stated, because without rows pandas would have none to infer.
        columns = self._hazard_columns()
        return pd.DataFrame(self.hazard_rows, columns=list(columns)).astype(columns)

    @cached_property
    def outcomes(self) -> "pd.DataFrame":
        """The outcomes, a row for each setting and combination of hazards and of late CPUs' outcomes, by weight."""
        import pandas as pd

        return pd.DataFrame(list(self._outcome_rows()))

    @cached_property
    def hazard_rows(self) -> list[dict[str, Any]]:
        """The rows of `hazards`, as plain values."""
        return list(self._hazard_rows())

    def _hazard_columns(self) -> dict[str, str]:
        """Return the columns of `hazards` with their types, which do not depend on the hazards found."""
        left_out = () if self.plan.walk is Walk.SAMPLE else ("share_low", "share_high")
        columns = {name: dtype for name, dtype in dtypes(SweepHazardRow).items() if name not in left_out}
        return columns | {f"{group.name}_sve_bits": "str" for group in self.plan.space.groups}

    def record(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON has it: a `SummaryRecord` whose hazards have their sets beside."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.plan.space.name,
            "kernel": self.plan.space.kernel,
            "walk": str(self.plan.walk),
            "points": self.points,
            "points_in_all": self.plan.points.points,
            "complete": self.complete,
            "systems": self.systems,
            "hazards": self.hazard_rows,
            "timings": self.timing_rows,
        }

    def _hazard_rows(self) -> Iterator[dict[str, Any]]:
        for number, (setting, tally) in enumerate(zip(self.plan.space.settings, self.tallies, strict=True)):
            words = tally.words
            for place, kind in enumerate(verdict_bits.HAZARDS):
                bit = 1 << place
                systems = sum(times for bits, times in words.items() if bits & bit)
                if systems:
                    example = tally.smallest[bit].point
                    yield {
                        **setting.row(),
                        "hazard": kind.value,
                        "systems": systems,
                        "share": systems / self.systems,
                        **self._interval(systems),
                        "first_row": self._row(tally.first[bit], number),
                        "smallest_row": self._row(example, number),
                        **self._worst(tally if bit == verdict_bits.OUTSIDE else Tally(), number),
                        **self.sets_of(example),
                    }

    def _row(self, point: int, setting: int) -> int:
        return point * len(self.plan.space.settings) + setting

    def _worst(self, tally: Tally, setting: int) -> dict[str, int | None]:
        """Return how far saves write outside their buffers, and the row of the worst; None without such saves."""
        if tally.underrun is None and tally.overrun is None:
            return dict.fromkeys(("worst_row", "underrun_bytes", "overrun_bytes"))
        under, over = (Worst(0, 0) if one is None else one for one in (tally.underrun, tally.overrun))
        worst = max(under, over, key=lambda one: one.bytes)
        return {
            "worst_row": self._row(worst.point, setting),
            "underrun_bytes": under.bytes,
            "overrun_bytes": over.bytes,
        }

    def sets_of(self, point: int) -> dict[str, str]:
        """Return each group's lengths at a point, as text.

        Args:
            point: the point's number in the walk.
        """
        sets = zip(self.plan.space.groups, sets_at(self.plan.points, point), strict=True)
        return {f"{group.name}_sve_bits": ",".join(map(str, bits_from_vqs(vqs))) for group, vqs in sets}

    def sets_of_row(self, row: int) -> dict[str, str]:
        """Return each group's lengths in a row, as text.

        Args:
            row: the row's number, such as that of the worst.
        """
        return self.sets_of(row // len(self.plan.space.settings))

    def _interval(self, systems: int) -> dict[str, float]:
        """Return the ends of the share's confidence interval, in a sample."""
        if self.plan.walk is not Walk.SAMPLE:
            return {}
        with needed_by("sim.Summary"):
            from scipy.stats import binomtest

        interval = binomtest(systems, self.systems).proportion_ci(_CONFIDENCE)
        return {"share_low": float(interval.low), "share_high": float(interval.high)}

    def _outcome_rows(self) -> Iterator[dict[str, Any]]:
        for setting, tally in zip(self.plan.space.settings, self.tallies, strict=True):
            for bits, systems in sorted(tally.words.items()):
                hazards = {kind.value: bool(bits >> place & 1) for place, kind in enumerate(verdict_bits.HAZARDS)}
                late = {name: bool(bits & bit) for name, bit in _LATE.items()}
                yield {**setting.row(), **hazards, **late, "systems": systems}

    def write(self, folder: Folder) -> None:
        """Write the data frames into the sweep's folder.

        Args:
            folder: the sweep's folder.

        Raises:
            InputError: a file is a link, or not regular.
            OSError: a file cannot be written.
        """
        frames = {"hazards": self.hazards, "outcomes": self.outcomes}
        if self.plan.replications:
            frames["timings"] = self.timings
        for name, frame in frames.items():
            file = io.BytesIO()
            frame.to_parquet(file, index=False)
            folder.write(f"{name}.parquet", file.getvalue())


def summary_of(totals: SweepTotals, folder: Folder) -> Summary:
    """Return the summary of the parts that were added up.

    Raises:
        InputError: they count more systems than the plan has, although each of them is possible by itself.
    """
    # Before the first part there is no mean to state.
    found = Summary(totals.plan, totals.tallies, totals.points, totals.times if totals.points else [])
    if found.systems > found.plan.systems or (found.complete and found.systems != found.plan.systems):
        raise InputError(
            f"{folder.path}: its parts count {counted(found.systems, 'system')}, and the space has "
            f"{found.plan.systems:,}"
        )
    return found


@checked
def read_summary(folder: Path | str) -> Summary:
    """Return what a sweep found, as far as it is done.

    Args:
        folder: the folder of the sweep.

    Raises:
        InputError: no sweep is there, or its files are not what a sweep writes.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", jobs=1)
    ...     read_summary(f"{folder}/out").systems
    4
    """
    begun = Folder.open(Path(folder))
    totals = SweepTotals(begun.plan)
    for number in range(begun.plan.parts):
        record = begun.counted(number)
        if record is not None:
            totals.add(record)
    return summary_of(totals, begun)
