"""``asymboot space``: count the systems of a space, and estimate how long a sweep takes."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SPACE)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def space(file: Path, as_json: bool) -> None:
    """Count the systems of a space, and estimate a sweep's duration.

    FILE is a space file, or the name of a shipped space. The estimate comes from a short measurement on this machine.

    Examples:
      asymboot space late-cpu
      asymboot space mine.toml --json | jq .points
    """
    from rich.console import Console

    from sim.sweep.sweep_estimate import describe

    systems = options.load_space(file)
    with Console(stderr=True).status("measuring"):
        record = describe(systems)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(record))
        return
    from sim.show.console import terminal
    from sim.show.sweep_text import show_space

    show_space(systems, record, terminal())
