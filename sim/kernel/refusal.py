"""The refusal of a CPU by the kernel."""

import msgspec

from sim import rules
from sim.rules import LateVerdict, Reason
from sim.vectors import VectorType

# Without the extension there are no lengths to judge. An empty set gives the finding and its verdict, which the hazard
# of a harmless refused CPU reads.
NO_VERDICT = rules.late_verdict(rules.late_findings(0, 0, 0, 0, 0), 0, 0)
"""The verdict on the lengths of a CPU that was refused for something else."""


class Refusal(msgspec.Struct, frozen=True):
    """The refusal of a CPU: by which feature, why, and the vector lengths in question, in bits."""

    feature: str
    """A vector type, a capability as the log describes it, a hwcap, or another word of the log."""
    vector_type: VectorType | None
    """The feature's vector type; None where it has no lengths."""
    reason: Reason
    verdict: LateVerdict[int] = NO_VERDICT
    lengths: str = ""
    panics_because: str = ""
    """Why the kernel panics instead of going on without the CPU; empty: it goes on."""

    @property
    def words(self) -> str:
        """The feature and the reason, in words."""
        return f"{self.feature}: {self.reason} {self.lengths}".rstrip()
