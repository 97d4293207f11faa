"""Proofs as text for the cover letter of a patch: what was asked, of which kernel, and every answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import fill, wrap

from sim.designs import Design
from sim.prove.finding import Finding
from sim.prove.question import Answer, Question
from sim.scenario import MemoryLayout

_WIDTH = 72
"""The width of lines in kernel mail."""
_INDENT = 2


def cover_letter(question: Question, findings: Sequence[Finding], version: str, command: str) -> str:
    """Return the answers of a proof as plain text, with lines of at most 72 characters.

    Args:
        question: the systems that were asked about.
        findings: the findings, ordered by settings.
        version: asymboot's version.
        command: the command that gives the same answers.
    """
    settings = list(dict.fromkeys(finding.setting for finding in findings))
    has_examples = any(finding.example is not None for finding in findings)
    parts = [_asked(question, version, has_examples=has_examples)]
    for setting in settings:
        of_setting = [finding for finding in findings if finding.setting == setting]
        parts.append("\n".join([f"{_named(setting.design)}, relay {setting.relay}:", *_answers(of_setting)]))
    parts.append(f"Reproduce: {command}")
    return "\n\n".join(parts)


def _asked(question: Question, version: str, *, has_examples: bool) -> str:
    cpus = f"exactly {question.early} early and {question.late} late CPUs"
    if question.memory is MemoryLayout.MAPPED:
        cpus = f"at most {question.early} early and {question.late} late CPUs"
        if question.stands_for_any_number:
            cpus = "any number of early and late CPUs"
    text = (
        f"asymboot {version} gives these answers for all systems of {cpus}, each with any legal set of SVE lengths "
        f"up to {question.up_to_bits} bits ({question.rule}), under Linux {question.kernel} with pKVM and memory "
        f"{question.memory}. Proofs are Z3's, over asymboot's model of the kernel."
    )
    if has_examples:
        text += " Each counterexample was booted in its simulator"
        text += "." if question.memory is MemoryLayout.MAPPED else ". It is the smallest, and may have fewer CPUs."
    if replace(question, memory=MemoryLayout.MAPPED).stands_for_any_number and not question.stands_for_any_number:
        text += " With --memory mapped the answers are for any number of CPUs."
    return fill(text, _WIDTH)


def _named(design: Design) -> str:
    return f"Design {design.name or '(unnamed)'}"


def _answers(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        promise = f"{finding.answer}: {finding.prop.name} ({finding.prop.statement})"
        if finding.example is not None:
            size = "smallest system" if finding.is_smallest else "a system"
            promise += f"; {size}: early {finding.example}"
        elif finding.answer is Answer.UNKNOWN:
            promise += "; the solver gave up"
        yield "\n".join(wrap(promise, _WIDTH, initial_indent=" " * _INDENT, subsequent_indent=" " * 2 * _INDENT))
