"""A run of a real kernel beside the simulator's, as text: a line, and below it what differs, or everything."""

from difflib import ndiff
from typing import TypeAlias

from rich.console import Console

from sim.conform.conformance import Conformance
from sim.conform.run_records import RecordedBoot, RecordedSave, Run
from sim.errors import printable
from sim.show.console import line

Compared: TypeAlias = Conformance[Run]

_LAST_LINES = 12
"""The number of the console's last lines that are shown of a guest that did not reach its end."""
_SIDES = {"- ": "only the kernel:    ", "+ ": "only the simulator: ", "  ": "both:               "}
"""The words for the marks that `ndiff` puts before each line.

Its lines with the mark ``? ``, which point at the letters that differ, are left out.
"""


def show_conformance(conformance: Compared, console: Console, *, verbose: bool = False) -> None:
    """Print a line for the run; if it differs, print the details below, and of each field that differs both values.

    Args:
        conformance: the run.
        console: the terminal.
        verbose: print a run that agrees in detail too, with the fields that agree.
    """
    in_detail = verbose or not conformance.agrees
    style = "" if conformance.agrees else "bold red"
    line(console, f"{printable(conformance.name)}: {_verdict(conformance)}", style)
    if in_detail and (versions := _versions(conformance)):
        line(console, f"  booted: {versions}", "dim")
    for field in conformance.fields:
        if not field.agrees:
            line(console, f"  DIFF  {field.name}", "bold red")
            for difference in _differences(field.recorded, field.simulated):
                line(console, f"        {difference}", "red")
        elif verbose:
            line(console, f"  same  {field.name}: {_brief(field.recorded)}", "green", 6)
    if in_detail and conformance.not_compared:
        line(console, f"  not compared: {', '.join(conformance.not_compared)}", "dim")
    if in_detail and conformance.left_out:
        line(console, f"  left out: {', '.join(conformance.left_out)}", "dim")
    if in_detail:
        _show_last_lines(conformance, console)


def _verdict(conformance: Compared) -> str:
    fields = conformance.fields
    differ = sum(not field.agrees for field in fields)
    return f"all {len(fields)} fields agree" if conformance.agrees else f"{differ} of {len(fields)} fields differ"


def _versions(conformance: Compared) -> str:
    """Return the versions of the kernel and of QEMU, as far as the record has them."""
    record = conformance.record
    if isinstance(record, RecordedSave):
        return ""
    versions = {"Linux": record.release, "QEMU": record.qemu if isinstance(record, RecordedBoot) else ""}
    return printable(", ".join(f"{what} {version}" for what, version in versions.items() if version))


def _brief(value: object) -> str:
    if isinstance(value, dict) and len(value) > 1:
        first = next(iter(value))
        return f"{first} {value[first]} (and {len(value) - 1} more)"
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0] if len(value) == 1 else f"{value[0]} (and {len(value) - 1} more)"
    return _full(value)


def _full(value: object) -> str:
    return "none" if value in (None, []) else str(value)


def _differences(recorded: object, simulated: object) -> list[str]:
    """Return a diff of two lists of text, line by line; of two maps, the entries that differ; else both values."""
    match recorded, simulated:
        case (dict(), dict()):
            return [
                f"{name}: the kernel: {_full(recorded.get(name))}, the simulator: {_full(simulated.get(name))}"
                for name in dict.fromkeys([*recorded, *simulated])
                if recorded.get(name) != simulated.get(name)
            ]
        case (list(), list()) if any(isinstance(value, str) for value in recorded + simulated):
            return [_SIDES[diff[:2]] + diff[2:] for diff in ndiff(recorded, simulated) if diff[:2] in _SIDES]
    return [f"the kernel:    {_full(recorded)}", f"the simulator: {_full(simulated)}"]


def _show_last_lines(conformance: Compared, console: Console) -> None:
    """Print the last lines of a guest that did not reach its end."""
    record, lines = conformance.record, conformance.console.splitlines()
    if lines and isinstance(record, RecordedBoot) and not record.observed.completed:
        line(console, "  the guest did not reach its end; its last lines:", "dim")
        for last in lines[-_LAST_LINES:]:
            line(console, f"        {last}", "dim")
