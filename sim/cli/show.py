"""``asymboot show``: show the topology of a scenario as a tree."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
def show(file: Path) -> None:
    """Show the topology of FILE as a tree with vector lengths.

    Above 32 CPUs, equal neighbours share a line.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot show phone
      asymboot show mine.toml
    """
    from sim.show.console import terminal
    from sim.show.topology_tree import show_topology

    show_topology(options.load(file), terminal())
