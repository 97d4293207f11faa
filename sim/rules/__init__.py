"""The rules by which the kernel derives and decides from sets of vector lengths, as pure functions.

A rule returns a set of lengths, a set whose members mean "yes", or a mask (every bit, or none). The rules log nothing:
`sim.kernel` chooses the log line that follows from them.

`tests/test_rules.py` holds each rule to a reference on plain sets, on ints and on columns, and
`tests/test_rules_symbolic.py` on Z3's bit-vectors.
"""

from sim.rules.bits import ARCHITECTURE_VQS, Bits, M, Members, S, above, largest, one_if_any, smallest, smear, when
from sim.rules.host_save import (
    FFR_BYTES_PER_VQ,
    HEADER_BYTES,
    REGISTER_BYTES_PER_VQ,
    buffer_bytes,
    save_denies,
    save_exceeds,
    save_first_byte,
    save_last_byte,
)
from sim.rules.late_cpu import (
    LateFindings,
    LateVerdict,
    Reason,
    below_floor,
    first_reason,
    late_findings,
    late_verdict,
    missing,
    refused_needlessly,
    unsupported,
)
from sim.rules.register_fields import (
    any_of,
    conflicts,
    exact,
    higher_or_zero_safe,
    higher_safe,
    in_range,
    lower_safe,
    mismatches,
)
from sim.rules.vector_lengths import (
    default_length,
    guest_lengths,
    lacking,
    limit_one_too_many,
    pseudo_register,
    seen_with,
    selected,
    shared_with,
    virtualisable,
)

__all__ = [
    "ARCHITECTURE_VQS",
    "FFR_BYTES_PER_VQ",
    "HEADER_BYTES",
    "REGISTER_BYTES_PER_VQ",
    "Bits",
    "LateFindings",
    "LateVerdict",
    "M",
    "Members",
    "Reason",
    "S",
    "above",
    "any_of",
    "below_floor",
    "buffer_bytes",
    "conflicts",
    "default_length",
    "exact",
    "first_reason",
    "guest_lengths",
    "higher_or_zero_safe",
    "higher_safe",
    "in_range",
    "lacking",
    "largest",
    "late_findings",
    "late_verdict",
    "limit_one_too_many",
    "lower_safe",
    "mismatches",
    "missing",
    "one_if_any",
    "pseudo_register",
    "refused_needlessly",
    "save_denies",
    "save_exceeds",
    "save_first_byte",
    "save_last_byte",
    "seen_with",
    "selected",
    "shared_with",
    "smallest",
    "smear",
    "unsupported",
    "virtualisable",
    "when",
]
