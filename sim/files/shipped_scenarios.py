"""The scenarios and spaces that ship, by name, and the template of a new scenario."""

import os
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from sim.errors import InputError, closest, printable
from sim.files.bounded_read import LARGEST_FILE_BYTES, STANDARD_INPUT, read_at_most

_MOST_NAMES = 6
"""The number of names in a message."""


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

    Raises:
        InputError: it is a bare name, and neither a file nor a scenario that ships.

    >>> find(Path("bug")).name
    'bug.toml'
    """
    return _named(path, "scenario", shipped(), "space", shipped_spaces())


def shipped_spaces() -> list[Path]:
    """Return the space files that ship, sorted by name."""
    return sorted((folder() / "spaces").glob("*.toml"))


def find_space(path: Path) -> Path:
    """Return the file that a path names: itself, or, where there is no such file, the shipped space of that name.

    Raises:
        InputError: it is a bare name, and neither a file nor a space that ships.
    """
    return _named(path, "space", shipped_spaces(), "scenario", shipped())


def names_space(path: Path) -> bool:
    """Return True if a path names a space: a file with groups or cores, or a space that ships."""
    if path != STANDARD_INPUT and not os.path.lexists(path):
        return str(path) in {file.stem for file in shipped_spaces()}
    return not {"groups", "cores"}.isdisjoint(_keys(path))


def is_scenario(path: Path) -> bool:
    """Return True if a file is a scenario: it has a topology."""
    return "topology" in _keys(path)


def _keys(path: Path) -> set[str]:
    """Return the keys and tables of a file; none if it cannot be read, of which the reader of the file says why."""
    try:
        return set(tomllib.loads(read_at_most(path, LARGEST_FILE_BYTES, "scenario").decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return set()


def _named(path: Path, kind: str, files: list[Path], other_kind: str, others: list[Path]) -> Path:
    """Return the file that a path names, which should be of a kind."""
    # A link that leads nowhere counts as a file of the user's, so that the user hears of it.
    if path == STANDARD_INPUT or os.path.lexists(path):
        return path
    name, by_name = str(path), {file.stem: file for file in files}
    if name in by_name:
        return by_name[name]
    if path.suffix or path.name != name:
        return path  # it is meant as a file: the attempt to read it says why that fails
    if name in {file.stem for file in others}:
        raise InputError(f"{name} is a {other_kind}, not a {kind}; {kind}s that ship are {_some(by_name)}")
    listed = "spaces" if kind == "space" else "topologies"
    close = closest(name, by_name)
    hint = f"`asymboot list {listed}` has those that ship" if close is None else f"did you mean {close!r}?"
    raise InputError(f"{printable(name)}: there is no such file, and no {kind} of that name: {hint}")


def _some(names: Iterable[str]) -> str:
    """Return names as a list, the first few of many."""
    every = sorted(names)
    shown = ", ".join(every[:_MOST_NAMES])
    return shown if len(every) <= _MOST_NAMES else f"{shown} and {len(every) - _MOST_NAMES} more"


def shipped_of_name(path: Path) -> str | None:
    """Return what ships under the name that a path is, a scenario or a space; None if nothing does."""
    for kind, shipping in (("scenario", shipped()), ("space", shipped_spaces())):
        if str(path) in {file.stem for file in shipping}:
            return kind
    return None


def template(*, space: bool = False) -> str:
    """Return the text of a commented scenario, or of a commented space, to start from."""
    name = "space_template.toml" if space else "template.toml"
    return (files("sim") / "files" / name).read_text(encoding="utf-8")
