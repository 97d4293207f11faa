"""Device trees as source (DTS), compiled with the device tree compiler, whose time, memory and output are bounded."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.importer.blob import LARGEST_BLOB_BYTES

_MOST_SECONDS = 20
_MOST_MEMORY_KIB = 512 << 10
_BLOCK_BYTES = 512
"""What `ulimit -f` counts in."""
_LONGEST_COMPLAINT_BYTES = 64 << 10
_BOUNDED = 'ulimit -t "$1" && ulimit -v "$2" && ulimit -f "$3" && shift 3 && exec "$@"'
"""A source may include or copy any file, even an endless one."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include\b", re.MULTILINE)


def _lines_of(comment: re.Match[str]) -> str:
    """The line ends of a comment, so that those behind it keep their numbers."""
    return "\n" * comment[0].count("\n")


def compiled(path: Path, text: str) -> bytes:
    """The blob of a source, whose text is given too.

    Raises:
        InputError: there is no dtc; it finds a mistake, or takes too much of something.
    """
    told = _COMMENT.sub(_lines_of, text)
    if include := _INCLUDE.search(told):
        line = told.count("\n", 0, include.start()) + 1
        raise InputError(f"line {line}: #include is the C preprocessor's, and dtc's is /include/: run cpp on it first")
    shell, dtc = shutil.which("sh"), shutil.which("dtc")
    if shell is None or dtc is None:
        raise InputError("a device tree's source is compiled by dtc: install it (Debian: device-tree-compiler)")
    with tempfile.TemporaryDirectory() as folder:
        blob, complaints = Path(folder, "blob"), Path(folder, "complaints")
        words = [dtc, "-q", "-I", "dts", "-O", "dtb", "-o", str(blob), "--", str(path.absolute())]
        limits = [str(_MOST_SECONDS), str(_MOST_MEMORY_KIB), str(LARGEST_BLOB_BYTES // _BLOCK_BYTES + 1)]
        code = _run([shell, "-c", _BOUNDED, "sh", *limits, *words], complaints)
        if code != 0:
            raise InputError(_first(complaints) if code > 0 else "dtc was stopped: it took too much time or memory")
        return read_at_most(blob, LARGEST_BLOB_BYTES, "device tree")


def _run(words: list[str], complaints: Path) -> int:
    """Run a command, with what it says on standard error in a file; its exit code, below 0 where it was killed."""
    with complaints.open("wb") as errors:
        try:
            done = subprocess.run(  # noqa: S603 (dtc, with a path of its own)
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=3 * _MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1
    return done.returncode


def _first(complaints: Path) -> str:
    """The first thing that dtc complains about."""
    with complaints.open("rb") as file:
        said = file.read(_LONGEST_COMPLAINT_BYTES).decode(errors="backslashreplace")
    line = next((one for one in said.splitlines() if one.strip()), "it failed without a word")
    return f"dtc: {line.removeprefix('Error: ')}"
