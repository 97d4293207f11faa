"""The rows of proofs about CPU features."""

from typing import Annotated

from msgspec import Meta

from sim.prove.feature_proofs import FeatureFinding
from sim.rows import Row


class FeatureProofRow(Row, frozen=True, gc=False):
    """The answer for one subject of a promise about CPU features."""

    property: Annotated[str, Meta(description="the promise")]
    kernel: Annotated[str, Meta(description="the kernel")]
    subject: Annotated[str, Meta(description="the fields, capabilities or hwcaps that the answer is about")]
    answer: Annotated[str, Meta(description="proved, refuted or unknown")]
    why: Annotated[str, Meta(description="the reason")]
    shown: Annotated[bool, Meta(description="whether a scenario shows it broken")]


def feature_proof_row(finding: FeatureFinding) -> FeatureProofRow:
    """Return a finding as a row."""
    return FeatureProofRow(
        property=finding.prop.name,
        kernel=finding.kernel,
        subject=finding.subject,
        answer=str(finding.answer),
        why=finding.why,
        shown=finding.scenario is not None,
    )
