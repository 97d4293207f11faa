"""What a page carries in itself: pictures for light and dark, and the programs that tables and timelines need."""

from base64 import b64encode
from importlib.resources import files

from markupsafe import Markup

from sim.plot.style import Picture


def picture(drawn: Picture, says: str) -> Markup:
    """A picture on light paper, and on dark where the reader's screen is; `says` is for who cannot see it."""
    light, dark = (_svg(drawn, dark=dark) for dark in (False, True))
    width_in, height_in = drawn.get_size_inches()
    return Markup(
        '<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        '<img src="{light}" alt="{says}" width="{width}" height="{height}"></picture>'
    ).format(dark=dark, light=light, says=says, width=round(width_in * 96), height=round(height_in * 96))


def _svg(drawn: Picture, *, dark: bool) -> str:
    return f"data:image/svg+xml;base64,{b64encode(drawn.as_svg(dark=dark).encode()).decode()}"


def datatables() -> tuple[str, Markup]:
    """DataTables: its module as an address that holds all of it, and its style."""
    folder = files("itables") / "html"
    module = b64encode((folder / "dt_bundle.js").read_bytes()).decode()
    style = (folder / "dt_bundle.css").read_text(encoding="utf-8").replace("</", "<\\/")
    return f"data:text/javascript;base64,{module}", Markup(style)  # noqa: S704 (the package's own)


def plotly() -> Markup:
    """Plotly's program."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs().replace("</script", "<\\/script"))  # noqa: S704 (the package's own)
