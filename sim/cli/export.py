"""``asymboot export``: write the topology of a scenario for another emulator or tool."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import printable
from sim.export.export_formats import ExportFormat


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.of_scenario
@click.option(
    "--to",
    type=options.Choice([one.value for one in ExportFormat]),
    required=True,
    help="A shell script for QEMU, parameters for an FVP, the source of a device tree, or a graph.",
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="The new file to write.")
def export(file: Path, to: str, output: Path | None, **changes: options.Override) -> None:
    """Write a topology for another emulator or tool.

    Without --output the topology of FILE is printed. Properties that the format cannot express are listed on the
    standard error.

    Exits with 0, and with 2 if the input is wrong, or if the format cannot express a property that decides the outcome.

    Examples:
      asymboot export bug --to qemu -o boot.sh
      KERNEL=Image INITRD=initrd.img sh boot.sh
      asymboot export phone --to dot | dot -Tsvg > phone.svg
    """
    if output is not None:
        options.check_new(output)
    scenario = options.load(file, **changes)
    from sim.export.export_text import export_scenario
    from sim.files.new_file import write_new
    from sim.files.toml_tables import at

    with at(str(file)):  # the errors of an export name the file whose topology does not fit the format
        exported = export_scenario(scenario, ExportFormat(to))
    if output is None:
        click.echo(exported.text, nl=False)
    else:
        write_new(output, exported.text)
    if exported.lost:
        click.echo(f"asymboot: {printable(str(file))}: {to} cannot express: {'; '.join(exported.lost)}", err=True)
