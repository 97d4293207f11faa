"""``asymboot new``, ``check`` and ``schema``: scenario files."""

from pathlib import Path

import click

from sim.cli import options
from sim.errors import InputError, printable

_SCHEMAS = ("scenario", "outcome", "comparison", "conformance", "exploration", "schedule", "proof", "promises")
"""As sim/files/schemas.py has them, which takes time to import."""


@click.command()
@click.argument("file", type=options.FILE, required=False)
def new(file: Path | None) -> None:
    """Write a commented scenario to start from.

    Without FILE it is printed. FILE must not exist yet.

    \b
    Examples:
      asymboot new mine.toml
      asymboot new > mine.toml
    """  # noqa: D301
    from sim.files.shipped import template  # noqa: PLC0415

    if file is None:
        click.echo(template(), nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as out:
            try:
                out.write(template())
                out.flush()
            except OSError:
                file.unlink()
                raise
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.SCENARIO)
def check(files: tuple[Path, ...]) -> None:
    """Say what is wrong with each FILE; boot nothing.

    Exits with 0 if all are well, 2 if one is not.

    \b
    Example:
      asymboot check topologies/*.toml
    """  # noqa: D301
    from sim.files.expectations import read_checked  # noqa: PLC0415
    from sim.files.shipped import find  # noqa: PLC0415

    wrong = False
    for file in files:
        try:
            scenario, _ = read_checked(find(file))
        except InputError as error:
            wrong = True
            click.echo(f"asymboot: {error}", err=True)
        else:
            cpus = len(scenario.topology.cpus)
            click.echo(f"{printable(str(file))}: ok, {cpus:,} CPU{'s' if cpus > 1 else ''}")
    click.get_current_context().exit(2 if wrong else 0)


@click.command()
@click.argument("what", type=click.Choice(_SCHEMAS), default="scenario")
def schema(what: str) -> None:
    """Print a JSON Schema.

    That of scenario files, or of the schedules that `explore` writes; or of what `run`, `compare`, `conform`,
    `explore`, `prove` and `prove --all-designs` print with --json: an outcome, a comparison, conformance, an
    exploration, a proof, or promises.

    \b
    Examples:
      asymboot schema > scenario.schema.json
      asymboot schema outcome
    """  # noqa: D301
    from sim.files.schemas import schema_text  # noqa: PLC0415

    click.echo(schema_text(what), nl=False)
