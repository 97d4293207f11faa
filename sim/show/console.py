"""The terminal: headings, lines that wrap, and tables, for everything that is shown to people.

Colour only where the output is a terminal, and never with NO_COLOR; 80 columns where there is none.
"""

import sys
import textwrap
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDEST_SET = 19
_NARROWEST_COLUMN = 18
_GAP = 2
_MOST_ROWS = 256


def terminal() -> Console:
    """The standard output, with nothing in what is printed read as markup."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def heading(console: Console, text: str, *, first: bool = False) -> None:
    """Print a heading, apart from what stands above it."""
    console.print(Text(text if first else f"\n{text}", "bold"))


def line(console: Console, text: str, style: str = "", styled: int | None = None) -> None:
    """Print a line, wrapped at words, its further lines indented; `styled` characters of it have the style."""
    wrapped = textwrap.fill(
        text,
        max(console.width, _NARROWEST_COLUMN),
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    printed = Text(wrapped)
    printed.stylize(style, 0, styled)
    console.print(printed, soft_wrap=True)


def lengths(bits: Iterable[int] | None) -> str:
    """Write a set of lengths as kernel developers do; a long one takes several lines.

    >>> lengths((128, 256, 512))
    '{128,256,512}'
    """
    if bits is None:
        return "none"
    wrapped = textwrap.wrap(", ".join(map(str, bits)), _WIDEST_SET)
    return "{" + "\n".join(one.replace(", ", ",") for one in wrapped) + "}"


def table(console: Console, columns: dict[str, str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; each column's heading maps to how it is set: right, left, or wrap (left, as narrow as need be).

    Where a terminal is too narrow for it, its lines are longer than the terminal: nothing is ever cut off.
    """
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    every = [[str(cell) for cell in row] for row in rows]
    cells = every[:_MOST_ROWS]
    for place, (title, how) in enumerate(columns.items()):
        longest = max(len(part) for cell in (title, *(row[place] for row in cells)) for part in cell.split("\n"))
        made.add_column(
            title,
            justify="right" if how == "right" else "left",
            no_wrap=how != "wrap",
            min_width=min(longest, _NARROWEST_COLUMN) if how == "wrap" else longest,
            overflow="fold",
            vertical="top",
        )
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))
    narrowest = sum(column.min_width or 0 for column in made.columns) + _GAP * len(made.columns)
    room = console.width
    console.width = max(room, narrowest)
    console.print(made)
    console.width = room
    if len(every) > len(cells):
        line(console, f"{len(every) - len(cells):,} more rows; --json has all")
