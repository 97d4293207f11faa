"""Pandas frames made of rows, each column with the type that the row's class states; HTML tables for notebooks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, get_args, get_type_hints

from msgspec import UnsetType

from sim.rows import SCHEMA_VERSION, Row

if TYPE_CHECKING:
    import pandas as pd

_DTYPES: dict[object, str] = {int: "int64", float: "float64", bool: "bool", str: "str"}
_NULLABLE_DTYPES: dict[object, str] = {int: "Int64", float: "float64", bool: "boolean", str: "str"}
"""The types of columns in which a value may be missing."""
_MAX_HTML_ROWS = 32


def dtypes(row: type[Row]) -> dict[str, str]:
    """Return the pandas dtype of each column; sets of lengths and lists of lines are ``object`` columns.

    >>> from sim.outcome_rows import HazardRow
    >>> dtypes(HazardRow)["cpu"]
    'Int64'

    A field that may be left out has the type of its values; a field of values of several types is an ``object``.

    >>> class Interval(Row):
    ...     low: float | UnsetType
    ...     value: int | str | None
    >>> dtypes(Interval)
    {'low': 'float64', 'value': 'object'}
    """
    # get_type_hints leaves out the descriptions that `Annotated` adds to the types.
    return {name: _dtype(hint) for name, hint in get_type_hints(row).items()}


def _dtype(hint: object) -> str:
    if isinstance(hint, UnionType):
        first, *others = (member for member in get_args(hint) if member not in {type(None), UnsetType})
        return "object" if others else _NULLABLE_DTYPES.get(first, "object")
    return _DTYPES.get(hint, "object")


def frame(rows: Sequence[Row], row_class: type[Row]) -> "pd.DataFrame":
    """Return a frame of rows, with the columns and dtypes of their class even where there are no rows.

    Its ``attrs`` name the class and the schema's version; pandas keeps them in Parquet files.
    """
    import pandas as pd

    # Column by column: from whole rows pandas would infer the types, and have none to infer where there are no rows.
    columns = {
        name: pd.Series([getattr(row, name) for row in rows], dtype=dtype) for name, dtype in dtypes(row_class).items()
    }
    made = pd.DataFrame(columns)
    made.attrs = {"schema_version": SCHEMA_VERSION, "row": row_class.__name__}
    return made


def as_html(title: str, rows: "Sequence[Mapping[str, object]] | pd.DataFrame") -> str:
    """Return a table with a title as HTML for notebooks; all text is escaped.

    Above 32 rows the first and the last 16 are shown.
    """
    from html import escape

    import pandas as pd

    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame.from_records(list(rows))
    shown = table.to_html(index=False, max_rows=_MAX_HTML_ROWS, border=0, na_rep="") if len(table) else "<p>none</p>"
    return f"<p><b>{escape(title)}</b></p>{shown}"


class FieldsShown:
    """A base for dataclasses that notebooks show as a table of their fields."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        shown: list[dict[str, object]] = [
            {"field": one.name, "value": in_words(getattr(self, one.name))}
            for one in fields(self)  # type: ignore[arg-type]
            if one.repr
        ]
        return as_html(type(self).__name__, shown)


def in_words(value: object) -> str:
    """Return a value as text for people: a choice by its value, a collection by its members."""
    if isinstance(value, Mapping):
        return ", ".join(f"{in_words(key)}: {in_words(one)}" for key, one in value.items())
    if isinstance(value, Collection) and not isinstance(value, str):
        return ", ".join(sorted(map(in_words, value)) if isinstance(value, (set, frozenset)) else map(in_words, value))
    if isinstance(value, Enum):
        return str(value.value)
    return "" if value is None else str(value)
