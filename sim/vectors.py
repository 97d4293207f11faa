"""Vector lengths: their four units, sets of them, and the sets that the architecture allows.

A vector length (VL) has four units: **bits** (128 to 2048) for people; **bytes** for the kernel (``vl``);
quadwords of 128 bits for the kernel's bitmaps (**VQ** = bits / 128); and **LEN** = VQ - 1 in the four-bit field of the
ZCR_ELx and SMCR_ELx registers.

A set of vector lengths is a whole number whose bit VQ - 1 stands for VQ. Every name that ends in ``vqs`` or ``map``
holds such a set.

Sources: arch/arm64/include/uapi/asm/sve_context.h and sigcontext.h (the units); the Arm Architecture
Reference Manual (the sets, and how ZCR_ELx.LEN selects one).
"""

from collections.abc import Iterable

from sim.errors import InputError, NamedChoice

QUADWORD_BITS = 128
QUADWORD_BYTES = 16
VQ_MAX = 16
"""The architecture's largest VQ: 2048 bits."""
LEN_FIELD = 0xF
"""The mask of ZCR_ELx.LEN and SMCR_ELx.LEN: a register written with 16 holds 0."""
ALL_VQS = (1 << VQ_MAX) - 1
"""The set of every multiple of 128 up to 2048 bits."""
POWERS_OF_TWO = 0b1000_0000_1000_1011
"""The set of VQ 1, 2, 4, 8 and 16: 128, 256, 512, 1024 and 2048 bits."""


class VectorType(NamedChoice):
    """The kernel's vector types: SVE for ordinary mode, SME for streaming mode.

    >>> from sim import boot, read_scenario
    >>> boot(read_scenario("bug")).vectors[VectorType.SVE].max_vl_bytes
    32
    """

    SVE = "SVE"
    SME = "SME"


class SveRule(NamedChoice):
    """The architecture's rule about SVE sets. Both demand 128 bits and every power of two below the largest length."""

    MULTIPLES = "multiples-of-128"
    """Other multiples of 128 bits are optional."""
    POWERS_OF_TWO = "powers-of-two"
    """The newer architecture allows no other lengths."""


def vq_from_bits(bits: int) -> int:
    """Convert bits to VQ.

    Raises:
        InputError: `bits` is not a multiple of 128 from 128 to 2048.

    >>> vq_from_bits(512)
    4
    """
    if bits % QUADWORD_BITS or not QUADWORD_BITS <= bits <= VQ_MAX * QUADWORD_BITS:
        raise InputError(f"{bits} bits is not a vector length: allowed are multiples of 128 from 128 to 2048")
    return bits // QUADWORD_BITS


def bits_from_vq(vq: int) -> int:
    """Convert VQ to bits.

    >>> bits_from_vq(4)
    512
    """
    return vq * QUADWORD_BITS


def vl_bytes_from_vq(vq: int) -> int:
    """Convert VQ to the kernel's VL, in bytes.

    >>> vl_bytes_from_vq(4)
    64
    """
    return vq * QUADWORD_BYTES


def len_field(vqs: int) -> int:
    """Return the LEN of the largest member of a set, which must not be empty.

    >>> len_field(vqs_from_bits([128, 256, 512]))
    3
    """
    return vqs.bit_length() - 1


def vqs_up_to_len(len_value: int) -> int:
    """Return every VQ up to LEN + 1, where LEN is what a register holds once `len_value` is written: four bits.

    >>> bits_from_vqs(vqs_up_to_len(1)), bits_from_vqs(vqs_up_to_len(16))
    ((128, 256), (128,))
    """
    return (2 << (len_value & LEN_FIELD)) - 1


def vqs_from_bits(lengths_bits: Iterable[int]) -> int:
    """Return the set of the lengths in `lengths_bits`.

    Raises:
        InputError: a number is not a vector length, or is given twice.

    >>> bin(vqs_from_bits([128, 256, 512]))  # A64FX
    '0b1011'
    """
    vqs = 0
    for bits in lengths_bits:
        member = 1 << (vq_from_bits(bits) - 1)
        if vqs & member:
            raise InputError(f"{bits} bits is given twice")
        vqs |= member
    return vqs


def bits_from_vqs(vqs: int) -> tuple[int, ...]:
    """Return the members of a set in bits, smallest first.

    >>> bits_from_vqs(0b11)  # Neoverse V1
    (128, 256)
    """
    return tuple(bits_from_vq(vq) for vq in range(1, VQ_MAX + 1) if vqs >> (vq - 1) & 1)


def braces(vqs: int) -> str:
    """Return a set as kernel developers write it.

    >>> braces(0b1011)
    '{128,256,512}'
    """
    return "{" + ",".join(map(str, bits_from_vqs(vqs))) + "}"


def largest_vq(vqs: int) -> int:
    """Return the VQ of the largest member; 0 for the empty set.

    >>> largest_vq(0b1011)
    4
    """
    return vqs.bit_length()


def smallest_vq(vqs: int) -> int:
    """Return the VQ of the smallest member; 0 for the empty set.

    >>> smallest_vq(0b1010)
    2
    """
    return (vqs & -vqs).bit_length()


def why_not_sve(vqs: int, rule: SveRule = SveRule.MULTIPLES) -> str | None:
    """Return the reason why the architecture forbids a CPU this set of SVE lengths; None if it allows the set.

    >>> why_not_sve(vqs_from_bits([128, 512]))
    '256 is missing: every power of two below the largest length (512) is mandatory'
    >>> why_not_sve(vqs_from_bits([128, 256, 384])) is None
    True
    >>> why_not_sve(vqs_from_bits([128, 256, 384]), SveRule.POWERS_OF_TWO)
    '384 is not a power of two, and the powers-of-two rule allows nothing else'
    """
    if not vqs & 1:
        return "128 is missing: every CPU with SVE has it"
    below_largest = (1 << len_field(vqs)) - 1  # every VQ below the largest member
    missing = POWERS_OF_TWO & below_largest & ~vqs
    if missing:
        lengths = ", ".join(map(str, bits_from_vqs(missing)))
        largest = bits_from_vq(largest_vq(vqs))
        verb = "are" if missing.bit_count() > 1 else "is"
        return f"{lengths} {verb} missing: every power of two below the largest length ({largest}) is mandatory"
    others = vqs & ~POWERS_OF_TWO
    if others and rule is SveRule.POWERS_OF_TWO:
        return f"{bits_from_vqs(others)[0]} is not a power of two, and the powers-of-two rule allows nothing else"
    return None


def why_not_sme(vqs: int) -> str | None:
    """Return the reason why the architecture forbids a CPU this set of streaming lengths; None if it allows the set.

    128 bits is not mandatory in streaming mode.

    >>> why_not_sme(vqs_from_bits([512, 1024])) is None
    True
    >>> why_not_sme(vqs_from_bits([128, 384]))
    '384 is not a power of two, and streaming lengths are'
    """
    if not vqs:
        return "an empty set"
    others = vqs & ~POWERS_OF_TWO
    if others:
        return f"{bits_from_vqs(others)[0]} is not a power of two, and streaming lengths are"

    return None
