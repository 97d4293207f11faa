"""Reading files that somebody else wrote: bounded, and with one line for whatever goes wrong."""

import os
from pathlib import Path

from sim.errors import InputError


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole file of at most so many bytes, or a pipe; `what` names what it should hold.

    A pipe that nobody writes to is empty.

    Raises:
        InputError: it cannot be read, or is larger.
    """
    try:
        raw = _begin(path, most_bytes + 1)
    except (OSError, ValueError) as error:
        raise InputError(getattr(error, "strerror", None) or f"cannot be read: {error}") from None
    if len(raw) > most_bytes:
        raise InputError(f"is larger than {most_bytes >> 20} MiB, which no {what} needs")
    return raw


def _begin(path: Path, most_bytes: int) -> bytes:
    """Read the first bytes, without waiting for somebody to open the other end of a pipe."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(number, True)
    with open(number, "rb") as file:  # noqa: PTH123 (it has a number only)
        return file.read(most_bytes)
