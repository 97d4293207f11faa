"""One part of a sweep over mixtures of cores, computed: its counts, and the rows that it keeps.

A core's bits are computed once for each kernel, and a mixture is a handful of operations on them, so that a sweep of
all mixtures of three of twelve cores is one part and takes less than a second.
"""

from hashlib import sha256
from typing import TYPE_CHECKING

from sim.study.mixture_batch import MixtureBatches
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_tally import MixturePartRecord, MixtureTally, MixtureTallyRecord
from sim.sweep.parted_plan import Keep
from sim.sweep.sealed_part import Part, parquet_bytes

if TYPE_CHECKING:
    import pyarrow as pa


class MixturePartComputer:
    """A function from parts to their counts and rows, with everything that all parts of a plan share."""

    def __init__(self, plan: MixturePlan) -> None:
        self._plan = plan
        self._batches = [MixtureBatches(plan.space, kernel) for kernel in plan.space.kernels]

    def part(self, number: int) -> Part:
        """Compute a part."""
        tallies = [MixtureTally() for _ in self._batches]
        kept: list[pa.Table] = []
        for block in self._plan.blocks(number):
            words = [tally.add(block, batches) for tally, batches in zip(tallies, self._batches, strict=True)]
            if self._plan.keep is not Keep.COUNTS:
                from sim.sweep.mixture_rows import kept_mixtures

                kept.append(kept_mixtures(self._plan, block, words))
        rows = parquet_bytes(kept) if kept else None
        checksum = None if rows is None else sha256(rows).hexdigest()
        records = [MixtureTallyRecord.of(tally) for tally in tallies]
        return Part(MixturePartRecord(self._plan.sha256, number, checksum, records), rows)
