"""The text of a kernel log, searched for the lines that this package understands."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import msgspec

from sim.errors import InputError
from sim.importer.explained_lines import EXPLAINED_KINDS, OldBootLine
from sim.importer.firmware_lines import FIRMWARE_KINDS, UnknownLine
from sim.importer.log_formats import Split, split_prefixes, unknown_prefix
from sim.importer.log_lines import KINDS, BootLine, Hex, LogLine
from sim.importer.log_order import is_newest_first
from sim.importer.quoted_printable import without_quoted_printable
from sim.importer.suspend_lines import SUSPEND_KINDS

_LONGEST_LINE = 1 << 20
"""The most characters of a line that are read, of a log that was pasted as one line."""
_MOST_PIECES = 16
"""The largest number of pieces that a line may have been wrapped to."""
_NARROWEST_SCREEN = 80
_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[78=>c])")
_LINE_ENDS = re.compile(r"\r+\n?|\n\r+|[\v\f\x85\u2028\u2029]")
ALL_KINDS: tuple[type[LogLine], ...] = (*EXPLAINED_KINDS, *FIRMWARE_KINDS, *SUSPEND_KINDS, *KINDS, UnknownLine)
"""Every kind of line; of two whose patterns both match, the earlier counts."""
_LITERAL = re.compile(r"[\w :,-]*(?![?*{])")
"""The characters with which a pattern begins that stand for themselves; a quantified character is none of them."""
_PERHAPS = re.compile(
    "Booting|Linux|Kernel|CPU|cpu|SLUB|RCU|rcu|smp|SMP|Brought|SVE|SME|KVM|kvm|psci|devtmpfs|Freeing|Run|Number|missing|Dentry"
    r"|detected|Detected|enabling|emulated|spectre-|SANITY|Unsupported|Boot\b|Error|abling|PM:|Protected|Failed|WARNING|Unable"
    r"|Internal|Unhandled|INFO|watchdog|arm_arch|arch_timer:|Arch|KASLR|alternatives:|percpu|PERCPU|Reserving|OF:|duplicate|skipping|Non-boot"
    r"|Mem|ESR|EC|pstate:|x29:|\bel[01]|boot_cpu_on_handler|init_secondary_helper|Secondary|Root|Enabled|GICv3|ASID|swapper/\d+\[0\]|dump_backtrace|\[<[0-9a-f]{16}>\]"
    r'|"MESSAGE" ?: ?\['
)
"""The first words of all patterns, and messages as lists of bytes; most lines have none of them, and are skipped.

They hold no space, because a line may be wrapped at any.
"""
_PROSE = re.compile(r"`|~~~|#{1,6} |\$ |\d{1,2}\. ")
"""The beginning of a line that no message of the kernel continues on: the end of a block of code, a heading, a prompt,
or the number of a list. Mails are wrapped at white space, and no message has these behind any.
"""
_UNIQUE_STAMP = re.compile(r"[1-9]\d*\.\d{6}|0\.\d*[1-9]\d*")
"""A stamp in microseconds other than 0, which no two equal lines share.

Lines before the kernel's clock runs are all stamped 0.
"""
# Lines that only these kernels log. The log of another architecture may have lines like arm64's ("smp: Brought up"), so
# that it would otherwise be refused for a missing first line, which helps its reader little.
_OTHER_ARCHITECTURES = {
    "x86": r"x86/\w+: |x86: Booting SMP configuration|BIOS-e820: |smpboot: CPU\d|microcode: |RIP: 0010:",
    "32-bit Arm": r"CPU: ARMv[4-7] Processor \[|CPU\d+: thread -?\d+, cpu \d+, socket -?\d+, mpidr |"
    r"CPU\(s\) started in (?:SVC|HYP) mode",
    "RISC-V": r"Booting Linux on hartid |riscv: |riscv_timer|SBI specification v",
    "Power": r"Linux version \S+ \([^)]*\) \(powerpc|ppc64_pft_size",
    "s390": r"setup: Linux is running (?:as|under)|setup: The maximum memory size is",
    "MIPS or LoongArch": r"CPU0 revision is: ",
}
LARGEST_LOG_BYTES = 64 << 20
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class NumberedLine(NamedTuple):
    """A line that is understood."""

    number: int
    """The number in the text, from 1 on."""
    line: LogLine
    text: str
    """The message."""
    seconds: str
    """The kernel's stamp; empty where there is none."""
    place: int
    """The place among all lines that are understood, in order of time, from 1 on."""


class NumberedMessage(NamedTuple):
    """A message of the kernel, the number of the line where it begins, and its stamp."""

    number: int
    seconds: str
    text: str


def understood_lines(text: str) -> Iterator[NumberedLine]:
    """Yield the lines of a log that are understood, in order of time, without those that a second console repeats.

    A log may hold several boots, one after the other; a line of the next boot is never taken for a repetition.
    """
    stamped: set[tuple[str, str]] = set()
    last, place = ("", ""), 1
    for message in _messages(text):
        # Two consoles show the same log: every line twice in a row, or, when the second is registered, everything
        # from the beginning once more. Only a stamp tells a repetition from a line that the kernel logged again.
        shown = (message.seconds, message.text)
        if shown == last or shown in stamped:
            continue
        line = parse_line(message.text)
        if line is None:
            continue
        # A new boot, whose stamps begin at 0 again; or a console that repeats this boot from the kernel's first line.
        # The reader begins at the last such line, so that nothing is lost in either case.
        if isinstance(line, BootLine | OldBootLine):
            stamped.clear()
        elif _UNIQUE_STAMP.fullmatch(message.seconds):
            stamped.add(shown)
        last = shown
        yield NumberedLine(message.number, line, message.text, message.seconds, place)
        place += 1


