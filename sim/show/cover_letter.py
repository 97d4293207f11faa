"""Proofs as text for the cover letter of a patch: what was asked, of which kernel, and every answer."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import fill

from sim.designs import Design
from sim.kernel_flags import FLAGS
from sim.prove.finding import Finding
from sim.prove.question import Answer, Question
from sim.scenario import MemoryLayout, Relay
from sim.show.design_words import choices

_WIDTH = 72
"""The width of lines in kernel mail."""
_INDENT = 2
_MEMORY = {
    MemoryLayout.ADJACENT: "CPUs' buffers lie side by side at EL2, in the order of CPU numbers, with nothing else "
    "mapped around them, as in real kernels",
    MemoryLayout.ISOLATED: "nothing is mapped around a CPU's buffer at EL2",
    MemoryLayout.MAPPED: "other memory is mapped around each CPU's buffer at EL2",
}
_RELAY = {
    Relay.ENFORCING: "pKVM refuses to start a CPU that was offline at KVM's init, as real kernels do",
    Relay.RELAXED: "pKVM starts a CPU that was offline at KVM's init, which no real kernel does",
}
_WHY_EXACT = (
    "in this memory a save outside its buffer may panic, or hit another CPU's buffer, so that nothing follows for "
    "other numbers"
)


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
    parts += [_design(design) for design in dict.fromkeys(setting.design for setting in settings)]
    parts += [_item(f"Relay {relay}: {_RELAY[relay]}.") for relay in dict.fromkeys(one.relay for one in settings)]
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
        f"asymboot {version}, a simulator of asymmetric SMP boot on arm64, gives these answers for all systems of "
        f"{cpus}, each with any legal set of SVE lengths up to {question.up_to_bits} bits ({question.rule}), under "
        f"Linux {question.kernel_words}{',' if question.kernel_flags else ''} with pKVM and memory {question.memory}: "
        f"{_MEMORY[question.memory]}. Early CPUs are online before the kernel's capabilities are final, late CPUs come "
        "afterwards. Proofs are Z3's, over asymboot's model of the kernel."
    )
    if question.kernel_flags:
        meanings = (f"{name} says that {FLAGS[name].meaning}" for name in sorted(question.kernel_flags))
        text += f" Of the flags of the kernel, {'; '.join(meanings)}."
    if has_examples:
        text += " Each counterexample was booted in its simulator"
        text += "." if question.memory is MemoryLayout.MAPPED else ". It is the smallest, and may have fewer CPUs."
        text += " It is written as the lengths of each CPU, in bits."
    if question.memory is not MemoryLayout.MAPPED:
        text += f" The numbers of CPUs are exact: {_WHY_EXACT}."
    if replace(question, memory=MemoryLayout.MAPPED).stands_for_any_number and not question.stands_for_any_number:
        text += " With --memory mapped the answers are for any number of CPUs."
    return fill(text, _WIDTH)


def _design(design: Design) -> str:
    """Return the choices of a design, so that a reader needs neither its file nor the manual."""
    head = f"{_named(design)}, of how pKVM saves the host's SVE registers ({design.source}):"
    return "\n".join([fill(head, _WIDTH), *(_item(one, _INDENT) for one in choices(design))])


def _named(design: Design) -> str:
    return f"Design {design.name or '(unnamed)'}"


def _item(text: str, indent: int = 0) -> str:
    return fill(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + _INDENT))


def _answers(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        promise = f"{finding.answer}: {finding.prop.name} ({finding.prop.statement})"
        if finding.example is not None:
            size = "smallest system" if finding.is_smallest else "a system"
            promise += f"; {size}: early {finding.example}"
        elif finding.answer is Answer.UNKNOWN:
            promise += "; the solver gave up"
        yield _item(promise, _INDENT)
