"""The scenarios and spaces that ship, by name, and the template of a new scenario."""

import os
from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """Return the folder of the scenarios that ship: inside the installed package, or beside it in the repository."""
    package = Path(str(files("sim")))
    inside = package / "topologies"
    return inside if inside.is_dir() else package.parent / "topologies"


def shipped() -> list[Path]:
    """Return the scenario files that ship, sorted by name."""
    return sorted(folder().glob("*.toml"))


def find(path: Path) -> Path:
    """Return the file that a path names: itself, or, where there is no such file, the shipped scenario of that name.

    >>> find(Path("bug")).name
    'bug.toml'
    """
    # A link that leads nowhere counts as a file of the user's, so that the user hears of it.
    if os.path.lexists(path):
        return path
    return {file.stem: file for file in shipped()}.get(str(path), path)


def shipped_spaces() -> list[Path]:
    """Return the space files that ship, sorted by name."""
    return sorted((folder() / "spaces").glob("*.toml"))


def find_space(path: Path) -> Path:
    """Return the file that a path names: itself, or, where there is no such file, the shipped space of that name."""
    if os.path.lexists(path):
        return path
    return {file.stem: file for file in shipped_spaces()}.get(str(path), path)


def template() -> str:
    """Return the text of a commented scenario to start from."""
    return (files("sim") / "files" / "template.toml").read_text(encoding="utf-8")
