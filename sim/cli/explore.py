"""``asymboot explore``: all orders of the steps of one scenario, or random orders."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.stop_signals import TO_END, Stoppable
from sim.units import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.explore.findings import Found
    from sim.scenario import Scenario

_ONLY_WITH = {
    "depth": ("pct",),
    "no_reduction": ("exhaustive",),
    "runs": ("random", "pct"),
    "seed": ("random", "pct"),
    "states": ("exhaustive",),
}
"""The strategies that an option applies to; options that apply to every strategy are left out."""


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_system
@click.option(
    "--strategy",
    type=options.Choice(["exhaustive", "random", "pct"]),
    default="exhaustive",
    help="Explore all orders (exhaustive, the default), or draw orders: step by step (random), or by priorities (pct).",
)
@click.option("--no-reduction", is_flag=True, help="Explore equivalent orders and permuted states as well.")
@click.option(
    "--states",
    type=click.IntRange(1),
    default=1_000_000,
    metavar="N",
    help="Visit at most N states, by default 1,000,000.",
)
@click.option(
    "--seconds", type=options.SECONDS, default=math.inf, metavar="S", help="Stop after S seconds, by default never."
)
@click.option("--runs", type=click.IntRange(1), default=1000, metavar="N", help="Draw N orders, by default 1,000.")
@click.option(
    "--seed",
    type=options.SEED,
    default=0,
    metavar="N",
    help="Seed of the orders that are drawn, not FILE's, which decides nothing here, from 0 to 2^62 - 1, by default 0.",
)
@click.option(
    "--depth",
    type=click.IntRange(1, 100),
    default=3,
    metavar="N",
    help="pct: find what N ordering constraints cause, by default 3.",
)
@click.option("-o", "--output", type=options.FILE, metavar="DIR", help="Write the schedules to DIR.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def explore(
    file: Path,
    strategy: str,
    output: Path | None,
    *,
    as_json: bool,
    states: int,
    seconds: float,
    no_reduction: bool,
    runs: int,
    seed: int,
    depth: int,
    **changes: options.Override,
) -> None:
    """Explore every order of a scenario's steps.

    The steps of FILE happen in every order, whatever their latencies, and each hazard and deadlock that can be reached
    is reported with a schedule that reaches it. `asymboot replay` runs the file of a schedule.

    Exits with 0 if no hazard or deadlock can be reached, with 1 if any can, and with 2 if the input is wrong or a limit
    ended the search. After Ctrl-C the results so far are shown.

    Examples:
      asymboot explore late-arrival
      asymboot explore bug --design v6.11 -o schedules
      asymboot replay schedules/out_of_bounds_write.json
      asymboot explore huge.toml --strategy pct --runs 10000
    """
    from sim.explore.findings import FILE_NAMES
    from sim.files.result_folder import check_room

    for name, strategies in _ONLY_WITH.items():
        if options.is_given(name) and strategy not in strategies:
            raise click.UsageError(f"{options.spelt(name)} does not go with --strategy {strategy}.")
    scenario = options.load(file, **changes)
    if output is not None:
        check_room(output, FILE_NAMES)  # before a search that may take hours
    if strategy == "exhaustive":
        _every_order(scenario, output, as_json=as_json, states=states, seconds=seconds, no_reduction=no_reduction)
    else:
        _drawn_orders(scenario, output, strategy, as_json=as_json, runs=runs, seconds=seconds, seed=seed, depth=depth)


def _every_order(
    scenario: "Scenario",
    output: Path | None,
    *,
    as_json: bool,
    states: int,
    seconds: float,
    no_reduction: bool,
) -> None:
    from rich.console import Console

    from sim.explore.exploration import Exploration

    exploration = Exploration(scenario, reduced=not no_reduction, most_states=states, longest_s=seconds)
    with Console(stderr=True).status("exploring"), Stoppable(TO_END) as search:
        exploration.run()
    explored = exploration.explored
    # The schedules are written before anything is shown: a reader that goes away, such as `head`, ends the command.
    saved = _save(scenario, explored.found.values(), output)
    if as_json:
        from sim.explore.exploration_record import exploration_record

        _print_json(exploration_record(scenario, explored))
    else:
        from sim.show.console import terminal
        from sim.show.exploration_text import show_explored

        show_explored(scenario, explored, terminal())
    click.echo(saved, err=True, nl=False)
    search.exit_if_stopped()
    if not explored.complete:
        limit = "--states" if explored.states >= states else "--seconds"
        message = f"asymboot: {counted(explored.states, 'state')} visited, and there are more: raise {limit}"
        # The search visits the nearest states first, so it may visit many without reaching the end of any order.
        hint = "" if explored.ends else "; --strategy pct draws whole orders"
        click.echo(message + hint, err=True)
    click.get_current_context().exit(2 if not explored.complete else 1 if explored.found else 0)


def _drawn_orders(
    scenario: "Scenario",
    output: Path | None,
    strategy: str,
    *,
    as_json: bool,
    runs: int,
    seconds: float,
    seed: int,
    depth: int,
) -> None:
    from rich.console import Console

    from sim.explore.random_orders import Sampling, Strategy

    sampling = Sampling(scenario, Strategy(strategy), seed=seed, depth=depth)
    with Console(stderr=True).status("exploring"), Stoppable(TO_END) as search:
        sampling.run(runs, seconds)
    sampled = sampling.sampled
    saved = _save(scenario, sampled.found.values(), output)
    if as_json:
        from sim.explore.exploration_record import sampling_record

        _print_json(sampling_record(scenario, Strategy(strategy), sampled))
    else:
        from sim.show.console import terminal
        from sim.show.exploration_text import show_sampled

        show_sampled(scenario, Strategy(strategy), depth, sampled, terminal())
    click.echo(saved, err=True, nl=False)
    search.exit_if_stopped()
    click.get_current_context().exit(1 if sampled.found else 0)


def _print_json(record: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(record))


def _save(scenario: "Scenario", found: "Iterable[Found]", folder: Path | None) -> str:
    """Write a file for each schedule, and return the line to print below the table; empty if nothing was written."""
    from sim.explore.findings import file_names
    from sim.explore.schedule_file import save_schedule

    named = file_names(found)
    if folder is None or not named:
        return ""
    for name, one in named.items():
        save_schedule(scenario, one.schedule, folder / name)
    return f"{counted(len(named), 'schedule')} written to {folder}\n"
