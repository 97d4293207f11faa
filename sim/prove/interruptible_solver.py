"""Ctrl-C while Z3 works.

Z3 handles the signal itself while it solves, and Python drops what is raised within a finalizer, of which the many
expressions of Z3 have one each. The caller therefore only waits, and another thread works.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import z3

_RETRY_S = 0.05
"""The time between two interrupts of Z3, in seconds: Z3 ignores them unless it solves at that moment."""

T = TypeVar("T")


def interruptible(work: Callable[[], T]) -> T:
    """Do work of Z3 in another thread, and return its result.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the work has ended.
    """
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            # An interrupt between two calls of the solver is lost, so it is repeated until the work has ended.
            while wait([future], _RETRY_S).not_done:
                z3.main_ctx().interrupt()
            raise
