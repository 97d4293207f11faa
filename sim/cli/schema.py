"""``asymboot schema``: JSON Schemas of scenario files and of outputs."""

import click

from sim.cli.command_group import Command

_SCHEMAS = ("scenario", "outcome", "comparison", "conformance", "exploration", "schedule", "proof", "promises")
"""As sim/schemas.py has them, which takes time to import."""


@click.command(cls=Command)
@click.argument("what", type=click.Choice(_SCHEMAS), default="scenario")
def schema(what: str) -> None:
    """Print a JSON Schema.

    That of scenario files, or of the schedules that `explore` writes; or of what `run`, `compare`, `conform`,
    `explore`, `prove` and `prove --all-designs` print with --json: an outcome, a comparison, conformance, an
    exploration, a proof, or promises.

    Examples:
      asymboot schema > scenario.schema.json
      asymboot schema outcome
    """
    from sim.schemas import schema_text

    click.echo(schema_text(what), nl=False)
