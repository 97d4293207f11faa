"""``asymboot show``: the topology of a scenario as a tree."""

from pathlib import Path

import click

from sim.cli import options


@click.command()
@click.argument("file", type=options.SCENARIO)
def show(file: Path) -> None:
    """Show FILE's topology as a tree with vector lengths.

    Above 32 CPUs, neighbours that are alike share a line.

    \b
    Examples:
      asymboot show phone
      asymboot show mine.toml
    """  # noqa: D301
    from sim.show.console import terminal
    from sim.show.topology_tree import show_topology

    show_topology(options.load(file), terminal())
