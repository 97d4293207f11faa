"""The history of what the kernel knows of the system's features: its record of vector lengths, and capabilities.

Nothing that happens later depends on the history; it is kept for those who watch a boot.
"""

from typing import NamedTuple

from sim.cpufeature_tables import Capability
from sim.vectors import VectorType


class KnownLengths(NamedTuple):
    """The record of one vector type at one moment; names and units are those of `sim.kernel.fpsimd.VlInfo`."""

    type: VectorType
    supported: bool
    """True if the system has the extension, as far as was known by then."""
    vq_map: int
    vq_partial_map: int
    min_vl_bytes: int
    max_vl_bytes: int
    default_vl_bytes: int
    max_virtualisable_vl_bytes: int
    max_cpu_vl_bytes: int


class KnownFeatures(NamedTuple):
    """The record of lengths and the capabilities from one moment on, until they change again."""

    time_ns: int
    lengths: tuple[KnownLengths, ...]
    """The record of each vector type."""
    capabilities: tuple[Capability, ...]
    """The capabilities that the system had by then, in the order of their numbers."""


class FeatureHistory:
    """The moments at which the record of lengths or the capabilities changed."""

    def __init__(self) -> None:
        self.moments: list[KnownFeatures] = []

    def keep(self, time_ns: int, lengths: tuple[KnownLengths, ...], capabilities: tuple[Capability, ...]) -> None:
        """Append what is known now, unless it is what was known before."""
        if not self.moments or self.moments[-1][1:] != (lengths, capabilities):
            self.moments.append(KnownFeatures(time_ns, lengths, capabilities))
