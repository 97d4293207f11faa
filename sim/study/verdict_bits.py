"""What becomes of one CPU, as pure functions over columns: the steps that a batch is judged by.

Like the rules that they call (`sim.rules`), they are bit operations without a branch on a value: the same source runs
on ints, on numpy columns, and on a compiler's values (`sim.study.compiled_batch`). A word of 16 bits holds the answer:
a bit for each hazard that a batch can find, and for what became of late CPUs. A condition is every bit, or none.
"""

from sim import rules
from sim.hazards import HazardKind
from sim.rules import S

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
"""The hazards that a batch can find, in the order of their bits; the others need what a batch leaves out."""

KERNEL_PANIC, PANIC, OUTSIDE, NOT_RESTORED, HEADER, SILENT, ANNOUNCED, DENIED, HARMLESS = (
    1 << place for place in range(len(HAZARDS))
)
ACCEPTED, REFUSED, BY_RELAY, WARNED = (1 << place for place in range(len(HAZARDS), len(HAZARDS) + 4))
"""Late CPUs: brought online; refused by verification; refused by the relay; the log names their length."""
OF_SAVES = PANIC | OUTSIDE | NOT_RESTORED | HEADER | SILENT | ANNOUNCED | DENIED
"""What only a guest's entry brings about."""

LACKS_SVE, BELOW, ABOVE, FAULTY = 1, 2, 4, 8
"""What verification finds: no SVE; below the pseudo register; above every early CPU; lengths missing or extra."""


def when(vqs: S) -> S:
    """Every bit where a set has members, else none."""
    return -rules.one_if_any(vqs)


def found(own: S, has: S, vq_map: S, seen: S, virtualisable: S, floor: S) -> S:
    """What verification finds of a late CPU, whatever follows from it.

    Args:
        own: the CPU's lengths.
        has: whether every early CPU has SVE; nothing is verified otherwise.
        vq_map: the lengths that all early CPUs have.
        seen: those that any has.
        virtualisable: every length up to ``max_virtualisable_vl``.
        floor: every length up to what the pseudo register holds; empty where the kernel has none.
    """
    faulty = rules.missing(vq_map, own) | rules.unsupported(vq_map, virtualisable, own)
    return has & (
        (~when(own) & LACKS_SVE)
        | (when(rules.below_floor(floor, own)) & BELOW)
        | (when(rules.above(own, seen)) & ABOVE)
        | (when(faulty) & FAULTY)
    )


def saved(own: S, limit: S, allocation: S, vq_map: S, on_exceeding: S, on_exceeding_at: S, at_vqs: S) -> S:
    """The hazards of a save and restore on one CPU; none where there is no buffer.

    Args:
        own: the CPU's lengths.
        limit: every length that ZCR_EL2 lets through: a shared one that it does not is denied, and not restored.
        allocation: what the buffer is for, as a set of one.
        vq_map: the lengths that all early CPUs have.
        on_exceeding: the hazards that a save has where it exceeds its buffer.
        on_exceeding_at: those that it has where it does so at some lengths.
        at_vqs: these lengths.
    """
    within = own & limit
    above = rules.above(within, allocation)
    exceeds = (when(above) & on_exceeding) | (when(above & rules.largest(within) & at_vqs) & on_exceeding_at)
    cut_off = when(vq_map & ~limit & own) & (NOT_RESTORED | DENIED)
    return unless_panicked(exceeds | cut_off) & when(allocation)


def saved_at(running: S, allocation: S, allocations: S, lengths: S) -> S:
    """Every bit where a CPU runs with one of some lengths, and its buffer is for one of some lengths; else none."""
    return when(allocation & allocations) & when(running & lengths)


def unless_panicked(word: S) -> S:
    """Without a restore where the save panicked."""
    return word & ~((word << 2) & NOT_RESTORED)


def late(findings: S, save: S, tried: S, heard: S, looks: S, refuses: S) -> S:
    """What becomes of a late CPU: its hazards, and whether it is accepted, refused, warned about.

    Args:
        findings: what `found` says.
        save: what `saved` says, should it come online.
        tried: whether the kernel gets so far as to accept or refuse it.
        heard: whether the log would name its length.
        looks: `ABOVE` where the design looks at the largest length, else 0.
        refuses: whether the design refuses a CPU for it.
    """
    told = heard & when(findings & looks) & ~when(findings & (LACKS_SVE | BELOW))
    refused = tried & (when(findings & (LACKS_SVE | BELOW | FAULTY)) | (told & refuses))
    accepted = tried & ~refused
    harmless = refused & ~when(findings & (LACKS_SVE | FAULTY)) & ~when(save & (SILENT | NOT_RESTORED))
    late_cpu = (harmless & HARMLESS) | (refused & REFUSED) | (accepted & ACCEPTED) | (told & WARNED)
    return (save & accepted) | late_cpu


def announced_with(announced: S, word: S, own: S) -> S:
    """The lengths that the log named, after one more late CPU."""
    return announced | (when(word & WARNED) & own)


def told_of(word: S, own: S, limit: S, announced: S) -> S:
    """The hazards of a save where the log named a length as large: it does not exceed its buffer silently."""
    known = word & SILENT & ~when(rules.above(own & limit, announced))
    return (word & ~known) | (known << 1)
