"""Notes on a kernel's release: what its name leaves unknown, and the flags that were chosen for it all the same."""

from collections.abc import Iterator, Mapping

from sim.kernel_flags import Origin, flag_origins, kernel_flags
from sim.kernel_release import Build, KernelRelease


def flag_notes(release: KernelRelease, overrides: Mapping[str, bool] | None = None) -> Iterator[str]:
    """Yield a note on everything that is unknown of a release.

    Args:
        release: the kernel's release.
        overrides: the flags that are set otherwise, of which nothing is unknown.
    """
    series = release.series_name
    if release.stand_in is not None:
        yield f"nothing is known of kernel {release} itself: {release.stand_in}"
    yield from name_notes(release, overrides)
    if (unknown := _listed(release, overrides, Origin.UNKNOWN)) and not release.names_abi:
        yield (
            f"kernel {release} is {release.build}, and which later changes of the stable series it has is unknown: "
            f"their flags are as in {series}.{release.point} ({unknown})"
            if release.build is Build.UBUNTU
            else f"kernel {release} is a vendor's, whose backports are unknown: flags that stable releases of {series} "
            f"changed are as when {series} began ({unknown})"
        )
    unknown = _listed(release, overrides, Origin.CANDIDATE)
    if unknown and release.candidate and not release.is_stable_candidate and release.stand_in is None:
        yield (
            f"kernel {release} is a release candidate, and which candidate of {series} had some changes first is "
            f"unknown: their flags are as in {series} ({unknown})"
        )


def name_notes(release: KernelRelease, overrides: Mapping[str, bool] | None = None) -> Iterator[str]:
    """Yield a note where a release's name does not tell its changes: of an ABI, a stable candidate, a tree between two.

    Args:
        release: the kernel's release.
        overrides: the flags that are set otherwise, of which nothing is unknown.
    """
    if release.stand_in is not None:
        return  # another release stands for it, whatever the name tells beyond the series
    series = release.series_name
    if release.names_abi:
        yield _abi_note(release, overrides)
    candidates = _listed(release, overrides, Origin.CANDIDATE)
    if candidates and release.is_stable_candidate:
        stable = f"{series}.{release.point}"
        yield (
            f"kernel {release} is a candidate of the stable release {stable}, and whether it has all of its changes is "
            f"unknown: their flags are as in {stable} ({candidates})"
        )
    if release.candidate == 0:
        flags = f": their flags are as in {series} ({candidates})" if candidates else ""
        yield (
            f"kernel {release} is not a release candidate: distributions call a tree of {series}'s merge window -rc0, "
            f"and which changes it has is unknown{flags}"
        )
    if release.build is Build.ON_CANDIDATE:
        listed = _listed(release, overrides, Origin.ON_CANDIDATE)
        flags = f"; those that a later candidate changed: {listed}" if listed else ""
        candidate = release.candidate_name
        yield (
            f"kernel {release} may have commits on top of {candidate}, which are unknown: its flags are as in "
            f"{candidate}{flags}"
        )


def _abi_note(release: KernelRelease, overrides: Mapping[str, bool] | None) -> str:
    """Return the note on a release whose name is that of an ABI."""
    series, point = release.series_name, release.backports_up_to
    if point is not None:
        return f"kernel {release} has the name of an ABI, which is {series}.{point} by Debian's changelog"
    beginning = f"kernel {release} has the name of an ABI, which does not tell its point release"
    if listed := _listed(release, overrides, Origin.ABI):
        return f"{beginning}: flags that stable releases of {series} changed are as in the newest ({listed})"
    if listed := _listed(release, overrides, Origin.UNKNOWN):
        return f"{beginning}: flags that stable releases changed are as when {series} began ({listed})"
    return f"{beginning}: no flag depends on it"


def _listed(release: KernelRelease, overrides: Mapping[str, bool] | None, wanted: Origin) -> str:
    """Return the flags whose value comes from an origin, with their values."""
    names = [name for name, origin in flag_origins(release, overrides).items() if origin is wanted]
    if not names:
        return ""
    flags = kernel_flags(release, overrides)
    return ", ".join(f"{name} {'on' if getattr(flags, name) else 'off'}" for name in names)


def as_sentence(note: str) -> str:
    """Return a note as a whole sentence, for places where it stands by itself.

    >>> as_sentence("kernel 6.14-rc0 is not a release candidate")
    'Kernel 6.14-rc0 is not a release candidate.'
    """
    return f"{note[:1].upper()}{note[1:]}."
