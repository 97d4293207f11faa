"""The rows that a sweep keeps: one for each point and setting, in columns that pandas, polars and DuckDB read alike."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sim.study import verdict_bits
from sim.study.batch import Batch, Verdict, verdict
from sim.study.column import Sets
from sim.study.outside_bytes import OutsideSaves
from sim.study.points import Block
from sim.study.system_space import Group, Setting, Space
from sim.sweep.parted_plan import Keep
from sim.sweep.sweep_plan import Plan
from sim.sweep.timing_study import METRICS, Times, seed_of
from sim.vectors import VQ_MAX, bits_from_vq, bits_from_vqs

# The index is a set of lengths: a look-up for a whole column at once.
_LARGEST_BITS = np.array([bits_from_vq(vqs.bit_length()) for vqs in range(1 << VQ_MAX)], np.uint16)

TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type of text, which repeats in many rows: rows hold indices of a few texts."""
SETTING = {
    "design": "the design's name",
    "relay": "pKVM's PSCI relay: enforcing or relaxed",
    "kvm_mode": "kvm-arm.mode=",
    "memory": "what lies around each buffer at EL2",
}
RECORD = {
    "max_vl_bits": "the largest length that all early CPUs share; 0 where not all of them have SVE",
    "max_cpu_vl_bits": "the largest length that any early CPU has",
    "max_virtualisable_vl_bits": "the bound on guests' lengths, perhaps no VL",
    "allocation_vl_bits": "the length that pKVM's buffers are for; 0 where there are none",
}
LATE = {
    "late_accepted": "late CPUs that came online",
    "late_refused": "late CPUs that the kernel refused",
    "late_refused_by_relay": "late CPUs that pKVM's relay refused",
    "late_warned": "late CPUs whose length the log names as above the maximum",
}
OUTSIDE = {
    "underrun_bytes": "the most bytes that a save writes below its buffer's run of pages",
    "overrun_bytes": "the most bytes that a save writes above it",
}
STUDY = {
    "replication": "which boot of the row, from 0; only in timing studies, as what follows",
    "seed": "the boot's seed",
    **METRICS,
}


def schema(plan: Plan) -> pa.Schema:
    """Return the columns of a sweep's rows; the metadata of each describes it."""
    space = plan.space
    fields = [
        described("row", pa.int64(), "the row's number, for asymboot run DIR:ROW"),
        described("point", pa.int64(), "the point's number, in the order of the walk"),
        described("weight", pa.int64(), "how often the point counts: its sets' weights, and by symmetry"),
        *(
            described(f"{group.name}_sve_bits", TEXT, f"the lengths of {group.name}'s CPUs; empty: no SVE")
            for group in space.groups
        ),
        *(described(name, TEXT, what) for name, what in SETTING.items()),
        *(described(name, pa.uint16(), what) for name, what in RECORD.items()),
        *(described(name, pa.uint32(), what) for name, what in LATE.items()),
        *(described(kind.value, pa.uint32(), f"hazards: {kind.title}") for kind in verdict_bits.HAZARDS),
        *(described(name, pa.uint32(), what) for name, what in OUTSIDE.items()),
        *(described(name, pa.int64(), what) for name, what in STUDY.items() if plan.replications),
    ]
    return pa.schema(fields)


def described(name: str, kind: pa.DataType, what: str) -> pa.Field:
    """Return a column whose metadata describes it."""
    return pa.field(name, kind, nullable=False, metadata={"description": what})


def kept_rows(
    plan: Plan, block: Block, batch: Batch, saves: Sequence[OutsideSaves], times: Times | None = None
) -> pa.Table:
    """Return the rows of a block that a sweep keeps, in order; in a timing study, one for each boot.

    Args:
        plan: the plan.
        block: the points.
        batch: their systems.
        saves: the saves outside their buffers under each setting.
        times: in a timing study, the times of each boot.
    """
    settings = plan.space.settings
    verdicts = [verdict(batch, setting) for setting in settings]
    outside = [one.of_rows(batch) for one in saves]
    columns = dict(_columns(plan.space, block, batch, verdicts))
    columns |= {name: _side_by_side(values) for name, values in zip(OUTSIDE, zip(*outside, strict=True), strict=True)}
    if times is not None:
        columns = {name: np.repeat(values, plan.replications) for name, values in columns.items()}
        columns |= _study_columns(plan, columns["row"], times)
    if plan.keep is Keep.HAZARDS:
        hazards = np.any([columns[kind.value] for kind in verdict_bits.HAZARDS], axis=0)
        columns = {name: values[hazards] for name, values in columns.items()}
    table = schema(plan)
    arrays = [_array(columns[one.name], one.type, plan.space, one.name) for one in table]
    return pa.Table.from_arrays(arrays, schema=table)


