"""Matplotlib's log, kept off the standard error of commands."""

import logging


def quiet_matplotlib() -> None:
    """Let matplotlib log errors only.

    On import it warns of a home that cannot be written to, and of building its list of fonts: neither changes a
    picture, and either would stand beside the one line of an error.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
