"""Variants along several axes as a matrix: two axes as rows and columns, a table for each setting of the others.

Settings with equal outcomes share a row, a column or a table. A cell has the letter of an outcome, which is told in
full below. What differs between neighbours along an axis follows, with the settings under which it does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from string import ascii_uppercase

from rich.console import Console

from sim.hazard_kinds import KINDS
from sim.show.console import heading, line
from sim.show.table_forms import Layout, fitted, table
from sim.study.variant_comparison import VariantComparison, VariantStep
from sim.study.variant_rows import VariantRow
from sim.study.variants import Axis
from sim.titles import title
from sim.units import counted, spans

_MOST_SETTINGS = 3
"""The number of settings that are named singly where they make no rectangle."""
_MOST_DIFFERENCES = 24
"""The number of differences between neighbours that are told."""
_BETWEEN = " / "
"""The sign between the boot CPU and the early CPUs where these are one dimension."""
_NO_VARIANT = "-"
"""The cell of settings that do not go together, such as an early kernel's design with a later kernel."""
_LOST = ("capabilities_lost", "hwcaps_lost")
"""The lists of what another variant has, as columns."""
_Grid = tuple[tuple[str, ...], ...]
"""The cells of a table, row by row."""
_Block = tuple[str, dict[str, Layout], list[list[str]]]
"""A table: its heading, its columns and its rows."""
_Cells = Mapping[tuple[str, ...], str]
"""The letter of the outcome of each variant, by its values along every dimension."""


@dataclass(frozen=True)
class Dimension:
    """An axis on which something depends, or the boot CPU and the early CPUs together, as these depend on each other.

    Args:
        axes: the axes.
        values: the settings, in their order.
    """

    axes: tuple[Axis, ...]
    values: tuple[str, ...]

    @property
    def title(self) -> str:
        """The title, as a column would have it."""
        return _BETWEEN.join(title(axis) for axis in self.axes)

    def words(self, values: Sequence[str]) -> str:
        """Return some of the settings in words; kernels that follow each other are a range."""
        if len(self.axes) > 1:
            return "; ".join(values)
        return spans(self.values, values, 2 if self.axes == (Axis.KERNEL,) else len(self.values))


def value_of(row: VariantRow, axes: Sequence[Axis]) -> str:
    """Return the setting of a variant along an axis, or its settings along several."""
    return _BETWEEN.join(str(getattr(row, axis.value)) for axis in axes)


def dimensions(rows: Sequence[VariantRow], axes: Sequence[Axis]) -> list[Dimension]:
    """Return the dimensions of variants.

    Args:
        rows: the variants.
        axes: the axes on which something depends, in the order of the variants.
    """
    of_cpus = tuple(axis for axis in axes if axis in {Axis.BOOT_CPU, Axis.EARLY})
    grouped = ([of_cpus] if of_cpus else []) + [(axis,) for axis in axes if axis not in of_cpus]
    return [Dimension(own, tuple(dict.fromkeys(value_of(row, own) for row in rows))) for own in grouped]


def show_matrix(
    comparison: VariantComparison,
    numbers: Sequence[int],
    along: Sequence[Dimension],
    particulars: Callable[[VariantRow], Iterator[str]],
    console: Console,
) -> None:
    """Print the outcomes of variants along two or more dimensions, and where neighbours differ.

    Args:
        comparison: the comparison.
        numbers: the numbers of the variants to show, from 1.
        along: the dimensions.
        particulars: a function that tells an outcome in full.
        console: the terminal.
    """
    rows = {number: comparison.rows[number - 1] for number in numbers}
    letters: dict[tuple[object, ...], str] = {}
    cells = {
        tuple(value_of(row, one.axes) for one in along): letters.setdefault(_outcome(row), _letter(len(letters)))
        for row in rows.values()
    }
    by_letter = {letters[_outcome(row)]: row for row in reversed(rows.values())}
    shown = {place: f"{letter}  {_brief(by_letter[letter])}" for place, letter in cells.items()}
    _show_tables(along, shown, console)
    heading(console, "Outcomes")
    if len(cells) < prod(len(one.values) for one in along):
        line(console, f"{_NO_VARIANT}: there is no such variant")
    for letter in letters.values():
        row = by_letter[letter]
        told = [*([] if row.panic is not None else [_online(row)]), *particulars(row)]
        if row.hazards:
            kinds = ", ".join(KINDS[kind].title for kind in row.hazard_kinds)
            told.append(f"{counted(row.hazards, 'hazard')}: {kinds}")
        line(console, f"{letter}: {'; '.join(told)}")
    lost = [title(name) for name in _LOST if any(getattr(row, name) for row in by_letter.values())]
    if lost:
        line(console, f"{', '.join(lost)}: those that another variant has")
    heading(console, "What differs first between neighbours, a and b")
    differences = list(_steps(comparison.steps, rows, along))
    for told_once in differences[:_MOST_DIFFERENCES]:
        line(console, told_once)
    if (more := len(differences) - _MOST_DIFFERENCES) > 0:
        line(console, f"{more:,} more differences; --json has them all, and fewer axes or values fewer of them")


def _outcome(row: VariantRow) -> tuple[object, ...]:
    """Return what two variants share that have the same outcome."""
    losses = (row.refused, row.lost, row.panic, row.capabilities_lost, row.hwcaps_lost)
    return row.online, *losses, row.taint, row.hazards, row.hazard_kinds


