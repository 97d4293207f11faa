"""``asymboot schema``: print the JSON Schemas of scenario files and of outputs."""

import click

from sim.cli.command_group import Command

_SCHEMAS = (
    "scenario",
    "space",
    "outcome",
    "comparison",
    "variants",
    "difference",
    "conformance",
    "explanation",
    "exploration",
    "schedule",
    "proof",
    "promises",
)
"""The names in `sim.schemas`, repeated because importing that module takes time; a test compares the two."""


@click.command(cls=Command)
@click.argument("what", type=click.Choice(_SCHEMAS), default="scenario")
def schema(what: str) -> None:
    """Print the JSON Schema of scenario files, of space files or of an output.

    scenario, space and schedule are formats of files. The others are printed with --json: outcome by `run`,
    comparison by `compare`, variants by `compare --by`, difference by `diff`, conformance by `conform`, explanation
    by `explain`, exploration by `explore`, proof by `prove`, promises by `prove --all-designs`.

    Examples:
      asymboot schema > scenario.schema.json
      asymboot schema outcome
    """
    from sim.schemas import schema_text

    click.echo(schema_text(what), nl=False)
