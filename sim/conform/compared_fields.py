"""Comparison of one value: as a real kernel showed it, and as the simulator predicts it."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from sim.conform.run_records import HostVl

Value: TypeAlias = bool | int | str | HostVl | Sequence["Value"] | Mapping[str, "Value"] | None
"""The types that fields have in recorded runs."""

# Identification registers, addresses and process numbers belong to the machine, capability numbers to the kernel's
# configuration, and polling times to the host's speed. None of them is predicted.
_MASKS = (
    (re.compile(r"0x[0-9a-f]{8,}"), "0x*"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "*"),
    (re.compile(r"capability \d+"), "capability *"),
    (re.compile(r"polled \d+ ms"), "polled * ms"),
    (re.compile(r"kvm \[\d+\]"), "kvm [*]"),
    (re.compile(r"handle_trap\+0x[0-9a-f]+/0x[0-9a-f]+"), "handle_trap+*"),
)


class Field(NamedTuple):
    """One value that a real kernel showed, beside the simulator's."""

    name: str
    """The name as the record has it, such as ``vl_info_sve.max_vl_bytes`` or ``actions[2] on:3: error``."""
    recorded: Value
    simulated: Value

    @property
    def agrees(self) -> bool:
        """True if both values are equal."""
        return self.recorded == self.simulated

    def __str__(self) -> str:
        return f"{self.name}: recorded {self.recorded!r}, simulated {self.simulated!r}"


def mask_lines(lines: Sequence[str]) -> list[str]:
    """Replace the parts of log lines that differ between machines, so that equal behaviour gives equal lines.

    Both sides of a comparison must go through it: the simulator makes up addresses and times of its own.

    >>> mask_lines(["psci: CPU1 killed (polled 10 ms)"])
    ['psci: CPU1 killed (polled * ms)']
    """
    return [_mask(line) for line in lines]


def _mask(line: str) -> str:
    for pattern, substitute in _MASKS:
        line = pattern.sub(substitute, line)
    return line
