"""The scenarios and spaces that ship, by name, and the template of a new scenario."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sim.errors import InputError, closest, printable
from sim.files.bounded_read import LARGEST_FILE_BYTES, STANDARD_INPUT, read_at_most

_MOST_NAMES = 6
"""The number of names in a message."""
_OF_SPACES = frozenset({"groups", "cores"})
"""The tables of which every space has one."""
_TAKEN_BY = {"scenario": "run", "space": "sweep", "schedule": "replay"}
"""A command that takes a file of each kind."""


def folder() -> Path:
    """Return the folder of the scenarios that ship: inside the installed package, or beside it in the repository."""
    package = Path(__file__).parents[1]
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
    return _named(path, "scenario", folder(), "space", folder() / "spaces")


def shipped_spaces() -> list[Path]:
    """Return the space files that ship, sorted by name."""
    return sorted((folder() / "spaces").glob("*.toml"))


def find_space(path: Path) -> Path:
    """Return the file that a path names: itself, or, where there is no such file, the shipped space of that name.

    Raises:
        InputError: it is a bare name, and neither a file nor a space that ships.
    """
    return _named(path, "space", folder() / "spaces", "scenario", folder())


def names_space(path: Path) -> bool:
    """Return True if a path names a space: a file with groups or cores, or a space that ships."""
    if path != STANDARD_INPUT and not os.path.lexists(path):
        return str(path) in {file.stem for file in shipped_spaces()}
    return not _keys(path).isdisjoint(_OF_SPACES)


def kind_of(path: Path) -> str | None:
    """Return what a path names, "scenario", "space" or "schedule", by its content or as what ships; None if neither."""
    if path != STANDARD_INPUT and not os.path.lexists(path):
        return shipped_of_name(path)
    keys = _keys(path)
    if "topology" in keys:
        return "scenario"
    if not keys.isdisjoint(_OF_SPACES):
        return "space"
    return "schedule" if keys >= {"scenario", "steps"} else None


def wrong_kind(name: Path | str, kind: str, wanted: str) -> str:
    """Return the message on a name or file of one kind where another is wanted, with a command that takes it.

    >>> wrong_kind("bug", "scenario", "space")
    'bug is a scenario, not a space: asymboot run takes it'
    """
    return f"{printable(str(name))} is a {kind}, not a {wanted}: asymboot {_TAKEN_BY[kind]} takes it"


def _keys(path: Path) -> set[str]:
    """Return the keys and tables of a file, TOML or JSON; none if it cannot be read: the file's reader says why."""
    try:
        text = read_at_most(path, LARGEST_FILE_BYTES, "scenario").decode("utf-8-sig")
        # No TOML begins with a brace.
        return set(msgspec.json.decode(text) if text.startswith("{") else tomllib.loads(text))
    except (ValueError, RecursionError):
        return set()


def _named(path: Path, kind: str, files: Path, other_kind: str, others: Path) -> Path:
    """Return the file that a path names, which should be of a kind; the folders have what ships of either kind."""
    # A link that leads nowhere counts as a file of the user's, so that the user hears of it.
    if path == STANDARD_INPUT or os.path.lexists(path):
        return path
    name, by_name = str(path), {file.stem: file for file in files.glob("*.toml")}
    if name in by_name:
        return by_name[name]
    if path.suffix or path.name != name:
        return path  # it is meant as a file: the attempt to read it says why that fails
    if name in {file.stem for file in others.glob("*.toml")}:
        raise InputError(f"{wrong_kind(name, other_kind, kind)}; {kind}s that ship are {_some(by_name)}")
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
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
