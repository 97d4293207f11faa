"""A wheel in a fresh environment that holds the base installation: what works there, and what says what it needs."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from sim.files.shipped_scenarios import shipped

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
SCENARIO_TEST = """
[topology]
cpus = [{ sve_bits = [128, 256] }, { sve_bits = [128, 256, 512] }]
[expect]
cpus = { cpu0 = "online", cpu1 = "online" }
hazards = []
"""


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    assert build.returncode == 0, build.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs' folder of an environment that holds the pinned base and the wheel."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    pinned = ("install", "--no-deps", "--no-compile", "--requirement", ROOT / "requirements-base.txt")
    if (installed := run(programs / "python", *PIP, *pinned, cwd=folder)).returncode:
        pytest.skip(f"no package index that has the pinned packages: {installed.stderr[-200:]}")
    # Without an index pip must find every requirement of the wheel among what is installed.
    installed = run(programs / "python", *PIP, "install", "--no-compile", "--no-index", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return programs


def test_the_wheel_has_what_is_read_at_run_time_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"sim/__init__.pyi", "sim/py.typed", "sim/cores/cores.toml", "asymboot_pytest.py"} <= names
    assert {f"sim/topologies/{file.name}" for file in shipped()} <= names
    assert {f"sim/report/templates/{file.name}" for file in (ROOT / "sim/report/templates").iterdir()} <= names
    roots = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert roots == {"asymboot", "sim", "asymboot_pytest.py"}
    assert {"asymboot/__init__.pyi", "asymboot/py.typed"} <= names


def test_scenarios_are_booted_and_listed(fresh: Path, tmp_path: Path) -> None:
    here = run(sys.executable, "-m", "sim.cli", "run", "bug", cwd=tmp_path)
    assert here.returncode == 1
    for words in (("run", "bug"), ("run", "bug", "--json"), ("list",), ("compare", "bug"), ("new", "mine.toml")):
        done = run(fresh / "asymboot", *words, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1 if words[0] == "run" else 0, ""), words
        if words == ("run", "bug"):
            assert done.stdout == here.stdout


def test_a_command_without_its_packages_says_what_to_install(fresh: Path, tmp_path: Path) -> None:
    for command, extra, more in (
        ("sweep", "sweep", ("late-cpu", "-o", "out")),
        ("prove", "prove", ()),
        ("plot", "plot", ("boot", "bug", "-o", "boot.svg")),
        ("report", "report", ("bug", "-o", "boot.html")),
    ):
        done = run(fresh / "asymboot", command, *more, cwd=tmp_path)
        line = f"asymboot: `{command}` needs packages that are not installed: pip install 'asymboot[{extra}]'\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert list(tmp_path.iterdir()) == []


def test_python_boots_and_has_frames_and_graphs(fresh: Path, tmp_path: Path) -> None:
    program = """
import sim
scenario = sim.Scenario(sim.Topology.of([[128, 256], [128]]))
print(len(sim.boot(scenario).cpus), len(scenario.topology.graph), len(sim.compare(scenario).designs) > 1)
try:
    sim.run_sweep
except ImportError as error:
    print(error)
"""
    line = "`sim.run_sweep` needs packages that are not installed: pip install 'asymboot[sweep]'"
    done = run(fresh / "python", "-c", program, cwd=tmp_path)
    assert (done.stdout.splitlines(), done.stderr) == (["2 3 True", line], "")


def test_the_pytest_plugin_needs_pytest_only(fresh: Path, tmp_path: Path) -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.startswith(("pytest==", "iniconfig=="))]
    installed = run(fresh / "python", *PIP, "install", "--no-deps", "--no-compile", *pins, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    (tmp_path / "test_scenario.toml").write_text(SCENARIO_TEST, encoding="utf-8")
    (tmp_path / "test_strategies.py").write_text("import sim.testing.strategies\n", encoding="utf-8")
    done = run(fresh / "python", "-m", "pytest", "-q", "test_scenario.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1].split(" in ")[0]) == (0, "2 passed"), done.stdout
    done = run(fresh / "python", "-m", "pytest", "-q", "test_strategies.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'asymboot[properties]'" in done.stdout
