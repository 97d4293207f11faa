"""The rules on a field of an ID register, and on sets of capabilities, as pure functions.

A field's value is unsigned, as the register's bits have it. `sign` is the field's sign bit, 0 for an unsigned field:
flipping it puts negative values below the others. A rule runs on the words that `sim.rules.bits` lists; `top` is the
number of a bit above every bit of the values, which is a sign in a difference. A set of capabilities has a bit for
each, whatever its number.

Source: arch/arm64/kernel/cpufeature.c (``arm64_ftr_safe_value``, ``feature_matches``,
``verify_local_cpu_caps``).
"""

from sim.rules.bits import M, S

_TOP = 15


def any_of(value: S, top: int = _TOP) -> S:
    """Return a mask: every bit where a value is not 0.

    >>> any_of(4), any_of(0)
    (-1, 0)
    """
    return -(((value | -value) >> top) & 1)


def _less(value: S, other: S, top: int) -> S:
    """Return a mask, every bit where a value is less than another."""
    return -(((value - other) >> top) & 1)


def _flipped(value: S, bits: S | int) -> S:
    """Return a value with some bits flipped."""
    return (value | bits) & ~(value & bits)


def _either(mask: S, value: S, other: S | int) -> S:
    """Return a value where a mask has every bit, and the other elsewhere."""
    return (value & mask) | (~mask & other)


def lower_safe(system: S, cpu: S, sign: int = 0, top: int = _TOP) -> S:
    """Return the safe value of a field of type FTR_LOWER_SAFE: the smaller.

    >>> lower_safe(1, 2), lower_safe(15, 0, sign=8)
    (1, 15)
    """
    return _either(_less(_flipped(system, sign), _flipped(cpu, sign), top), system, cpu)


def higher_safe(system: S, cpu: S, sign: int = 0, top: int = _TOP) -> S:
    """Return the safe value of a field of type FTR_HIGHER_SAFE: the larger.

    >>> higher_safe(1, 2), higher_safe(15, 0, sign=8)
    (2, 0)
    """
    return _either(_less(_flipped(system, sign), _flipped(cpu, sign), top), cpu, system)


def higher_or_zero_safe(system: S, cpu: S, top: int = _TOP) -> S:
    """Return the safe value of a field of type FTR_HIGHER_OR_ZERO_SAFE: 0 if either is 0, else the larger.

    >>> higher_or_zero_safe(4, 5), higher_or_zero_safe(4, 0)
    (5, 0)
    """
    return higher_safe(system, cpu, 0, top) & any_of(system, top) & any_of(cpu, top)


def exact(system: S, cpu: S, safe: int, top: int = _TOP) -> S:
    """Return the safe value of a field of type FTR_EXACT: a fixed value where the two differ.

    >>> exact(3, 3, 2), exact(3, 1, 2)
    (3, 2)
    """
    return _either(any_of(_flipped(system, cpu), top), system & 0 | safe, cpu)


def in_range(value: S, smallest: int, largest: int, sign: int = 0, top: int = _TOP) -> S:
    """Return a mask: every bit where a field's value is in a range, whose ends belong to it.

    >>> in_range(1, 1, 15), in_range(15, 0, 7, sign=8)
    (-1, 0)
    """
    ordered = _flipped(value, sign)
    none = value & 0
    return ~(_less(ordered, none | (smallest ^ sign), top) | _less(none | (largest ^ sign), ordered, top))


def mismatches(sanitised: S, effective: S, raw: S, strict: int, top: int = _TOP) -> S:
    """Return a mask: every bit where a CPU's type of cache is not the system's, by CTR_EL0.

    It is not if neither the register as the kernel takes it nor the register as the hardware has it equals the
    sanitised value, in the bits that are compared.

    >>> mismatches(0b01, 0b11, 0b01, 0b11), mismatches(0b01, 0b11, 0b10, 0b11)
    (0, -1)

    Source: arch/arm64/kernel/cpu_errata.c (``has_mismatched_cache_type``).
    """
    system = sanitised & strict
    return any_of(_flipped(system, effective & strict), top) & any_of(_flipped(system, raw & strict), top)


def conflicts(system: M, cpu: M, optional_late: M | int, permitted_late: M | int) -> M:
    """Return the capabilities in which a CPU that comes late contradicts the system.

    It may lack those that are optional for a late CPU, and have those that are permitted to it.

    >>> bin(conflicts(0b0011, 0b0101, 0b0000, 0b0100))
    '0b10'
    """
    return (system & ~cpu & ~optional_late) | (~system & cpu & ~permitted_late)
