"""Timing two things in turns, so that what else the machine does hits both."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple


class Pair(NamedTuple):
    """Seconds for one call of each, the best of all rounds, and the median of the rounds' ratios."""

    first_s: float
    second_s: float
    ratio: float


def seconds(call: Callable[[], object], calls: int = 1) -> float:
    """How long one call takes, as the mean of so many."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def hold(what: str, figure: float, limit: float) -> None:
    """End with exit code 1 where a figure is above its limit."""
    if figure > limit:
        raise SystemExit(f"{what}: {figure:.2f} is above the limit of {limit:g}")


def in_turns(first: Callable[[], object], second: Callable[[], object], *, calls: int, rounds: int) -> Pair:
    """Time both, one after the other, round by round; the ratio is the first's time to the second's."""
    first(), second()
    timed = [(seconds(first, calls), seconds(second, calls)) for _ in range(rounds)]
    return Pair(min(a for a, _ in timed), min(b for _, b in timed), median(a / b for a, b in timed))
