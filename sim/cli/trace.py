"""``asymboot trace``: write a boot as a trace for other tools."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.trace.trace_formats import TraceFormat, format_of


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_scenario
@click.option(
    "--format",
    "form",
    type=options.Choice([one.value for one in TraceFormat]),
    help="By default by the suffix of --output: .perfetto-trace or .pftrace; .txt, .log or .dmesg; .jsonl.",
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="The new file to write.")
def trace(file: Path, output: Path | None, form: str | None, **changes: options.Override) -> None:
    """Write a boot as a Perfetto trace, a kernel log or JSON lines.

    Without --output the log or the events of the boot of FILE are printed.

    Exits with 0 whether or not there are hazards, and with 2 if the input is wrong.

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
        raise click.UsageError("--output FILE is needed, or --format dmesg or jsonl to print.")
    if form == TraceFormat.PERFETTO:
        raise click.UsageError("a Perfetto trace is binary: --output FILE is needed.")
    return TraceFormat(form)
