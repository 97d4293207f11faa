"""``asymboot replay``: boot one system of a sweep again, or run a schedule."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.run import exit_code, in_forms, print_outcome

if TYPE_CHECKING:
    from sim.outcome import Outcome


@click.command(cls=Command)
@click.argument("source", metavar="DIR|FILE", type=options.FILE)
@click.option(
    "--row",
    type=click.IntRange(min=0),
    metavar="N",
    help="The number of the system's row, from 0. `asymboot summary` names rows.",
)
@click.option(
    "--replication",
    type=click.IntRange(min=0),
    metavar="N",
    help="The number of the boot, from 0, where the sweep booted each system several times.",
)
@click.option("--save", type=options.FILE, metavar="FILE", help="Write the row's scenario to a new FILE.")
@in_forms
def replay(
    source: Path,
    row: int | None,
    replication: int | None,
    save: Path | None,
    *,
    json: bool,
    log: bool,
    log_only: bool,
    quiet: bool,
) -> None:
    """Boot one system of a sweep again, or run a schedule.

    The system is that of --row in the sweep in DIR; FILE is a schedule that `asymboot explore` wrote.

    Exits with 0 if there was no hazard and no task waits for ever, with 1 if there was, and with 2 if the input is
    wrong.

    Examples:
      asymboot replay out --row 117
      asymboot replay out --row 117 --save example.toml
      asymboot replay schedules/kernel_panic.json
    """
    form = options.only_one({"--json": json, "--log": log, "--log-only": log_only, "--quiet": quiet})
    if source.is_dir() or row is not None:
        outcome = _of_row(source, row, replication, save)
    else:
        for name, value in {"--replication": replication, "--save": save}.items():
            if value is not None:
                raise click.UsageError(f"{name} goes with --row and the folder of a sweep only.")
        # The lanes are text for people, like the tables; every other form stands alone.
        outcome = _of_schedule(source, lanes=form in {None, "--log"})
    print_outcome(outcome, form)
    click.get_current_context().exit(exit_code(outcome))


def _of_row(folder: Path, row: int | None, replication: int | None, save: Path | None) -> "Outcome":
    if row is None:
        raise click.UsageError("the folder of a sweep needs --row.")
    from sim.boot_run import boot
    from sim.sweep.row_scenario import scenario_of_row

    scenario = scenario_of_row(folder, row, replication=replication)
    if save is not None:
        from sim.files.scenario_text import save_scenario

        save_scenario(scenario, save)
    return boot(scenario)


def _of_schedule(file: Path, *, lanes: bool) -> "Outcome":
    """Run a schedule, and show its steps first if `lanes` is true."""
    from sim.explore.schedule_file import read_schedule, replay_schedule
    from sim.files.toml_tables import at

    with options.reading(file, "schedule"):
        scenario, steps = read_schedule(file)
    with at(str(file)):
        outcome = replay_schedule(scenario, steps)
    if lanes:
        from sim.show.console import heading, terminal
        from sim.show.schedule_text import show_schedule

        console = terminal()
        heading(console, "Schedule", first=True)
        show_schedule(steps, scenario.topology, console)
        console.print()
    return outcome
