"""Findings: the answer to one question about one property under one setting, with a counterexample."""

from dataclasses import dataclass

from sim.arguments import checked_fields
from sim.frames import as_html
from sim.hazard_kinds import HazardKind
from sim.prove.proof_rows import ProofRow
from sim.prove.properties import Property
from sim.prove.question import Answer, Question, System
from sim.scenario import Scenario
from sim.study.system_space import Setting


@dataclass(frozen=True, repr=False)
@checked_fields
class Finding:
    """The answer for a property under a setting.

    Args:
        prop: the property.
        setting: the setting.
        answer: the answer, or its name.
        example: a system that breaks the property, if it is refuted and an example was asked for.
        is_smallest: True if no smaller system breaks it; False where the solver gave up on the search for it.
        scenario: the scenario of the example.

    >>> from sim import DESIGNS, PROPERTIES, Question, Setting, prove_property
    >>> question = Question(early=2, late=0, up_to_bits=256, kernel="6.12")
    >>> setting = Setting(DESIGNS["v6.11"], "enforcing", "protected", question.memory)
    >>> prove_property(question, setting, PROPERTIES["restored"]).example
    <System: {128} {128,256}>
    """

    prop: Property
    setting: Setting
    answer: Answer
    example: System | None = None
    is_smallest: bool = True
    scenario: Scenario | None = None

    def __repr__(self) -> str:
        example = "" if self.example is None else f" by {self.example}"
        subject = f"{self.prop.name} of {self.setting.design.name!r}, relay {self.setting.relay}"
        return f"<Finding: {subject}: {self.answer}{example}>"

    def _repr_html_(self) -> str:
        promise = {"promise": self.prop.name, "statement": self.prop.statement, "answer": str(self.answer)}
        example = {} if self.example is None else {"by": str(self.example), "smallest": self.is_smallest}
        return as_html("Finding", [self.setting.row() | promise | example])

    @property
    def gave_up(self) -> bool:
        """True if the solver gave up on the answer, or on the smallest example."""
        return self.answer is Answer.UNKNOWN or not self.is_smallest


def proof_row(question: Question, finding: Finding, hazards: frozenset[HazardKind]) -> ProofRow:
    """Return a finding as a row, with the hazards that a boot of its example shows."""
    example = finding.example or System((), ())
    return ProofRow(
        design=finding.setting.design.name,
        relay=str(finding.setting.relay),
        kernel=question.kernel,
        kernel_flags=dict(question.kernel_flags),
        memory=str(question.memory),
        early_cpus=question.early,
        late_cpus=question.late,
        any_number=question.stands_for_any_number,
        property=finding.prop.name,
        answer=str(finding.answer),
        early_sve_bits=example.early_sve_bits,
        late_sve_bits=example.late_sve_bits,
        smallest=finding.is_smallest if finding.example else None,
        hazards=tuple(kind.value for kind in sorted(hazards)),
        shown=bool(hazards & finding.prop.hazards) if finding.example else None,
    )
