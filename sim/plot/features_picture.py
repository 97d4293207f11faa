"""The CPU features of a boot: a row for each field in which CPUs differ, a column for each kind of CPU."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sim.arguments import checked
from sim.errors import InputError
from sim.feature_rows import FieldRow, field_rows
from sim.outcome import Outcome
from sim.plot import style
from sim.topology import Topology, cpu_list
from sim.units import counted
from sim.unknown_features import partly_known_cores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

_MAX_ROWS, _MAX_KINDS = 100, 12
_ROW_IN, _COLUMN_IN, _SYSTEM_IN = 0.24, 1.0, 0.7
_HEAD_LINE_IN = 0.2
_LARGE = 10
"""The least value that is written in hexadecimal."""


class FeatureCell(Enum):
    """The states of a CPU's field, each with its label, colour and hatching."""

    USED = ("the system's value is this CPU's own", style.BLUE, "")
    UNUSED = ("has more than the system uses", style.ORANGE, "////")
    OTHER = ("another value than the system's", style.LIGHT, "")
    OPEN = ("the system's value is unknown", style.LIGHT, "....")
    UNKNOWN = ("unknown: no source tells", style.PALE, "xxxx")
    LACKED = ("no such register: the CPU runs no 32-bit code", style.PAPER, "")
    UNLISTED = ("in no field that the kernel lists", style.PALE, "")


class _Kind(NamedTuple):
    """The CPUs that are alike, and the lines at the head of their column."""

    cpus: tuple[int, ...]
    head: tuple[str, ...]


