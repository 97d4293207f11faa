"""Rows as pandas frames, each column of the type that its row class states; and tables for notebooks."""

from collections.abc import Mapping, Sequence
from html import escape
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from sim.rows import SCHEMA_VERSION, Row

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = {int: "int64", float: "float64", bool: "bool", str: "str"}
_MOST_ROWS = 32
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
    import pandas as pd

    columns = {
        name: pd.Series([getattr(one, name) for one in rows], dtype=dtype) for name, dtype in dtypes(row).items()
    }
    made = pd.DataFrame(columns)
    made.attrs = {"schema_version": SCHEMA_VERSION, "row": row.__name__}
    return made


def as_html(title: str, rows: "Sequence[Mapping[str, object]] | pd.DataFrame") -> str:
    """A titled table for notebooks; its middle is left out where it is long, and all text is shown as text."""
    import pandas as pd

    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame.from_records(list(rows))
    shown = table.to_html(index=False, max_rows=_MOST_ROWS, border=0, na_rep="") if len(table) else "<p>none</p>"
    return f"<p><b>{escape(title)}</b></p>{shown}"
