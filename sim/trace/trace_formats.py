"""The formats of traces, and the endings of file names that stand for them."""

from pathlib import Path

from sim.errors import InputError, NamedChoice


class TraceFormat(NamedChoice):
    """A format of traces.

    >>> [one.value for one in TraceFormat]
    ['perfetto', 'dmesg', 'jsonl']
    """

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
"""The format of a file, by the ending of its name."""


def format_of(path: Path) -> TraceFormat:
    """Return the format that the ending of a file name stands for.

    Raises:
        InputError: it stands for none.

    >>> format_of(Path("boot.perfetto-trace")).value
    'perfetto'
    """
    if path.suffix not in BY_SUFFIX:
        endings, formats = ", ".join(BY_SUFFIX), ", ".join(TraceFormat)
        raise InputError(
            f"{path}: the name does not say the format: let it end in one of {endings}, or choose one of {formats}"
        )
    return BY_SUFFIX[path.suffix]
