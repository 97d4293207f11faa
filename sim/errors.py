"""Errors that end a command with one line, and checks of plain values.

Every error of this tree carries one printable line. The command line prints it and exits with 2; a library user
catches `AsymbootError`, or the class that says what to do about it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

LONGEST_MESSAGE = 600
"""The longest message, in characters. A longer message loses its middle: its ends say where, and what is allowed."""

_LONGEST_NAME = 60
"""The number of characters of a name that messages show and compare."""
_VERY_LIKE = 0.75
"""The ratio of difflib above which a name differs by a slip of the finger."""

E = TypeVar("E", bound=StrEnum)


class AsymbootError(Exception):
    """A failure that one line explains; unprintable characters are escaped and long messages are cut.

    >>> from sim import read_scenario
    >>> try:
    ...     read_scenario("bgu")
    ... except AsymbootError as error:
    ...     print(error)
    bgu: there is no such file, and no scenario of that name: did you mean 'bug'?
    """

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE // 2]} ... {message[-LONGEST_MESSAGE // 2 :]}"
        super().__init__(printable(message))


class InputError(AsymbootError, ValueError):
    """Something in a scenario, a file or an option is wrong.

    >>> from sim import Topology
    >>> try:
    ...     Topology.of([[384]])
    ... except InputError as error:
    ...     print(error)
    cpu0: SVE lengths {384}: 128 is missing: every CPU with SVE has it
    """


class MissingExtra(AsymbootError, ImportError):
    """A feature needs packages that the base installation leaves out; the message says how to install them.

    >>> from sim import AsymbootError
    >>> issubclass(MissingExtra, AsymbootError)
    True
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"`{feature}` needs packages that are not installed: pip install 'asymboot[{extra}]'")
        self.feature = feature
        self.extra = extra

    def __reduce__(self) -> tuple[type["MissingExtra"], tuple[str, str]]:
        """Cross to another process: by default the message would be taken for the arguments."""
        return MissingExtra, (self.feature, self.extra)


class WorkerLost(AsymbootError, RuntimeError):
    """A process or a cluster's worker that computed parts of a sweep is gone.

    >>> from sim import AsymbootError
    >>> issubclass(WorkerLost, AsymbootError)
    True
    """


class SchedulerGone(AsymbootError, ConnectionError):
    """A cluster's scheduler cannot be reached, or closed the connection.

    >>> from sim import AsymbootError
    >>> issubclass(SchedulerGone, AsymbootError)
    True
    """


class EmulatorFailed(AsymbootError, RuntimeError):
    """QEMU could not be started, or the boot in it did not reach its end."""


def printable(text: str) -> str:
    """Escape the characters that would upset a terminal or break a line in two, as ``ascii()`` writes them."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another, whatever their capitals; None if none is like it.

    A name of several words is like each of them, but less than a name with one wrong letter.

    >>> closest("id_aa64pfr0_el1", ["CTR_EL0", "ID_AA64PFR0_EL1"])
    'ID_AA64PFR0_EL1'
    >>> closest("nosme", ["name", "arm64_nosme"])
    'arm64_nosme'
    """
    import difflib

    by_small_letters = {one.lower(): one for one in known}
    typed = name[:_LONGEST_NAME].lower()
    found = (
        difflib.get_close_matches(typed, by_small_letters, n=1, cutoff=_VERY_LIKE)
        or [one for one in by_small_letters if typed in one.split("_")]
        or difflib.get_close_matches(typed, by_small_letters, n=1)
    )
    return by_small_letters[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message on an unknown name: the known name that is most like it, or nothing.

    >>> did_you_mean("protectd", ["nvhe", "protected"])
    "; did you mean 'protected'?"
    """
    close = closest(name, known)
    return "" if close is None else f"; did you mean {str(close)!r}?"


def choice(choices: type[E], what: str, value: str) -> E:
    """Read one of several named choices.

    Args:
        choices: the choices, of which a member itself may be given as well.
        what: the name of the setting, for the message.
        value: the text of a member.

    Raises:
        InputError: it is none of them.
    """
    try:
        return choices(value)
    except ValueError:
        raise no_choice(what, value, choices) from None


def no_choice(what: str, value: object, names: Iterable[str]) -> InputError:
    """Return the error of a value that is none of several named choices.

    >>> no_choice("relay", "relaxd", ["enforcing", "relaxed"])
    InputError("relay is 'relaxd': allowed are enforcing, relaxed; did you mean 'relaxed'?")
    """
    known, given = list(names), str(value)[:_LONGEST_NAME]
    return InputError(f"{what} is {given!r}: allowed are {', '.join(known)}{did_you_mean(given, known)}")


class NamedChoice(StrEnum):
    """A choice by its name, as files and options spell it; any other name is an `InputError`.

    >>> from sim import Axis
    >>> try:
    ...     Axis("kvm")
    ... except InputError as error:
    ...     print(error)
    Axis is 'kvm': allowed are boot_cpu, early, kernel, kvm_mode, design, relay, memory; did you mean 'kvm_mode'?
    """

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise no_choice(cls.__name__, value, cls)


def check_printable(what: str, text: str) -> None:
    """Refuse a name that would upset a terminal, or break a line in two.

    Raises:
        InputError: some character of it cannot be printed.
    """
    if not text.isprintable():
        raise InputError(f"{what} {text[:60]!r} has characters that cannot be printed")
