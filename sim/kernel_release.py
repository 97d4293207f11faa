"""Kernel releases, such as 6.12, 6.12.117 or 6.12.117+deb13-arm64: how they are written, and who makes them.

What a release does is a set of flags (`sim.kernel_flags`). Boots of the series in `RECORDED` are recorded.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from sim.errors import InputError

RECORDED = ("6.1", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2", "7.3")
MODELLED = (*RECORDED[:1], "6.10", "6.11", *RECORDED[1:])
"""The series that differ for vector lengths or pKVM, or of which boots are recorded."""
DEFAULT = "6.18"
OLDEST = (6, 1)

_NEWEST_POINTS = {
    (6, 1): 192,
    (6, 2): 16,
    (6, 3): 13,
    (6, 4): 16,
    (6, 5): 13,
    (6, 6): 88,
    (6, 7): 12,
    (6, 8): 12,
    (6, 9): 12,
    (6, 10): 14,
    (6, 11): 11,
    (6, 12): 118,
    (6, 13): 12,
    (6, 14): 11,
    (6, 15): 11,
    (6, 16): 12,
    (6, 17): 13,
    (6, 18): 15,
    (6, 19): 14,
    (7, 0): 13,
    (7, 1): 13,
    (7, 2): 12,
    (7, 3): 4,
}
"""The newest point release of each series of which anything is known: booted, announced, or the last of its series."""

_RELEASE = re.compile(
    r"(?P<major>0|[1-9]\d{0,2})\.(?P<minor>0|[1-9]\d{0,2})(?:\.(?P<point>0|[1-9]\d{0,3}))?(?P<suffix>[-+~][\w.+~-]{1,60})?",
    re.ASCII,
)
_CANDIDATE = re.compile(r"[-~]rc(0|[1-9]\d?)(?![\d])")
_DEBIAN = re.compile(r".*\+deb|-\d+-arm64|[-~]rc\d+-arm64")
"""Debian's releases say so from 2025 on; before, they have a number of their own, as in 6.1.0-50-arm64."""


class Build(StrEnum):
    """The maker of a kernel."""

    MAINLINE = "kernel.org's"
    """Mainline and the stable series."""
    DEBIAN = "Debian's"
    OTHER = "a vendor's"
    """Any other tree, such as Android's, whose changes are unknown."""


@dataclass(frozen=True, slots=True)
class KernelRelease:
    """A kernel release.

    `point` None means the newest point release of the series. `suffix` is what follows the numbers, such as -rc7,
    +deb13-arm64 or -android14-11.
    """

    major: int
    minor: int
    point: int | None = None
    suffix: str = ""

    def __str__(self) -> str:
        point = "" if self.point is None else f".{self.point}"
        return f"{self.series_name}{point}{self.suffix}"

    @property
    def series(self) -> tuple[int, int]:
        """The series as two numbers, which compare as series do."""
        return self.major, self.minor

    @property
    def series_name(self) -> str:
        """The series as text, such as 6.12."""
        return _series_name(self.series)

    @property
    def build(self) -> Build:
        """The maker, as the suffix says."""
        if _DEBIAN.match(self.suffix):
            return Build.DEBIAN
        return Build.OTHER if self.suffix and not _CANDIDATE.fullmatch(self.suffix) else Build.MAINLINE

    @property
    def candidate(self) -> int | None:
        """The number of a release candidate, such as 2 for -rc2; 0 for -rc0, a merge window's; None for a release."""
        match = _CANDIDATE.match(self.suffix)
        return None if match is None else int(match[1])

    @property
    def stand_in(self) -> str | None:
        """The known release that stands for an unknown release, and the reason, as a clause; None for a known release.

        >>> kernel_release("7.9").stand_in
        'it is newer than 7.3, the newest series that is modelled, which stands for it'
        """
        newest = max(_NEWEST_POINTS)
        if self.series > newest:
            return f"it is newer than {_series_name(newest)}, the newest series that is modelled, which stands for it"
        if self.series not in _NEWEST_POINTS:
            known = max(series for series in _NEWEST_POINTS if series < self.series)
            return f"its series is not known, and {_series_name(known)}, the series before it, stands for it"
        # The backports of a vendor's tree are unknown at every point release.
        point = _NEWEST_POINTS[self.series]
        if self.point is None or self.point <= point or self.build is Build.OTHER:
            return None
        name = self.series_name
        return f"it is newer than {name}.{point}, the newest point release of {name} that is known, which stands for it"

    @property
    def backports_up_to(self) -> int | None:
        """The point release whose backports it has, or None for the newest.

        It is 0 for a release candidate. Debian's older releases, such as 6.1.0-50-arm64, do not say theirs.
        """
        if self.candidate is not None:
            return 0
        return None if self.suffix.startswith("-") and self.build is Build.DEBIAN else self.point


def _series_name(series: tuple[int, int]) -> str:
    return f"{series[0]}.{series[1]}"


def kernel_release(text: str) -> KernelRelease:
    """Read a kernel release as users and ``uname -r`` write it: ``6.12``, ``6.12.117``, ``6.12.117+deb13-arm64``.

    Raises:
        InputError: the text has another form, or the series is older than 6.1, where the facts begin.

    >>> kernel_release("6.12.117+deb13-arm64").build
    <Build.DEBIAN: "Debian's">
    """
    match = _RELEASE.fullmatch(str(text))
    # Programs without types pass numbers as well, of which 6.1 and 6.10 are the same.
    if match is None or not isinstance(text, str):
        raise InputError(
            f"unknown kernel release {text!r:.40}: write it as text such as '6.12' or '6.12.117'; "
            f"recorded: {', '.join(RECORDED)}"
        )
    point = None if match["point"] is None else int(match["point"])
    release = KernelRelease(int(match["major"]), int(match["minor"]), point, match["suffix"] or "")
    if release.series < OLDEST:
        raise InputError(f"kernel {release} is older than 6.1, where the facts begin")
    return release
