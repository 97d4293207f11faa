"""Ctrl-C while Z3 works: what asks for an answer waits for it, and does nothing in which the signal could be lost.

Z3 takes the signal for itself while it solves, and Python drops what is raised within a finalizer, of which Z3's
expressions have many.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import z3

_AGAIN_S = 0.05
"""Between two calls that stop Z3, which hears them only while it solves."""

T = TypeVar("T")


def interruptible(work: Callable[[], T]) -> T:
    """Do work of Z3's in another thread.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the work has ended.
    """
    with ThreadPoolExecutor(1) as thread:
        doing = thread.submit(work)
        try:
            return doing.result()
        except KeyboardInterrupt:
            while wait([doing], _AGAIN_S).not_done:
                z3.main_ctx().interrupt()
            raise
