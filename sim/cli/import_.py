"""``asymboot import``: a device tree or a machine that ran as a scenario file, or every device tree below a folder."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError, printable
from sim.files.bounded_read import STANDARD_INPUT

if TYPE_CHECKING:
    from sim.importer.imported import Imported
    from sim.topology import Topology

_TREE_SUFFIXES = {".dtb", ".dts"}


@click.command("import", cls=Command)
@click.argument("source", metavar="[FILE|FOLDER]", type=options.FILE, required=False)
@click.option("--dmesg", type=options.FILE, metavar="FILE", help="A kernel log, from the kernel's first line on.")
@click.option(
    "--sysfs",
    type=options.FILE,
    metavar="ROOT",
    help="A folder with copies of sys/devices/system/cpu and proc/cpuinfo; / for the machine that this runs on.",
)
@click.option(
    "--vl",
    "vls",
    multiple=True,
    metavar="NAME=BITS",
    help="SVE lengths of a CPU or a cluster, in bits, whatever its core: cluster1=128,256 or cpu3=none. Repeatable.",
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="The new .toml file to write.")
def import_(
    source: Path | None, dmesg: Path | None, sysfs: Path | None, output: Path | None, vls: tuple[str, ...]
) -> None:
    """Make a scenario from a device tree or from a machine that ran.

    The device tree is FILE: a .dtb, or a .dts, which dtc compiles. A machine that ran is described by its kernel log, a
    copy of its sysfs, or both, and better with its device tree. Contradictions between them, and between them and the
    model, go to the standard error.

    Without --output the scenario is printed. Vector lengths are those that --vl gives, else those that the core is
    known to have, else as few as the log implies. Unknown cores are listed on the standard error.

    With a FOLDER every .dtb and .dts below it is read, and a line printed for each; no file is written.

    Exits with 0, with 1 if there are contradictions or if trees of a FOLDER cannot be read, and with 2 if the input is
    wrong.

    Examples:
      asymboot import board.dtb -o board.toml
      asymboot import board.dts --vl cluster1=128,256 --vl cpu3=none
      asymboot import --dmesg boot.log --sysfs copy -o machine.toml
      asymboot import /usr/lib/linux-image-6.12-arm64
    """
    from sim.importer.cpu_lengths import read_vls
    from sim.importer.machine_evidence import Sources

    given = read_vls(vls)
    if source is None and dmesg is None and sysfs is None:
        raise click.UsageError("Nothing to import: give a device tree, --dmesg or --sysfs.")
    if source is not None and source.is_dir():
        # An option that may be repeated has () where it was not given, and refuse_given() expects None.
        others = {"output": output, "vl": vls or None, "dmesg": dmesg, "sysfs": sysfs}
        options.refuse_given(others, "one device tree")
        _survey(source)
        return
    if source == dmesg == STANDARD_INPUT:
        raise click.UsageError("the standard input is the device tree or the log: it can be read once only.")
    if output is not None:
        options.check_new(output)
    from sim.files.new_file import write_new
    from sim.importer.imported import import_machine
    from sim.importer.provenance import annotated_text

    imported = import_machine(Sources(dmesg, sysfs, source), given)
    if output is None:
        click.echo(annotated_text(imported), nl=False)
    else:
        write_new(output, annotated_text(imported))
    _report(imported)
    click.get_current_context().exit(1 if imported.contradictions else 0)


def _report(imported: "Imported") -> None:
    """List unknown cores, CPUs that are late by inference, and contradictions on the standard error."""
    from sim.topology import cpu_list

    for unknown, cpus in imported.unknown.items():
        _error(f"{imported.sources.first}: {unknown}: cpu{cpu_list(cpus)}")
    if late := imported.inferred_late:
        _error(f"{imported.sources.first}: offline, and sysfs does not tell why: taken to be late: cpu{cpu_list(late)}")
    for sentence in imported.contradictions:
        _error(f"{imported.sources.first}: {sentence}")


def _error(text: str) -> None:
    # InputError makes the text printable and cuts it to a bounded length, whatever the log or the tree has in it.
    click.echo(f"asymboot: {InputError(text)}", err=True)


# A folder of device trees


def _survey(folder: Path) -> None:
    """Read every device tree below a folder, print a line for each, and then totals.

    Raises:
        InputError: there is no device tree.
    """
    from sim.importer.imported import import_machine
    from sim.importer.machine_evidence import Sources
    from sim.units import counted

    read = failed = cpus = 0
    unknown: Counter[str] = Counter()
    for path in _trees_below(folder):
        try:
            imported = import_machine(Sources(tree=path), {})
        except InputError as error:
            failed += 1
            _error(str(error))
            continue
        read += 1
        cpus += len(imported.cpus)
        for lengths, numbers in imported.unknown.items():
            unknown[lengths.core] += len(numbers)
        click.echo(f"{printable(str(path))}: {_summary(imported)}")
    if not read + failed:
        raise InputError(f"{folder}: has no .dtb and no .dts below it")
    click.echo(f"{read:,} read{f', {failed:,} could not be read' if failed else ''}; {counted(cpus, 'CPU')}")
    for core, count in unknown.most_common():
        click.echo(f"unknown core: {core}, {counted(count, 'CPU')}")
    click.get_current_context().exit(1 if failed else 0)


def _trees_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in _TREE_SUFFIXES and path.is_file())


def _summary(imported: "Imported") -> str:
    from sim.units import counted

    topology = imported.scenario.topology
    clusters = len(set(imported.clusters.paths.values()) - {()})  # the path () means no cluster
    cores = [lengths.core for lengths in imported.unknown]
    unknown = f"; unknown core: {', '.join(cores)}" if cores else ""
    return f"{counted(len(topology.cpus), 'CPU')} in {counted(clusters, 'cluster')}, {_lengths(topology)}{unknown}"


def _lengths(topology: "Topology") -> str:
    """Count the CPUs with each set of SVE lengths."""
    from sim.vectors import braces

    sets = Counter("no SVE" if cpu.sve_vqs is None else f"SVE {braces(cpu.sve_vqs)}" for cpu in topology.cpus)
    return ", ".join(sets) if len(sets) == 1 else ", ".join(f"{count:,} with {words}" for words, count in sets.items())
