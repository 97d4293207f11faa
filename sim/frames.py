"""Rows as pandas frames: each column has the type that its row class states, rows or no rows."""

from collections.abc import Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sim.rows import SCHEMA_VERSION, Row

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = {int: "int64", bool: "bool", str: "str"}
_MAY_BE_MISSING = {int: "Int64", bool: "boolean", str: "str"}


def dtypes(row: type[Row]) -> dict[str, str]:
    """Each column's pandas dtype; sets of lengths and lists of lines are ``object`` columns of tuples.

    >>> from sim.rows import HazardRow
    >>> dtypes(HazardRow)["cpu"]
    'Int64'
    """
    return {name: _dtype(hint) for name, hint in get_type_hints(row).items()}


def _dtype(hint: Any) -> str:
    if isinstance(hint, UnionType):
        kind = next(one for one in get_args(hint) if one is not type(None))
        return _MAY_BE_MISSING.get(kind, "object")
    return _PLAIN.get(hint, "object")


def frame(rows: Sequence[Row], row: type[Row]) -> "pd.DataFrame":
    """Make a frame; its ``attrs`` tell the rows' class and the schema's version, and Parquet keeps them."""
    import pandas as pd  # noqa: PLC0415 (heavy, and only a frame needs it)

    columns = {
        name: pd.Series([getattr(one, name) for one in rows], dtype=dtype) for name, dtype in dtypes(row).items()
    }
    made = pd.DataFrame(columns)
    made.attrs = {"schema_version": SCHEMA_VERSION, "row": row.__name__}
    return made
