"""The command line: ``asymboot``.

Exit codes: 0 success; 1 the answer is bad news (a hazard or deadlock, a difference from a real kernel, a refuted
property, a contradiction in a machine's log); 2 wrong input, or a search that a limit ended; 128 plus the number of
the signal after Ctrl-C or a signal to end. The help of each command says which of them it uses.
"""

import click

from sim.cli.command_group import Commands

_COMMANDS = {
    "run": ("sim.cli.run:run", "Boot FILE and show the outcome."),
    "compare": ("sim.cli.compare:compare", "Boot FILE under every named design, and compare the outcomes."),
    "diff": ("sim.cli.diff:diff", "Show how the boots of two scenarios or settings differ."),
    "features": ("sim.cli.features:features", "Show the fields of CPUs' ID registers, and the system's values."),
    "show": ("sim.cli.show:show", "Show the topology of FILE as a tree with vector lengths."),
    "list": ("sim.cli.list:list_", "List scenarios, spaces, designs, kernels, hazards and cores."),
    "new": ("sim.cli.new:new", "Write a commented scenario or space to start from."),
    "check": ("sim.cli.check:check", "Check scenario files and space files without booting anything."),
    "import": ("sim.cli.import_:import_", "Make a scenario from a device tree or from a machine that ran."),
    "explain": ("sim.cli.explain:explain", "Explain what a kernel log says of its CPUs, the worst first."),
    "schema": ("sim.cli.schema:schema", "Print the JSON Schema of a file's format or of an output."),
    "conform": ("sim.cli.conform:conform", "Compare the simulator with real kernels, field by field."),
    "space": ("sim.cli.space:space", "Count the systems of a space, and estimate a sweep's duration."),
    "sweep": ("sim.cli.sweep:sweep", "Compute every system of a space, or a sample of them."),
    "summary": ("sim.cli.summary:summary", "Summarise a sweep: hazards by design and relay."),
    "replay": ("sim.cli.replay:replay", "Boot one system of a sweep again, or run a schedule."),
    "prove": ("sim.cli.prove:prove", "Prove properties of designs for all legal vector lengths."),
    "explore": ("sim.cli.explore:explore", "Explore every order of a scenario's steps."),
    "plot": ("sim.cli.plot:plot", "Draw a boot, a comparison of designs, or a sweep."),
    "report": ("sim.cli.report:report", "Write a boot or a sweep as one HTML page."),
    "trace": ("sim.cli.trace:trace", "Write a boot as a Perfetto trace, a kernel log or JSON lines."),
    "export": ("sim.cli.export:export", "Write a topology for another emulator or tool."),
}
"""The place of each command, and the first sentence of its help.

The sentences stand here a second time so that `asymboot --help` imports no command; tests/cli/test_cli.py compares them
with the commands' own.
"""


@click.group(name="asymboot", cls=Commands, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asymboot", prog_name="asymboot")
def main() -> None:
    """Simulate asymmetric SMP boot and late CPU onlining on arm64.

    Examples:
      asymboot run bug                  boot a scenario, show the outcome
      asymboot compare bug              boot it under every design
      asymboot diff bug --kernel 6.12   show what another kernel changes
      asymboot sweep late-cpu -o out    compute every system of a space
      asymboot explore late-arrival     explore every order of the steps
      asymboot prove                    prove properties for all systems
      asymboot plot boot bug -o b.svg   draw the boot
      asymboot report bug -o r.html     write the boot as one page
      asymboot trace bug -o boot.jsonl  write the events for other tools
      asymboot export bug --to qemu     write the topology for QEMU
      asymboot list                     list scenarios, designs, kernels
      asymboot new mine.toml            write a scenario to start from
      asymboot import board.dtb         make a scenario of a device tree
      asymboot explain boot.log         explain a kernel log

    FILE is a scenario file, or a name that `asymboot list` shows. "-" is the standard input wherever a file is read.

    Commands exit with 0 on success, with 1 if the answer is bad news, such as a hazard, a difference, or a property
    that does not hold, and with 2 if the input is wrong.
    """
