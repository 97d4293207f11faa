"""The saves of a boot beside pKVM's buffers, to scale: which bytes are written, and whose they are."""

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sim import rules
from sim.arguments import checked
from sim.errors import InputError
from sim.facts import Buffers
from sim.kernel.save_area import Save
from sim.machine.memory import Extent
from sim.outcome import Outcome
from sim.plot import style
from sim.scenario import MemoryLayout
from sim.vectors import bits_from_vq

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

_ROW_IN = 0.66
_INSET_IN = 1.6
_INSET_BYTES = -16.0, 48.0
"""The bytes that the magnified header is drawn with: as many as it has before it, and twice as many behind."""
_MAX_SAVES = 8
"""The number of saves above which a picture has more rows than a page."""
_MARGIN = 0.04
"""The margin on either side of the axis, as a share of the range that is drawn."""


class _Drawn(Enum):
    """A kind of stretch, with its label and colour."""

    def __init__(self, label: str, colour: str) -> None:
        self.label, self.colour = label, colour


class Part(_Drawn):
    """The parts of a CPU's run of pages, from its start: header, registers, and the slack of page rounding."""

    HEADER = ("header", style.GREY)
    REGISTERS = ("registers", style.FADED_SKY)
    SLACK = ("slack", style.PALE)


class Written(_Drawn):
    """The places of the bytes that a save writes."""

    AS_ASKED = ("written within the bytes asked for", style.BLUE)
    OVER_HEADER = ("written over its own header", style.PINK)
    IN_SLACK = ("written beyond, in its own slack", style.YELLOW)
    OUTSIDE = ("written outside", style.RED)


class Stretch(NamedTuple):
    """A stretch of memory: its first byte and the byte after its last, from the start of the saving CPU's buffer."""

    first: int
    end: int
    kind: Part | Written
    cpu: int


