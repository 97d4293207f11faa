"""Kernel series as data: what differs between the kernels that the simulator speaks for.

Boots of 6.1, 6.12, 6.16, 6.18, 7.2 and 7.3 are recorded. A series between them follows from the release in which
each difference came or went; one beyond the newest recorded is taken to be like it.
"""

import re
from dataclasses import dataclass

from sim.errors import InputError
from sim.vectors import VectorType

RECORDED = ("6.1", "6.12", "6.16", "6.18", "7.2", "7.3")
DEFAULT = "6.18"
OLDEST = (6, 1)
THRESHOLDS = {
    "6.1": "the pseudo registers' test; a CPU that returns under pKVM panics the hypervisor",
    "6.2": "no such panic is known",
    "6.7": "that test is gone",
    "6.11": "pKVM has buffers, sized wrongly: the bug",
    "6.12": "the bug is fixed",
    "6.16": "SME can be configured again",
}
"""Releases in which something that is modelled came or went, and what; a series between two is like the older."""
_SVE_CAPABILITY = {(6, 1): 51, (6, 12): 67, (6, 16): 73, (6, 18): 80, (7, 2): 85, (7, 3): 87}


@dataclass(frozen=True, slots=True)
class KernelSeries:
    """One kernel series, such as 6.12, and what is particular to it."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def version(self) -> tuple[int, int]:
        """The series as two numbers, which compare as releases do."""
        return self.major, self.minor

    @property
    def has_pseudo_registers(self) -> bool:
        """Whether a late CPU is first held against the sanitised pseudo registers ZCR and SMCR.

        Until 6.7: arch/arm64/kernel/cpufeature.c, message 20230913-arm64-vec-len-cpufeature-v1-1.
        """
        return self.version < (6, 7)

    @property
    def has_sme(self) -> bool:
        """Whether the kernel uses SME.

        It can since 5.19, but ARM64_SME depends on BROKEN from 6.13 until 6.16, and in the stable
        kernels of that time (6.1, 6.6, 6.11, 6.12) too.
        """
        return self.version >= (6, 16)

    def capability_number(self, vector_type: VectorType) -> int:
        """The number of the capability SVE or SME in the log; no two series agree.

        Recorded for SVE; SME's follows it here for want of a record.
        """
        recorded = max(version for version in _SVE_CAPABILITY if version <= self.version)
        return _SVE_CAPABILITY[recorded] + (vector_type is VectorType.SME)

    @property
    def names_hyp_flavour(self) -> bool:
        """Whether KVM's line says nVHE or hVHE; seen in 6.12, not yet in 6.1 (arch/arm64/kvm/arm.c)."""
        return self.version >= (6, 12)

    @property
    def own_design(self) -> str | None:
        """The design of this series' pKVM; None before it kept buffers for the host's SVE registers.

        Commit 66d5b53e20a6 (6.11) brought the buffers, a9f41588a902 (6.12) constrain-v2.
        """
        if self.version < (6, 11):
            return None
        return "v6.11" if self.version == (6, 11) else "constrain-v2"

    @property
    def panics_when_cpu_returns_under_pkvm(self) -> bool:
        """A quirk of 6.1. With SVE under pKVM, a CPU that went offline and comes back panics the hypervisor.

        Seen in three recorded boots of 6.1, not in 6.12; when it went is not known.
        """
        return self.version == (6, 1)


def kernel_series(name: str) -> KernelSeries:
    """Read the name of a kernel series, such as ``6.12``.

    Raises:
        InputError: not of that form, or older than 6.1, where the facts begin.
    """
    match = re.fullmatch(r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})", str(name))
    if match is None or not isinstance(name, str):
        raise InputError(
            f"unknown kernel series {name!r:.40}: write it as text such as '6.12'; recorded: {', '.join(RECORDED)}"
        )
    series = KernelSeries(int(match[1]), int(match[2]))
    if series.version < OLDEST:
        raise InputError(f"kernel series {series} is older than 6.1, where the facts begin")
    return series
