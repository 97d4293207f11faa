"""The vector lengths of CPUs: a row for each CPU, a column for each length, and the state of each length."""

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sim.arguments import checked
from sim.errors import InputError
from sim.outcome import Outcome
from sim.plot import style
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs, vq_from_bits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

_MAX_ROWS, _MAX_LIST_WIDTH = 64, 32
_ROW_IN, _COLUMN_IN = 0.24, 0.46
_STATE_IN = 0.85
_SIGN_PT = 7


class Cell(Enum):
    """The states of a length on a CPU, each with its label, colour and hatching."""

    SHARED = ("has it, as all early CPUs do", style.BLUE, "")
    HIDDEN = ("has it, and no task may use it", style.ORANGE, "////")
    MISSING = ("lacks it, and all early CPUs have it", style.RED, "")
    ABSENT = ("lacks it", style.PALE, "")


class LengthRow(NamedTuple):
    """A row: its label, its CPUs as logical numbers, and their state at the end of the boot."""

    label: str
    cpus: tuple[int, ...]
    state: str


@style.styled
@checked
def plot_lengths(outcome: Outcome) -> style.Picture:
    """Draw the vector lengths that each CPU has, all CPUs share, are hidden or missing, and the limit of guests.

    Above 64 CPUs, CPUs that are alike share a row, and at most 64 rows are drawn. The lengths of SME stand beside those
    of SVE where some CPU has them.

    Args:
        outcome: the outcome of `boot()`.

    Raises:
        InputError: no CPU has SVE or SME that the kernel may use.

    >>> from sim import boot, read_scenario
    >>> plot_lengths(boot(read_scenario("bug")))  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    rows = length_rows(outcome)
    columns = shown_lengths(outcome)
    if not columns:
        raise InputError("lengths cannot be drawn: no CPU has SVE or SME that the kernel may use")
    labels_in = max(style.text_width_in(row.label, style.SMALL_PT) for row in rows) + 0.3
    widths_in = [_COLUMN_IN * max(2, len(vqs)) for vqs in columns.values()]
    width_in = max(6.0, labels_in + sum(widths_in) + 0.35 * (len(columns) - 1) + _STATE_IN + 0.2)
    handles = _legend(outcome, rows, columns)
    below_in = style.legend_height_in(handles, width_in - 0.3) + 0.15
    height_in = _ROW_IN * len(rows) + 0.42
    title = outcome.scenario.name or "vector lengths"
    picture = style.new_picture(width_in, height_in + below_in, title, _subtitle(outcome))
    left_in = labels_in
    for index, (kind, panel_in) in enumerate(zip(columns, widths_in, strict=True)):
        axes = style.axes_at(picture, left_in, below_in, panel_in, _ROW_IN * len(rows))
        _draw(axes, outcome, kind, rows, columns[kind])
        axes.set_yticks(range(len(rows)), [row.label for row in rows] if index == 0 else [], parse_math=False)
        left_in += panel_in + 0.35
    # The states stand to the right of the last panel, whose axes the loop above has left in `axes`.
    for number, row in enumerate(rows):
        axes.annotate(
            row.state, (1, number), (6, 0), ("axes fraction", "data"), "offset points", size=style.SMALL_PT, va="center"
        )
    style.legend(picture, handles, 0.15, 0.08, width_in - 0.3)
    return picture


def cell(outcome: Outcome, kind: VectorType, number: int, vq: int) -> Cell:
    """Return the state of a length, as VQ, on a CPU, by its logical number."""
    info, bit = outcome.facts.vectors[kind], 1 << (vq - 1)
    # The lengths are those of the CPU hardware that runs under the number: a CPU that arrives late may have taken the
    # idle task, and so the number, of another CPU.
    has = bool((outcome.facts.hardware(number).usable_vqs(kind) or 0) & bit)
    committed = bool(info.vq_map & bit) and outcome.facts.supports[kind]
    if has:
        return Cell.SHARED if committed else Cell.HIDDEN
    return Cell.MISSING if committed else Cell.ABSENT


def length_rows(outcome: Outcome) -> list[LengthRow]:
    """Return a row for each CPU; above 64 CPUs, a row for all CPUs that are alike, wherever they are."""
    topology, facts = outcome.scenario.topology, outcome.facts
    numbers = range(len(topology.cpus))
    if len(numbers) <= _MAX_ROWS:
        return [LengthRow(_label(outcome, (number,)), (number,), str(facts.state(number))) for number in numbers]
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in numbers:
        own = tuple(facts.hardware(number).usable_vqs(kind) for kind in VectorType)
        groups.setdefault((own, str(facts.state(number)), facts.late_because(number)), []).append(number)
    members = [tuple(group) for group in groups.values()]
    return [LengthRow(_label(outcome, cpus), cpus, str(facts.state(cpus[0]))) for cpus in members[:_MAX_ROWS]]


def _legend(outcome: Outcome, rows: list[LengthRow], columns: dict[VectorType, list[int]]) -> "list[Patch | Line2D]":
    """Return the legend's entries: the states that occur, and the limit of guests where it is drawn."""
    found = {state for kind, vqs in columns.items() for state, _, _ in _cells(outcome, kind, rows, vqs)}
    handles: list[Patch | Line2D] = [style.cell_patch(*state.value) for state in Cell if state in found]
    if any(_limit_of_guests_vq(outcome, kind) for kind in columns):
        handles.append(style.line("guests go no further (max_virtualisable_vl)", style.BLACK))
    return handles


