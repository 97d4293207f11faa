"""What a guest said on its console, read."""

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field

from sim.conform.run_records import RecordedAction

_TOLD = re.compile(r"@@ (\w+) ?(.*)")
_STAMP = re.compile(r"\[ *\d+\.\d+\] ?")
_LOG_OF_BOOT = re.compile(
    r"SVE: |SME: |KVM: |kvm \[\d+\]: (.*mode initialized|.*not available|KVM disabled|error initializing)"
)
_LOG_OF_ACTION = re.compile(
    r"psci: |CPU\d+: |SVE: |SME: |CPU features: (CPU\d+: |SANITY CHECK|Unsupported CPU feature)|"
    r"kvm \[\d+\]: .*(hyp panic|HYP panic)|Kernel panic|Internal error|Unable to handle kernel"
)
_ERRNOS = {os.strerror(number): name for number, name in errno.errorcode.items()}
_OUTCOMES = {"on": "online", "off": "offline"}


@dataclass
class Said:
    """What the guest said so far."""

    release: str = ""
    boot_log: list[str] = field(default_factory=list)
    task_bytes: dict[str, list[int]] = field(default_factory=dict)
    """By extension, ``sve`` and ``sme``: the lengths that a task could have, ascending."""
    code_address: int | None = None
    """Physical, of the kernel's first code."""
    image_end: int | None = None
    """Physical, of the first byte behind the kernel's data."""
    symbols: dict[str, int] = field(default_factory=dict)
    actions: list[RecordedAction] = field(default_factory=list)
    online: str | None = None
    ended: bool = False
    console: str = ""
    """All of it, with what was not understood."""


def said(console: str) -> Said:
    """Read a console."""
    reader = _Reader(Said(console=console))
    for line in console.splitlines():
        match = _TOLD.search(line)
        if match is not None:
            with suppress(ValueError, LookupError):  # a line that a panic ran into says nothing
                reader.read(match[1], match[2].rstrip())
    reader.leave_hanging(console)
    return reader.said


class _Reader:
    def __init__(self, so_far: Said) -> None:
        self.said = so_far
        self._tried: str | None = None
        self._began = 0.0

    def read(self, kind: str, text: str) -> None:
        match kind:
            case "release" | "online":
                setattr(self.said, kind, text)
            case "log":
                self._log(_STAMP.sub("", text, count=1))
            case "lengths":
                extension, *lengths = text.split()
                self.said.task_bytes[extension] = sorted({int(one) for one in lengths} - {0})  # 0: there is none
            case "code" | "data":
                first, last = (int(one, 16) for one in text.strip().partition(" ")[0].split("-"))
                if kind == "code":
                    self.said.code_address = first
                else:
                    self.said.image_end = last + 1
            case "symbol":
                address, _, name, *_ = text.split()
                self.said.symbols[name] = int(address, 16)
            case "try":
                self._tried, began = text.split()
                self._began = float(began)
            case "done":
                action, uptime, *error = text.split(" ", 2)
                self._done(action, float(uptime), "".join(error))
            case "end":
                self.said.ended = True

    def _log(self, line: str) -> None:
        if not self.said.actions:
            if _LOG_OF_BOOT.match(line):
                self.said.boot_log.append(line)
        elif _LOG_OF_ACTION.match(line):
            self.said.actions[-1].log.append(line)

    def _done(self, action: str, uptime: float, error: str) -> None:
        self._tried = None
        seconds = round(uptime - self._began, 2)
        reason = error.rpartition(": ")[2]
        outcome = "failed" if error else _OUTCOMES[action.partition(":")[0]]
        self.said.actions.append(
            RecordedAction(action, outcome, _ERRNOS.get(reason, reason) if error else None, [], seconds)
        )

    def leave_hanging(self, console: str) -> None:
        """Note the action from which the guest did not come back, with what the console shows of it."""
        if self._tried is None:
            return
        after = console.rpartition(f"@@ try {self._tried}")[2]
        lines = (_STAMP.sub("", line, count=1).rstrip() for line in after.splitlines()[1:])
        log = [line for line in lines if _LOG_OF_ACTION.match(line)]
        self.said.actions.append(RecordedAction(self._tried, "hung", None, log))
