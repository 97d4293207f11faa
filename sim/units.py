"""Durations and their units. They are kept as whole nanoseconds, so that sums are exact.

Files write a duration as text with its unit (``"200us"``, ``"5 s"``). The simulation's clock, and every name that ends
in ``_ns``, counts nanoseconds as an ``int``.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from sim.errors import InputError

NANOSECONDS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}
"""The length of each unit that a duration may be written in."""

LONGEST_NS = 365 * 24 * 3600 * NANOSECONDS["s"]
"""The longest duration that a scenario may state, a year: anything longer is taken for a mistake."""

MAX_SEED = (1 << 62) - 1
"""The largest seed of a scenario, a sweep or a draw of durations."""

_DURATION = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([a-zµ]+)\s*")


def nanoseconds(text: str) -> int:
    """Return a duration that is written with its unit, in nanoseconds.

    Raises:
        InputError: the text has no number, no unit or an unknown unit, or states a fraction of a nanosecond or more
            than a year.

    >>> nanoseconds("200us"), nanoseconds("1.5 ms"), nanoseconds("5s")
    (200000, 1500000, 5000000000)
    """
    match = _DURATION.fullmatch(text)
    if match is None or match[2] not in NANOSECONDS:
        raise InputError(
            f"{text[:40]!r} is not a duration: write a number of at least 0 and a unit "
            f"({', '.join(NANOSECONDS)}), such as '200us'"
        )
    # In integers: a float would round 53 bits away, and a wrong nanosecond changes which event comes first.
    whole, _, fraction = match[1].partition(".")
    scale: int = 10 ** len(fraction)
    ns, remainder = divmod(int(whole + fraction) * NANOSECONDS[match[2]], scale)
    if remainder:
        raise InputError(f"{text.strip()!r} is not a whole number of nanoseconds")
    if ns > LONGEST_NS:
        raise InputError(f"{text.strip()!r} is longer than a year")
    return ns


def duration(ns: int) -> str:
    """Return a duration as text, in the largest of s, ms, us and ns in which it is at least 1.

    >>> duration(200_000), duration(1_500_000), duration(5_000_000_000), duration(0)
    ('200 us', '1.5 ms', '5 s', '0 ns')
    """
    for unit in ("s", "ms", "us"):
        if ns >= NANOSECONDS[unit]:
            return f"{Decimal(ns) / NANOSECONDS[unit]:f} {unit}"
    return f"{ns} ns"


def seconds(ns: int) -> str:
    """Return a moment in seconds, with the six decimals of the kernel's log.

    >>> seconds(450_720_000)
    '0.450720'
    """
    return f"{ns / 1e9:.6f}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which is in the plural unless the number is 1.

    >>> counted(1, "CPU"), counted(1000, "CPU")
    ('1 CPU', '1,000 CPUs')
    """
    return f"{number:,} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """Return a noun as it stands behind a number: in the plural unless the number is 1.

    >>> plural(1, "byte"), plural(0, "byte"), plural(2, "memory"), plural(2, "relay")
    ('byte', 'bytes', 'memories', 'relays')
    """
    if number == 1:
        return noun
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def ordinal(number: int) -> str:
    """Return the place of a thing in a row, counted from 1.

    >>> [ordinal(one) for one in (1, 2, 3, 4, 11, 12, 13, 21, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '112th']
    """
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def agreeing(number: int) -> str:
    """Return a number of things that agree.

    >>> agreeing(1), agreeing(0)
    ('1 agrees', '0 agree')
    """
    return f"{number:,} {'agrees' if number == 1 else 'agree'}"


def timestamp(ns: int) -> str:
    """Return a moment as the kernel's log writes it: seconds and microseconds in brackets, rounded down.

    >>> timestamp(5_200_123_456)
    '[    5.200123]'
    """
    return f"[{ns // 1_000_000_000:5d}.{ns % 1_000_000_000 // 1_000:06d}]"


def spans(every: Sequence[str], some: Sequence[str], most_named: int) -> str:
    """Return some of several names in words: a range stands for more than a number of them that follow each other.

    >>> spans(["6.1", "6.6", "6.10", "6.11", "6.12"], ["6.1", "6.10", "6.11", "6.12"], 2)
    '6.1, 6.10 to 6.12'
    """
    place = {name: number for number, name in enumerate(every)}
    runs: list[list[str]] = []
    for name in some:
        if runs and place[name] == place[runs[-1][-1]] + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > most_named else ", ".join(run) for run in runs)
