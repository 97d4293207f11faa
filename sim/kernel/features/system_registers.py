"""The system's value of each ID register: how it begins, and how each CPU that comes narrows it.

Source: arch/arm64/kernel/cpufeature.c (``init_cpu_ftr_reg``, ``update_cpu_ftr_reg``, ``check_update_ftr_reg``,
``relax_cpu_ftr_reg``).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from sim.cpufeature_tables import Field, KernelTables, Register, SafeType
from sim.id_registers import IdField
from sim.kernel.features.id_override import Override

Warn = Callable[[str], None]


class FtrReg(msgspec.Struct):
    """``struct arm64_ftr_reg``: one register as the kernel keeps it."""

    table: Register
    system_value: int = 0
    """The sanitised value; bits that no field lists are 0."""
    strict_mask: int = 0
    """The bits in which a difference is logged: none before the register has its first value."""
    user_mask: int = 0
    """The bits that programs may read."""
    user_value: int = 0
    """The value that programs read in the other bits."""

    @property
    def user_view(self) -> int:
        """The value that a program reads."""
        return self.user_value | (self.system_value & self.user_mask)


class SystemRegisters:
    """The registers of a system.

    Args:
        tables: the kernel's tables.
        overrides: the command line's values, by register.
        config: configuration options, and whether the kernel is built with them, where that is not as in the tables.
        unknown: the bits of registers that are known of no CPU, so that an override of them says nothing.
    """

    def __init__(
        self,
        tables: KernelTables,
        overrides: Mapping[str, Override],
        config: Mapping[str, bool],
        unknown: Mapping[str, int],
    ) -> None:
        self.regs = {name: FtrReg(table) for name, table in tables.registers.items()}
        self._overrides = dict(overrides)
        self._config = config
        self._unknown = unknown
        self.version = 0
        """The number of changes so far; two moments with one version have the same values."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple((reg.system_value, reg.strict_mask, reg.user_mask) for reg in self.regs.values())

    def read(self, name: str) -> int:
        """Return the sanitised value of a register; 0 of a register that the kernel does not keep."""
        reg = self.regs.get(name)
        return 0 if reg is None else reg.system_value

    def field(self, field: IdField) -> int:
        """Return the sanitised value of a field; 0 where the kernel does not list it."""
        return field.of(self.read(field.register))

    def user_mask(self, name: str) -> int:
        """Return the bits of a register that programs may read; none of a register that the kernel does not keep."""
        reg = self.regs.get(name)
        return 0 if reg is None else reg.user_mask

    def forced(self) -> dict[str, tuple[int, int]]:
        """Return the bits of registers that the command line gives values, and the values."""
        return {name: (override.mask, override.value) for name, override in self._overrides.items()}

    def with_overrides(self, name: str, value: int) -> int:
        """Return what the kernel takes a CPU's register for, once the command line's values are put in."""
        override = self._overrides.get(name)
        return value if override is None else override.applied_to(value)

    def init(self, name: str, value: int, warn: Warn) -> None:
        """Give a register its first value.

        Args:
            name: the register.
            value: the boot CPU's value.
            warn: writes a line on an override to the log.
        """
        reg = self.regs.get(name)
        if reg is None:
            return
        table, override = reg.table, self._overrides.get(name)
        if override is not None:
            unknown = self._unknown.get(name, 0)
            for field in table.fields:
                value = self._overridden(name, field, override, value, _unsaid if field.mask & unknown else warn)
        reg.user_mask, reg.user_value = table.visible_mask, table.hidden_value
        for option, field in table.visible_by_config:
            if option in self._config:
                is_visible = self._config[option]
                reg.user_mask = field.put(reg.user_mask, -is_visible)
                reg.user_value = field.put(reg.user_value, 0 if is_visible else field.safe)
        reg.strict_mask = table.strict_mask
        reg.system_value = value & table.listed_mask
        self.version += 1

    def _overridden(self, name: str, field: Field, override: Override, value: int, warn: Warn) -> int:
        """Return a register's value with one field overridden, if the override is safe there."""
        bits = f"SYS_{name}[{field.shift + field.width - 1}:{field.shift}]"
        if override.is_impossible(field):
            override.drop(field)
            warn(f"CPU features: {bits}: impossible override, ignored")
        elif override.covers(field):
            asked, own = field.of(override.value), field.of(value)
            # Where values differ a field of this type has one safe value, which the kernel takes here in any case.
            safe = field.safe if field.type is SafeType.EXACT else field.safe_value(asked, own)
            if safe != asked:
                override.drop(field)
                warn(f"CPU features: {bits}: ignoring override to {asked:x}")
            elif own != asked:
                warn(f"CPU features: {bits}: forced to {asked:x}")
                return field.put(value, asked)
            else:
                warn(f"CPU features: {bits}: already set to {asked:x}")
        return value

    def update(self, name: str, value: int) -> tuple[Field, ...]:
        """Make a register's value safe for one more CPU, and return the fields that changed."""
        reg = self.regs.get(name)
        if reg is None:
            return ()
        old = reg.system_value
        reg.system_value, changed = _safe(reg.table, old, value)
        self.version += bool(changed)
        return changed

    def differs(self, name: str, boot_value: int, value: int) -> bool:
        """Return True if the kernel logs that a CPU's value is not the boot CPU's."""
        reg = self.regs.get(name)
        return reg is not None and bool((boot_value ^ value) & reg.strict_mask)

    def relax(self, name: str, field_name: str) -> None:
        """Log no difference in a field any more."""
        reg = self.regs.get(name)
        field = None if reg is None else reg.table.field(field_name)
        if reg is not None and field is not None:
            self.version += bool(reg.strict_mask & field.mask)
            reg.strict_mask &= ~field.mask

    def hide(self, name: str, field_name: str) -> None:
        """Hide a field from programs."""
        reg = self.regs.get(name)
        field = None if reg is None else reg.table.field(field_name)
        if reg is not None and field is not None:
            reg.user_mask &= ~field.mask


def _unsaid(_line: str) -> None:
    """Drop a line on a field of which nothing is known."""


# CPUs of a few kinds meet in every boot, so the same values are made safe again and again.
@lru_cache(maxsize=16384)
def _safe(table: Register, system: int, value: int) -> tuple[int, tuple[Field, ...]]:
    safe = table.safe_value(system, value)
    return safe, tuple(one for one in table.fields if (safe ^ system) & one.mask)
