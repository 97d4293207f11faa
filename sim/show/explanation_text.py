"""Explanations of kernel logs as text: problems with everything that helps, harmless findings, and what is normal."""

from itertools import groupby

from rich.console import Console

from sim.cpufeature_tables.sanity_decoder import RegisterDifference
from sim.errors import printable
from sim.explain.explanation import Explanation
from sim.explain.explanation_rows import flags_of, in_this_kernel
from sim.explain.finding_collection import LogFinding
from sim.explain.log_entries import Severity, harmless_text
from sim.explain.reproduction import Reproduction
from sim.flag_notes import as_sentence, name_notes
from sim.importer.log_text import NumberedLine
from sim.show.console import heading, line
from sim.units import counted

_LONGEST_LINE = 160
_SHORTEST_RANGE = 3
_LONGEST_SCENARIO = 90
"""The most lines of a scenario that are printed."""
_STYLES = {
    Severity.PANIC: "bold red",
    Severity.FAILURE: "bold red",
    Severity.LOSS: "bold yellow",
    Severity.WARNING: "bold yellow",
    Severity.HARMLESS: "bold green",
}


def show(explanation: Explanation, console: Console, *, first: bool = True) -> None:
    """Print an explanation; `first` is False if another was printed before."""
    if not first:
        console.print()
    line(console, _title(explanation), "bold")  # a heading would break a long path in two
    for remark in _remarks(explanation):
        line(console, remark)
    by_title = {
        "Problems, worst first": explanation.problems,
        "Harmless": [one for one in explanation.findings if one.entry.severity is Severity.HARMLESS],
    }
    for title, findings in by_title.items():
        if findings:
            heading(console, title)
        for index, finding in enumerate(findings):
            if index:
                console.print()
            _detailed(finding, explanation, console)
    normal = [one for one in explanation.findings if one.entry.severity is Severity.NORMAL]
    if normal:
        heading(console, "Normal")
    for finding in normal:
        _short(finding, console)
    if explanation.reproduction is not None:
        _reproduction(explanation.reproduction, console)
    else:
        where = " in the last boot" * bool(explanation.problems)
        heading(console, f"Nothing is wrong with the CPUs{where}, as far as this log tells.")


def _title(explanation: Explanation) -> str:
    file = "standard input" if explanation.file == "-" else printable(explanation.file)
    release = printable(explanation.release[:_LONGEST_LINE]) or "of unknown release"
    return f"{file}: Linux {release}, {counted(len(explanation.problems), 'problem')}"


def _remarks(explanation: Explanation) -> list[str]:
    remarks = []
    if explanation.boots > 1:
        remarks.append(
            f"The last of {explanation.boots} boots in the log is explained, and what went wrong in earlier boots only."
            + " The first boot lacks its beginning." * explanation.begins_late
        )
    if explanation.is_newest_first:
        remarks.append("The log has its last line first, and was read from its end.")
    if explanation.is_taken_for_arm64:
        remarks.append(
            "The log is taken to be of an arm64 kernel, which no line shows: kernels of 32-bit Arm, or of RISC-V, log "
            "the same lines."
        )
    if not explanation.is_complete:
        remarks.append(
            "The log begins after the kernel's first line: what came before is unknown. `journalctl -k -b` may have it."
        )
    if explanation.kernel is not None and explanation.kernel.stand_in is not None:
        remarks.append(
            f"Nothing is known of kernel {printable(str(explanation.kernel))} itself: {explanation.kernel.stand_in}."
        )
    if explanation.kernel is not None:
        remarks += map(as_sentence, name_notes(explanation.kernel))
    if explanation.is_older:
        remarks.append(
            "This kernel is older than 6.1, where the model begins: its lines are explained by what 6.1 does."
        )
    return remarks


# Findings


def cpus_text(cpus: tuple[int, ...]) -> str:
    """Return CPUs as people write them.

    >>> cpus_text((1, 3, 5, 6, 7))
    'CPU1, CPU3 and CPU5 to CPU7'
    """
    runs: list[str] = []
    for _, members in groupby(enumerate(cpus), lambda pair: pair[1] - pair[0]):
        run = [cpu for _, cpu in members]
        names = [f"CPU{cpu}" for cpu in run] if len(run) < _SHORTEST_RANGE else [f"CPU{run[0]} to CPU{run[-1]}"]
        runs += names
    *others, last = runs
    return f"{', '.join(others)} and {last}" if others else last


