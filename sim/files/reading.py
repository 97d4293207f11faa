"""Reading files that somebody else wrote: bounded, and with one line for whatever goes wrong."""

from pathlib import Path

from sim.errors import InputError


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole file of at most so many bytes; `what` names what it should hold.

    Raises:
        InputError: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        raise InputError(getattr(error, "strerror", None) or f"cannot be read: {error}") from None
    if len(raw) > most_bytes:
        raise InputError(f"is larger than {most_bytes >> 20} MiB, which no {what} needs")
    return raw
