"""``asymboot list``: list the shipped scenarios, the designs, the kernel series, the hazards and the cores."""

import click

from sim.cli.command_group import Command


@click.command("list", cls=Command)
@click.argument(
    "what",
    nargs=-1,
    metavar="[WHAT]...",
    type=click.Choice(["topologies", "designs", "kernels", "hazards", "cores"]),
)
def list_(what: tuple[str, ...]) -> None:
    """List topologies, designs, kernels, hazards and cores.

    Each has one line. WHAT limits the list to topologies, designs, kernels, hazards or cores. A name under topologies
    may stand for FILE in other commands.

    Examples:
      asymboot list
      asymboot list designs kernels
    """
    from sim.show.catalogue_text import show_catalogue
    from sim.show.console import terminal

    show_catalogue(terminal(), what)
