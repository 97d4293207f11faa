"""A topology as a picture: clusters as nested boxes, and CPUs as squares coloured by core and vector lengths."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import TYPE_CHECKING, Literal, NamedTuple

from sim.arguments import checked
from sim.plot import style
from sim.scenario import LateBecause, Scenario
from sim.topology import Cpu, Topology
from sim.units import counted
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CPU_IN, _PAD_IN, _NAME_IN = 0.46, 0.1, 0.2
_WIDEST_CPU_IN = 1.6
"""The width above which the name in a CPU's rectangle is cut."""
_MAX_NUMBERED_CPUS, _MAX_BOXES = 256, 64
_ROUNDING_IN = 1e-6
"""A width that sums to a little less than it should, since sums of floats are rounded, still holds its squares."""
_LENGTH_COLOURS = {1: style.SKY, 2: style.BLUE, 4: style.GREEN, 8: style.ORANGE, 16: style.RED}
"""The colours of the largest length, by VQ."""
_LATE_EDGES: dict[LateBecause, Literal["--", ":"]] = {LateBecause.MAXCPUS: "--", LateBecause.LISTED_LATER: ":"}
_OTHER_COLOURS = (style.PINK, style.YELLOW)
"""The colours of other lengths, which are rare: of even and of odd VQ."""
_PALETTE = (*_LENGTH_COLOURS.values(), *_OTHER_COLOURS)
_DARK = {style.BLUE, style.RED, style.GREEN, style.GREY}
"""The colours on which text is white."""


class _Look(NamedTuple):
    """The look of a part of the squares of CPUs that are alike in it, and its entry in the legend."""

    label: str
    colour: str
    hatch: str = ""


@dataclass(frozen=True)
class _Part:
    """A part of each CPU's square: what decides its look, and the looks."""

    key: Callable[[Cpu], str | int]
    looks: Mapping[str | int, _Look]

    def of(self, cpu: Cpu) -> _Look:
        """Return the look of a CPU."""
        return self.looks[self.key(cpu)]


@dataclass
class _Box:
    """A cluster: its name, its CPUs as logical numbers, the clusters in it, and its size in inches.

    `_measure` sets the sizes; they are 0 before. The outermost box has no name and no outline.
    """

    name: str
    cpus: list[int] = field(default_factory=list)
    boxes: dict[str, "_Box"] = field(default_factory=dict)
    width_in: float = 0.0
    height_in: float = 0.0


