"""Checks of arguments by their annotations, where a user's values enter.

`checked` wraps a public function, `checked_fields` a public dataclass. Both compare each value with its annotation at
the call, so that a wrong type is one `InputError` there and never an `AttributeError` deep inside. A value with an
obvious meaning is converted: a choice's name becomes the choice, a list a tuple, NumPy's number a Python number, text
what the class of the parameter reads from it (`from_text`). Ranges are left to the function: an annotation has none.

`tests/test_public_arguments.py` gives every parameter of every public name values of wrong types.
"""

import functools
import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from sim.errors import InputError, choice

C = TypeVar("C")
T = TypeVar("T", bound=Callable[..., Any])
Check = Callable[[object], object]
"""A function that returns a value as its parameter takes it, or raises `_Mismatch`."""

_NOUNS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "text",
    Path: "a path",
    NoneType: "None",
}
_PHRASES = {
    "Comparison": "a Comparison, which compare() returns",
    "Core": "a Core, which known_core() returns by its name",
    "Cpu": "a Cpu, which cpu() makes of lengths in bits",
    "Design": "a Design, or the name of one of DESIGNS",
    "Distribution": "a duration as text such as '200us', or a Distribution",
    "MixtureSpace": "a MixtureSpace, which mixture_space() makes of cores",
    "Outcome": "an Outcome, which boot() returns",
    "Property": "a Property, or the name of one of PROPERTIES",
    "Scenario": "a Scenario, which read_scenario() reads from a file",
    "Space": "a Space, which read_space() reads from a file",
    "Topology": "a Topology, which Topology.of() makes of lengths in bits",
}
"""The values of classes in words that tell the way to one, by the name of the class."""
_LONGEST_VALUE = 60
_LONGEST_KEY = 40


class _Mismatch(Exception):
    """A value that its parameter does not take."""

    def __init__(self, place: str, value: object, allowed: str) -> None:
        super().__init__(place, value, allowed)
        self.place = place
        self.value = value
        self.allowed = allowed


class _Parameter(NamedTuple):
    """A check, the values that it lets through in words, and the place of the parameter for messages."""

    check: Check
    allowed: str
    place: str = ""


_ANYTHING = _Parameter(lambda value: value, "anything")


def checked(function: T) -> T:
    """Check the arguments of a function by their annotations at each call.

    >>> @checked
    ... def wait(delay_ns: int) -> int:
    ...     return delay_ns
    >>> wait("1")
    Traceback (most recent call last):
    sim.errors.InputError: wait: delay_ns is '1' (text): allowed is a whole number
    """
    called = _called(function)

    # At the first call: a module that is still being imported has not all the names of its annotations.
    @functools.cache
    def parameters() -> dict[str, _Parameter]:
        return _parameters(
            {one.name: one.annotation for one in inspect.signature(function).parameters.values()}, called
        )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        known = parameters()
        given = [_checked_value(one, value) for one, value in zip(known.values(), args, strict=False)]
        named = {name: _checked_value(known[name], value) if name in known else value for name, value in kwargs.items()}
        # What is too much, or has no parameter, the function refuses itself.
        return function(*given, *args[len(given) :], **named)

    return call  # type: ignore[return-value]


def checked_fields(cls: type[C]) -> type[C]:
    """Check the fields of a dataclass by their annotations when it is made; it stands below ``@dataclass``."""
    then = getattr(cls, "__post_init__", None)

    @functools.cache
    def parameters() -> dict[str, _Parameter]:
        # `cls` has no fields yet, and is not the class that `dataclass(slots=True)` returns.
        made = vars(sys.modules[cls.__module__])[cls.__name__]
        return _parameters({one.name: one.type for one in fields(made) if one.init}, cls.__name__)

    def check_fields(self: object) -> None:
        for name, parameter in parameters().items():
            given = getattr(self, name)
            value = _checked_value(parameter, given)
            if value is not given:
                object.__setattr__(self, name, value)
        if then is not None:
            then(self)

    cls.__post_init__ = check_fields  # type: ignore[attr-defined]
    return cls


