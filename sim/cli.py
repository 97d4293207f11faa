"""The command line: ``asymboot``.

Exit codes: 0 all is well; 1 hazards, or a disagreement with a record; 2 bad input.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from sim.designs import DESIGNS
from sim.errors import InputError

FILE = click.Path(path_type=Path)


class _Commands(click.Group):
    """Commands that report bad input as one line and exit with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(f"asymboot: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asymboot", prog_name="asymboot")
def main() -> None:
    """Simulate asymmetric SMP boot and late CPU onlining on arm64."""


@main.command()
@click.argument("file", type=FILE)
@click.option("--design", type=click.Choice(list(DESIGNS)), help="Use this design instead of the file's.")
@click.option("--kernel", metavar="SERIES", help="Kernel series, such as 6.12.")
@click.option("--relay", type=click.Choice(["enforcing", "relaxed"]), help="pKVM's PSCI relay.")
@click.option("--kvm", type=click.Choice(["default", "protected", "nvhe", "none"]), help="kvm-arm.mode=")
@click.option(
    "--memory",
    type=click.Choice(["adjacent", "isolated", "mapped"]),
    help="What surrounds pKVM's buffers at EL2.",
)
@click.option("--seed", type=click.IntRange(0, (1 << 62) - 1), help="Seed of latencies and same-time order.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def run(file: Path, as_json: bool, **options: Any) -> None:
    """Boot the scenario in FILE and show what came of it.

    Exits with 0 if there was no hazard, 1 if there was one, 2 if the input is wrong.

    Example: asymboot run topologies/bug.toml --design constrain-v2
    """
    from sim.booting import boot  # noqa: PLC0415 (imports only what a command needs)
    from sim.files.scenario_file import read_scenario  # noqa: PLC0415

    scenario = read_scenario(file).but(**_changes(options))
    outcome = boot(scenario)
    if as_json:
        import msgspec  # noqa: PLC0415

        click.echo(msgspec.json.encode(outcome.to_dict()))
    else:
        from rich.console import Console  # noqa: PLC0415

        from sim.show.text import show  # noqa: PLC0415

        show(outcome, Console(highlight=False, markup=False))
    sys.exit(1 if outcome.found else 0)


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    """What the options change in a scenario, by the scenario's own names."""
    names = {"kvm": "kvm_mode", "memory": "surroundings"}
    return {names.get(key, key): value for key, value in options.items() if value is not None}


@main.command()
@click.option("--recorded", is_flag=True, required=True, help="Replay recorded runs of real kernels.")
@click.argument("files", nargs=-1, required=True, type=FILE)
def conform(recorded: bool, files: tuple[Path, ...]) -> None:  # noqa: ARG001 (click's way)
    """Hold the simulator against real boots.

    Each FILE is a JSON list of recorded boots or saves. Prints every field that disagrees, and how many runs
    agree. Exits with 0 if all do, 1 if some do not, 2 if the input is wrong.

    Example: asymboot conform --recorded tests/truth/*.json
    """
    from sim.conform.records import RecordedBoot, read_records  # noqa: PLC0415
    from sim.conform.replay import replay  # noqa: PLC0415

    total: Counter[str] = Counter()
    agree: Counter[str] = Counter()
    for file in files:
        records = read_records(file)
        if not records:
            raise InputError(f"{file}: holds no recorded runs")
        for record in records:
            kind = "boots" if isinstance(record, RecordedBoot) else "saves"
            try:
                found = replay(record)
            except InputError as error:
                raise InputError(f"{file}: {error}") from None
            for disagreement in found:
                click.echo(str(disagreement))
            total[kind] += 1
            agree[kind] += not found
    for kind, runs in sorted(total.items()):
        click.echo(f"{runs} {kind}, {agree[kind]} agree")
    sys.exit(0 if total == agree else 1)


if __name__ == "__main__":
    main()
