"""``asymboot new``: write a commented scenario to start from."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.FILE, required=False)
def new(file: Path | None) -> None:
    """Write a commented scenario to start from.

    Without FILE the scenario is printed. FILE must not exist yet.

    Examples:
      asymboot new mine.toml
      asymboot new > mine.toml
    """
    from sim.files.new_file import write_new
    from sim.files.shipped_scenarios import template

    if file is None:
        click.echo(template(), nl=False)
    else:
        write_new(file, template())