def parse_line(message: str) -> LogLine | None:
    """Parse a message of the kernel; None if it is of another kind."""
    if not _PERHAPS.search(message):
        return None
    for kind, beginning in _BEGINNINGS:
        if message.startswith(beginning) and (match := _compiled(kind).match(message)):
            return msgspec.convert(match.groupdict(), type=kind, strict=False, dec_hook=_from_hex)
    return None


def beginning_of(pattern: str) -> str:
    """Return the text with which every match of a pattern begins; the pattern has no alternatives outside of groups.

    >>> beginning_of(r"CPU(?P<cpu>[0-9]+): shutdown")
    'CPU'
    """
    literal = _LITERAL.match(pattern)
    return literal[0] if literal else ""


# To compile all patterns takes longer than to read most logs, whose lines begin like few of them.
_BEGINNINGS = tuple((kind, beginning_of(kind.pattern)) for kind in ALL_KINDS)


@cache
def _compiled(kind: type[LogLine]) -> re.Pattern[str]:
    return re.compile(kind.pattern)


def _from_hex(kind: type, text: str) -> int:
    assert issubclass(kind, Hex)
    return kind(text, 16)


def other_architecture(text: str) -> str | None:
    """Name the architecture whose log a text is, if it is not arm64."""
    return next((name for name, pattern in _OTHER_ARCHITECTURES.items() if re.search(pattern, text)), None)


def log_text(raw: bytes) -> str:
    """Return the text of a log, in whatever encoding it was saved.

    Raises:
        InputError: it is compressed.
    """
    if raw.startswith(_GZIP):
        raise InputError("is compressed: give it unpacked")
    if raw.startswith(_UTF_16):
        return raw.decode("utf-16", errors="replace").replace("\0", "")
    # Without a mark at its beginning, UTF-16 of a log is its characters and zeros.
    return without_quoted_printable(raw).decode("utf-8-sig", errors="replace").replace("\0", "")


def is_log(raw: bytes) -> bool:
    """Return True if some line of a file is understood as a line of a kernel log."""
    return not raw.startswith(_GZIP) and next(understood_lines(log_text(raw)), None) is not None


# Messages, which may have been wrapped


class _Message(msgspec.Struct):
    """A message that may be understood, and where it begins."""

    number: int
    split: Split
    last_width: int
    """The width of the line that its last piece stands on, in characters."""
    further_pieces: list[str] = msgspec.field(default_factory=list)
    widths: set[int] = msgspec.field(default_factory=set)
    """The widths of the lines of all pieces but the last."""

    def is_continued_by(self, split: Split) -> bool:
        """Return True if a line belongs to this message: only this message has a stamp."""
        if not self.split.is_stamped or split.is_stamped or not split.message.strip():
            return False
        if _PROSE.match(split.message):
            return False
        if len(self.further_pieces) == _MOST_PIECES:
            return False
        # In a log that was put together by hand a line may lack its stamp; or a line was wrapped where the rest of it
        # reads like a message.
        return parse_line(split.message) is None or self._is_completed_by(split.message)

    def _is_completed_by(self, piece: str) -> bool:
        """Return True if this message is understood only together with a further piece."""
        so_far = " ".join(part.strip() for part in (self.split.message, *self.further_pieces))
        return parse_line(so_far) is None and parse_line(f"{so_far} {piece.strip()}") is not None

    def add(self, split: Split, line: str) -> None:
        """Add the next piece, which stands on this line."""
        # Where a screen cut a line, white space at the beginning of a piece is the message's own.
        self.further_pieces.append(line if line.lstrip() == split.message else split.message)
        self.widths.add(self.last_width)
        self.last_width = len(line)


def _messages(text: str) -> Iterator[NumberedMessage]:
    """Yield the messages that may be understood, each in one piece, in order of time."""
    text = _LINE_ENDS.sub("\n", text)
    found = list(_wrapped(text))
    are_cut = _are_cut(set().union(*(message.widths for message in found)), text)
    if is_newest_first([message.split for message in found]):
        found.reverse()
    for message in found:
        pieces = [message.split.message, *message.further_pieces]
        whole = "".join(pieces) if are_cut else " ".join(piece.strip() for piece in pieces)
        yield NumberedMessage(message.number, message.split.seconds, whole.rstrip())


def _are_cut(widths: set[int], text: str) -> bool:
    """Return True if a screen cut the lines at its width, even inside of a word; mail programs wrap at spaces.

    Args:
        widths: the widths of the lines that are continued.
        text: all lines.
    """
    return len(widths) == 1 and _NARROWEST_SCREEN <= max(widths) == _longest_line(text)


def _longest_line(text: str) -> int:
    place = longest = 0
    while place < len(text):
        end = _end_of_line(text, place)
        place, longest = end + 1, max(longest, end - place)
    return longest


def _wrapped(text: str) -> Iterator[_Message]:
    """Yield the messages that may be understood, each with all the lines that it was wrapped to."""
    also = unknown_prefix(text)
    current: _Message | None = None
    place, number = 0, 1
    while place < len(text):
        if current is None:
            # The search leaps over all lines that neither begin a message of interest nor continue it.
            if (match := _PERHAPS.search(text, place)) is None:
                return
            begin = text.rfind("\n", place, match.start()) + 1 or place
            number += text.count("\n", place, begin)
            place = begin
        end = _end_of_line(text, place)
        line = _COLOUR.sub("", text[place : min(end, place + _LONGEST_LINE)])
        for split in split_prefixes(line, also):
            if current is not None and current.is_continued_by(split):
                current.add(split, line)
                continue
            if current is not None:
                yield current
            current = _Message(number, split, len(line)) if _PERHAPS.search(split.message) else None
        place, number = end + 1, number + 1
    if current is not None:
        yield current


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end == -1 else end
