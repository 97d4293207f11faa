"""ID registers: their fields, and the cores whose values they hold.

Values are 64 bits, as an MRS at EL1 reads them. Field names are those of the Arm Architecture Reference Manual.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import msgspec


class IdField(msgspec.Struct, frozen=True):
    """A field of an ID register, `width` bits from bit `shift` on."""

    register: str
    name: str
    shift: int
    width: int = 4
    signed: bool = False
    """The field is a two's complement number, as those of FP and AdvSIMD, where -1 says that there is none."""

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.shift

    @property
    def hidden_value(self) -> int:
        """The value that says that there is nothing."""
        return -1 if self.signed else 0

    def of(self, register_value: int) -> int:
        """Return the field's value in a register's value."""
        value = register_value >> self.shift & (1 << self.width) - 1
        is_negative = self.signed and value >> (self.width - 1)
        return value - (1 << self.width) if is_negative else value

    def put(self, register_value: int, field_value: int) -> int:
        """Return a register's value with the field replaced."""
        return (register_value & ~self.mask) | (field_value << self.shift & self.mask)


EL0 = IdField("ID_AA64PFR0_EL1", "EL0", shift=0)
EL1 = IdField("ID_AA64PFR0_EL1", "EL1", shift=4)
GIC = IdField("ID_AA64PFR0_EL1", "GIC", shift=24)
L1IP = IdField("CTR_EL0", "L1Ip", shift=14, width=2)
PAN = IdField("ID_AA64MMFR1_EL1", "PAN", shift=20)
VIPT, PIPT = 2, 3
"""The values of L1Ip."""
AARCH64_ONLY, AARCH32 = 1, 2
"""The values of EL0 and EL1 on a CPU that runs 64-bit code there alone, and on a CPU that runs 32-bit code too."""

TDS = IdField("ICH_VTR_EL2", "TDS", shift=19, width=1)
"""The field that tells if writes to ICV_DIR_EL1 can be trapped by themselves; the GIC's part of the core has it."""

OF_FIRMWARE = frozenset({"CNTFRQ_EL0"})
"""The registers that hold what firmware wrote, here the frequency of the system counter: no core tells their values."""


def implied_fields(fields: Mapping[IdField, int]) -> dict[IdField, int]:
    """Return the fields whose values follow from those of others: a CPU without 32-bit code at EL0 has none at EL1.

    Source: the Arm Architecture Reference Manual, on interprocessing: an exception level can use AArch32 only if the
    levels below it can.
    """
    return {EL1: AARCH64_ONLY} if fields.get(EL0) == AARCH64_ONLY else {}


@dataclass(frozen=True, eq=False, repr=False)
class Core:
    """A core model: MIDR_EL1, ID registers with everything that the core can have, and where they were read."""

    name: str
    midr: int
    id_registers: Mapping[str, int]
    source: str
    has_all_features: bool = False
    """Its registers are stated well enough to model every feature, and not vector lengths alone."""
    is_complete: bool = True
    """A register that is not stated reads as 0, unless firmware writes it; else its value is unknown."""
    changes: Mapping[str, int] = field(default_factory=dict)
    """The registers that were given other values than the core's."""
    gic: int | None = None
    """The version of the machine's GIC, 2 or 3, where the registers were made for one; None: as they say."""
    known_fields: Mapping[IdField, int] = field(default_factory=dict)
    """The fields whose values are known although the rest of their register is not."""
    stated_fields: Mapping[IdField, int] = field(default_factory=dict)
    """Those of them that were given values, whatever the core has."""

    def __repr__(self) -> str:
        return f"<Core {self.name!r}>"

    @property
    def is_unknown(self) -> bool:
        """True if nothing is known of it but what the CPU states of its vector lengths."""
        return self is UNKNOWN

    @property
    def lacks_aarch32(self) -> bool:
        """True if it is known to run no 32-bit programs, so that it has none of the registers of 32-bit code."""
        return self.known_value(EL0) not in {AARCH32, None}

    def knows(self, register: str) -> bool:
        """Return True if the values of all of a register's fields are known."""
        return register in self.id_registers or (self.is_complete and register not in OF_FIRMWARE)

    def known_value(self, field: IdField) -> int | None:
        """Return the value of a field; None if it is unknown."""
        if self.knows(field.register):
            return field.of(self.id_registers.get(field.register, 0))
        return self.known_fields.get(field)

    def with_registers(self, midr: int, changes: Mapping[str, int]) -> "Core":
        """Return the core in another stepping, or with other values of some registers."""
        return replace(
            self, midr=midr, id_registers=MappingProxyType({**self.id_registers, **changes}), changes=changes
        )

    def with_fields(self, stated: Mapping[IdField, int]) -> "Core":
        """Return the core with values of some fields, of registers that are unknown otherwise."""
        return replace(self, known_fields=MappingProxyType({**self.known_fields, **stated}), stated_fields=stated)


QEMU_MAX = Core(
    "max",
    0x000F0510,
    MappingProxyType(
        {"ID_AA64PFR0_EL1": 0x1301001121110222, "ID_AA64PFR1_EL1": 0x0000101002000121, "ICH_VTR_EL2": 1 << 19}
    ),
    "QEMU's -cpu max, as the recorded boots show it (tests/truth); ID_AA64PFR1_EL1 as QEMU 10.2 has it",
)
"""The core of a CPU whose own is not stated, where no CPU of the system has one."""

UNKNOWN = Core("unknown", 0, MappingProxyType({}), "no source", is_complete=False)
"""The core of a CPU whose own is not stated, although the system's other CPUs state theirs."""
