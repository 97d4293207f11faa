"""The program before it was made faster: the commit `BEFORE`, taken out of the repository's history.

Both programs run in processes of their own, with the packages of this environment.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BEFORE = "22e6846"
HERE = Path(__file__).resolve().parent.parent


@contextmanager
def older_program() -> Iterator[Path]:
    """Put the older program into a temporary folder, and return the folder."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", BEFORE, "sim"], cwd=HERE, check=True, stdout=subprocess.PIPE)  # noqa: S603, S607
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder)


def python(program: Path, *words: str | Path) -> str:
    """Run Python with one of the programs, and return what it printed."""
    running = started(program, *words)
    printed, _ = running.communicate()
    if running.returncode:
        raise subprocess.CalledProcessError(running.returncode, words)
    return printed


def started(program: Path, *words: str | Path) -> "subprocess.Popen[str]":
    """Start Python with one of the programs; what it prints is kept for the caller to read."""
    environment = {**os.environ, "PYTHONPATH": str(program)}
    return subprocess.Popen(  # noqa: S603 (our own programs)
        [sys.executable, "-P", *words], env=environment, cwd="/", stdout=subprocess.PIPE, text=True
    )
