"""Traces in any format, as content and as files."""

from pathlib import Path

from sim.arguments import checked
from sim.files.new_file import write_new
from sim.outcome import Outcome
from sim.trace.json_lines import jsonl_text
from sim.trace.perfetto import perfetto_trace
from sim.trace.trace_formats import TraceFormat, format_of


def trace_content(outcome: Outcome, trace_format: TraceFormat) -> str | bytes:
    """Return the content of a trace file.

    Raises:
        MissingExtra: the package perfetto is not installed.
        InputError: the boot has too many CPUs for Perfetto.
    """
    match trace_format:
        case TraceFormat.PERFETTO:
            return perfetto_trace(outcome)
        case TraceFormat.DMESG:
            return outcome.log_text
        case TraceFormat.JSONL:
            return jsonl_text(outcome)


@checked
def save_trace(outcome: Outcome, path: Path, trace_format: TraceFormat | None = None) -> None:
    """Write the trace of a boot to a new file.

    Args:
        outcome: the outcome of the boot.
        path: the file, which must not exist.
        trace_format: the format; by default the format that the ending of the file name stands for.

    Raises:
        InputError: the file exists, its name does not say a format, or the boot has too many CPUs for Perfetto.
        MissingExtra: the package perfetto is not installed.
        OSError: the file cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import boot, read_scenario
    >>> with TemporaryDirectory() as folder:
    ...     save_trace(boot(read_scenario("bug")), f"{folder}/boot.log")
    """
    write_new(path, trace_content(outcome, trace_format or format_of(path)))