@style.styled
@checked
def plot_buffers(outcome: Outcome, width_in: float = 11.0) -> style.Picture:
    """Draw the saves of the host's registers, each beside its CPU's buffer and the memory around it, to scale.

    Bytes count from the start of the saving CPU's own run of pages, which begins with the header. Of more than eight
    different saves the first eight are drawn, beginning with those that write outside. The header, which would be too
    small to see, is drawn once more at the right, magnified.

    Args:
        outcome: the outcome of `boot()`.
        width_in: the width of the picture in inches, at least 5.

    Raises:
        InputError: there is nothing to draw: no buffers, or no save.

    >>> from sim import boot, read_scenario
    >>> plot_buffers(boot(read_scenario("bug")))  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    saves = shown_saves(outcome)
    buffers = outcome.facts.buffers
    if buffers is None or not saves:
        why = "there are no buffers for the host's SVE registers" if buffers is None else "no guest made a save"
        raise InputError(f"buffers cannot be drawn: {why}")
    labels = [_label(outcome, save) for save in saves]
    labels_in = max(style.text_width_in(line, style.SMALL_PT) for label in labels for line in label.split("\n")) + 0.3
    first, end = _range(saves, buffers)
    handles = _handles(outcome, saves, (first, end))
    below_in = 0.55 + style.legend_height_in(handles, width_in - 0.3)
    picture = style.new_picture(
        width_in, _ROW_IN * len(saves) + below_in, outcome.scenario.name or "buffers", _subtitle(outcome, buffers)
    )
    bars_in, height_in = width_in - labels_in - _INSET_IN - 0.6, _ROW_IN * len(saves)
    axes = style.axes_at(picture, labels_in, below_in, bars_in, height_in)
    _draw(axes, outcome, saves, (first, end), bars_in)
    axes.set_yticks(range(len(saves)), labels, parse_math=False)
    _label_bytes(axes, saves, buffers, (end - first) / bars_in)
    axes.set_xlabel("bytes from the start of the CPU's own buffer", size=style.SMALL_PT)
    inset = style.axes_at(picture, labels_in + bars_in + 0.35, below_in, _INSET_IN, height_in)
    _draw(inset, outcome, saves, _INSET_BYTES, _INSET_IN)
    inset.set_yticks([])
    inset.set_xticks([0, rules.HEADER_BYTES])
    inset.set_xlabel("the header, magnified", size=style.SMALL_PT)
    style.legend(picture, handles, 0.15, 0.08, width_in - 0.3)
    return picture


def _draw(axes: "Axes", outcome: Outcome, saves: list[Save], shown: tuple[float, float], width_in: float) -> None:
    """Draw a row for each save, between the first and the last byte shown."""
    buffers = outcome.facts.buffers
    assert buffers is not None
    axes.set_xlim(*shown)
    axes.set_ylim(len(saves) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for row, save in enumerate(saves):
        _draw_memory(axes, outcome, save, row, width_in / (shown[1] - shown[0]))
        _draw_save(axes, save, buffers, row)


def shown_saves(outcome: Outcome) -> list[Save]:
    """Return the saves to draw, at most eight: each kind once for each CPU, those that write outside first."""
    kinds: dict[tuple[int, int, int], Save] = {}
    for save in outcome.facts.saves:
        kinds.setdefault(_kind(save), save)
    return sorted(kinds.values(), key=lambda save: (not save.outside, save.cpu))[:_MAX_SAVES]


def _kind(save: Save) -> tuple[int, int, int]:
    """Return what decides which bytes a save writes: the CPU, and the lengths of the save and of its pointer."""
    return save.cpu, save.running_vq, save.pointer_vq


def memory_around(outcome: Outcome, save: Save, buffers: Buffers) -> Iterator[Stretch]:
    """Yield the parts of the saving CPU's buffer.

    In adjacent memory, the parts of all buffers that the save hits follow, and of a neighbour on either side of these.
    """
    cpus = [save.cpu]
    if outcome.scenario.memory is MemoryLayout.ADJACENT:
        hit = [extent.cpu for extent in save.touched]
        cpus = [*range(min([save.cpu, *hit]) - 1, max([save.cpu, *hit]) + 2)]
    for cpu in cpus:
        if 0 <= cpu < len(outcome.scenario.topology.cpus):
            start = (cpu - save.cpu) * buffers.run_bytes
            yield Stretch(start, start + rules.HEADER_BYTES, Part.HEADER, cpu)
            yield Stretch(start + rules.HEADER_BYTES, start + buffers.asked_bytes, Part.REGISTERS, cpu)
            yield Stretch(start + buffers.asked_bytes, start + buffers.run_bytes, Part.SLACK, cpu)


def hits(save: Save, buffers: Buffers) -> Iterator[Stretch]:
    """Yield the stretches that a save wrote.

    A stretch in the CPU's own run is cut where the header and the bytes asked for end, since each part has its colour.
    """
    for extent in save.touched:
        first = _place(extent, save, buffers)
        end = first + extent.bytes
        if extent in save.outside:
            yield Stretch(first, end, Written.OUTSIDE, extent.cpu)
            continue
        # Every save writes its header. Only register data in it, which has destroyed zcr_el1, counts as written over.
        if not save.header_intact and first < rules.HEADER_BYTES:
            yield Stretch(first, min(end, rules.HEADER_BYTES), Written.OVER_HEADER, extent.cpu)
            first = min(end, rules.HEADER_BYTES)
        asked = min(max(first, buffers.asked_bytes), end)
        if first < asked:
            yield Stretch(first, asked, Written.AS_ASKED, extent.cpu)
        if asked < end:
            yield Stretch(asked, end, Written.IN_SLACK, extent.cpu)


def _place(extent: Extent, save: Save, buffers: Buffers) -> int:
    """Return the first byte of an extent, from the start of the saving CPU's buffer.

    An extent in another CPU's buffer exists only in adjacent memory, where buffers follow each other in order.
    """
    return extent.first + (extent.cpu - save.cpu) * buffers.run_bytes


def _fault(save: Save) -> int | None:
    """Return the byte at which a save met unmapped memory, from the start of its CPU's buffer."""
    # `fault_byte` counts from the registers, as hazards do; this picture counts from the header before them.
    return None if save.fault_byte is None else save.fault_byte + rules.HEADER_BYTES


def _faults(saves: list[Save]) -> list[int]:
    return [place for save in saves if (place := _fault(save)) is not None]


def _range(saves: list[Save], buffers: Buffers) -> tuple[float, float]:
    """Return the first and the last byte of the axis, with a margin on either side."""
    written = [stretch for save in saves for stretch in hits(save, buffers)]
    first = min(0, *_faults(saves), *(stretch.first for stretch in written))
    end = max(buffers.run_bytes, *_faults(saves), *(stretch.end for stretch in written))
    margin = _MARGIN * (end - first)
    return first - margin, end + margin


def _handles(outcome: Outcome, saves: list[Save], shown: tuple[float, float]) -> "list[Patch | Line2D]":
    """Return the entries of the legend: what occurs between the first and the last byte shown."""
    buffers = outcome.facts.buffers
    assert buffers is not None
    drawn = {stretch.kind for save in saves for stretch in hits(save, buffers)}
    handles: list[Patch | Line2D] = [
        style.patch(kind.label, kind.colour) for kind in (*Part, *Written) if isinstance(kind, Part) or kind in drawn
    ]
    handles.append(style.line("the CPU's own run of pages", style.BLACK))
    if any(save.panicked for save in saves):
        handles.append(style.sign("the store that panics", "*", style.RED))
    if any(_buffer_bytes(outcome, save, shown) < shown[1] - shown[0] for save in saves):
        around = "other memory" if outcome.scenario.memory is MemoryLayout.MAPPED else "unmapped memory"
        handles.append(style.patch(around, style.PAPER, "...", edgecolor=style.GREY))
    return handles


