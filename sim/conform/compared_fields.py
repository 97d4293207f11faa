"""What is compared, field by field: what a real kernel showed, and what the simulator says."""

import re
from typing import Any, NamedTuple

_MASKS = (
    (re.compile(r"0x[0-9a-f]{8,}"), "0x*"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "*"),
    (re.compile(r"capability \d+"), "capability *"),
    (re.compile(r"polled \d+ ms"), "polled * ms"),
    (re.compile(r"kvm \[\d+\]"), "kvm [*]"),
    (re.compile(r"handle_trap\+0x[0-9a-f]+/0x[0-9a-f]+"), "handle_trap+*"),
)


class Field(NamedTuple):
    """One thing that a real kernel showed, and the same of the simulator's."""

    name: str
    recorded: Any
    simulated: Any

    @property
    def agrees(self) -> bool:
        """Whether both are the same."""
        return bool(self.recorded == self.simulated)

    def __str__(self) -> str:
        return f"{self.name}: recorded {self.recorded!r}, simulated {self.simulated!r}"


def masked(lines: list[str]) -> list[str]:
    """Replace what differs from machine to machine: identification values, process numbers and the like."""
    stripped = []
    for line in lines:
        text = line
        for pattern, stands in _MASKS:
            text = pattern.sub(stands, text)
        stripped.append(text)
    return stripped
