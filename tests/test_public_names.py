"""The stub of `sim` is the one list of public names: of Python's, of type checkers', and of the reference's."""

import ast
from pathlib import Path

import sim

STUB = Path(sim.__file__).with_suffix(".pyi")


def stub_names() -> list[str]:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    return [alias.asname or "" for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def test_every_name_of_the_stub_can_be_imported_and_there_are_no_others() -> None:
    assert sorted(stub_names()) == sim.__all__ == dir(sim)
    for name in stub_names():
        assert getattr(sim, name) is not None
    assert not hasattr(sim, "reboot")


def test_type_checkers_see_every_name() -> None:
    """A stub re-exports only what it imports under an alias, even if that is the same name."""
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert [alias.name for alias in node.names] == [alias.asname for alias in node.names]
