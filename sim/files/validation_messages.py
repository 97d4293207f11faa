"""What the validator says, in the words of the file: the place, what is wrong, and what is allowed there."""

import difflib
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import msgspec

_WORDS = {
    "str": "text in quotes",
    "int": "an integer",
    "float": "a number with a fraction",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date",
    "datetime": "a date",
    "time": "a time of day",
}
_LONGEST_VALUE = 60


def in_words(message: str, raw: Any, kind: type[msgspec.Struct]) -> str:
    """One line from the validator's message about a file that holds `raw` where it should hold a table."""
    at = re.search(r" - at `\$\.?([\w.\[\]]*)`$", message)
    if at is None or _is_a_key(message, raw):
        return _what(message, "", raw, kind)
    return f"{at[1]}: {_what(message[: at.start()], at[1], raw, kind)}"


def _is_a_key(message: str, raw: Any) -> bool:
    """Whether what looks like a place belongs to an unknown key of the file's."""
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
    return unknown is not None and unknown[1] in raw


def _what(what: str, place: str, raw: Any, kind: type[msgspec.Struct]) -> str:
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"the key {missing[1]!r} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        allowed = _table_at(place, kind).__struct_fields__
        return f"unknown key {unknown[1][:_LONGEST_VALUE]!r}{_suggestion(unknown[1], allowed)}"
    if what.startswith("Invalid enum value"):
        table, _, key = re.sub(r"\[[\d.]+\]", "", place).rpartition(".")
        choices = _choices(get_type_hints(_table_at(table, kind))[key])
        return f"{_wrong_one(_value_at(place, raw), choices)}: allowed are {', '.join(map(str, choices))}"
    return _expected(what, _value_at(place, raw))


def _wrong_one(value: Any, choices: list[Any]) -> str:
    """The value that is none of the choices; of a table's the first one, since the validator does not say which."""
    if isinstance(value, dict):
        key, value = next(one for one in value.items() if one[1] not in choices)
        return f"{key[:_LONGEST_VALUE]!r} is {value!r:.{_LONGEST_VALUE}}"
    return f"is {value!r:.{_LONGEST_VALUE}}"


def _expected(what: str, value: Any) -> str:
    """A value of the wrong type, or out of range."""
    if kinds := re.fullmatch(r"Expected `(.*)`, got `(\w+)`", what):
        wanted = [_WORDS[one] for one in kinds[1].split(" | ") if one != "null"]
        return f"must be {' or '.join(wanted)}, and is {_WORDS[kinds[2]]}"
    if length := re.fullmatch(r"Expected `str` of length (>=|<=) (\d+)", what):
        return f"must have at {'least' if length[1] == '>=' else 'most'} {length[2]} characters"
    if length := re.fullmatch(r"Expected `array` of length (>=|<=) (\d+)", what):
        return f"must have at {'least' if length[1] == '>=' else 'most'} {length[2]} entries"
    if limit := re.fullmatch(r"Expected `int` (>=|<=|<) (\d+)", what):
        most = int(limit[2]) - (limit[1] == "<")
        return f"is {value}, and must be at {'least' if limit[1] == '>=' else 'most'} {most}"
    return what


def _suggestion(key: str, allowed: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, allowed, n=1)
    return f"; did you mean {close[0]!r}?" if close else f": allowed are {', '.join(allowed)}"


def _steps(place: str) -> Iterator[str | int]:
    """The keys and indices that lead to a place."""
    for key, index in re.findall(r"([a-z_]\w*)|\[(\d+)\]", place):
        yield key or int(index)


def _value_at(place: str, raw: Any) -> Any:
    for step in _steps(place):
        raw = raw[step]
    return raw


def _table_at(place: str, table: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The table that lies at a place in the file, whose own table is given."""
    for key in _steps(place):
        if isinstance(key, str):
            inside = _types_in(get_type_hints(table)[key])
            table = next(one for one in inside if isinstance(one, type) and issubclass(one, msgspec.Struct))
    return table


def _types_in(hint: Any) -> Iterator[Any]:
    """A type and every type within it."""
    yield hint
    for one in get_args(hint):
        yield from _types_in(one)


def _choices(hint: Any) -> list[Any]:
    """The values that a type of named choices allows."""
    for one in _types_in(hint):
        if isinstance(one, type) and issubclass(one, StrEnum):
            return list(one)
    return [one for one in _types_in(hint) if isinstance(one, int | str)]
