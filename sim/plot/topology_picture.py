"""A topology as a picture: clusters as boxes in boxes, CPUs in them, coloured by their largest SVE length."""

from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import TYPE_CHECKING

from sim.plot import style
from sim.topology import Cpu, Topology
from sim.vectors import bits_from_vq, largest_vq

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CPU_IN, _PAD_IN, _NAME_IN = 0.46, 0.1, 0.2
_WIDEST_IN = 11.0
_MOST_NUMBERED = 256
_LENGTH_COLOURS = {1: style.SKY, 2: style.BLUE, 4: style.GREEN, 8: style.ORANGE, 16: style.RED}
"""By VQ; other lengths, which are rare, in two more."""
_OTHER_COLOURS = (style.PINK, style.YELLOW)


@dataclass
class _Box:
    """A cluster: what it is called, its CPUs as logical numbers, the clusters in it, and its size in inches."""

    name: str
    cpus: list[int] = field(default_factory=list)
    boxes: dict[str, "_Box"] = field(default_factory=dict)
    width_in: float = 0.0
    height_in: float = 0.0


@style.styled
def plot_topology(topology: Topology, title: str = "") -> style.Picture:
    """Clusters and CPUs, by logical number; a bold edge: the boot CPU; a dashed one: left out of the early bring-up.

    Above 256 CPUs, CPUs of a cluster that are alike share a square, which says how many they are.
    """
    counted = len(topology.cpus) > _MOST_NUMBERED
    root = _boxes(topology, counted=counted)
    _measure(root, _WIDEST_IN - 0.3)
    handles = [style.patch(label, colour) for label, colour in _colours(topology).values()]
    handles += [
        style.patch("boot CPU", style.PAPER, edgecolor=style.BLACK, linewidth=1.6),
        style.patch("late", style.PAPER, edgecolor=style.BLACK, linestyle="--"),
    ]
    width_in = max(5.0, root.width_in + 0.3)
    below_in = style.legend_height_in([*handles], width_in - 0.3) + 0.2
    told = f"{len(topology.cpus):,} CPUs" + (", as many alike as each square says" if counted else "")
    picture, _ = style.new_picture(width_in, root.height_in + below_in, title or "topology", told)
    axes = style.axes_at(picture, 0.15, below_in, root.width_in, root.height_in)
    axes.set_xlim(0, root.width_in)
    axes.set_ylim(root.height_in, 0)
    axes.axis("off")
    _draw(axes, topology, root, (0.0, 0.0), counted=counted)
    style.legend(picture, [*handles], 0.15, 0.08, width_in - 0.3)
    return picture


def _boxes(topology: Topology, *, counted: bool) -> _Box:
    root = _Box("")
    seen: dict[tuple[object, ...], int] = {}
    for number, one in enumerate(topology.logical):
        box = root
        for name in one.clusters:
            box = box.boxes.setdefault(name, _Box(name))
        alike = (one.clusters, one.usable_sve_vqs, one.late, number == 0)
        if not counted or alike not in seen:
            box.cpus.append(number)
            seen[alike] = number
    return root


def _measure(box: _Box, room_in: float) -> None:
    """Give a box and those in it their sizes: its own CPUs in a near square, then clusters in lines as wide as fit."""
    columns = ceil(sqrt(len(box.cpus) * 1.6)) if box.boxes or box.name else int(room_in / _CPU_IN)
    columns = max(1, min(columns, len(box.cpus), int((room_in - 2 * _PAD_IN) / _CPU_IN)))
    inner_in = columns * _CPU_IN if box.cpus else 0.0
    height_in = ceil(len(box.cpus) / columns) * _CPU_IN
    line_in = line_height_in = 0.0
    for inside in box.boxes.values():
        _measure(inside, room_in - 2 * _PAD_IN)
        if line_in and line_in + inside.width_in > room_in - 2 * _PAD_IN:
            height_in += line_height_in
            line_in = line_height_in = 0.0
        line_in += inside.width_in + _PAD_IN
        line_height_in = max(line_height_in, inside.height_in + _PAD_IN)
        inner_in = max(inner_in, line_in)
    name_in = style.text_width_in(box.name, style.SMALL_PT)
    box.width_in = max(inner_in, min(name_in, 2.0)) + 2 * _PAD_IN
    box.height_in = height_in + line_height_in + 2 * _PAD_IN + (_NAME_IN if box.name else 0.0)


