"""Device trees as source (DTS), compiled with the device tree compiler, dtc.

A source may come from a stranger, and dtc opens every file that it names: with ``/include/`` or ``/incbin/`` it waits
for the other end of a pipe, and reads /dev/zero without end. Every file that a source names is therefore looked at
before dtc runs, and must be a regular file of bounded size.

That look uses a simpler grammar than dtc's lexer (dtc-lexer.l), so that a source can hide a name from it. dtc's time,
memory and output are therefore bounded as well: a hidden name costs a few seconds, and the source is refused.
tests/importer/test_dtc.py has such sources.
"""

import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from sim.errors import InputError
from sim.files.bounded_read import LARGEST_FILE_BYTES, read_regular_file
from sim.files.toml_tables import at
from sim.importer.fdt import LARGEST_BLOB_BYTES

_MOST_FILES = 1_000
"""The number of files that a source may name, all in all."""
_MOST_SECONDS = 8
"""The bound on dtc's processor time and on the time until its end, because waiting takes no processor time."""
_MOST_MEMORY_KIB = 512 << 10
_LONGEST_COMPLAINT_BYTES = 64 << 10
_BLOCK_BYTES = 512
"""The unit of ``ulimit -f`` (POSIX)."""
# Limits are set by a shell: Python could set them between fork and exec only, which is unsafe where there are threads.
_LIMITED = 'ulimit -t "$1" && ulimit -v "$2" && ulimit -f "$3" && shift 3 && exec "$@"'

# Each of these patterns swallows the rest of the text where its end is missing. A search that failed there instead
# would be tried again from every later beginning, and take quadratic time.
_COMMENT_OR_STRING = re.compile(r'/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NAMED_FILE = re.compile(
    r'(?P<directive>/include/|/incbin/)\s*+\(?\s*+"(?P<name>[^"]*+)"?|"(?:[^"\\]++|\\.)*+"?', re.DOTALL
)
_PREPROCESSOR = re.compile(r"^[ \t]*#[ \t]*include\b", re.MULTILINE)


def compile_source(path: Path) -> bytes:
    """Compile a device tree's source to a blob.

    Raises:
        InputError: dtc is not installed; it finds a mistake, or takes too much time, memory or space; or the source
            names a file that is too large, or not regular, or needs the C preprocessor.
    """
    shell, dtc = shutil.which("sh"), shutil.which("dtc")
    _check_named_files(path)
    if shell is None or dtc is None:
        raise InputError("a device tree's source is compiled by dtc: install it (Debian: device-tree-compiler)")
    with tempfile.TemporaryDirectory() as folder:
        blob, complaints = Path(folder, "blob"), Path(folder, "complaints")
        words = [dtc, "-q", "-I", "dts", "-O", "dtb", "-o", str(blob), "--", str(path.absolute())]
        limits = [str(_MOST_SECONDS), str(_MOST_MEMORY_KIB), str(LARGEST_BLOB_BYTES // _BLOCK_BYTES + 1)]
        exit_code = _run([shell, "-c", _LIMITED, "sh", *limits, *words], complaints)
        if exit_code == -signal.SIGXFSZ:
            raise InputError(f"dtc was stopped: it wrote more than {LARGEST_BLOB_BYTES >> 20} MiB")
        if exit_code is None or exit_code < 0:
            raise InputError("dtc was stopped: it took too much time or memory")
        if exit_code > 0:
            raise InputError(_first_complaint(complaints))
        return read_regular_file(blob, LARGEST_BLOB_BYTES, "device tree")


# Files that a source names


class _NamedFile(NamedTuple):
    """A file that a source names: the line, the directive, and the name as it stands there."""

    line: int
    directive: str
    name: str


def _check_named_files(source: Path) -> None:
    """Refuse a source that names a file which is too large or not regular, directly or by way of an included file.

    Only files that are included are searched for further names; a file that is copied (``/incbin/``) is data.

    Raises:
        InputError: it names such a file, or too many files, or a line is for the C preprocessor.
    """
    total_bytes = 0
    found = {source}
    unread = [source]
    while unread:
        path = unread.pop()
        with nullcontext() if path == source else at(f"{path}"):
            raw = read_regular_file(path, LARGEST_FILE_BYTES, "device tree")
            total_bytes += len(raw)
            for named in _named_files(os.fsdecode(raw)):
                with at(f'line {named.line}: {named.directive} "{named.name}"'):
                    other = _existing(path, named)
                if other is not None and other not in found:
                    found.add(other)
                    if named.directive == "/include/":
                        unread.append(other)
        if total_bytes > LARGEST_FILE_BYTES or len(found) > _MOST_FILES:
            raise InputError(
                f"includes more than a device tree needs: at most {_MOST_FILES:,} files of {LARGEST_FILE_BYTES >> 20}"
                " MiB in all"
            )


def _named_files(text: str) -> Iterator[_NamedFile]:
    """Yield the files that a source names.

    Raises:
        InputError: a line is for the C preprocessor.
    """
    plain = _COMMENT_OR_STRING.sub(_without_comment, text)
    if directive := _PREPROCESSOR.search(plain):
        line = plain.count("\n", 0, directive.start()) + 1
        raise InputError(f"line {line}: #include is for the C preprocessor, dtc has /include/: run cpp on it first")
    # Line ends are counted from name to name: counting from the beginning each time would take quadratic time.
    line, counted_to = 1, 0
    for match in _NAMED_FILE.finditer(plain):
        if match["directive"] is not None:
            line += plain.count("\n", counted_to, match.start())
            counted_to = match.start()
            yield _NamedFile(line, match["directive"], match["name"])


def _without_comment(match: re.Match[str]) -> str:
    """Blank a comment, but for its line ends: what follows keeps its line number. Strings stay."""
    return match[0] if match[0].startswith('"') else " " + "\n" * match[0].count("\n")


def _existing(source: Path, named: _NamedFile) -> Path | None:
    """Find a named file as dtc does: beside the file that names it; None where it does not exist, which dtc reports.

    Raises:
        InputError: it is too large or not regular, or its name may mean another file to dtc.
    """
    if "\\" in named.name or "\0" in named.name:
        raise InputError("a file's name must not have a backslash or a NUL")
    path = source.parent / named.name
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise InputError("is not a regular file")
    most_bytes = LARGEST_FILE_BYTES if named.directive == "/include/" else LARGEST_BLOB_BYTES
    if found.st_size > most_bytes:
        raise InputError(f"is larger than {most_bytes >> 20} MiB, which no device tree needs")
    return path


# Running dtc


def _run(words: list[str], complaints: Path) -> int | None:
    """Run a command whose standard error goes to a file, and return its exit code, or None if it took too long.

    The file is under the shell's limit of output, which a pipe into memory would not be.
    """
    with complaints.open("wb") as errors:
        try:
            return subprocess.run(  # noqa: S603 (dtc, with the path of a file that was looked at)
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=_MOST_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return None


def _first_complaint(complaints: Path) -> str:
    with complaints.open("rb") as file:
        text = file.read(_LONGEST_COMPLAINT_BYTES).decode(errors="backslashreplace")
    line = next((line for line in text.splitlines() if line.strip()), "it failed without a message")
    return f"dtc: {line.removeprefix('Error: ')}"
