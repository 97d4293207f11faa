"""``asymboot conform``: hold the simulator against real kernels."""

from collections import Counter
from pathlib import Path

import click

from sim.cli import options
from sim.errors import InputError


@click.command()
@click.option("--recorded", is_flag=True, required=True, help="Replay recorded runs of real kernels.")
@click.argument("files", nargs=-1, required=True, type=options.FILE)
def conform(recorded: bool, files: tuple[Path, ...]) -> None:  # noqa: ARG001 (click's way)
    """Hold the simulator against real boots.

    Each FILE is a JSON list of recorded boots or saves. Prints every field that disagrees, and how many runs
    agree. Exits with 0 if all do, 1 if some do not, 2 if the input is wrong.

    \b
    Example:
      asymboot conform --recorded tests/truth/*.json
    """  # noqa: D301
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
    click.get_current_context().exit(0 if total == agree else 1)
