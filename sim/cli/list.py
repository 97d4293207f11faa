"""``asymboot list``: list what has a name: scenarios and spaces, designs, kernels, hazards, properties, cores."""

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command("list", cls=Command)
@click.argument(
    "what",
    nargs=-1,
    metavar="[WHAT]...",
    type=options.Choice(["topologies", "spaces", "designs", "kernels", "hazards", "properties", "cores"]),
)
def list_(what: tuple[str, ...]) -> None:
    """List scenarios, spaces, designs, kernels, hazards and cores.

    WHAT limits the list to parts of it: topologies, spaces, designs, kernels, hazards, properties, cores. A name under
    topologies or spaces may stand for FILE in other commands.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot list
      asymboot list designs kernels
    """
    from sim.show.catalogue_text import show_catalogue
    from sim.show.console import terminal

    show_catalogue(terminal(), what)
