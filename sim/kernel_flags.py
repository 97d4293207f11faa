"""Kernel flags: what differs between kernels, as named switches with defaults by series.

A distribution backports, and configurations differ, so a series only gives each flag its default; a scenario's
``[kernel] flags`` sets any of them. This is the only place that compares versions. A series between two recorded
series follows from the release in which a flag came or went; a series beyond the newest is taken to be like it.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from sim.errors import InputError
from sim.kernel_series import KernelSeries

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FlagDefault:
    """The series in which a flag is on by default, and where that is known from."""

    since: Version
    """The first release in which it is on; (0, 0): it has always been on."""
    until: Version | None
    """The first release in which it is off again; None: it never went."""
    meaning: str
    """The effect of the flag where it is on, as tables show it."""
    source: str

    def of(self, series: KernelSeries) -> bool:
        """Return the flag's default in a series."""
        return self.since <= series.version and (self.until is None or series.version < self.until)


# The default stands in the field's metadata, and the field itself has none, because it depends on the series. So a
# `KernelFlags` is made with every flag given, as `kernel_flags` does.
def _flag(meaning: str, source: str, *, since: Version = (0, 0), until: Version | None = None) -> bool:
    default: bool = field(metadata={"default": FlagDefault(since, until, meaning, source)})
    return default


@dataclass(frozen=True, slots=True)
class KernelFlags:
    """The flags of one kernel."""

    pseudo_registers: bool = _flag(
        "a late CPU is first compared with the sanitised pseudo registers ZCR and SMCR",
        "arch/arm64/kernel/cpufeature.c; removed by message 20230913-arm64-vec-len-cpufeature-v1-1; booted",
        until=(6, 7),
    )
    sme: bool = _flag(
        "SME is configured; ARM64_SME depended on BROKEN until 6.16",
        "commit 81235ae0c846; booted",
        since=(6, 16),
    )
    hyp_flavour: bool = _flag(
        "KVM's line says nVHE or hVHE",
        "arch/arm64/kvm/arm.c; seen in 6.12, not in 6.1; between them an assumption",
        since=(6, 12),
    )
    host_sve_buffers: bool = _flag(
        "pKVM saves the host's SVE registers to buffers",
        "commit 66d5b53e20a6",
        since=(6, 11),
    )
    zcr_el2_constrained: bool = _flag(
        "ZCR_EL2 is set to the largest shared length while those registers are saved: the bug is fixed",
        "commit a9f41588a902",
        since=(6, 12),
    )
    hyp_panic_on_return: bool = _flag(
        "with SVE under pKVM, a CPU that went offline and comes back panics the hypervisor",
        "three recorded boots of 6.1; not in 6.12",
        until=(6, 2),
    )

    @property
    def own_design(self) -> str | None:
        """The design of this kernel's own pKVM; None where it keeps no buffers for the host's SVE registers."""
        if not self.host_sve_buffers:
            return None
        return "constrain-v2" if self.zcr_el2_constrained else "v6.11"


FLAGS: dict[str, FlagDefault] = {one.name: one.metadata["default"] for one in fields(KernelFlags)}
"""Every flag's default, by its name."""


def kernel_flags(series: KernelSeries, overrides: Mapping[str, bool] | None = None) -> KernelFlags:
    """Return the flags of a series, some of them set otherwise.

    Args:
        series: the kernel series.
        overrides: values by the names of flags; the series gives the others.

    Raises:
        InputError: an override has the name of no flag.
    """
    given = dict(overrides or {})
    for name in given:
        if name not in FLAGS:
            close = difflib.get_close_matches(name, FLAGS, n=1)
            hint = f"did you mean {close[0]!r}? There" if close else "there"
            raise InputError(f"unknown kernel flag {name[:60]!r}: {hint} are {', '.join(FLAGS)}")
    return KernelFlags(**{name: given.get(name, default.of(series)) for name, default in FLAGS.items()})


def thresholds() -> dict[str, list[str]]:
    """Return the releases in which a flag's default changes, each with the flags that go on or off then."""
    changes: dict[Version, list[str]] = {}
    for name, default in FLAGS.items():
        if default.since > (0, 0):
            changes.setdefault(default.since, []).append(f"{name} on")
        if default.until is not None:
            changes.setdefault(default.until, []).append(f"{name} off")
    return {f"{major}.{minor}": told for (major, minor), told in sorted(changes.items())}
