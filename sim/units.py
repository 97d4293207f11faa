"""Durations with units, kept as whole nanoseconds so that sums are exact.

Files write a duration as text with its unit (``"200us"``, ``"5 s"``); the simulation's clock, and every
name that ends in ``_ns``, counts nanoseconds as an ``int``.
"""

import re
from decimal import Decimal

from sim.errors import InputError

NANOSECONDS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000}

LONGEST_NS = 365 * 24 * 3600 * NANOSECONDS["s"]
"""A year: longer durations in a scenario are taken for a mistake."""

_DURATION = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([a-zµ]+)\s*")


def nanoseconds(text: str) -> int:
    """Read a duration with its unit as whole nanoseconds.

    Raises:
        InputError: no number, no unit or an unknown one, a fraction of a nanosecond, or over a year.

    >>> nanoseconds("200us"), nanoseconds("1.5 ms"), nanoseconds("5s")
    (200000, 1500000, 5000000000)
    """
    match = _DURATION.fullmatch(text)
    if match is None or match[2] not in NANOSECONDS:
        raise InputError(
            f"{text[:40]!r} is not a duration: write a number of at least 0 and a unit "
            f"({', '.join(NANOSECONDS)}), such as '200us'"
        )
    whole, _, fraction = match[1].partition(".")
    scaled, scale = int(whole + fraction) * NANOSECONDS[match[2]], int("1" + "0" * len(fraction))
    exact = scaled // scale
    if scaled % scale:
        raise InputError(f"{text.strip()!r} is not a whole number of nanoseconds")
    if exact > LONGEST_NS:
        raise InputError(f"{text.strip()!r} is longer than a year")
    return exact


def duration(ns: int) -> str:
    """Write nanoseconds in the largest unit that leaves at least one.

    >>> duration(200_000), duration(1_500_000), duration(5_000_000_000), duration(0)
    ('200 us', '1.5 ms', '5 s', '0 ns')
    """
    for unit in ("s", "ms", "us"):
        if ns >= NANOSECONDS[unit]:
            return f"{Decimal(ns) / NANOSECONDS[unit]:f} {unit}"
    return f"{ns} ns"


def seconds(ns: int) -> str:
    """Write a moment in seconds, as far as the kernel's log has them.

    >>> seconds(450_720_000)
    '0.450720'
    """
    return f"{ns / 1e9:.6f}"


def counted(number: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "CPU"), counted(1000, "CPU")
    ('1 CPU', '1,000 CPUs')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def timestamp(ns: int) -> str:
    """Write a moment as the kernel's log does: seconds and microseconds in brackets.

    >>> timestamp(5_200_123_456)
    '[    5.200123]'
    """
    return f"[{ns // 1_000_000_000:5d}.{ns % 1_000_000_000 // 1_000:06d}]"
