"""Matplotlib's log, kept off the standard error of commands."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import click


def quiet_matplotlib() -> None:
    """Let matplotlib log errors only. Call this before matplotlib is imported.

    On import matplotlib warns of a home folder that cannot be written to, and of building its list of fonts. Neither
    changes a picture, and a command prints one line at most on the standard error.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


@contextmanager
def glyphs_told() -> Iterator[None]:
    """Say in one line which letters of a picture are boxes, since no known font has them."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield
    from sim.plot.style import MissingGlyphs

    for told in dict.fromkeys(str(one.message) for one in found if one.category is MissingGlyphs):
        click.echo(f"asymboot: {told}", err=True)
