"""The formats of traces, and how a file's name says which."""

from enum import StrEnum
from pathlib import Path

from sim.errors import InputError


class TraceFormat(StrEnum):
    """What a trace is written as."""

    PERFETTO = "perfetto"
    """Tracks, slices, flows and counters, as Perfetto's protobuf."""
    DMESG = "dmesg"
    """The kernel log as text."""
    JSONL = "jsonl"
    """The events, a line of JSON each."""


BY_SUFFIX = {
    ".perfetto-trace": TraceFormat.PERFETTO,
    ".pftrace": TraceFormat.PERFETTO,
    ".txt": TraceFormat.DMESG,
    ".log": TraceFormat.DMESG,
    ".dmesg": TraceFormat.DMESG,
    ".jsonl": TraceFormat.JSONL,
}
"""What the end of a file's name says."""


def format_of(path: Path) -> TraceFormat:
    """The format that a file's name says.

    Raises:
        InputError: it says none.

    >>> format_of(Path("boot.perfetto-trace")).value
    'perfetto'
    """
    if path.suffix not in BY_SUFFIX:
        endings, formats = ", ".join(BY_SUFFIX), ", ".join(TraceFormat)
        raise InputError(f"{path}: the name says no format: let it end in one of {endings}, or choose one of {formats}")
    return BY_SUFFIX[path.suffix]
