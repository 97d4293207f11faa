"""A real boot beside the simulator's, as text: a line for each field that was compared."""

from difflib import ndiff

from rich.console import Console

from sim.conform.live.live_conformance import Conformance
from sim.show.console import heading, line

_LAST_LINES = 12
"""The number of the console's last lines that are shown of a guest that did not reach its end."""
_SIDES = {"- ": "only the kernel:    ", "+ ": "only the simulator: ", "  ": "both:               "}
"""The words for the marks that `ndiff` puts before each line.

Its lines with the mark ``? ``, which point at the letters that differ, are left out.
"""


def show_conformance(conformance: Conformance, console: Console) -> None:
    """Print each field, green or red; the differences of a red field; and what was not compared."""
    record = conformance.record
    heading(console, f"{record.id}: {_verdict(conformance)}: Linux {record.release}, QEMU {record.qemu}")
    for field in conformance.fields:
        if field.agrees:
            line(console, f"  same  {field.name}: {_brief(field.recorded)}", "green", 6)
        else:
            line(console, f"  DIFF  {field.name}", "bold red")
            for difference in _differences(field.recorded, field.simulated):
                line(console, f"        {difference}", "red")
    if conformance.not_compared:
        line(console, f"  not compared: {', '.join(conformance.not_compared)}", "dim")
    if conformance.left_out:
        line(console, f"  left out: {', '.join(conformance.left_out)}", "dim")
    if not record.observed.completed:
        line(console, "  the guest did not reach its end; its last lines:", "dim")
        for last in conformance.console.splitlines()[-_LAST_LINES:]:
            line(console, f"        {last}", "dim")


def _verdict(conformance: Conformance) -> str:
    fields = conformance.fields
    differ = sum(not field.agrees for field in fields)
    return f"all {len(fields)} fields agree" if conformance.agrees else f"{differ} of {len(fields)} fields differ"


def _brief(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0] if len(value) == 1 else f"{value[0]} (and {len(value) - 1} more)"
    return "none" if value in (None, []) else str(value)


def _differences(recorded: object, simulated: object) -> list[str]:
    """Return a diff of two lists of text, line by line; of anything else, both values."""
    match recorded, simulated:
        case (list(), list()) if any(isinstance(value, str) for value in recorded + simulated):
            return [_SIDES[diff[:2]] + diff[2:] for diff in ndiff(recorded, simulated) if diff[:2] in _SIDES]
    return [f"the kernel:    {_brief(recorded)}", f"the simulator: {_brief(simulated)}"]
