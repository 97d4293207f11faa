"""``asymboot summary``: summarise what a sweep found."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command

if TYPE_CHECKING:
    from sim.sweep.mixture_summary import MixtureSummary


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=options.FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def summary(folder: Path, as_json: bool) -> None:
    """Summarise a sweep: hazards by design and relay.

    DIR is the folder of the sweep, which may be unfinished. Each hazard has an example. Of a sweep over mixtures of
    cores, the outcomes are by kernel.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot summary out
      asymboot summary out --json | jq '.hazards[] | select(.design == "v6.11")'
    """
    from sim.sweep.mixture_folder import is_of_mixtures
    from sim.sweep.mixture_summary import read_mixtures
    from sim.sweep.sweep_summary import read_summary

    with options.reading(folder, "sweep"):
        has_mixtures = is_of_mixtures(folder)
    if has_mixtures:
        _show_mixtures(read_mixtures(folder), as_json=as_json)
        return
    found = read_summary(folder)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found.record()))
        return
    from sim.show.console import terminal
    from sim.show.sweep_text import show_summary

    show_summary(found, terminal())


def _show_mixtures(found: "MixtureSummary", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found.record))
        return
    from sim.show.console import terminal
    from sim.show.mixture_text import show_mixtures

    show_mixtures(found, terminal())
