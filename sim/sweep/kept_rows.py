"""The rows that a sweep kept, read back and held to its plan."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import InputError
from sim.sweep.part_record import PartRecord
from sim.sweep.sweep_folder import Folder
from sim.sweep.sweep_plan import Plan
from sim.sweep.sweep_rows import schema


def read_rows(folder: Folder, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read some columns, and ``weight``, of the rows that a sweep kept, one part after another.

    The files may come from a stranger. Their checksums show only that they were not changed since, so the columns'
    types, the number of rows and the sum of the weights are compared with the plan and the counts.

    Args:
        folder: the sweep's; it kept all rows.
        columns: their names.

    Raises:
        InputError: a part's rows are not what the part wrote, or cannot be this sweep's.
    """
    plan = folder.plan
    names = list(dict.fromkeys([*columns, "weight"]))
    for number in range(plan.parts):
        with folder.rows(number) as opened:
            if opened is None:
                continue  # the sweep has not got that far
            record, file = opened
            try:
                found = _table(plan, record, pq.ParquetFile(file), names)
            except (pa.ArrowException, OSError):
                found = None
            if found is None:
                raise InputError(f"{folder.rows_path(number)}: does not hold rows of this sweep")
            yield found


def _table(plan: Plan, record: PartRecord, file: pq.ParquetFile, names: Sequence[str]) -> pa.Table | None:
    """Read the columns; None where they cannot be the part's."""
    start, stop = plan.span(record.part)
    boots = len(plan.space.settings) * max(1, plan.replications)
    # The metadata is compared before any row is read: a small file can claim, and unpack to, far more rows.
    if file.metadata.num_rows != (stop - start) * boots or not file.schema_arrow.equals(schema(plan)):
        return None
    table = file.read(columns=names)
    weights = table["weight"].to_pylist()
    # Each at least 1, so that no share is of nothing; their sum as the part counted, so that none exceeds 64 bits.
    possible = min(weights) >= 1 and sum(weights) == record.tallies[0].systems * boots
    return table if possible and not any(table[name].null_count for name in names) else None
