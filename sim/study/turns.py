"""When each CPU goes online and runs its guest: by its set, then by its place among CPUs with the same set.

Functions on numpy columns, which compile as they are. Turns are 32 bits wide; the smaller, the earlier.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.study.steps import OF_SAVES

Turns = NDArray[np.uint32]

NEVER = 0xFFFFFFFF
"""Later than any turn."""


def earliest(so_far: Any, word: Any, bit: Any, own: Any, rank: Any) -> Any:
    """The earliest turn after one more CPU: its own, where its word has a bit."""
    return np.minimum(so_far, turn(own, rank) | (np.uint32((word & bit) == 0) * np.uint32(NEVER)))


def until(word: Any, own: Any, rank: Any, panic: Any) -> Any:
    """A CPU's word without what its guest brings about, where its turn comes after a panic's."""
    return word & ~(np.uint16(turn(own, rank) > panic) * np.uint16(OF_SAVES))


def before(own: Any, rank: Any, panic: Any) -> Any:
    """Every bit where a CPU's turn comes before a panic's, else none."""
    return np.uint16(turn(own, rank) < panic) * np.uint16(0xFFFF)


def up_to(own: Any, rank: Any, panic: Any) -> Any:
    """Every bit where a CPU's turn comes before a panic's or is the same, else none."""
    return np.uint16(turn(own, rank) <= panic) * np.uint16(0xFFFF)


def turn(own: Any, rank: Any) -> Any:
    """When a CPU has its turn.

    Args:
        own: its set.
        rank: its place among CPUs with the same set.
    """
    return np.uint32(own) << np.uint32(16) | np.uint32(rank)
