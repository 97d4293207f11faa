"""Rules of pKVM's save of the host's SVE registers: how large it is, where it lies, and what it leaves out.

Sizes and offsets are in bytes; a VQ is a number here. Source: arch/arm64/include/asm/fpsimdmacros.h (``sve_save``),
kvm_pkvm.h (``pkvm_host_sve_state_size``).
"""

from typing import Protocol, Self, TypeVar

from sim.rules.bits import S, above

HEADER_BYTES = 16
"""zcr_el1 (8), fpsr (4), fpcr (4); the registers follow."""
REGISTER_BYTES_PER_VQ = 546
"""32 Z of 16, 16 P of 2, FFR of 2."""
FFR_BYTES_PER_VQ = 544
"""FFR's offset in the registers."""


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

    The pointer to FFR is placed for one VL and the CPU runs with another: Z0 lies 34 VL before the pointer.

    >>> save_first_byte(2, 4), save_first_byte(4, 2)
    (-1088, 1088)
    """
    return (pointer_vq - running_vq) * FFR_BYTES_PER_VQ


def save_last_byte(pointer_vq: N, running_vq: N) -> N:
    """Return the last byte of the registers that a save touches, from the start of the buffer's registers.

    >>> save_last_byte(2, 4), save_last_byte(4, 2)
    (1095, 2179)
    """
    return pointer_vq * FFR_BYTES_PER_VQ + running_vq * 2 - 1


def save_exceeds(own_vqs: S, limit_vqs: S, allocation_vqs: S) -> S:
    """Return a set with members where a save needs more bytes than its buffer was asked for.

    >>> bin(save_exceeds(0b1011, 0xFFFF, 0b10)), bin(save_exceeds(0b1011, 0b11, 0b10))
    ('0b1000', '0b0')
    """
    return above(own_vqs & limit_vqs, allocation_vqs)


def save_denies(vq_map: S, own_vqs: S, limit_vqs: S) -> S:
    """Return the lengths that tasks may use on a CPU and that ZCR_EL2's limit keeps them from, from a save on.

    >>> bin(save_denies(0x8001, 0x8001, 0b1))
    '0b1000000000000000'
    """
    return vq_map & own_vqs & ~limit_vqs
