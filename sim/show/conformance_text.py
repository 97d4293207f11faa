"""A real boot beside the simulator's, as text for a terminal."""

from difflib import ndiff
from typing import Any

from rich.console import Console

from sim.conform.live.live_conformance import Conformance
from sim.show.console import heading, line

_LAST_LINES = 12


def show_conformance(one: Conformance, console: Console) -> None:
    """Print a line for each field, green or red; what differs in a red one; and what was not compared."""
    record = one.record
    heading(console, f"{record.id}: {_verdict(one)}: Linux {record.release}, QEMU {record.qemu}")
    for field in one.fields:
        if field.agrees:
            line(console, f"  same  {field.name}: {_brief(field.recorded)}", "green", 6)
        else:
            line(console, f"  DIFF  {field.name}", "bold red")
            for difference in _differences(field.recorded, field.simulated):
                line(console, f"        {difference}", "red")
    if one.not_compared:
        line(console, f"  not compared: {', '.join(one.not_compared)}", "dim")
    if one.left_out:
        line(console, f"  left out: {', '.join(one.left_out)}", "dim")
    if not record.observed.completed:
        line(console, "  the guest did not reach its end; its last lines:", "dim")
        for last in one.console.splitlines()[-_LAST_LINES:]:
            line(console, f"        {last}", "dim")


def _verdict(one: Conformance) -> str:
    differ = sum(not field.agrees for field in one.fields)
    return f"all {len(one.fields)} fields agree" if one.agrees else f"{differ} of {len(one.fields)} fields differ"


def _brief(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0] if len(value) == 1 else f"{value[0]} (and {len(value) - 1} more)"
    return "none" if value in (None, []) else str(value)


def _differences(real: Any, simulated: Any) -> list[str]:
    if isinstance(real, list) and isinstance(simulated, list) and any(isinstance(one, str) for one in real + simulated):
        told = {"- ": "only the kernel:    ", "+ ": "only the simulator: ", "  ": "both:               "}
        return [told[one[:2]] + one[2:] for one in ndiff(real, simulated) if one[:2] in told]
    return [f"the kernel:    {_brief(real)}", f"the simulator: {_brief(simulated)}"]
