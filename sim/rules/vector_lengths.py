"""Rules of the enumeration: the kernel's maps, its limits, and the length that a CPU selects.

Sources: arch/arm64/kernel/fpsimd.c (``vec_init_vq_map``, ``vec_update_vq_map``, ``sve_setup``,
``find_supported_vector_length``), arch/arm64/kvm/reset.c (``kvm_arm_init_sve``); for ZCR_ELx.LEN the Arm Architecture
Reference Manual.
"""

from sim.rules.bits import ARCHITECTURE_VQS, S, largest, one_if_any, smallest, smear


def lacking(vqs: S, mandatory: S | int) -> S:
    """Return the lengths that a set lacks of those that are mandatory below the largest of its members.

    >>> bin(lacking(0b1001, 0b10001011))  # 256 is missing, and 1024 is above the largest
    '0b10'
    """
    return smear(vqs) & mandatory & ~vqs


def shared_with(vq_map: S, own_vqs: S) -> S:
    """Return ``vq_map`` after one more early CPU: the lengths that every counted CPU has."""
    return vq_map & own_vqs


def seen_with(vq_partial_map: S, own_vqs: S) -> S:
    """Return ``vq_partial_map`` after one more early CPU: the lengths that any counted CPU has."""
    return vq_partial_map | own_vqs


def virtualisable(vq_map: S, vq_partial_map: S) -> S:
    """Return every VQ up to ``max_virtualisable_vl``.

    The bound is just below the smallest length that some counted CPU has and another lacks, and at most the largest
    shared length. It need not be a supported length itself.

    >>> bin(virtualisable(0b1011, 0b1111))  # A64FX beside a CPU that has 384: guests stop at 256
    '0b11'
    >>> bin(virtualisable(0b1000011, 0b1100011))  # 768 is not shared: the bound is 640, a length that no CPU has
    '0b11111'
    """
    partial = vq_partial_map & ~vq_map
    # Without a partial length, smallest(0) - 1 has every bit, and the largest shared length is the bound.
    return (smallest(partial) - 1) & smear(vq_map)


def default_length(vq_map: S, preferred: S) -> S:
    """Return the default length for tasks: the largest shared length among the preferred, else the smallest shared.

    Args:
        vq_map: the shared lengths.
        preferred: every VQ up to 64 bytes, for SME up to 32 bytes.

    >>> bin(default_length(0b10001011, 0b1111)), bin(default_length(0b10001000, 0b11))
    ('0b1000', '0b1000')
    """
    fitting = largest(vq_map & preferred)
    # one_if_any(...) - 1 is a mask: every bit where no shared length is among the preferred.
    return fitting | (smallest(vq_map) & (one_if_any(fitting) - 1))


def pseudo_register(floor_vqs: S, own_vqs: S) -> S:
    """Return the sanitised pseudo register ZCR or SMCR after one more early CPU, as every VQ up to its value.

    Its value is the smallest of the early CPUs' largest lengths (kernels before 6.7). It can exceed the largest shared
    length: early CPUs with {128,256,384} and {128,256,512} give 384.

    >>> bin(pseudo_register(0b111, 0b1011))
    '0b111'
    """
    return floor_vqs & smear(own_vqs)


def guest_lengths(vq_map: S, virtualisable_vqs: S) -> S:
    """Return the lengths that KVM offers to guests: the shared lengths up to ``max_virtualisable_vl``.

    >>> bin(guest_lengths(0b1000011, 0b11111))
    '0b11'
    """
    return vq_map & virtualisable_vqs


def selected(supported_vqs: S, limit_vqs: S) -> S:
    """Return the length that a CPU runs with, as a set of one: its largest length that the limit lets through.

    Where the limit lets no length through the set is empty.

    >>> bin(selected(0b1011, 0b111))
    '0b10'
    """
    return largest(supported_vqs & limit_vqs)


def limit_one_too_many(vq_map: S) -> S:
    """Return the lengths that ZCR_EL2.LEN lets through when it is set to the *VQ* of the largest shared length.

    LEN is VQ - 1, so writing VQ lets one quadword too many through; and LEN has four bits, so a VQ of 16 is stored as
    0, which lets only 128 bits through.

    Source: message 20240910-kvm-arm64-limit-guest-vl-v1-1-54df40b95ffb.

    >>> bin(limit_one_too_many(0b11)), bin(limit_one_too_many(0x8000))
    ('0b111', '0b1')
    """
    # `up_to << 1 | 1` has one VQ more. `wraps` is 1 where the largest VQ is 16, and the result then has VQ 1 alone;
    # elsewhere `wraps - 1` is the mask of every bit.
    up_to = smear(vq_map)
    wraps = (up_to >> 15) & 1
    return ((((up_to << 1) | 1) & ARCHITECTURE_VQS) & (wraps - 1)) | wraps