def _buffer_bytes(outcome: Outcome, save: Save, shown: tuple[float, float]) -> float:
    """Return the number of the bytes shown that belong to runs of pages."""
    buffers = outcome.facts.buffers
    assert buffers is not None
    stretches = memory_around(outcome, save, buffers)
    return sum(max(0, min(one.end, shown[1]) - max(one.first, shown[0])) for one in stretches)


def _draw_memory(axes: "Axes", outcome: Outcome, save: Save, row: int, in_per_byte: float) -> None:
    buffers = outcome.facts.buffers
    assert buffers is not None
    first, end = axes.get_xlim()
    # All of the range first, as other or unmapped memory; the buffers are then drawn over it.
    axes.broken_barh(
        [(first, end - first)],
        (row - 0.3, 0.6),
        facecolor=style.PAPER,
        hatch="..",
        edgecolor=style.LIGHT,
        linewidth=0,
    )
    for stretch in memory_around(outcome, save, buffers):
        shown_first, shown_end = max(stretch.first, first), min(stretch.end, end)
        if shown_first >= shown_end:
            continue
        axes.broken_barh(
            [(shown_first, shown_end - shown_first)],
            (row - 0.3, 0.6),
            facecolor=stretch.kind.colour,
            edgecolor=style.PAPER,
            linewidth=0.5,
        )
        name = _name(stretch, save, outcome)
        if style.text_width_in(name, style.SMALL_PT) < (shown_end - shown_first) * in_per_byte - 0.06:
            middle = (shown_first + shown_end) / 2
            axes.text(middle, row - 0.14, name, size=style.SMALL_PT, ha="center", va="center")


def _draw_save(axes: "Axes", save: Save, buffers: Buffers, row: int) -> None:
    for stretch in hits(save, buffers):
        axes.broken_barh(
            [(stretch.first, stretch.end - stretch.first)],
            (row + 0.02, 0.2),
            facecolor=stretch.kind.colour,
            edgecolor=stretch.kind.colour,
        )
    for border in (0, buffers.run_bytes):
        axes.plot([border, border], [row - 0.3, row + 0.3], color=style.BLACK, linewidth=1.2)
    if (fault := _fault(save)) is not None:
        axes.plot(fault, row + 0.12, "*", color=style.RED, markersize=9)


def _name(stretch: Stretch, save: Save, outcome: Outcome) -> str:
    """Return the label of a part of a buffer; a neighbour's part is labelled with its CPU."""
    if stretch.cpu == save.cpu:
        return f"{stretch.kind.label}, {stretch.end - stretch.first} bytes"
    return f"{outcome.facts.label(stretch.cpu)}'s {stretch.kind.label}"


def _label_bytes(axes: "Axes", saves: list[Save], buffers: Buffers, bytes_per_in: float) -> None:
    """Label the bytes at which buffers and writes begin and end, where there is room; writes outside come first."""
    written = [stretch for save in saves for stretch in hits(save, buffers)]
    outside = [stretch for stretch in written if stretch.kind is Written.OUTSIDE]
    wanted = [
        0,
        *(place for stretch in outside for place in (stretch.first, stretch.end)),
        *_faults(saves),
        buffers.asked_bytes,
        buffers.run_bytes,
        *(place for stretch in written for place in (stretch.first, stretch.end)),
    ]
    # Greedy: a place is labelled if no place before it in the list has a label too close.
    distance_in = style.text_width_in("-00000", style.SMALL_PT) + 0.05
    chosen: list[int] = []
    for place in wanted:
        if all(abs(place - other) / bytes_per_in >= distance_in for other in chosen):
            chosen.append(place)
    axes.set_xticks(sorted(chosen))


def _label(outcome: Outcome, save: Save) -> str:
    lost = "" if save.header_intact else "\nits header is lost"
    panicked = "\nthe hypervisor panics" if save.panicked else ""
    changed = "\nregisters come back changed" if save.at_save_vq_restored is False else ""
    return f"{outcome.facts.label(save.cpu)}, {bits_from_vq(save.running_vq)} bits{lost}{changed}{panicked}"


def _subtitle(outcome: Outcome, buffers: Buffers) -> str:
    design = outcome.scenario.active_design
    name = f"design {design.name}: " if design is not None else ""
    kinds = len({_kind(save) for save in outcome.facts.saves})
    more = f"; {kinds - _MAX_SAVES} more saves are not shown" if kinds > _MAX_SAVES else ""
    return (
        f"{name}buffers for {bits_from_vq(buffers.allocation_vq)} bits, {buffers.asked_bytes} bytes asked for in a run "
        f"of {buffers.run_bytes}; memory {outcome.scenario.memory}{more}"
    )
