"""The house rules that a program can check: names of modules, suppressed warnings, types in the core."""

import ast
import re
from collections import Counter
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


@pytest.mark.parametrize("module", CORE, ids=lambda module: f"{module.parent.name}/{module.name}")
def test_the_core_is_typed_without_a_way_out(module: Path) -> None:
    if module.name in COMPILER:
        return
    text = module.read_text()
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {"Any", "cast"}
    assert "type: ignore" not in text


def test_only_the_flags_compare_versions() -> None:
    comparing = [
        str(module.relative_to(SIM))
        for module in MODULES
        if re.search(r"\.version\s*(<|>|==|!=)|(<|>)=?\s*\w+\.version\b", module.read_text())
    ]
    assert set(comparing) <= {"kernel_flags.py", "kernel_series.py", "kernel/feature_tables.py"}
