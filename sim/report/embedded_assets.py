"""The assets that a page carries in itself: pictures for light and dark paper, and the programs of its tables.

The text of a style or a program goes into the page as it is (``|safe`` in the templates), so that nothing in it may
end its element: the slash of ``</`` has a backslash, which changes no string of CSS or JavaScript.
"""

from base64 import b64encode
from importlib.resources import files

from markupsafe import Markup

from sim.plot.style import Picture

_PX_PER_IN = 96


def picture(drawn: Picture, alt: str) -> Markup:
    """Return the element of a picture, on dark paper where the reader's screen is dark.

    Args:
        drawn: the picture.
        alt: a description for readers who do not see it.
    """
    light, dark = (_svg(drawn, dark=dark) for dark in (False, True))
    width_in, height_in = drawn.get_size_inches()
    return Markup(
        '<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        '<img src="{light}" alt="{alt}" width="{width}" height="{height}"></picture>'
    ).format(dark=dark, light=light, alt=alt, width=round(width_in * _PX_PER_IN), height=round(height_in * _PX_PER_IN))


def _svg(drawn: Picture, *, dark: bool) -> str:
    return f"data:image/svg+xml;base64,{b64encode(drawn.as_svg(dark=dark).encode()).decode()}"


def datatables() -> tuple[str, str]:
    """Return DataTables' module, as an address that holds all of it, and its style."""
    folder = files("itables") / "html"
    module = b64encode((folder / "dt_bundle.js").read_bytes()).decode()
    style = (folder / "dt_bundle.css").read_text(encoding="utf-8").replace("</", "<\\/")
    return f"data:text/javascript;base64,{module}", style


def plotly() -> str:
    """Return plotly's program."""
    from plotly.offline import get_plotlyjs

    program: str = get_plotlyjs()
    return program.replace("</script", "<\\/script")
