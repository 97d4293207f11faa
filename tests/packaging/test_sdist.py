"""A source distribution: its tests find in it all that they read, import and run."""

import ast
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IGNORED = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    command = (sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder))
    build = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (root,) = (path for path in folder.iterdir() if path.is_dir())
    return root


def named_in_tests() -> set[str]:
    """Return the words of which some may name a file or folder: in texts, by their first part, and in imports."""
    words = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Constant(value=str(text)):
                    words.add(text.partition("/")[0])
                case ast.Import(names=names):
                    words |= {one.name.partition(".")[0] for one in names}
                case ast.ImportFrom(module=str(module)):
                    words.add(module.partition(".")[0])
    return words


def test_what_tests_name_at_the_top_is_there(unpacked: Path) -> None:
    named = named_in_tests()
    read = {path.name for path in ROOT.iterdir() if {path.name, path.stem} & named} - IGNORED
    assert {"Makefile", "pyproject.toml", "requirements.txt", "requirements-base.txt", "sim", "tests", "tools"} <= read
    assert read <= {path.name for path in unpacked.iterdir()}


def test_folders_are_whole(unpacked: Path) -> None:
    for folder in (path for path in unpacked.iterdir() if path.is_dir()):
        files = {path.relative_to(ROOT) for path in (ROOT / folder.name).rglob("*") if path.is_file()}
        shipped = {path.relative_to(unpacked) for path in folder.rglob("*") if path.is_file()}
        assert {path for path in files - shipped if not IGNORED & set(path.parts)} == set()


@pytest.mark.slow
def test_every_test_is_collected(unpacked: Path) -> None:
    command = (sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", "tests")
    done = subprocess.run(
        command, cwd=unpacked, env={"PYTHONPATH": str(unpacked)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
