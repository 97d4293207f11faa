"""A topology as a picture: clusters as boxes in boxes, CPUs in them, coloured by their largest SVE length."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import TYPE_CHECKING

from sim.plot import style
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.vectors import bits_from_vq, largest_vq

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CPU_IN, _PAD_IN, _NAME_IN = 0.46, 0.1, 0.2
_WIDEST_IN = 11.0
_MOST_NUMBERED, _MOST_BOXES = 256, 64
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
def plot_topology(what: Scenario | Topology, title: str = "") -> style.Picture:
    """Clusters and CPUs, by logical number; a bold edge: the boot CPU; a dashed one: left out of the early bring-up.

    A scenario's ``maxcpus=`` counts as well. Above 256 CPUs, those of a cluster that are alike share a square, which
    says how many they are; where there are more than 64 clusters, the innermost are left out.
    """
    topology = what if isinstance(what, Topology) else what.topology
    late = _late(what)
    drawing = _Drawing(topology, late)
    root = drawing.root
    handles = [style.patch(label, colour) for label, colour in drawing.colours.values()]
    handles += [
        style.patch("boot CPU", style.PAPER, edgecolor=style.BLACK, linewidth=1.6),
        style.patch("late", style.PAPER, edgecolor=style.BLACK, linestyle="--"),
    ]
    width_in = max(5.0, root.width_in + 0.3)
    below_in = style.legend_height_in([*handles], width_in - 0.3) + 0.2
    named = title or ("topology" if isinstance(what, Topology) else what.name or "topology")
    picture = style.new_picture(width_in, root.height_in + below_in, named, drawing.told)
    axes = style.axes_at(picture, 0.15, below_in, root.width_in, root.height_in)
    axes.set_xlim(0, root.width_in)
    axes.set_ylim(root.height_in, 0)
    axes.axis("off")
    drawing.draw(axes, root, (0.0, 0.0))
    style.legend(picture, [*handles], 0.15, 0.08, width_in - 0.3)
    return picture


def _late(what: Scenario | Topology) -> frozenset[int]:
    """The CPUs that are not early, as logical numbers."""
    if isinstance(what, Topology):
        return frozenset(number for number, one in enumerate(what.logical) if one.late)
    return frozenset(range(len(what.topology.cpus))) - frozenset(what.early)


class _Drawing:
    """What is drawn of a topology: boxes, squares in them, and how each is coloured."""

    def __init__(self, topology: Topology, late: frozenset[int]) -> None:
        self._topology, self._late = topology, late
        self._counted = len(topology.cpus) > _MOST_NUMBERED
        self._depth = _depth(topology) if self._counted else max(len(one.clusters) for one in topology.cpus)
        self._vqs = _vqs_of(topology)
        self.colours = _colours(topology, self._vqs)
        self._alike = Counter(map(self._kind, range(len(topology.cpus))))
        self.root = self._boxes()
        _measure(self.root, _WIDEST_IN - 0.3)

    @property
    def told(self) -> str:
        """How many CPUs there are, and what is left out."""
        told = f"{len(self._topology.cpus):,} CPUs"
        if self._counted:
            told += ", as many alike as each square says"
        deeper = any(len(one.clusters) > self._depth for one in self._topology.cpus)
        return told + ("; inner clusters are left out" if deeper else "")

    def _kind(self, number: int) -> tuple[object, ...]:
        """What CPUs that share a square have in common."""
        one = self._topology.logical[number]
        return one.clusters[: self._depth], self._vqs(one), number in self._late, number == 0

    def _boxes(self) -> _Box:
        root = _Box("")
        seen: set[tuple[object, ...]] = set()
        for number, one in enumerate(self._topology.logical):
            kind = self._kind(number)
            if self._counted and kind in seen:
                continue
            seen.add(kind)
            box = root
            for name in one.clusters[: self._depth]:
                box = box.boxes.setdefault(name, _Box(name))
            box.cpus.append(number)
        return root

    def draw(self, axes: "Axes", box: _Box, at: tuple[float, float]) -> None:
        """Draw a box and what is in it, its upper left corner there."""
        left, top = at
        if box.name:
            _outline(axes, box, at)
            top += _NAME_IN
        left, top = left + _PAD_IN, top + _PAD_IN
        columns = max(1, int((box.width_in - 2 * _PAD_IN + 1e-6) / _CPU_IN))
        for place, number in enumerate(box.cpus):
            self._draw_cpu(axes, number, (left + place % columns * _CPU_IN, top + place // columns * _CPU_IN))
        top += ceil(len(box.cpus) / columns) * _CPU_IN
        self._draw_inside(axes, box, (left, top))

    def _draw_inside(self, axes: "Axes", box: _Box, at: tuple[float, float]) -> None:
        """Draw a box's clusters, in lines."""
        start, top = at
        left, line_height_in = start, 0.0
        for inside in box.boxes.values():
            if left > start and left + inside.width_in > start + box.width_in - 2 * _PAD_IN + 1e-6:
                left, top, line_height_in = start, top + line_height_in, 0.0
            self.draw(axes, inside, (left, top))
            left += inside.width_in + _PAD_IN
            line_height_in = max(line_height_in, inside.height_in + _PAD_IN)

    def _draw_cpu(self, axes: "Axes", number: int, at: tuple[float, float]) -> None:
        from matplotlib.patches import Rectangle

        is_late = number in self._late
        _, colour = self.colours[largest_vq(self._vqs(self._topology.logical[number]))]
        square = Rectangle(
            (at[0] + 0.03, at[1] + 0.03),
            _CPU_IN - 0.06,
            _CPU_IN - 0.06,
            facecolor=colour,
            edgecolor=style.BLACK,
            linewidth=1.8 if number == 0 else 0.8 if is_late else 0.0,
            linestyle="--" if is_late else "-",
        )
        axes.add_patch(square)
        told = f"{self._alike[self._kind(number)]:,}x" if self._counted and number else str(number)
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


def _depth(topology: Topology) -> int:
    """How deep clusters can be drawn, so that they are not too many."""
    deepest = max(len(one.clusters) for one in topology.cpus)
    paths = {one.clusters for one in topology.cpus}
    for depth in range(deepest, 0, -1):
        if len({path[:depth] for path in paths}) <= _MOST_BOXES:
            return depth
    return 0


def _outline(axes: "Axes", box: _Box, at: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top = at
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
    axes.text(left + _PAD_IN, top + _PAD_IN, name, size=style.SMALL_PT, va="top", color=style.BLACK, parse_math=False)


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


def _vqs_of(topology: Topology) -> Callable[[Cpu], int]:
    """The lengths by which CPUs are told apart: SVE's, or SME's where no CPU has SVE."""
    if any(one.usable_sve_vqs for one in topology.cpus):
        return lambda one: one.usable_sve_vqs or 0
    return lambda one: one.usable_sme_vqs or 0


def _colours(topology: Topology, vqs: Callable[[Cpu], int]) -> dict[int, tuple[str, str]]:
    """What CPUs of each largest length, as VQ, are called and how they are coloured; 0: they have none."""
    found = sorted({largest_vq(vqs(one)) for one in topology.cpus})
    of_sme = not any(one.usable_sve_vqs for one in topology.cpus) and found != [0]
    what = "SME" if of_sme else "SVE"
    return {
        vq: (f"{what} to {bits_from_vq(vq)} bits", _LENGTH_COLOURS.get(vq, _OTHER_COLOURS[vq % 2]))
        if vq
        else (f"no {what}", style.LIGHT)
        for vq in found
    }
