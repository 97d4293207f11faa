"""The design space: each combination of a design's choices, and its promises on every system."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from sim.arguments import checked, checked_fields
from sim.designs import Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.frames import as_html
from sim.prove.proof import answers_of
from sim.prove.proof_rows import PromiseRow
from sim.prove.properties import PROPERTIES, SAFETY
from sim.prove.question import Answer, Question
from sim.scenario import KvmMode, Relay
from sim.study.evaluation import OutcomeKey, outcome_key
from sim.study.system_space import Setting

_SIZINGS = (Sizing.SHARED, Sizing.MAX_CPU_VL, Sizing.ARCHITECTURE)
"""The sizings from the cheapest to the dearest; at KVM's init ``any-early-cpu`` equals ``max_cpu_vl``."""
LATE_CHOICES = (
    (LateCpu.SILENT, LateStore.SKIPPED),
    (LateCpu.WARNED, LateStore.SKIPPED),
    (LateCpu.RAISES, LateStore.WORKS),
    (LateCpu.RAISES, LateStore.READ_ONLY),
    (LateCpu.REFUSED, LateStore.SKIPPED),
)
"""The responses to a late CPU above the maximum, each with the effect of the store that raises the maximum.

Every question here is about pKVM, where ``refused-under-pkvm`` equals ``refused``. A store that is skipped would differ
from ``warned`` in the name only.
"""


def every_design() -> Iterator[Design]:
    """Yield each combination of a buffer sizing, ZCR_EL2, FFR pointer and response to a late CPU."""
    for sizing, zcr_el2, pointer, (late_cpu, store) in product(_SIZINGS, ZcrEl2, Pointer, LATE_CHOICES):
        late = f"{late_cpu}, {store}" if late_cpu is LateCpu.RAISES else str(late_cpu)
        yield Design(f"{sizing}; {zcr_el2}; {pointer}; {late}", sizing, zcr_el2, pointer, late_cpu, store)


@dataclass(frozen=True, repr=False)
@checked_fields
class Promises:
    """The promises of one design under one relay, on every system that the question is about.

    Args:
        design: the design.
        relay: pKVM's PSCI relay, or its name.
        answers: the answer for each property, by the property's name.

    >>> from sim import Question, prove_every_design
    >>> next(prove_every_design(Question(early=2, late=0, up_to_bits=256, kernel="6.12")))
    <Promises of 'max_vl; all-ones; buffer; silent', relay enforcing: 5 of 9 kept, not safe>
    """

    design: Design
    relay: Relay
    answers: dict[str, Answer]

    def __repr__(self) -> str:
        kept = sum(answer is Answer.PROVED for answer in self.answers.values())
        summary = f"{kept} of {len(self.answers)} kept, {'safe' if self.is_safe else 'not safe'}"
        return f"<Promises of {self.design.name!r}, relay {self.relay}: {summary}>"

    def _repr_html_(self) -> str:
        rows = [
            {"promise": name, "statement": PROPERTIES[name].statement, "answer": str(answer)}
            for name, answer in self.answers.items()
        ]
        return as_html(repr(self)[1:-1], rows)

    @property
    def is_safe(self) -> bool:
        """True if nothing panics, is overwritten, lost, or different elsewhere, on any system."""
        return all(self.answers[name] is Answer.PROVED for name in SAFETY)

    @property
    def refuses_nobody_harmless(self) -> bool:
        """True if every CPU that would do no harm comes online."""
        return self.answers["no-harmless-refused"] is Answer.PROVED

    @property
    def denies_nothing(self) -> bool:
        """True if the host can use every length that all CPUs have."""
        return self.answers["none-denied"] is Answer.PROVED

    @property
    def cost(self) -> int:
        """The rank of its buffers' cost, from 0. On no system does a lower rank cost more than a higher rank."""
        return _SIZINGS.index(self.design.buffer_sized_by)


@checked
def prove_every_design(question: Question) -> Iterator[Promises]:
    """Prove or refute every property of every design under both relay settings.

    Settings with the same outcome on every system are asked about once.

    Args:
        question: the systems.

    >>> from sim import Question
    >>> promises = prove_every_design(Question(early=2, late=0, up_to_bits=256, kernel="6.12"))
    >>> sorted(next(promises).answers)[:2]
    ['announced', 'committed']
    """
    settings = [
        Setting(design, relay, KvmMode.PROTECTED, question.memory) for relay, design in product(Relay, every_design())
    ]
    different: dict[OutcomeKey, Setting] = {}
    for setting in settings:
        different.setdefault(outcome_key(setting), setting)
    answers = answers_of(question, list(different.values()), list(PROPERTIES.values()))
    known: dict[OutcomeKey, dict[str, Answer]] = {}
    for setting in settings:
        key = outcome_key(setting)
        if key not in known:
            known[key] = dict(zip(PROPERTIES, next(answers), strict=True))
        yield Promises(setting.design, setting.relay, known[key])


def promise_row(one: Promises) -> PromiseRow:
    """Return a design's promises as a row."""
    design = one.design
    return PromiseRow(
        design=design.name,
        relay=str(one.relay),
        buffer_sized_by=str(design.buffer_sized_by),
        zcr_el2=str(design.zcr_el2),
        ffr_pointer=str(design.ffr_pointer),
        late_cpu=str(design.late_cpu),
        late_store=str(design.late_store),
        answers={name: str(answer) for name, answer in one.answers.items()},
        safe=one.is_safe,
        refuses_nobody_harmless=one.refuses_nobody_harmless,
        denies_nothing=one.denies_nothing,
        cost=one.cost,
    )
