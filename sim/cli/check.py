"""``asymboot check``: report what is wrong with scenario files."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError, printable
from sim.units import counted


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=options.SCENARIO)
def check(files: tuple[Path, ...]) -> None:
    """Check scenario files without booting them.

    Each FILE gets one line. Exits with 0 if all files are right, with 2 if any is wrong.

    Example:
      asymboot check topologies/*.toml
    """
    from sim.files.expectations import read_checked
    from sim.files.shipped_scenarios import find

    wrong = False
    for file in files:
        try:
            scenario, _ = read_checked(find(file))
        except InputError as error:
            wrong = True
            click.echo(f"asymboot: {error}", err=True)
        else:
            click.echo(f"{printable(str(file))}: ok, {counted(len(scenario.topology.cpus), 'CPU')}")
    click.get_current_context().exit(2 if wrong else 0)
