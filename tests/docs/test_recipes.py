"""CONTRIBUTING's recipes: each is followed here, or every part that it names is there."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

import sim
from sim import hazard_kinds, rules
from sim.boot_run import boot
from sim.cli import main
from sim.files.scenario_tables import FaultTable
from sim.hazard_kinds import HazardKind
from sim.kernel import cpufeature
from sim.kernel_flags import FLAGS
from sim.scenario import Fault, Scenario
from sim.topology import Topology

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SUBJECTS = ("hazard", "column", "kernel flag", "rule", "CPU feature", "fault", "command", "picture")

MEMBER = '    NOTED = "noted", "variation noted", 41\n'
FINDER = """

@finds(HazardKind.NOTED)
def _noted(facts: Facts) -> Iterator[Hazard]:
    if any("Unsupported CPU feature variation" in line.text for line in facts.log):
        yield Hazard(HazardKind.NOTED, None, facts.end_ns, "the kernel notes a variation", facts.final_event)
"""
USE = """
import msgspec
from sim import Scenario, Topology, boot, compare
from sim.hazard_kinds import HazardKind
from sim.show.catalogue_text import show_catalogue
from sim.show.comparison_text import show
from sim.show.console import terminal

scenario = Scenario(Topology.of([[128], None]), kvm_mode="protected", name="noted")
outcome = boot(scenario)
assert [kind.kind for kind in outcome.found] == [HazardKind.NOTED], outcome.found
comparison = compare(scenario)
assert comparison.designs["noted"].tolist() == [1] * 8
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
    neighbour = "    SHARED_IDLE_TASK ="
    later = "\n# CPUs that do not come, or come as another\n"
    changes = {"sim/hazard_kinds.py": [(neighbour, MEMBER + neighbour)], "sim/hazards.py": [(later, FINDER + later)]}
    assert "variation noted" in _run_changed(tmp_path, changes, USE)


def test_every_hazard_has_a_finder_and_a_severity_of_its_own() -> None:
    boot(Scenario(Topology.of([None])))
    assert hazard_kinds.FINDERS.keys() == set(HazardKind)
    assert len({kind.severity for kind in HazardKind}) == len(HazardKind)


def test_a_kernel_flag_is_a_field_and_a_row_of_the_page() -> None:
    page = (ROOT / "docs" / "scenario-files.md").read_text()
    assert [name for name in FLAGS if f"| `{name}` |" not in page] == []


def test_a_rule_has_a_reference_in_its_tests() -> None:
    functions = [name for name in rules.__all__ if inspect.isfunction(getattr(rules, name))]
    tests = "".join((ROOT / "tests" / name).read_text() for name in ("test_rules.py", "test_rules_of_fields.py"))
    assert len(functions) > 20
    assert [name for name in functions if f"rules.{name}" not in tests] == []


