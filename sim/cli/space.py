"""``asymboot space``: count the systems of a space, and estimate how long a sweep takes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.space_changes import SpaceChanges, of_space

if TYPE_CHECKING:
    from sim.study.mixture_space import MixtureSpace


@click.command(cls=Command)
@click.argument("file", type=options.SPACE)
@of_space
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Estimate a sweep of N random systems too, by default of all systems alone.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def space(file: Path, *, sample: int | None, as_json: bool, **settings: tuple[str, ...]) -> None:
    """Count the systems of a space, and estimate a sweep's duration.

    FILE is a space file, or the name of a shipped space. A space describes many systems: groups of CPUs with several
    sets of vector lengths, or mixtures of cores. The estimate comes from a short measurement on this machine.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot space late-cpu
      asymboot space late-cpu --relay relaxed --sample 1000000
      asymboot space mine.toml --json | jq .points
    """
    from rich.console import Console

    from sim.study.mixture_space import MixtureSpace
    from sim.sweep.sweep_estimate import describe

    changes, found = SpaceChanges(**settings), options.load_space(file)
    if isinstance(found, MixtureSpace):
        if sample is not None:
            raise click.UsageError("a space of mixtures of cores takes no --sample: its sweep is not estimated.")
        _show_mixtures(changes.of_mixtures(found), changes.said, as_json=as_json)
        return
    systems = changes.of_lengths(found)
    with Console(stderr=True).status("measuring"):
        record = describe(systems, sample or 0)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(record))
        return
    if changes.said:
        click.echo(changes.said)
    from sim.show.console import terminal
    from sim.show.sweep_text import show_space

    show_space(systems, record, terminal())


def _show_mixtures(systems: "MixtureSpace", head: str, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        record = {"cores": [one.name for one in systems.cores], "points": systems.points, "kernels": systems.kernels}
        click.echo(msgspec.json.encode(record))
        return
    if head:
        click.echo(head)
    from sim.show.console import terminal
    from sim.show.mixture_text import show_mixture_space

    show_mixture_space(systems, terminal())
