"""``asymboot trace``: a boot as a trace for other tools."""

from pathlib import Path
from typing import Any

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.trace.trace_formats import TraceFormat, format_of


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_scenario
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="Where to write; must not exist yet.")
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in TraceFormat]),
    help="By default what the output's name says: .perfetto-trace or .pftrace; .txt, .log or .dmesg; .jsonl.",
)
def trace(file: Path, output: Path | None, form: str | None, **changes: Any) -> None:
    """Boot FILE and write what happened: as a Perfetto trace, as the kernel log, or as JSON lines of events.

    Without --output the log or the events are printed. Exits with 0 whatever came of the boot, 2 if the input is wrong.

    Examples:
      asymboot trace bug -o boot.perfetto-trace
      asymboot trace mine.toml --kernel 6.11 -o boot.jsonl
      asymboot trace mine.toml --format jsonl | jq 'select(.cpu == 1)'
    """
    chosen = _format(output, form)
    from sim.boot_run import boot
    from sim.trace.trace_file import save_trace, trace_content

    outcome = boot(options.load(file, **changes))
    if output is None:
        click.echo(trace_content(outcome, chosen), nl=False)
    else:
        save_trace(outcome, output, chosen)


def _format(output: Path | None, form: str | None) -> TraceFormat:
    if output is not None:
        return TraceFormat(form) if form is not None else format_of(output)
    if form is None:
        raise click.UsageError("-o says where to write, or --format dmesg or jsonl what to print.")
    if form == TraceFormat.PERFETTO:
        raise click.UsageError("a Perfetto trace is no text: -o says where to write it.")
    return TraceFormat(form)
