"""``asymboot summary``: summarise what a sweep found."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=options.FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def summary(folder: Path, as_json: bool) -> None:
    """Summarise a sweep: hazards by design and relay.

    DIR is the folder of the sweep, which may be unfinished. Each hazard has an example.

    Examples:
      asymboot summary out
      asymboot summary out --json | jq '.hazards[] | select(.design == "v6.11")'
    """
    from sim.sweep.sweep_summary import read_summary

    found = read_summary(folder)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found.record()))
        return
    from sim.show.console import terminal
    from sim.show.sweep_text import show_summary

    show_summary(found, terminal())
