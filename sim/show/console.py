"""The terminal: headings, wrapped lines and tables, for every text that is shown to people.

Colour appears only on a terminal, and never with NO_COLOR. Output that does not go to a terminal has 80 columns.
"""

import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_MAX_SET_WIDTH = 19
"""The width of a line of a set in a table, in characters."""
_MIN_WRAPPED_WIDTH = 18
"""The smallest width to which text is wrapped, in characters; narrower text would be hard to read."""
_NARROW_WIDTH = 10
"""The smallest width of a wrapped column in a table that would else be wider than the terminal, in characters."""
_COLUMN_GAP = 2
"""The space that rich puts between two columns of a table, in characters."""
_MAX_HEADING_WIDTH = 10
"""The width above which a heading that is wider than its column's cells takes two lines, in characters."""
_MAX_TABLE_ROWS = 256

Layout = Literal["left", "right", "wrap"]
"""The layout of a table's column. A ``wrap`` column is set left, and its cells wrap where the terminal is narrow."""


class _Terminal(Console):
    """A console that leaves it to the command that the reader of its output has gone, as any other output does."""

    def on_broken_pipe(self) -> None:
        """Raise the error again: rich would exit with 1, which is bad news to a script."""
        raise  # noqa: PLE0704  rich calls this where it handles the error


def terminal() -> Console:
    """Return a console on the standard output that reads nothing in a text as markup."""
    return _Terminal(file=sys.stdout, highlight=False, markup=False, emoji=False)


def heading(console: Console, text: str, *, first: bool = False) -> None:
    """Print a heading, below an empty line unless it is the first."""
    console.print(Text(text if first else f"\n{text}", "bold"))


def line(console: Console, text: str, style: str = "", styled: int | None = None, indent: str = "") -> None:
    """Print a line, wrapped at words and indented by two more spaces from its second line on.

    Args:
        console: the terminal.
        text: the line.
        style: a style of rich's, such as ``bold red``.
        styled: the number of characters at the beginning that have the style; None: all.
        indent: the white space before its first line.
    """
    # Words are never broken: a path, an option or a range such as cpu0-3 must be copied whole. rich would break them.
    wrapped = textwrap.fill(
        text,
        max(console.width, _MIN_WRAPPED_WIDTH),  # the environment may claim 0 columns, which textwrap refuses
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    printed = Text(wrapped)
    printed.stylize(style, 0, styled)
    console.print(printed, soft_wrap=True)  # it is wrapped already


def lengths(bits: Iterable[int] | None) -> str:
    """Return a set of lengths as kernel developers write it; a long set takes several lines.

    >>> lengths((128, 256, 512))
    '{128,256,512}'
    """
    if bits is None:
        return "none"
    # textwrap breaks lines at spaces only, so the lengths have spaces until they are wrapped.
    wrapped = textwrap.wrap(", ".join(map(str, bits)), _MAX_SET_WIDTH)
    return "{" + "\n".join(part.replace(", ", ",") for part in wrapped) + "}"


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


def legend(console: Console, words: Mapping[str, str], shown: Collection[str]) -> None:
    """Print what columns hold, a line each, for those of them that are shown."""
    for title, told in words.items():
        if title in shown:
            line(console, f"{title}: {told}")


def _in_two_lines(text: str) -> str:
    """Break a heading at the space that is nearest to its middle, if it has a space."""
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    if not spaces:
        return text
    place = min(spaces, key=lambda place: abs(2 * place - len(text)))
    return f"{text[:place]}\n{text[place + 1 :]}"


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


def _headings(columns: Mapping[str, Layout], widest: Sequence[int], room: int) -> list[str]:
    """Return the headings of columns: those that are wider than their cells take two lines.

    Args:
        columns: the headings, with each column's layout.
        widest: the width of the widest cell of each column.
        room: the sum of the widths that is there. Where it is enough, short headings stay in one line; columns that
            wrap can give way.
    """
    cells = list(zip(columns, widest, strict=True))
    usual = [_in_two_lines(one) if len(one) > max(width, _MAX_HEADING_WIDTH) else one for one, width in cells]
    longest = [max(width, *map(len, one.split("\n"))) for one, width in zip(usual, widest, strict=True)]
    needed = sum(
        min(width, _NARROW_WIDTH) if layout == "wrap" else width
        for width, layout in zip(longest, columns.values(), strict=True)
    )
    return usual if needed <= room else [_in_two_lines(one) if len(one) > width else one for one, width in cells]


def table(console: Console, columns: Mapping[str, Layout], rows: Iterable[Sequence[str]]) -> None:
    """Print a table of at most 256 rows; `columns` has each column's heading and layout.

    Nothing is ever cut off: where the terminal is too narrow for a table, the table's lines are longer.
    """
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    every_row = [[str(cell) for cell in row] for row in rows]
    shown = every_row[:_MAX_TABLE_ROWS]
    widths: list[int] = []
    least: list[int] = []
    cells_in = [
        max((len(part) for row in shown for part in row[index].split("\n")), default=0) for index in range(len(columns))
    ]
    headings = _headings(columns, cells_in, console.width - _COLUMN_GAP * (len(columns) - 1))
    for index, (over, widest, layout) in enumerate(zip(headings, cells_in, columns.values(), strict=True)):
        longest = max(widest, *map(len, over.split("\n")))
        word = max(map(len, " ".join([over, *(row[index] for row in shown)]).split()), default=0)
        widths.append(longest)
        least.append(min(longest, max(word, _NARROW_WIDTH)) if layout == "wrap" else longest)
        grid.add_column(
            over,
            justify="right" if layout == "right" else "left",
            no_wrap=layout != "wrap",
            min_width=min(longest, _MIN_WRAPPED_WIDTH) if layout == "wrap" else longest,
            overflow="fold",
            vertical="top",
        )
    for row in shown:
        grid.add_row(*(Text(cell) for cell in row))
    # rich cuts cells off to make a table fit the console. The console is as wide as the narrowest form of this table
    # while the table is printed, so that rich has nothing to cut.
    gaps = _COLUMN_GAP * len(grid.columns)
    narrowest = sum(column.min_width or 0 for column in grid.columns) + gaps
    width = console.width
    if narrowest > width >= sum(least) + gaps - _COLUMN_GAP:
        narrowed = _narrowed(widths, least, width - gaps + _COLUMN_GAP)  # no gap follows the last column
        for column, own in zip(grid.columns, narrowed, strict=True):
            column.width = own
        narrowest = sum(narrowed) + gaps
    console.width = max(width, narrowest)
    console.print(grid)
    console.width = width
    if len(every_row) > len(shown):
        line(console, f"{len(every_row) - len(shown):,} more rows; --json prints them all")
