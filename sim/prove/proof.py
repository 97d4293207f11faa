"""Proofs: whether any system of so many CPUs breaks a property, whatever legal sets they have; and if so, the smallest.

The functions that judge a batch run on symbols instead of columns (`sim.study.evaluate`, and the rules below it):
what Z3 then says is so of every row that a batch could have.

In mapped memory a system stands for every smaller one: an early CPU may be like another, and a late one like the boot
CPU, and neither changes what becomes of the rest. docs/proofs.md shows which systems stand for any number of CPUs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import z3

from sim.designs import Design
from sim.errors import InputError, choice
from sim.frames import as_html
from sim.hazards import HazardKind
from sim.kernel_series import DEFAULT, kernel_series
from sim.prove.interruptible_solver import interruptible
from sim.prove.properties import Property
from sim.prove.symbols import Symbol, as_z3, is_legal
from sim.rows import ProofRow
from sim.scenario import KvmMode, MemoryLayout, Relay, Scenario
from sim.study.batch import Batch, SpaceModel
from sim.study.evaluate import Evaluation
from sim.study.system_space import MOST_GROUPS, Group, Setting, Space
from sim.vectors import ALL_VQS, VQ_MAX, SveRule, bits_from_vq, bits_from_vqs, braces

EARLY, LATE = 3, 1
"""CPUs of a system that stands for any number of them."""
LONGEST_S = 60
"""How long a question may take, by default."""
_COUNT_BITS = 12
"""Enough to count the lengths of all CPUs."""


class Answer(StrEnum):
    """What came of a question."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    """The solver gave up."""


_INTERRUPTED = "interrupted"
_ANSWERS = {"sat": Answer.REFUTED, "unsat": Answer.PROVED}
"""To whether there is a system that breaks a property."""


class System(NamedTuple):
    """Sets of lengths: those of the early CPUs, the boot CPU first, and those of the late ones."""

    early: tuple[int, ...]
    """A set for each, in which bit VQ - 1 stands for VQ."""
    late: tuple[int, ...]
    """A set for each late CPU."""

    def __repr__(self) -> str:
        return f"<System: {self}>"

    def __str__(self) -> str:
        early, late = (" ".join(map(braces, sets)) for sets in self)
        return f"{early} and late {late}" if late else early

    @property
    def size(self) -> tuple[int, int, int, int, "System"]:
        """The smaller, the better an example; by CPUs, then the largest VL, then lengths, then late CPUs."""
        sets = self.early + self.late
        return (len(sets), max(sets).bit_length(), sum(one.bit_count() for one in sets), len(self.late), self)


@dataclass(frozen=True, repr=False)
class Question:
    """Which systems a proof is about; memory and rule may be given by name.

    Raises:
        InputError: too many CPUs, or too few; a name that is none.
    """

    early: int = EARLY
    late: int = LATE
    kernel: str = DEFAULT
    memory: MemoryLayout = MemoryLayout.MAPPED
    """In mapped memory what a save does is the same on every CPU, and only the kernel can panic."""
    up_to_vq: int = VQ_MAX
    rule: SveRule = SveRule.MULTIPLES
    longest_s: float = LONGEST_S

    def __post_init__(self) -> None:
        if self.early < 1 or self.late < 0 or self.early + self.late > MOST_GROUPS:
            told = f"{self.early} early and {self.late} late CPUs"
            raise InputError(f"{told}: allowed are 1 early CPU or more, and {MOST_GROUPS} CPUs in all")
        kernel_series(self.kernel)
        object.__setattr__(self, "memory", choice(MemoryLayout, "memory", self.memory))
        object.__setattr__(self, "rule", choice(SveRule, "rule", self.rule))

    def __repr__(self) -> str:
        many = ", which stand for any number" if self.stands_for_any_number else ""
        sets = f"{self.rule} up to {bits_from_vq(self.up_to_vq)} bits"
        told = f"{self.early} early and {self.late} late CPUs{many}"
        return f"<Question: {told}; lengths {sets}; kernel {self.kernel}, memory {self.memory}>"

    @property
    def stands_for_any_number(self) -> bool:
        """Whether what is so of these systems is so of any number of CPUs (docs/proofs.md)."""
        floor = kernel_series(self.kernel).has_pseudo_registers
        return self.early >= EARLY and self.late >= LATE and self.memory is MemoryLayout.MAPPED and not floor


@dataclass(frozen=True, repr=False)
class Finding:
    """What came of one property under one setting."""

    prop: Property
    setting: Setting
    answer: Answer
    example: System | None = None
    """A system that breaks it, where it is refuted and that was asked for."""
    is_smallest: bool = True
    """Whether no smaller system breaks it; not known where the solver gave up looking for one."""
    scenario: Scenario | None = None
    """The example, to be booted."""

    def __repr__(self) -> str:
        example = "" if self.example is None else f" by {self.example}"
        what = f"{self.prop.name} of {self.setting.design.name!r}, relay {self.setting.relay}"
        return f"<Finding: {what}: {self.answer}{example}>"

    def _repr_html_(self) -> str:
        promise = {"promise": self.prop.name, "statement": self.prop.statement, "answer": str(self.answer)}
        example = {} if self.example is None else {"by": str(self.example), "smallest": self.is_smallest}
        return as_html("Finding", [self.setting.row() | promise | example])

    @property
    def gave_up(self) -> bool:
        """Whether the solver gave up on the answer, or on the smallest example."""
        return self.answer is Answer.UNKNOWN or not self.is_smallest


def prove_property(question: Question, setting: Setting, prop: Property, *, smallest: bool = True) -> Finding:
    """Prove a property of all systems, or refute it.

    Args:
        question: which systems.
        setting: the design, the relay, the KVM mode; its memory is the question's.
        prop: the property.
        smallest: whether to look for the smallest system that breaks it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    setting = replace(setting, memory=question.memory)
    return interruptible(lambda: _prove(question, setting, prop, smallest=smallest))


