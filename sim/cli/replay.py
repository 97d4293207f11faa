"""``asymboot replay``: one boot again, of a sweep's row or by a schedule."""

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
@click.option("--row", type=click.IntRange(min=0), help="The row's number, as summary and rows have it.")
@click.option("--replication", type=click.IntRange(min=0), help="Which of a timing study's boots of that row.")
@click.option("--save", type=options.FILE, metavar="FILE", help="Write the scenario to FILE, which must not exist yet.")
@in_forms
def replay(
    source: Path,
    row: int | None,
    replication: int | None,
    save: Path | None,
    *,
    json: bool,
    log_only: bool,
    quiet: bool,
) -> None:
    """Boot the system of a row of the sweep in DIR, or run the schedule FILE, and show what came of it.

    Exits with 0 if there was no hazard and nobody waits for ever, 1 if so, 2 if the input is wrong.

    Examples:
      asymboot replay out --row 117
      asymboot replay out --row 117 --save example.toml
      asymboot replay schedules/kernel_panic.json
    """
    form = options.only_one({"--json": json, "--log-only": log_only, "--quiet": quiet})
    if source.is_dir() or row is not None:
        outcome = _of_row(source, row, replication, save)
    else:
        for name, value in {"--replication": replication, "--save": save}.items():
            if value is not None:
                raise click.UsageError(f"{name} goes with --row and a sweep's folder, and not with a schedule.")
        outcome = _of_schedule(source, lanes=form is None)
    print_outcome(outcome, form)
    click.get_current_context().exit(exit_code(outcome))


def _of_row(folder: Path, row: int | None, replication: int | None, save: Path | None) -> "Outcome":
    if row is None:
        raise click.UsageError("a sweep's folder needs --row.")
    from sim.boot_run import boot
    from sim.sweep.row_scenario import scenario_of_row

    scenario = scenario_of_row(folder, row, replication=replication)
    if save is not None:
        from sim.files.scenario_text import save_scenario

        save_scenario(scenario, save)
    return boot(scenario)


def _of_schedule(file: Path, *, lanes: bool) -> "Outcome":
    """What comes of a schedule, which is shown first where `lanes` says so."""
    from sim.explore.schedule_file import read_schedule, replay_schedule
    from sim.files.toml_tables import at

    scenario, steps = read_schedule(file)
    with at(str(file)):
        outcome = replay_schedule(scenario, steps)
    if lanes:
        from sim.show.console import heading, terminal
        from sim.show.schedule_text import show_schedule

        console = terminal()
        heading(console, "Schedule", first=True)
        show_schedule(steps, console)
        console.print()
    return outcome
