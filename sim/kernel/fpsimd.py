"""The kernel's record of vector lengths, one for SVE and one for SME.

Source: arch/arm64/kernel/fpsimd.c (``struct vl_info``, ``vec_init_vq_map``, ``vec_update_vq_map``,
``vec_verify_vq_map``, ``sve_setup``, ``sme_setup``).
"""

from dataclasses import dataclass
from typing import NamedTuple

from sim import rules
from sim.vectors import (
    QUADWORD_BYTES,
    VectorType,
    bits_from_vqs,
    braces,
    largest_vq,
    smallest_vq,
    vl_bytes_from_vq,
)

DEFAULT_VL_BYTES = {VectorType.SVE: 64, VectorType.SME: 32}
"""A task's default VL is the largest supported one that is at most this."""


class LateVerdict(NamedTuple):
    """What the verification of a late CPU found, as sets; an empty one means that all is well there."""

    above_maximum: int
    """Its lengths above ``max_cpu_vl``: what Brown's series looks at."""
    below_floor: int
    """Not empty where its largest length is below the sanitised pseudo register: kernels before 6.7."""
    missing: int
    """Lengths of ``vq_map`` that it lacks."""
    unsupported: int
    """Its lengths outside ``vq_map`` and at most ``max_virtualisable_vl``."""


@dataclass(slots=True, repr=False)
class VlInfo:
    """``vl_info``: what the system's CPUs can do, for one vector type. Sizes in bytes.

    `max_cpu_vl_bytes` is of Brown's series: the largest length of any counted CPU; here it is always
    computed, and only some designs use it. `default_vl_bytes` is what tasks start with.
    """

    type: VectorType
    vq_map: int = 0
    vq_partial_map: int = 0
    max_cpu_vqs: int = 0
    """A set whose largest member is ``max_cpu_vl``."""
    pseudo_register_vqs: int = 0
    """Every VQ up to the smallest of the early CPUs' largest lengths."""
    virtualisable_vqs: int = 0
    """Every VQ up to ``max_virtualisable_vl``."""
    min_vl_bytes: int = 0
    max_vl_bytes: int = 0
    max_virtualisable_vl_bytes: int = 0
    default_vl_bytes: int = 0

    def __post_init__(self) -> None:
        if self.type is VectorType.SVE:
            self.min_vl_bytes = self.max_vl_bytes = self.max_virtualisable_vl_bytes = QUADWORD_BYTES

    def __repr__(self) -> str:
        return (
            f"<VlInfo of {self.type}: vq_map {braces(self.vq_map)}, vq_partial_map {braces(self.vq_partial_map)}; "
            f"bytes: min_vl {self.min_vl_bytes}, max_vl {self.max_vl_bytes}, default {self.default_vl_bytes}, "
            f"max_virtualisable_vl {self.max_virtualisable_vl_bytes}, max_cpu_vl {self.max_cpu_vl_bytes}>"
        )

    @property
    def max_cpu_vl_bytes(self) -> int:
        """The largest length of any counted CPU, in bytes; 0 before one was counted."""
        return vl_bytes_from_vq(largest_vq(self.max_cpu_vqs))

    @property
    def vq_map_bits(self) -> tuple[int, ...]:
        """``vq_map`` as lengths in bits."""
        return bits_from_vqs(self.vq_map)

    @property
    def vq_partial_map_bits(self) -> tuple[int, ...]:
        """``vq_partial_map`` as lengths in bits."""
        return bits_from_vqs(self.vq_partial_map)

    def vec_init_vq_map(self, own_vqs: int) -> None:
        """Count the boot CPU."""
        self.vq_map = self.vq_partial_map = self.max_cpu_vqs = own_vqs
        self.pseudo_register_vqs = rules.smear(own_vqs)

    def vec_update_vq_map(self, own_vqs: int) -> None:
        """Count an early secondary."""
        self.vq_map = rules.shared_with(self.vq_map, own_vqs)
        self.vq_partial_map = rules.seen_with(self.vq_partial_map, own_vqs)
        self.max_cpu_vqs = self.vq_partial_map
        self.pseudo_register_vqs = rules.pseudo_register(self.pseudo_register_vqs, own_vqs)

    def setup(self) -> None:
        """Finalise, after the last early CPU: the limits that everybody uses from now on.

        SME never sets ``max_virtualisable_vl``. Early CPUs whose SME sets share nothing leave 0 everywhere.
        """
        preferred = (1 << (DEFAULT_VL_BYTES[self.type] // QUADWORD_BYTES)) - 1
        self.min_vl_bytes = vl_bytes_from_vq(smallest_vq(self.vq_map))
        self.max_vl_bytes = vl_bytes_from_vq(largest_vq(self.vq_map))
        default_vqs = rules.default_length(self.vq_map, preferred)
        self.default_vl_bytes = vl_bytes_from_vq(largest_vq(default_vqs))
        if self.type is VectorType.SVE:
            self.virtualisable_vqs = rules.virtualisable(self.vq_map, self.vq_partial_map)
            self.max_virtualisable_vl_bytes = vl_bytes_from_vq(largest_vq(self.virtualisable_vqs))

    def vec_verify_vq_map(self, own_vqs: int) -> LateVerdict:
        """Hold a late CPU against the record."""
        return LateVerdict(
            above_maximum=rules.above(own_vqs, self.max_cpu_vqs),
            below_floor=rules.below_floor(self.pseudo_register_vqs, own_vqs),
            missing=rules.missing(self.vq_map, own_vqs),
            unsupported=rules.unsupported(self.vq_map, self.virtualisable_vqs, own_vqs),
        )