def _run_changed(folder: Path, changes: dict[str, list[tuple[str, str]]], program: str) -> str:
    """Run a program with a copy of the package in which texts are replaced, and return what it prints."""
    shutil.copytree(ROOT / "sim", folder / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    for name, replacements in changes.items():
        module = folder / name
        text = module.read_text()
        for before, after in replacements:
            assert text.count(before) == 1
            text = text.replace(before, after)
        module.write_text(text)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


DREAM = {
    "sim/cpufeature_tables/registers.json": [
        (
            '  {"name": "TLB", "shift": 56},',
            '  {"name": "DREAM", "shift": 24},\n  {"name": "TLB", "shift": 56},',
        ),
    ],
    "sim/cpufeature_tables/capabilities.json": [
        (
            '{"name": "HAS_CRC32",',
            (
                '{"name": "HAS_DREAM", "description": "Dreams", "type": ["SYSTEM", "PERMITTED_LATE"], "matcher": '
                '"has_cpuid_feature", "register": "ID_AA64ISAR0_EL1", "field": "DREAM", "min": 1, '
                '"numbers": {"6.12": 200}},\n{"name": "HAS_CRC32",'
            ),
        ),
    ],
}
LACKS_DREAM = """
from types import MappingProxyType
from sim import Action, Scenario, Topology, boot
from sim.id_registers import Core
from sim.topology import Cpu, Features

def core(name, dream):
    registers = {"ID_AA64ISAR0_EL1": dream << 24, "ID_AA64PFR0_EL1": 0x0000000000000011}
    return Features(core=Core(name, 0x410FD0B0, MappingProxyType(registers), "a test", has_all_features=True))

new, old = core("new", 1), core("old", 0)
late = Topology((Cpu("cpu0", new), Cpu("cpu1", old, late=True)))
for kernel in ("6.12", "6.1"):
    outcome = boot(Scenario(late, kernel=kernel, actions=(Action("online", "cpu1"),)))
    print(*(text for text in outcome.log["text"] if "Dreams" in text), sep="\\n")
    print(outcome.facts.online)
early = boot(Scenario(Topology((Cpu("cpu0", new), Cpu("cpu1", old)))))
print(*(text for text in early.log["text"] if "SANITY" in text or "Dreams" in text), sep="\\n")
"""


def test_a_cpu_feature_is_an_entry_of_the_tables(tmp_path: Path) -> None:
    """Neither does each core state its register, nor does each series know its capability."""
    assert _run_changed(tmp_path, DREAM, LACKS_DREAM).splitlines() == [
        "CPU features: detected: Dreams",
        "CPU features: CPU1: Detected conflict for capability 200 (Dreams), System: 1, CPU: 0",
        "(0,)",
        "",
        "(0, 1)",
        (
            "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64ISAR0_EL1. Boot CPU: 0x00000001000000, "
            "CPU1: 0x00000000000000"
        ),
    ]


SVX = {
    "sim/vectors.py": [('    SME = "SME"\n', '    SME = "SME"\n    SVX = "SVX"\n')],
    "sim/vector_types.py": [
        (
            "            why_not=_why_not_sme,\n            always_in=0,\n        ),\n",
            (
                "            why_not=_why_not_sme,\n            always_in=0,\n        ),\n"
                "        VectorType.SVX: VectorTraits(\n"
                '            id_field=IdField("ID_AA64PFR1_EL1", "SVX", shift=40),\n'
                '            len_register="XCR_EL1",\n'
                '            capability="Scalable X Extension",\n'
                '            el3_len_key="xcr_el3_len",\n'
                '            el3_enable="CPTR_EL3.EX",\n'
                '            option="arm64.nosvx",\n'
                "            flag=None,\n"
                "            default_vl_bytes=32,\n"
                "            initial_vl_bytes=0,\n"
                "            is_virtualised=False,\n"
                "            logs_minimum=True,\n"
                "            selects_always=True,\n"
                "            why_not=_why_not_sme,\n"
                "            always_in=0,\n"
                "        ),\n"
            ),
        ),
    ],
    "sim/cpufeature_tables/registers.json": [
        (
            '  {"name": "MPAM_frac", "shift": 16},',
            '  {"name": "SVX", "shift": 40},\n  {"name": "MPAM_frac", "shift": 16},',
        ),
    ],
    "sim/cpufeature_tables/capabilities.json": [
        (
            '{"name": "HAS_CRC32",',
            (
                '{"name": "SVX", "description": "Scalable X Extension", "type": ["SYSTEM", "PERMITTED_LATE"], '
                '"matcher": "has_cpuid_feature", "register": "ID_AA64PFR1_EL1", "field": "SVX", "min": 1, '
                '"numbers": {"6.1": 200, '
                '"6.12": 200, "6.18": 200}},\n{"name": "HAS_CRC32",'
            ),
        ),
    ],
}
DIFFERS_IN_SVX = """
from types import MappingProxyType
from sim import Action, Scenario, Topology, boot
from sim.id_registers import QEMU_MAX, Core
from sim.topology import Cpu, Features
from sim.vectors import VectorType

def with_svx(*lengths_bits):
    value = QEMU_MAX.id_registers["ID_AA64PFR1_EL1"] | 1 << 40
    registers = QEMU_MAX.id_registers | {"ID_AA64PFR1_EL1": value}
    return Features({VectorType.SVX: lengths_bits}, Core("x", 0x410FD0B0, MappingProxyType(registers), "a test"))

cpus = (Cpu("cpu0", with_svx(128, 256)), Cpu("cpu1", with_svx(128), late=True), Cpu("cpu2", late=True))
outcome = boot(Scenario(Topology(cpus), actions=tuple(Action("online", name) for name in ("cpu1", "cpu2"))))
print(*(text for text in outcome.log["text"] if "SVX:" in text or "capability" in text), sep="\\n")
outcome.record()
"""


def test_a_vector_type_is_data(tmp_path: Path) -> None:
    assert _run_changed(tmp_path, SVX, DIFFERS_IN_SVX).splitlines() == [
        "SVX: minimum available vector length 16 bytes per vector",
        "SVX: maximum available vector length 32 bytes per vector",
        "SVX: default vector length 32 bytes per vector",
        "SVX: cpu1: Required vector length(s) missing",
        "CPU features: CPU1: SVX: vector length support mismatch",
        "CPU features: CPU2: Detected conflict for capability 200 (Scalable X Extension), System: 1, CPU: 0",
    ]


def test_the_engine_names_no_feature() -> None:
    tree = ast.parse(Path(cpufeature.__file__).read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"SVE", "SME"}


def test_a_fault_is_a_field_a_key_and_a_row_of_the_page() -> None:
    page = (ROOT / "docs" / "scenario-files.md").read_text()
    keys = {field.name for field in msgspec.structs.fields(FaultTable)}
    kinds = {field.name.removesuffix("_ns") for field in fields(Fault)}
    assert kinds - {"first", "last"} == keys - {"cpu_on"}
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
