"""Timing of two functions in turns, so that the machine's other work affects both.

The ratio is the median of the rounds' ratios, since the two times of a round share what else the machine did. A time
by itself is the best of all rounds: other work only ever adds to it.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Pair(NamedTuple):
    """The best time of one call of each function in seconds, and the median of the rounds' ratios."""

    first_s: float
    second_s: float
    ratio: float


def seconds(call: Callable[[], object], calls: int = 1) -> float:
    """Return the mean time of `calls` calls, in seconds per call."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


_EXCEEDED: list[str] = []


def hold(what: str, figure: float, limit: float) -> None:
    """Note that a figure is above its limit; `measured` says so in the end."""
    if figure > limit:
        _EXCEEDED.append(f"{what}: {figure:.2f} is above the limit of {limit:g}")


def hold_at_least(what: str, figure: float, limit: float) -> None:
    """Note that a figure is below its limit; `measured` says so in the end."""
    if figure < limit:
        _EXCEEDED.append(f"{what}: {figure:.2f} is below the limit of {limit:g}")


def measured(main: Callable[[], None]) -> None:
    """Measure everything, then end with exit code 1 if some figure did not keep its limit."""
    try:
        main()
    finally:
        print("\n".join(_EXCEEDED), end="\n" if _EXCEEDED else "", file=sys.stderr)
    if _EXCEEDED:
        raise SystemExit(1)


def in_turns(first: Callable[[], object], second: Callable[[], object], *, calls: int, rounds: int) -> Pair:
    """Time both functions in turns, round by round; the ratio is the first function's time over the second's."""
    first(), second()  # imports and caches are not part of what is timed
    timed = [(seconds(first, calls), seconds(second, calls)) for _ in range(rounds)]
    return Pair(min(a for a, _ in timed), min(b for _, b in timed), median(a / b for a, b in timed))
