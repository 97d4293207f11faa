"""Rules of pKVM's save of the host's SVE registers: how large it is, where it lies, and what it leaves out.

The registers lie one after another: Z0 to Z31 of VL bytes, P0 to P15 and FFR of VL/8 bytes. The save addresses them
from a pointer to FFR, at the VL that the CPU runs with, while the pointer may have been placed for another VL. With the
pointer placed for VL A and the CPU running at VL W, a save touches the bytes from 34 (A - W) to 34 A + W/8 - 1 of the
buffer's registers. `save_first_byte` and `save_last_byte` compute these from VQs, where VL = 16 VQ.

Sizes and offsets are in bytes; a VQ is a number here. `tests/truth/pkvm-saves.json` has the measured bytes.

Source: arch/arm64/include/asm/fpsimdmacros.h (``sve_save``),
kvm_pkvm.h (``pkvm_host_sve_state_size``).
"""

from typing import Protocol, Self, TypeVar

from sim.rules.bits import S, above

HEADER_BYTES = 16
"""zcr_el1 (8), fpsr (4), fpcr (4); the registers follow."""
REGISTER_BYTES_PER_VQ = 546
"""32 Z of 16, 16 P of 2, FFR of 2."""
FFR_BYTES_PER_VQ = 544
"""FFR's offset in the registers, 34 VL: 32 Z of VL bytes and 16 P of VL/8 bytes lie before it."""


class Number(Protocol):
    """The operators that a VQ as a number must offer."""

    def __mul__(self, other: int, /) -> Self: ...
    def __add__(self, other: Self | int, /) -> Self: ...
    def __sub__(self, other: Self | int, /) -> Self: ...


N = TypeVar("N", bound=Number)


def buffer_bytes(vq: N) -> N:
    """Return the bytes that the header and the registers of a VL need.

    >>> [buffer_bytes(vq) for vq in (1, 2, 4, 8, 16)]
    [562, 1108, 2200, 4384, 8752]
    """
    return vq * REGISTER_BYTES_PER_VQ + HEADER_BYTES


def save_first_byte(pointer_vq: N, running_vq: N) -> N:
    """Return the first byte of the registers that a save touches, from the start of the buffer's registers.

    It is negative, 34 (W - A) bytes before the registers, where the CPU runs with more than the pointer was placed for.

    Args:
        pointer_vq: the VQ for which the pointer to FFR was placed.
        running_vq: the VQ that the CPU runs with during the save.

    >>> save_first_byte(2, 4), save_first_byte(4, 2)
    (-1088, 1088)
    """
    return (pointer_vq - running_vq) * FFR_BYTES_PER_VQ


def save_last_byte(pointer_vq: N, running_vq: N) -> N:
    """Return the last byte of the registers that a save touches, from the start of the buffer's registers.

    It is the last byte of FFR, which the pointer places and whose size follows the running length.

    >>> save_last_byte(2, 4), save_last_byte(4, 2)
    (1095, 2179)
    """
    return pointer_vq * FFR_BYTES_PER_VQ + running_vq * 2 - 1


def save_exceeds(own_vqs: S, limit_vqs: S, allocation_vqs: S) -> S:
    """Return a set with members where a save needs more bytes than its buffer was asked for.

    The members are the lengths above the buffer's that the CPU has and ZCR_EL2 lets through; the largest is the length
    of the save. The pages that a buffer is rounded up to do not count: the bytes asked for do.

    Args:
        own_vqs: the CPU's lengths.
        limit_vqs: every VQ that ZCR_EL2 lets through during the save.
        allocation_vqs: the length that the buffer is for, as a set of one.

    >>> bin(save_exceeds(0b1011, 0xFFFF, 0b10)), bin(save_exceeds(0b1011, 0b11, 0b10))
    ('0b1000', '0b0')
    """
    return above(own_vqs & limit_vqs, allocation_vqs)


def save_denies(vq_map: S, own_vqs: S, limit_vqs: S) -> S:
    """Return the lengths that tasks may use on a CPU, and that ZCR_EL2's limit keeps them from once a save has set it.

    ZCR_EL2 keeps the value that the save wrote, so the host lacks these lengths until the CPU starts anew.

    Args:
        vq_map: the lengths that tasks may use: those that every counted CPU has.
        own_vqs: the CPU's lengths.
        limit_vqs: every VQ that ZCR_EL2 lets through during the save.

    >>> bin(save_denies(0x8001, 0x8001, 0b1))
    '0b1000000000000000'
    """
    return vq_map & own_vqs & ~limit_vqs
