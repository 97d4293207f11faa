"""The verdict on a late CPU: what its verification finds, whether it is refused, and whether that was needless.

The kernel, the hazards of a boot, batches and proofs all call these functions, so that they cannot disagree. The
members of `Reason` and the fields of `LateFindings` stand in the order of the kernel's checks, pair by pair. The first
finding that refuses the CPU is the reason (`first_reason`).

Sources: arch/arm64/kernel/fpsimd.c (``vec_verify_vq_map``); cpufeature.c (``verify_local_cpu_capabilities``,
``verify_sve_features``); the designs of the 2024 thread (`sim.designs`).
"""

from enum import StrEnum
from typing import Generic, NamedTuple

from sim.rules.bits import S, above, one_if_any, smear, when


class Reason(StrEnum):
    """Why a late CPU was refused by its vector lengths, or for lacking the extension; in the kernel's order."""

    LACKS_EXTENSION = "lacks the extension"
    PSEUDO_REGISTER = "its largest length is below every early CPU's largest"
    ABOVE_MAXIMUM = "its largest length is above every counted CPU's largest"
    MISSING = "lacks a length that all early CPUs have"
    UNSUPPORTED = "has a length that guests could see there and nowhere else"
    LACKS_CAPABILITY = "lacks what the system has"
    HAS_MORE = "has what the system was set up without"
    DIFFERS_FROM_BOOT_CPU = "differs from the boot CPU"
    LACKS_HWCAP = "lacks a hwcap that programs were promised"
    UNFIT_FOR_GUESTS = "is less than guests would need"


class LateFindings(NamedTuple, Generic[S]):
    """The outcome of each check of a late CPU, as a set that is empty where the CPU passes."""

    lacks_extension: S
    """1 where the CPU has no lengths at all."""
    below_floor: S
    above_maximum: S
    missing: S
    unsupported: S


class LateVerdict(NamedTuple, Generic[S]):
    """The consequences of the findings, as masks: every bit where a statement is true, else none."""

    refused: S
    """The kernel refuses the CPU."""
    announced: S
    """The log says that the CPU's largest length is above the maximum."""
    passes_required: S
    """The CPU has every length that it must have, and no length that guests could see there alone.

    It says nothing of `below_floor` and `above_maximum`: a refusal for these alone may be needless.
    """


def missing(vq_map: S, own_vqs: S) -> S:
    """Return the shared lengths that a late CPU lacks; with any, it is refused.

    >>> bin(missing(0b1011, 0b11))
    '0b1000'
    """
    return vq_map & ~own_vqs


def unsupported(vq_map: S, virtualisable_vqs: S, own_vqs: S) -> S:
    """Return the lengths of a late CPU that guests could see there and nowhere else.

    With any, the CPU is refused where hypervisor mode is available. The kernel compares only the smallest of the
    CPU's lengths outside ``vq_map`` with ``max_virtualisable_vl``; if any is at most that bound, the smallest is.

    >>> bin(unsupported(0b1011, 0b1111, 0b1111)), bin(unsupported(0b11, 0b11, 0b1011))
    ('0b100', '0b0')
    """
    return own_vqs & ~vq_map & virtualisable_vqs


def below_floor(floor_vqs: S, own_vqs: S) -> S:
    """Return a set with members where a CPU's largest length is below the pseudo register's value.

    Until a patch of September 2023 (message 20230913-arm64-vec-len-cpufeature-v1-1) such a late CPU was refused, even
    where it has every shared length.

    >>> bin(below_floor(0b111, 0b11)), bin(below_floor(0b111, 0b1011))
    ('0b100', '0b0')
    """
    return floor_vqs & ~smear(own_vqs)


def late_findings(own_vqs: S, vq_map: S, max_cpu_vqs: S, virtualisable_vqs: S, floor_vqs: S) -> LateFindings[S]:
    """Return what the verification of a late CPU finds.

    Args:
        own_vqs: the lengths that the kernel finds on the CPU; empty without the extension.
        vq_map: the lengths that every counted CPU has.
        max_cpu_vqs: a set whose largest member is ``max_cpu_vl``.
        virtualisable_vqs: every VQ up to ``max_virtualisable_vl``; empty where hypervisor mode is not available.
        floor_vqs: every VQ up to the pseudo register's value; empty where the kernel has no pseudo registers.
    """
    return LateFindings(
        (one_if_any(own_vqs) - 1) & 1,  # 1 for the empty set: 0 - 1 has every bit
        below_floor(floor_vqs, own_vqs),
        above(own_vqs, max_cpu_vqs),
        missing(vq_map, own_vqs),
        unsupported(vq_map, virtualisable_vqs, own_vqs),
    )


def late_verdict(findings: LateFindings[S], announces: S | int, refuses: S | int) -> LateVerdict[S]:
    """Return the verdict on a late CPU.

    Args:
        findings: what its verification found.
        announces: a mask: the design has the kernel announce a CPU above ``max_cpu_vl``.
        refuses: a mask: the design refuses such a CPU, after the announcement.
    """
    # The design's check follows these two checks, and a CPU that they stop does not reach it.
    stopped_before = findings.lacks_extension | findings.below_floor
    announced = when(findings.above_maximum) & ~when(stopped_before) & announces
    # Not `below_floor`: later kernels dropped that check, and accept a CPU that fails it alone.
    faulty = findings.lacks_extension | findings.missing | findings.unsupported
    return LateVerdict(
        refused=when(faulty | findings.below_floor) | (announced & refuses),
        announced=announced,
        passes_required=~when(faulty),
    )


def refused_needlessly(verdict: LateVerdict[S], exceeds: S, loses: S) -> S:
    """Return a mask: every bit where a refused CPU would have done no harm.

    Args:
        verdict: the verdict on the CPU.
        exceeds: a set with members where the CPU's own save would need more bytes than its buffer was asked for.
        loses: a set with members where the save would cut off lengths that tasks may use there.
    """
    return verdict.refused & verdict.passes_required & ~when(exceeds | loses)


def first_reason(findings: LateFindings[int], refuses: int) -> Reason | None:
    """Return the reason that the kernel gives: the first check that refuses the CPU; None where it is accepted.

    Args:
        findings: what the CPU's verification found.
        refuses: a mask: the design refuses a CPU above ``max_cpu_vl``. Other designs announce it, or ignore it, and go
            on with the checks.

    >>> first_reason(late_findings(0b11, 0b1011, 0b1011, 0b1111, 0), 0)
    <Reason.MISSING: 'lacks a length that all early CPUs have'>
    """
    for reason, found in zip(Reason, findings, strict=False):
        if found and (reason is not Reason.ABOVE_MAXIMUM or refuses):
            return reason
    return None
