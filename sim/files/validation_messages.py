"""Messages of the validator (msgspec) in the terms of the file: the place, what is wrong, and what is allowed there.

The validator names types of Python and of JSON; a user who writes TOML knows neither. Its errors carry text only, so
this module parses msgspec's messages; a message that it does not know is passed on as it is. When msgspec changes its
messages, the test of a wrong value at every place in a file notices (tests/files/test_scenario_file.py).
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import get_args, get_origin, get_type_hints

import msgspec

from sim.errors import did_you_mean

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
    # No TOML holds these two, but the JSON of a sweep's plan may have null, and a caller's own values either.
    "null": "null",
    "bytes": "bytes",
}
_LONGEST_VALUE = 60
HEXADECIMAL = "^0x[0-9a-fA-F]{1,16}$"
"""The pattern of a register's value."""
_ANY_KEY = "[...]"
"""The validator's name for a free key, such as the name of a CPU."""


def in_words(message: str, raw: dict[str, object], kind: type[msgspec.Struct]) -> str:
    """Return one line for a message of the validator.

    Args:
        message: the validator's message, such as "Expected `int`, got `str` - at `$.kernel.maxcpus`".
        raw: the content of the file.
        kind: the class of the table that the file should be.
    """
    if key := re.fullmatch(r"Expected `str`.* - at `key` in `\$\.?([\w.\[\]]*)`", message):
        return f"{key[1]}: each key must be text".removeprefix(": ")
    at = re.search(r" - at `\$\.?([\w.\[\]]*)`$", message)
    if at is None or _is_a_key(message, raw):
        return _mistake(message, "", raw, kind)
    place, value = at[1], _value_at(at[1], raw)
    if place.endswith(_ANY_KEY) and isinstance(value, dict):
        # The validator does not name a free key. It checks the values in order and stops at the first wrong value.
        key = next(key for key, one in value.items() if _is_wrong(one, _free_values(place, kind)))
        place, value = f"{place.removesuffix(_ANY_KEY)}.{_as_key(key)}", value[key]
    return f"{place}: {_mistake(message[: at.start()], at[1], value, kind)}"


def _free_values(place: str, kind: type[msgspec.Struct]) -> object:
    """Return the type of the values of a table with free keys."""
    table, _, key = place.removesuffix(_ANY_KEY).rpartition(".")
    # The limits of a value are in its annotation.
    hint = get_type_hints(_table_at(table, kind), include_extras=True)[key]
    return next(get_args(one)[1] for one in _types_in(hint) if get_origin(one) is dict)


def _is_wrong(value: object, kind: object) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return True
    return False


def _as_key(key: str) -> str:
    """Return a key as TOML has it, which quotes what is not a word."""
    return key[:_LONGEST_VALUE] if re.fullmatch(r"[\w-]+", key, re.ASCII) else f"{key!r:.{_LONGEST_VALUE}}"


def _is_a_key(message: str, raw: dict[str, object]) -> bool:
    """Return True if the part of the message that looks like a place belongs to an unknown key of the file.

    The validator repeats an unknown key as it is. A key may end in " - at `$.kernel`", to look like a place.
    """
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
    return unknown is not None and unknown[1] in raw


def _mistake(message: str, place: str, value: object, kind: type[msgspec.Struct]) -> str:
    """Return a message without its place in the file's terms.

    Args:
        message: the validator's message.
        place: the place in the file; empty for the file as a whole.
        value: the value at the place.
        kind: the class of the table that the file should be.
    """
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", message):
        return f"the key {missing[1]!r} is missing"
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        allowed = _table_at(place, kind).__struct_fields__
        elsewhere = next((f"; it belongs {home}" for key, home in _homes(kind) if key == unknown[1]), None)
        return f"unknown key {unknown[1][:_LONGEST_VALUE]!r}{elsewhere or _suggestion(unknown[1], allowed)}"
    if message.startswith("Invalid enum value"):
        # Indices and "[...]", which stands for any key of a table without a class, do not change the type.
        table, _, key = re.sub(r"\[[\d.]+\]", "", place).rpartition(".")
        choices = _choices(get_type_hints(_table_at(table, kind))[key])
        names = [str(one) for one in choices]
        return f"is {value!r:.{_LONGEST_VALUE}}: allowed are {', '.join(names)}{did_you_mean(str(value), names)}"
    return _expected(message, value)


