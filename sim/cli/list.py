"""``asymboot list``: list the shipped scenarios, designs, kernel series, hazards, cores and properties."""

import click

from sim.cli.command_group import Command


@click.command("list", cls=Command)
@click.argument(
    "what",
    nargs=-1,
    metavar="[WHAT]...",
    type=click.Choice(["topologies", "designs", "kernels", "hazards", "cores", "properties"]),
)
def list_(what: tuple[str, ...]) -> None:
    """List topologies, designs, kernels, hazards, cores and properties.

    Each has one line. WHAT limits the list to some of these. A name under topologies may stand for FILE in other
    commands, and `asymboot prove` proves properties.

    Examples:
      asymboot list
      asymboot list designs kernels
    """
    from sim.show.catalogue_text import show_catalogue
    from sim.show.console import terminal

    show_catalogue(terminal(), what)
