"""The style of all pictures: colours, type sizes, and functions that make figures and their parts.

The colours are Okabe and Ito's, which people with any kind of colour vision tell apart ("Color Universal Design",
2008). What matters also has hatching or a sign. A thing has the same colour in every picture.
"""

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from sim.arguments import checked
from sim.errors import InputError

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

BLACK, GREY, LIGHT, PALE, PAPER = "#1a1a1a", "#7f7f7f", "#d5d9dc", "#eceff1", "#fefefe"
# INK and WHITE differ from BLACK and PAPER by a shade: as_svg() replaces colours by their text, and text on a coloured
# area must keep its colour on dark paper.
INK, WHITE = "#111111", "#ffffff"
"""The colours of text on a coloured area, on light and on dark paper alike."""
FADED_SKY = "#b9dcf2"
ON_DARK = {BLACK: "#e6e8ea", LIGHT: "#4a5058", PALE: "#2b3036", PAPER: "#16191d", FADED_SKY: "#1f4f6e"}
"""The colours that differ on dark paper, each with its replacement."""
ORANGE, SKY, GREEN, YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
BLUE, RED, PINK = "#0072b2", "#d55e00", "#cc79a7"
NAME_PT, TEXT_PT, SMALL_PT = 10.0, 8.0, 7.0
PT_PER_INCH = 72
FORMATS = ("png", "svg", "pdf")
_DPI = 150
_COLOURS_IN_NOTEBOOKS = 128
_MARGIN_IN = 0.15
_BOLD_WIDTH = 1.15
"""The width of bold text, relative to the same text in normal weight."""
_MOST_LETTERS_SHOWN = 8
_FREETYPE_UNITS = 64
"""FreeType measures text in 64ths of a pixel."""
_FONT = "DejaVu Sans"
_FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Unifont",
)
"""The fonts for letters of names that the font lacks, such as Chinese characters, where they are installed."""


