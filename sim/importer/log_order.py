"""The order of a log's lines: ``journalctl --reverse`` and some web pages show the last line first."""

from collections.abc import Sequence
from itertools import pairwise

from sim.importer.log_formats import FIRST_MESSAGE, Split

_SECOND_MESSAGE = "Linux version "
_FEWEST_DESCENTS = 2
"""The fewest steps back in time that tell of a reversed log: a few lines change places where CPUs log at once."""


def is_newest_first(lines: Sequence[Split]) -> bool:
    """Return True if a log has its last line first, as its times show, or else the place of the kernel's first line.

    Args:
        lines: the lines, or some of them, in the order of the text.
    """
    first = [line.message.startswith(FIRST_MESSAGE) for line in lines]
    for time in (_kernels_time, _clock_time):
        ascents = descents = 0
        for place, (before, after) in enumerate(pairwise(lines)):
            earlier, later = time(before), time(after)
            # With a boot's first line the kernel's time begins at 0 again.
            if earlier is not None and later is not None and not (first[place] or first[place + 1]):
                ascents, descents = ascents + (earlier < later), descents + (earlier > later)
        if ascents > descents or (descents > ascents and descents >= _FEWEST_DESCENTS):
            return descents > ascents
    second = [line.message.startswith(_SECOND_MESSAGE) for line in lines]
    return _adjacent(second, first) > _adjacent(first, second)


def _adjacent(one: Sequence[bool], other: Sequence[bool]) -> int:
    """Return the number of places where a line of one kind stands directly above a line of another kind."""
    return sum(above and below for above, below in zip(one, other[1:], strict=False))


def _kernels_time(line: Split) -> float | None:
    return float(line.seconds) if line.seconds else None


def _clock_time(line: Split) -> float | None:
    """Return a line's time of day in seconds, or since 1970 where it has no other."""
    seconds = 0.0
    for part in line.clock.split(":") if line.clock else ():
        seconds = 60 * seconds + float(part.replace(",", "."))
    return seconds if line.clock else None
