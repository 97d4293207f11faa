"""The boots that a log holds, one after the other.

The first may lack its beginning: a ring buffer that is full drops its oldest lines, and a console may have been opened
late.
"""

from collections.abc import Sequence

import msgspec

from sim.importer.explained_lines import OldBootLine
from sim.importer.firmware_lines import UnknownLine
from sim.importer.log_lines import BootLine, CommandLineLine, ReleaseLine
from sim.importer.log_text import NumberedLine

_NOT_OF_A_BOOT = (ReleaseLine, CommandLineLine, UnknownLine)
"""Kinds of lines that people paste above a log, from /proc/version and /proc/cmdline, or that a boot loader prints."""


class LoggedBoot(msgspec.Struct, frozen=True):
    """The lines of one boot that are understood."""

    lines: tuple[NumberedLine, ...]
    is_complete: bool
    """True if they begin with the kernel's first line."""


def logged_boots(lines: Sequence[NumberedLine]) -> list[LoggedBoot]:
    """Return the boots of a log, in order of time; none if the log has no line that is understood."""
    starts = [place for place, found in enumerate(lines) if isinstance(found.line, BootLine | OldBootLine)]
    if not starts:
        return [LoggedBoot(tuple(lines), is_complete=False)] if lines else []
    before = lines[: starts[0]]
    boots = [LoggedBoot(tuple(lines[start:end]), True) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    if not all(isinstance(found.line, _NOT_OF_A_BOOT) for found in before):
        boots.insert(0, LoggedBoot(tuple(before), is_complete=False))
    return [
        boot
        for boot, later in zip(boots, [*boots[1:], None], strict=True)
        if later is None or not _is_repeated(boot, later)
    ]


def _is_repeated(boot: LoggedBoot, later: LoggedBoot) -> bool:
    """Return True if a boot's lines are those with which a later boot begins: a second console repeats them."""
    shown, again = ([(found.seconds, found.text) for found in one.lines] for one in (boot, later))
    return all(seconds for seconds, _ in shown) and shown == again[: len(shown)]
