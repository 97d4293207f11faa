"""``asymboot list`` and ``asymboot show``: what there is to boot."""

from pathlib import Path

import click

from sim.cli import options


@click.command("list")
@click.argument(
    "what", nargs=-1, metavar="[WHAT]...", type=click.Choice(["topologies", "designs", "kernels", "hazards"])
)
def list_(what: tuple[str, ...]) -> None:
    """List topologies, designs, kernels and hazards.

    A line each; or only WHAT is named: topologies, designs, kernels, hazards. Any name under topologies may stand for
    FILE in other commands.

    \b
    Examples:
      asymboot list
      asymboot list designs kernels
    """  # noqa: D301
    from sim.show.catalogue_text import show_catalogue  # noqa: PLC0415
    from sim.show.console import terminal  # noqa: PLC0415

    show_catalogue(terminal(), what)


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
    from sim.show.console import terminal  # noqa: PLC0415
    from sim.show.topology_tree import show_topology  # noqa: PLC0415

    show_topology(options.load(file), terminal())
