"""When each CPU goes online and runs its guest: by its set, then by its rank among CPUs with the same set.

Functions on columns, numpy's or compiled (`sim.study.compiled_batch`), without a branch on a value. Nothing is
wider than a set: a compiled loop then has as many rows in a vector as fit.
"""

from typing import Any, NamedTuple

import numpy as np

from sim.study.verdict_bits import OF_SAVES, when


class Turn(NamedTuple):
    """A CPU's turn: its set and its rank, each a column or the same for all rows; the smaller, the earlier."""

    vqs: Any
    rank: Any


NEVER = Turn(np.full(1, 0xFFFF, np.uint16), np.full(1, 0xFFFF, np.uint16))
"""Later than any turn: no rank is as large."""


def earliest(so_far: Turn, word: Any, bit: int, turn: Turn) -> Turn:
    """The earliest turn after one more CPU: its own, where its word has a bit."""
    lacks_it = ~when(word & bit)
    mine = Turn(turn.vqs | lacks_it, lacks_it | turn.rank)
    is_earlier = precedes(mine, so_far)
    vqs, rank = (old ^ ((old ^ new) & is_earlier) for old, new in zip(so_far, mine, strict=True))
    return Turn(vqs, rank)


def precedes(turn: Turn, other: Turn) -> Any:
    """Every bit where a turn comes before another, else none."""
    at_once = ~when(turn.vqs ^ other.vqs)
    return _every_bit(turn.vqs < other.vqs) | (at_once & _every_bit(turn.rank < other.rank))


def until(word: Any, turn: Turn, panic: Turn) -> Any:
    """A CPU's word without what its guest brings about, where its turn comes after a panic's."""
    return word & ~(precedes(panic, turn) & OF_SAVES)


def ever(panic: Turn) -> Any:
    """Every bit where a panic has a turn, else none."""
    return precedes(panic, NEVER)


def _every_bit(condition: Any) -> Any:
    return -condition.astype(np.uint16)