def _called(function: Callable[..., object]) -> str:
    """Return the name by which a user calls a function: a class for its ``__init__``."""
    name: str = function.__qualname__
    return name.removesuffix(".__init__")


def _checked_value(parameter: _Parameter, value: object) -> object:
    """Return a value as its parameter takes it.

    Raises:
        InputError: the parameter does not take it.
    """
    try:
        return parameter.check(value)
    except _Mismatch as mismatch:
        place, given = f"{parameter.place}{mismatch.place}", _shown(mismatch.value)
        raise InputError(f"{place} is {given}: allowed is {mismatch.allowed}") from None


def _shown(value: object) -> str:
    """Return a value and its kind in words, cut where it is long."""
    if value is None:
        return "None"
    try:
        text = repr(value)
    except Exception:  # a stranger's object, whose repr may do anything
        text = "..."
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}..."
    return f"{text} ({_noun_of(value)})"


def _noun_of(value: object) -> str:
    """Return the kind of a value in words."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, type):
        return "a class"
    return f"{'an' if type(value).__name__[0] in 'AEIOUaeiou' else 'a'} {type(value).__name__}"


def _parameters(hints: Mapping[str, object], called: str) -> dict[str, _Parameter]:
    """Return each parameter with its check, in order; a parameter without an annotation takes anything."""
    made = {}
    for name, hint in hints.items():
        # An annotation in quotes is a type that is imported for type checkers only.
        is_checked = hint is not inspect.Parameter.empty and not isinstance(hint, str)
        made[name] = (_parameter(hint, name) if is_checked else _ANYTHING)._replace(place=f"{called}: {name}")
    return made


def _parameter(hint: Any, name: str) -> _Parameter:
    """Return the check of values by an annotation."""
    origin, of = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        made = _union([_parameter(one, name) for one in of], of)
    elif origin is Literal:
        made = _literal(of)
    elif origin is not None:
        made = _collection(origin, of, name)
    elif isinstance(hint, TypeVar) or hint in {Any, object}:
        made = _ANYTHING
    elif hint in _PLAIN:
        made = _Parameter(_PLAIN[hint], _NOUNS[hint])
    elif issubclass(hint, StrEnum):
        made = _choices(hint, name)
    elif getattr(hint, "_is_protocol", False):
        made = _instance(Callable, "a function", name)
    else:
        made = _instance(hint, _PHRASES.get(hint.__name__, _article(hint.__name__)), name)
    return made


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}"


# Plain values


def _whole(value: object) -> object:
    if type(value) is int:
        return value
    if not isinstance(value, bool) and not _is_numpy_bool(value):
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise _Mismatch("", value, _NOUNS[int])


def _number(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    try:
        return _whole(value)
    except _Mismatch:
        raise _Mismatch("", value, _NOUNS[float]) from None


def _truth(value: object) -> object:
    if isinstance(value, bool):
        return value
    if _is_numpy_bool(value):
        return bool(value)
    raise _Mismatch("", value, _NOUNS[bool])


def _is_numpy_bool(value: object) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") == "b" and getattr(value, "ndim", 1) == 0


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    raise _Mismatch("", value, _NOUNS[str])


def _path(value: object) -> object:
    if isinstance(value, Path):
        return value
    if isinstance(value, str):
        return Path(value)
    raise _Mismatch("", value, _NOUNS[Path])


def _nothing(value: object) -> object:
    if value is None:
        return value
    raise _Mismatch("", value, _NOUNS[NoneType])


_PLAIN: dict[object, Check] = {
    int: _whole,
    float: _number,
    bool: _truth,
    str: _text,
    Path: _path,
    NoneType: _nothing,
}


# Choices and objects


def _choices(of: type[StrEnum], name: str) -> _Parameter:
    def check(value: object) -> object:
        if isinstance(value, of):
            return value
        if isinstance(value, str):
            return choice(of, name, value)
        raise _Mismatch("", value, allowed)

    allowed = f"one of {', '.join(of)}"
    return _Parameter(check, allowed)


def _literal(values: tuple[object, ...]) -> _Parameter:
    def check(value: object) -> object:
        if value in values:
            return value
        raise _Mismatch("", value, allowed)

    allowed = f"one of {', '.join(map(str, values))}"
    return _Parameter(check, allowed)


def _instance(of: Any, allowed: str, name: str) -> _Parameter:
    from_text: Check | None = getattr(of, "from_text", None)

    def check(value: object) -> object:
        if type(value) is of or isinstance(value, of):
            return value
        if from_text is not None and isinstance(value, str):
            try:
                return from_text(value)
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
        raise _Mismatch("", value, allowed)

    return _Parameter(check, allowed)


def _union(members: Sequence[_Parameter], hints: tuple[Any, ...]) -> _Parameter:
    classes = tuple(one for one in hints if isinstance(one, type) and get_origin(one) is None and one is not float)
    allowed = " or ".join(dict.fromkeys(one.allowed for one in members))

    def check(value: object) -> object:
        # As it is, if it is of a member's own class: text stays text where text is allowed. A bool is an int to Python.
        if isinstance(value, classes) and (bool in classes or not isinstance(value, bool)):
            return value
        inside: _Mismatch | None = None
        for member in members:
            try:
                return member.check(value)
            except _Mismatch as mismatch:
                inside = mismatch if mismatch.place else inside
        raise inside or _Mismatch("", value, allowed)

    return _Parameter(check, allowed)


# Collections


def _collection(origin: Any, of: tuple[Any, ...], name: str) -> _Parameter:
    if issubclass(origin, Mapping):
        return _mapping(*(_parameter(one, name) for one in of))
    if origin is tuple and Ellipsis not in of:
        return _instance(tuple, "a tuple", name)
    if issubclass(origin, (tuple, Set, Iterable)) and of:
        return _members(origin, _parameter(of[0], name))
    return _instance(origin, "a function" if origin is Callable else _article(origin.__name__), name)


def _key(key: object) -> str:
    """Return a key of a dictionary as a message shows it: a choice by its name."""
    return repr(key.value if isinstance(key, StrEnum) else key)[:_LONGEST_KEY]


def _mapping(keys: _Parameter, values: _Parameter) -> _Parameter:
    allowed = f"a dictionary of {keys.allowed} to {values.allowed}"

    def check(value: object) -> object:
        if not isinstance(value, Mapping):
            raise _Mismatch("", value, allowed)
        made = {
            _inside(f"'s key {_key(key)}", keys, key): _inside(f"[{_key(key)}]", values, one)
            for key, one in value.items()
        }
        unchanged = all(made.get(key, made) is one for key, one in value.items())
        return value if unchanged else made

    return _Parameter(check, allowed)


def _members(origin: Any, member: _Parameter) -> _Parameter:
    is_set = issubclass(origin, Set)
    has_order = not is_set and issubclass(origin, Sequence)
    allowed = f"a {'set' if is_set else 'list'} (each: {member.allowed})"

    def check(value: object) -> object:
        if type(value) is tuple and not is_set and all(type(one) is str for one in value) and member.check is _text:
            return value  # most collections of a large system: the clusters of each CPU, or nothing
        # Text and dictionaries can be walked through, and never mean their letters or keys here.
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise _Mismatch("", value, allowed)
        if has_order and isinstance(value, Set):
            raise _Mismatch("", value, f"{allowed}, in order")
        given = tuple(value)
        made = tuple(_inside(f"[{place}]", member, one) for place, one in enumerate(given))
        # An iterator has been consumed.
        if isinstance(value, origin) and isinstance(value, (Sequence, Set)) and all(map(operator.is_, made, given)):
            return value
        return frozenset(made) if is_set else list(made) if origin is list else made

    return _Parameter(check, allowed)


def _inside(place: str, member: _Parameter, value: object) -> object:
    """Check a part of a value, and say which part it is where it is wrong."""
    try:
        return member.check(value)
    except _Mismatch as mismatch:
        raise _Mismatch(place + mismatch.place, mismatch.value, mismatch.allowed) from None
