"""The kernel's record of vector lengths, one for each vector type.

Source: arch/arm64/kernel/fpsimd.c (``struct vl_info``, ``vec_init_vq_map``, ``vec_update_vq_map``,
``vec_verify_vq_map``, ``sve_setup``, ``sme_setup``).
"""

from dataclasses import dataclass

from sim import rules
from sim.frames import as_html
from sim.rules import LateFindings
from sim.vector_types import VECTOR_TYPES
from sim.vectors import (
    QUADWORD_BYTES,
    VectorType,
    bits_from_vqs,
    braces,
    largest_vq,
    smallest_vq,
    vl_bytes_from_vq,
)


@dataclass(slots=True, repr=False)
class VlInfo:
    """``vl_info``: the lengths that the system's CPUs support, for one vector type.

    Names that end in ``_bytes`` are VLs in bytes, in ``_bits`` lengths in bits. The others are sets as
    the kernel's bitmaps have them, in which bit n stands for a length of 128·(n + 1) bits. ``max_cpu_vl`` is of Brown's
    series alone: the largest length of any counted CPU. It is always computed here, and only some designs use it.

    Args:
        type: SVE or SME.
        vq_map: the lengths that every counted CPU has, as a set; `vq_map_bits` has them in bits.
        vq_partial_map: the lengths that some counted CPU has, as a set; `vq_partial_map_bits` has them in bits.
        max_cpu_vqs: a set of lengths, of which the largest is ``max_cpu_vl``.
        pseudo_register_vqs: every multiple of 128 up to the smallest of the early CPUs' largest lengths, as a set.
        virtualisable_vqs: all lengths up to ``max_virtualisable_vl``, as a set.
        min_vl_bytes: the smallest VL, in bytes.
        max_vl_bytes: the largest VL that every counted CPU has, in bytes.
        max_virtualisable_vl_bytes: the largest VL for guests, in bytes.
        default_vl_bytes: the VL that tasks start with, in bytes.

    >>> from sim import VectorType, boot, read_scenario
    >>> info = boot(read_scenario("bug")).facts.vectors[VectorType.SVE]
    >>> info.max_vl_bytes, info.max_virtualisable_vl_bytes, info.vq_map_bits
    (32, 32, (128, 256))
    """

    type: VectorType
    vq_map: int = 0
    vq_partial_map: int = 0
    max_cpu_vqs: int = 0
    pseudo_register_vqs: int = 0
    virtualisable_vqs: int = 0
    min_vl_bytes: int = 0
    max_vl_bytes: int = 0
    max_virtualisable_vl_bytes: int = 0
    default_vl_bytes: int = 0

    def __post_init__(self) -> None:
        initial = VECTOR_TYPES[self.type].initial_vl_bytes
        self.min_vl_bytes = self.max_vl_bytes = self.max_virtualisable_vl_bytes = initial

    def __repr__(self) -> str:
        return (
            f"<VlInfo of {self.type}: vq_map {braces(self.vq_map)}, vq_partial_map {braces(self.vq_partial_map)}; "
            f"bytes: min_vl {self.min_vl_bytes}, max_vl {self.max_vl_bytes}, default {self.default_vl_bytes}, "
            f"max_virtualisable_vl {self.max_virtualisable_vl_bytes}, max_cpu_vl {self.max_cpu_vl_bytes}>"
        )

    def _repr_html_(self) -> str:
        sets = {"vq_map": self.vq_map, "vq_partial_map": self.vq_partial_map}
        limits = {
            "min_vl": self.min_vl_bytes,
            "max_vl": self.max_vl_bytes,
            "default_vl": self.default_vl_bytes,
            "max_virtualisable_vl": self.max_virtualisable_vl_bytes,
            "max_cpu_vl": self.max_cpu_vl_bytes,
        }
        rows = [{"field": name, "value": f"{braces(vqs)} bits"} for name, vqs in sets.items()]
        rows += [{"field": name, "value": f"{vl_bytes} bytes"} for name, vl_bytes in limits.items()]
        return as_html(f"vl_info of {self.type}", rows)

    def snapshot(self) -> tuple[int, ...]:
        """Return everything that later steps depend on."""
        sets = self.vq_map, self.vq_partial_map, self.max_cpu_vqs, self.pseudo_register_vqs, self.virtualisable_vqs
        limits = self.min_vl_bytes, self.max_vl_bytes, self.max_virtualisable_vl_bytes, self.default_vl_bytes
        return *sets, *limits

    @property
    def max_cpu_vl_bytes(self) -> int:
        """The largest length of any counted CPU, in bytes; 0 before the first was counted."""
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
        """Count the boot CPU.

        Args:
            own_vqs: the CPU's lengths, as a set.
        """
        self.vq_map = self.vq_partial_map = self.max_cpu_vqs = own_vqs
        self.pseudo_register_vqs = rules.smear(own_vqs)

    def vec_update_vq_map(self, own_vqs: int) -> None:
        """Count an early secondary.

        The result does not depend on the order in which CPUs are counted: the rules are AND and OR.

        Args:
            own_vqs: the CPU's lengths, as a set.
        """
        self.vq_map = rules.shared_with(self.vq_map, own_vqs)
        self.vq_partial_map = rules.seen_with(self.vq_partial_map, own_vqs)
        self.max_cpu_vqs = self.vq_partial_map
        self.pseudo_register_vqs = rules.pseudo_register(self.pseudo_register_vqs, own_vqs)

    def setup(self) -> None:
        """Compute the limits, after the last early CPU. They stay as they are, whatever CPUs come later.

        The kernel never sets SME's ``max_virtualisable_vl``: it stays at its initial 0, so that no late CPU has an
        unsupported streaming length. Early CPUs whose SME sets share no length leave 0 in every limit.
        """
        traits = VECTOR_TYPES[self.type]
        preferred = (1 << (traits.default_vl_bytes // QUADWORD_BYTES)) - 1
        self.min_vl_bytes = vl_bytes_from_vq(smallest_vq(self.vq_map))
        self.max_vl_bytes = vl_bytes_from_vq(largest_vq(self.vq_map))
        default_vqs = rules.default_length(self.vq_map, preferred)
        self.default_vl_bytes = vl_bytes_from_vq(largest_vq(default_vqs))
        if traits.is_virtualised:
            self.virtualisable_vqs = rules.virtualisable(self.vq_map, self.vq_partial_map)
            self.max_virtualisable_vl_bytes = vl_bytes_from_vq(largest_vq(self.virtualisable_vqs))

    def vec_verify_vq_map(self, own_vqs: int, *, hyp_available: bool, has_pseudo_register: bool) -> LateFindings[int]:
        """Return what the verification of a late CPU with these lengths finds.

        Args:
            own_vqs: the CPU's lengths.
            hyp_available: the CPUs started at EL2. The mode of KVM does not matter: the kernel checks for guests'
                lengths under ``kvm-arm.mode=none`` as well.
            has_pseudo_register: the kernel still has the pseudo register, and refuses a CPU below it.
        """
        return rules.late_findings(
            own_vqs,
            self.vq_map,
            self.max_cpu_vqs,
            self.virtualisable_vqs if hyp_available else 0,
            self.pseudo_register_vqs if has_pseudo_register else 0,
        )
