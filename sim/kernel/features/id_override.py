"""Overrides of ID registers by the kernel's command line.

Source: arch/arm64/kernel/idreg-override.c.
"""

from collections.abc import Mapping

import msgspec

from sim.cpufeature_tables import Field, KernelTables
from sim.cpufeature_tables.feature_words import FIELD_OPTIONS, ONE_BIT, WHOLE_REGISTERS, asked_values
from sim.kernel_release import Series

_FIELD_BITS = 0xF


class Override(msgspec.Struct):
    """``struct arm64_ftr_override``: the values of some fields of a register.

    A field whose bits are all set in `value`, and none in `mask`, was given a value that it cannot have.
    """

    value: int = 0
    mask: int = 0

    def put(self, shift: int, width_mask: int, value: int) -> None:
        """Override a field."""
        self.value = (self.value & ~(width_mask << shift)) | (value << shift)
        self.mask |= width_mask << shift

    def refuse(self, shift: int, width_mask: int) -> None:
        """Mark a field as given a value that it cannot have."""
        self.value |= width_mask << shift
        self.mask &= ~(width_mask << shift)

    def covers(self, field: Field) -> bool:
        """Return True if a field is overridden."""
        return self.mask & field.mask == field.mask

    def is_impossible(self, field: Field) -> bool:
        """Return True if a field was given a value that it cannot have."""
        return not self.mask & field.mask and self.value & field.mask == field.mask

    def drop(self, field: Field) -> None:
        """Forget a field's override."""
        self.value &= ~field.mask
        self.mask &= ~field.mask

    def applied_to(self, value: int) -> int:
        """Return a register's value with the overridden fields replaced."""
        return (value & ~self.mask) | (self.value & self.mask)


def overrides(
    words: list[str], tables: KernelTables, series: Series, boot_cpu: Mapping[str, int], *, nosve_hides_sme: bool
) -> dict[str, Override]:
    """Return the overrides of a command line, by register.

    Args:
        words: the command line's words.
        tables: the kernel's tables.
        series: the kernel's series.
        boot_cpu: the boot CPU's registers.
        nosve_hides_sme: ``arm64.nosve`` stands for ``id_aa64pfr1.sme=0`` as well.
    """
    found: dict[str, Override] = {}
    for name, value in asked_values(words, series, nosve_hides_sme=nosve_hides_sme):
        known = FIELD_OPTIONS.get(name)
        if known is None or known.since > series:
            continue
        width_mask = 1 if name in ONE_BIT else _FIELD_BITS
        override = found.setdefault(known.register, Override())
        if name == "id_aa64mmfr2.varange":
            if value:
                override.refuse(known.shift, width_mask)
                continue
            _shrink_granule(found, boot_cpu, tables.page_bytes)
        override.put(known.shift, width_mask, value & width_mask)
        if value == 0 and name in WHOLE_REGISTERS and WHOLE_REGISTERS[name] in tables.registers:
            found[WHOLE_REGISTERS[name]] = Override(0, (1 << 64) - 1)
    return found


def _shrink_granule(found: dict[str, Override], boot_cpu: Mapping[str, int], page_bytes: int) -> None:
    """Hide LPA2 of the kernel's granule, where the boot CPU has it: without it there are no 52-bit addresses.

    The field is read as a signed number there, whatever the granule.

    Source: arch/arm64/kernel/idreg-override.c (``mmfr2_varange_filter``).
    """
    mmfr0 = boot_cpu.get("ID_AA64MMFR0_EL1", 0)
    shift, with_lpa2 = {4096: (28, range(1, 8)), 16384: (20, range(2, 8))}.get(page_bytes, (0, range(0)))
    if mmfr0 >> shift & _FIELD_BITS in with_lpa2:
        override = found.setdefault("ID_AA64MMFR0_EL1", Override())
        override.put(shift, _FIELD_BITS, with_lpa2.start - 1)
        override.put(0, _FIELD_BITS, 5)
