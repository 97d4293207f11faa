"""The evidence of a system's CPUs, in the form that a device tree, a kernel log and sysfs have in common."""

from collections.abc import Iterable, Mapping
from typing import Self

import msgspec
from msgspec.structs import replace

from sim.cores.core_table import DocumentedCore, core_of_midr, find_core
from sim.errors import printable
from sim.vectors import VectorType

_LONGEST_CORE_NAME = 60
_AFFINITY_BITS = 8

ClusterPath = tuple[str, ...]
"""The names of the clusters around a CPU, outermost first."""


class CpuEvidence(msgspec.Struct, frozen=True):
    """The evidence of one CPU; None, or an empty value, where the source does not say."""

    cpu: int
    mpidr: int | None = None
    midr: int | None = None
    """MIDR_EL1, which identifies the core."""
    compatible: tuple[str, ...] = ()
    """The compatible strings of its node, most specific first."""
    capacity: int | None = None
    """capacity-dmips-mhz: speed for each MHz, relative to the other CPUs."""
    extensions: Mapping[VectorType, bool] = msgspec.field(default_factory=dict)
    """True where the CPU has the extension, False where it lacks it; no entry where the source does not say."""

    @property
    def name(self) -> str:
        """The CPU's name in the scenario."""
        return f"cpu{self.cpu}"

    @property
    def core_of_midr(self) -> str | None:
        """The name of the core with this MIDR; None where MIDR or core is unknown."""
        return None if self.midr is None else core_of_midr(self.midr)

    @property
    def core(self) -> DocumentedCore | None:
        """The core as the table has it: by MIDR, which the hardware itself reports, else by compatible string."""
        of_midr = self.core_of_midr
        return find_core((*(() if of_midr is None else (of_midr,)), *self.compatible))

    @property
    def core_name(self) -> str:
        """The name of the core, for people."""
        if name := self.compatible[0] if self.compatible else self.core_of_midr:
            return printable(name[:_LONGEST_CORE_NAME])
        return "(not named)" if self.midr is None else f"of MIDR {self.midr:#010x}"

    def has(self, extension: VectorType) -> bool | None:
        """Return True or False if the source says whether the CPU has an extension, and None if it does not say."""
        return self.extensions.get(extension)

    def with_extension(self, extension: VectorType, *, present: bool) -> Self:
        """Return the same evidence with one extension known to be present or missing."""
        return replace(self, extensions={**self.extensions, extension: present})

    def filled_from(self, other: Self) -> Self:
        """Return the same evidence with its gaps filled from another source."""
        return replace(
            self,
            mpidr=other.mpidr if self.mpidr is None else self.mpidr,
            midr=other.midr if self.midr is None else self.midr,
            compatible=self.compatible or other.compatible,
            capacity=other.capacity if self.capacity is None else self.capacity,
            extensions={**other.extensions, **self.extensions},
        )


def merge(sources: Iterable[Mapping[int, CpuEvidence]]) -> dict[int, CpuEvidence]:
    """Merge the evidence of several sources, CPU by CPU; where two contradict each other, the earlier source counts."""
    merged: dict[int, CpuEvidence] = {}
    for source in sources:
        for cpu, evidence in source.items():
            merged[cpu] = merged[cpu].filled_from(evidence) if cpu in merged else evidence
    return merged


class Clusters(msgspec.Struct, frozen=True):
    """The clusters around each CPU, and the source of that knowledge."""

    paths: Mapping[int, ClusterPath]
    origin: str
    """A phrase that names the source, for people."""


def clusters_by_mpidr(mpidrs: Mapping[int, int], reason: str) -> Clusters:
    """Group CPUs by affinity: a cluster has the CPUs whose MPIDRs are equal above the field that numbers cores.

    That field is Aff0, or Aff1 in multithreaded cores, which number their threads by Aff0. No source shows the bit that
    would tell, MPIDR_EL1.MT: Aff1 is taken to number cores if there are several CPUs and Aff0 is 0 for all of them.

    Args:
        mpidrs: MPIDRs by logical CPU number.
        reason: why nothing better is known, for `Clusters.origin`.
    """
    by_aff1 = len(mpidrs) > 1 and all(mpidr & 0xFF == 0 for mpidr in mpidrs.values())
    shift = (2 if by_aff1 else 1) * _AFFINITY_BITS
    names: dict[int, str] = {}
    paths = {cpu: (names.setdefault(mpidr >> shift, f"cluster{len(names)}"),) for cpu, mpidr in mpidrs.items()}
    numbered = "Aff1, as Aff0 is 0 everywhere" if by_aff1 else "Aff0"
    return Clusters(paths, f"MPIDR affinity, with cores numbered by {numbered}: {reason}")
