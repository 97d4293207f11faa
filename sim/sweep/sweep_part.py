"""Computing one part of a sweep: what it counts, and the rows it keeps, as bytes to be written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from sim.study.batch import Batch, outcome_bits
from sim.study.batch import OutcomeBits as WordColumn
from sim.study.evaluation import outcome_key
from sim.study.points import Block
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting
from sim.study.tally import Example, Sizes, Tally
from sim.sweep.sweep_plan import Keep, Plan
from sim.sweep.timing_study import Times, TimesRecord, TimesTallies, tally_times, times_of

if TYPE_CHECKING:
    import pyarrow as pa

COMPILED_FROM = 1 << 21
"""From so many points on, compiling is sooner done than doing without."""

OutcomeBits = Callable[[Block], list[WordColumn]]
"""What the systems of a block come to: for each setting a word for each row, or one for all rows."""


@dataclass(frozen=True)
class Part:
    """A part of a sweep, computed."""

    number: int
    counts: bytes
    """What was counted, as JSON: a tally for each setting."""
    rows: bytes | None
    """The rows that are kept, as Parquet; None where none are."""


class TallyRecord(msgspec.Struct, frozen=True):
    """What one setting came to over a part's points."""

    words: list[tuple[int, int]]
    """How often each word of `sim.study.verdict_bits` occurs, by weight."""
    first: list[tuple[int, int]]
    """For each hazard's bit, the first point that shows it."""
    smallest: list[tuple[int, Example]]
    """For each hazard's bit, the smallest example."""

    @classmethod
    def of(cls, tally: Tally) -> "TallyRecord":
        """The record of a tally."""
        return cls(sorted(tally.words.items()), sorted(tally.first.items()), sorted(tally.smallest.items()))

    def tally(self) -> Tally:
        """The tally again."""
        tally = Tally(first=dict(self.first), smallest=dict(self.smallest))
        tally.words.update(dict(self.words))
        return tally


class PartRecord(msgspec.Struct, frozen=True):
    """What a part's file of counts holds."""

    plan_sha256: str
    part: int
    tallies: list[TallyRecord]
    times: list[list[TimesRecord]]
    """In a timing study, for each setting a record for each metric; else empty."""
    rows_sha256: str | None


def seal(record: PartRecord) -> bytes:
    """A part's counts as bytes that tell whether they are whole: a checksum's line, then JSON."""
    body = msgspec.json.encode(record) + b"\n"
    return sha256(body).hexdigest().encode() + b"\n" + body


def unseal(sealed: bytes) -> PartRecord | None:
    """A part's counts, or None where the bytes are not what was written."""
    checksum, _, body = sealed.partition(b"\n")
    if sha256(body).hexdigest().encode() != checksum:
        return None
    try:
        return msgspec.json.decode(body, type=PartRecord)
    except msgspec.DecodeError:
        return None


def compute_part(plan: Plan, number: int) -> Part:
    """Compute a part of a sweep."""
    return _computing(plan).part(number)


def prepare(plan: Plan) -> None:
    """Compile what there is to compile before the first part is computed."""
    _computing(plan)


def is_compiled(plan: Plan) -> bool:
    """Whether a sweep is large enough to be compiled, and there is a compiler."""
    return plan.points.points >= COMPILED_FROM and find_spec("llvmlite") is not None


def words_by(layout: SpaceModel, settings: Sequence[Setting], *, compiled: bool) -> OutcomeBits:
    """What computes words, compiled or not."""
    if compiled:
        from sim.study.compiled_batch import CompiledWords

        loops = CompiledWords(layout, settings)
        return lambda block: loops(block.columns, block.rows)

    def plain(block: Block) -> list[WordColumn]:
        batch = Batch(layout, block.columns, block.rows)
        return [outcome_bits(batch, setting) for setting in settings]

    return plain


def unlike(settings: Sequence[Setting]) -> list[Setting]:
    """Settings without those that come to the same words as an earlier one."""
    return list({outcome_key(one): one for one in reversed(settings)}.values())[::-1]


@lru_cache(maxsize=4)
def _computing(plan: Plan) -> "_Computing":
    return _Computing(plan)


class _Computing:
    """What is the same for all parts of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._layout = plan, SpaceModel(plan.space)
        self._settings = unlike(plan.space.settings)
        kinds = {outcome_key(one): kind for kind, one in enumerate(self._settings)}
        self._kinds = [kinds[outcome_key(one)] for one in plan.space.settings]
        self._words = words_by(self._layout, self._settings, compiled=is_compiled(plan))

    def part(self, number: int) -> Part:
        tallies = [Tally() for _ in self._settings]
        studied = [TimesTallies() for _ in self._plan.space.settings] if self._plan.replications else []
        kept: list[pa.Table] = []
        for block in self._plan.points.blocks(*self._plan.span(number)):
            self._count(block, tallies)
            times = self._study(block, studied) if studied else None
            if self._plan.keep is not Keep.COUNTS:
                kept.append(self._rows(block, times))
        rows = _parquet(kept) if kept else None
        by_setting = [TallyRecord.of(tallies[kind]) for kind in self._kinds]
        by_metric = [[one.record() for one in tally.by_metric] for tally in studied]
        record = PartRecord(
            self._plan.sha256, number, by_setting, by_metric, None if rows is None else sha256(rows).hexdigest()
        )
        return Part(number, seal(record), rows)

    def _count(self, block: Block, tallies: list[Tally]) -> None:
        sizes = Sizes(self._plan.space, block)
        for word, tally in zip(self._words(block), tallies, strict=True):
            tally.add(block, word, sizes)

    def _study(self, block: Block, studied: list[TimesTallies]) -> Times:
        times = times_of(self._plan, block)
        tally_times(self._plan, block, times, studied)
        return times

    def _rows(self, block: Block, times: Times | None) -> "pa.Table":
        from sim.sweep.sweep_rows import kept_rows

        return kept_rows(self._plan, block, Batch(self._layout, block.columns, block.rows), times)


def _parquet(tables: "list[pa.Table]") -> bytes:
    from sim.sweep.sweep_rows import parquet

    return parquet(tables)
