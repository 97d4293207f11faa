"""``asymboot summary``: what a sweep found."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=options.FILE)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def summary(folder: Path, as_json: bool) -> None:
    """Show what the sweep in DIR came to, as far as it is done: hazards by design and relay, with examples.

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
