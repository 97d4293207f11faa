"""Kernel series, such as 6.12: how they are written, and which of them are recorded.

Boots of 6.1, 6.12, 6.16, 6.18, 7.2 and 7.3 are recorded. What a series does is a set of flags (`sim.kernel_flags`).
"""

import re
from dataclasses import dataclass

from sim.errors import InputError

RECORDED = ("6.1", "6.12", "6.16", "6.18", "7.2", "7.3")
DEFAULT = "6.18"
OLDEST = (6, 1)


@dataclass(frozen=True, slots=True)
class KernelSeries:
    """One kernel series."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def version(self) -> tuple[int, int]:
        """The series as two numbers, which compare as releases do."""
        return self.major, self.minor


def kernel_series(name: str) -> KernelSeries:
    """Read the name of a kernel series, such as ``6.12``.

    Raises:
        InputError: the name has another form, or the series is older than 6.1, where the facts begin.
    """
    # Files may hold a number in its place. It is refused even if it looks right, because 6.10 as a number is 6.1.
    match = re.fullmatch(r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})", str(name))
    if match is None or not isinstance(name, str):
        raise InputError(
            f"unknown kernel series {name!r:.40}: write it as text such as '6.12'; recorded: {', '.join(RECORDED)}"
        )
    series = KernelSeries(int(match[1]), int(match[2]))
    if series.version < OLDEST:
        raise InputError(f"kernel series {series} is older than 6.1, where the facts begin")
    return series
