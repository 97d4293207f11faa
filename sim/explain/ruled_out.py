"""The things that a log shows not to be there, so that no finding has them as its cause."""

from collections.abc import Iterator, Sequence

from sim.cores.core_table import core_of_midr, find_core
from sim.explain.log_entries import Circumstance
from sim.importer.explained_lines import OldCoreLine
from sim.importer.kernel_log import parse_command_line
from sim.importer.log_lines import BootedLine, BootLine, CommandLineLine
from sim.importer.log_text import NumberedLine
from sim.vectors import VectorType

_LEAVE_CPUS = ("maxcpus", "nosmp", "nr_cpus")
"""The parameters by which the kernel leaves CPUs alone that user space may bring up."""


def ruled_out(boot: Sequence[NumberedLine]) -> Iterator[Circumstance]:
    """Yield the things that the lines of a boot show not to be there."""
    command_line = [found.line.text for found in boot if isinstance(found.line, CommandLineLine)]
    parsed = parse_command_line(" ".join(command_line))
    if command_line and all(parsed.value(name) is None for name in _LEAVE_CPUS):
        yield Circumstance.MAXCPUS
    if parsed.nosve or any(_lacks_sve(found) for found in boot):
        yield Circumstance.SVE


def _lacks_sve(found: NumberedLine) -> bool:
    """Return True if a line names an early CPU's core that has no SVE, by its documents."""
    match found.line:
        case BootLine(midr=midr) | BootedLine(midr=midr) | OldCoreLine(midr=midr) if midr is not None:
            name = core_of_midr(midr)
            core = None if name is None else find_core([name])
            return core is not None and core.lengths(VectorType.SVE) == () and not core.is_model
    return False