def _limit_of_guests_vq(outcome: Outcome, kind: VectorType) -> int:
    """Return the largest length that guests may have, as VQ; 0 where the kernel computes none, as of SME."""
    if kind is not VectorType.SVE or not outcome.facts.supports[kind]:
        return 0
    return outcome.facts.vectors[kind].virtualisable_vqs.bit_length()


def _label(outcome: Outcome, cpus: tuple[int, ...]) -> str:
    number = cpus[0]
    topology = outcome.scenario.topology
    label = topology.labels(cpus)
    if len(cpus) > 1 and len(label) > _MAX_LIST_WIDTH:
        label = f"{len(cpus):,} CPUs, the first {topology.label(number)}"
    because = outcome.facts.late_because(number)
    return label if because is None else f"{label}, {outcome.facts.role(number)} ({because})"


def shown_lengths(outcome: Outcome) -> dict[VectorType, list[int]]:
    """Return the lengths that at least one CPU has, as VQ, of each vector type that any CPU has."""
    return {kind: vqs for kind in VectorType if (vqs := _columns(outcome, kind))}


def _columns(outcome: Outcome, kind: VectorType) -> list[int]:
    vqs = 0
    for number in range(len(outcome.scenario.topology.cpus)):
        vqs |= outcome.facts.hardware(number).usable_vqs(kind) or 0
    return [vq_from_bits(bits) for bits in bits_from_vqs(vqs)]


def _draw(axes: "Axes", outcome: Outcome, kind: VectorType, rows: list[LengthRow], columns: list[int]) -> None:
    for state, row, column in _cells(outcome, kind, rows, columns):
        _, colour, hatch = state.value
        axes.broken_barh(
            [(column - 0.46, 0.92)],
            (row - 0.43, 0.86),
            facecolor=colour if not hatch else style.PAPER,
            hatch=hatch,
            edgecolor=colour if hatch else "none",
            linewidth=0.5,
        )
        if state is Cell.MISSING:
            axes.plot(column, row, "x", color=style.WHITE, markersize=_SIGN_PT, markeredgewidth=1.6)
    axes.set_xlim(-0.5, max(2, len(columns)) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), [str(bits_from_vq(vq)) for vq in columns])
    axes.set_xlabel(f"{kind}, bits", size=style.SMALL_PT)
    axes.xaxis.set_label_position("top")
    style.bare(axes)
    if bound_vq := _limit_of_guests_vq(outcome, kind):
        within = sum(vq <= bound_vq for vq in columns)
        axes.axvline(within - 0.5, color=style.BLACK, linewidth=1.4, clip_on=False)


def _cells(
    outcome: Outcome, kind: VectorType, rows: list[LengthRow], columns: list[int]
) -> Iterator[tuple[Cell, int, int]]:
    """Yield the state of each length on the CPUs of each row, with the numbers of the row and the column."""
    for number, row in enumerate(rows):
        for column, vq in enumerate(columns):
            # The first CPU stands for its row: CPUs share a row only if their lengths are equal.
            yield cell(outcome, kind, row.cpus[0], vq), number, column


def _subtitle(outcome: Outcome) -> str:
    facts = outcome.facts
    info = facts.vectors[VectorType.SVE]
    if not facts.supports[VectorType.SVE]:
        return f"Linux {outcome.scenario.kernel_words}: the system has no SVE"
    return (
        f"Linux {outcome.scenario.kernel_words}: with SVE, tasks use at most {8 * info.max_vl_bytes} bits, guests at "
        f"most {8 * info.max_virtualisable_vl_bytes}; the largest of any early CPU is {8 * info.max_cpu_vl_bytes}"
    )
