"""CONTRIBUTING's recipes: each is followed here, or every part that it names is there."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

import sim
from sim import hazards, rules
from sim.boot_run import boot
from sim.cli import main
from sim.files.scenario_tables import FaultTable
from sim.hazards import HazardKind
from sim.id_registers import QEMU_MAX, Core, IdField
from sim.kernel import cpufeature
from sim.kernel.feature_tables import CAPABILITIES, FTR_REGS, Capability, FtrBits, FtrReg
from sim.kernel_flags import FLAGS
from sim.scenario import Fault, Scenario
from sim.topology import Cpu, Features, Topology
from tests.systems import on, texts

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SUBJECTS = ("hazard", "column", "kernel flag", "rule", "CPU feature", "fault", "command", "picture")

MEMBER = '    TAINTED = "tainted", "kernel tainted", 45\n'
FINDER = """

@finds(HazardKind.TAINTED)
def _tainted(facts: Facts) -> Iterator[Hazard]:
    if any("Unsupported CPU feature variation" in line.text for line in facts.log):
        yield Hazard(HazardKind.TAINTED, None, facts.end_ns, "the kernel is tainted", facts.final_event)
"""
USE = """
import msgspec
from sim import Scenario, Topology, boot, compare
from sim.hazards import HazardKind
from sim.show.catalogue_text import show_catalogue
from sim.show.comparison_text import show
from sim.show.console import terminal

scenario = Scenario(Topology.of([[128], None]), kvm_mode="protected", name="tainted")
outcome = boot(scenario)
assert [kind.kind for kind in outcome.found] == [HazardKind.TAINTED], outcome.found
comparison = compare(scenario)
assert comparison.designs["tainted"].tolist() == [1] * 8
msgspec.json.encode((outcome.record(), comparison.record()))
show(comparison, terminal())
show_catalogue(terminal(), ["hazards"])
assert [kind.rank for kind in sorted(HazardKind)] == list(range(1, len(HazardKind) + 1))
"""


@pytest.mark.parametrize("subject", SUBJECTS)
def test_there_is_a_recipe(subject: str) -> None:
    assert re.search(rf"^- \*\*a {re.escape(subject)}\*\*:", CONTRIBUTING, re.MULTILINE)


def test_each_path_that_a_recipe_names_is_there() -> None:
    recipes = CONTRIBUTING[CONTRIBUTING.index("## How to add") :]
    paths = re.findall(r"`((?:sim|tests|docs|topologies|notebooks)/[\w./-]*)`", recipes)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_a_hazard_is_a_member_and_a_finder(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sim", tmp_path / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "sim" / "hazards.py"
    text = module.read_text()
    before = text.index("    SHARED_IDLE_TASK =")
    module.write_text(text[:before] + MEMBER + text[before:] + FINDER)
    done = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "kernel tainted" in done.stdout


def test_every_hazard_has_a_finder_and_a_severity_of_its_own() -> None:
    assert hazards._FINDERS.keys() == set(HazardKind)
    assert len({kind.severity for kind in HazardKind}) == len(HazardKind)


def test_a_kernel_flag_is_a_field_and_a_row_of_the_page() -> None:
    page = (ROOT / "docs" / "scenario-files.md").read_text()
    assert [name for name in FLAGS if f"| `{name}` |" not in page] == []


def test_a_rule_has_a_reference_in_its_tests() -> None:
    functions = [name for name in rules.__all__ if inspect.isfunction(getattr(rules, name))]
    tests = (ROOT / "tests" / "test_rules.py").read_text()
    assert len(functions) > 20
    assert [name for name in functions if f"rules.{name}" not in tests] == []


def test_a_cpu_feature_without_lengths_is_an_entry_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    dit = IdField("ID_AA64PFR0_EL1", "DIT", shift=48)
    capability = Capability("Data independent timing", dit, 1, {(6, 1): 99})
    monkeypatch.setattr(cpufeature, "CAPABILITIES", (*CAPABILITIES, capability))
    monkeypatch.setattr(cpufeature, "FTR_REGS", (FtrReg(dit.register, (FtrBits(dit),)), *FTR_REGS[1:]))
    registers = dict(QEMU_MAX.id_registers)
    registers[dit.register] = dit.put(registers[dit.register], 0)
    without = Features(core=Core("old", 0x410FD034, MappingProxyType(registers), "a test"))
    topology = Topology((Cpu("cpu0"), Cpu("cpu1", without, late=True)))
    outcome = boot(Scenario(topology, actions=(on(1),)))
    assert (
        "CPU features: CPU1: Detected conflict for capability 99 (Data independent timing), System: 1, CPU: 0"
        in texts(outcome)
    )
    assert outcome.notes == ["cpu1 was refused: DIT: lacks the extension"]
    early = boot(Scenario(Topology((Cpu("cpu0"), Cpu("cpu1", without)))))
    assert "CPU features: Unsupported CPU feature variation detected." in texts(early)


def test_the_engine_names_no_feature() -> None:
    tree = ast.parse(Path(cpufeature.__file__).read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"SVE", "SME"}


def test_a_fault_is_a_field_a_key_and_a_row_of_the_page() -> None:
    page = (ROOT / "docs" / "scenario-files.md").read_text()
    keys = {field.name for field in msgspec.structs.fields(FaultTable)}
    kinds = {field.name.removesuffix("_ns") for field in fields(Fault)}
    assert kinds == keys
    assert [key for key in keys if f"| `{key}` |" not in page] == []


def test_a_command_is_a_file_with_its_name_and_a_section() -> None:
    files = {file.stem.rstrip("_") for file in (ROOT / "sim" / "cli").glob("*.py")}
    commands = set(main.list_commands(main.make_context("asymboot", ["--help"], resilient_parsing=True)))
    assert commands <= files
    page = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in commands if f"\n## `{name}`\n" not in page] == []


def test_a_picture_is_a_file_a_public_function_and_a_section() -> None:
    page = (ROOT / "docs" / "pictures.md").read_text()
    for file in (ROOT / "sim" / "plot").glob("*_picture.py"):
        (function,) = re.findall(r"^def (plot_\w+)\(", file.read_text(), re.MULTILINE)
        assert function in sim.__all__
        assert f"asymboot plot {function.removeprefix('plot_')}" in page or f"`{function}" in page
