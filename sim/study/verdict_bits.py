"""The outcome of one CPU, or of a whole system, as a word of 16 bits, computed by the rules.

Bits stand for the hazards that a batch can find, and for the fates of late CPUs. The word of a system is the OR of the
words of its CPUs. Like the rules that they call (`sim.rules`), the functions are bit operations without a branch on a
value, so that they run on ints and on everything that `sim.study.value` names. Conditions are masks: every bit or none.
"""

from sim import rules
from sim.hazard_kinds import HazardKind
from sim.rules import LateVerdict, S, when

HAZARDS = (
    HazardKind.KERNEL_PANIC,
    HazardKind.HYPERVISOR_PANIC,
    HazardKind.OUT_OF_BOUNDS_WRITE,
    HazardKind.NOT_RESTORED,
    HazardKind.HEADER_DESTROYED,
    HazardKind.ALLOCATION_EXCEEDED_SILENTLY,
    HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED,
    HazardKind.HOST_DENIED_VL,
    HazardKind.HARMLESS_CPU_REFUSED,
)
"""The hazards that a batch can find, in the order of their bits, lowest first.

The other hazards need what a batch leaves out, such as faults of firmware (docs/sweeps.md). A refused CPU, which is a
hazard of a boot, is a fate here: most systems with a late CPU of other lengths have one.
"""

KERNEL_PANIC, PANIC, OUTSIDE, NOT_RESTORED, HEADER, SILENT, ANNOUNCED, DENIED, HARMLESS = (
    1 << place for place in range(len(HAZARDS))
)
ACCEPTED, REFUSED, BY_RELAY, WARNED = (1 << place for place in range(len(HAZARDS), len(HAZARDS) + 4))
"""The fates of late CPUs: online; refused by verification; refused by the relay; announced as above the maximum."""
OF_SAVES = PANIC | OUTSIDE | NOT_RESTORED | HEADER | SILENT | ANNOUNCED | DENIED
"""The hazards that occur only when a guest enters, which saves the host's registers."""
# The distances from one bit to another: shifting a word by them tests a bit and gives another without a branch.
_PANIC_TO_NOT_RESTORED = NOT_RESTORED.bit_length() - PANIC.bit_length()
_SILENT_TO_ANNOUNCED = ANNOUNCED.bit_length() - SILENT.bit_length()


def late_word(verdict: LateVerdict[S], save: S) -> S:
    """Return the word of a late CPU; it has the hazards of its saves where it is accepted.

    Args:
        verdict: the verdict of its verification.
        save: the hazards of its saves, should it come online.
    """
    return (save & ~verdict.refused) | fate_word(verdict, save)


def fate_word(verdict: LateVerdict[S], save: S) -> S:
    """Return the word of a late CPU without the hazards of its saves, which tell whether a refusal was needless.

    Args:
        verdict: the verdict of its verification.
        save: the hazards of its saves, should it come online.
    """
    # A save exceeds its buffer where SILENT is set, and cuts lengths off where DENIED is.
    needlessly = rules.refused_needlessly(verdict, save & SILENT, save & DENIED)
    fate = (verdict.refused & REFUSED) | (~verdict.refused & ACCEPTED)
    return fate | (verdict.announced & WARNED) | (needlessly & HARMLESS)


def without_restore(word: S) -> S:
    """Return the hazards of a save without those of its restore where the save panics: no restore follows then."""
    return word & ~((word << _PANIC_TO_NOT_RESTORED) & NOT_RESTORED)


def announced_save(word: S, own_vqs: S, limit_vqs: S, announced_vqs: S) -> S:
    """Return the hazards of a save with SILENT made ANNOUNCED where the log names a length as large.

    Args:
        word: the hazards, among them SILENT where the save exceeds its buffer.
        own_vqs: the CPU's lengths.
        limit_vqs: every VQ that ZCR_EL2 lets through.
        announced_vqs: the lengths of the CPUs that the log announces.
    """
    known = word & SILENT & ~when(rules.above(own_vqs & limit_vqs, announced_vqs))
    return (word & ~known) | (known << _SILENT_TO_ANNOUNCED)
