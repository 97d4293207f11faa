"""Proofs: no system with given numbers of CPUs and any legal sets breaks a property, or the smallest system that does.

The evaluation of a batch (`sim.study.evaluation`, and the rules below it) runs on symbols instead of columns. What Z3
then finds holds for every row that a batch could have.

In mapped memory a proof covers every smaller system too: an early CPU may equal another early CPU, and a late CPU the
boot CPU, and neither changes the outcome of the other CPUs. docs/proofs.md shows which systems stand for any number of
CPUs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain

from sim.arguments import checked
from sim.designs import Design
from sim.prove.finding import Finding
from sim.prove.interruptible_solver import interruptible
from sim.prove.listed_systems import listed_systems
from sim.prove.properties import Property
from sim.prove.question import Answer, Question, System
from sim.prove.solver import SolverGaveUp
from sim.prove.symbolic_systems import SymbolicSystems, Verdict
from sim.scenario import KvmMode, Relay
from sim.study.system_space import Setting

_CPUS_TOGETHER = 48
"""The number of CPUs of the systems that the solver is asked about at once, under one setting or several.

Of few CPUs a question about twelve settings takes about as long as one about three; of many, twelve settings take
longer together than one by one.
"""


@checked
def prove_property(question: Question, setting: Setting, prop: Property, *, smallest: bool = True) -> Finding:
    """Prove a property of all systems, or refute it.

    Args:
        question: the systems.
        setting: the design, the relay, the KVM mode; its memory is the question's.
        prop: the property, or its name.
        smallest: True: search for the smallest system that breaks the property. False: give no example.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.

    >>> from sim import DESIGNS, PROPERTIES, KvmMode, MemoryLayout, Question, Relay, Setting
    >>> setting = Setting(DESIGNS["tabba"], Relay.ENFORCING, KvmMode.PROTECTED, MemoryLayout.MAPPED)
    >>> prove_property(Question(early=2, late=0, up_to_bits=256, kernel="6.12"), setting, PROPERTIES["restored"])
    <Finding: restored of 'tabba', relay enforcing: proved>
    """
    setting = replace(setting, memory=question.memory)
    ((verdict,),) = _verdicts(question, [setting], [prop])
    return _finding(question, setting, prop, verdict, smallest=smallest)


def _verdicts(
    question: Question, settings: Sequence[Setting], properties: Sequence[Property]
) -> Iterator[list[Verdict]]:
    """Yield the answers under each setting, in the order of the properties.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    systems = _systems(question, question.early, question.late)

    def ask(some: Sequence[Setting]) -> list[list[Verdict]]:
        broken = [[systems.broken(prop, setting) for prop in properties] for setting in some]
        verdicts = systems.ask(chain.from_iterable(broken))
        return [[verdicts[one.get_id()] for one in of_setting] for of_setting in broken]

    together = max(1, _CPUS_TOGETHER // (question.early + question.late))
    for start in range(0, len(settings), together):
        yield from interruptible(partial(ask, settings[start : start + together]))


def _finding(question: Question, setting: Setting, prop: Property, verdict: Verdict, *, smallest: bool) -> Finding:
    answer, found = verdict
    if found is None or not smallest:
        return Finding(prop, setting, answer)
    return interruptible(lambda: _with_example(question, setting, prop, found))


def _with_example(question: Question, setting: Setting, prop: Property, found: System) -> Finding:
    """Return the finding on a property that a system breaks, with the smallest such system."""
    is_smallest = True
    # The property is refuted in any case: if the search gives up, the system that was found first is the example.
    try:
        found = _smallest(question, setting, prop, found)
    except SolverGaveUp:
        is_smallest = False
    space = question.space(setting, len(found.early_vqs), len(found.late_vqs))
    name = f"{setting.design.name}, relay {setting.relay}: not {prop.name}"
    scenario = space.scenario(found.early_sve_bits + found.late_sve_bits, setting).but(name=name)
    return Finding(prop, setting, Answer.REFUTED, found, is_smallest, scenario)


def _smallest(question: Question, setting: Setting, prop: Property, known: System) -> System:
    """Return the smallest system that breaks a property; `known` breaks it.

    Fewer CPUs are smaller whatever their sets (`System.size`), so the search ends at the first number of CPUs that has
    an example.
    """
    for cpus in range(1, question.early + question.late + 1):
        listed = listed_systems(question, cpus)
        found = listed.smallest(setting, prop)
        if found is None and not listed.are_all:
            solved = _smallest_of(question, setting, prop, cpus)
            found = min(solved, key=lambda system: system.size, default=None)
        if found is not None:
            return found
    return known


def _smallest_of(question: Question, setting: Setting, prop: Property, cpus: int) -> Iterator[System]:
    """Yield the smallest systems with a number of CPUs, one for each split into early and late CPUs."""
    for late in range(min(cpus - 1, question.late) + 1):
        if cpus - late <= question.early:
            systems = _systems(question, cpus - late, late)
            found = systems.smallest(systems.broken(prop, setting))
            if found is not None:
                yield found


# Formulas take time to build. All properties of a setting share them, and settings what they have in common.
@lru_cache(maxsize=64)
def _systems(question: Question, early: int, late: int) -> SymbolicSystems:
    return SymbolicSystems(question, early, late)


@checked
def prove_each(
    question: Question,
    designs: Iterable[Design],
    relays: Iterable[Relay],
    properties: Sequence[Property],
    *,
    kvm_mode: KvmMode = KvmMode.PROTECTED,
) -> Iterator[Finding]:
    """Prove properties of designs under relay settings, one after the other: by relay, design and property.

    Args:
        question: the systems.
        designs: the designs.
        relays: the settings of pKVM's PSCI relay, or their names.
        properties: the properties, of which `PROPERTIES` has all.
        kvm_mode: ``kvm-arm.mode=``, or its name.

    >>> from sim import DESIGNS, PROPERTIES, Question
    >>> question = Question(early=2, late=0, up_to_bits=256, kernel="6.12")
    >>> list(prove_each(question, [DESIGNS["v6.11"]], ["enforcing"], [PROPERTIES["restored"]]))
    [<Finding: restored of 'v6.11', relay enforcing: refuted by {128} {128,256}>]
    """
    settings = [Setting(design, relay, kvm_mode, question.memory) for relay in relays for design in designs]
    for setting, verdicts in zip(settings, _verdicts(question, settings, properties), strict=True):
        for prop, verdict in zip(properties, verdicts, strict=True):
            yield _finding(question, setting, prop, verdict, smallest=True)


def answers_of(
    question: Question, settings: Sequence[Setting], properties: Sequence[Property]
) -> Iterator[list[Answer]]:
    """Yield the answers under each setting, in the order of the properties.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    for verdicts in _verdicts(question, settings, properties):
        yield [answer for answer, _ in verdicts]
