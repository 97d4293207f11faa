"""Proofs as text for a terminal: which design promises what, and the smallest systems that break a promise."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console

from sim.designs import Design, LateCpu
from sim.hazards import HazardKind
from sim.prove.design_space import LATE_CHOICES, Promises
from sim.prove.proof import Answer, Finding, Question, System
from sim.prove.properties import PROPERTIES, SAFETY, Property
from sim.scenario import MemoryLayout, Relay
from sim.show.console import heading, lengths, line, table
from sim.vectors import bits_from_vq, bits_from_vqs

_MARKS = {Answer.PROVED: "yes", Answer.REFUTED: "no", Answer.UNKNOWN: "?"}


def show_question(question: Question, console: Console) -> None:
    """Print what systems are asked about."""
    cpus = f"{question.early} early and {question.late} late CPUs"
    more = "just so many"
    if question.memory is MemoryLayout.MAPPED:
        more = (
            "which stand for any number of CPUs (docs/proofs.md)" if question.stands_for_any_number else "and any fewer"
        )
    sets = f"every legal set up to {bits_from_vq(question.up_to_vq)} bits, {question.rule}"
    line(console, f"{cpus}, {more}; {sets}; kernel {question.kernel}, protected, memory {question.memory}")


def show_findings(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]], console: Console) -> None:
    """Print what came of properties under settings: a row a setting, and an example of each promise that is broken.

    Args:
        findings: ordered by settings.
        hazards: for each finding, what a boot of its example showed.
        console: where to.
    """
    properties = list(dict.fromkeys(one.prop for one in findings))
    for relay, of_relay in groupby(findings, lambda one: one.setting.relay):
        heading(console, f"relay {relay}")
        rows = [
            [design, *_marks(found, properties)]
            for design, found in groupby(of_relay, lambda one: one.setting.design.name)
        ]
        columns = {"design": "wrap"} | {f"{place + 1}": "left" for place in range(len(properties))}
        table(console, columns, rows)
    _legend(properties, console)
    examples = _examples(findings, hazards)
    if examples:
        heading(console, "The smallest systems that break them, and the hazards of their boots")
        titles = ("design", "relay", "breaks", "early", "late", "hazards")
        rows = [_cells(key, found, properties) for key, found in examples.items()]
        table(console, dict.fromkeys(titles, "left"), rows)
        for kind in sorted(frozenset[HazardKind]().union(*hazards)):
            line(console, f"hazard {kind.rank}: {kind.title}")
        _tell_exceptions(findings, hazards, console)


def _tell_exceptions(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]], console: Console) -> None:
    """Say that each boot shows what it should, and each system is the smallest; or which not."""
    every = [(one, kinds) for one, kinds in zip(findings, hazards, strict=True) if one.example is not None]
    shown = sum(bool(kinds & one.prop.hazards) for one, kinds in every)
    line(console, f"{shown} of {len(every)} broken promises show in the boots of their examples")
    for one, kinds in every:
        told = f"{one.prop.name} of {one.setting.design.name}, relay {one.setting.relay}"
        if not kinds & one.prop.hazards:
            line(console, f"{told}: its boot shows nothing of it, a mistake of asymboot", "red")
        if not one.is_smallest:
            line(console, f"{told}: the solver gave up on the smallest example; this is some")


def _marks(found: Iterable[Finding], properties: Sequence[Property]) -> list[str]:
    """A mark for each property; none where a search was ended before it."""
    answers = {one.prop: one.answer for one in found}
    return [_MARKS[answers[prop]] if prop in answers else "" for prop in properties]


_Key = tuple[str, System]
_Examples = dict[_Key, list[tuple[Finding, frozenset[HazardKind]]]]


def _examples(findings: Sequence[Finding], hazards: Sequence[frozenset[HazardKind]]) -> _Examples:
    """What each system breaks of a design."""
    examples: _Examples = {}
    for one, kinds in zip(findings, hazards, strict=True):
        if one.example is not None:
            examples.setdefault((one.setting.design.name, one.example), []).append((one, kinds))
    return examples


def _cells(key: _Key, found: list[tuple[Finding, frozenset[HazardKind]]], properties: list[Property]) -> list[str]:
    design, system = key
    relays = dict.fromkeys(str(one.setting.relay) for one, _ in found)
    broken = sorted({properties.index(one.prop) + 1 for one, _ in found})
    hazards = sorted({kind.rank for _, kinds in found for kind in kinds})
    return [
        design,
        " ".join(relays) if len(relays) < len(Relay) else "both",
        " ".join(map(str, broken)),
        "\n".join(lengths(bits_from_vqs(vqs)) for vqs in system.early),
        "\n".join(lengths(bits_from_vqs(vqs)) for vqs in system.late),
        " ".join(map(str, hazards)),
    ]


def _legend(properties: Iterable[Property], console: Console) -> None:
    heading(console, "Promises: yes, proved; no, refuted; ?, the solver gave up")
    for place, one in enumerate(properties):
        line(console, f"{place + 1} {one.name}: {one.statement}")


def show_design_space(promises: Sequence[Promises], console: Console) -> None:
    """Print which designs of the whole space are safe on every system, and what each of these costs."""
    for relay, found in groupby(promises, lambda one: one.relay):
        every = list(found)
        safe = [one for one in every if one.is_safe]
        heading(console, f"relay {relay}: {len(every)} designs, {len(safe)} safe on every system")
        table(
            console,
            {
                "buffer sized by": "left",
                "ZCR_EL2": "left",
                "pointer": "wrap",
                "late CPU above": "wrap",
                "refuses": "left",
                "denies": "left",
            },
            [_safe(members) for members in _alike(safe)],
        )
    line(console, f"safe: {', '.join(SAFETY)} are proved. On no system is an earlier row's buffer the dearer one.")
    line(
        console,
        "refuses: some harmless CPU is refused on some system. denies: the host is denied a VL that all CPUs have.",
    )
    _legend([PROPERTIES[name] for name in (*SAFETY, "no-harmless-refused", "none-denied")], console)


def _alike(safe: Sequence[Promises]) -> list[list[Promises]]:
    """Designs that cost and promise the same, and differ in the FFR pointer and what becomes of a late CPU."""
    alike: dict[tuple[object, ...], list[Promises]] = {}
    for one in safe:
        key = (one.cost, one.design.zcr_el2, one.refuses_nobody_harmless, one.denies_nothing)
        alike.setdefault(key, []).append(one)
    return sorted(alike.values(), key=lambda members: (members[0].cost, not members[0].refuses_nobody_harmless))


def _safe(members: list[Promises]) -> list[str]:
    design = members[0].design
    pointers = dict.fromkeys(str(one.design.ffr_pointer) for one in members)
    late = dict.fromkeys(_late(one.design) for one in members)
    return [
        str(design.buffer_sized_by),
        str(design.zcr_el2),
        ", ".join(pointers),
        ", ".join(late) if len(late) < len(LATE_CHOICES) else "any",
        "" if members[0].refuses_nobody_harmless else "yes",
        "" if members[0].denies_nothing else "yes",
    ]


def _late(design: Design) -> str:
    """What becomes of a late CPU above the maximum, and of the store that raises it."""
    return f"{design.late_cpu} ({design.late_store})" if design.late_cpu is LateCpu.RAISES else str(design.late_cpu)