def _prove(question: Question, setting: Setting, prop: Property, *, smallest: bool) -> Finding:
    answer, found = _systems(question, setting, question.early, question.late).ask(prop)
    if found is None or not smallest:
        return Finding(prop, setting, answer)
    is_smallest = True
    try:
        found = _smallest(question, setting, prop, found)
    except _GaveUpError:
        is_smallest = False
    space = _space(question, setting, len(found.early), len(found.late))
    name = f"{setting.design.name}, relay {setting.relay}: not {prop.name}"
    scenario = space.scenario(found.early + found.late, setting).but(name=name)
    return Finding(prop, setting, answer, found, is_smallest, scenario)


def _smallest(question: Question, setting: Setting, prop: Property, known: System) -> System:
    """The smallest system that breaks a property, where one is known that does."""
    for cpus in range(1, question.early + question.late):
        found = list(_of_size(question, setting, prop, cpus))
        if found:
            return min(found, key=lambda one: one.size)
    return min(
        _of_size(question, setting, prop, question.early + question.late), key=lambda one: one.size, default=known
    )


def _of_size(question: Question, setting: Setting, prop: Property, cpus: int) -> Iterator[System]:
    """The smallest systems of so many CPUs, one for each split into early and late ones."""
    for late in range(min(cpus - 1, question.late) + 1):
        if cpus - late <= question.early:
            found = _systems(question, setting, cpus - late, late).smallest(prop)
            if found is not None:
                yield found


def _space(question: Question, setting: Setting, early: int, late: int) -> Space:
    """The space that has all systems of so many CPUs; its candidates are never listed."""
    any_set = (1, ALL_VQS)
    cpus = [Group("boot" if not n else f"early{n}", any_set) for n in range(early)]
    cpus += [Group(f"late{n}" if late > 1 else "late", any_set, late=True) for n in range(late)]
    return Space(
        tuple(cpus), question.kernel, (setting.design,), (setting.relay,), (setting.kvm_mode,), (question.memory,)
    )


@lru_cache(maxsize=64)
def _systems(question: Question, setting: Setting, early: int, late: int) -> "_Systems":
    return _Systems(question, setting, early, late)


