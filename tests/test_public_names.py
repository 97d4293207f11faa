"""The stub of `sim` is the one list of public names: of Python's, of type checkers', and of the reference's."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import pytest

import asymboot
import sim

STUB = Path(sim.__file__).with_suffix(".pyi")
ALIAS_STUB = Path(asymboot.__file__).with_suffix(".pyi")
UNITS = {
    "_ns": "nanoseconds",
    "_s": "seconds",
    "_bits": "bits",
    "_bytes": "bytes",
    "_vqs": "length",
    "_len": "0 to 15",
}
"""The unit or the range that a parameter's explanation has, by the end of its name."""
RANGES = {"seed": "2^62 - 1", "el": "1 or 2", "vls": "bits"}
"""The unit or the range by the whole name."""
WAYS = ("of", "from_text", "but")
"""The methods of public classes that make objects."""
LONGEST_DEFAULT = 80
"""The most characters of a parameter's default in what help() shows."""


def stub_names(stub: Path = STUB) -> list[str]:
    tree = ast.parse(stub.read_text(encoding="utf-8"))
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


# The distribution's own name


def test_asymboot_has_the_same_names_and_objects() -> None:
    assert dir(asymboot) == asymboot.__all__ == sim.__all__
    assert sorted(stub_names(ALIAS_STUB)) == sim.__all__
    for name in sim.__all__:
        assert getattr(asymboot, name) is getattr(sim, name)
    assert not hasattr(asymboot, "reboot")


def test_asymboot_is_a_command_and_imports_little() -> None:
    command = [sys.executable, "-m", "asymboot", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith("Usage: asymboot ")
    script = "import sys, asymboot; print('pandas' in sys.modules, 'simpy' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == "False False\n"


# What help() says


def explained() -> dict[str, Callable[..., object]]:
    """Return the public functions, the public classes, and their methods that make objects."""
    pytest.importorskip("z3", reason="Z3 is not installed: the public names of proofs cannot be imported")
    named = {name: getattr(sim, name) for name in sim.__all__}
    found = {
        name: value
        for name, value in named.items()
        if inspect.isfunction(value) or (inspect.isclass(value) and not issubclass(value, Enum | Exception))
    }
    ways = {f"{name}.{way}": getattr(value, way) for name, value in found.items() for way in WAYS if way in vars(value)}
    return found | ways


def methods() -> dict[str, Callable[..., object]]:
    """Return the public methods of the public classes."""
    classes = {name: value for name, value in explained().items() if inspect.isclass(value)}
    return {
        f"{name}.{method}": getattr(value, method)
        for name, value in classes.items()
        for method in vars(value)
        if not method.startswith("_") and callable(getattr(value, method, None))
    }


def assert_parameters_explained(name: str, value: Callable[..., object]) -> None:
    told = inspect.getdoc(value) or ""
    for parameter in set(inspect.signature(value).parameters) - {"self"}:
        found = re.search(rf"^    {parameter}: (.+(?:\n {{8}}.+)*)", told, re.MULTILINE)
        assert found, f"{name}: {parameter}"
        words = [unit for ending, unit in UNITS.items() if parameter.endswith(ending)]
        words += [RANGES[parameter]] if parameter in RANGES else []
        assert all(one in found[1] for one in words), f"{name}: {parameter} is in {words}"


def test_help_explains_each_parameter_with_its_unit() -> None:
    for name, value in explained().items():
        assert ">>>" in (inspect.getdoc(value) or ""), name
        assert_parameters_explained(name, value)


def test_help_explains_each_parameter_of_a_method() -> None:
    assert len(methods()) > 60
    for name, value in methods().items():
        assert_parameters_explained(name, value)


def test_help_shows_short_defaults() -> None:
    for name, value in explained().items():
        for parameter in inspect.signature(value).parameters.values():
            assert len(repr(parameter.default)) <= LONGEST_DEFAULT, f"{name}: {parameter}"


def test_help_shows_an_example() -> None:
    """The examples run with the modules that they are in, as doctests."""
    pytest.importorskip("z3", reason="Z3 is not installed: the public names of proofs cannot be imported")
    named = {name: getattr(sim, name) for name in sim.__all__}
    explained = {name: value for name, value in named.items() if inspect.isfunction(value) or inspect.isclass(value)}
    without = [name for name, value in explained.items() if ">>>" not in (inspect.getdoc(value) or "")]
    # The docstring of SveRule is in the schema of scenario files, and legal_sets() has an example.
    assert without == ["SveRule"]


def test_every_choice_is_explained() -> None:
    for name in sim.__all__:
        value = getattr(sim, name)
        if inspect.isclass(value) and issubclass(value, Enum):
            assert len(inspect.getdoc(value) or "") > 15, name
