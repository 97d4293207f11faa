"""What the kernel derives from sets of vector lengths, and decides about them, as pure functions.

A set is encoded as in `sim.vectors`: bit VQ - 1 stands for VQ. Everything below is AND, OR, NOT, shifts and
minus, without a branch on a value, so that the same source runs on

- a Python ``int``: one boot;
- a numpy ``uint16`` array: a column of many topologies (arrays, not numpy scalars: those warn where arrays wrap);
- a Z3 bit-vector: all topologies at once. It must be wider than 16 bits, because Z3's ``>>`` copies the
  sign and is then the same as a logical shift for every set.

All sets given to a rule are of one kind: a column beside a single set needs that set as a column too.

A rule returns a set, or a set that stands for a truth by not being empty. Which log line that means is
decided elsewhere. A few rules need the VQ as a number, which the caller has from its set.

Sources: arch/arm64/kernel/fpsimd.c (``vec_init_vq_map``, ``vec_update_vq_map``, ``vec_verify_vq_map``,
``sve_setup``), arch/arm64/include/asm/fpsimdmacros.h and kvm_pkvm.h (the save's layout).
"""

from typing import Any, Protocol, Self, TypeVar


class Bits(Protocol):
    """What a set must offer: the operators that int, numpy arrays and Z3 bit-vectors share."""

    def __and__(self, other: Any, /) -> Self: ...
    def __or__(self, other: Any, /) -> Self: ...
    def __invert__(self) -> Self: ...
    def __neg__(self) -> Self: ...
    def __sub__(self, other: Any, /) -> Self: ...
    def __rshift__(self, other: Any, /) -> Self: ...
    def __lshift__(self, other: Any, /) -> Self: ...


class Number(Protocol):
    """What a VQ as a number must offer."""

    def __mul__(self, other: Any, /) -> Self: ...
    def __add__(self, other: Any, /) -> Self: ...
    def __sub__(self, other: Any, /) -> Self: ...


S = TypeVar("S", bound=Bits)
N = TypeVar("N", bound=Number)

ARCHITECTURE_VQS = 0xFFFF


def smear(vqs: S) -> S:
    """Every VQ up to the largest member: what a limit set to that member lets through.

    >>> bin(smear(0b1001))
    '0b1111'
    """
    vqs = vqs | (vqs >> 1)
    vqs = vqs | (vqs >> 2)
    vqs = vqs | (vqs >> 4)
    return vqs | (vqs >> 8)


def largest(vqs: S) -> S:
    """The largest member alone.

    >>> bin(largest(0b1011))
    '0b1000'
    """
    up_to = smear(vqs)
    return up_to & ~(up_to >> 1)


def smallest(vqs: S) -> S:
    """The smallest member alone.

    >>> bin(smallest(0b1010))
    '0b10'
    """
    return vqs & -vqs


def one_if_any(vqs: S) -> S:
    """1 for a set with members, 0 for the empty one.

    >>> one_if_any(0b1000), one_if_any(0)
    (1, 0)
    """
    return ((vqs | -vqs) >> 15) & 1


# Enumeration


def shared_with(vq_map: S, own_vqs: S) -> S:
    """``vq_map`` after one more early CPU: the lengths that every counted CPU has."""
    return vq_map & own_vqs


def seen_with(vq_partial_map: S, own_vqs: S) -> S:
    """``vq_partial_map`` after one more early CPU: the lengths that any counted CPU has."""
    return vq_partial_map | own_vqs


def virtualisable(vq_map: S, vq_partial_map: S) -> S:
    """Every VQ up to ``max_virtualisable_vl``.

    The bound lies just below the smallest length that some counted CPU has and another lacks, and no higher
    than the largest shared one. It need not be a supported length itself.

    >>> bin(virtualisable(0b1011, 0b1111))  # A64FX beside one that has 384: guests stop at 256
    '0b11'
    >>> bin(virtualisable(0b1000011, 0b1100011))  # 768 is not shared: the bound is 640, which nobody has
    '0b11111'
    """
    partial = vq_partial_map & ~vq_map
    return (smallest(partial) - 1) & smear(vq_map)


def default_length(vq_map: S, preferred: int) -> S:
    """The default length for tasks: the largest shared one among the preferred, else the smallest.

    >>> bin(default_length(0b10001011, 0b1111)), bin(default_length(0b10001000, 0b11))
    ('0b1000', '0b1000')
    """
    fitting = largest(vq_map & preferred)
    return fitting | (smallest(vq_map) & (one_if_any(fitting) - 1))


# Verification of a late CPU


