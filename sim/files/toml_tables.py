"""TOML tables from files of any origin: bounded, checked against a table's class, with a message of one line.

A file may be written to upset the reader. Python's tomllib has no limits, so that the text is checked first: its size,
its dots, and the parts of its dotted keys. What then still nests too deeply ends in RecursionError, which is reported.
"""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from sim.errors import InputError
from sim.files.bounded_read import LARGEST_FILE_BYTES, read_at_most
from sim.files.validation_messages import in_words

_LEAST_INTEGER, _LARGEST_INTEGER = -(1 << 63), (1 << 63) - 1
"""The integers that TOML 1.0 asks for, those of 64 bits with their sign; tomllib reads integers of any size."""
MOST_DOTS = 500_000
"""Each part of a dotted key is a table: this bounds the memory that the TOML reader takes for them."""
_LONG_KEY = re.compile(
    r"""(?<![^ \t\r\n.=,{}\[\]"'])(?:(?:"[^"\n]*+"|'[^'\n]*+'|[^ \t\r\n.=,{}\[\]"']++)[ \t]*+\.[ \t]*+){24}"""
)
"""A dotted key of more than 24 parts. The TOML reader walks all parts for each key below it: quadratic time.

The quantifiers are possessive, so that the search itself never backtracks into a part.
"""

T = TypeVar("T", bound=msgspec.Struct)


def read_text(path: Path, what: str) -> str:
    """Return the text of a file; `what` names its content in messages.

    Raises:
        InputError: the file cannot be read, is too large, or is not UTF-8 text.
    """
    raw = read_at_most(path, LARGEST_FILE_BYTES, what)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"line {line}: is not UTF-8 text") from None


def table_from_text(text: str, kind: type[T]) -> T:
    """Return a table from TOML.

    Raises:
        InputError: the text is not TOML, or not what the table's class allows.
    """
    _check_dots(text)
    if long_key := _LONG_KEY.search(text):
        line = text.count("\n", 0, long_key.start()) + 1
        raise InputError(f"line {line}: is nested too deeply: more than 24 names with dots between them")
    try:
        return table_from_data(tomllib.loads(text), kind)
    except RecursionError:
        raise InputError("is nested too deeply") from None
    except InputError:
        raise  # it is a ValueError too
    except ValueError as error:  # tomllib's own error, or an integer of too many digits
        raise InputError(f"is not TOML: {error}") from None


def text_from_data(raw: dict[str, object], kind: type[msgspec.Struct]) -> str:
    """Return the TOML of plain values, which `table_from_text` accepts from a file.

    Raises:
        InputError: no file holds them: the table's class forbids them, or the text exceeds a file's limits.
    """
    import tomli_w

    table_from_data(raw, kind)
    text = tomli_w.dumps(raw)
    _check_dots(text)
    if len(text.encode()) > LARGEST_FILE_BYTES:
        raise InputError(f"needs more than the {LARGEST_FILE_BYTES >> 20} MiB that are read of a file")
    return text


def _check_dots(text: str) -> None:
    if text.count(".") > MOST_DOTS:
        raise InputError(f"has more than {MOST_DOTS:,} dots, which no scenario needs")


def table_from_data(raw: dict[str, object], kind: type[T]) -> T:
    """Return a table from plain values.

    Raises:
        InputError: they are not what the table's class allows.
    """
    try:
        return _checked(raw, kind)
    except RecursionError:
        raise InputError("is nested too deeply") from None


def _checked(raw: dict[str, object], kind: type[T]) -> T:
    if (huge := _huge_integer(raw)) is not None:
        # The place as msgspec writes places: groups[0].sets[1]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in reversed(huge))
        raise InputError(f"{place.removeprefix('.')}: an integer of TOML's has at most 64 bits")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InputError(in_words(str(error), raw, kind)) from None


def _huge_integer(value: object) -> list[str | int] | None:
    """Return the place of an integer that exceeds TOML's range, the innermost step first; None if there is none."""
    if isinstance(value, int):
        return None if _LEAST_INTEGER <= value <= _LARGEST_INTEGER else []
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inside in steps:
        found = _huge_integer(inside)
        if found is not None:
            return [*found, step]
    return None


@contextmanager
def at(place: str) -> Iterator[None]:
    """Put a place before the message of an `InputError` that the block raises; blocks inside one another add up.

    Args:
        place: a file's path, or a place in the file such as ``groups[0]``.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
