"""Fields of ID registers, found by the names of the Arm Architecture Reference Manual."""

from functools import cache

from sim.cpufeature_tables import kernel_tables, unlisted_fields
from sim.cpufeature_tables.tables import aarch32_registers
from sim.errors import InputError, closest
from sim.id_registers import TDS, IdField

LISTED = "`asymboot features big-little --all`"
"""The command that shows every register and every field."""
_NEWEST = (99, 0)
_ALIASES = {"AArch32_EL0": "ID_AA64PFR0_EL1.EL0", "AArch32_EL1": "ID_AA64PFR0_EL1.EL1"}
_SUBSETS = ("ID_AA64ZFR0_EL1", "ID_AA64SMFR0_EL1", "ID_AA64FPFR0_EL1")
"""Registers of extensions' parts, whose fields repeat the names of others."""


@cache
def _fields() -> dict[str, IdField]:
    """Return every field of a 64-bit ID register, by register and name."""
    found = {}
    for name, register in kernel_tables(_NEWEST).registers.items():
        if register.is_aarch32:
            continue
        for one in (*unlisted_fields(name), *register.fields):
            found[f"{name}.{one.name}"] = IdField(name, one.name, one.shift, one.width, one.signed)
    found["ICH_VTR_EL2.TDS"] = TDS
    return found


def named_field(name: str) -> IdField:
    """Find a field by its name, or by its register's name and its own.

    Raises:
        InputError: there is no such field, or several registers have one of this name.

    >>> named_field("MTE").register
    'ID_AA64PFR1_EL1'
    """
    fields = _fields()
    name = _ALIASES.get(name, name)
    by_place = {place.lower(): one for place, one in fields.items()}
    if name.lower() in by_place:
        return by_place[name.lower()]
    # The kernel writes some names of the Arm ARM in capitals, such as PARANGE.
    same = [one for one in fields.values() if one.name.lower() == name.lower()]
    first = [one for one in same if one.register not in _SUBSETS] or same
    if len(first) == 1:
        return first[0]
    if first:
        raise InputError(
            f"{name!r} is a field of several registers: {', '.join(f'{o.register}.{o.name}' for o in first)}"
        )
    register = name.partition(".")[0].upper()
    if register in aarch32_registers():
        raise InputError(
            f"{name[:60]!r} is a field of a register of 32-bit code: only fields of 64-bit registers may be stated, "
            f"and `registers = {{ {register} = ... }}` states the whole register"
        )
    names = {one.name for one in fields.values()} | set(_ALIASES) | set(fields)
    close = closest(name, sorted(names))
    hint = f"did you mean {close!r}?" if close else f"{LISTED} shows those that there are"
    raise InputError(f"unknown field {name[:60]!r}: {hint}")
