"""``asymboot space``: how many systems a space has."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SPACE)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON instead.")
def space(file: Path, as_json: bool) -> None:
    """Say how many systems FILE describes, and how long a sweep of them takes here.

    FILE is a space file, or the name of one that ships. Nothing is swept.

    Examples:
      asymboot space late-cpu
      asymboot space mine.toml --json | jq .points
    """
    from rich.console import Console

    from sim.sweep.sweep_estimate import describe

    read = options.load_space(file)
    with Console(stderr=True).status("measuring"):
        told = describe(read)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(told))
        return
    from sim.show.console import terminal
    from sim.show.sweep_text import show_space

    show_space(read, told, terminal())