def _families(fallbacks: Sequence[str]) -> list[str]:
    """Return the font, and those of its fallbacks that are installed."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [_FONT, *(one for one in fallbacks if one in installed)]


_STYLE: "dict[RcKeyType, object]" = {
    "font.family": _families(_FALLBACK_FONTS),
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
    # Text becomes paths, so that a picture looks the same where the font is missing. The salt makes the file's ids,
    # which are random otherwise, the same each time.
    "svg.fonttype": "path",
    "svg.hashsalt": "asymboot",
}
styled = mpl.rc_context(_STYLE)
"""A decorator for functions that draw: pictures look alike whatever matplotlib settings the caller has."""
# Without the date of their making, files of the same picture have the same bytes.
_METADATA: Mapping[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


class MissingGlyphs(UserWarning):
    """A picture has letters that no known font has."""


class Picture(Figure):
    """A figure that shows itself in a notebook, and whose files have the same bytes each time."""

    title = ""
    subtitle = ""
    untitled_in = 0.0
    """The height in inches without the title and the subtitle, which are at the top."""

    def _repr_png_(self) -> bytes:
        """Return the figure as notebooks store it: with a palette, in a third of the bytes."""
        drawn = Image.open(io.BytesIO(self.as_bytes("png"))).convert("RGB")
        file = io.BytesIO()
        drawn.quantize(_COLOURS_IN_NOTEBOOKS, Image.Quantize.MAXCOVERAGE).save(file, format="png", optimize=True)
        return file.getvalue()

    def as_bytes(self, kind: str) -> bytes:
        """Return the content of a file with the figure.

        Args:
            kind: png, svg or pdf.

        Raises:
            InputError: there is no such kind.
        """
        if kind not in FORMATS:
            raise InputError(f"there is no {kind[:20]!r}: pictures are {', '.join(FORMATS)}")
        return self._file(kind)

    def _file(self, kind: str, box: Bbox | None = None) -> bytes:
        """Return the content of a file with the figure, or with what lies in a box in inches."""
        file = io.BytesIO()
        with mpl.rc_context(_STYLE), warnings.catch_warnings():
            # matplotlib has a warning of several lines for each letter that no font has.
            warnings.filterwarnings("ignore", "Glyph .* missing")
            self.savefig(file, format=kind, dpi=_DPI, metadata=_METADATA[kind], bbox_inches=box)
        texts = "".join(text.get_text() for text in cast("list[Text]", self.findobj(Text)))
        if missing := without_glyph(texts):
            shown = f"{' '.join(missing[:_MOST_LETTERS_SHOWN])}{' ...' if len(missing) > _MOST_LETTERS_SHOWN else ''}"
            told = f"no font of pictures has {shown}, which are boxes: install a font such as Noto Sans CJK"
            warnings.warn(told, MissingGlyphs, stacklevel=3)
        return file.getvalue()

    def as_svg(self, *, dark: bool = False) -> str:
        """Return the figure as SVG, with the colours for light or for dark paper."""
        drawn = self.as_bytes("svg").decode()
        if dark:
            # matplotlib writes colours to SVG in the form in which they are given above, so replacing text is enough.
            for light_colour, dark_colour in ON_DARK.items():
                drawn = drawn.replace(light_colour, dark_colour)
        return drawn

    def untitled_svg(self) -> str:
        """Return the figure as SVG without the title and the subtitle, which a page has as text of its own.

        What stands above `untitled_in` is left out.
        """
        above = [text for text in self.texts if text.get_position()[1] * self.get_size_inches()[1] > self.untitled_in]
        for text in above:
            text.set_visible(False)
        box = Bbox([[0, 0], [self.get_size_inches()[0], self.untitled_in]])
        drawn = self._file("svg", box)
        for text in above:
            text.set_visible(True)
        return drawn.decode()

    @checked
    def save(self, path: Path) -> None:
        """Write the figure to a file of the kind that the path's suffix names; replace a file that is there.

        Raises:
            InputError: there is no such kind.
            OSError: the file cannot be written.
        """
        content = self.as_bytes(path.suffix.removeprefix(".").lower())
        path.write_bytes(content)


def new_picture(width_in: float, height_in: float, title: str, subtitle: str = "") -> Picture:
    """Return an empty figure of a width and a height in inches, with a title and a subtitle above that height.

    The caller places axes in inches from the lower left corner: what a title needs is added at the top and moves
    nothing. A long title takes several lines.
    """
    with mpl.rc_context(_STYLE):
        titles = wrapped(title, (width_in - 2 * _MARGIN_IN) / _BOLD_WIDTH, NAME_PT) if title else []
        subtitles = wrapped(subtitle, width_in - 2 * _MARGIN_IN, TEXT_PT) if subtitle else []
        line_in = {NAME_PT: 1.5 * NAME_PT / PT_PER_INCH, TEXT_PT: 1.5 * TEXT_PT / PT_PER_INCH}
        above_in = 0.1 + len(titles) * line_in[NAME_PT] + len(subtitles) * line_in[TEXT_PT]
        figure = Picture(figsize=(width_in, height_in + above_in))
        figure.title, figure.subtitle, figure.untitled_in = title, subtitle, height_in
        FigureCanvasAgg(figure)  # not through pyplot, which keeps every figure alive until it is closed
        top_in = height_in + above_in - 0.1
        for line, size in [*((line, NAME_PT) for line in titles), *((line, TEXT_PT) for line in subtitles)]:
            figure.text(
                _MARGIN_IN / width_in,
                top_in / (height_in + above_in),
                line,
                size=size,
                weight="bold" if size == NAME_PT else "normal",
                color=BLACK,
                va="top",
                parse_math=False,
            )
            top_in -= line_in[size]
    return figure


def axes_at(figure: Figure, left_in: float, bottom_in: float, width_in: float, height_in: float) -> Axes:
    """Add axes to a figure at a place in inches from its lower left corner, and return them."""
    width, height = figure.get_size_inches()
    with mpl.rc_context(_STYLE):
        return figure.add_axes((left_in / width, bottom_in / height, width_in / width, height_in / height))


def bare(axes: Axes) -> None:
    """Hide the marks of ticks, and the lines at the left and below."""
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def legend(figure: Figure, handles: list[Patch | Line2D], left_in: float, bottom_in: float, width_in: float) -> None:
    """Draw a legend with its lower left corner at a place in inches, in as many columns as fit; none if it is empty."""
    if not handles:
        return
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
    """Return the number of columns, each as wide as the longest entry, that fit into a width in inches."""
    longest_in = max(text_width_in(str(handle.get_label()), SMALL_PT) for handle in handles) + 0.55
    return max(1, int(width_in / longest_in))


def legend_height_in(handles: list[Patch | Line2D], width_in: float) -> float:
    """Return the height in inches of a legend of a width in inches; pictures leave that much room below their axes."""
    if not handles:
        return 0.0
    lines = math.ceil(len(handles) / _legend_columns(handles, width_in))
    return lines * 1.7 * SMALL_PT / PT_PER_INCH + 0.1


def _paths() -> list[str]:
    """Return the files of the font and of its fallbacks."""
    families = cast("list[str]", _STYLE["font.family"])
    return [font_manager.findfont(FontProperties(family=[one])) for one in families]


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    return font_manager.get_font(_paths())


def without_glyph(text: str) -> str:
    """Return the letters of a text that neither the font nor its fallbacks have, each once, in order."""
    fonts = [font_manager.get_font(path) for path in _paths()]
    letters = (letter for letter in dict.fromkeys(text) if letter.isprintable())
    return "".join(letter for letter in letters if not any(font.get_char_index(ord(letter)) for font in fonts))


@lru_cache(maxsize=4096)
def text_width_in(text: str, size_pt: float) -> float:
    """Return the width of a line of text, in inches."""
    # The font itself measures. A renderer could do it too, but it belongs to a figure, and the widths of the labels
    # decide how large the figure becomes.
    font = _font()
    font.set_size(size_pt, PT_PER_INCH)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        # matplotlib does not hint widths when it draws: hinted, digits would be measured a tenth too narrow.
        font.set_text(text, flags=LoadFlags.NO_HINTING)
    return float(font.get_width_height()[0]) / _FREETYPE_UNITS / PT_PER_INCH


def wrapped(text: str, width_in: float, size_pt: float) -> list[str]:
    """Break a text at spaces into lines of a width in inches at most; shorten words that are wider."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width_in(longer, size_pt) <= width_in:
            lines[-1] = longer
        else:
            lines.append(shortened(word, width_in, size_pt))
    return lines


