"""``asymboot import``: a device tree or a machine that ran as a scenario file, or every device tree below a folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.importer.imported import Imported
    from sim.importer.lengths import Vls


@click.command("import", cls=Command)
@click.argument("source", metavar="[FILE|FOLDER]", type=options.FILE, required=False)
@click.option("--dmesg", type=options.FILE, metavar="FILE", help="A kernel log, from the kernel's first line on.")
@click.option(
    "--sysfs",
    type=options.FILE,
    metavar="ROOT",
    help="A folder with copies of sys/devices/system/cpu and proc/cpuinfo; / for the machine that this runs on.",
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE.toml", help="Where to write; must not exist yet.")
@click.option(
    "--vl",
    "vls",
    multiple=True,
    metavar="NAME=BITS",
    help="SVE lengths of a CPU or a cluster, whatever its core: cluster1=128,256 or cpu3=none. Repeatable.",
)
def import_(
    source: Path | None, dmesg: Path | None, sysfs: Path | None, output: Path | None, vls: tuple[str, ...]
) -> None:
    """Make a scenario from the device tree FILE (a .dtb or, by way of dtc, a .dts), or from a machine that ran.

    A machine is known by its kernel log, a copy of its sysfs, or both, and better with its device tree. Where they
    contradict each other or the model, that is told on the standard error, and the exit code is 1.

    Without --output the scenario is printed. Vector lengths are those that --vl gives, else those of the core, where it
    is known, else what the log implies. Cores that are not known are told on the standard error.

    With a FOLDER every .dtb and .dts below it is read, a line each, and nothing is written; exits with 1 if some could
    not be read.

    Examples:
      asymboot import board.dtb -o board.toml
      asymboot import board.dts --vl cluster1=128,256 --vl cpu3=none
      asymboot import --dmesg boot.log --sysfs copy -o machine.toml
      asymboot import /usr/lib/linux-image-6.12-arm64
    """
    from sim.importer.lengths import read_vls

    given = read_vls(vls)
    if source is None and dmesg is None and sysfs is None:
        raise click.UsageError("Nothing to import: give a device tree, --dmesg or --sysfs.")
    if source is not None and source.is_dir():
        others = {"output": output, "vl": vls or None, "dmesg": dmesg, "sysfs": sysfs}
        options.refuse_given(others, "one device tree")
        _survey(source)
        return
    if output is not None:
        options.check_new(output)
    from sim.files.new_file import write_new
    from sim.importer.annotating import annotated_text

    imported = _imported(source, dmesg, sysfs, given)
    if output is None:
        click.echo(annotated_text(imported), nl=False)
    else:
        write_new(output, annotated_text(imported))
    _tell(imported)
    click.get_current_context().exit(1 if imported.contradictions else 0)


def _imported(source: Path | None, dmesg: Path | None, sysfs: Path | None, vls: "Vls") -> "Imported":
    if dmesg is not None or sysfs is not None:
        from sim.importer.running import import_running_machine

        return import_running_machine(dmesg, sysfs, source, vls)
    from sim.importer.device_tree import import_device_tree

    assert source is not None
    return import_device_tree(source, vls)


def _tell(imported: "Imported") -> None:
    """Say what nobody knows, and what cannot be so."""
    from sim.topology import cpu_list

    for (core, taken), numbers in imported.unknown.items():
        said = f"{imported.path}: unknown core {core}: taken to have {taken}: cpu{cpu_list(numbers)}"
        click.echo(f"asymboot: {InputError(said)}", err=True)
    for one in imported.contradictions:
        click.echo(f"asymboot: {InputError(f'{imported.path}: {one}')}", err=True)


def _survey(folder: Path) -> None:
    """Read every device tree below a folder, a line each, and say what they came to."""
    from sim.importer.surveying import survey

    def report(line: str, read: bool) -> None:
        click.echo(line if read else f"asymboot: {line}", err=not read)

    found = survey(folder, report)
    failed = f", {found.failed:,} could not be read" if found.failed else ""
    click.echo(f"{found.read:,} read{failed}; {found.cpus:,} CPUs")
    for core, cpus in found.unknown.most_common():
        click.echo(f"not known: {core}, {cpus:,} CPUs")
    click.get_current_context().exit(1 if found.failed else 0)
