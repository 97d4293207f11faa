"""``asymboot schema``: print the JSON Schemas of scenario files and of outputs."""

import click

from sim.cli import options
from sim.cli.command_group import Command

_SCHEMAS = (
    "scenario",
    "space",
    "mixtures",
    "outcome",
    "features",
    "comparison",
    "variants",
    "difference",
    "cores",
    "conformance",
    "explanation",
    "exploration",
    "schedule",
    "proof",
    "promises",
    "summary",
    "mixture-summary",
)
"""The names in `sim.schemas`, repeated because importing that module takes time; a test compares the two."""


@click.command(cls=Command)
@click.argument("what", metavar="[WHAT]", type=options.Choice(_SCHEMAS), default="scenario")
def schema(what: str) -> None:
    """Print the JSON Schema of a file's format or of an output.

    WHAT is scenario by default. scenario, space, mixtures (a space of cores) and schedule are formats of files. The
    others are printed with --json: outcome by `run`, features by `features`, comparison by `compare`, variants by
    `compare --by`, difference by `diff`, cores by `list cores`, conformance by `conform`, explanation by `explain`,
    exploration by `explore`, proof by `prove`, promises by `prove --all-designs`, summary and mixture-summary by
    `summary` of a sweep over lengths or over mixtures of cores.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot schema > scenario.schema.json
      asymboot schema outcome
    """
    from sim.schemas import schema_text

    click.echo(schema_text(what), nl=False)
