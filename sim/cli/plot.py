"""``asymboot plot``: draw a boot, a comparison of designs, or a sweep."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.quiet_matplotlib import glyphs_told, quiet_matplotlib
from sim.errors import InputError

if TYPE_CHECKING:
    from sim.plot.style import Picture

PICTURES = ("boot", "lengths", "features", "buffers", "designs", "topology", "heat")


@click.command(cls=Command)
@click.argument("picture", type=options.Choice(PICTURES))
@click.argument("file", metavar="FILE|DIR", type=options.SCENARIO)
@options.of_scenario
@click.option("--linear", is_flag=True, help="boot: draw time to scale, instead of compressed gaps.")
@click.option(
    "--hazard",
    metavar="NAME",
    help="heat: the hazard; `asymboot list hazards` has the names. Of mixtures of cores: the outcome, such as refused.",
)
@click.option("--x", metavar="COLUMN", help="heat: the horizontal axis, by default the lengths of the last group.")
@click.option("--y", metavar="COLUMN", help="heat: the vertical axis, by default the lengths of the first group.")
@click.option(
    "-o", "--output", type=options.FILE, metavar="FILE", required=True, help="The new .png, .svg or .pdf file to write."
)
def plot(
    picture: str,
    file: Path,
    output: Path,
    *,
    design: str | None,
    linear: bool,
    hazard: str | None,
    x: str | None,
    y: str | None,
    **changes: options.Override,
) -> None:
    """Draw a boot, a comparison of designs, or a sweep.

    Pictures:
      boot      lanes over time: bring-up, verification, guests, critical path
      lengths   CPUs by vector lengths: shared, hidden, missing
      features  fields of ID registers in which CPUs differ, and the system's
      buffers   bytes that saves write in and beside pKVM's buffers, to scale
      designs   all designs side by side
      topology  clusters and CPUs
      heat      the share of a sweep's systems that have a hazard

    FILE is a scenario file. heat takes the folder DIR of a sweep; columns other than the lengths of the first and of
    the last group need a sweep that kept all rows. Of mixtures of cores the axes are the boot CPU's core and another.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot plot boot late-cpu-refused -o boot.svg
      asymboot plot buffers bug --design v6.11 -o buffers.png
      asymboot plot heat out --hazard out_of_bounds_write -o heat.png
      asymboot plot heat out-pairs --hazard refused -o refused.png
    """
    from sim.files.new_file import write_new

    if picture != "heat":
        options.refuse_given({"x": x, "y": y, "hazard": hazard}, "plot heat")
    if picture != "boot":
        options.refuse_given({"linear": linear or None}, "plot boot")
    if picture == "designs" and design is not None:
        raise click.UsageError("plot designs takes no --design: it draws every design.")
    _check(output)
    # A heat map takes --design too, which selects settings of the sweep; no other option of a scenario applies to it.
    if picture == "heat":
        options.refuse_given(changes, "a scenario")
        drawn = _heat(file, hazard, x, y, design)
    else:
        drawn = _of_scenario(picture, file, changes | {"design": design}, linear=linear)
    with glyphs_told():
        content = drawn.as_bytes(output.suffix[1:].lower())
    write_new(output, content)


def _check(output: Path) -> None:
    """Refuse a file that cannot be a new picture, before the boot."""
    quiet_matplotlib()
    from sim.plot.style import FORMATS

    if output.suffix[1:].lower() not in FORMATS:
        raise InputError(f"{output}: a picture is written as {', '.join(f'.{one}' for one in FORMATS)}")
    options.check_new(output)


def _of_scenario(picture: str, file: Path, changes: dict[str, options.Override], *, linear: bool) -> "Picture":
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
    if picture == "features":
        from sim.plot.features_picture import plot_features

        return plot_features(outcome)
    if picture == "buffers":
        from sim.plot.buffers_picture import plot_buffers

        return plot_buffers(outcome)
    from sim.plot.timeline_picture import plot_boot

    return plot_boot(outcome, linear=linear)


def _heat(folder: Path, hazard: str | None, x: str | None, y: str | None, design: str | None) -> "Picture":
    if hazard is None:
        raise click.UsageError("a heat map needs --hazard, such as out_of_bounds_write, or refused for mixtures.")
    from sim.sweep.mixture_folder import is_of_mixtures

    with options.reading(folder, "sweep"):
        has_mixtures = is_of_mixtures(folder)
    if has_mixtures:
        options.refuse_given({"x": x, "y": y, "design": design}, "a sweep over vector lengths")
        from sim.plot.mixtures_picture import plot_mixtures

        return plot_mixtures(folder, hazard)
    from sim.plot.heat_picture import plot_heat

    return plot_heat(folder, hazard, x=x, y=y, design=design)
