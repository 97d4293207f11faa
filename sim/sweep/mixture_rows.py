"""The rows that a sweep over mixtures keeps: one for each mixture and kernel."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MixtureBlock
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.parted_plan import Keep
from sim.sweep.sweep_rows import TEXT, described

COLUMNS = {
    "row": "the row's number, for asymboot run DIR:ROW",
    "mixture": "the mixture's number in the space",
    "weight": "how often the mixture counts: in a sample, how often the part drew it",
    "kernel": "the kernel",
}
OUTCOME_COLUMNS = {
    "refused": "true: the kernel refuses a CPU, early or late",
    "lost": "true: a CPU is stuck in the kernel, or dies before it can speak",
    "panicked": "true: the system stops: the kernel panics, or falls silent",
    "tainted": "true: differences between CPUs taint the kernel",
    "capabilities_lost": "true: a core has a capability by itself that the system has not",
    "hwcaps_lost": "true: a core has a hwcap by itself that the system has not",
}


def mixture_schema(plan: MixturePlan) -> pa.Schema:
    """Return the columns of the rows of a sweep over mixtures; the metadata of each describes it."""
    fields = [described(name, TEXT if name == "kernel" else pa.int64(), what) for name, what in COLUMNS.items()]
    for place in range(plan.space.clusters):
        boots = "; it boots" if place == 0 else ""
        fields.append(described(f"cluster{place}_core", TEXT, f"the core of cluster {place}{boots}"))
        if place:
            fields.append(described(f"cluster{place}_late", pa.bool_(), f"true: cluster {place} comes late"))
    return pa.schema([*fields, *(described(name, pa.bool_(), what) for name, what in OUTCOME_COLUMNS.items())])


def kept_mixtures(plan: MixturePlan, block: MixtureBlock, words: Sequence[NDArray[np.uint64]]) -> pa.Table:
    """Return the rows of a block that a sweep keeps, mixture by mixture and within it kernel by kernel.

    Args:
        plan: the plan of the sweep.
        block: the mixtures.
        words: for each kernel, the outcome of each mixture.
    """
    columns = dict(_columns(plan, block, np.stack(words, axis=1).ravel()))
    if plan.keep is Keep.HAZARDS:
        shown = np.any([columns[name] for name in OUTCOMES], axis=0)
        columns = {name: values[shown] for name, values in columns.items()}
    table, names = mixture_schema(plan), [core.name for core in plan.space.cores]
    arrays = []
    for one in table:
        values = columns[one.name]
        texts = list(plan.space.kernels) if one.name == "kernel" else names
        arrays.append(
            pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), texts)
            if pa.types.is_dictionary(one.type)
            else pa.array(values, one.type)
        )
    return pa.Table.from_arrays(arrays, schema=table)


def _columns(
    plan: MixturePlan, block: MixtureBlock, words: NDArray[np.uint64]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield each column's values; text as indices of the kernels, or of the cores."""
    kernels = len(plan.space.kernels)
    places = np.tile(np.arange(kernels), block.rows)
    yield "row", np.repeat(block.numbers * kernels, kernels) + places
    yield "mixture", np.repeat(block.numbers, kernels)
    yield "weight", np.repeat(block.times, kernels)
    yield "kernel", places
    for place, (cores, is_late) in enumerate(zip(block.cores, (False, *block.late), strict=True)):
        yield f"cluster{place}_core", np.repeat(cores, kernels)
        if place:
            yield f"cluster{place}_late", np.full(len(words), is_late)
    for place, name in enumerate(OUTCOMES):
        yield name, (words >> np.uint64(place) & np.uint64(1)).astype(bool)
