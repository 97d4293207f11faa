"""The guest's console, parsed into what the kernel reported.

`init.sh` writes a line ``@@ KEYWORD ...`` for everything that it reads or does; all other lines are the kernel's own,
which it prints from a panic on. A panic may break into a line of the guest at any byte, so that a line that cannot be
parsed is dropped.
"""

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field

from sim.conform.run_records import RecordedAction

_GUEST_LINE = re.compile(r"@@ (\w+) ?(.*)")
_TIMESTAMP = re.compile(r"\[ *\d+\.\d+\] ?")
# The lines that are compared, of the boot and of an action: those on vector lengths, CPU hotplug, KVM and panics.
_BOOT_LINE = re.compile(
    r"SVE: |SME: |KVM: |kvm \[\d+\]: (.*mode initialized|.*not available|KVM disabled|error initializing)"
)
_ACTION_LINE = re.compile(
    r"psci: |CPU\d+(: | is up)|(Dis|En)abling non-boot CPUs|Error taking CPU\d+|Non-boot CPUs|"
    r"SVE: |SME: |CPU features: (CPU\d+: |SANITY CHECK|Unsupported CPU feature)|"
    r"kvm \[\d+\]: .*(hyp panic|HYP panic)|Kernel panic|Internal error|Unable to handle kernel"
)
# The guest's shell reports an errno as text. A busybox that is linked with glibc, as Debian's is, has the same texts as
# a host with glibc; a text that is not found is kept as it is.
_ERRNO_NAMES = {os.strerror(number): name for number, name in errno.errorcode.items()}
_SUCCESS = {"on": "online", "off": "offline", "suspend": "resumed"}


@dataclass
class ConsoleReport:
    """Everything that the guest has reported on its console."""

    release: str = ""
    boot_log: list[str] = field(default_factory=list)
    task_bytes: dict[str, list[int]] = field(default_factory=dict)
    """By extension, ``sve`` and ``sme``: the lengths that a task could have, in bytes, ascending."""
    code_address: int | None = None
    """Physical address of the kernel's first code."""
    image_end: int | None = None
    """Physical address of the first byte behind the kernel's data."""
    symbols: dict[str, int] = field(default_factory=dict)
    """Virtual addresses of the kernel's symbols."""
    actions: list[RecordedAction] = field(default_factory=list)
    online: str | None = None
    ended: bool = False
    """The guest reached its end."""
    console: str = ""
    """The whole console as text."""


def parse_console(console: str) -> ConsoleReport:
    """Parse the console of a guest, whether or not the guest reached its end."""
    parser = _ConsoleParser(ConsoleReport(console=console))
    for line in console.splitlines():
        # Searched and not matched: a panic may have printed the beginning of the console's line.
        match = _GUEST_LINE.search(line)
        if match is not None:
            with suppress(ValueError, LookupError):  # a panic broke into the line
                parser.parse(match[1], match[2].rstrip())
    parser.add_hung_action()
    return parser.report


class _ConsoleParser:
    """A parser of the guest's lines, one after the other: a line of the log belongs to the action that ended last."""

    def __init__(self, report: ConsoleReport) -> None:
        self.report = report
        self._started: str | None = None
        """The action that was started and has not ended."""
        self._started_s = 0.0

    def parse(self, keyword: str, text: str) -> None:
        match keyword:
            case "release":
                self.report.release = text
            case "online":
                self.report.online = text
            case "log":
                self._parse_log(_TIMESTAMP.sub("", text, count=1))
            case "lengths":
                extension, *lengths = text.split()
                # Early CPUs whose SME sets share nothing leave tasks no length: the kernel reports 0 for each.
                self.report.task_bytes[extension] = sorted({int(length) for length in lengths} - {0})
            case "code" | "data" | "symbol":
                self._parse_address(keyword, text)
            case "try":
                self._started, uptime_s = text.split()
                self._started_s = float(uptime_s)
            case "done":
                action, uptime_s, *error = text.split(" ", 2)
                self._end_action(action, float(uptime_s), "".join(error))
            case "end":
                self.report.ended = True

    def _parse_address(self, keyword: str, text: str) -> None:
        """Parse a line of /proc/iomem ("FIRST-LAST : NAME"), or a line of /proc/kallsyms ("ADDRESS TYPE NAME")."""
        if keyword == "symbol":
            address, _, name, *_ = text.split()
            self.report.symbols[name] = int(address, 16)
            return
        first, last = (int(address, 16) for address in text.strip().partition(" ")[0].split("-"))
        if keyword == "code":
            self.report.code_address = first
        else:
            self.report.image_end = last + 1

    def _parse_log(self, line: str) -> None:
        """Keep a line of the kernel log that is compared, for the boot or for the action that was done last."""
        if not self.report.actions:
            if _BOOT_LINE.match(line):
                self.report.boot_log.append(line)
        elif _ACTION_LINE.match(line):
            self.report.actions[-1].log.append(line)

    def _end_action(self, action: str, uptime_s: float, error: str) -> None:
        """Add an action with its result; `error` is the shell's message, which ends in the text of the errno."""
        # An action that has ended is not hung, even if the rest of its line cannot be parsed.
        self._started = None
        seconds = round(uptime_s - self._started_s, 2)
        reason = error.rpartition(": ")[2]
        outcome = "failed" if error else _SUCCESS[action.partition(":")[0]]
        self.report.actions.append(
            RecordedAction(action, outcome, _ERRNO_NAMES.get(reason, reason) if error else None, [], seconds)
        )

    def add_hung_action(self) -> None:
        """Add the action that was started and never ended, with the kernel's lines behind it on the console."""
        if self._started is None:
            return
        after = self.report.console.rpartition(f"@@ try {self._started}")[2]
        lines = (_TIMESTAMP.sub("", line, count=1).rstrip() for line in after.splitlines()[1:])
        log = [line for line in lines if _ACTION_LINE.match(line)]
        self.report.actions.append(RecordedAction(self._started, "hung", None, log))
