"""Tests that each file, folder and name of `sim` that a page, docstring or comment names is there."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.test_prose import FILES, ROOT, _name, _of_comments, _of_docstrings

FOLDERS = ("sim", "tests", "tools", "docs", "benchmarks")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*/]")
DOTTED = re.compile(r"`(sim(?:\.\w+)+)(?:\(\))?`")
ELSEWHERE = {
    "docs/system/arm/cpu-features.rst": "QEMU's",
    "sim/topologies": "a wheel's",
}
"""Paths that are not in this repository, each with the place where it is."""
HISTORY = ROOT / "CHANGELOG.md"
"""It names modules by the names that they had."""


def _texts(path: Path) -> Iterator[str]:
    """Yield the text of a file in which names count: of code its docstrings and comments, else all of it."""
    source = path.read_text(encoding="utf-8")
    if path.suffix in {".py", ".pyi"}:
        passages = (*_of_docstrings(path, ast.parse(source), is_shipped=False), *_of_comments(path, source))
        yield from (one.text for one in passages)
    else:
        yield source


def stale_paths(text: str) -> list[str]:
    named = (match[0] for match in PATH.finditer(text))
    return [one for one in named if one not in ELSEWHERE and not any(ROOT.glob(one.rstrip("/")))]


def stale_names(text: str) -> list[str]:
    return [match[1] for match in DOTTED.finditer(text) if not _is_there(match[1])]


def _is_there(name: str) -> bool:
    """Return True if a dotted name is a module, or what a module has."""
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ImportError:
        return bool(attribute) and _has(module, attribute)
    return True


def _has(owner: str, attribute: str) -> bool:
    try:
        return hasattr(importlib.import_module(owner), attribute)
    except ImportError:
        module, _, name = owner.rpartition(".")
        return bool(module) and hasattr(getattr(importlib.import_module(module), name, None), attribute)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_each_path_and_name_is_there(path: Path) -> None:
    for text in _texts(path):
        assert stale_paths(text) == []
        if path != HISTORY:
            assert stale_names(text) == []


def test_what_is_not_there_is_found() -> None:
    assert stale_paths("see `sim/no_rules.py`, sim/rules/, docs/*.md and (tests/none/).") == [
        "sim/no_rules.py",
        "tests/none/",
    ]
    assert stale_names("`sim.rules`, `sim.boot()`, `sim.units.counted`, `sim.timing` and `sim.units.none`") == [
        "sim.timing",
        "sim.units.none",
    ]


def test_each_path_elsewhere_is_named() -> None:
    named = {match[0] for path in FILES for text in _texts(path) for match in PATH.finditer(text)}
    assert ELSEWHERE.keys() <= named
