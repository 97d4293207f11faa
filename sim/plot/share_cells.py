"""The cells of heat maps: shares in percent, each on a colour that tells its size."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sim.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NO_SHARE_COLOUR = "#edf0f2"
"""The colour of a share of 0; a place without systems keeps the colour of the paper."""
_DARK_SHARE = 0.85
"""The share above which a cell that ends in red is dark enough for white text."""


def draw_shares(axes: "Axes", shares: Mapping[tuple[int, int], float], *, is_grave: bool) -> None:
    """Draw shares as cells with their percentages.

    Args:
        axes: where to draw.
        shares: the shares, by column and row.
        is_grave: true: the colour of a large share is red, not orange.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LinearSegmentedColormap

    end = style.RED if is_grave else style.ORANGE
    colours = LinearSegmentedColormap.from_list("share", [_NO_SHARE_COLOUR, end])
    # Cells are polygons: an image would be a bitmap in SVG and PDF. They are one artist: thousands would take minutes.
    cells = PolyCollection([_corners(*place) for place in shares], facecolors=[colours(one) for one in shares.values()])
    axes.add_collection(cells, autolim=False)
    for (column, row), share in shares.items():
        colour = style.WHITE if share > _DARK_SHARE and is_grave else style.INK
        axes.text(column, row, _percent(share), size=style.SMALL_PT, ha="center", va="center", color=colour)
    style.bare(axes)


def _corners(column: int, row: int) -> list[tuple[float, float]]:
    left, right, low, high = column - 0.48, column + 0.48, row - 0.48, row + 0.48
    return [(left, low), (right, low), (right, high), (left, high)]


def _percent(share: float) -> str:
    """Return a share in percent; only a share of 0 is 0, and only a share of 1 is 100."""
    rounded = f"{100 * share:.0f}"
    if rounded == "0" and share:
        return "<1"
    if rounded == "100" and share < 1:
        return ">99"
    return rounded
