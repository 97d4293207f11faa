"""Vector types as data: the differences between SVE and SME.

A further type is one more entry, and its own rule of legal sets.

Sources: arch/arm64/kernel/fpsimd.c (``sve_setup``, ``sme_setup``), cpufeature.c (the capabilities); the Arm
Architecture Reference Manual (ID registers, SMCR_ELx).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from sim.id_registers import IdField
from sim.vectors import QUADWORD_BYTES, SveRule, VectorType, why_not_sme, why_not_sve


class VectorTraits(msgspec.Struct, frozen=True):
    """The traits of a vector type."""

    id_field: IdField
    """The field of an ID register that is not 0 where a CPU has the extension."""
    len_register: str
    """The register whose LEN selects the length; kernels before 6.7 keep its largest value as an ID register."""
    capability: str
    """The capability's description in the kernel's log."""
    el3_len_key: str
    """The key of scenario files for the LEN field of the firmware's limit."""
    el3_enable: str
    """The bit with which firmware enables the extension for lower exception levels."""
    option: str
    """The word of the kernel's command line that switches the extension off."""
    flag: str | None
    """The flag (`sim.kernel_flags`) without which a kernel does not use the extension; None: every kernel does."""
    default_vl_bytes: int
    """A task's default VL is the largest supported VL that is at most this."""
    initial_vl_bytes: int
    """``min_vl``, ``max_vl`` and ``max_virtualisable_vl`` before any CPU was counted."""
    is_virtualised: bool
    """The kernel computes ``max_virtualisable_vl``; for SME it never does."""
    logs_minimum: bool
    """The log tells the smallest length beside the largest."""
    selects_always: bool
    """Where LEN lets no length through, the smallest is selected; SVE sets have 128 bits, so they need no such rule."""
    why_not: Callable[[int, SveRule], str | None]
    """Why the architecture forbids a CPU a set of lengths, or None."""
    always_in: int
    """Lengths that a set has even where it need not be legal."""


def _why_not_sme(vqs: int, _rule: SveRule) -> str | None:
    return why_not_sme(vqs)


VECTOR_TYPES: Mapping[VectorType, VectorTraits] = MappingProxyType(
    {
        VectorType.SVE: VectorTraits(
            id_field=IdField("ID_AA64PFR0_EL1", "SVE", shift=32),
            len_register="ZCR_EL1",
            capability="Scalable Vector Extension",
            el3_len_key="zcr_el3_len",
            el3_enable="CPTR_EL3.EZ",
            option="arm64.nosve",
            flag=None,
            default_vl_bytes=64,
            initial_vl_bytes=QUADWORD_BYTES,
            is_virtualised=True,
            logs_minimum=False,
            selects_always=False,
            why_not=why_not_sve,
            always_in=1,
        ),
        VectorType.SME: VectorTraits(
            id_field=IdField("ID_AA64PFR1_EL1", "SME", shift=24),
            len_register="SMCR_EL1",
            capability="Scalable Matrix Extension",
            el3_len_key="smcr_el3_len",
            el3_enable="CPTR_EL3.ESM",
            option="arm64.nosme",
            flag="sme",
            default_vl_bytes=32,
            initial_vl_bytes=0,
            is_virtualised=False,
            logs_minimum=True,
            selects_always=True,
            why_not=_why_not_sme,
            always_in=0,
        ),
    }
)
"""Each vector type's traits, in the order in which the kernel verifies them."""
