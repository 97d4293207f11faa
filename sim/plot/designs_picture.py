"""Designs side by side: the cost of their buffers, and the number of each hazard."""

from typing import TYPE_CHECKING

from sim.arguments import checked
from sim.errors import InputError
from sim.hazard_kinds import HazardKind
from sim.plot import style
from sim.study.comparison import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim.study.comparison_rows import DesignRow

_ROW_IN, _BARS_IN, _COLUMN_IN = 0.28, 2.0, 0.5
_LEAST_BARS_IN, _USUAL_IN = 0.8, 7.5
_SLANT = 0.71
"""The height, and the width, of a heading that is set at 45 degrees, relative to its length: sin 45° = cos 45°."""
_CORRUPTING = HazardKind.HEADER_DESTROYED
"""The last hazard, by rank, that corrupts or stops something; the others lose or deny something."""


@style.styled
@checked
def plot_designs(comparison: Comparison, width_in: float = 11.0) -> style.Picture:
    """Draw a row for each design: the bytes asked for each CPU's buffer, and how often each hazard occurs.

    Hazards that occur under no design are left out. Hazards that corrupt or panic are red, the others orange.

    Args:
        comparison: what `compare()` returned.
        width_in: the width above which the bars give way, in inches.

    Raises:
        InputError: there is nothing to draw: neither hazards nor buffers.

    >>> from sim import compare, read_scenario
    >>> plot_designs(compare(read_scenario("bug")))  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    rows = comparison.design_rows
    kinds = [kind for kind in HazardKind if any(_count(row, kind) for row in rows)]
    labels = _labels(rows)
    labels_in = max(style.text_width_in(label, style.SMALL_PT) for label in labels) + 0.35
    if not has_designs_to_draw(comparison):
        raise InputError("no design has a hazard or buffers of pKVM here: nothing to draw")
    # Headings are slanted: the longest heading sets the space above the grid and to its right.
    longest_in = max((style.text_width_in(kind.title, style.SMALL_PT) for kind in kinds), default=0.0)
    beside_in = labels_in + 0.6 + _COLUMN_IN * len(kinds) + longest_in * _SLANT
    bars_in = min(_BARS_IN, max(_LEAST_BARS_IN, width_in - beside_in))
    drawn_in = max(min(_USUAL_IN, width_in), beside_in + bars_in)
    height_in = _ROW_IN * len(rows)
    headings_in = 0.3 + longest_in * _SLANT
    title = comparison.scenario.name or "designs"
    subtitle = _subtitle(comparison)
    picture = style.new_picture(drawn_in, height_in + headings_in + 0.6, title, subtitle)
    bars = style.axes_at(picture, labels_in, 0.55, bars_in, height_in)
    _draw_names(bars, labels)
    if comparison.scenario.has_pkvm:
        _draw_bars(bars, rows)
    else:
        bars.set_xlabel("no pKVM, so no buffers", size=style.SMALL_PT)
    if kinds:
        left_in = labels_in + bars_in + 0.6
        grid = style.axes_at(picture, left_in, 0.55, _COLUMN_IN * len(kinds), height_in)
        _draw_grid(grid, rows, kinds)
    else:
        bars.set_title("no hazard under any design", size=style.TEXT_PT, loc="left")
    return picture


def has_designs_to_draw(comparison: Comparison) -> bool:
    """Return True if some design has hazards, or pKVM's buffers."""
    return comparison.scenario.has_pkvm or any(
        _count(row, kind) for row in comparison.design_rows for kind in HazardKind
    )


def _subtitle(comparison: Comparison) -> str:
    """Return the settings that all rows share."""
    scenario, rows = comparison.scenario, comparison.design_rows
    told = [f"Linux {scenario.kernel_words}", f"KVM {scenario.kvm_mode}"]
    if scenario.has_pkvm:
        relays, memories = {row.relay for row in rows}, {row.memory for row in rows}
        told += [f"relay {one}" for one in relays if len(relays) == 1]
        told += [f"memory {one}" for one in memories if len(memories) == 1]
    if scenario.topology.hypothetical:
        told.append("hypothetical: no system known to us mixes lengths like this")
    return ", ".join(told)


def _labels(rows: "list[DesignRow]") -> list[str]:
    """Return the names of the designs, with relay and memory if rows differ in these."""
    relays, memories = ({getattr(row, name) for row in rows} for name in ("relay", "memory"))
    return [
        ", ".join([row.design, *([row.relay] if len(relays) > 1 else []), *([row.memory] if len(memories) > 1 else [])])
        for row in rows
    ]


def _count(row: "DesignRow", kind: HazardKind) -> int:
    return int(getattr(row, kind.value))


def _draw_names(axes: "Axes", labels: list[str]) -> None:
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_bars(axes: "Axes", rows: "list[DesignRow]") -> None:
    sizes = [row.asked_bytes or 0 for row in rows]
    axes.barh(range(len(rows)), sizes, height=0.6, color=style.SKY)
    axes.set_xlim(0, max(1, *sizes) * 1.3)  # leaves room for the number behind the longest bar
    axes.set_xlabel("bytes asked for each CPU's buffer", size=style.SMALL_PT)
    for number, row in enumerate(rows):
        size = "none" if row.asked_bytes is None else str(row.asked_bytes)
        place = (sizes[number], number)
        axes.annotate(size, place, (4, 0), textcoords="offset points", size=style.SMALL_PT, va="center")


def _draw_grid(axes: "Axes", rows: "list[DesignRow]", kinds: list[HazardKind]) -> None:
    for number, row in enumerate(rows):
        for column, kind in enumerate(kinds):
            count = _count(row, kind)
            colour = style.PALE if not count else style.RED if kind <= _CORRUPTING else style.ORANGE
            axes.broken_barh([(column - 0.46, 0.92)], (number - 0.43, 0.86), facecolor=colour)
            if count:
                axes.text(
                    column,
                    number,
                    f"{count:,}",
                    size=style.SMALL_PT,
                    ha="center",
                    va="center",
                    color=style.WHITE if kind <= _CORRUPTING else style.INK,
                    weight="bold",
                )
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(kinds)), [kind.title for kind in kinds], rotation=45, ha="left", rotation_mode="anchor")
    axes.set_yticks([])
    style.bare(axes)
    axes.set_xlabel("number of hazards of each kind", size=style.SMALL_PT)
