"""The fields of ID registers that decide whether a CPU has what an entry of the kernel's tables looks for."""

from typing import NamedTuple

from sim.cpufeature_tables import Capability, KernelTables
from sim.cpufeature_tables.field_uses import matched_fields
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import TDS, IdField
from sim.kernel.features.id_fields import AMU, BBM, CSV2, CSV3, HAFDBS, RAS, TCRX
from sim.kernel.features.matchers import LPA2, MATCHERS, never

_NOT_OF_FIELDS = {"has_always", "has_generic_auth", "runs_at_el2", "test_has_mpam", "can_use_gic_priorities"}
"""Matchers that ask for more than fields, although their entries may name one."""


def _least(field: IdField, value: int, largest: int | None = None) -> Requirement:
    """Return the requirement that a field has at least some value, and at most another."""
    return Requirement(
        register=field.register, field=field.name, min=value, max=largest, shift=field.shift, width=field.width
    )


_OF_MATCHERS = {
    "has_rasv1p1": (_least(RAS, 2),),
    "has_bbml3": (_least(BBM, 3),),
    "can_trap_icv_dir_el1": (_least(TDS, 1),),
    "has_hw_dbm": (_least(HAFDBS, 2),),
    "has_amu": (_least(AMU, 1),),
}
"""The fields of matchers that read them in their code."""
_SAFE_FROM = {
    "has_spectre_v2": _least(CSV2, 1),
    "is_spectre_bhb_affected": _least(CSV2, 3),
    "unmap_kernel_at_el0": _least(CSV3, 1),
}
"""The matchers of weaknesses that a CPU has where a field is less."""
_BESIDE = {"HAS_S1PIE": _least(TCRX, 1), "HAS_S1POE": _least(TCRX, 1)}
"""Fields that the architecture wants beside that of a capability: indirect permissions come with TCR2_EL1."""
ADDRESS_AUTH_MATCHERS = ("has_address_auth_metacap", "has_address_auth_cpucap")


class Deciding(NamedTuple):
    """The fields that decide about an entry."""

    fields: tuple[Requirement, ...] = ()
    """The requirements that a CPU meets which has what the entry looks for; none if no field decides."""
    is_weakness: bool = False
    """True if a CPU that meets them lacks it."""
    any_is_enough: bool = False
    """True if a CPU has it that meets one of them."""


def deciding_fields(one: Requirement, tables: KernelTables) -> Deciding:
    """Return the fields that decide about an entry of the tables; none where MIDR_EL1 or something else decides."""
    if one.midr or one.any_of or one.matcher in _NOT_OF_FIELDS or MATCHERS[one.matcher] is never:
        return Deciding()
    if one.matcher in _SAFE_FROM:
        return Deciding((_SAFE_FROM[one.matcher],), is_weakness=True)
    if one.matcher == "has_address_auth_metacap":
        algorithms = tuple(each for each in tables.capabilities if each.matcher == "has_address_auth_cpucap")
        return Deciding(algorithms, any_is_enough=True)
    if one.matcher == "has_lpa2":
        return Deciding(tuple(_least(field, value, value) for field, value in LPA2.get(tables.page_bytes, ())))
    fields = _OF_MATCHERS.get(one.matcher) or matched_fields(one)
    beside = (_BESIDE[one.name],) if isinstance(one, Capability) and one.name in _BESIDE else ()
    return Deciding((*fields, *beside)) if all(each.register is not None for each in fields) else Deciding()


def id_field(one: Requirement, tables: KernelTables) -> IdField:
    """Return the field that a requirement is about."""
    assert one.register is not None
    field = tables.field_of(one)
    return IdField(one.register, field.name, field.shift, field.width, field.signed)


def nearest_value(one: Requirement, tables: KernelTables, *, is_met: bool) -> int | None:
    """Return the least value that meets a requirement, or the largest below it; None where there is none."""
    field = tables.field_of(one)
    values = sorted(range(1 << field.width), key=field.order)
    met = [value for value in values if one.is_met_by(value, field)]
    if is_met or not met:
        return met[0] if met else None
    below = values[: values.index(met[0])]
    return below[-1] if below else None
