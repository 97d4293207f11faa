"""Who has which vector lengths: CPUs by lengths, and what becomes of each length."""

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sim.outcome import Outcome
from sim.plot import style
from sim.topology import cpu_list
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs, vq_from_bits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

_MOST_ROWS, _LONGEST_LIST = 64, 24
_ROW_IN, _COLUMN_IN = 0.24, 0.46
_STATE_IN = 0.85
_SIGN_PT = 7


class Cell(Enum):
    """What becomes of a length on a CPU: what it is called, its colour, its hatching."""

    SHARED = ("has it, as all early CPUs do", style.BLUE, "")
    HIDDEN = ("has it, and no task may use it", style.ORANGE, "////")
    MISSING = ("lacks it, and all early CPUs have it", style.RED, "")
    ABSENT = ("lacks it", style.PALE, "")


class LengthRow(NamedTuple):
    """A row: CPUs that are alike, as logical numbers."""

    label: str
    cpus: tuple[int, ...]
    state: str


@style.styled
def plot_lengths(outcome: Outcome) -> style.Picture:
    """CPUs by vector lengths: which each has, which all share, which are hidden or missing, and how far guests go.

    Above 64 CPUs, those that are alike share a row, and at most 64 rows are shown. SME's lengths stand beside SVE's
    where some CPU has them.
    """
    rows = length_rows(outcome)
    columns = {kind: found for kind in VectorType if (found := _columns(outcome, kind))} or {VectorType.SVE: []}
    labels_in = max(style.text_width_in(row.label, style.SMALL_PT) for row in rows) + 0.3
    widths_in = [_COLUMN_IN * max(2, len(found)) for found in columns.values()]
    width_in = max(6.0, labels_in + sum(widths_in) + 0.35 * (len(columns) - 1) + _STATE_IN + 0.2)
    handles = [_handle(one) for one in Cell]
    bound = style.line("guests go no further (max_virtualisable_vl)", style.BLACK)
    below_in = style.legend_height_in([*handles, bound], width_in - 0.3) + 0.15
    height_in = _ROW_IN * len(rows) + 0.42
    title = outcome.scenario.name or "vector lengths"
    picture = style.new_picture(width_in, height_in + below_in, title, _subtitle(outcome))
    left_in = labels_in
    for place, (kind, panel_in) in enumerate(zip(columns, widths_in, strict=True)):
        axes = style.axes_at(picture, left_in, below_in, panel_in, _ROW_IN * len(rows))
        _draw(axes, outcome, kind, rows, columns[kind])
        axes.set_yticks(range(len(rows)), [row.label for row in rows] if not place else [], parse_math=False)
        left_in += panel_in + 0.35
    for place, row in enumerate(rows):
        axes.annotate(
            row.state, (1, place), (6, 0), ("axes fraction", "data"), "offset points", size=style.SMALL_PT, va="center"
        )
    style.legend(picture, [*handles, bound], 0.15, 0.08, width_in - 0.3)
    return picture


def cell(outcome: Outcome, kind: VectorType, number: int, vq: int) -> Cell:
    """What becomes of a length on a CPU."""
    info, one = outcome.facts.vectors[kind], 1 << (vq - 1)
    has = bool((outcome.facts.hardware(number).usable_vqs(kind) or 0) & one)
    committed = bool(info.vq_map & one) and outcome.facts.supports[kind]
    if has:
        return Cell.SHARED if committed else Cell.HIDDEN
    return Cell.MISSING if committed else Cell.ABSENT


def length_rows(outcome: Outcome) -> list[LengthRow]:
    """The rows: a CPU each; where there are too many, CPUs that are alike, wherever they are."""
    topology, facts = outcome.scenario.topology, outcome.facts
    numbers = range(len(topology.cpus))
    if len(numbers) <= _MOST_ROWS:
        return [LengthRow(_label(outcome, (number,)), (number,), str(facts.state(number))) for number in numbers]
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in numbers:
        own = tuple(facts.hardware(number).usable_vqs(kind) for kind in VectorType)
        groups.setdefault((own, str(facts.state(number)), facts.role(number) == "late"), []).append(number)
    members = [tuple(one) for one in groups.values()]
    return [LengthRow(_label(outcome, one), one, str(facts.state(one[0]))) for one in members[:_MOST_ROWS]]


def _handle(one: Cell) -> "Patch":
    label, colour, hatch = one.value
    return style.patch(label, style.PAPER, hatch, edgecolor=colour) if hatch else style.patch(label, colour)


def _label(outcome: Outcome, members: tuple[int, ...]) -> str:
    number = members[0]
    told = outcome.scenario.topology.label(number)
    if members[1:]:
        told = f"cpu{cpu_list(list(members))}"
        told = told if len(told) <= _LONGEST_LIST else f"{len(members):,} CPUs from cpu{number} on"
    return f"{told}, late" if outcome.facts.role(number) == "late" else told


def _columns(outcome: Outcome, kind: VectorType) -> list[int]:
    """The lengths that some CPU has, as VQ."""
    every = 0
    for number in range(len(outcome.scenario.topology.cpus)):
        every |= outcome.facts.hardware(number).usable_vqs(kind) or 0
    return [vq_from_bits(bits) for bits in bits_from_vqs(every)]


def _draw(axes: "Axes", outcome: Outcome, kind: VectorType, rows: list[LengthRow], columns: list[int]) -> None:
    for one, place, first in _cells(outcome, kind, rows, columns):
        _, colour, hatch = one.value
        axes.broken_barh(
            [(first - 0.46, 0.92)],
            (place - 0.43, 0.86),
            facecolor=colour if not hatch else style.PAPER,
            hatch=hatch,
            edgecolor=colour if hatch else "none",
            linewidth=0.5,
        )
        if one is Cell.MISSING:
            axes.plot(first, place, "x", color=style.WHITE, markersize=_SIGN_PT, markeredgewidth=1.6)
    axes.set_xlim(-0.5, max(2, len(columns)) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), [str(bits_from_vq(vq)) for vq in columns])
    axes.set_xlabel(f"{kind}, bits" if columns else "no CPU has SVE", size=style.SMALL_PT)
    axes.xaxis.set_label_position("top")
    style.bare(axes)
    bound = outcome.facts.vectors[kind].virtualisable_vqs.bit_length()
    if outcome.facts.supports[kind] and kind is VectorType.SVE and bound:
        reached = sum(vq <= bound for vq in columns)
        axes.axvline(reached - 0.5, color=style.BLACK, linewidth=1.4, clip_on=False)


def _cells(
    outcome: Outcome, kind: VectorType, rows: list[LengthRow], columns: list[int]
) -> Iterator[tuple[Cell, int, int]]:
    for place, row in enumerate(rows):
        for first, vq in enumerate(columns):
            yield cell(outcome, kind, row.cpus[0], vq), place, first


def _subtitle(outcome: Outcome) -> str:
    facts = outcome.facts
    info = facts.vectors[VectorType.SVE]
    if not facts.supports[VectorType.SVE]:
        return f"Linux {outcome.scenario.kernel}: the system has no SVE"
    return (
        f"Linux {outcome.scenario.kernel}: with SVE, tasks use at most {8 * info.max_vl_bytes} bits, guests at most "
        f"{8 * info.max_virtualisable_vl_bytes}; the largest of any early CPU is {8 * info.max_cpu_vl_bytes}"
    )
