"""``asymboot explore``: every order of one scenario."""

from pathlib import Path
from typing import Any

import click

from sim.cli import options


@click.command()
@click.argument("file", type=options.SCENARIO)
@click.option("--design", metavar="NAME", help="A named design.")
@click.option("--relay", type=click.Choice(["enforcing", "relaxed"]), help="pKVM's PSCI relay.")
@options.kernel
@options.kvm
@click.option("--no-reduction", is_flag=True, help="Try orders that come to the same as well.")
@click.option("--states", type=click.IntRange(1), default=1_000_000, help="Cover so many states at most.")
@click.option("-o", "--output", type=options.FILE, metavar="DIR", help="Write the hazards' schedules there.")
def explore(file: Path, no_reduction: bool, states: int, output: Path | None, **changes: Any) -> None:
    """Let FILE's steps happen in every order, whatever time they take, and say which hazards can be reached.

    Each hazard comes with a schedule of which no step can be left out; asymboot replay runs its file. Exits with 0 if
    no hazard can be reached, 1 if one can, 2 if the input is wrong or the limit was reached first.

    \b
    Examples:
      asymboot explore late-arrival
      asymboot explore bug --design v6.11 -o schedules
      asymboot replay schedules/out_of_bounds_write.json
    """  # noqa: D301
    from rich.console import Console  # noqa: PLC0415

    from sim.explore.exploring import explore as explore_orders  # noqa: PLC0415
    from sim.explore.schedule_file import save_schedule  # noqa: PLC0415
    from sim.show.console import terminal  # noqa: PLC0415
    from sim.show.exploration_text import show  # noqa: PLC0415

    scenario = options.load(file, **changes)
    with Console(stderr=True).status("exploring"):
        explored = explore_orders(scenario, reduced=not no_reduction, most_states=states)
    if output is not None:
        for kind, steps in explored.schedules.items():
            save_schedule(scenario, steps, output / f"{kind.name.lower()}.json")
    show(scenario, explored, terminal())
    if not explored.complete:
        click.echo(f"asymboot: {states:,} states were covered, and there are more: --states covers more", err=True)
    click.get_current_context().exit(2 if not explored.complete else 1 if explored.schedules else 0)
