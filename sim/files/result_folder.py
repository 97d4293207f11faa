"""Folders for results: they are checked before a computation, so that its results are not lost for want of room."""

import os
from collections.abc import Iterable
from pathlib import Path

from sim.errors import InputError


def check_room(folder: Path, patterns: Iterable[str]) -> None:
    """Refuse a folder in which the files of these patterns cannot be made.

    Raises:
        InputError: the folder, or the nearest above it that exists, is not a folder or cannot be written to, or a
            file of such a name exists.
    """
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists() or one.is_symlink())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: cannot be written to")
    for file in sorted(folder.glob("*")):
        if any(file.match(pattern) for pattern in patterns):
            raise InputError(f"{file}: exists already")
