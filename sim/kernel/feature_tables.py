"""The tables of cpufeature: ID registers with their fields, and capabilities, as data.

The engine (`sim.kernel.cpufeature`) knows no feature by name. SVE and SME are the first two entries; a capability
without vector lengths is an entry whose `vector_type` is None, a field without capability one of `FTR_BITS` alone.

Source: arch/arm64/kernel/cpufeature.c (``arm64_ftr_regs``, ``arm64_features``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.id_registers import IdField
from sim.kernel_release import KernelRelease
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType


def lower_safe(system_value: int, cpu_value: int) -> int:
    """Return the sanitised value of a field of type FTR_LOWER_SAFE: the smaller of both."""
    return min(system_value, cpu_value)


@dataclass(frozen=True, slots=True)
class FtrBits:
    """``struct arm64_ftr_bits``: a field, how CPUs' values combine, and whether a difference is reported."""

    field: IdField
    safe_value: Callable[[int, int], int] = lower_safe
    strict: bool = True


@dataclass(frozen=True, slots=True)
class FtrReg:
    """``struct arm64_ftr_reg``: an ID register and those of its fields that the kernel looks at."""

    name: str
    bits: tuple[FtrBits, ...]

    @property
    def strict_mask(self) -> int:
        """The bits in which a difference between CPUs is logged."""
        mask = 0
        for one in self.bits:
            mask |= one.field.mask if one.strict else 0
        return mask


@dataclass(frozen=True, slots=True)
class Capability:
    """``struct arm64_cpu_capabilities`` of system scope: all early CPUs must have it, and late CPUs too."""

    description: str
    field: IdField
    min_value: int
    numbers: Mapping[tuple[int, int], int]
    """Its number in the kernel's list, by the first series with that number; capabilities added before it shift it.

    The first series of all is the first that knows the capability.
    """
    vector_type: VectorType | None = None

    def is_of(self, register_value: int) -> bool:
        """Return True if a CPU whose register of the field has this value has the capability."""
        return self.field.of(register_value) >= self.min_value

    def is_known_to(self, release: KernelRelease) -> bool:
        """Return True if a kernel has the capability."""
        return min(self.numbers) <= release.series

    def number(self, release: KernelRelease) -> int:
        """Return the capability's number in the log of a release that knows it."""
        return self.numbers[max(version for version in self.numbers if version <= release.series)]


_SVE_NUMBERS = {
    (6, 1): 51,
    (6, 12): 67,
    (6, 16): 73,
    (6, 17): 79,
    (6, 18): 80,
    (6, 19): 82,
    (7, 0): 84,
    (7, 1): 85,
    (7, 3): 87,
}
"""The numbers of SVE's capability, from recorded boots."""
# No recorded boot shows the number of SME's capability; it is assumed to follow SVE's in the kernel's list.
_NUMBERS = {
    VectorType.SVE: _SVE_NUMBERS,
    VectorType.SME: {version: number + 1 for version, number in _SVE_NUMBERS.items()},
}

CAPABILITIES = (
    *(
        Capability(traits.capability, traits.id_field, 1, _NUMBERS[vector_type], vector_type)
        for vector_type, traits in VECTOR_TYPES.items()
    ),
)
"""The capabilities, in the order in which the kernel verifies them."""

VHE = Capability(
    "Virtualization Host Extensions",
    IdField("ID_AA64MMFR1_EL1", "VH", shift=8),
    1,
    {(6, 1): 37, (6, 12): 51, (6, 16): 54, (6, 18): 59, (7, 3): 65},
)
"""The capability of the boot CPU that no other CPU may differ in: whether the kernel runs at EL2 on it."""
ICV_DIR_TRAPPING = Capability("ICV_DIR_EL1 trapping", IdField("ID_AA64PFR0_EL1", "GIC", shift=24), 1, {(6, 1): 38})
"""A capability of CPUs with a GICv3 CPU interface, while hypervisor mode is available. The number is that of 7.3."""

FTR_BITS = (*(FtrBits(traits.id_field) for traits in VECTOR_TYPES.values()),)
"""The fields, with or without a capability, in the order of their registers."""

FTR_REGS = tuple(
    FtrReg(name, tuple(one for one in FTR_BITS if one.field.register == name))
    for name in dict.fromkeys(one.field.register for one in FTR_BITS)
)
"""The ID registers, in the order in which the kernel compares them."""
