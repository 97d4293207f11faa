"""Folders for results, checked before a computation: a result that has no place to go would be lost."""

import os
from collections.abc import Iterable
from pathlib import Path

from sim.errors import InputError


def check_room(folder: Path, patterns: Iterable[str]) -> None:
    """Refuse a folder in which the files of these patterns cannot be made.

    Args:
        folder: the folder, which may be missing; it is then made in the nearest folder above it.
        patterns: glob patterns of file names that must not exist yet.

    Raises:
        InputError: the folder, or the nearest above it that exists, is not a folder or cannot be written to, or a
            file of such a name exists.
    """
    # A link that leads nowhere does not exist for `exists`, but no folder can be made in its place.
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists() or path.is_symlink())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: cannot be written to")
    for file in sorted(folder.glob("*")):
        if any(file.match(pattern) for pattern in patterns):
            raise InputError(f"{file}: exists already")
