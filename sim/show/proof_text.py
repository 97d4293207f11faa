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
from sim.scenario import MemoryLayout, Relay
from sim.show.console import Layout, heading, lengths, line, table
from sim.units import counted
from sim.vectors import bits_from_vqs

_MARKS = {Answer.PROVED: "yes", Answer.REFUTED: "no", Answer.UNKNOWN: "?"}

_Example = tuple[str, System]
"""A system, and the name of the design of which it breaks a promise."""
_Broken = tuple[Finding, frozenset[HazardKind]]
"""A refuted promise, and the hazards that the boot of its example showed."""


def show_question(question: Question, console: Console) -> None:
    """Print which systems a question is about."""
    # Only in mapped memory does a proof for these numbers of CPUs hold for fewer CPUs too. In other memory a buffer's
    # neighbours decide what a save hits (docs/proofs.md).
    cpus = f"{question.early} early and {question.late} late CPUs"
    numbers = "exactly as many"
    if question.memory is MemoryLayout.MAPPED:
        numbers = "or fewer"
        if question.stands_for_any_number:
            numbers = "which stand for any number of CPUs (docs/proofs.md)"
    sets = f"every legal set up to {question.up_to_bits} bits, {question.rule}"
    line(console, f"{cpus}, {numbers}; {sets}; kernel {question.kernel}, protected, memory {question.memory}")


def show_findings(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]], console: Console) -> None:
    """Print whether each promise is kept under each setting, and an example of each broken promise.

    Args:
        findings: the findings, ordered by settings.
        hazards: for each finding, the hazards that the boot of its example showed.
        console: the terminal.
    """
    properties = list(dict.fromkeys(finding.prop for finding in findings))
    for relay, of_relay in groupby(findings, lambda finding: finding.setting.relay):
        heading(console, f"relay {relay}")
        rows = [
            [design, *_marks(of_design, properties)]
            for design, of_design in groupby(of_relay, lambda finding: finding.setting.design.name)
        ]
        columns: dict[str, Layout] = {"design": "wrap"}
        columns.update((str(number), "left") for number in range(1, len(properties) + 1))
        table(console, columns, rows)
    _promises("Promises (yes: proved; no: refuted; ?: the solver gave up)", properties, console)
    examples = _examples(findings, hazards)
    if examples:
        heading(console, "The smallest systems that break promises, and the hazards of their boots")
        titles = ("design", "relay", "breaks", "early CPUs", "late CPUs", "hazards")
        example_columns: dict[str, Layout] = dict.fromkeys(titles, "left")
        table(console, example_columns, [_cells(example, broken, properties) for example, broken in examples.items()])
        for kind in sorted(frozenset[HazardKind]().union(*hazards)):
            line(console, f"hazard {kind.rank}: {kind.title}")
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


def _marks(findings: Iterable[Finding], properties: Sequence[Property]) -> list[str]:
    """Return a mark for each property; an empty one where the search ended before that property's turn."""
    answers = {finding.prop: finding.answer for finding in findings}
    return [_MARKS[answers[prop]] if prop in answers else "" for prop in properties]


def _examples(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]]) -> dict[_Example, list[_Broken]]:
    """Group refuted promises by design and example, since a system often breaks several."""
    examples: dict[_Example, list[_Broken]] = {}
    for finding, kinds in zip(findings, hazards, strict=True):
        if finding.example is not None:
            examples.setdefault((finding.setting.design.name, finding.example), []).append((finding, kinds))
    return examples


def _cells(example: _Example, broken: list[_Broken], properties: list[Property]) -> list[str]:
    design, system = example
    relays = dict.fromkeys(str(finding.setting.relay) for finding, _ in broken)
    numbers = sorted({properties.index(finding.prop) + 1 for finding, _ in broken})
    ranks = sorted({kind.rank for _, kinds in broken for kind in kinds})
    return [
        design,
        " ".join(relays) if len(relays) < len(Relay) else "both",
        " ".join(map(str, numbers)),
        "\n".join(lengths(bits_from_vqs(vqs)) for vqs in system.early),
        "\n".join(lengths(bits_from_vqs(vqs)) for vqs in system.late),
        " ".join(map(str, ranks)),
    ]


def _promises(title: str, properties: Iterable[Property], console: Console) -> None:
    heading(console, title)
    for number, prop in enumerate(properties, 1):
        line(console, f"{number} {prop.name}: {prop.statement}")


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
    _promises("Promises", [PROPERTIES[name] for name in (*SAFETY, "no-harmless-refused", "none-denied")], console)


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
