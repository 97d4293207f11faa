"""Sweeps over mixtures of cores: the outcome of each mixture under each kernel, counted.

A core's bits are computed once for each kernel, and a mixture is a handful of operations on them, so that a sweep
of all mixtures of three of twelve cores takes less than a second: it runs in one process, and is not resumed. Its
folder has ``mixtures.json``, which holds everything that is told, and the tables of it as Parquet files.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from sim.errors import InputError
from sim.files.guarded_folder import GuardedFolder
from sim.files.json_record import record_from_json
from sim.files.mixture_file import mixtures_from_data, mixtures_to_data
from sim.files.result_folder import check_room
from sim.files.toml_tables import at
from sim.frames import as_html, frame
from sim.rows import SCHEMA_VERSION, Row
from sim.scenario import Scenario
from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MOST_MIXTURES, MixtureBlock, MixtureSpace
from sim.study.wide_sets import Wide, WordColumn
from sim.units import counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FILE = "mixtures.json"
_MOST_BYTES = 64 << 20


class MixtureRow(Row, frozen=True, gc=False):
    """The outcomes of the mixtures with a number of late clusters, under a kernel."""

    kernel: Annotated[str, Meta(description="the kernel")]
    late_clusters: Annotated[int, Meta(description="the number of clusters that come late")]
    mixtures: Annotated[int, Meta(description="the number of mixtures")]
    refused: Annotated[int, Meta(description="mixtures in which the kernel refuses a CPU")]
    lost: Annotated[int, Meta(description="mixtures in which a CPU is stuck, or dies before it can speak")]
    panicked: Annotated[int, Meta(description="mixtures that stop: the kernel panics, or falls silent")]
    tainted: Annotated[int, Meta(description="mixtures in which differences between CPUs taint the kernel")]
    capabilities_lost: Annotated[int, Meta(description="mixtures without a capability that some core has by itself")]
    hwcaps_lost: Annotated[int, Meta(description="mixtures without a hwcap that some core has by itself")]
    fine: Annotated[int, Meta(description="mixtures in which nothing of this happens")]


class LostRow(Row, frozen=True, gc=False):
    """A capability or hwcap that mixtures lack, and some core of them has by itself."""

    kernel: Annotated[str, Meta(description="the kernel")]
    kind: Annotated[str, Meta(description="capability or hwcap")]
    name: Annotated[str, Meta(description="the words of the log, or the name in /proc/cpuinfo")]
    mixtures: Annotated[int, Meta(description="the number of mixtures")]


class ExampleRow(Row, frozen=True, gc=False):
    """The first mixture with an outcome."""

    kernel: Annotated[str, Meta(description="the kernel")]
    outcome: Annotated[str, Meta(description="the outcome")]
    row: Annotated[int, Meta(description="the number, for asymboot run DIR:ROW")]
    cores: Annotated[tuple[str, ...], Meta(description="the cores, the boot CPU's first; a late core is marked")]


class MixtureRecord(msgspec.Struct, frozen=True):
    """A sweep over mixtures, as its folder and JSON have it."""

    schema_version: int
    space: dict[str, object]
    """The space, as a space file holds it; cores are listed with everything that their file said."""
    name: str
    cores: list[str]
    points: int
    sample: int
    seed: int
    rows: list[MixtureRow]
    lost: list[LostRow]
    examples: list[ExampleRow]


@dataclass
class _Tally:
    """The outcomes of the mixtures under a kernel."""

    batches: MixtureBatches
    words: Counter[tuple[int, int]] = field(default_factory=Counter)
    """By the number of late clusters and the outcome's bits."""
    capabilities: Counter[int] = field(default_factory=Counter)
    hwcaps: Counter[int] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)
    """By the place of an outcome's bit: the first mixture with it."""

    def add(self, block: MixtureBlock) -> None:
        """Count a block."""
        mixture = self.batches.mixture(block)
        lost = self.batches.lost(block, mixture)
        words = np.broadcast_to(mixture.word(lost).array, block.rows)
        for word in np.unique(words):
            self.words[sum(block.late), int(word)] += int(block.times[words == word].sum())
        for place in range(len(OUTCOMES)):
            shown = np.flatnonzero(words >> np.uint64(place) & np.uint64(1))
            if len(shown):
                number = int(block.numbers[shown[0]])
                self.first[place] = min(number, self.first.get(place, number))
        for counter, members in zip((self.capabilities, self.hwcaps), lost, strict=True):
            counter.update(_times(members, block))


def _times(members: Wide[WordColumn], block: MixtureBlock) -> dict[int, int]:
    """Return the number of mixtures that have each member."""
    found: dict[int, int] = {}
    for place, word in enumerate(members.words):
        array: NDArray[np.uint64] = np.broadcast_to(word.array, block.rows)
        for bit in range(64):
            if int(np.bitwise_or.reduce(array)) >> bit & 1:
                found[64 * place + bit] = int(block.times[array >> np.uint64(bit) & np.uint64(1) != 0].sum())
    return found


