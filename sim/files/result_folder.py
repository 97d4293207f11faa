"""Folders for results: checked before anything is computed, so that nothing found is lost for want of a place."""

import os
from collections.abc import Iterable
from pathlib import Path

from sim.errors import InputError


def check_room(folder: Path, patterns: Iterable[str]) -> None:
    """Refuse a folder in which files could not be made whose names match one of these patterns.

    Raises:
        InputError: it, or what it would lie in, is no folder or cannot be written to, or it has one of the files.
    """
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists() or one.is_symlink())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: cannot be written to")
    for file in sorted(folder.glob("*")):
        if any(file.match(pattern) for pattern in patterns):
            raise InputError(f"{file}: exists already")
