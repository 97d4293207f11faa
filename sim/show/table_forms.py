"""Tables, each in the plainest form that is not wider than the terminal.

The forms follow each other from the plainest on, and the first that fits is taken:

1. all columns beside each other, with headings in two lines and wrapped cells where these are needed;
2. without the columns that have the same cell in every row, which is said once above the table;
3. besides, with the first column's cells on lines of their own, each above the rows that share it;
4. besides, with the last columns below their rows.

Nothing is ever cut off: a terminal that is too narrow for a single column gets lines that are longer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.show.console import line

Layout = Literal["left", "right", "wrap", "over", "path"]
"""The layout of a table's column.

``wrap``: set left, and its cells wrap where the terminal is narrow. ``over``, of the first column alone: set left, and
where the terminal is narrow, a cell stands on a line of its own above the rows that share it. ``path``: the same, with
the part of the cell before its last dot.
"""

_GAP = 2
"""The space between two columns of a table, in characters."""
_WRAPPED_WIDTH, _NARROW_WIDTH = 18, 10
"""The smallest widths of a wrapped column, in characters: the second where the first makes the table too wide."""
_AT_SPACES = re.compile(r"(?<= )")
_IN_WORDS = re.compile(r"(?<=[ /,])")
"""The places where lines of a wrapped column may end; inside of paths and lists only where nothing else helps."""
_MAX_HEADING_WIDTH = 10
"""The width above which a heading that is wider than its column's cells takes two lines, in characters."""
_MIN_ALIKE = 2
"""The smallest number of rows of which a cell is said once."""
_INDENT = "  "
_MAX_TABLE_ROWS = 256


class Column(msgspec.Struct, frozen=True):
    """A column of a table: its heading, its layout and a cell for each row."""

    heading: str
    layout: Layout
    cells: Sequence[str]


class Form(msgspec.Struct, frozen=True):
    """A form of a table.

    Args:
        columns: the columns that stand beside each other.
        said: the cell of each column that is the same in every row, by its heading.
        over: the line above each row, where that differs from the line above the row before; empty: no lines.
        below: the columns whose cells stand below each row.
        widths: the width of each column, in characters.
    """

    columns: tuple[Column, ...]
    said: dict[str, str] = {}
    over: tuple[str, ...] = ()
    below: tuple[Column, ...] = ()
    widths: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """The width of the columns beside each other, in characters."""
        return sum(self.widths) + _GAP * (len(self.widths) - 1)

    def parts(self) -> Iterator[Table | Text]:
        """Yield the table as rich prints it: the headings, then rows and the lines above and below them."""
        grid, above = self._grid(headings=True), ""
        for number in range(len(self.columns[0].cells)):
            if self.over and self.over[number] != above:
                above = self.over[number]
                yield from (grid, Text(above))
                grid = self._grid(headings=False)
            beside = zip(self.columns, self.widths, strict=True)
            grid.add_row(*(Text(_wrapped(column.cells[number], width)) for column, width in beside))
            told = "; ".join(
                f"{one.heading} {one.cells[number]}".replace("\n", " ") for one in self.below if one.cells[number]
            )
            if told:
                below = _wrapped(told, self.width - 2 * len(_INDENT)).replace("\n", "\n" + _INDENT * 2)
                yield from (grid, Text(_INDENT * 2 + below))
                grid = self._grid(headings=False)
        yield grid

    def _grid(self, *, headings: bool) -> Table:
        """Return a table of rich's without rows."""
        grid = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, show_header=headings)
        for column, width in zip(self.columns, self.widths, strict=True):
            justify: Literal["left", "right"] = "right" if column.layout == "right" else "left"
            grid.add_column(_wrapped(column.heading, width), justify=justify, no_wrap=True, width=width)
        return grid


