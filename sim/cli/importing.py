"""``asymboot import``: a device tree as a scenario file, or every device tree below a folder, read and counted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.importing.imported import Imported


@click.command("import")
@click.argument("source", metavar="FILE|FOLDER", type=options.FILE)
@click.option("-o", "--output", type=options.FILE, metavar="FILE.toml", help="Where to write; must not exist yet.")
@click.option(
    "--vl",
    "vls",
    multiple=True,
    metavar="NAME=BITS",
    help="SVE lengths of a CPU or a cluster, whatever its core: cluster1=128,256 or cpu3=none. Repeatable.",
)
def import_(source: Path, output: Path | None, vls: tuple[str, ...]) -> None:
    """Make a scenario from the device tree FILE, a .dtb or, by way of dtc, a .dts.

    Without --output it is printed. A device tree has no vector lengths: they are those of the core, where it is known,
    or those that --vl gives. Cores that are not known are told on the standard error, and have none.

    With a FOLDER every .dtb and .dts below it is read, a line each, and nothing is written; exits with 1 if some could
    not be read.

    \b
    Examples:
      asymboot import board.dtb -o board.toml
      asymboot import board.dts --vl cluster1=128,256 --vl cpu3=none
      asymboot import /usr/lib/linux-image-6.12-arm64
    """  # noqa: D301
    from sim.importing.lengths import read_vls  # noqa: PLC0415

    given = read_vls(vls)
    if source.is_dir():
        options.refuse_given({"output": output, "vl": vls or None}, "one device tree")
        _survey(source)
        return
    if output is not None:
        options.check_new(output)
    from sim.files.writing import write_new  # noqa: PLC0415
    from sim.importing.annotating import annotated_text  # noqa: PLC0415
    from sim.importing.device_tree import import_device_tree  # noqa: PLC0415

    imported = import_device_tree(source, given)
    _tell_unknown(imported)
    if output is None:
        click.echo(annotated_text(imported), nl=False)
    else:
        write_new(output, annotated_text(imported))


def _tell_unknown(imported: "Imported") -> None:
    from sim.topology import cpu_list  # noqa: PLC0415

    for core, numbers in imported.unknown.items():
        said = f"{imported.path}: unknown core {core}: taken to have no SVE: cpu{cpu_list(numbers)}"
        click.echo(f"asymboot: {InputError(said)}", err=True)


def _survey(folder: Path) -> None:
    """Read every device tree below a folder, a line each, and say what they came to."""
    from sim.importing.surveying import survey  # noqa: PLC0415

    def report(line: str, read: bool) -> None:
        click.echo(line if read else f"asymboot: {line}", err=not read)

    found = survey(folder, report)
    failed = f", {found.failed:,} could not be read" if found.failed else ""
    click.echo(f"{found.read:,} read{failed}; {found.cpus:,} CPUs")
    for core, cpus in found.unknown.most_common():
        click.echo(f"not known: {core}, {cpus:,} CPUs")
    click.get_current_context().exit(1 if found.failed else 0)
