"""What saves do to pKVM's buffers, to scale: whose bytes are written, from which offset to which."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sim import rules
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

_WIDTH_IN, _ROW_IN = 11.0, 0.66
_MOST_ROWS = 8
_MARGIN = 0.04
"""Of the range shown, on either side."""
_HEADER, _REGISTERS, _SLACK = "header", "registers", "slack"
_COLOURS = {_HEADER: style.GREY, _REGISTERS: style.FADED_SKY, _SLACK: style.PALE}
_OWN, _OVER_HEADER = "bytes written, as asked for", "written over its own header"
_IN_SLACK, _OUTSIDE = "written beyond, in its own slack", "written outside"
_HITS = {_OWN: style.BLUE, _OVER_HEADER: style.PINK, _IN_SLACK: style.YELLOW, _OUTSIDE: style.RED}


class Stretch(NamedTuple):
    """A stretch of memory: its first byte and the one after its last, from the start of the saving CPU's buffer."""

    first: int
    end: int
    what: str
    cpu: int


@style.styled
def plot_buffers(outcome: Outcome) -> style.Picture:
    """Saves of the host's registers, each beside its CPU's buffer and what lies around it, to scale.

    The bytes count from the start of the saving CPU's own run of pages, which begins with the header. Of many different
    saves the first eight are shown, those that write outside first.
    """
    saves = shown_saves(outcome)
    buffers = outcome.facts.buffers
    if buffers is None or not saves:
        why = "no buffers for the host's SVE registers" if buffers is None else "no guest made a save"
        return style.new_picture(_WIDTH_IN, 0.2, outcome.scenario.name or "buffers", f"there is nothing to show: {why}")
    labels = [_label(outcome, save) for save in saves]
    labels_in = max(style.text_width_in(line, style.SMALL_PT) for one in labels for line in one.split("\n")) + 0.3
    handles: list[Patch | Line2D] = [style.patch(what, colour) for what, colour in (_COLOURS | _HITS).items()]
    handles.append(style.line("the CPU's own run of pages", style.BLACK))
    if any(save.panicked for save in saves):
        handles.append(style.sign("the store that panics", "*", style.RED))
    handles.append(style.patch(_around(outcome), style.PAPER, "....", edgecolor=style.GREY))
    below_in = 0.55 + style.legend_height_in([*handles], _WIDTH_IN - 0.3)
    picture = style.new_picture(
        _WIDTH_IN, _ROW_IN * len(saves) + below_in, outcome.scenario.name or "buffers", _subtitle(outcome, buffers)
    )
    width_in = _WIDTH_IN - labels_in - 0.35
    axes = style.axes_at(picture, labels_in, below_in, width_in, _ROW_IN * len(saves))
    first, end = _range(saves, buffers)
    axes.set_xlim(first, end)
    axes.set_ylim(len(saves) - 0.5, -0.5)
    axes.set_yticks(range(len(saves)), labels, parse_math=False)
    axes.tick_params(axis="y", length=0)
    for row, save in enumerate(saves):
        _draw(axes, outcome, save, row, width_in / (end - first))
    _ticks(axes, saves, buffers, (end - first) / width_in)
    axes.set_xlabel("bytes from the start of the CPU's own buffer", size=style.SMALL_PT)
    style.legend(picture, [*handles], 0.15, 0.08, _WIDTH_IN - 0.3)
    return picture


def shown_saves(outcome: Outcome) -> list[Save]:
    """The saves to show: each kind of a CPU's once, those that write outside first, at most eight."""
    kinds: dict[tuple[int, int, int], Save] = {}
    for save in outcome.facts.saves:
        kinds.setdefault((save.cpu, save.running_vq, save.pointer_vq), save)
    return sorted(kinds.values(), key=lambda save: (not save.outside, save.cpu))[:_MOST_ROWS]


def memory_around(outcome: Outcome, save: Save, buffers: Buffers) -> Iterator[Stretch]:
    """The saving CPU's buffer, and where buffers lie side by side those that the save hits, and their neighbours."""
    cpus = [save.cpu]
    if outcome.scenario.memory is MemoryLayout.ADJACENT:
        hit = [extent.cpu for extent in save.touched]
        cpus = [*range(min([save.cpu, *hit]) - 1, max([save.cpu, *hit]) + 2)]
    for cpu in cpus:
        if 0 <= cpu < len(outcome.scenario.topology.cpus):
            start = (cpu - save.cpu) * buffers.run_bytes
            yield Stretch(start, start + rules.HEADER_BYTES, _HEADER, cpu)
            yield Stretch(start + rules.HEADER_BYTES, start + buffers.asked_bytes, _REGISTERS, cpu)
            yield Stretch(start + buffers.asked_bytes, start + buffers.run_bytes, _SLACK, cpu)


def hits(save: Save, buffers: Buffers) -> Iterator[Stretch]:
    """The bytes that a save wrote: as asked for, over its header, beyond that in its own slack, or outside."""
    for extent in save.touched:
        first = _place(extent, save, buffers)
        end = first + extent.bytes
        if extent in save.outside:
            yield Stretch(first, end, _OUTSIDE, extent.cpu)
            continue
        if not save.header_intact and first < rules.HEADER_BYTES:
            yield Stretch(first, min(end, rules.HEADER_BYTES), _OVER_HEADER, extent.cpu)
            first = min(end, rules.HEADER_BYTES)
        asked = min(max(first, buffers.asked_bytes), end)
        if first < asked:
            yield Stretch(first, asked, _OWN, extent.cpu)
        if asked < end:
            yield Stretch(asked, end, _IN_SLACK, extent.cpu)


