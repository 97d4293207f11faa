"""Every design there could be: each combination of the choices, and what it promises on every system."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from sim.designs import Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.frames import as_html
from sim.prove.proof import Answer, Question, prove_property
from sim.prove.properties import PROPERTIES, SAFETY
from sim.rows import PromiseRow
from sim.scenario import KvmMode, Relay
from sim.study.evaluate import outcome_key
from sim.study.system_space import Setting

_SIZINGS = (Sizing.SHARED, Sizing.MAX_CPU_VL, Sizing.ARCHITECTURE)
"""From the cheapest to the dearest; at KVM's init ``any-early-cpu`` and ``max_cpu_vl`` are the same."""
LATE_CHOICES = (
    (LateCpu.SILENT, LateStore.SKIPPED),
    (LateCpu.WARNED, LateStore.SKIPPED),
    (LateCpu.RAISES, LateStore.WORKS),
    (LateCpu.RAISES, LateStore.READ_ONLY),
    (LateCpu.REFUSED, LateStore.SKIPPED),
)
"""What becomes of a late CPU above the maximum, and of the store that raises it."""


def every_design() -> Iterator[Design]:
    """Each combination of what sizes the buffer, ZCR_EL2, the FFR pointer, and what becomes of a late CPU."""
    for sizing, zcr_el2, pointer, (late_cpu, store) in product(_SIZINGS, ZcrEl2, Pointer, LATE_CHOICES):
        late = f"{late_cpu}, {store}" if late_cpu is LateCpu.RAISES else str(late_cpu)
        yield Design(f"{sizing}; {zcr_el2}; {pointer}; {late}", sizing, zcr_el2, pointer, late_cpu, store)


@dataclass(frozen=True, repr=False)
class Promises:
    """What one design promises under one relay, on every system that the question is about."""

    design: Design
    relay: Relay
    answers: dict[str, Answer]
    """By the properties' names."""

    def __repr__(self) -> str:
        kept = sum(answer is Answer.PROVED for answer in self.answers.values())
        told = f"{kept} of {len(self.answers)} kept, {'safe' if self.is_safe else 'not safe'}"
        return f"<Promises of {self.design.name!r}, relay {self.relay}: {told}>"

    def _repr_html_(self) -> str:
        rows = [
            {"promise": name, "statement": PROPERTIES[name].statement, "answer": str(answer)}
            for name, answer in self.answers.items()
        ]
        return as_html(repr(self)[1:-1], rows)

    @property
    def is_safe(self) -> bool:
        """Whether nothing panics, is overwritten, lost, or different elsewhere, on any system."""
        return all(self.answers[name] is Answer.PROVED for name in SAFETY)

    @property
    def refuses_nobody_harmless(self) -> bool:
        """Whether every CPU that would do no harm comes online."""
        return self.answers["no-harmless-refused"] is Answer.PROVED

    @property
    def denies_nothing(self) -> bool:
        """Whether the host can use every length that all CPUs have."""
        return self.answers["none-denied"] is Answer.PROVED

    @property
    def cost(self) -> int:
        """What its buffers cost beside those of others, from 0; on no system do lower ones cost more."""
        return _SIZINGS.index(self.design.buffer_sized_by)


def prove_every_design(question: Question) -> Iterator[Promises]:
    """Ask for every property of every design under both relay settings.

    Settings that come to the same on every system are asked about once.
    """
    known: dict[tuple[object, ...], dict[str, Answer]] = {}
    for relay, design in product(Relay, every_design()):
        setting = Setting(design, relay, KvmMode.PROTECTED, question.memory)
        key = outcome_key(setting)
        if key not in known:
            known[key] = {
                name: prove_property(question, setting, prop, smallest=False).answer
                for name, prop in PROPERTIES.items()
            }
        yield Promises(design, relay, known[key])


def promise_row(one: Promises) -> PromiseRow:
    """A design's promises as a row."""
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
