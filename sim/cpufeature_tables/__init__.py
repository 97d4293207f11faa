"""The kernel's tables of CPU features: ID registers with their fields, capabilities and hwcaps, by series.

The README beside this module says where the tables come from, and describes their files.
"""

from sim.cpufeature_tables.tables import (
    OPTIONS_OF_CODE,
    UNKEPT_REGISTERS,
    Capability,
    Field,
    Hwcap,
    KernelTables,
    Register,
    SafeType,
    aarch32_registers,
    kernel_tables,
    newest_registers,
    unlisted_fields,
)

__all__ = [
    "OPTIONS_OF_CODE",
    "UNKEPT_REGISTERS",
    "Capability",
    "Field",
    "Hwcap",
    "KernelTables",
    "Register",
    "SafeType",
    "aarch32_registers",
    "kernel_tables",
    "newest_registers",
    "unlisted_fields",
]
