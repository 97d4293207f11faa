"""Optional packages: who names them, what a base installation still does, and the one line for what it does not."""

import ast
import re
import subprocess
import sys
import tomllib
from copy import copy
from importlib import import_module, metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import sim
from sim.errors import MissingExtra
from sim.extras import PACKAGES, needed_by
from sim.files.shipped_scenarios import find_space

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = sorted({package for packages in PACKAGES.values() for package in packages})
AS_IN_BASE = f"""
import sys

class Missing:
    def find_spec(name, path, target=None):
        if name in {OPTIONAL!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing)
"""


def in_base(program: str) -> str:
    """Run a program where no package of an extra is installed, and return what it prints."""
    words = [sys.executable, "-c", f"{AS_IN_BASE}\n{program}"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


# The table


def imported_packages(requirements: list[str]) -> set[str]:
    """Return the top-level packages of distributions; the extras that they ask for are left out."""
    names = {canonicalize_name(re.split(r"[\[<>=]", one)[0]) for one in requirements}
    return {
        package
        for package, distributions in metadata.packages_distributions().items()
        if names & set(map(canonicalize_name, distributions))
    }


@pytest.mark.parametrize("extra", PACKAGES)
def test_an_extra_installs_what_the_table_says_of_it(extra: str) -> None:
    installed = imported_packages(PROJECT["optional-dependencies"][extra])
    assert {package.partition(".")[0] for package in PACKAGES[extra]} <= installed


def third_party_imports(file: Path) -> set[str]:
    """Return the packages that a module imports when it runs, now or later."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    only_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in only_types:
            continue
        if isinstance(node, ast.Import):
            names |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names - sys.stdlib_module_names - {"sim"}


def test_every_package_that_is_imported_is_of_the_base_or_of_an_extra() -> None:
    base = imported_packages(PROJECT["dependencies"]) | {"numpy"}  # pandas has numpy
    report = {"markupsafe"}  # jinja2 has markupsafe
    for file in sorted((ROOT / "sim").rglob("*.py")):
        assert third_party_imports(file) <= base | set(OPTIONAL) | report, file


# The line


def test_a_package_that_is_missing_is_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    line = r"^`outer` needs packages that are not installed: pip install 'asymboot\[sweep\]'$"
    with pytest.raises(MissingExtra, match=line), needed_by("outer"), needed_by("inner"):
        import_module("scipy")


def test_a_package_that_is_broken_is_not_a_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "loky").mkdir()
    (tmp_path / "loky" / "__init__.py").write_text("import loky.parts\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "loky", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'loky\.parts'$"), needed_by("sweep"):
        import_module("loky")


def test_a_missing_extra_can_be_copied_as_between_processes() -> None:
    error = MissingExtra("sweep", "cluster")
    other = copy(error)
    assert (str(other), other.feature, other.extra) == (str(error), "sweep", "cluster")


# A base installation, simulated; tests/packaging/test_wheel.py has a real one

RUN = """
from click.testing import CliRunner
from sim.cli import main
for line in {lines!r}:
    result = CliRunner().invoke(main, line.split())
    print(line, result.exit_code, repr(result.stderr), sep=" | ")
"""


def test_what_a_boot_needs_is_in_the_base(tmp_path: Path) -> None:
    codes = {
        "run bug": 1,
        "run bug --json": 1,
        "run bug --log-only": 1,
        "compare bug": 0,
        "compare bug --json": 0,
        "show bug": 0,
        "list": 0,
        f"new {tmp_path / 'mine.toml'}": 0,
        f"check {tmp_path / 'mine.toml'}": 0,
        "schema outcome": 0,
        "schema proof": 0,
        "explore late-arrival": 1,
        "conform --recorded tests/truth/linux-6.16.json": 0,
        "trace bug --format jsonl": 0,
        "export bug --to graphml": 0,
        "space late-cpu": 0,
        "prove --help": 0,
    }
    told = in_base(RUN.format(lines=list(codes)))
    assert told.splitlines() == [f"{line} | {code} | ''" for line, code in codes.items()]


def test_a_command_without_its_extra_says_which_it_is(tmp_path: Path) -> None:
    blob = tmp_path / "board.dtb"
    blob.write_bytes(b"\xd0\x0d\xfe\xed" + bytes(36))
    extras = {
        f"sweep late-cpu -o {tmp_path / 'out'}": "sweep",
        f"sweep --resume {tmp_path / 'out'}": "sweep",
        "prove": "prove",
        f"plot boot bug -o {tmp_path / 'boot.svg'}": "plot",
        f"report bug -o {tmp_path / 'boot.html'}": "report",
        f"trace bug -o {tmp_path / 'boot.pftrace'}": "trace",
        f"import {blob}": "import",
        "conform bug --kernel Image": "live",
    }
    told = in_base(RUN.format(lines=list(extras)))
    assert told.splitlines() == [
        f"{line} | 2 | "
        + repr(
            f"asymboot: `{line.split()[0]}` needs packages that are not installed: pip install 'asymboot[{extra}]'\n"
        )
        for line, extra in extras.items()
    ]
    assert list(tmp_path.iterdir()) == [blob]


def test_a_summary_needs_its_extra_for_the_intervals_of_a_sample_only(tmp_path: Path) -> None:
    space = sim.read_space(find_space(Path("late-cpu")))
    sim.run_sweep(space, tmp_path / "whole", jobs=1)
    sim.run_sweep(space, tmp_path / "sample", sample=50, jobs=1)
    lines = [f"summary {tmp_path / name}" for name in ("whole", "sample")]
    line = "asymboot: `summary` needs packages that are not installed: pip install 'asymboot[sweep]'\n"
    told = in_base(RUN.format(lines=lines)).splitlines()
    assert told == [f"{lines[0]} | 0 | ''", f"{lines[1]} | 2 | {line!r}"]


def test_a_public_name_without_its_extra_says_which_it_is() -> None:
    program = """
import sim
for name in sim.__all__:
    try:
        getattr(sim, name)
    except sim.extras.MissingExtra as error:
        assert str(error).startswith(f"`sim.{name}` needs packages that are not installed: pip install 'asymboot[")
        print(name, error.extra)
"""
    extra_of = dict(line.split() for line in in_base(program).splitlines())
    by_extra = {
        "sweep": {"resume_mixtures", "resume_sweep", "run_sweep", "sweep_mixtures"},
        "prove": {"Promises", "prove_each", "prove_every_design", "prove_property"},
        "plot": {name for name in sim.__all__ if name.startswith("plot_")},
        "report": {"boot_page", "sweep_page"},
    }
    assert extra_of == {name: extra for extra, names in by_extra.items() for name in names}


def test_a_function_that_needs_an_extra_for_some_input_names_itself(tmp_path: Path) -> None:
    blob = tmp_path / "board.dtb"
    blob.write_bytes(b"\xd0\x0d\xfe\xed" + bytes(36))
    program = f"""
from pathlib import Path
import sim
outcome = sim.boot(sim.Scenario(sim.Topology.of([[128]])))
for needy in (
    lambda: sim.save_trace(outcome, Path({str(tmp_path / "boot.pftrace")!r})),
    lambda: sim.read_device_tree(Path({str(blob)!r})),
):
    try:
        needy()
    except sim.extras.MissingExtra as error:
        print(error.feature, error.extra)
"""
    assert in_base(program) == "sim.save_trace trace\nsim.read_device_tree import\n"
    assert list(tmp_path.iterdir()) == [blob]


def test_the_strategies_name_their_extra() -> None:
    program = """
from sim.errors import MissingExtra
from sim.testing.assertions import assert_hazards
try:
    import sim.testing.strategies
except MissingExtra as error:
    print(error)
"""
    line = "`sim.testing.strategies` needs packages that are not installed: pip install 'asymboot[properties]'\n"
    assert in_base(program) == line


def test_a_broken_package_is_one_line_that_does_not_blame_an_extra(tmp_path: Path) -> None:
    (tmp_path / "z3.py").write_text("raise ImportError('libz3.so: cannot open shared object file')\n", encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from sim.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, "prove"], capture_output=True, text=True, check=False)
    line = "asymboot: an installed package cannot be imported: libz3.so: cannot open shared object file\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
