"""Bounded reading of files that a stranger may have written: no endless file, and no waiting for a pipe's other end.

Every failure is an `InputError` that says what is wrong; the caller puts the file's name before it.
"""

import errno
import os
import stat
import sys
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from sim.errors import InputError

STANDARD_INPUT = Path("-")
"""The path that stands for the standard input wherever a file is read."""
LARGEST_FILE_BYTES = 8 * 1024 * 1024
"""The largest scenario, space or device tree that is read."""
_FORMS = {"scenario": "a .toml file", "space": "a .toml file", "schedule": "a .json file"}
"""The form of what users write or keep, for the message on a folder in its place; everything else is a file."""
_NEVER_WAIT = os.O_RDONLY | os.O_NONBLOCK
"""Flags that open a pipe at once. Without O_NONBLOCK, open(2) waits until the pipe has a writer."""


def read_at_most(path: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole file, or everything that comes through a pipe.

    A pipe without a writer counts as empty.

    Args:
        path: the file, as the user named it: a link is followed; "-" is the standard input.
        most_bytes: the size above which the file is refused.
        what: what the file should hold, for the message.

    Raises:
        InputError: the file cannot be read, or is larger.
    """
    if path == STANDARD_INPUT:
        return read_standard_input(most_bytes, what)
    try:
        descriptor = os.open(path, _NEVER_WAIT)
        # A pipe that has a writer is read to its end, however slowly the writer sends.
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb") as stream:
            return _bounded(stream, most_bytes, what)
    except (OSError, ValueError) as error:
        raise _unreadable(error, what) from None


def read_standard_input(most_bytes: int, what: str) -> bytes:
    """Read everything that comes through the standard input; a second call returns the same.

    Args:
        most_bytes: the size above which it is refused.
        what: what it should hold, for the message.

    Raises:
        InputError: it cannot be read, or is larger.
    """
    if sys.stdin is None:  # the shell closed it, as `<&-` does
        raise InputError("the standard input is closed")
    try:
        raw = _read_again(sys.stdin.buffer, most_bytes + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(error, what) from None
    if len(raw) > most_bytes:
        raise _too_large(most_bytes, what)
    return raw


def read_regular_file(path: Path, most_bytes: int, what: str) -> bytes:
    """Read a whole regular file, such as a schedule: pipes and devices are refused.

    Args:
        path: the file, as the user named it: a link is followed.
        most_bytes: the size above which the file is refused.
        what: what the file should hold, for the message.

    Raises:
        InputError: the file cannot be read, is larger, or is not a regular file.
    """
    try:
        with _regular(os.open(path, _NEVER_WAIT), most_bytes, what) as stream:
            return _bounded(stream, most_bytes, what)
    except (OSError, ValueError) as error:
        raise _unreadable(error, what) from None


def open_regular_file(name: str, folder_descriptor: int, most_bytes: int, what: str) -> BufferedReader:
    """Open a regular file of an open folder for reading; a link is refused.

    Args:
        name: the file's name in the folder.
        folder_descriptor: the folder's descriptor.
        most_bytes: the size above which the file is refused.
        what: what the file should hold, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file cannot be read, is larger, or is not a regular file.
    """
    try:
        return _regular(os.open(name, _NEVER_WAIT | os.O_NOFOLLOW, dir_fd=folder_descriptor), most_bytes, what)
    except FileNotFoundError:
        raise  # a missing file is ordinary: the caller decides
    except OSError as error:
        if error.errno == errno.ELOOP:  # O_NOFOLLOW met a link
            raise InputError("is a symbolic link") from None
        raise _unreadable(error, what) from None


def _regular(descriptor: int, most_bytes: int, what: str) -> BufferedReader:
    """Return a stream of an open file, after a check of its kind and size.

    The descriptor is checked and not the path, so that no other file can take the checked file's place.
    """
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise InputError("is not a regular file")
    if found.st_size > most_bytes:
        os.close(descriptor)
        raise _too_large(most_bytes, what)
    return os.fdopen(descriptor, "rb")


def _bounded(stream: BinaryIO, most_bytes: int, what: str) -> bytes:
    # A pipe and a file in /proc have no size, and a file may grow: one byte more than allowed is asked for.
    raw = stream.read(most_bytes + 1)
    if len(raw) > most_bytes:
        raise _too_large(most_bytes, what)
    return raw


@lru_cache(maxsize=1)  # what came through a pipe cannot be read again
def _read_before(_stream: BinaryIO) -> bytearray:
    return bytearray()


def _read_again(stream: BinaryIO, most_bytes: int) -> bytes:
    """Return the first bytes of a stream, those that were read before among them."""
    kept = _read_before(stream)
    if len(kept) < most_bytes:
        kept += stream.read(most_bytes - len(kept))
    return bytes(kept[:most_bytes])


def _too_large(most_bytes: int, what: str) -> InputError:
    return InputError(f"is larger than {most_bytes >> 20:,} MiB, which no {what} needs")


def _unreadable(error: OSError | ValueError, what: str) -> InputError:
    if isinstance(error, IsADirectoryError):
        return InputError(f"is a folder; a {what} is {_FORMS.get(what, 'a file')}")
    # A ValueError is an InputError that was raised on the way, or Python's own for a path with a NUL.
    if isinstance(error, InputError):
        return error
    reason = error.strerror if isinstance(error, OSError) else None
    return InputError(reason or f"cannot be read: {error}")