def missing(vq_map: S, own_vqs: S) -> S:
    """Shared lengths that a late CPU lacks: with any, it is refused.

    >>> bin(missing(0b1011, 0b11))
    '0b1000'
    """
    return vq_map & ~own_vqs


def unsupported(vq_map: S, virtualisable_vqs: S, own_vqs: S) -> S:
    """Lengths of a late CPU that guests could see there and nowhere else.

    With any, it is refused where hypervisor mode is available.

    >>> bin(unsupported(0b1011, 0b1111, 0b1111)), bin(unsupported(0b11, 0b11, 0b1011))
    ('0b100', '0b0')
    """
    return own_vqs & ~vq_map & virtualisable_vqs


def above(vqs: S, other_vqs: S) -> S:
    """Members above the other set's largest.

    >>> bin(above(0b1011, 0b11)), bin(above(0b11, 0b11))
    ('0b1000', '0b0')
    """
    return vqs & ~smear(other_vqs)


def below_floor(floor_vqs: S, own_vqs: S) -> S:
    """Not empty where a CPU's largest length is below that of a floor.

    Until a patch of September 2023 (message 20230913-arm64-vec-len-cpufeature-v1-1) a late CPU was refused
    where its largest length was below the smallest of the early CPUs' largest: the sanitised value of a
    pseudo register ZCR (`pseudo_register` keeps it).

    >>> bin(below_floor(0b111, 0b11)), bin(below_floor(0b111, 0b1011))
    ('0b100', '0b0')
    """
    return floor_vqs & ~smear(own_vqs)


def pseudo_register(floor_vqs: S, own_vqs: S) -> S:
    """The smallest of the largest lengths so far, as every VQ up to it, after one more early CPU.

    >>> bin(pseudo_register(0b111, 0b1011))
    '0b111'
    """
    return floor_vqs & smear(own_vqs)


# Selection and limits


def selected(supported_vqs: S, limit_vqs: S) -> S:
    """The length that a CPU runs with: its largest one that the limit lets through.

    >>> bin(selected(0b1011, 0b111))
    '0b10'
    """
    return largest(supported_vqs & limit_vqs)


def limit_one_too_many(vq_map: S) -> S:
    """What ZCR_EL2.LEN lets through when set to the *VQ* of the largest shared length.

    LEN counts from 0, so that is one quadword too many; and it has four bits, so that 16 becomes 0, which
    lets 128 bits through.

    Source: message 20240910-kvm-arm64-limit-guest-vl-v1-1-54df40b95ffb.

    >>> bin(limit_one_too_many(0b11)), bin(limit_one_too_many(0x8000))
    ('0b111', '0b1')
    """
    up_to = smear(vq_map)
    wraps = (up_to >> 15) & 1
    return ((((up_to << 1) | 1) & ARCHITECTURE_VQS) & (wraps - 1)) | wraps


def guest_lengths(vq_map: S, virtualisable_vqs: S) -> S:
    """The lengths that KVM offers to guests: the shared ones up to ``max_virtualisable_vl``.

    >>> bin(guest_lengths(0b1000011, 0b11111))
    '0b11'
    """
    return vq_map & virtualisable_vqs


# The save's bytes; sizes and offsets in bytes, VQ as numbers

HEADER_BYTES = 16
"""zcr_el1 (8), fpsr (4), fpcr (4); the registers follow."""
REGISTER_BYTES_PER_VQ = 546
"""32 Z of 16, 16 P of 2, FFR of 2."""
FFR_BYTES_PER_VQ = 544
"""FFR's offset in the registers."""


def buffer_bytes(vq: N) -> N:
    """Bytes asked for to hold the header and the registers of a VL.

    >>> [buffer_bytes(vq) for vq in (1, 2, 4, 8, 16)]
    [562, 1108, 2200, 4384, 8752]
    """
    return vq * REGISTER_BYTES_PER_VQ + HEADER_BYTES


def save_first_byte(pointer_vq: N, running_vq: N) -> N:
    """First byte of the registers that a save touches, from the start of the buffer's registers.

    The FFR pointer is placed for one VL and the CPU runs with another: Z0 lies 34 VL before the pointer.

    >>> save_first_byte(2, 4), save_first_byte(4, 2)
    (-1088, 1088)
    """
    return (pointer_vq - running_vq) * FFR_BYTES_PER_VQ


def save_last_byte(pointer_vq: N, running_vq: N) -> N:
    """Last byte of the registers that a save touches, from the start of the buffer's registers.

    >>> save_last_byte(2, 4), save_last_byte(4, 2)
    (1095, 2179)
    """
    return pointer_vq * FFR_BYTES_PER_VQ + running_vq * 2 - 1
