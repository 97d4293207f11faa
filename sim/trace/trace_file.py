"""Traces in any of their formats, and written to files."""

from pathlib import Path

from sim.files.new_file import write_new
from sim.outcome import Outcome
from sim.trace.json_lines import jsonl_text
from sim.trace.perfetto import perfetto_trace
from sim.trace.trace_formats import TraceFormat, format_of


def trace_content(outcome: Outcome, form: TraceFormat) -> str | bytes:
    """A boot's trace, as the content of a file.

    Raises:
        InputError: Perfetto's package is missing, or the boot has too many CPUs for it.
    """
    match form:
        case TraceFormat.PERFETTO:
            return perfetto_trace(outcome)
        case TraceFormat.DMESG:
            return outcome.log_text
        case TraceFormat.JSONL:
            return jsonl_text(outcome)


def save_trace(outcome: Outcome, path: Path, form: TraceFormat | None = None) -> None:
    """Write a boot's trace to a file that does not exist yet.

    Args:
        outcome: what came of a boot.
        path: the file.
        form: what to write; by default what the file's name says.

    Raises:
        InputError: the file exists, its name says no format, Perfetto's package is missing, or the boot has too many
            CPUs for it.
        OSError: the file cannot be written.
    """
    write_new(path, trace_content(outcome, form or format_of(path)))
