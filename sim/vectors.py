"""Vector lengths, their four units, sets of them, and which sets the architecture allows.

A vector length (VL) is counted in **bits** by people (128 to 2048), in **bytes** by the kernel (``vl``), in
quadwords of 128 bits by its bitmaps (``vq``), and as **LEN** = VQ - 1 by the four-bit field of the ZCR_ELx
and SMCR_ELx registers.

A set of vector lengths is a whole number: bit VQ - 1 stands for VQ. Every name that ends in ``vqs`` or
``map`` holds such a set.

Sources: arch/arm64/include/uapi/asm/sve_context.h and sigcontext.h (the units); the Arm Architecture
Reference Manual (the sets, and how ZCR_ELx.LEN selects one).
"""

from collections.abc import Iterable
from enum import StrEnum

from sim.errors import InputError

QUADWORD_BITS = 128
QUADWORD_BYTES = 16
VQ_MAX = 16
"""The architecture's largest VQ: 2048 bits."""
LEN_FIELD = 0xF
"""ZCR_ELx.LEN and SMCR_ELx.LEN have four bits; writing 16 leaves 0."""
ALL_VQS = (1 << VQ_MAX) - 1
POWERS_OF_TWO = 0b1000_0000_1000_1011
"""VQ 1, 2, 4, 8 and 16: 128, 256, 512, 1024 and 2048 bits."""


class VectorType(StrEnum):
    """What a vector length belongs to: ordinary (SVE) or streaming mode (SME)."""

    SVE = "SVE"
    SME = "SME"


class SveRule(StrEnum):
    """Which SVE sets are legal.

    ``MULTIPLES``: 128 bits and every power of two below the largest, other multiples of 128 as the
    implementation likes. ``POWERS_OF_TWO``: the newer architecture, which allows nothing else.
    """

    MULTIPLES = "multiples-of-128"
    POWERS_OF_TWO = "powers-of-two"


def vq_from_bits(bits: int) -> int:
    """Convert bits to VQ.

    Raises:
        InputError: not a multiple of 128 from 128 to 2048.

    >>> vq_from_bits(512)
    4
    """
    if bits % QUADWORD_BITS or not QUADWORD_BITS <= bits <= VQ_MAX * QUADWORD_BITS:
        raise InputError(f"{bits} bits is no vector length: allowed are multiples of 128 from 128 to 2048")
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
    """LEN of the largest member of a set, which must not be empty.

    >>> len_field(vqs_from_bits([128, 256, 512]))
    3
    """
    return vqs.bit_length() - 1


def vqs_up_to_len(len_value: int) -> int:
    """Every VQ that a LEN field lets through, after the field has dropped all but its four bits.

    >>> bits_from_vqs(vqs_up_to_len(1)), bits_from_vqs(vqs_up_to_len(16))
    ((128, 256), (128,))
    """
    return (2 << (len_value & LEN_FIELD)) - 1


def vqs_from_bits(lengths_bits: Iterable[int]) -> int:
    """Make a set of vector lengths given in bits.

    Raises:
        InputError: one of them is no vector length, or is given twice.

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
    """List a set's members in bits, smallest first.

    >>> bits_from_vqs(0b11)  # Neoverse V1
    (128, 256)
    """
    return tuple(bits_from_vq(vq) for vq in range(1, VQ_MAX + 1) if vqs >> (vq - 1) & 1)


def braces(vqs: int) -> str:
    """Write a set as kernel developers do.

    >>> braces(0b1011)
    '{128,256,512}'
    """
    return "{" + ",".join(map(str, bits_from_vqs(vqs))) + "}"


def largest_vq(vqs: int) -> int:
    """The largest member as a number; 0 for the empty set.

    >>> largest_vq(0b1011)
    4
    """
    return vqs.bit_length()


def smallest_vq(vqs: int) -> int:
    """The smallest member as a number; 0 for the empty set.

    >>> smallest_vq(0b1010)
    2
    """
    return (vqs & -vqs).bit_length()


def why_not_sve(vqs: int, rule: SveRule = SveRule.MULTIPLES) -> str | None:
    """Say why the architecture forbids a CPU this set of SVE lengths, or None if it does not.

    >>> why_not_sve(vqs_from_bits([128, 512]))
    '256 is missing: every power of two below the largest length (512) is mandatory'
    >>> why_not_sve(vqs_from_bits([128, 256, 384])) is None
    True
    >>> why_not_sve(vqs_from_bits([128, 256, 384]), SveRule.POWERS_OF_TWO)
    '384 is not a power of two, and the powers-of-two rule allows nothing else'
    """
    if not vqs & 1:
        return "128 is missing: every CPU with SVE has it"
    below_largest = (1 << len_field(vqs)) - 1
    missing = POWERS_OF_TWO & below_largest & ~vqs
    if missing:
        what = ", ".join(map(str, bits_from_vqs(missing)))
        largest = bits_from_vq(largest_vq(vqs))
        verb = "are" if missing & (missing - 1) else "is"
        return f"{what} {verb} missing: every power of two below the largest length ({largest}) is mandatory"
    odd = vqs & ~POWERS_OF_TWO
    if odd and rule is SveRule.POWERS_OF_TWO:
        return f"{bits_from_vqs(odd)[0]} is not a power of two, and the powers-of-two rule allows nothing else"
    return None


def why_not_sme(vqs: int) -> str | None:
    """Say why the architecture forbids a CPU this set of streaming lengths, or None if it does not.

    128 bits is not mandatory there.

    >>> why_not_sme(vqs_from_bits([512, 1024])) is None
    True
    >>> why_not_sme(vqs_from_bits([128, 384]))
    '384 is not a power of two, and streaming lengths are'
    """
    if not vqs:
        return "an empty set"
    odd = vqs & ~POWERS_OF_TWO
    if odd:
        return f"{bits_from_vqs(odd)[0]} is not a power of two, and streaming lengths are"
    return None
