"""The one error that user input may cause, and what checks plain values."""

from enum import StrEnum
from typing import TypeVar

LONGEST_MESSAGE = 600

E = TypeVar("E", bound=StrEnum)


class InputError(ValueError):
    """Something in a scenario, a file or an option is wrong; the message is one plain line.

    What cannot be printed is escaped, and what is too long cut short, wherever it came from. The command line
    prints the message and exits with 2.
    """

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[: LONGEST_MESSAGE // 2]} ... {message[-LONGEST_MESSAGE // 2 :]}"
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Escape what would upset a terminal, or break a line in two."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def choice(choices: type[E], what: str, value: str) -> E:
    """Read one of several named choices.

    Raises:
        InputError: it is none of them.
    """
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(choices)
        raise InputError(f"{what} is {str(value)[:60]!r}: allowed are {allowed}") from None


def check_printable(what: str, text: str) -> None:
    """Refuse a name that would upset a terminal, or break a line in two.

    Raises:
        InputError: some character of it cannot be printed.
    """
    if not text.isprintable():
        raise InputError(f"{what} {text[:60]!r} has characters that cannot be printed")