@style.styled
@checked
def plot_topology(system: Scenario | Topology, title: str = "", width_in: float = 11.0) -> style.Picture:
    """Draw clusters and CPUs, each CPU with its logical number, and with the file's name if that differs.

    A square has a part for each kind of difference, from above: the core, where each CPU has a known core; the lengths
    of SVE; and the lengths of SME, with hatching, where a CPU has any.
    The boot CPU has a bold edge. Of the late CPUs, those that firmware lists later have a dotted edge; those that
    ``maxcpus=`` leaves out, as a scenario may, have a dashed edge. Above 256 CPUs, CPUs of a cluster that are alike
    share a square, which says how many they are. Where there are more than 64 clusters, the innermost are left out.

    Args:
        system: a topology, or a scenario, whose late CPUs are marked as well.
        title: the picture's title; empty for none.
        width_in: the largest width of the picture in inches.

    >>> from sim import Topology
    >>> plot_topology(Topology.of([[128], [128, 256]]), "two CPUs")  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    topology = system if isinstance(system, Topology) else system.topology
    late = _late(system)
    drawing = _Drawing(topology, late, width_in)
    root = drawing.root
    handles = [style.patch(one.label, one.colour, one.hatch) for part in drawing.parts for one in part.looks.values()]
    handles += [
        style.patch("boot CPU", style.PAPER, edgecolor=style.BLACK, linewidth=1.6),
        *(
            style.patch(f"late ({because})", style.PAPER, edgecolor=style.BLACK, linestyle=_LATE_EDGES[because])
            for because in sorted(set(late.values()))
        ),
    ]
    drawn_in = max(5.0, root.width_in + 0.3)
    below_in = style.legend_height_in([*handles], drawn_in - 0.3) + 0.2
    name = "" if isinstance(system, Topology) else system.name
    picture = style.new_picture(drawn_in, root.height_in + below_in, title or name or "topology", drawing.subtitle)
    axes = style.axes_at(picture, 0.15, below_in, root.width_in, root.height_in)
    axes.set_xlim(0, root.width_in)
    axes.set_ylim(root.height_in, 0)
    axes.axis("off")
    drawing.draw(axes, root, (0.0, 0.0))
    style.legend(picture, [*handles], 0.15, 0.08, drawn_in - 0.3)
    return picture


def _late(system: Scenario | Topology) -> dict[int, LateBecause]:
    """Return the CPUs that are not early, as logical numbers, and why."""
    scenario = Scenario(system) if isinstance(system, Topology) else system
    reasons = ((number, scenario.late_because(number)) for number in range(len(scenario.topology.cpus)))
    return {number: because for number, because in reasons if because is not None}


class _Drawing:
    """A drawing of a topology: the boxes, the squares in them, and their colours."""

    def __init__(self, topology: Topology, late: Mapping[int, LateBecause], width_in: float) -> None:
        self._topology, self._late = topology, late
        self._counted = len(topology.cpus) > _MAX_NUMBERED_CPUS
        self._depth = _depth(topology) if self._counted else max(len(cpu.clusters) for cpu in topology.cpus)
        self.parts = _parts(topology)
        self._alike = Counter(map(self._kind, range(len(topology.cpus))))  # needs the depth and the late CPUs
        self.root = self._boxes()
        labels = [self._label(number) for number in _all_cpus(self.root)]
        longest_in = max(style.text_width_in(label, style.SMALL_PT) for label in labels)
        self._cpu_in = min(max(_CPU_IN, longest_in + 0.16), _WIDEST_CPU_IN)
        _measure(self.root, width_in - 0.3, self._cpu_in)

    @property
    def subtitle(self) -> str:
        """The number of CPUs, and a hint at what is left out."""
        subtitle = counted(len(self._topology.cpus), "CPU")
        if self._counted:
            subtitle += ", as many alike as each square says"
        deeper = any(len(cpu.clusters) > self._depth for cpu in self._topology.cpus)
        return subtitle + ("; inner clusters are left out" if deeper else "")

    def _kind(self, number: int) -> tuple[object, ...]:
        """Return the data that CPUs have in common if they share a square."""
        cpu = self._topology.logical[number]
        looks = tuple(part.of(cpu) for part in self.parts)
        return cpu.clusters[: self._depth], looks, self._late.get(number), number == 0

    def _boxes(self) -> _Box:
        """Return the box around all boxes; where CPUs share squares, the first CPU of each kind stands for all."""
        root = _Box("")
        seen: set[tuple[object, ...]] = set()
        for number, cpu in enumerate(self._topology.logical):
            kind = self._kind(number)
            if self._counted and kind in seen:
                continue
            seen.add(kind)
            box = root
            for name in cpu.clusters[: self._depth]:
                box = box.boxes.setdefault(name, _Box(name))
            box.cpus.append(number)
        return root

    def _label(self, number: int) -> str:
        """Return the text of a square: the CPU, or the number of CPUs that it stands for."""
        alike = self._alike[self._kind(number)] if self._counted else 1
        return f"{alike:,}x" if alike > 1 else self._topology.label(number).removeprefix("cpu")

    def draw(self, axes: "Axes", box: _Box, corner: tuple[float, float]) -> None:
        """Draw a box and everything in it; `corner` is its upper left corner."""
        left, top = corner
        if box.name:
            _outline(axes, box, corner)
            top += _NAME_IN
        left, top = left + _PAD_IN, top + _PAD_IN
        columns = max(1, int((box.width_in - 2 * _PAD_IN + _ROUNDING_IN) / self._cpu_in))
        for index, number in enumerate(box.cpus):
            self._draw_cpu(axes, number, (left + index % columns * self._cpu_in, top + index // columns * _CPU_IN))
        top += ceil(len(box.cpus) / columns) * _CPU_IN
        self._draw_inside(axes, box, (left, top))

    def _draw_inside(self, axes: "Axes", box: _Box, corner: tuple[float, float]) -> None:
        """Draw the clusters in a box, in lines from `corner` on."""
        start, top = corner
        left, line_height_in = start, 0.0
        for inside in box.boxes.values():
            if left > start and left + inside.width_in > start + box.width_in - 2 * _PAD_IN + _ROUNDING_IN:
                left, top, line_height_in = start, top + line_height_in, 0.0
            self.draw(axes, inside, (left, top))
            left += inside.width_in + _PAD_IN
            line_height_in = max(line_height_in, inside.height_in + _PAD_IN)

    def _draw_cpu(self, axes: "Axes", number: int, corner: tuple[float, float]) -> None:
        from matplotlib.patches import Rectangle

        left, top = corner
        because = self._late.get(number)
        looks = [part.of(self._topology.logical[number]) for part in self.parts]
        part_in = (_CPU_IN - 0.06) / len(looks)
        for place, look in enumerate(looks):
            part = Rectangle(
                (left + 0.03, top + 0.03 + place * part_in),
                self._cpu_in - 0.06,
                part_in,
                facecolor=look.colour,
                hatch=look.hatch,
                edgecolor=style.PAPER if look.hatch else "none",
                linewidth=0.0,
            )
            axes.add_patch(part)
        edge = Rectangle(
            (left + 0.03, top + 0.03),
            self._cpu_in - 0.06,
            _CPU_IN - 0.06,
            facecolor="none",
            edgecolor=style.BLACK,
            linewidth=1.8 if number == 0 else 0.0 if because is None else 0.8,
            linestyle="-" if because is None else _LATE_EDGES[because],
        )
        axes.add_patch(edge)
        axes.text(
            left + self._cpu_in / 2,
            top + 0.03 + part_in / 2,
            style.shortened(self._label(number), self._cpu_in - 0.1, style.SMALL_PT),
            size=style.SMALL_PT,
            ha="center",
            va="center",
            color=style.WHITE if looks[0].colour in _DARK else style.INK,
            parse_math=False,
        )


def _all_cpus(box: _Box) -> Iterator[int]:
    """Yield the CPUs of a box and of the boxes in it, as logical numbers."""
    yield from box.cpus
    for inside in box.boxes.values():
        yield from _all_cpus(inside)


def _depth(topology: Topology) -> int:
    """Return the deepest level of clusters that has at most 64 clusters."""
    deepest = max(len(cpu.clusters) for cpu in topology.cpus)
    paths = {cpu.clusters for cpu in topology.cpus}
    for depth in range(deepest, 0, -1):
        if len({path[:depth] for path in paths}) <= _MAX_BOXES:
            return depth
    return 0


def _outline(axes: "Axes", box: _Box, corner: tuple[float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top = corner
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


def _measure(box: _Box, room_in: float, cpu_in: float) -> None:
    """Set the sizes of a box and of the boxes in it, within a width; `cpu_in` is the width of a CPU.

    A box's own CPUs form a rectangle, a little wider than high; below it its clusters lie in lines, as many in each
    line as fit.
    """
    # The sizes must be known before anything is drawn: the figure is as large as the outermost box.
    # CPUs outside clusters, if there are no clusters at all, fill the whole width.
    columns = ceil(sqrt(len(box.cpus) * 1.6)) if box.boxes or box.name else int(room_in / cpu_in)
    columns = max(1, min(columns, len(box.cpus), int((room_in - 2 * _PAD_IN) / cpu_in)))
    inner_in = columns * cpu_in if box.cpus else 0.0
    height_in = ceil(len(box.cpus) / columns) * _CPU_IN
    line_in = line_height_in = 0.0
    for inside in box.boxes.values():
        _measure(inside, room_in - 2 * _PAD_IN, cpu_in)
        if line_in and line_in + inside.width_in > room_in - 2 * _PAD_IN:
            height_in += line_height_in
            line_in = line_height_in = 0.0
        line_in += inside.width_in + _PAD_IN
        line_height_in = max(line_height_in, inside.height_in + _PAD_IN)
        inner_in = max(inner_in, line_in)
    name_in = style.text_width_in(box.name, style.SMALL_PT)
    box.width_in = max(inner_in, min(name_in, 2.0)) + 2 * _PAD_IN
    box.height_in = height_in + line_height_in + 2 * _PAD_IN + (_NAME_IN if box.name else 0.0)


def _parts(topology: Topology) -> list[_Part]:
    """Return the parts of each CPU's square, from above."""
    types = [one for one in VectorType if any(cpu.usable_vqs(one) for cpu in topology.cpus)]
    lengths = [_part_of_lengths(topology, one) for one in types]
    if all(cpu.features.core.has_all_features for cpu in topology.cpus):
        return [_part_of_cores(topology, {look.colour for part in lengths for look in part.looks.values()}), *lengths]
    return lengths or [_part_of_lengths(topology, VectorType.SVE)]


