"""The page docs/machines.md: boots of real machines compared with their public logs; `make machines` writes it.

A file of ``tests/public_logs`` has the lines of a machine's log, and its name is that of the scenario in
``topologies/`` that describes the machine. The README there explains its keys.
"""

import difflib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import msgspec

from sim.boot_run import boot
from sim.cores import GICV2
from sim.files.scenario_file import read_scenario
from sim.scenario import Scenario

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "tests" / "public_logs"
_COMPARED = re.compile(r"CPU features:|CPU:|alternatives:|Detected \S+ I-cache")
_OF_SINGLE_CPU = re.compile(r"CPU features: detected CPU\d+: ")
_INTRODUCTION = """\
This page compares boots of scenarios with public kernel logs of real machines: every machine of which a complete log of
a kernel from 6.1 on is known. A line of the kernel's on CPU features is compared to the letter, with its place: lines
that begin with `CPU features:`, `CPU:`, `alternatives:` or `Detected ... I-cache`. `make machines` writes this page.

What decides is given: the cores by MIDR_EL1, the kernel's release, and the settings of the second table, which are read
off the same log where nothing else tells them. The values of registers are those of the table of cores (`sim/cores/`),
which no `detected:` line was used for."""
_AFTER_COUNTS = """\
"Missing" are lines of the log that the boot does not print, and "too many" are lines of the boot that the log does not
have. Some public logs were cut, as the last column says: lines that a log leaves out altogether are not counted. Lines
that several CPUs write at once have no order."""
_INPUTS = """\
Each row lists the settings besides cores and release, and the input that would mend what differs. The comment in the
scenario says what is known of the machine's cores."""


class MachineLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lines of a machine's public log that are compared, and what the log lacks."""

    lines: str
    cut: tuple[str, ...] = ()
    """The first words of lines that the log leaves out altogether."""
    begins_late: bool = False
    """The log lacks everything before its first line here."""
    mend: str = ""
    """The input that would mend what differs."""


@dataclass(frozen=True)
class Comparison:
    """A boot beside a machine's log."""

    name: str
    log: MachineLog
    scenario: Scenario

    @cached_property
    def logged(self) -> list[str]:
        """The lines of the log."""
        return list(_in_any_order(self.log.lines.split("\n")))

    @cached_property
    def printed(self) -> list[str]:
        """The boot's lines, as far as the log may have them."""
        lines = (one.text for one in boot(self.scenario).facts.log)
        found = list(_in_any_order(line for line in lines if not line.startswith(self.log.cut or "\n")))
        begin = found.index(self.logged[0]) if self.log.begins_late and self.logged[0] in found else 0
        return found[begin:]

    @cached_property
    def differing(self) -> tuple[list[str], list[str]]:
        """The lines that are missing, and those that are too many."""
        missing, too_many = [], []
        matcher = difflib.SequenceMatcher(None, self.logged, self.printed, autojunk=False)
        for _tag, from_log, to_log, from_boot, to_boot in matcher.get_opcodes():
            if _tag != "equal":
                missing += self.logged[from_log:to_log]
                too_many += self.printed[from_boot:to_boot]
        return missing, too_many


def _in_any_order(lines: Iterator[str] | list[str]) -> Iterator[str]:
    """Yield the lines that are compared; neighbours that several CPUs write at once are sorted."""
    compared = filter(_COMPARED.match, lines)
    for of_single_cpu, group in groupby(compared, lambda line: bool(_OF_SINGLE_CPU.match(line))):
        neighbours = list(group)
        yield from sorted(neighbours) if of_single_cpu else neighbours


def comparisons() -> list[Comparison]:
    """Return every machine's comparison, by the scenarios' names."""
    return [
        Comparison(
            file.stem,
            msgspec.toml.decode(file.read_bytes(), type=MachineLog),
            read_scenario(ROOT / "topologies" / f"{file.stem}.toml"),
        )
        for file in sorted(LOGS.glob("*.toml"))
    ]


def page_text() -> str:
    """Return the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    found = comparisons()
    yield f"# Machines and their logs\n\n{_INTRODUCTION}\n\n## Lines\n"
    yield "| machine | scenario | kernel | CPUs | lines | agreed | missing | too many | left out |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        missing, too_many = map(len, one.differing)
        lines = len(one.logged)
        cpus = len(one.scenario.topology.cpus)
        yield (
            f"| {one.scenario.name} | `{one.name}` | {one.scenario.kernel} | {cpus} | {lines} | {lines - missing} "
            f"| {missing} | {too_many} | {_left_out(one.log)} |"
        )
    yield f"\n{_AFTER_COUNTS}\n\n## Settings, and what would mend the rest\n\n{_INPUTS}\n"
    yield "| scenario | settings | what would mend the rest |"
    yield "|---|---|---|"
    for one in found:
        yield f"| `{one.name}` | {'; '.join(_settings(one.scenario)) or 'none'} | {one.log.mend or 'all lines agree'} |"


def _left_out(log: MachineLog) -> str:
    if log.begins_late:
        return "everything before CPU 3"
    return "instruction caches" if log.cut else "nothing"


def _settings(scenario: Scenario) -> Iterator[str]:
    """Yield the settings of a scenario besides its cores and its release."""
    cpus = scenario.topology.cpus
    if not scenario.el2:
        yield "the CPUs start at EL1"
    if any(cpu.features.core.gic == GICV2 for cpu in cpus):
        yield "GICv2"
    if scenario.kaslr:
        yield "KASLR"
    for option, is_on in sorted(scenario.kernel_config.items()):
        yield f"{option.removeprefix('CONFIG_')} {'on' if is_on else 'off'}"
    if scenario.kvm_mode.value != "default":
        yield f"`kvm-arm.mode={scenario.kvm_mode.value}`"
    if scenario.options:
        yield f"`{scenario.options}`"
    if any(cpu.firmware.unaffected for cpu in cpus):
        names = sorted({one for cpu in cpus for one in cpu.firmware.unaffected})
        yield f"firmware says that CPUs are not affected by {', '.join(names)}"
    changed = sorted({name for cpu in cpus for name in cpu.features.core.changes})
    if changed:
        yield f"{', '.join(changed)} given"


if __name__ == "__main__":
    sys.stdout.write(page_text())
