"""A CPU as the kernel reads it: its core model, CTR_EL0 and its ID registers with the command line's overrides."""

from collections.abc import Mapping
from functools import cached_property

import msgspec

from sim.cpufeature_tables import aarch32_registers
from sim.id_registers import AARCH32, EL0, IdField
from sim.kernel.features.cache_type import CTR_WORD, effective_ctr
from sim.kernel.features.id_fields import MTE, MTE_WITH_TAGS
from sim.kernel.features.system_registers import SystemRegisters
from sim.topology import Weakness


class CpuId(msgspec.Struct, frozen=True, eq=False, dict=True):
    """A CPU's registers as its core, its firmware and the scenario have them (``struct cpuinfo_arm64``)."""

    registers: Mapping[str, int]
    midr: int
    revidr: int
    raw_ctr: int
    effective_ctr: int
    runs_at_el2: bool
    unaffected: frozenset[Weakness] = frozenset()
    """The weaknesses that firmware says the CPU does not have."""
    unknown: Mapping[str, int] = msgspec.field(default_factory=dict)
    """By register, the bits that no source tells of the core: they are taken to be another core's, or 0."""

    @classmethod
    def of(
        cls,
        registers: Mapping[str, int],
        midr: int,
        *,
        runs_at_el2: bool,
        unaffected: frozenset[Weakness] = frozenset(),
        knows_clidr: bool = True,
        unknown: Mapping[str, int] | None = None,
    ) -> "CpuId":
        """Make the reading of a CPU.

        Args:
            registers: its registers by name; those that are missing are 0.
            midr: MIDR_EL1.
            runs_at_el2: True if the kernel runs at EL2 on it.
            unaffected: the weaknesses that firmware says it does not have.
            knows_clidr: False if CLIDR_EL1 is unknown, so that nothing can be told from it.
            unknown: the bits of registers that are not the core's own; None: all are.
        """
        ctr = registers.get("CTR_EL0", 0)
        return cls(
            registers,
            midr,
            registers.get("REVIDR_EL1", 0),
            ctr & CTR_WORD,
            effective_ctr(ctr, registers.get("CLIDR_EL1", 0)) if knows_clidr else ctr,
            runs_at_el2,
            unaffected,
            unknown or {},
        )

    def value(self, name: str) -> int:
        """Return what the kernel stores of a register; 0 of a register that the core does not state."""
        return self.effective_ctr if name == "CTR_EL0" else self.registers.get(name, 0)

    def field(self, field: IdField) -> int:
        """Return the value of a field; 0 of a register that the core does not state."""
        return field.of(self.registers.get(field.register, 0))

    def knows(self, one: IdField) -> bool:
        """Return True if the value of a field is the core's own."""
        return not one.mask & self.unknown.get(one.register, 0)

    def lacks(self, name: str) -> bool:
        """Return True if the CPU is known not to have a register: the registers of 32-bit code, where it runs none."""
        return name in aarch32_registers() and self.knows(EL0) and not self.has_aarch32_el0

    @cached_property
    def has_aarch32_el0(self) -> bool:
        """True if the CPU runs 32-bit programs."""
        return self.field(EL0) == AARCH32

    @cached_property
    def has_mte(self) -> bool:
        """True if the CPU has tags in memory, so that it has GMID_EL1."""
        return self.field(MTE) >= MTE_WITH_TAGS


class LocalReading:
    """A CPU's registers as a matcher reads them, with the command line's overrides put in.

    Args:
        cpu: the CPU.
        overrides: the system's registers, which know the overrides.
    """

    __slots__ = ("cpu", "overrides")

    def __init__(self, cpu: CpuId, overrides: SystemRegisters) -> None:
        self.cpu = cpu
        self.overrides = overrides

    @property
    def midr(self) -> int:
        """MIDR_EL1."""
        return self.cpu.midr

    @property
    def revidr(self) -> int:
        """REVIDR_EL1."""
        return self.cpu.revidr

    @property
    def raw_ctr(self) -> int:
        """CTR_EL0 as the hardware has it."""
        return self.cpu.raw_ctr

    @property
    def effective_ctr(self) -> int:
        """CTR_EL0 as the kernel takes it."""
        return self.cpu.effective_ctr

    @property
    def unaffected(self) -> frozenset[Weakness]:
        """The weaknesses that firmware says the CPU does not have."""
        return self.cpu.unaffected

    @property
    def runs_at_el2(self) -> bool:
        """True if the kernel runs at EL2 on the CPU."""
        return self.cpu.runs_at_el2

    def register(self, name: str) -> int:
        """Return a register, overrides put in."""
        return self.overrides.with_overrides(name, self.cpu.registers.get(name, 0))

    def field(self, field: IdField) -> int:
        """Return the value of a field, overrides put in."""
        return field.of(self.register(field.register))
