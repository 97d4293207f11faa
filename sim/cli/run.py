"""``asymboot run``: boot a scenario and show the outcome."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError, printable
from sim.files.bounded_read import STANDARD_INPUT

if TYPE_CHECKING:
    from sim.outcome import Outcome
    from sim.scenario import Scenario

_POLL_S = 0.1
"""The time between two looks at a watched file, in seconds: a person does not notice the delay."""


in_forms = options.together(
    click.option("--json", is_flag=True, help="Print the outcome as JSON."),
    click.option("--log", is_flag=True, help="Print the kernel log even if it is long."),
    click.option("--log-only", is_flag=True, help="Print the kernel log only."),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code is the result."),
)
"""The options for the form in which a command prints an outcome."""


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_scenario
@in_forms
@click.option("--watch", is_flag=True, help="Run again whenever the file changes, until Ctrl-C.")
def run(
    file: Path, *, json: bool, log: bool, log_only: bool, quiet: bool, watch: bool, **changes: options.Override
) -> None:
    """Boot FILE and show the outcome.

    FILE is a scenario file, the name of a shipped scenario, or a row of a sweep, as DIR:ROW, as in every command that
    takes a scenario. The outcome begins with what was booted, the verdict and the hazards; the kernel log is at the
    end.

    Exits with 0 if there was no hazard and no task waits for ever, with 1 if there was, and with 2 if the input is
    wrong.

    Examples:
      asymboot run bug
      asymboot run bug --design constrain-v2
      asymboot run mine.toml --kernel 6.11 --kvm-mode protected --watch
      asymboot run mine.toml --json | jq .hazards
      asymboot run out:117
    """
    form = options.only_one({"--json": json, "--log": log, "--log-only": log_only, "--quiet": quiet})
    options.only_one({"--quiet": quiet, "--watch": watch})
    if watch:
        from sim.sweep.named_scenario import row_of

        if row_of(file) is not None:
            raise click.UsageError("--watch goes with a file: a row of a sweep does not change.")
        if file == STANDARD_INPUT:
            raise click.UsageError("--watch needs a file: the standard input can be read once only.")
        with suppress(KeyboardInterrupt):
            _watch(file, form, changes)
    else:
        click.get_current_context().exit(_run(file, form, changes))


def _run(file: Path, form: str | None, changes: dict[str, options.Override]) -> int:
    from sim.boot_run import boot

    before = options.load(file)
    outcome = boot(options.changed(before, **changes))
    print_outcome(outcome, form, before)
    return exit_code(outcome)


def exit_code(outcome: "Outcome") -> int:
    """Return the exit code of a command that shows an outcome."""
    return 1 if outcome.found or outcome.facts.waiting else 0


def print_outcome(outcome: "Outcome", form: str | None, before: "Scenario | None" = None) -> None:
    """Print an outcome in the form of an option, or as tables where the form is None or ``--log``.

    Args:
        outcome: the outcome.
        form: the option.
        before: the scenario as its file has it, if options changed it.
    """
    if form == "--json":
        import msgspec

        idle = options.without_effect(before or outcome.scenario, outcome.scenario)
        click.echo(msgspec.json.encode(outcome.record(without_effect=idle)))
    elif form == "--log-only":
        click.echo(outcome.log_text, nl=False)
    elif form != "--quiet":
        from sim.show.console import terminal
        from sim.show.outcome_text import show

        show(outcome, terminal(), before, with_log=form == "--log")


def _watch(file: Path, form: str | None, changes: dict[str, options.Override]) -> None:
    """Run now and after each change of the file; if the file has a mistake, print it and wait for the next change.

    The file is polled: some file systems send no notifications, and where the kernel sends them, a person would not
    notice that they come sooner.
    """
    from sim.files.shipped_scenarios import find

    # The file itself may be missing for now, as while an editor replaces it; a missing folder is a mistake.
    file = find(file)
    if not file.parent.is_dir():
        raise InputError(f"{file}: No such file or directory")
    seen = _version(file)
    _run_and_go_on(file, form, changes)
    while True:
        time.sleep(_POLL_S)
        now = _version(file)
        if now != seen:
            seen = now
            click.secho(f"\n{'-' * 24} {printable(file.name)} changed {'-' * 24}", dim=True, err=True)
            _run_and_go_on(file, form, changes)


def _version(file: Path) -> tuple[int, ...]:
    """Return a value that differs after a file was written or replaced; () while there is no file."""
    try:
        stat = file.stat()
    except OSError:
        return ()
    # The inode tells a replaced file from a written one: many editors write a new file and rename it.
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _run_and_go_on(file: Path, form: str | None, changes: dict[str, options.Override]) -> None:
    try:
        _run(file, form, changes)
    except InputError as error:
        click.echo(f"asymboot: {error}", err=True)
    sys.stdout.flush()  # the command does not end here, and a pipe or file is buffered
