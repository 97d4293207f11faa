"""``asymboot compare``: one scenario under every named design."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@click.option(
    "--relay", type=click.Choice(["enforcing", "relaxed", "both"]), help="pKVM's PSCI relay; both: one after the other."
)
@click.option(
    "--memory",
    type=click.Choice(["adjacent", "isolated", "mapped", "all"]),
    help="The memory around pKVM's buffers at EL2; all: one after the other.",
)
@options.kernel
@options.kvm
@options.seed
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def compare(file: Path, relay: str | None, memory: str | None, as_json: bool, **changes: options.Override) -> None:
    """Boot FILE under every named design, and compare the outcomes.

    The table has one row for each design; the file's own design, if it defines one, is the first. Exits with 0 whether
    or not there are hazards, and with 2 if the input is wrong.

    Examples:
      asymboot compare bug
      asymboot compare late-cpu-above-maximum --relay both
      asymboot compare bug --memory all --json
    """
    from rich.console import Console

    from sim.scenario import MemoryLayout, Relay
    from sim.study.comparison import compare as compare_designs

    both, every = relay == "both", memory == "all"
    scenario = options.load(file, relay=None if both else relay, memory=None if every else memory, **changes)
    # The spinner is on the standard error, so that it never mixes with the output, and shows on terminals only.
    with Console(stderr=True).status("booting under each design"):
        comparison = compare_designs(
            scenario, relays=tuple(Relay) if both else None, memories=tuple(MemoryLayout) if every else None
        )
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(comparison.record()))
        return
    from sim.show.comparison_text import show
    from sim.show.console import terminal

    show(comparison, terminal())
