"""``asymboot list``: the scenarios, designs, kernels and hazards that there are."""

import click


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
    from sim.show.catalogue_text import show_catalogue
    from sim.show.console import terminal

    show_catalogue(terminal(), what)