def _sentence(finding: LogFinding) -> str:
    if finding.cpus:
        return f"{cpus_text(finding.cpus)}: {finding.happened}"
    return finding.happened[:1].upper() + finding.happened[1:]


def _short(finding: LogFinding, console: Console) -> None:
    number = f" (line {finding.lines[0].number})" if finding.lines else ""
    inferred = f" ({'; '.join(finding.inferred)})" if finding.inferred else ""
    line(console, f"{_sentence(finding)}{number}{inferred}")


def _detailed(finding: LogFinding, explanation: Explanation, console: Console) -> None:
    def detail(text: str, style: str = "", indent: str = "  ") -> None:
        line(console, text, style, indent=indent)

    entry = finding.entry
    line(console, f"{_sentence(finding)} [{entry.severity}]", _STYLES[entry.severity])
    shown = _first_of_each_kind(finding.lines)
    for found in shown:
        text = found.text if len(found.text) <= _LONGEST_LINE else f"{found.text[:_LONGEST_LINE]} ..."
        detail(f"line {found.number}: {printable(text)}", "dim")
    if len(shown) < len(finding.lines):
        detail(f"and {counted(len(finding.lines) - len(shown), 'line')} like these", "dim")
    if cores := _cores(finding, explanation):
        detail(f"Cores: {cores}.")
    if finding.register is not None:
        _register(finding.register, console)
    detail(f"Meaning: {finding.meaning}")
    detail(f"Harmless: {harmless_text(entry, finding.consequence)}.")
    for remark in finding.inferred:
        detail(f"Inferred: {remark}.")
    if finding.causes:
        detail("Usual causes:")
    for cause in finding.causes:
        known = {True: " (this kernel can have it)", False: " (not this kernel)", None: ""}
        detail(
            f"{cause.origin}: {cause.text}{known[in_this_kernel(cause, flags_of(finding, explanation))]}", indent="    "
        )
    if finding.advice:
        detail(f"Next: {'; '.join(one.text for one in finding.advice)}.")
    detail(f"More: {', '.join((entry.page, *([entry.more] if entry.more else [])))}")


def _first_of_each_kind(lines: tuple[NumberedLine, ...]) -> list[NumberedLine]:
    """Return the lines to show: the first of each kind, and so all lines of one CPU that failed once."""
    kinds: dict[type, NumberedLine] = {}
    for found in lines:
        kinds.setdefault(type(found.line), found)
    return list(kinds.values())


def _cores(finding: LogFinding, explanation: Explanation) -> str:
    """Name the cores of a finding's CPUs and of the boot CPU, if the log names several kinds."""
    if not finding.cpus or len(set(explanation.cores.values())) == 1:
        return ""
    by_core: dict[str, list[int]] = {}
    for cpu in sorted({0, *finding.cpus}):
        if cpu in explanation.cores:
            by_core.setdefault(explanation.cores[cpu], []).append(cpu)
    return ", ".join(f"{cpus_text(tuple(cpus))} {core}" for core, cpus in by_core.items())


def _register(register: RegisterDifference, console: Console) -> None:
    for field in register.fields:
        line(console, field.words, indent="  ")
    if not register.differs:
        return
    if register.is_known:
        line(console, f"Decoded by the table of Linux {register.series}.", indent="  ")
    else:
        line(console, f"The table of Linux {register.series} does not have this register.", indent="  ")


# The scenario


def _reproduction(one: Reproduction, console: Console) -> None:
    heading(console, "A scenario to start from" if one.differences else "The scenario that reproduces it")
    if one.missing:
        line(console, f"No scenario can be made of this log: it {printable(one.missing)}.")
        return
    for command in one.commands:
        console.file.write(f"  {printable(command)}\n")
    for difference in one.differences:
        line(console, f"Not reproduced: {printable(difference)}.")
    lines = one.scenario.splitlines()
    console.file.write("\n")
    for text in lines[:_LONGEST_SCENARIO]:
        console.file.write(f"  {printable(text)}".rstrip() + "\n")
    if len(lines) > _LONGEST_SCENARIO:
        line(console, f"  and {len(lines) - _LONGEST_SCENARIO} more lines, which the first command prints")