def _expected(message: str, value: object) -> str:
    """Return the line for a value of the wrong type, or out of range."""
    if kinds := re.fullmatch(r"Expected `(.*)`, got `(\w+)`", message):
        # TOML has no null: an optional value is simply left out, so that null is not offered.
        wanted = [_in_a_file(name) for name in kinds[1].split(" | ") if name != "null"]
        return f"must be {' or '.join(wanted)}, and is {_in_a_file(kinds[2])}"
    if length := re.fullmatch(r"Expected `(str|array)` of length (>=|<=) (\d+)", message):
        bound, number = "least" if length[2] == ">=" else "most", int(length[3])
        parts = "characters" if length[1] == "str" else "entries"
        return "must not be empty" if (bound, number) == ("least", 1) else f"must have at {bound} {number} {parts}"
    if limit := re.fullmatch(r"Expected `int` (>=|<=|<) (\d+)", message):
        most = int(limit[2]) - (limit[1] == "<")
        return f"is {value}, and must be at {'least' if limit[1] == '>=' else 'most'} {most}"
    if message == f"Expected `str` matching regex {HEXADECIMAL!r}":
        return f"is {value!r:.{_LONGEST_VALUE}}, and must be 0x and 1 to 16 hexadecimal digits"
    return message


def _in_a_file(kind: str) -> str:
    """Return the words for a type's name; only a Python caller's value has a type that `_WORDS` lacks."""
    return _WORDS.get(kind, f"a value of the type {kind}")


def _suggestion(key: str, allowed: tuple[str, ...]) -> str:
    return did_you_mean(key, allowed) or f": allowed are {', '.join(allowed)}"


def _homes(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Yield the keys of the file and of its tables, each with the words on where it belongs."""
    for key in kind.__struct_fields__:
        yield key, "at the top of the file, before all tables"
    for table, hint in get_type_hints(kind).items():
        inside = _types_in(hint)
        of_table = next((one for one in inside if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)
        for key in () if of_table is None else of_table.__struct_fields__:
            yield key, f"in {table}"


def _steps(place: str) -> Iterator[str | int]:
    """Yield the keys and indices that lead to a place."""
    for key, index in re.findall(r"([a-z_]\w*)|\[(\d+)\]", place):
        yield key or int(index)


def _value_at(place: str, raw: object) -> object:
    for step in _steps(place):
        if isinstance(raw, list):
            raw = raw[int(step)]
        elif isinstance(raw, dict):
            raw = raw[step]
    return raw


def _table_at(place: str, table: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the class of the table at a place in the file; `table` is the class of the whole file."""
    for key in _steps(place):
        if isinstance(key, str):
            inside = _types_in(get_type_hints(table)[key])
            # The table's class may be wrapped: in Annotated, a list, or a union with None.
            table = next(hint for hint in inside if isinstance(hint, type) and issubclass(hint, msgspec.Struct))
    return table


def _types_in(hint: object) -> Iterator[object]:
    """Yield a type and every type within it."""
    yield hint
    for argument in get_args(hint):
        yield from _types_in(argument)


def _choices(hint: object) -> list[object]:
    """Return the values that a type of named choices allows."""
    for inside in _types_in(hint):
        if isinstance(inside, type) and issubclass(inside, StrEnum):
            return list(inside)
    return [inside for inside in _types_in(hint) if isinstance(inside, int | str)]  # the values of a Literal
