"""The house rules that a program can check: names of modules, suppressed warnings, types in the core."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SIM = Path(__file__).parents[1] / "sim"
MODULES = sorted(SIM.rglob("*.py"))
CORE = sorted([*(SIM / "rules").glob("*.py"), *(SIM / "study").glob("*.py")])
COMPILER = {"compiled_batch.py"}
"""llvmlite has no types."""
MOST_NOQA = 19
TECHNIQUES = {"delta_debugging", "finding", "ordering", "span_nesting"}
"""Names of a technique or of a relation, not of an activity."""


def test_no_basename_stands_twice() -> None:
    names = Counter(module.name for module in MODULES if module.name != "__init__.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_no_module_is_named_for_an_activity() -> None:
    names = {module.stem for module in MODULES if module.stem.endswith("ing")}
    assert names <= TECHNIQUES


def test_few_warnings_are_suppressed() -> None:
    lines = [line for module in MODULES for line in module.read_text().splitlines() if "# noqa" in line]
    assert len(lines) <= MOST_NOQA


def names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def annotations(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the types of parameters, results and variables, with those that are written as text."""
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                yield annotation
                for text in ast.walk(annotation):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        with suppress(SyntaxError):  # of a Literal, which is not a type
                            yield ast.parse(text.value)


def test_annotations_are_found_everywhere() -> None:
    source = "def f(a: A, *b: B, **c: dict[str, C]) -> 'D': x: E = g(H)"
    found = {name for annotation in annotations(ast.parse(source)) for name in names_in(annotation)}
    assert found == {*"ABCDE", "dict", "str"}


@pytest.mark.parametrize("module", CORE, ids=lambda module: f"{module.parent.name}/{module.name}")
def test_the_core_is_typed_without_a_way_out(module: Path) -> None:
    if module.name in COMPILER:
        return
    text = module.read_text()
    tree = ast.parse(text)
    assert not names_in(tree) & {"Any", "cast"}
    assert "object" not in {name for annotation in annotations(tree) for name in names_in(annotation)}
    assert "type: ignore" not in text


def test_only_the_flags_compare_versions() -> None:
    comparing = [
        str(module.relative_to(SIM))
        for module in MODULES
        if re.search(r"\.version\s*(<|>|==|!=)|(<|>)=?\s*\w+\.version\b", module.read_text())
    ]
    assert set(comparing) <= {
        "kernel_flags.py",
        "kernel_release.py",
        "kernel/features/id_override.py",
        "cpufeature_tables/tables.py",
    }
