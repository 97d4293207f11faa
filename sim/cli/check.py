"""``asymboot check``: report what is wrong with scenario files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError, printable
from sim.units import counted

if TYPE_CHECKING:
    from sim.scenario import Scenario


@click.command(cls=Command)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.SCENARIO)
def check(files: tuple[Path, ...]) -> None:
    """Check scenario files and space files without booting anything.

    Each FILE gets one line. A file with [[groups]] or cores is a space, and DIR:ROW is a row of a sweep.

    Exits with 0 if all files are right, with 2 if any is wrong.

    Examples:
      asymboot check topologies/*.toml
    """
    wrong = False
    for file in files:
        try:
            told = _checked(file)
        except InputError as error:
            wrong = True
            click.echo(f"asymboot: {error}", err=True)
        else:
            click.echo(f"{printable(str(file))}: ok, {told}")
    click.get_current_context().exit(2 if wrong else 0)


def _checked(file: Path) -> str:
    """Read a file, and return what it holds.

    Raises:
        InputError: anything in the file is wrong.
    """
    from sim.files.expectations import read_checked
    from sim.files.shipped_scenarios import find, names_space
    from sim.sweep.named_scenario import row_of

    if row_of(file) is not None:
        return _told(options.load(file))
    if names_space(file):
        space = options.load_space(file)
        return f"a space of {counted(space.points, 'system')}"
    found = find(file)
    with options.reading(file, "scenario", found):
        scenario, _ = read_checked(found)
    return _told(scenario)


def _told(scenario: "Scenario") -> str:
    from sim.unknown_features import core_sentences

    return "; ".join([counted(len(scenario.topology.cpus), "CPU"), *core_sentences(scenario)])
