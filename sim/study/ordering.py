"""The order in which CPUs go online and run their guests: by their sets, then by their ranks among equal sets.

A panic of the kernel or the hypervisor stops everything that comes later. A turn is two values of 16 bits rather than a
value of 32 bits: nothing is then wider than a set, and a compiled loop has as many rows in a vector register as fit.
"""

from typing import Generic, NamedTuple

from sim.rules import when
from sim.study.value import V
from sim.study.verdict_bits import OF_SAVES


class Turn(NamedTuple, Generic[V]):
    """The place of a CPU in the order, or of the first panic; a smaller turn is earlier.

    A panic that does not happen has every bit of both: it is later than any CPU, because no CPU has both that set and
    that rank.
    """

    vqs: V
    rank: V


def precedes(turn: Turn[V], other: Turn[V]) -> V:
    """Return a mask: every bit where a turn comes before another, else none."""
    is_later = other.vqs.is_below(turn.vqs)
    return turn.vqs.is_below(other.vqs) | (~is_later & turn.rank.is_below(other.rank))


def earliest(so_far: Turn[V], happens: V, turn: Turn[V]) -> Turn[V]:
    """Return the earlier of two panics.

    Args:
        so_far: the first panic so far.
        happens: a mask: every bit where a further panic happens.
        turn: the turn of that panic.
    """
    # ORing ~happens sets every bit where the further panic does not happen: it is then later than any other.
    mine = Turn(turn.vqs | ~happens, turn.rank | ~happens)
    is_earlier = precedes(mine, so_far)
    return Turn(_chosen(is_earlier, mine.vqs, so_far.vqs), _chosen(is_earlier, mine.rank, so_far.rank))


def _chosen(mask: V, one: V, other: V) -> V:
    """Return one value where a mask is set, and another elsewhere."""
    return (one & mask) | (other & ~mask)


def until(word: V, turn: Turn[V], panic: Turn[V]) -> V:
    """Return a CPU's word without the hazards of its save where its turn comes after a panic's."""
    return word & ~(precedes(panic, turn) & OF_SAVES)


def ever(panic: Turn[V]) -> V:
    """Return a mask: every bit where there is a panic, else none."""
    return when(~(panic.vqs & panic.rank))
