"""What all pictures share: colours, type, and how a figure is made and written.

The colours are Okabe and Ito's, which people with any kind of colour vision tell apart ("Color Universal Design",
2008); what matters is also told by hatching or a sign. The same thing has the same colour in every picture.
"""

import io
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.errors import InputError

BLACK, GREY, LIGHT, PALE, PAPER = "#1a1a1a", "#7f7f7f", "#d5d9dc", "#eceff1", "#fefefe"
INK, WHITE = "#111111", "#ffffff"
"""What is written on a colour, whatever the paper's."""
FADED_SKY = "#b9dcf2"
_ON_DARK = {BLACK: "#e6e8ea", LIGHT: "#4a5058", PALE: "#2b3036", PAPER: "#16191d", FADED_SKY: "#1f4f6e"}
"""What these are on dark paper; the other colours, and `INK`, stay."""
ORANGE, SKY, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
BLUE, RED, PINK = "#0072b2", "#d55e00", "#cc79a7"
NAME_PT, TEXT_PT, SMALL_PT = 10.0, 8.0, 7.0
PT_PER_INCH = 72
FORMATS = ("png", "svg", "pdf")
_DPI = 150
_BOLD = 1.15
"""How much wider bold letters are."""
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "font.size": TEXT_PT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": GREY,
    "text.color": BLACK,
    "axes.labelcolor": BLACK,
    "ytick.color": BLACK,
    "axes.labelsize": TEXT_PT,
    "xtick.color": BLACK,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "asymboot",
}
styled = mpl.rc_context(_STYLE)
"""Decorates what draws, so that all of it is drawn alike whatever the caller has set."""
_METADATA: Mapping[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


class Picture(Figure):
    """A figure that shows itself in a notebook, and writes the same bytes each time."""

    def _repr_png_(self) -> bytes:
        return self.as_bytes("png")

    def as_bytes(self, kind: str) -> bytes:
        """The figure as a file of a kind: png, svg or pdf.

        Raises:
            InputError: it is none of them.
        """
        if kind not in FORMATS:
            raise InputError(f"there is no {kind[:20]!r}: pictures are {', '.join(FORMATS)}")
        file = io.BytesIO()
        with mpl.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")
            self.savefig(file, format=kind, dpi=_DPI, metadata=_METADATA[kind])
        return file.getvalue()

    def as_svg(self, *, dark: bool = False) -> str:
        """The figure as SVG, on light paper or on dark."""
        drawn = self.as_bytes("svg").decode()
        for light, dark_one in _ON_DARK.items() if dark else ():
            drawn = drawn.replace(light, dark_one)
        return drawn

    def save(self, path: Path) -> None:
        """Write the figure to a file; its suffix says of which kind, and it is replaced where it exists.

        Raises:
            InputError: the suffix says none of the kinds there are.
            OSError: the file cannot be written.
        """
        made = self.as_bytes(path.suffix.removeprefix(".").lower())
        path.write_bytes(made)


def new_picture(width_in: float, height_in: float, title: str, subtitle: str = "") -> Picture:
    """An empty figure so wide and so high, and on top of that a title."""
    with mpl.rc_context(_STYLE):
        lines = wrapped(title, (width_in - 0.3) / _BOLD, NAME_PT) if title else []
        below = wrapped(subtitle, width_in - 0.3, TEXT_PT) if subtitle else []
        height_of = {NAME_PT: 1.5 * NAME_PT / PT_PER_INCH, TEXT_PT: 1.5 * TEXT_PT / PT_PER_INCH}
        taken_in = 0.1 + len(lines) * height_of[NAME_PT] + len(below) * height_of[TEXT_PT]
        figure = Picture(figsize=(width_in, height_in + taken_in))
        FigureCanvasAgg(figure)
        top_in = height_in + taken_in - 0.1
        for line, size in [*((line, NAME_PT) for line in lines), *((line, TEXT_PT) for line in below)]:
            weight = "bold" if size == NAME_PT else "normal"
            figure.text(
                0.15 / width_in,
                top_in / (height_in + taken_in),
                line,
                size=size,
                weight=weight,
                color=BLACK,
                va="top",
                parse_math=False,
            )
            top_in -= height_of[size]
    return figure


def axes_at(figure: Figure, left_in: float, bottom_in: float, width_in: float, height_in: float) -> Axes:
    """Axes at a place of a figure, in inches from its lower left corner."""
    width, height = figure.get_size_inches()
    with mpl.rc_context(_STYLE):
        return figure.add_axes((left_in / width, bottom_in / height, width_in / width, height_in / height))


def bare(axes: Axes) -> None:
    """Leave out the marks of ticks, and the lines at the left and below."""
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def legend(figure: Figure, handles: list[Patch | Line2D], left_in: float, bottom_in: float, width_in: float) -> None:
    """A legend below the axes, in as many columns as fit."""
    width, height = figure.get_size_inches()
    with mpl.rc_context(_STYLE):
        figure.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(left_in / width, bottom_in / height),
            ncols=_legend_columns(handles, width_in),
            frameon=False,
            fontsize=SMALL_PT,
            borderaxespad=0,
            handlelength=1.6,
            columnspacing=1.2,
        )


def _legend_columns(handles: list[Patch | Line2D], width_in: float) -> int:
    """In how many columns of the longest entry's width a legend fits."""
    longest_in = max(text_width_in(str(one.get_label()), SMALL_PT) for one in handles) + 0.55
    return max(1, int(width_in / longest_in))


def legend_height_in(handles: list[Patch | Line2D], width_in: float) -> float:
    """How high the legend is, in inches."""
    return -(-len(handles) // _legend_columns(handles, width_in)) * 1.7 * SMALL_PT / PT_PER_INCH + 0.1


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    return font_manager.get_font(font_manager.findfont("DejaVu Sans"))


@lru_cache(maxsize=4096)
def text_width_in(text: str, size_pt: float) -> float:
    """How wide a line of text is, in inches."""
    font = _font()
    font.set_size(size_pt, PT_PER_INCH)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / PT_PER_INCH


def wrapped(text: str, width_in: float, size_pt: float) -> list[str]:
    """Break a text into lines that are no wider than so many inches."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_in(longer, size_pt) <= width_in:
            lines[-1] = longer
        else:
            lines.append(shortened(word, width_in, size_pt))
    return lines


def shortened(text: str, width_in: float, size_pt: float) -> str:
    """A line of text that is no wider than so many inches; where some is left out, dots stand for it."""
    if text_width_in(text, size_pt) <= width_in:
        return text
    while text and text_width_in(f"{text}…", size_pt) > width_in:
        text = text[:-1]
    return f"{text}…"


def patch(label: str, colour: str, hatch: str = "", **more: Any) -> Patch:
    """An area in a legend."""
    return Patch(facecolor=colour, hatch=hatch, label=label, **{"edgecolor": BLACK if hatch else "none"} | more)


def sign(label: str, marker: str, colour: str) -> Line2D:
    """A sign in a legend."""
    return Line2D([], [], linestyle="none", marker=marker, color=colour, label=label, markersize=6)


def line(label: str, colour: str) -> Line2D:
    """A line in a legend."""
    return Line2D([], [], color=colour, linewidth=1.2, label=label)
