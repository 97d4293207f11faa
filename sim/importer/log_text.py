"""The text of a kernel log, searched for the lines that this package understands."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from sim.importer.log_lines import KINDS, BootLine, Hex, LogLine

_LONGEST_LINE = 4096
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BEFORE_MESSAGE = r"(?<![^\s\]):;>])"
"""A message begins a line, or follows white space or the end of a stamp, level or quote."""
_PATTERNS = tuple((kind, re.compile(f"{_BEFORE_MESSAGE}(?:{kind.pattern})")) for kind in KINDS)
_PERHAPS = re.compile(r"CPU|cpu|SVE|SME|KVM|kvm \[|Linux|[Kk]ernel|smp: |SMP: |devtmpfs|as init process")
"""The words of which every pattern needs at least one. Most lines of a log have none, and no pattern is tried on them.

A kind of line whose word is missing here is never found: tests/importer/test_log_text.py has an example of every kind.
"""
_UNIQUE_STAMP = re.compile(r"\[ *[1-9]\d*\.\d{6}\]|\[ *0\.\d*[1-9]\d*\]")
"""A stamp in microseconds other than 0, which no two equal lines share.

Lines before the kernel's clock runs are all stamped 0.
"""
# Lines that only these kernels log. The log of another architecture may have lines like arm64's ("smp: Brought up"), so
# that it would otherwise be refused for a missing first line, which helps its reader little.
_OTHER_KERNELS = {
    "x86": re.compile(r"x86/fpu: |BIOS-e820: |smpboot: CPU0: "),
    "32-bit Arm": re.compile(r"CPU: ARMv[4-7] Processor \["),
    "RISC-V": re.compile(r"Booting Linux on hartid |riscv: "),
    "Power": re.compile(r"Linux version \S+ \([^)]*\) \(powerpc|ppc64_pft_size"),
    "arm64 before Linux 4.17": re.compile(r"Boot CPU: AArch64 Processor \["),
}


class NumberedLine(NamedTuple):
    """A line that is understood, and its number in the text, from 1 on."""

    number: int
    line: LogLine


def understood_lines(text: str) -> Iterator[NumberedLine]:
    """Yield the lines of a log that are understood, without the lines that a second console repeats.

    A log may hold several boots, one after the other; a line of the next boot is never taken for a repetition.
    """
    stamped: set[str] = set()
    last = ""
    for number, raw in enumerate(text.splitlines(), 1):
        if not _PERHAPS.search(raw):
            continue
        plain = _COLOUR.sub("", raw[:_LONGEST_LINE])
        # Two consoles show the same log: every line twice in a row, or, when the second is registered, everything
        # from the beginning once more. Only a stamp tells a repetition from a line that the kernel logged again.
        if plain == last or plain in stamped:
            continue
        line = parse_line(plain)
        if line is None:
            continue
        # A new boot, whose stamps begin at 0 again; or a console that repeats this boot from the kernel's first line.
        # The reader begins at the last such line, so that nothing is lost in either case.
        if isinstance(line, BootLine):
            stamped.clear()
        elif _UNIQUE_STAMP.search(plain):
            stamped.add(plain)
        last = plain
        yield NumberedLine(number, line)


def parse_line(line: str) -> LogLine | None:
    """Parse a line of the log; None if it is of another kind."""
    for kind, pattern in _PATTERNS:
        if match := pattern.search(line):
            return msgspec.convert(match.groupdict(), type=kind, strict=False, dec_hook=_from_hex)
    return None


def _from_hex(kind: type, text: str) -> int:
    assert issubclass(kind, Hex)
    return kind(text, 16)


def other_kernel(text: str) -> str | None:
    """Name the kernel whose log a text is, if this package cannot understand its logs."""
    return next((name for name, pattern in _OTHER_KERNELS.items() if pattern.search(text)), None)
