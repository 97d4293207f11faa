"""The explanation of a kernel log: its findings, and the scenario that reproduces it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.arguments import checked, checked_fields
from sim.cores.core_table import core_of_midr
from sim.cpufeature_tables.sanity_decoder import DecodingTables, decoding_tables
from sim.errors import InputError
from sim.explain.earlier_boots import with_problems_of_earlier_boots
from sim.explain.finding_collection import LogFinding
from sim.explain.log_findings import find
from sim.explain.reproduction import Reproduction, reproduce
from sim.files.bounded_read import read_at_most
from sim.files.toml_tables import at
from sim.frames import as_html
from sim.importer.explained_lines import OldBootedLine, OldCoreLine
from sim.importer.kernel_of_log import release_text
from sim.importer.log_lines import BootedLine, BootLine, Hex, LogLine, ReleaseLine, UnameLine
from sim.importer.log_text import (
    LARGEST_LOG_BYTES,
    NumberedLine,
    log_text,
    other_architecture,
    understood_lines,
)
from sim.importer.logged_boots import logged_boots
from sim.kernel_flags import KernelFlags, kernel_flags
from sim.kernel_release import DEFAULT, OLDEST, KernelRelease, Series, kernel_release
from sim.topology import cpu_list
from sim.units import counted

_ARM64_WORDS = ("aarch64", "arm64", "ARM64", "AArch64")


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Explanation:
    """A log, explained, as `explain_log()` returns it.

    Args:
        file: the log's file, as the user named it; "-" for the standard input.
        release: the kernel's release, as the log has it; empty where it does not say.
        kernel: the release as asymboot knows it; None where the log does not say, or the kernel is older than the
            model.
        is_older: True if the kernel is older than the model's oldest.
        tables: the series whose tables decode ID registers.
        boots: the number of boots in the log, of which the last is explained, and of the others what went wrong.
        begins_late: True if the first boot lacks its beginning.
        is_newest_first: True if the log has its last line first, and was read from its end.
        is_taken_for_arm64: True if nothing in the log shows that the kernel is of arm64, and 32-bit Arm or RISC-V log
            the same lines.
        cores: the core of each CPU that the log names, by its compatible string, else its name, else its MIDR.
        findings: the findings, the worst first.
        reproduction: the scenario that reproduces the last boot; None where nothing is wrong with it.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from sim import boot, explain_log, read_scenario
    >>> with TemporaryDirectory() as folder:
    ...     log = Path(folder, "boot.log")
    ...     length = log.write_text(boot(read_scenario("late-cpu-refused")).log_text)
    ...     explain_log(log).release
    '6.18'
    """

    file: str
    release: str
    kernel: KernelRelease | None
    is_older: bool
    tables: str
    boots: int
    begins_late: bool
    is_newest_first: bool
    is_taken_for_arm64: bool
    cores: Mapping[int, str]
    findings: tuple[LogFinding, ...]
    reproduction: Reproduction | None

    def __repr__(self) -> str:
        return (
            f"<Explanation of {self.file!r}: {counted(len(self.findings), 'finding')}, {len(self.problems)} problems>"
        )

    def _repr_html_(self) -> str:
        rows = [
            {
                "severity": str(one.entry.severity),
                "finding": one.entry.title,
                "CPUs": cpu_list(one.cpus),
                "lines": ", ".join(str(line.number) for line in one.lines),
                "what happened": one.happened,
            }
            for one in self.findings
        ]
        return as_html(repr(self)[1:-1], rows)

    @property
    def problems(self) -> tuple[LogFinding, ...]:
        """The findings that are not harmless."""
        return tuple(one for one in self.findings if not one.entry.severity.is_harmless)

    @property
    def is_complete(self) -> bool:
        """True if the log has the first line of the last boot."""
        return self.boots > 1 or not self.begins_late

    @property
    def flags(self) -> KernelFlags | None:
        """The kernel's flags; None where the kernel is unknown."""
        return None if self.kernel is None else kernel_flags(self.kernel)


@checked
def explain_log(path: Path | str) -> Explanation:
    """Explain the last boot of a kernel log, and what went wrong in earlier boots.

    Args:
        path: the log, as it was pasted: see docs/commands.md.

    Raises:
        InputError: the file cannot be read, or is not a log of an arm64 kernel.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from sim import boot, read_scenario
    >>> with TemporaryDirectory() as folder:
    ...     log = Path(folder, "boot.log")
    ...     length = log.write_text(boot(read_scenario("late-cpu-refused")).log_text)
    ...     [one.entry.title for one in explain_log(log).problems][:1]
    ['CPU refused for missing vector lengths']
    """
    path = Path(path)
    with at(f"{path}"):
        return explain_bytes(read_at_most(path, LARGEST_LOG_BYTES, "kernel log"), path)