def shortened(text: str, width_in: float, size_pt: float) -> str:
    """Return a line of text, cut off and ended with an ellipsis where it is wider than a width in inches."""
    if text_width_in(text, size_pt) <= width_in:
        return text
    while text and text_width_in(f"{text}…", size_pt) > width_in:
        text = text[:-1]
    return f"{text}…"


def patch(
    label: str,
    colour: str,
    hatch: str = "",
    *,
    edgecolor: str | None = None,
    linewidth: float | None = None,
    linestyle: Literal["-", "--", ":"] = "-",
) -> Patch:
    """Return a legend's entry for an area. By default only a hatched area has an edge, which is black."""
    edge = edgecolor or (BLACK if hatch else "none")
    return Patch(facecolor=colour, hatch=hatch, label=label, edgecolor=edge, linewidth=linewidth, linestyle=linestyle)


def cell_patch(label: str, colour: str, hatch: str) -> Patch:
    """Return a legend's entry for a state of a table's cells: a hatched cell has its colour in its lines alone."""
    return patch(label, PAPER, hatch, edgecolor=colour) if hatch else patch(label, colour)


def sign(label: str, marker: str, colour: str) -> Line2D:
    """Return a legend's entry for a sign."""
    return Line2D([], [], linestyle="none", marker=marker, color=colour, label=label, markersize=6)


def line(label: str, colour: str) -> Line2D:
    """Return a legend's entry for a line."""
    return Line2D([], [], color=colour, linewidth=1.2, label=label)