@style.styled
@checked
def plot_features(outcome: Outcome) -> style.Picture:
    """Draw the fields of ID registers in which CPUs differ: each kind of CPU's value beside the system's.

    At most 100 fields and 12 kinds of CPU are drawn, and the subtitle says so where there are more.

    Args:
        outcome: the outcome of `boot()`.

    Raises:
        InputError: features are not modelled, since a CPU has no core, or all CPUs have the same ID registers.

    >>> from sim import boot, read_scenario
    >>> plot_features(boot(read_scenario("big-little")))  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    rows, kinds = _rows(outcome), _kinds(outcome)
    shown, columns = rows[:_MAX_ROWS], kinds[:_MAX_KINDS]
    labels = [f"{row.register}.{row.field}" for row in shown]
    rules = [_rule(row) for row in shown]
    left_in = max(style.text_width_in(label, style.SMALL_PT) for label in labels) + 0.3
    right_in = max(style.text_width_in(rule, style.SMALL_PT) for rule in rules) + 0.3
    cells_in, height_in = _COLUMN_IN * len(columns) + _SYSTEM_IN, _ROW_IN * len(shown)
    width_in = max(6.0, left_in + cells_in + right_in)
    handles = _legend(shown, columns)
    below_in = style.legend_height_in(handles, width_in - 0.3) + 0.15
    title = outcome.scenario.name or "CPU features"
    subtitle = _subtitle(outcome, len(rows), len(kinds))
    if any(row.strict for row in shown):
        subtitle += ". Logged: a difference from the boot CPU causes a SANITY CHECK line, and taints the kernel"
    head_in = 0.05 + _HEAD_LINE_IN * max(2, *(len(kind.head) for kind in columns))
    picture = style.new_picture(width_in, height_in + below_in + head_in, title, subtitle)
    axes = style.axes_at(picture, left_in, below_in, cells_in, height_in)
    _draw(axes, shown, columns)
    axes.set_yticks(range(len(shown)), labels, parse_math=False)
    for number, rule in enumerate(rules):
        axes.annotate(
            rule, (1, number), (6, 0), ("axes fraction", "data"), "offset points", size=style.SMALL_PT, va="center"
        )
    style.legend(picture, handles, 0.15, 0.08, width_in - 0.3)
    return picture


def feature_cell(row: FieldRow, cpu: int) -> FeatureCell:
    """Return the state of a field on a CPU, by its logical number."""
    if cpu in row.lacked_by:
        return FeatureCell.LACKED
    if row.values[cpu] is None:
        return FeatureCell.UNKNOWN
    if row.sanitised is None:
        return FeatureCell.OPEN if row.is_listed else FeatureCell.UNLISTED
    if row.taken(cpu) == row.sanitised:
        return FeatureCell.USED
    return FeatureCell.UNUSED if cpu in row.unused_by else FeatureCell.OTHER


def _rows(outcome: Outcome) -> list[FieldRow]:
    """Return the rows to draw.

    Raises:
        InputError: there are none.
    """
    if outcome.facts.features_at_end is None:
        raise InputError("features are modelled where every CPU has a core, and here a CPU has none: nothing to draw")
    if not outcome.facts.features_at_end.has_values:
        raise InputError("the kernel stopped before it read the boot CPU's ID registers: nothing to draw")
    rows = field_rows(outcome.facts)
    if not rows:
        known = ", as far as they are known" if partly_known_cores(outcome.scenario) else ""
        raise InputError(f"all CPUs have the same ID registers{known}: nothing to draw")
    return rows


def _kinds(outcome: Outcome) -> list[_Kind]:
    topology = outcome.scenario.topology
    return [_Kind(cpus, tuple(_head(topology, cpus))) for cpus in topology.kinds]


def _rule(row: FieldRow) -> str:
    # The kernel's names in small letters, as words: a picture has no room for the table's two columns.
    words = row.rule.replace("_", " ").lower()
    return f"{words}, logged" if row.strict else words


def _legend(rows: list[FieldRow], kinds: list[_Kind]) -> "list[Patch | Line2D]":
    found = {feature_cell(row, kind.cpus[0]) for row in rows for kind in kinds}
    return [style.cell_patch(*state.value) for state in FeatureCell if state in found]


def _subtitle(outcome: Outcome, rows: int, kinds: int) -> str:
    differ = "are known to differ" if partly_known_cores(outcome.scenario) else "differ"
    subtitle = f"Linux {outcome.scenario.kernel_words}: CPUs {differ} in {counted(rows, 'field')}"
    if rows > _MAX_ROWS:
        subtitle += f", of which {_MAX_ROWS} are shown"
    if kinds > _MAX_KINDS:
        subtitle += f"; {_MAX_KINDS} of {kinds} kinds of CPU are shown"
    return subtitle


def _draw(axes: "Axes", rows: list[FieldRow], kinds: list[_Kind]) -> None:
    for number, row in enumerate(rows):
        form = _form(row)
        for column, kind in enumerate(kinds):
            cpu = kind.cpus[0]
            state = feature_cell(row, cpu)
            text = "-" if state is FeatureCell.LACKED else row.own_text(cpu, form)
            _draw_cell(axes, (column, number), state, text)
        if row.is_listed:
            place = len(kinds) + _SYSTEM_IN / _COLUMN_IN / 2 - 0.5
            axes.text(place, number, form(row.sanitised), size=style.TEXT_PT, weight="bold", ha="center", va="center")
    axes.set_xlim(-0.5, len(kinds) - 0.5 + _SYSTEM_IN / _COLUMN_IN)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(
        [*range(len(kinds)), len(kinds) + _SYSTEM_IN / _COLUMN_IN / 2 - 0.5],
        [*("\n".join(kind.head) for kind in kinds), "system\nat the end"],
        parse_math=False,
    )
    style.bare(axes)


def _form(row: FieldRow) -> Callable[[int | None], str]:
    """Return how the values of a row are written: in hexadecimal if one is large, and ? if unknown."""
    is_large = any(value is not None and value >= _LARGE for value in row.values)

    def written(value: int | None) -> str:
        return "?" if value is None else hex(value) if is_large else str(value)

    return written


def _head(topology: Topology, cpus: tuple[int, ...]) -> Iterator[str]:
    """Yield the numbers of CPUs, their names where those differ, and their core, as wide as a column."""
    names = [f"({topology.names(cpus)})"] if topology.has_own_names(cpus) else []
    for line in (f"cpu{cpu_list(cpus)}", *names, topology.logical[cpus[0]].features.core.name.rpartition(",")[2]):
        yield style.shortened(line, _COLUMN_IN - 0.06, style.SMALL_PT)


def _draw_cell(axes: "Axes", place: tuple[int, int], state: FeatureCell, text: str) -> None:
    column, number = place
    _, colour, hatch = state.value
    axes.broken_barh(
        [(column - 0.47, 0.94)],
        (number - 0.43, 0.86),
        facecolor=colour if not hatch else style.PAPER,
        hatch=hatch,
        edgecolor=colour if hatch else "none",
        linewidth=0.5,
    )
    # Text on hatching is hard to read without a patch of paper behind it.
    behind = {"boxstyle": "round,pad=0.15", "facecolor": style.PAPER, "edgecolor": "none"} if hatch else None
    ink = style.WHITE if state is FeatureCell.USED else style.BLACK
    axes.text(column, number, text, size=style.SMALL_PT, ha="center", va="center", color=ink, bbox=behind)