def explain_bytes(raw: bytes, path: Path | None = None) -> Explanation:
    """Explain the last boot of a kernel log that was read already, and what went wrong in earlier boots.

    Args:
        raw: the log.
        path: its file; None where it has none, such as the standard input.

    Raises:
        InputError: it is not a log of an arm64 kernel.
    """
    text = log_text(raw)
    lines = list(understood_lines(text))
    _check_is_log(text, lines)
    *earlier, boot = logged_boots(lines)
    # What people paste above or below the log is about the kernel of the last boot.
    line = _release_line(boot.lines) or _release_line(found for found in lines if isinstance(found.line, UnameLine))
    series, kernel = (None, None) if line is None else _kernel(line)
    decoding = _decoding(line)
    findings = find(boot.lines, decoding, is_complete=boot.is_complete)
    is_wrong = any(not one.entry.severity.is_harmless for one in findings)
    return Explanation(
        file="-" if path is None else str(path),
        release="" if line is None else line.release,
        kernel=kernel,
        is_older=series is not None and series < OLDEST,
        tables=decoding.tables.series,
        boots=1 + len(earlier),
        begins_late=not [*earlier, boot][0].is_complete,
        is_newest_first=lines[0].number > lines[-1].number,
        is_taken_for_arm64=not _names_arm64(text) and all(_may_be_of_another_architecture(one.line) for one in lines),
        cores=_cores(boot.lines),
        findings=with_problems_of_earlier_boots(
            findings,
            [find(one.lines, _decoding(_release_line(one.lines)), is_complete=one.is_complete) for one in earlier],
        ),
        reproduction=reproduce(path, raw) if is_wrong else None,
    )


def _check_is_log(text: str, lines: list[NumberedLine]) -> None:
    """Refuse a text that is not a log of an arm64 kernel.

    Raises:
        InputError: it is not.
    """
    if (other := other_architecture(text)) is not None:
        raise InputError(f"is a log of {other}: logs of arm64 kernels are explained")
    if not lines:
        raise InputError("is not a log of an arm64 kernel: no line of it tells of CPUs, features, PSCI or KVM")
    if all(found.line.is_of_any_kernel for found in lines) and not _names_arm64(text):
        raise InputError("is not a log of an arm64 kernel: it has no line that only arm64 kernels log")


def _names_arm64(text: str) -> bool:
    return any(word in text for word in _ARM64_WORDS)


def _may_be_of_another_architecture(line: LogLine) -> bool:
    return line.is_of_any_kernel or line.is_taken_for_arm64


def _release_line(lines: Iterable[NumberedLine]) -> ReleaseLine | None:
    return next((found.line for found in lines if isinstance(found.line, ReleaseLine)), None)


def _decoding(line: ReleaseLine | None) -> DecodingTables:
    """Return the tables that decode the registers of a boot, by the line that has its release."""
    series, kernel = (None, None) if line is None else _kernel(line)
    return decoding_tables(
        series,
        kernel_release(DEFAULT).series,
        compares_own_range=None if kernel is None else kernel_flags(kernel).ipa_range_of_cpu,
    )


def _cores(boot: Iterable[NumberedLine]) -> dict[int, str]:
    """Return the core of each CPU that came, and of the boot CPU."""
    midrs: dict[int, Hex | None] = {}
    for found in boot:
        match found.line:
            case BootLine(midr=midr) | OldCoreLine(midr=midr):
                midrs[0] = midr
            case BootedLine(cpu=cpu, midr=midr) | OldBootedLine(cpu=cpu, midr=midr):
                midrs[cpu] = midr
    return {cpu: core_of_midr(midr) or f"MIDR {midr:#010x}" for cpu, midr in sorted(midrs.items()) if midr is not None}


def _kernel(line: ReleaseLine) -> tuple[Series | None, KernelRelease | None]:
    """Return the series of a log's kernel, and its release if the model knows it."""
    text = release_text(line.release, line.point_release)
    if not text:
        return None, None
    try:
        release = kernel_release(text)
    except InputError:  # older than the model, or of a form that no release has
        numbers = text.split(".")
        return (int(numbers[0]), int("".join(filter(str.isdecimal, numbers[1][:3])) or 0)), None
    return release.series, release
