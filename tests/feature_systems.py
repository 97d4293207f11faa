"""Small systems of CPUs whose ID registers differ, for tests: a boot in one call."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sim.boot_run import boot
from sim.id_registers import Core
from sim.outcome import Outcome
from sim.scenario import Scenario
from sim.topology import Cpu, Features, Firmware, Topology
from sim.vectors import VectorType, bits_from_vqs

A76 = MappingProxyType(
    {
        "MIDR_EL1": 0x414FD0B1,
        "DCZID_EL0": 0x4,
        "CNTFRQ_EL0": 0x3B9ACA0,
        "CTR_EL0": 0x8444C004,
        "CLIDR_EL1": 0x82000023,
        "ICH_VTR_EL2": 1 << 19,
        "ID_AA64PFR0_EL1": 0x1100000011111112,
        "ID_AA64PFR1_EL1": 0x10,
        "ID_AA64DFR0_EL1": 0x10305408,
        "ID_AA64ISAR0_EL1": 0x100010211120,
        "ID_AA64ISAR1_EL1": 0x100001,
        "ID_AA64MMFR0_EL1": 0x101122,
        "ID_AA64MMFR1_EL1": 0x10212122,
        "ID_AA64MMFR2_EL1": 0x1011,
        "ID_PFR0_EL1": 0x10010131,
        "ID_PFR1_EL1": 0x10010000,
        "ID_PFR2_EL1": 0x11,
        "ID_DFR0_EL1": 0x4000008,
        "ID_MMFR0_EL1": 0x10201105,
        "ID_MMFR1_EL1": 0x40000000,
        "ID_MMFR2_EL1": 0x1260000,
        "ID_MMFR3_EL1": 0x2122211,
        "ID_MMFR4_EL1": 0x21110,
        "ID_ISAR0_EL1": 0x2101110,
        "ID_ISAR1_EL1": 0x13112111,
        "ID_ISAR2_EL1": 0x21232042,
        "ID_ISAR3_EL1": 0x1112131,
        "ID_ISAR4_EL1": 0x10142,
        "ID_ISAR5_EL1": 0x1011121,
        "ID_ISAR6_EL1": 0x10,
        "MVFR0_EL1": 0x10110222,
        "MVFR1_EL1": 0x13211111,
        "MVFR2_EL1": 0x43,
    }
)
"""The registers of a Cortex-A76 r4p1, as emulated."""

Changes = Mapping[str, int]


def with_field(register: str, shift: int, value: int, base: Changes = A76) -> dict[str, int]:
    """Return a change of one field of 4 bits of a register."""
    return {register: base.get(register, 0) & ~(0xF << shift) | value << shift}


def cores(*changes: Changes, el: tuple[int, ...] = (), vqs: int = 0, **parts: Any) -> Outcome:
    """Boot CPUs cpu0, cpu1, ... that are Cortex-A76 with these changes of registers.

    Args:
        changes: the registers that each CPU has otherwise.
        el: the exception level at which each CPU starts; empty: that of the scenario.
        vqs: the SVE lengths of the CPUs that have SVE.
        parts: of the scenario.
    """
    cpus = []
    for number, change in enumerate(changes):
        registers = {**A76, **change}
        lengths = {VectorType.SVE: bits_from_vqs(vqs)} if vqs and registers["ID_AA64PFR0_EL1"] >> 32 & 15 else {}
        core = Core("a76", registers["MIDR_EL1"], MappingProxyType(registers), "test", has_all_features=True)
        cpus.append(Cpu(f"cpu{number}", Features(lengths, core), Firmware(el=el[number] if el else None)))
    return boot(Scenario(Topology(tuple(cpus)), **parts))
