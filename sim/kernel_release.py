"""Kernel releases, such as 6.12, 6.12.117 or 6.12.117+deb13-arm64: how they are written, and who makes them.

What a release does is a set of flags (`sim.kernel_flags`). Boots of the series in `RECORDED` are recorded.
"""

import re
from enum import StrEnum

import msgspec

from sim.debian_kernels import debian_point
from sim.errors import InputError

Series = tuple[int, int]
"""A series of kernels, such as (6, 12)."""
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
_CANDIDATE = re.compile(r"(?:[-~]|-0\.|-\d{6})rc(\d{1,4})(?!\d)", re.ASCII)
"""A release candidate: mainline's -rc1 and Debian's ~rc1; Fedora's -0.rc1 and Ubuntu's -061200rc1 of mainline."""
_MOST_CANDIDATES = 8
"""The number of candidates of the series of mainline with the most of them, from 6.1 on."""
_DEBIAN = re.compile(r".*\+(deb|bpo)|[-~]rc\d+-arm64", re.ASCII)
_DEBIAN_ABI = re.compile(r"-(?P<abi>[1-9]\d{0,3}|0\.(?:deb|bpo)[\d.]+)-(?:cloud-|rt-)?arm64(?:-16k)?", re.ASCII)
"""Debian's releases of before 2025 have the number of an ABI, as in 6.1.0-50-arm64."""
_UBUNTU_ABI = re.compile(
    r"-[1-9]\d{0,3}-(?:generic|lowlatency|raspi|aws|azure|gcp|gke|gkeop|ibm|oracle|kvm|laptop|nvidia|oem|qcom|realtime"
    r"|starfive|tegra|xilinx)(?:-[\w-]+)?",
    re.ASCII,
)


class Build(StrEnum):
    """The maker of a kernel."""

    MAINLINE = "kernel.org's"
    """Mainline and the stable series."""
    DEBIAN = "Debian's"
    UBUNTU = "Ubuntu's"
    """Ubuntu's, which have the changes of the point release that they name."""
    ON_CANDIDATE = "a tree on top of a release candidate"
    """A release candidate with further changes, as developers, linux-next and distributions build them."""
    OTHER = "a vendor's"
    """Any other tree, such as Android's, whose changes are unknown."""


class KernelRelease(msgspec.Struct, frozen=True):
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
    def series(self) -> Series:
        """The series as two numbers, which compare as series do."""
        return self.major, self.minor

    @property
    def series_name(self) -> str:
        """The series as text, such as 6.12."""
        return _series_name(self.series)

    @property
    def build(self) -> Build:
        """The maker, as the suffix says."""
        if _DEBIAN.match(self.suffix) or _DEBIAN_ABI.fullmatch(self.suffix):
            return Build.DEBIAN
        if _UBUNTU_ABI.fullmatch(self.suffix):
            return Build.UBUNTU
        candidate = _CANDIDATE.match(self.suffix)
        if candidate is not None and candidate[0] != self.suffix:
            return Build.ON_CANDIDATE
        return Build.OTHER if self.suffix and candidate is None else Build.MAINLINE

    @property
    def candidate(self) -> int | None:
        """The number of mainline's release candidate, such as 2 for 6.12-rc2, or 0 for a tree of the merge window.

        None for a release, and for a candidate of a stable release, such as 6.12.5-rc1.
        """
        return None if self.point else self._candidate_number

    @property
    def is_stable_candidate(self) -> bool:
        """True for a candidate of a stable release, such as 6.12.5-rc1."""
        return bool(self.point) and self._candidate_number is not None

    @property
    def _candidate_number(self) -> int | None:
        match = _CANDIDATE.match(self.suffix)
        return None if match is None else int(match[1])

    @property
    def candidate_name(self) -> str:
        """The release candidate that it is, or is built on, as mainline names it.

        >>> kernel_release("6.12.0-rc1-next-20240930").candidate_name
        '6.12-rc1'
        """
        point = f".{self.point}" if self.point else ""
        return f"{self.series_name}{point}-rc{self._candidate_number}"

    @property
    def names_abi(self) -> bool:
        """True if the name is that of an ABI, whose 0 is not a point release, such as 6.1.0-27-arm64."""
        is_abi = _DEBIAN_ABI.fullmatch(self.suffix) or _UBUNTU_ABI.fullmatch(self.suffix)
        return not self.point and is_abi is not None

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
        name = self.series_name
        if (why := self._why_no_candidate()) is not None:
            return f"{why}, and {name}{f'.{self.point}' if self.point else ''} stands for it"
        # The backports of a vendor's tree are unknown at every point release.
        point = _NEWEST_POINTS[self.series]
        if self.point is None or self.point <= point or self.build in {Build.UBUNTU, Build.OTHER}:
            return None
        return f"it is newer than {name}.{point}, the newest point release of {name} that is known, which stands for it"

    def _why_no_candidate(self) -> str | None:
        """Return why a release candidate does not exist; None if it may, and for a release."""
        number = self._candidate_number
        if number is not None and number > _MOST_CANDIDATES:
            return f"its number is above {_MOST_CANDIDATES}, the most release candidates that a series had"
        return "the candidates of a stable release begin with -rc1" if self.is_stable_candidate and not number else None

    @property
    def backports_up_to(self) -> int | None:
        """The point release whose backports it has; None for the newest, and where the name does not tell.

        It is 0 for a release candidate.
        """
        if self.candidate is not None:
            return 0
        if not self.names_abi:
            return self.point
        debian = _DEBIAN_ABI.fullmatch(self.suffix)
        return None if debian is None else debian_point(self.series, debian["abi"])


def _series_name(series: Series) -> str:
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