def table_of_columns(console: Console, columns: Mapping[str, tuple[Layout, Sequence[str]]]) -> set[str]:
    """Print a table that is given column by column, without the columns that would be empty.

    Args:
        console: the terminal.
        columns: each column's layout and cells, by its heading.

    Returns:
        The headings of the columns that are shown.
    """
    shown = {title: column for title, column in columns.items() if any(column[1])}
    layouts = {title: layout for title, (layout, _) in shown.items()}
    table(console, layouts, zip(*(cells for _, cells in shown.values()), strict=True))
    return set(shown)


def table(console: Console, columns: Mapping[str, Layout], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of at most 256 rows in the form that fits the terminal; `columns` has each column's heading."""
    every_row = [[str(cell) for cell in row] for row in rows]
    form = fitted(columns, every_row[:_MAX_TABLE_ROWS], console.width)
    if form.said:
        line(console, f"in every row: {', '.join(f'{heading} {cell}' for heading, cell in form.said.items())}")
    # rich cuts what is wider than the console, which even the narrowest form may be.
    width, console.width = console.width, max(console.width, form.width + _GAP)
    for part in form.parts():
        console.print(part)
    console.width = width
    more = len(every_row) - _MAX_TABLE_ROWS
    if more > 0:
        line(console, f"{more:,} more rows; --json prints them all")


def fitted(columns: Mapping[str, Layout], rows: Sequence[Sequence[str]], width: int) -> Form:
    """Return the plainest form of a table that fits a width, or the narrowest form there is.

    >>> rows = [["ID_PFR0_EL1.CSV2", "1", "no"], ["ID_PFR0_EL1.RAS", "0", "no"]]
    >>> form = fitted({"field": "path", "value": "right", "logged": "left"}, rows, 16)
    >>> form.said
    {'logged': 'no'}
    >>> form.over, form.columns[0].cells
    (('ID_PFR0_EL1', 'ID_PFR0_EL1'), ['  CSV2', '  RAS'])
    """
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    given = Form(tuple(Column(*named, own) for named, own in zip(columns.items(), cells, strict=True)))
    forms = (with_widths for form in _forms(given) if (with_widths := _with_widths(*form, width)))
    return next(forms, None) or replace(given, widths=tuple(map(_longest, given.columns)))


def _forms(given: Form) -> Iterator[tuple[Form, int, re.Pattern[str]]]:
    """Yield the forms of a table, the plainest first, each with the least width and the breaks of wrapped columns."""
    without_repeats = [given, *_said_once(given)]
    said = without_repeats[-1]
    form = _with_lines_over(said)
    wide, narrow, narrowest = ((_WRAPPED_WIDTH, _AT_SPACES), (_NARROW_WIDTH, _AT_SPACES), (_NARROW_WIDTH, _IN_WORDS))
    yield from ((one, *wide) for one in (*without_repeats, form))
    yield from ((said, *one) for one in (narrow, narrowest))
    while len(form.columns) > 1:
        form = replace(form, columns=form.columns[:-1], below=(form.columns[-1], *form.below))
        yield from ((form, *one) for one in (wide, narrow, narrowest))


def _said_once(form: Form) -> Iterator[Form]:
    """Yield a form without one, two and more of the columns that have the same cell in each of several rows."""
    if len(form.columns[0].cells) < _MIN_ALIKE:
        return
    for column in form.columns:
        if len(set(column.cells)) == 1 and len(form.columns) > 1:
            others = tuple(one for one in form.columns if one is not column)
            told = {column.heading.replace("\n", " "): column.cells[0] or "none"}
            form = replace(form, columns=others, said=form.said | told)
            yield form


def _with_lines_over(form: Form) -> Form:
    """Return a form whose first column, or its part before the last dot, is on lines above the rows that share it."""
    first, *others = form.columns
    if first.layout == "path":
        parts = [cell.rpartition(".") for cell in first.cells]
        own = replace(first, layout="left", cells=[_INDENT + last for *_, last in parts])
        return replace(form, columns=(own, *others), over=tuple(before for before, *_ in parts))
    if first.layout == "over" and others:
        second, *more = others
        own = Column(
            f"{first.heading}\n{_INDENT}{second.heading}",
            second.layout,
            [_INDENT + cell.replace("\n", f"\n{_INDENT}") for cell in second.cells],
        )
        return replace(form, columns=(own, *more), over=tuple(first.cells))
    return form


def _with_widths(form: Form, wrapped_width: int, breaks: re.Pattern[str], width: int) -> Form | None:
    """Return a form with headings and widths with which it fits a width; None: it cannot.

    Args:
        form: the form.
        wrapped_width: the smallest width of a column that wraps, in characters.
        breaks: the places where its lines may end.
        width: the width that the form must fit, in characters.
    """
    room = width - _GAP * (len(form.columns) - 1)
    for heading_width in (_MAX_HEADING_WIDTH, 0):  # short headings have a single line where there is room
        columns = tuple(
            _with_short_heading(column, max(_cells_width(column), heading_width)) for column in form.columns
        )
        least = [_least(column, wrapped_width, breaks) for column in columns]
        if sum(least) <= room:
            longest = [_longest(column) for column in columns]
            return replace(form, columns=columns, widths=tuple(_narrowed(longest, least, room)))
    return None


def _longest(column: Column) -> int:
    return max(_cells_width(column), *map(cell_len, column.heading.split("\n")))


def _cells_width(column: Column) -> int:
    return max((cell_len(part) for cell in column.cells for part in cell.split("\n")), default=0)


def _least(column: Column, wrapped_width: int, breaks: re.Pattern[str]) -> int:
    """Return the smallest width of a column: if it wraps, the smallest in which its lines can end at breaks."""
    longest = _longest(column)
    if column.layout != "wrap":
        return longest
    texts = [text for whole in (column.heading, *column.cells) for text in whole.split("\n")]
    indent = max(len(text) - len(text.lstrip()) for text in texts)
    pieces = (cell_len(piece.rstrip()) for text in texts for piece in breaks.split(text.lstrip()))
    return min(longest, max(wrapped_width, indent + max(pieces)))


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths of columns whose sum fits into a room, in which the least widths fit: the widest give way first.

    >>> _narrowed([20, 12, 5], [6, 12, 5], 30)
    [13, 12, 5]
    """
    made = list(widths)
    while sum(made) > room:
        wider = [place for place, width in enumerate(made) if width > least[place]]
        made[max(wider, key=made.__getitem__)] -= 1
    return made


def _with_short_heading(column: Column, width: int) -> Column:
    """Return a column whose heading has a second line if it is wider than a width."""
    if "\n" in column.heading or len(column.heading) <= width:
        return column
    spaces = [place for place, letter in enumerate(column.heading) if letter == " "]
    if not spaces:
        return column
    middle = min(spaces, key=lambda place: abs(2 * place - len(column.heading)))
    return replace(column, heading=f"{column.heading[:middle]}\n{column.heading[middle + 1 :]}")


def _wrapped(cell: str, width: int) -> str:
    r"""Return a cell whose lines end at spaces, or else inside of words that are longer than a line.

    rich breaks such words at any letter.

    >>> _wrapped("cpu0 of socket0/cluster1", 12)
    'cpu0 of\nsocket0/\ncluster1'
    """
    lines: list[str] = []
    for text in cell.split("\n"):
        if cell_len(text) <= width:
            lines.append(text)
            continue
        words = text.lstrip()
        made = indent = text[: len(text) - len(words)]
        for word in _AT_SPACES.split(words):
            for piece in _IN_WORDS.split(word) if cell_len(indent + word.rstrip()) > width else [word]:
                if made != indent and cell_len((made + piece).rstrip()) > width:
                    lines.append(made.rstrip())
                    made = indent
                made += piece
        lines.append(made.rstrip())
    return "\n".join(lines)