class _Systems:
    """All systems of so many CPUs under one setting, as symbols."""

    def __init__(self, question: Question, setting: Setting, early: int, late: int) -> None:
        self._early, self._question = early, question
        self._sets = [Symbol.named(f"cpu{number}") for number in range(early + late)]
        batch = Batch(SpaceModel(_space(question, setting, early, late)), self._sets, 1)  # type: ignore[arg-type]
        self._judge = Evaluation(batch, setting, singly=False)

    def _solver(self, prop: Property) -> "_Solver":
        """A solver that looks for systems that break a property."""
        legal = (is_legal(one, self._question.rule, self._question.up_to_vq) for one in self._sets)
        return _Solver(self._question.longest_s, *legal, as_z3(prop.broken(self._judge)) != 0)

    def ask(self, prop: Property) -> tuple[Answer, System | None]:
        """Whether no system breaks a property, and if one does, some such system."""
        solver = self._solver(prop)
        answer = solver.check()
        return answer, self._system(
            [solver.value(one.expression) for one in self._sets]
        ) if answer is Answer.REFUTED else None

    def _system(self, sets: list[int]) -> System:
        return System(tuple(sets[: self._early]), tuple(sets[self._early :]))

    def smallest(self, prop: Property) -> System | None:
        """The smallest system that breaks a property; None where none does."""
        solver = self._solver(prop)
        if not solver.finds():
            return None
        sets = [one.expression for one in self._sets]
        bits = [z3.Extract(place, place, one) for one in sets for place in range(VQ_MAX)]
        lengths = z3.Sum([z3.ZeroExt(_COUNT_BITS - 1, bit) for bit in bits])
        solver.lower(lambda vq: z3.And([one & ~((1 << vq) - 1) == 0 for one in sets]), self._question.up_to_vq)
        solver.lower(lambda count: z3.ULE(lengths, count), len(bits))
        return self._system([solver.lowest(one) for one in sets])


class _GaveUpError(Exception):
    """The solver gave up on the way to the smallest system: what was found may not be it."""


class _Solver:
    """Z3, with what is asked for so far."""

    def __init__(self, longest_s: float, *conditions: Any) -> None:
        self._solver = z3.SolverFor("QF_BV")
        self._solver.set("timeout", int(longest_s * 1000))
        self._solver.set("ctrl_c", False)
        self._solver.add(*conditions)

    def check(self, *more: Any) -> Answer:
        """Whether nothing is as asked for."""
        answer = _ANSWERS.get(str(self._solver.check(*more)), Answer.UNKNOWN)
        if answer is Answer.UNKNOWN and self._solver.reason_unknown() == _INTERRUPTED:
            raise KeyboardInterrupt
        return answer

    def value(self, vqs: Any) -> int:
        """What a set is in the system that was found last."""
        return int(self._solver.model().eval(vqs, model_completion=True).as_long())

    def finds(self, *more: Any) -> bool:
        """Whether something is as asked for.

        Raises:
            _GaveUpError: that is not known.
        """
        answer = self.check(*more)
        if answer is Answer.UNKNOWN:
            raise _GaveUpError
        return answer is Answer.REFUTED

    def lower(self, at_most: Callable[[int], Any], most: int) -> None:
        """Ask for the least that a number can be, which is some number up to `most`."""
        least = 1
        while least < most:
            middle = (least + most) // 2
            if self.finds(at_most(middle)):
                most = middle
            else:
                least = middle + 1
        self._solver.add(at_most(most))

    def lowest(self, vqs: Any) -> int:
        """Ask for the lowest that a set can be as a number, so that the example is always the same."""
        value = 0
        for place in reversed(range(VQ_MAX)):
            lower = value | ((1 << place) - 1)
            if not self.finds(z3.UGE(vqs, value), z3.ULE(vqs, lower)):
                value |= 1 << place
        self._solver.add(vqs == value)
        return value


def prove_each(
    question: Question,
    designs: Iterable[Design],
    relays: Iterable[Relay],
    properties: Sequence[Property],
    *,
    kvm_mode: KvmMode = KvmMode.PROTECTED,
) -> Iterator[Finding]:
    """Prove properties of designs under relay settings, one after the other: by relay, design and property."""
    for relay in relays:
        for design in designs:
            for prop in properties:
                yield prove_property(question, Setting(design, relay, kvm_mode, question.memory), prop)


def proof_row(question: Question, finding: Finding, hazards: frozenset[HazardKind]) -> ProofRow:
    """A finding as a row, with the hazards of a boot of its example."""
    example = finding.example or System((), ())
    return ProofRow(
        design=finding.setting.design.name,
        relay=str(finding.setting.relay),
        kernel=question.kernel,
        memory=str(question.memory),
        early_cpus=question.early,
        late_cpus=question.late,
        any_number=question.stands_for_any_number,
        property=finding.prop.name,
        answer=str(finding.answer),
        early_sve_bits=tuple(map(bits_from_vqs, example.early)),
        late_sve_bits=tuple(map(bits_from_vqs, example.late)),
        smallest=finding.is_smallest if finding.example else None,
        hazards=tuple(kind.title for kind in sorted(hazards)),
        shown=bool(hazards & finding.prop.hazards) if finding.example else None,
    )
