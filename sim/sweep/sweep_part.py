"""One part of a sweep over vector lengths, computed: its counts, and the rows that it keeps."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sim.study.batch import Batch, OutcomeBits, outcome_bits
from sim.study.cell_histogram import LastColumns
from sim.study.early_runs import LateCandidates
from sim.study.evaluation import outcome_key
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Block
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting
from sim.study.tally import BlockCounter, Sizes
from sim.study.worst_save import WorstSaves
from sim.sweep.part_record import PartRecord, TallyRecord
from sim.sweep.parted_plan import Keep
from sim.sweep.sealed_part import Part, parquet_bytes
from sim.sweep.sweep_plan import Plan
from sim.sweep.times_tally import TimesTallies, tally_times
from sim.sweep.timing_study import Times, times_of

if TYPE_CHECKING:
    import pyarrow as pa

COMPILED_FROM = 1 << 21
"""The least number of points for which a compiled loop is worth it: fewer are counted before it would be compiled."""

Evaluate = Callable[[Block], list[OutcomeBits]]
"""A function from a block's systems to their outcome bits: for each setting, one value a row, or one for all rows."""


def is_compiled(plan: Plan) -> bool:
    """Return True if a sweep is large enough to be compiled, and there is a compiler."""
    return plan.points.points >= COMPILED_FROM and find_spec("llvmlite") is not None


def evaluator(layout: SpaceModel, settings: Sequence[Setting], *, compiled: bool) -> Evaluate:
    """Return the function that computes outcome bits, compiled or not."""
    if compiled:
        from sim.study.compiled_batch import CompiledWords

        loops = CompiledWords(layout, settings)
        return lambda block: loops(block.columns, block.rows)

    def plain(block: Block) -> list[OutcomeBits]:
        batch = Batch(layout, block.columns, block.rows)
        return [outcome_bits(batch, setting) for setting in settings]

    return plain


def distinct_by_outcome(settings: Sequence[Setting]) -> list[Setting]:
    """Return the settings that differ in their outcomes: of those with always the same outcomes, the first."""
    # A dict keeps the last value of a key: in reversed order the first setting. The order is then turned back.
    return list({outcome_key(one): one for one in reversed(settings)}.values())[::-1]


class PartComputer:
    """A function from parts to their counts and rows, with everything that all parts of a plan share."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._layout = plan, SpaceModel(plan.space)
        self._settings = distinct_by_outcome(plan.space.settings)
        kinds = {outcome_key(one): kind for kind, one in enumerate(self._settings)}
        self._kinds = [kinds[outcome_key(one)] for one in plan.space.settings]
        """For each setting of the space, the place of its equal in `_settings`, which alone is evaluated."""
        self._last_columns = LastColumns() if plan.counts_cells else None
        candidates = LateCandidates(self._layout)
        self._saves = [OutsideSaves(self._layout, one) for one in self._settings]
        self._worst = [WorstSaves(one, candidates) for one in self._saves]
        self._evaluate = evaluator(self._layout, self._settings, compiled=is_compiled(plan))

    def part(self, number: int) -> Part:
        """Compute a part."""
        tallies = self.tallies()
        # Times differ between settings with equal outcomes, because each boot has a seed of its own.
        times_tallies = [TimesTallies() for _ in self._plan.space.settings] if self._plan.replications else []
        kept: list[pa.Table] = []
        for block in self._blocks(number):
            self.count(block, tallies)
            times = self._study(block, times_tallies) if times_tallies else None
            if self._plan.keep is not Keep.COUNTS:
                kept.append(self._rows(block, times))
        rows = parquet_bytes(kept) if kept else None
        by_setting = [TallyRecord.of(tallies[kind].tally()) for kind in self._kinds]
        by_metric = [[one.record() for one in tally.by_metric] for tally in times_tallies]
        checksum = None if rows is None else sha256(rows).hexdigest()
        record = PartRecord(self._plan.sha256, number, checksum, by_setting, by_metric)
        return Part(record, rows)

    def _blocks(self, number: int) -> Iterator[Block]:
        """Return the blocks of a part: all of them where points are kept or booted, else as few as have its counts."""
        plan = self._plan
        each_counts = plan.keep is not Keep.COUNTS or plan.replications
        return (plan.points.blocks if each_counts else plan.points.blocks_to_count)(*plan.span(number))

    def tallies(self) -> list[BlockCounter]:
        """Return tallies of nothing yet, one for each setting that is evaluated."""
        return [BlockCounter(worst) for worst in self._worst]

    def count(self, block: Block, tallies: list[BlockCounter]) -> None:
        """Add a block to tallies."""
        sizes = Sizes(self._layout, block, self._last_columns)
        for outcomes, tally in zip(self._evaluate(block), tallies, strict=True):
            tally.add(block, outcomes, sizes)

    def _study(self, block: Block, times_tallies: list[TimesTallies]) -> Times:
        times = times_of(self._plan, block)
        tally_times(self._plan, block, times, times_tallies)
        return times

    def _rows(self, block: Block, times: Times | None) -> "pa.Table":
        from sim.sweep.sweep_rows import kept_rows

        batch, saves = Batch(self._layout, block.columns, block.rows), [self._saves[kind] for kind in self._kinds]
        return kept_rows(self._plan, block, batch, saves, times)
