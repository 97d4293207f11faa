"""``asymboot plot``: pictures of a boot, of designs, of a sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.quiet_matplotlib import quiet_matplotlib
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.plot.style import Picture

PICTURES = ("boot", "lengths", "buffers", "designs", "topology", "heat")


@click.command(cls=Command)
@click.argument("picture", type=click.Choice(PICTURES))
@click.argument("file", metavar="FILE|DIR", type=options.SCENARIO)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", required=True, help="A new .png, .svg or .pdf.")
@options.of_scenario
@click.option("--hazard", metavar="NAME", help="heat: which, as a sweep's rows call it, such as out_of_bounds_write.")
@click.option("--x", metavar="COLUMN", help="heat: from left to right; by default the last group's lengths.")
@click.option("--y", metavar="COLUMN", help="heat: from below upwards; by default the first group's lengths.")
def plot(picture: str, file: Path, output: Path, *, hazard: str | None, **others: Any) -> None:
    """Draw a picture of the boot of FILE, or of the sweep in DIR.

    Pictures:
      boot      lanes over time: bring-up, verification, guests, the critical path
      lengths   CPUs by vector lengths: shared, hidden, missing
      buffers   what saves write into pKVM's buffers and beside them, to scale
      designs   every design side by side
      topology  clusters and CPUs
      heat      DIR: share of systems with a hazard; the sweep kept all rows

    Examples:
      asymboot plot boot late-cpu-refused -o boot.svg
      asymboot plot buffers bug --design v6.11 -o buffers.png
      asymboot plot heat out --hazard out_of_bounds_write -o heat.png
    """
    of_heat = {name: others.pop(name) for name in ("x", "y")} | {"hazard": hazard}
    if picture != "heat":
        options.refuse_given(of_heat, "plot heat")
    _check(output)
    made = _heat(file, of_heat, others) if picture == "heat" else _of_scenario(picture, file, others)
    from sim.files.new_file import write_new

    write_new(output, made.as_bytes(output.suffix[1:].lower()))


def _check(output: Path) -> None:
    """Refuse what cannot be a new picture's file, before anything is drawn."""
    quiet_matplotlib()
    from sim.plot.style import FORMATS

    if output.suffix[1:].lower() not in FORMATS:
        raise InputError(f"{output}: pictures are written as {', '.join(f'.{one}' for one in FORMATS)}")
    options.check_new(output)


def _of_scenario(picture: str, file: Path, changes: dict[str, Any]) -> "Picture":
    scenario = options.load(file, **changes)
    if picture == "designs":
        from sim.plot.designs_picture import plot_designs
        from sim.study.comparison import compare

        return plot_designs(compare(scenario))
    if picture == "topology":
        from sim.plot.topology_picture import plot_topology

        return plot_topology(scenario)
    from sim.boot_run import boot

    outcome = boot(scenario)
    if picture == "lengths":
        from sim.plot.lengths_picture import plot_lengths

        return plot_lengths(outcome)
    if picture == "buffers":
        from sim.plot.buffers_picture import plot_buffers

        return plot_buffers(outcome)
    from sim.plot.timeline_picture import plot_boot

    return plot_boot(outcome)


def _heat(folder: Path, of_heat: dict[str, Any], changes: dict[str, Any]) -> "Picture":
    design = changes.pop("design")
    options.refuse_given(changes, "a scenario")
    if of_heat["hazard"] is None:
        raise click.UsageError("a heat map needs --hazard, such as out_of_bounds_write.")
    from sim.plot.heat_picture import plot_heat

    return plot_heat(folder, of_heat["hazard"], x=of_heat["x"], y=of_heat["y"], design=design)
