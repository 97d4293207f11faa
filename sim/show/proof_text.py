"""Proofs as text: which design keeps which promise, and the smallest systems that break a promise."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console

from sim.designs import Design, LateCpu
from sim.hazard_kinds import HazardKind
from sim.prove.design_space import LATE_CHOICES, Promises
from sim.prove.finding import Finding
from sim.prove.properties import PROPERTIES, SAFETY, Property
from sim.prove.question import Answer, Question, System
from sim.scenario import MemoryLayout
from sim.show.console import heading, line
from sim.show.table_forms import Layout, table, table_of_columns
from sim.units import counted

_Example = tuple[str, System]
"""A system, and the name of the design of which it breaks a promise."""
_Broken = tuple[Finding, frozenset[HazardKind]]
"""A refuted promise, and the hazards that the boot of its example showed."""


def show_question(question: Question, console: Console) -> None:
    """Print which systems a question is about."""
    cpus = f"{question.early} early and {question.late} late CPUs"
    numbers = "exactly as many, since a buffer's neighbours decide what a save hits (docs/proofs.md)"
    if question.memory is MemoryLayout.MAPPED:
        numbers = "or fewer"
        if question.stands_for_any_number:
            numbers = "which stand for any number of CPUs (docs/proofs.md)"
    sets = f"every legal set up to {question.up_to_bits} bits, {question.rule}"
    line(console, f"{cpus}, {numbers}; {sets}; kernel {question.kernel_words}, protected, memory {question.memory}")


def show_findings(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]], console: Console) -> None:
    """Print which promises are kept under each setting, and an example of each broken promise.

    Args:
        findings: the findings, ordered by settings.
        hazards: for each finding, the hazards that the boot of its example showed.
        console: the terminal.
    """
    properties = list(dict.fromkeys(finding.prop for finding in findings))
    for relay, of_relay in groupby(findings, lambda finding: finding.setting.relay):
        heading(console, f"relay {relay}")
        rows = [
            [design, *_answers(list(of_design), properties)]
            for design, of_design in groupby(of_relay, lambda finding: finding.setting.design.name)
        ]
        names, proved, refuted, unanswered = zip(*rows, strict=True)
        columns: dict[str, tuple[Layout, Sequence[str]]] = {
            "design": ("wrap", names),
            "proved": ("left", proved),
            "refuted": ("wrap", refuted),
            "unanswered": ("wrap", unanswered),
        }
        table_of_columns(console, columns)
    _promises(properties, console)
    examples = _examples(findings, hazards)
    if examples:
        heading(console, "The smallest systems that break promises, and the hazards of their boots")
        for (design, system), broken in examples.items():
            _show_example(design, system, broken, console)
        _show_exceptions(findings, hazards, console)


def _show_exceptions(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]], console: Console) -> None:
    """Print how many boots show the promise broken, then each boot that does not and each example not minimised."""
    refuted = [
        (finding, kinds) for finding, kinds in zip(findings, hazards, strict=True) if finding.example is not None
    ]
    shown = sum(bool(kinds & finding.prop.hazards) for finding, kinds in refuted)
    line(console, f"{shown} of {len(refuted)} broken promises show in the boots of their examples")
    for finding, kinds in refuted:
        promise = f"{finding.prop.name} of {finding.setting.design.name}, relay {finding.setting.relay}"
        if not kinds & finding.prop.hazards:
            line(console, f"{promise}: its boot does not show that it is broken, a defect of asymboot", "red")
        if not finding.is_smallest:
            line(console, f"{promise}: the solver gave up on smaller examples; its example may not be the smallest")


def _answers(findings: Sequence[Finding], properties: Sequence[Property]) -> tuple[str, str, str]:
    """Return how many properties are proved, which are refuted, and which have no answer.

    A property has no answer if the solver gave up, or if the search ended before that property's turn.
    """
    answers = {finding.prop: finding.answer for finding in findings}
    proved = list(answers.values()).count(Answer.PROVED)
    refuted = ", ".join(prop.name for prop in properties if answers.get(prop) is Answer.REFUTED)
    not_answered = [prop.name for prop in properties if answers.get(prop, Answer.UNKNOWN) is Answer.UNKNOWN]
    return f"{proved} of {len(properties)}", refuted, ", ".join(not_answered)


def _examples(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]]) -> dict[_Example, list[_Broken]]:
    """Group refuted promises by design and example, since a system often breaks several."""
    examples: dict[_Example, list[_Broken]] = {}
    for finding, kinds in zip(findings, hazards, strict=True):
        if finding.example is not None:
            examples.setdefault((finding.setting.design.name, finding.example), []).append((finding, kinds))
    return examples


def _show_example(design: str, system: System, broken: list[_Broken], console: Console) -> None:
    relays = " or ".join(dict.fromkeys(str(finding.setting.relay) for finding, _ in broken))
    line(console, f"{design}, relay {relays}: early CPUs {system}")
    promises = dict.fromkeys(finding.prop.name for finding, _ in broken)
    line(console, f"breaks {', '.join(promises)}", indent="  ")
    kinds = sorted({kind for _, kinds in broken for kind in kinds})
    line(console, f"its boot shows {'; '.join(kind.title for kind in kinds) or 'no hazard'}", indent="  ")


def _promises(properties: Iterable[Property], console: Console) -> None:
    heading(console, "Promises")
    for prop in properties:
        line(console, f"{prop.name}: {prop.statement}")


def show_design_space(promises: Sequence[Promises], console: Console) -> None:
    """Print which designs of the whole space are safe on every system, and what each of them costs."""
    columns: dict[str, Layout] = {
        "buffer sized by": "left",
        "ZCR_EL2": "left",
        "pointer": "wrap",
        "late CPU above": "wrap",
        "refuses": "left",
        "denies": "left",
    }
    for relay, of_relay in groupby(promises, lambda design: design.relay):
        designs = list(of_relay)
        safe = [design for design in designs if design.is_safe]
        heading(console, f"relay {relay}: {counted(len(designs), 'design')}, {len(safe)} safe on every system")
        table(console, columns, [_row(members) for members in _alike(safe)])
    line(
        console,
        f"safe: {', '.join(SAFETY)} are proved. Designs are ordered by the cost of their buffers: on no system is an "
        "earlier design's buffer larger than a later design's.",
    )
    line(
        console,
        "refuses: on some system, a harmless CPU is refused. denies: on some system, the host is denied a VL that all "
        "CPUs have.",
    )
    _promises([PROPERTIES[name] for name in (*SAFETY, "no-harmless-refused", "none-denied")], console)


def _alike(safe: Sequence[Promises]) -> list[list[Promises]]:
    """Group designs with the same cost and the same promises; their members differ in FFR pointer and late CPUs."""
    alike: dict[tuple[object, ...], list[Promises]] = {}
    for design in safe:
        key = (design.cost, design.design.zcr_el2, design.refuses_nobody_harmless, design.denies_nothing)
        alike.setdefault(key, []).append(design)
    return sorted(alike.values(), key=lambda members: (members[0].cost, not members[0].refuses_nobody_harmless))


def _row(members: list[Promises]) -> list[str]:
    design = members[0].design  # the same cost means the same size of the buffers
    pointers = dict.fromkeys(str(member.design.ffr_pointer) for member in members)
    late = dict.fromkeys(_late_cpu(member.design) for member in members)
    return [
        str(design.buffer_sized_by),
        str(design.zcr_el2),
        ", ".join(pointers),
        ", ".join(late) if len(late) < len(LATE_CHOICES) else "any",
        "" if members[0].refuses_nobody_harmless else "yes",
        "" if members[0].denies_nothing else "yes",
    ]


def _late_cpu(design: Design) -> str:
    """Return the response to a late CPU above the maximum, with the effect of the store that raises the maximum."""
    return f"{design.late_cpu} ({design.late_store})" if design.late_cpu is LateCpu.RAISES else str(design.late_cpu)
