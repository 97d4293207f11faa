"""The terminal: headings, wrapped lines and legends, for every text that is shown to people.

Colour appears only on a terminal, and never with NO_COLOR. Output that does not go to a terminal has 80 columns.
"""

import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping

from rich.console import Console
from rich.text import Text

_MAX_SET_WIDTH = 19
"""The width of a line of a set in a table, in characters."""
_MIN_WRAPPED_WIDTH = 18
"""The smallest width to which text is wrapped, in characters; narrower text would be hard to read."""


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


def legend(console: Console, words: Mapping[str, str], shown: Collection[str]) -> None:
    """Print what columns hold, a line each, for those of them that are shown."""
    for title, told in words.items():
        if title in shown:
            line(console, f"{title}: {told}")