def _place(extent: Extent, save: Save, buffers: Buffers) -> int:
    """Where an extent begins, from the start of the saving CPU's buffer; where they lie apart, none lies in another."""
    return extent.first + (extent.cpu - save.cpu) * buffers.run_bytes


def _fault(save: Save) -> int | None:
    """Where a save met unmapped memory, from the start of its CPU's buffer."""
    return None if save.fault_byte is None else save.fault_byte + rules.HEADER_BYTES


def _faults(saves: list[Save]) -> list[int]:
    return [place for save in saves if (place := _fault(save)) is not None]


def _range(saves: list[Save], buffers: Buffers) -> tuple[float, float]:
    every = [one for save in saves for one in hits(save, buffers)]
    first = min(0, *_faults(saves), *(one.first for one in every))
    end = max(buffers.run_bytes, *_faults(saves), *(one.end for one in every))
    margin = _MARGIN * (end - first)
    return first - margin, end + margin


def _draw(axes: "Axes", outcome: Outcome, save: Save, row: int, in_per_byte: float) -> None:
    buffers = outcome.facts.buffers
    assert buffers is not None
    first, end = axes.get_xlim()
    axes.broken_barh(
        [(first, end - first)],
        (row - 0.3, 0.6),
        facecolor=style.PAPER,
        hatch="....",
        edgecolor=style.LIGHT,
        linewidth=0,
    )
    for one in memory_around(outcome, save, buffers):
        shown_first, shown_end = max(one.first, first), min(one.end, end)
        if shown_first >= shown_end:
            continue
        axes.broken_barh(
            [(shown_first, shown_end - shown_first)],
            (row - 0.3, 0.6),
            facecolor=_COLOURS[one.what],
            edgecolor=style.PAPER,
            linewidth=0.5,
        )
        told = _named(one, save)
        if style.text_width_in(told, style.SMALL_PT) < (shown_end - shown_first) * in_per_byte - 0.06:
            middle = (shown_first + shown_end) / 2
            axes.text(middle, row - 0.14, told, size=style.SMALL_PT, ha="center", va="center")
    for one in hits(save, buffers):
        axes.broken_barh(
            [(one.first, one.end - one.first)], (row + 0.02, 0.2), facecolor=_HITS[one.what], edgecolor=_HITS[one.what]
        )
    for border in (0, buffers.run_bytes):
        axes.plot([border, border], [row - 0.3, row + 0.3], color=style.BLACK, linewidth=1.2)
    if (fault := _fault(save)) is not None:
        axes.plot(fault, row + 0.12, "*", color=style.RED, markersize=9)


def _named(one: Stretch, save: Save) -> str:
    return f"{one.what}, {one.end - one.first} bytes" if one.cpu == save.cpu else f"cpu{one.cpu}'s {one.what}"


def _ticks(axes: "Axes", saves: list[Save], buffers: Buffers, bytes_per_in: float) -> None:
    """Label where buffers and writes begin and end, where there is room; writes first."""
    every = [one for save in saves for one in hits(save, buffers)]
    outside = [place for one in every if one.what == _OUTSIDE for place in (one.first, one.end)]
    wanted = [
        0,
        *outside,
        *_faults(saves),
        buffers.asked_bytes,
        buffers.run_bytes,
        *(place for one in every for place in one[:2]),
    ]
    chosen: list[int] = []
    for place in wanted:
        apart_in = style.text_width_in("-00000", style.SMALL_PT) + 0.05
        if all(abs(place - other) / bytes_per_in >= apart_in for other in chosen):
            chosen.append(place)
    axes.set_xticks(sorted(chosen))


def _label(outcome: Outcome, save: Save) -> str:
    lost = "" if save.header_intact else "\nits header is lost"
    panicked = "\nthe hypervisor panics" if save.panicked else ""
    cut = "\nregisters come back changed" if save.at_save_vq_restored is False else ""
    return f"{outcome.facts.label(save.cpu)}, {bits_from_vq(save.running_vq)} bits{lost}{cut}{panicked}"


def _around(outcome: Outcome) -> str:
    mapped = outcome.scenario.memory is MemoryLayout.MAPPED
    return "somebody else's memory" if mapped else "nothing is mapped"


def _subtitle(outcome: Outcome, buffers: Buffers) -> str:
    design = outcome.scenario.active_design
    told = f"design {design.name}: " if design is not None else ""
    kinds = len({(save.cpu, save.running_vq, save.pointer_vq) for save in outcome.facts.saves})
    more = f"; {kinds - _MOST_ROWS} more saves are not shown" if kinds > _MOST_ROWS else ""
    return (
        f"{told}buffers for {bits_from_vq(buffers.allocation_vq)} bits, {buffers.asked_bytes} bytes asked for in a run "
        f"of {buffers.run_bytes}; memory {outcome.scenario.memory}{more}"
    )
