"""The command line: ``asymboot``.

Exit codes: 0 all is well; 1 hazards, or a disagreement with a record; 2 bad input.
"""

import click

from sim.cli.check import check
from sim.cli.command_group import Commands
from sim.cli.compare import compare
from sim.cli.conform import conform
from sim.cli.explore import explore
from sim.cli.export import export
from sim.cli.import_ import import_
from sim.cli.list import list_
from sim.cli.new import new
from sim.cli.plot import plot
from sim.cli.prove import prove
from sim.cli.replay import replay
from sim.cli.report import report
from sim.cli.run import run
from sim.cli.schema import schema
from sim.cli.show import show
from sim.cli.space import space
from sim.cli.summary import summary
from sim.cli.sweep import sweep
from sim.cli.trace import trace


@click.group(name="asymboot", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asymboot", prog_name="asymboot")
def main() -> None:
    """Simulate asymmetric SMP boot and late CPU onlining on arm64.

    \b
    Examples:
      asymboot run bug                  boot a scenario, show what came of it
      asymboot compare bug              the same under every design
      asymboot sweep late-cpu -o out    every system of a space, counted
      asymboot explore late-arrival     every order of a scenario's steps
      asymboot prove                    what designs promise on every system
      asymboot plot boot bug -o b.svg   a picture of it
      asymboot report bug -o r.html     all of it as one page
      asymboot trace bug -o boot.jsonl  what happened, for other tools
      asymboot export bug --to qemu     its topology, for another emulator
      asymboot list                     scenarios, designs, kernels, hazards
      asymboot new mine.toml            a commented scenario to start from
      asymboot import board.dtb         one from a device tree

    FILE is a scenario file, or the name of one that `asymboot list` shows. Commands exit with 0 if all is well;
    run with 1 if there are hazards, conform with 1 if a record disagrees; all with 2 if the input is wrong.
    """  # noqa: D301 (click's own mark for lines that stay as they are)


_COMMANDS = (
    run,
    compare,
    show,
    list_,
    new,
    check,
    import_,
    schema,
    conform,
    space,
    sweep,
    summary,
    replay,
    prove,
    explore,
    plot,
    report,
    trace,
    export,
)
for command in _COMMANDS:
    main.add_command(command)