def _part_of_cores(topology: Topology, taken: set[str]) -> _Part:
    """Return the part with a colour for each core, in the order of their first CPUs; `taken` are lengths' colours."""
    names = dict.fromkeys(cpu.features.core.name for cpu in topology.logical)
    palette = [one for one in _PALETTE if one not in taken]
    looks: dict[str | int, _Look] = {
        name: _Look(name, palette[place % len(palette)]) for place, name in enumerate(names)
    }
    return _Part(lambda cpu: cpu.features.core.name, looks)


def _part_of_lengths(topology: Topology, vector_type: VectorType) -> _Part:
    """Return the part with a colour for each set of lengths; 0 stands for no lengths.

    A set has the colour of its largest length, and sets with the same largest length differ in it and in their label.
    """
    sets = sorted({cpu.usable_vqs(vector_type) or 0 for cpu in topology.cpus}, key=lambda vqs: (largest_vq(vqs), vqs))
    often = Counter(map(largest_vq, sets))
    hatch = "////" if vector_type is VectorType.SME else ""
    free = iter([one for one in _PALETTE if one not in {_of_length(vq) for vq in often}] + [style.GREY] * len(sets))
    looks: dict[str | int, _Look] = {}
    for vqs in sets:
        vq = largest_vq(vqs)
        told = f"to {bits_from_vq(vq)} bits" if often[vq] == 1 else f"{braces(vqs)} bits"
        own = style.LIGHT if not vqs else _of_length(vq)
        colour = next(free) if own in {look.colour for look in looks.values()} else own
        looks[vqs] = _Look(f"{vector_type} {told}" if vqs else f"no {vector_type}", colour, hatch)
    return _Part(lambda cpu: cpu.usable_vqs(vector_type) or 0, looks)


def _of_length(vq: int) -> str:
    return _LENGTH_COLOURS.get(vq, _OTHER_COLOURS[vq % 2])