def _columns(
    space: Space, block: Block, batch: Batch, verdicts: Sequence[Verdict]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield each column's values, point by point and within it setting by setting; text as indices of choices."""
    many, rows = len(space.settings), block.rows
    points = np.arange(block.first, block.first + rows)
    yield "row", np.arange(block.first * many, (block.first + rows) * many)
    yield "point", np.repeat(points, many)
    yield "weight", np.repeat(np.broadcast_to(block.weights.astype(np.int64), rows), many)
    for group, column in zip(space.groups, block.columns, strict=True):
        yield f"{group.name}_sve_bits", np.repeat(np.broadcast_to(column, rows), many)
    for place, name in enumerate(SETTING):
        yield name, np.tile([_choices(space, name).index(_values_of(one)[place]) for one in space.settings], rows)
    record = batch.record
    # The first three of RECORD do not depend on the setting; the fourth follows.
    for name, sets in zip(RECORD, (record.vq_map, record.vq_partial_map, record.virtualisable_vqs), strict=False):
        yield name, np.repeat(np.broadcast_to(_LARGEST_BITS[sets.array], rows), many)
    yield "allocation_vl_bits", _side_by_side([_LARGEST_BITS[one.allocation_vqs] for one in verdicts])
    for name in LATE:
        yield name, _side_by_side([getattr(one, name) for one in verdicts])
    for kind in verdict_bits.HAZARDS:
        yield kind.value, _side_by_side([one.hazards[kind] for one in verdicts])


def _study_columns(plan: Plan, rows: NDArray[np.generic], times: Times) -> dict[str, NDArray[np.generic]]:
    """Return the columns of a timing study, in which each row of `rows` stands once for each replication."""
    replications = np.arange(len(rows)) % plan.replications
    seeds = [seed_of(plan, *pair) for pair in zip(rows.tolist(), replications.tolist(), strict=True)]
    measured = dict(zip(METRICS, times.reshape(-1, len(METRICS)).T, strict=True))
    return {"replication": replications, "seed": np.array(seeds, np.int64), **measured}


def _side_by_side(columns: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.stack(columns, axis=1).ravel()


def _values_of(setting: Setting) -> tuple[str, ...]:
    return setting.design.name, str(setting.relay), str(setting.kvm_mode), str(setting.memory)


def _choices(space: Space, name: str) -> list[str]:
    """Return the different values of a setting's column, in the order of the space."""
    place = list(SETTING).index(name)
    return list(dict.fromkeys(_values_of(one)[place] for one in space.settings))


def _array(values: NDArray[np.generic], kind: pa.DataType, space: Space, name: str) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, kind)
    if name in SETTING:
        return pa.DictionaryArray.from_arrays(pa.array(values, pa.int32()), _choices(space, name))
    group = next(one for one in space.groups if name == f"{one.name}_sve_bits")
    return _sets_as_text(values.astype(np.uint16), group)


def _sets_as_text(sets: Sets, group: Group) -> pa.Array:
    """Return sets as text: indices into the group's candidates, in their order."""
    # A binary search needs sorted candidates. `order` leads from a place among these back to the group's order.
    order = np.argsort(np.array(group.sets_vqs, np.uint16))
    places = order[np.searchsorted(np.array(group.sets_vqs, np.uint16)[order], sets)]
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), list(map(set_as_text, group.sets_vqs)))


def set_as_text(vqs: int) -> str:
    """Return a set of lengths as a column has it, such as ``128,256``."""
    return ",".join(map(str, bits_from_vqs(vqs)))


def parquet(tables: Sequence[pa.Table]) -> bytes:
    """Return the bytes of one Parquet file with the rows of all tables."""
    file = io.BytesIO()
    pq.write_table(pa.concat_tables(tables).unify_dictionaries(), file, compression="zstd")
    return file.getvalue()
