"""``asymboot list``: list what has a name: scenarios and spaces, designs, kernels, hazards, properties, cores."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


class _Part(options.Choice):
    """A part of the list. The name of a scenario or a space, which stands in the list, is told as what it is.

    Topologies are scenarios, and may be called so.
    """

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return the name of the part."""
        name = super().normalize_choice(choice, ctx)
        return "topologies" if name == "scenarios" else name

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Return what is allowed, and what else the name is."""
        from sim.files.shipped_scenarios import kind_of, wrong_kind

        message, kind = super().get_invalid_choice_message(value, ctx), kind_of(Path(str(value)))
        return message if kind is None else f"{wrong_kind(str(value), kind, 'part of the list')}. {message}"


@click.command("list", cls=Command)
@click.argument(
    "what",
    nargs=-1,
    metavar="[WHAT]...",
    type=_Part(["topologies", "spaces", "designs", "kernels", "hazards", "properties", "cores"]),
)
@click.option("--json", "as_json", is_flag=True, help="cores: print everything that is known of them as JSON.")
def list_(what: tuple[str, ...], *, as_json: bool) -> None:
    """List scenarios, spaces, designs, kernels, hazards and cores.

    WHAT limits the list to parts of it: topologies (or scenarios), spaces, designs, kernels, hazards, properties,
    cores. A name under topologies or spaces may stand for FILE in other commands.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot list
      asymboot list designs kernels
      asymboot list cores --json | jq '.[] | select(.has_all_registers).core'
    """
    if as_json:
        if what != ("cores",):
            raise click.UsageError("--json goes with asymboot list cores only.")
        import msgspec

        from sim.cores.core_rows import core_rows

        click.echo(msgspec.json.encode(core_rows()))
        return
    from sim.show.catalogue_text import show_catalogue
    from sim.show.console import terminal

    show_catalogue(terminal(), what)
