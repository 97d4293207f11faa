"""``asymboot features``: the ID registers of CPUs beside the system's."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_scenario
@click.option(
    "--only-differing/--all",
    default=True,
    help="Show the fields in which CPUs differ, or also those in which all are alike.  [default: only-differing]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the fields as JSON.")
def features(file: Path, only_differing: bool, as_json: bool, **changes: options.Override) -> None:
    """Show the fields of CPUs' ID registers, and the system's values.

    Each field in which CPUs differ has a line: the value of each kind of CPU, the system's value, the rule that makes
    it, whether the kernel logs the difference, and which CPUs decide.

    Exits with 0, and with 2 if the input is wrong or a CPU of FILE has no core.

    Examples:
      asymboot features big-little
      asymboot features big-little --all --kernel 6.1
      asymboot features big-little --json
    """
    from sim.boot_run import boot
    from sim.errors import InputError

    scenario = options.load(file, **changes)
    if not scenario.has_all_features:
        without = [cpu.name for cpu in scenario.topology.cpus if not cpu.features.core.has_all_features]
        raise InputError(f"{file}: features are modelled where every CPU has a core, and {without[0]} has none")
    outcome = boot(scenario)
    if as_json:
        import msgspec

        from sim.feature_rows import features_record

        click.echo(msgspec.json.encode(features_record(outcome.facts, only_differing=only_differing)))
        return
    from sim.show.console import terminal
    from sim.show.features_text import show_matrix

    show_matrix(outcome, terminal(), everything=not only_differing)
