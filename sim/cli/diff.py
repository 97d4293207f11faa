"""``asymboot diff``: in what two boots differ."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file_a", metavar="A", type=options.SCENARIO)
@click.argument("file_b", metavar="[B]", type=options.SCENARIO, required=False)
@options.of_scenario
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(file_a: Path, file_b: Path | None, as_json: bool, **changes: options.Override) -> None:
    """Show how the boots of two scenarios or settings differ.

    Without B the second boot is that of A with the options; with B the options concern both. Settings, hazards, log
    lines and values that differ are shown, and what differs first.

    Exits with 0 if nothing differs but settings, and log lines that repeat them or introduce CPUs under other numbers,
    with 1 if anything else does, and with 2 if the input is wrong.

    Examples:
      asymboot diff bug --kernel 6.12
      asymboot diff bug --design tabba --json
      asymboot diff late-cpu-refused late-cpu-above-maximum
    """
    from sim.study.outcome_difference import difference

    if file_b is None and all(value is None for value in changes.values()):
        raise click.UsageError("give a second scenario, or an option that changes the first.")
    first = options.load(file_a) if file_b is None else options.load(file_a, **changes)
    found = difference(first, options.changed(first, **changes) if file_b is None else options.load(file_b, **changes))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found.record()))
    else:
        from sim.show.console import terminal
        from sim.show.difference_text import show_difference

        show_difference(found, terminal())
    click.get_current_context().exit(0 if found.first is None else 1)