def _letter(number: int) -> str:
    """Return the letter of an outcome by its number, from 0.

    >>> _letter(0), _letter(25), _letter(26)
    ('A', 'Z', 'AA')
    """
    more, own = divmod(number, len(ascii_uppercase))
    return (_letter(more - 1) if more else "") + ascii_uppercase[own]


def _online(row: VariantRow) -> str:
    return "stopped" if row.panic is not None else f"{row.online:,} online"


def _brief(row: VariantRow) -> str:
    refused = [f"{row.refused_cpus:,} refused"] if row.refused_cpus else []
    lost = [f"{row.lost_cpus:,} lost"] if row.lost_cpus else []
    hazards = [counted(row.hazards, "hazard")] if row.hazards else []
    return ", ".join([_online(row), *refused, *lost, *hazards])


def _show_tables(along: Sequence[Dimension], cells: _Cells, console: Console) -> None:
    """Print the tables: the dimension with the most outcomes has the rows, the next that fits has the columns.

    Boot CPU and early CPUs together have the rows: their names would make wide columns.
    """
    down, *others = sorted(along, key=lambda one: (-len(one.axes), -_outcomes(one, along, cells)))
    for across in others:
        blocks = list(_blocks(along, down, across, cells))
        if all(not fitted(columns, lines, console.width).below for _, columns, lines in blocks):
            break
    for words, columns, lines in blocks:
        heading(console, words)
        table(console, columns, lines)


def _outcomes(one: Dimension, along: Sequence[Dimension], cells: _Cells) -> int:
    """Return the number of settings along a dimension that have different outcomes."""
    place = along.index(one)
    by_value: dict[str, list[str]] = {}
    for setting, told in cells.items():
        by_value.setdefault(setting[place], []).append(told)
    return len({tuple(own) for own in by_value.values()})


def _blocks(along: Sequence[Dimension], down: Dimension, across: Dimension, cells: _Cells) -> Iterator[_Block]:
    """Yield a table for each group of settings along the other dimensions with equal outcomes."""
    others = [one for one in along if one not in (down, across)]
    grids: dict[_Grid, list[tuple[str, ...]]] = {}
    for setting in product(*(one.values for one in others)):
        fixed = dict(zip(others, setting, strict=True))
        places = [[fixed | {down: row, across: column} for column in across.values] for row in down.values]
        keys = ((tuple(place[one] for one in along) for place in row) for row in places)
        grid = tuple(tuple(cells.get(key, _NO_VARIANT) for key in row) for row in keys)
        grids.setdefault(grid, []).append(setting)
    for grid, settings in grids.items():
        words = _settings(others, settings) if others else f"By {down.title} and {across.title}"
        yield words, *_folded(grid, down, across)


def _folded(grid: _Grid, down: Dimension, across: Dimension) -> tuple[dict[str, Layout], list[list[str]]]:
    """Return the headings and the rows of a table in which equal rows are one, and equal columns are one."""
    columns: dict[tuple[str, ...], list[str]] = {}
    for value, own in zip(across.values, zip(*grid, strict=True), strict=True):
        columns.setdefault(own, []).append(value)
    rows: dict[tuple[str, ...], list[str]] = {}
    for value, own in zip(down.values, zip(*columns, strict=True), strict=True):
        rows.setdefault(own, []).append(value)
    titles: dict[str, Layout] = {down.title: "wrap"}
    titles |= {f"{across.title}\n" + across.words(own).replace(", ", ",\n"): "wrap" for own in columns.values()}
    return titles, [[down.words(values).replace("; ", ";\n"), *own] for own, values in rows.items()]


def _settings(along: Sequence[Dimension], settings: Sequence[tuple[str, ...]]) -> str:
    """Return settings along several dimensions in words: as a rectangle if they make a rectangle, else singly."""
    sides = [tuple(dict.fromkeys(values)) for values in zip(*settings, strict=True)]
    if set(product(*sides)) == set(settings):
        return "; ".join(
            f"{one.title} {one.words(side)}"
            for one, side in zip(along, sides, strict=True)
            if set(side) != set(one.values) or len(along) == 1
        )
    named = ["/".join(setting) for setting in settings[:_MOST_SETTINGS]]
    more = len(settings) - len(named)
    return f"{', '.join(one.title for one in along)}: {', '.join(named)}" + (f" and {more:,} more" if more else "")


def _steps(steps: Sequence[VariantStep], rows: Mapping[int, VariantRow], along: Sequence[Dimension]) -> Iterator[str]:
    """Yield what differs first between neighbours along each axis; equal differences are together."""
    axes = [axis for one in along for axis in one.axes]
    others = {axis: dimensions(list(rows.values()), [one for one in axes if one is not axis]) for axis in axes}
    found: dict[tuple[Axis, str, str], dict[str, list[tuple[str, ...]]]] = {}
    for step in steps:
        if step.a in rows and step.b in rows:
            a, b = (value_of(rows[number], [step.axis]) for number in (step.a, step.b))
            setting = tuple(value_of(rows[step.b], one.axes) for one in others[step.axis])
            found.setdefault((step.axis, a, b), {}).setdefault(_difference(step), []).append(setting)
    for (axis, a, b), differences in found.items():
        for told, settings in differences.items():
            where = _settings(others[axis], settings) if len(differences) > 1 else ""
            if told:
                yield f"{title(axis)} {a} (a) and {b} (b){where and f', {where}'}: {told}"


def _difference(step: VariantStep) -> str:
    """Return what differs first between two neighbours; empty: nothing does."""
    worst = f"; worst hazard of one alone: {step.worst_hazard}" if step.worst_hazard else ""
    return f"{step.first}{worst}" if step.first else ""