def _draw(axes: "Axes", topology: Topology, box: _Box, at: tuple[float, float], *, counted: bool) -> None:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415

    left, top = at
    if box.name:
        outline = FancyBboxPatch(
            (left + 0.02, top + 0.02),
            box.width_in - 0.04,
            box.height_in - 0.04,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="none",
            edgecolor=style.GREY,
            linewidth=0.8,
        )
        axes.add_patch(outline)
        name = style.shortened(box.name, box.width_in - 2 * _PAD_IN, style.SMALL_PT)
        axes.text(
            left + _PAD_IN, top + _PAD_IN, name, size=style.SMALL_PT, va="top", color=style.BLACK, parse_math=False
        )
        top += _NAME_IN
    left, top = left + _PAD_IN, top + _PAD_IN
    columns = max(1, int((box.width_in - 2 * _PAD_IN + 1e-6) / _CPU_IN))
    for place, number in enumerate(box.cpus):
        spot = left + place % columns * _CPU_IN, top + place // columns * _CPU_IN
        _draw_cpu(axes, topology, number, spot, counted=counted)
    top += ceil(len(box.cpus) / columns) * _CPU_IN
    _draw_inside(axes, topology, box, (left, top), counted=counted)


def _draw_inside(axes: "Axes", topology: Topology, box: _Box, at: tuple[float, float], *, counted: bool) -> None:
    """Draw a box's clusters, in lines."""
    start, top = at
    left, line_height_in = start, 0.0
    for inside in box.boxes.values():
        if left > start and left + inside.width_in > start + box.width_in - 2 * _PAD_IN + 1e-6:
            left, top, line_height_in = start, top + line_height_in, 0.0
        _draw(axes, topology, inside, (left, top), counted=counted)
        left += inside.width_in + _PAD_IN
        line_height_in = max(line_height_in, inside.height_in + _PAD_IN)


def _draw_cpu(axes: "Axes", topology: Topology, number: int, at: tuple[float, float], *, counted: bool) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    one = topology.logical[number]
    _, colour = _colours(topology)[_largest(one)]
    square = Rectangle(
        (at[0] + 0.03, at[1] + 0.03),
        _CPU_IN - 0.06,
        _CPU_IN - 0.06,
        facecolor=colour,
        edgecolor=style.BLACK,
        linewidth=1.8 if number == 0 else 0.8 if one.late else 0.0,
        linestyle="--" if one.late else "-",
    )
    axes.add_patch(square)
    alike = (one.clusters, one.usable_sve_vqs, one.late)
    told = str(number)
    if counted and number:
        others = topology.logical[1:]
        told = f"{sum((other.clusters, other.usable_sve_vqs, other.late) == alike for other in others):,}x"
    dark = colour in {style.BLUE, style.RED, style.GREEN, style.GREY}
    axes.text(
        at[0] + _CPU_IN / 2,
        at[1] + _CPU_IN / 2,
        told,
        size=style.SMALL_PT,
        ha="center",
        va="center",
        color=style.WHITE if dark else style.INK,
    )


def _largest(one: Cpu) -> int:
    return largest_vq(one.usable_sve_vqs or 0)


def _colours(topology: Topology) -> dict[int, tuple[str, str]]:
    """What CPUs of each largest length, as VQ, are called and how they are coloured; 0: no SVE."""
    lengths = sorted({_largest(one) for one in topology.cpus} - {0})
    colours = {
        vq: (f"SVE to {bits_from_vq(vq)} bits", _LENGTH_COLOURS.get(vq, _OTHER_COLOURS[vq % 2])) for vq in lengths
    }
    if any(not _largest(one) for one in topology.cpus):
        colours[0] = ("no SVE", style.LIGHT)
    return colours
