"""``asymboot new``: write a commented scenario or space to start from."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import printable


@click.command(cls=Command)
@click.argument("file", type=options.FILE, required=False)
@click.option("--space", is_flag=True, help="Write a space for a sweep instead.")
def new(file: Path | None, space: bool) -> None:
    """Write a commented scenario or space to start from.

    Without FILE it is printed. FILE must not exist yet. If its name is that of a scenario or space that ships, a line
    on the standard error says so.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot new mine.toml
      asymboot new > mine.toml
      asymboot new --space systems.toml
    """
    from sim.files.new_file import write_new
    from sim.files.shipped_scenarios import shipped_of_name, template

    if file is None:
        click.echo(template(space=space), nl=False)
    else:
        write_new(file, template(space=space))
        if shadowed := shipped_of_name(file):
            told = f"{file} stands before the {shadowed} of that name that ships: commands take this file from now on"
            click.echo(f"asymboot: {printable(told)}", err=True)
