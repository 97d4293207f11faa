"""The command line: ``asymboot``.

Exit codes: 0 all is well; 1 hazards, or a disagreement with a record; 2 bad input.
"""

import click

from sim.cli.command_group import Commands

_COMMANDS = {
    "run": ("sim.cli.run:run", "Boot FILE and show what came of it."),
    "compare": ("sim.cli.compare:compare", "Boot FILE under every named design, a row each."),
    "show": ("sim.cli.show:show", "Show FILE's topology as a tree with vector lengths."),
    "list": ("sim.cli.list:list_", "List topologies, designs, kernels and hazards."),
    "new": ("sim.cli.new:new", "Write a commented scenario to start from."),
    "check": ("sim.cli.check:check", "Say what is wrong with each FILE; boot nothing."),
    "import": (
        "sim.cli.import_:import_",
        "Make a scenario from the device tree FILE (a .dtb or, by way of dtc, a .dts), or from a machine that ran.",
    ),
    "schema": ("sim.cli.schema:schema", "Print a JSON Schema."),
    "conform": ("sim.cli.conform:conform", "Hold the simulator against real kernels, field by field."),
    "space": ("sim.cli.space:space", "Say how many systems FILE describes, and how long a sweep of them takes here."),
    "sweep": ("sim.cli.sweep:sweep", "Compute every system of the space FILE under its settings, into a folder."),
    "summary": (
        "sim.cli.summary:summary",
        "Show what the sweep in DIR came to, as far as it is done: hazards by design and relay, with examples.",
    ),
    "replay": (
        "sim.cli.replay:replay",
        "Boot the system of a row of the sweep in DIR, or run the schedule FILE, and show what came of it.",
    ),
    "prove": (
        "sim.cli.prove:prove",
        "Prove what designs promise, over all legal sets of lengths, or find the smallest system that breaks it.",
    ),
    "explore": (
        "sim.cli.explore:explore",
        "Let FILE's steps happen in every order, whatever time they take, and say what can be reached.",
    ),
    "plot": ("sim.cli.plot:plot", "Draw a picture of the boot of FILE, or of the sweep in DIR."),
    "report": (
        "sim.cli.report:report",
        "Write the boot of FILE, or the sweep in DIR, as one page that needs no network.",
    ),
    "trace": (
        "sim.cli.trace:trace",
        "Boot FILE and write what happened: as a Perfetto trace, as the kernel log, or as JSON lines of events.",
    ),
    "export": ("sim.cli.export:export", "Write the topology of FILE for another emulator or tool."),
}
"""Where each command is, and the first sentence of its help."""


@click.group(name="asymboot", cls=Commands, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asymboot", prog_name="asymboot")
def main() -> None:
    """Simulate asymmetric SMP boot and late CPU onlining on arm64.

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
    """
