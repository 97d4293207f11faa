"""The summary of a sweep over mixtures: the outcomes by kernel, what is lost, and examples."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sim.arguments import checked, checked_fields
from sim.files.mixture_file import mixtures_to_data
from sim.frames import as_html, frame
from sim.rows import SCHEMA_VERSION
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MixtureSpace
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_tally import MixturePartRecord, MixtureTally
from sim.sweep.summary_rows import ExampleRow, LostRow, MixtureRecord, MixtureRow
from sim.units import counted

if TYPE_CHECKING:
    import pandas as pd


class MixtureTotals:
    """The tallies of the parts that were added so far, in any order."""

    def __init__(self, plan: MixturePlan) -> None:
        self.plan = plan
        self.tallies = [MixtureTally() for _ in plan.space.kernels]
        """One for each kernel."""
        self.points = 0
        """The number of mixtures, or of draws, in these parts."""

    def add(self, record: MixturePartRecord) -> None:
        """Add a part's counts."""
        start, stop = self.plan.span(record.part)
        self.points += stop - start
        for tally, counts in zip(self.tallies, record.tallies, strict=True):
            tally.merge(counts.tally())

    def summary(self) -> "MixtureSummary":
        """Return the summary of the parts that were added."""
        return MixtureSummary(self.plan.space, _record(self))


@dataclass(frozen=True, repr=False)
@checked_fields
class MixtureSummary:
    """The outcomes of the mixtures of a space.

    Args:
        space: the space.
        record: the outcomes under each kernel, as JSON has them.

    >>> from sim import read_mixture_space, sweep_mixtures
    >>> sweep_mixtures(read_mixture_space("core-pairs"))
    <MixtureSummary of 'core-pairs': 264 mixtures>
    """

    space: MixtureSpace
    record: MixtureRecord

    def __repr__(self) -> str:
        return f"<MixtureSummary of {self.space.name!r}: {counted(self.record.points, 'mixture')}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.outcomes)

    @cached_property
    def outcomes(self) -> "pd.DataFrame":
        """The outcomes by kernel and number of late clusters; columns of `MixtureRow`."""
        return frame(self.record.rows, MixtureRow)

    @cached_property
    def lost(self) -> "pd.DataFrame":
        """The capabilities and hwcaps that mixtures lose; columns of `LostRow`."""
        return frame(self.record.lost, LostRow)

    @property
    def complete(self) -> bool:
        """True if all mixtures were computed."""
        return self.record.complete

    def total(self, kernel: str) -> MixtureRow:
        """Return the outcomes under a kernel, whatever the number of late clusters.

        Args:
            kernel: one of the space's kernels.
        """
        rows = [one for one in self.record.rows if one.kernel == kernel]
        late = max((one.late_clusters for one in rows), default=0)
        counts = {name: sum(getattr(one, name) for one in rows) for name in _COUNTS}
        return MixtureRow(kernel=kernel, late_clusters=late, **counts)

    def write(self, folder: MixtureFolder) -> None:
        """Write the data frames into the sweep's folder.

        Args:
            folder: the sweep's folder.

        Raises:
            InputError: a file is a link, or not regular.
            OSError: a file cannot be written.
        """
        for name, table in {"outcomes": self.outcomes, "lost": self.lost}.items():
            file = io.BytesIO()
            table.to_parquet(file, index=False)
            folder.write(f"{name}.parquet", file.getvalue())


_COUNTS = ("mixtures", *OUTCOMES, "fine")


def _record(totals: MixtureTotals) -> MixtureRecord:
    plan, by_kernel = totals.plan, dict(zip(totals.plan.space.kernels, totals.tallies, strict=True))
    return MixtureRecord(
        SCHEMA_VERSION,
        mixtures_to_data(plan.space),
        plan.space.name,
        [one.name for one in plan.space.cores],
        totals.points,
        plan.visited,
        totals.points == plan.visited,
        plan.sample,
        plan.seed,
        [row for kernel, tally in by_kernel.items() for row in _rows(kernel, tally)],
        [row for kernel, tally in by_kernel.items() for row in _lost_rows(kernel, tally)],
        [row for place, tally in enumerate(totals.tallies) for row in _examples(plan.space, place, tally)],
    )


def _rows(kernel: str, tally: MixtureTally) -> Iterator[MixtureRow]:
    for late in sorted({late for late, _word in tally.words}):
        words = {word: times for (clusters, word), times in tally.words.items() if clusters == late}
        counts = {
            name: sum(times for word, times in words.items() if word >> place & 1)
            for place, name in enumerate(OUTCOMES)
        }
        yield MixtureRow(
            kernel=kernel, late_clusters=late, mixtures=sum(words.values()), fine=words.get(0, 0), **counts
        )


def _lost_rows(kernel: str, tally: MixtureTally) -> Iterator[LostRow]:
    for kind, lost in (("capability", tally.capabilities), ("hwcap", tally.hwcaps)):
        # The most frequent first, then in the order of the kernel's table.
        for (_, name), times in sorted(lost.items(), key=lambda item: (-item[1], item[0])):
            yield LostRow(kernel=kernel, kind=kind, name=name, mixtures=times)


def _examples(space: MixtureSpace, place: int, tally: MixtureTally) -> Iterator[ExampleRow]:
    for bit, name in enumerate(OUTCOMES):
        if bit in tally.first:
            point = space.point(tally.first[bit])
            late = (False, *point.late)
            cores = tuple(
                f"{space.cores[core].name}{' (late)' if is_late else ''}"
                for core, is_late in zip(point.cores, late, strict=True)
            )
            row = tally.first[bit] * len(space.kernels) + place
            yield ExampleRow(kernel=space.kernels[place], outcome=name, row=row, cores=cores)


@checked
def read_mixtures(folder: Path | str) -> MixtureSummary:
    """Return what a sweep over mixtures of cores found, as far as it is done.

    Args:
        folder: the folder of the sweep.

    Raises:
        InputError: no such sweep is there, or its files are not what a sweep writes.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import read_mixture_space, sweep_mixtures
    >>> with TemporaryDirectory() as folder:
    ...     summary = sweep_mixtures(read_mixture_space("core-pairs"), f"{folder}/out")
    ...     read_mixtures(f"{folder}/out").total("6.12").mixtures
    264
    """
    return mixture_totals(MixtureFolder.open(Path(folder))).summary()


def mixture_totals(folder: MixtureFolder) -> MixtureTotals:
    """Return the tallies of the parts that a sweep has done.

    Raises:
        InputError: a part is not what a sweep writes.
    """
    totals = MixtureTotals(folder.plan)
    for number in range(folder.plan.parts):
        record = folder.counted(number)
        if record is not None:
            totals.add(record)
    return totals
