"""Mutations: each changes one place, and what no test could notice is left alone."""

import ast

import pytest

from tools.mutations import mutants


def changed(source: str) -> list[str]:
    """Return what stands behind the arrow in each mutant's key."""
    return [mutant.key.partition("  =>  ")[2] for mutant in mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a & 1", ["x = a | 1", "x = a & 2"]),
        ("x = a and not b", ["x = a or not b", "x = a and b"]),
        (
            "x = a in b and c is None",
            ["x = a in b or c is None", "x = a not in b and c is None", "x = a in b and c is not None"],
        ),
        ("x = -a", ["x = a"]),
        ("x = True", ["x = False"]),
        ("x = 'a'", ["x = 'XXa'"]),
        ("x = f'{a:02} b'", ["x = f'XX{a:02} b'"]),
        ("x = max(a)", ["x = min(a)"]),
        ("f(a)", ["pass"]),
        ("x += a", ["pass", "x -= a"]),
        ("if a: x = b", ["if not a:"]),
        ("if a == b: x = b", ["if a != b:"]),
        ("x = [a for a in b if a]", ["x = [a for a in b if not a]"]),
        ("for a in b: break", ["continue"]),
    ],
)
def test_each_mutation_changes_one_place(source: str, expected: list[str]) -> None:
    assert sorted(changed(source)) == sorted(expected)


@pytest.mark.parametrize(
    "source",
    [
        '"""A text."""',
        "import a",
        "assert a < 1",
        "x: 'int'",
        "@f(1)\ndef g() -> 'int': return",
        "if TYPE_CHECKING:\n    x = 1",
        "__all__ = ['a']",
    ],
)
def test_what_no_test_could_notice_is_left_alone(source: str) -> None:
    assert changed(source) == []


def test_mutants_have_names_of_their_own_and_are_programs() -> None:
    source = "def f(a, b):\n    if a < 1 and b < 1:\n        return 1 + 1\n    return f(a=1)\nclass A:\n    x = 1\n"
    found = list(mutants(source))
    assert len({mutant.key for mutant in found}) == len({mutant.source for mutant in found}) == len(found) == 11
    assert all(ast.parse(mutant.source) for mutant in found)
    assert [(mutant.line, mutant.key) for mutant in found[-1:]] == [(6, "A: x = 1  =>  x = 2")]
