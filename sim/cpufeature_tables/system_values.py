"""The system's values of ID registers while CPUs come, as far as SANITY CHECK lines tell them.

The kernel keeps one value of each register for the whole system. It begins as the boot CPU's, and every CPU that comes
lowers it, early or late, to what is safe on both. A line compares a CPU with the boot CPU and not with that value, so
that a line alone does not tell what its CPU changes: an earlier CPU may have changed it before.

A CPU without a line on a register has the boot CPU's value in all strict fields. In other fields it may have lowered
the system's value, and no line shows it.

Source: ``update_cpu_ftr_reg`` and ``check_update_ftr_reg`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sim.cpufeature_tables.tables import Field, KernelTables


class LoggedDifference(msgspec.Struct, frozen=True):
    """A SANITY CHECK line: a register of a CPU that differs from the boot CPU's, and what the log shows of the CPU."""

    register: str
    """By the name that the tables have."""
    boot_value: int
    value: int
    is_late: bool = False
    """True if the CPU came late, or came back, so that capabilities were final."""
    came_online: bool = False
    """True if the CPU came online after the line, as the log shows."""
    others_came: bool = False
    """True if other CPUs came online after it, as the log shows."""


class FieldValues(NamedTuple):
    """The values of a field when the kernel compared a CPU with the boot CPU."""

    boot: int
    cpu: int
    before: int
    """The system's value before the CPU came."""
    at_boot: int
    """The system's value when all early CPUs had come, on which the kernel settled."""


class Comparison(msgspec.Struct, frozen=True):
    """A SANITY CHECK line, with the system's values of the register."""

    line: LoggedDifference
    before: int
    """The system's value before the CPU came."""
    at_boot: int
    """The system's value when all early CPUs had come, on which the kernel settled."""

    def of(self, field: Field) -> FieldValues:
        """Return the values of a field."""
        return FieldValues(
            boot=field.of(self.line.boot_value),
            cpu=field.of(self.line.value),
            before=field.of(self.before),
            at_boot=field.of(self.at_boot),
        )


def compared(lines: Sequence[LoggedDifference], tables: KernelTables) -> list[Comparison]:
    """Return the lines of a boot with the system's values, which earlier lines have lowered.

    Args:
        lines: the lines in the order of the log.
        tables: the tables with the rules of each field.

    >>> from sim.cpufeature_tables import kernel_tables
    >>> lines = [LoggedDifference("ID_AA64ISAR0_EL1", 0x20, 0x10, is_late=is_late) for is_late in (False, True)]
    >>> [(one.before, one.at_boot) for one in compared(lines, kernel_tables((6, 12)))]
    [(32, 16), (16, 16)]
    """
    at_boot: dict[str, int] = {}
    for line in lines:
        if not line.is_late:
            at_boot[line.register] = _lowered(at_boot.get(line.register, line.boot_value), line, tables)
    found = []
    now: dict[str, int] = {}
    for line in lines:
        before = now.get(line.register, line.boot_value)
        found.append(Comparison(line, before, at_boot.get(line.register, line.boot_value)))
        now[line.register] = _lowered(before, line, tables)
    return found


def _lowered(system: int, line: LoggedDifference, tables: KernelTables) -> int:
    """Return the system's value after a CPU came; that of a register without a table stays as it is."""
    register = tables.registers.get(line.register)
    return system if register is None else register.safe_value(system, line.value)