@dataclass(frozen=True, repr=False)
class MixtureSummary:
    """The outcomes of the mixtures of a space."""

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

    def total(self, kernel: str) -> MixtureRow:
        """Return the outcomes under a kernel, whatever the number of late clusters."""
        rows = [one for one in self.record.rows if one.kernel == kernel]
        late = max(one.late_clusters for one in rows)
        counts = {name: sum(getattr(one, name) for one in rows) for name in _COUNTS}
        return MixtureRow(kernel=kernel, late_clusters=late, **counts)


_COUNTS = ("mixtures", *OUTCOMES, "fine")


def sweep_mixtures(
    space: MixtureSpace, folder: Path | str | None = None, *, sample: int = 0, seed: int = 0
) -> MixtureSummary:
    """Compute the outcome of every mixture of a space, or of a sample, under each of its kernels.

    Args:
        space: the space.
        folder: the folder for the results, which is new or has no such results; None: none is written.
        sample: the number of mixtures to draw; 0: all.
        seed: of the sample.

    Raises:
        InputError: there are too many mixtures, or the folder has results.
    """
    if not 0 <= sample <= MOST_MIXTURES:
        raise InputError(f"a sample of {sample:,} points: allowed are 1 to {MOST_MIXTURES:,}")
    if not sample and space.points > MOST_MIXTURES:
        raise InputError(f"{space.points:,} mixtures are too many: the most is {MOST_MIXTURES:,}; take a sample")
    if folder is not None:
        check_room(Path(folder), [FILE, "*.parquet"])
    tallies = {}
    for kernel in space.kernels:
        tallies[kernel] = tally = _Tally(MixtureBatches(space, kernel))
        for block in space.sample(sample, seed) if sample else space.blocks(0, space.points):
            tally.add(block)
    summary = MixtureSummary(space, _record(space, tallies, sample, seed))
    if folder is not None:
        _write(summary, Path(folder))
    return summary


def _record(space: MixtureSpace, tallies: dict[str, _Tally], sample: int, seed: int) -> MixtureRecord:
    return MixtureRecord(
        SCHEMA_VERSION,
        mixtures_to_data(space),
        space.name,
        [one.name for one in space.cores],
        sample or space.points,
        sample,
        seed,
        [row for kernel, tally in tallies.items() for row in _rows(kernel, tally)],
        [row for kernel, tally in tallies.items() for row in _lost_rows(kernel, tally)],
        [row for place, tally in enumerate(tallies.values()) for row in _examples(space, place, tally)],
    )


def _rows(kernel: str, tally: _Tally) -> Iterator[MixtureRow]:
    for late in sorted({late for late, _word in tally.words}):
        words = {word: times for (clusters, word), times in tally.words.items() if clusters == late}
        counts = {
            name: sum(times for word, times in words.items() if word >> place & 1)
            for place, name in enumerate(OUTCOMES)
        }
        yield MixtureRow(
            kernel=kernel, late_clusters=late, mixtures=sum(words.values()), fine=words.get(0, 0), **counts
        )


def _lost_rows(kernel: str, tally: _Tally) -> Iterator[LostRow]:
    model = tally.batches.model
    for place, times in tally.capabilities.most_common():
        yield LostRow(
            kernel=kernel, kind="capability", name=model.table.entries[place].description or "", mixtures=times
        )
    for place, times in tally.hwcaps.most_common():
        yield LostRow(kernel=kernel, kind="hwcap", name=model.hwcaps[place].cpuinfo_name, mixtures=times)


def _examples(space: MixtureSpace, place: int, tally: _Tally) -> Iterator[ExampleRow]:
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


def _write(summary: MixtureSummary, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = GuardedFolder(folder)
    for name, table in {"outcomes": summary.outcomes, "lost": summary.lost}.items():
        file = io.BytesIO()
        table.to_parquet(file, index=False)
        files.replace(f"{name}.parquet", file.getvalue())
    # Last, so that a folder with this file has all of them.
    files.replace(FILE, msgspec.json.format(msgspec.json.encode(summary.record), indent=1))


def is_of_mixtures(folder: Path) -> bool:
    """Return True if a folder holds a sweep over mixtures of cores."""
    return (folder / FILE).exists()


def read_mixtures(folder: Path | str) -> MixtureSummary:
    """Return what a sweep over mixtures found.

    Raises:
        InputError: no such sweep is there, or its file is not what a sweep writes.
    """
    folder = Path(folder)
    raw = GuardedFolder(folder).read(FILE, _MOST_BYTES, "sweep")
    with at(f"{folder / FILE}"):
        record = record_from_json(raw, MixtureRecord)
        if record.schema_version != SCHEMA_VERSION:
            raise InputError(f"schema_version is {record.schema_version}: this version reads {SCHEMA_VERSION}")
        return MixtureSummary(mixtures_from_data(record.space), record)


def scenario_of_mixture(folder: Path | str, row: int) -> Scenario:
    """Return the scenario of a row of a sweep over mixtures.

    Raises:
        InputError: there is no such sweep, or no such row.
    """
    space = read_mixtures(folder).space
    rows = space.points * len(space.kernels)
    if not 0 <= row < rows:
        raise InputError(f"{folder}: there is no row {row:,}: there are {rows:,}, counted from 0")
    point, kernel = divmod(row, len(space.kernels))
    return space.scenario(space.point(point), space.kernels[kernel])
