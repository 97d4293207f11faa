"""Reading files that somebody else wrote: bounded, and with one line for whatever goes wrong."""

import stat
from pathlib import Path

from sim.errors import InputError


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole file of at most so many bytes; `what` names what it should hold.

    Raises:
        InputError: it cannot be read, is larger, or is something that need not have an end, such as a pipe.
    """
    try:
        mode = path.stat().st_mode
        raw = _begin(path, most_bytes + 1) if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None
    except (OSError, ValueError) as error:
        raise InputError(getattr(error, "strerror", None) or f"cannot be read: {error}") from None
    if raw is None:
        raise InputError("is no regular file")
    if len(raw) > most_bytes:
        raise InputError(f"is larger than {most_bytes >> 20} MiB, which no {what} needs")
    return raw


def _begin(path: Path, most_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most_bytes)
