"""Matplotlib's log, kept off the standard error of commands."""

import logging


def quiet_matplotlib() -> None:
    """Let matplotlib log errors only. Call this before matplotlib is imported.

    On import matplotlib warns of a home folder that cannot be written to, and of building its list of fonts. Neither
    changes a picture, and a command prints one line at most on the standard error.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
