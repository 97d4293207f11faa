"""The rows of explanations: what ``asymboot explain --json`` prints."""

from typing import Annotated, Literal

import msgspec

from sim.cpufeature_tables.field_difference import FieldDifference
from sim.cpufeature_tables.sanity_decoder import RegisterDifference
from sim.explain.explanation import Explanation
from sim.explain.finding_collection import LogFinding
from sim.explain.log_entries import Cause
from sim.explain.reproduction import Reproduction
from sim.importer.log_text import NumberedLine
from sim.kernel_flags import KernelFlags
from sim.rows import SCHEMA_VERSION, Row

_LONGEST_LINE = 400


def _described(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class FoundLineRow(Row, frozen=True):
    """A line of a log."""

    number: Annotated[int, _described("number in the file, from 1 on")]
    text: Annotated[str, _described("the kernel's message, without what stands before it")]


class FieldRow(Row, frozen=True):
    """A field of an ID register that differs."""

    field: Annotated[str, _described("name in the Arm Architecture Reference Manual, or its bits")]
    bits: Annotated[str, _described("highest and lowest bit")]
    boot_value: Annotated[int, _described("the boot CPU's value")]
    value: Annotated[int, _described("the other CPU's value")]
    system_value: Annotated[int | None, _described("the value that the kernel uses; missing for an unlisted field")]
    listed: Annotated[bool, _described("True if the kernel's table has the field")]
    strict: Annotated[
        bool, _described("True if the kernel logs a difference of the field, by the table or by the line")
    ]
    used_by: Annotated[tuple[str, ...], _described("the hwcaps and capabilities that look at the field")]
    lost: Annotated[tuple[str, ...], _described("the hwcaps, capabilities and other uses that the system loses by it")]
    decided_by_boot_cpu: Annotated[
        tuple[str, ...],
        _described("the capabilities on which the boot CPU decides, and of which the CPUs differ"),
    ]
    danger: Annotated[
        str | None,
        _described("the failure to expect, where all CPUs are taken to be alike; missing if none is known"),
    ]


class RegisterRow(Row, frozen=True):
    """An ID register that differs."""

    register: Annotated[str, _described("name in the Arm Architecture Reference Manual")]
    boot_value: Annotated[str, _described("the boot CPU's value, in hexadecimal")]
    value: Annotated[str, _described("the other CPU's value, in hexadecimal")]
    tables: Annotated[str | None, _described("the series whose table decoded it; missing if no table has it")]
    inferred: Annotated[bool, _described("True if it is the table of another kernel, in the stead of the log's")]
    fields: Annotated[tuple[FieldRow, ...], _described("the fields that differ, the highest first")]


class CauseRow(Row, frozen=True):
    """A usual cause of a finding."""

    origin: Annotated[str, _described("where it lies: firmware, device tree, configuration, kernel, ...")]
    text: Annotated[str, _described("the cause, in words")]
    in_this_kernel: Annotated[
        bool | None, _described("whether this log's kernel can have it; missing where any can, or that is unknown")
    ]


class FindingRow(Row, frozen=True):
    """A finding of a log."""

    finding: Annotated[str, _described("name, which is the section of docs/log-lines.md")]
    severity: Annotated[str, _described("panic, failure, loss, warning, harmless or normal, the worst first")]
    harmless: Annotated[bool | None, _described("nothing is lost by it; missing where that is not known")]
    cpus: Annotated[tuple[int, ...], _described("logical CPU numbers; empty for the whole system")]
    earlier_boots: Annotated[
        tuple[int, ...], _described("the boots of the file that it is of, from 1 on; empty: the last boot")
    ]
    happened: Annotated[str, _described("what happened, to which CPUs")]
    meaning: Annotated[str, _described("what the lines mean")]
    consequence: Annotated[str, _described("what is lost, or why nothing is")]
    causes: Annotated[tuple[CauseRow, ...], _described("usual causes, the likeliest first")]
    look_at: Annotated[tuple[str, ...], _described("what to do, or to look at, next")]
    inferred: Annotated[tuple[str, ...], _described("what no line says, and was concluded")]
    pages: Annotated[tuple[str, ...], _described("pages of the guide with more")]
    register: Annotated[RegisterRow | None, _described("the ID register that differs, decoded")]
    lines: Annotated[tuple[FoundLineRow, ...], _described("the lines that say it")]


class ReproductionRow(Row, frozen=True):
    """The scenario that reproduces a log."""

    commands: Annotated[tuple[str, ...], _described("the commands that make its file and boot it")]
    scenario: Annotated[str | None, _described("the text of its file; missing where none can be made")]
    differences: Annotated[tuple[str, ...], _described("what its boot does not reproduce")]
    missing_because: Annotated[str | None, _described("why there is no scenario")]


class ExplainedLogRow(Row, frozen=True):
    """A log, explained."""

    file: Annotated[str, _described("the file as it was named; - for the standard input")]
    release: Annotated[str | None, _described("the kernel's release; missing where the log does not say")]
    older_than_model: Annotated[bool, _described("True for kernels before 6.1, which the model does not know")]
    boots: Annotated[int, _described("boots in the file: the last is explained, and of the others what went wrong")]
    begins_late: Annotated[bool, _described("True if the first boot lacks its beginning")]
    newest_first: Annotated[bool, _described("True if the file has its last line first, and was read from its end")]
    taken_for_arm64: Annotated[
        bool, _described("True if nothing in the file shows that the kernel is of arm64: others log the same lines")
    ]
    cores: Annotated[
        dict[int, str], _described("compatible string, name or MIDR of each CPU's core, if the log has it")
    ]
    problems: Annotated[int, _described("findings that are not harmless")]
    findings: Annotated[tuple[FindingRow, ...], _described("the worst first")]
    reproduction: Annotated[ReproductionRow | None, _described("missing where nothing is wrong with the last boot")]


class ExplanationRecord(Row, frozen=True):
    """The explanations of all logs that were given."""

    schema_version: Annotated[Literal[2], _described("version of this format")]
    logs: Annotated[tuple[ExplainedLogRow, ...], _described("a row for each log, in the order given")]


def explanation_record(explanations: list[Explanation]) -> ExplanationRecord:
    """Return everything about some logs as one record."""
    return ExplanationRecord(SCHEMA_VERSION, tuple(_log_row(one) for one in explanations))


def _log_row(one: Explanation) -> ExplainedLogRow:
    return ExplainedLogRow(
        file=one.file,
        release=one.release or None,
        older_than_model=one.is_older,
        boots=one.boots,
        begins_late=one.begins_late,
        newest_first=one.is_newest_first,
        taken_for_arm64=one.is_taken_for_arm64,
        cores=dict(one.cores),
        problems=len(one.problems),
        findings=tuple(_finding_row(finding, one) for finding in one.findings),
        reproduction=None if one.reproduction is None else _reproduction_row(one.reproduction),
    )


def _finding_row(finding: LogFinding, explanation: Explanation) -> FindingRow:
    entry = finding.entry
    return FindingRow(
        finding=entry.name,
        severity=entry.severity,
        harmless=entry.is_harmless,
        cpus=finding.cpus,
        earlier_boots=finding.earlier_boots,
        happened=finding.happened,
        meaning=finding.meaning,
        consequence=finding.consequence,
        causes=tuple(
            CauseRow(cause.origin, cause.text, in_this_kernel(cause, flags_of(finding, explanation)))
            for cause in finding.causes
        ),
        look_at=tuple(one.text for one in finding.advice),
        inferred=finding.inferred,
        pages=(entry.page, *((entry.more,) if entry.more else ())),
        register=None if finding.register is None else _register_row(finding.register),
        lines=tuple(_line_row(line) for line in finding.lines),
    )


def flags_of(finding: LogFinding, explanation: Explanation) -> KernelFlags | None:
    """Return the flags of the kernel that a finding is of; None where it is unknown, as in earlier boots."""
    return None if finding.earlier_boots else explanation.flags


def in_this_kernel(cause: Cause, flags: KernelFlags | None) -> bool | None:
    """Return True if a kernel with these flags can have a cause; None if any can, or the kernel is unknown."""
    if not cause.flag or flags is None:
        return None
    return bool(getattr(flags, cause.flag)) is cause.has_flag


def _line_row(line: NumberedLine) -> FoundLineRow:
    return FoundLineRow(line.number, line.text[:_LONGEST_LINE])


def _register_row(register: RegisterDifference) -> RegisterRow:
    return RegisterRow(
        register.register,
        f"{register.boot_value:#x}",
        f"{register.value:#x}",
        register.series if register.is_known else None,
        not register.is_own,
        tuple(_field_row(field) for field in register.fields),
    )


def _field_row(one: FieldDifference) -> FieldRow:
    return FieldRow(
        field=one.field.name,
        bits=one.bits,
        boot_value=one.boot,
        value=one.cpu,
        system_value=one.system,
        listed=one.is_listed,
        strict=one.is_strict,
        used_by=one.users,
        lost=one.lost,
        decided_by_boot_cpu=one.boot_decides,
        danger=one.danger or None,
    )


def _reproduction_row(one: Reproduction) -> ReproductionRow:
    return ReproductionRow(one.commands, one.scenario or None, one.differences, one.missing or None)
