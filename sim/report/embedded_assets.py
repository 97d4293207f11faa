"""The assets that a page carries in itself, deflated: pictures, the programs of its tables, and data.

A page unpacks them with the browser's own DecompressionStream (templates/unpack.js), so that it stays small and still
needs no other file. The same content always gives the same bytes.
"""

import zlib
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

from markupsafe import Markup

from sim.plot.style import Picture

_PX_PER_IN = 96
_LEVEL = 6
"""The level of zlib: a higher level takes twice the time for one percent of the size."""
NARROW_IN = 6.3
"""The widest picture, in inches, that a phone of 390 pixels shows whole: letters shrink no further (style.css)."""


def packed(content: str | bytes) -> str:
    """Return a content deflated, as letters of base64, which can stand anywhere in a page."""
    plain = content.encode() if isinstance(content, str) else content
    return b64encode(zlib.compress(plain, _LEVEL)).decode()


def picture(drawn: Picture, alt: str, narrow: Picture | None = None) -> Markup:
    """Return the element of a picture, which unpack.js fills, on dark paper where the reader's screen is dark.

    Its title and subtitle are text of the page, whose lines break as the screen needs it.

    Args:
        drawn: the picture.
        alt: a description for readers who do not see it.
        narrow: the same, drawn for the screen of a phone, where the picture is too wide to shrink to that.
    """
    boxes = [_box(drawn, alt, "wide" if narrow is None else "wide not-narrow")]
    if narrow is not None:
        boxes.append(_box(narrow, alt, "wide narrow"))
    caption = Markup("<figcaption><strong>{}</strong> {}</figcaption>").format(drawn.title, drawn.subtitle)
    return Markup("<figure>{}{}</figure>").format(caption, Markup("").join(boxes))


def _box(drawn: Picture, alt: str, classes: str) -> Markup:
    width = round(drawn.get_size_inches()[0] * _PX_PER_IN)
    return Markup(
        '<div class="{classes}"><picture><source media="screen and (prefers-color-scheme: dark)">'
        '<img alt="{alt}" width="{width}" height="{height}" style="--drawn: {width}px" data-svg="{svg}">'
        "</picture></div>"
    ).format(
        classes=classes,
        svg=packed(drawn.untitled_svg()),
        alt=alt,
        width=width,
        height=round(drawn.untitled_in * _PX_PER_IN),
    )


def datatables() -> tuple[str, str]:
    """Return DataTables' module and its style, both packed.

    Raises:
        ModuleNotFoundError: itables, whose distribution has them, is not installed.
    """
    # The package is found, and not imported: its import takes pandas, polars and half a second.
    found = find_spec("itables")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'itables'", name="itables")
    folder = Path(found.origin).parent / "html"
    return packed((folder / "dt_bundle.js").read_bytes()), packed((folder / "dt_bundle.css").read_bytes())
