"""``asymboot new``: write a commented scenario to start from."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError


@click.command(cls=Command)
@click.argument("file", type=options.FILE, required=False)
def new(file: Path | None) -> None:
    """Write a commented scenario to start from.

    Without FILE the scenario is printed. FILE must not exist yet.

    Examples:
      asymboot new mine.toml
      asymboot new > mine.toml
    """
    from sim.files.shipped_scenarios import template

    if file is None:
        click.echo(template(), nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as out:
            try:
                out.write(template())
                out.flush()
            except OSError:
                file.unlink()
                raise
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
