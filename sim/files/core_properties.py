"""The keys of scenario files that describe a CPU's core: its registers, fields, lengths, and what firmware hides."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Literal

from msgspec import UNSET, UnsetType

from sim.cores import GIC_FIELDS, GICV2, GICV3, core_names, is_stepping_of, known_core, named_field
from sim.cores.core_table import core_of_midr, core_table
from sim.cores.named_fields import LISTED
from sim.cpufeature_tables import UNKEPT_REGISTERS, kernel_tables
from sim.errors import InputError, closest
from sim.files.scenario_tables import CpuProperties
from sim.files.toml_tables import at
from sim.id_registers import AARCH64_ONLY, QEMU_MAX, Core, IdField, implied_fields
from sim.scenario import EL2
from sim.topology import EL2_FIELD, VH, Cpu, cpu, lacks_el2
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, braces, vqs_from_bits

_NEWEST = (99, 0)
_KEYS_OF_REGISTERS = {"MIDR_EL1": "midr", "MPIDR_EL1": "mpidr"}
"""The registers that keys of their own state, with the keys."""


def core_of(given: CpuProperties) -> Core:
    """Return the core that a CPU's keys describe.

    Raises:
        InputError: an unknown core, register or field, a value that it cannot have, or keys that contradict each other.
    """
    if given.core is UNSET:
        for key in ("midr", "registers", "features", "gic", "hides", "unaffected"):
            if getattr(given, key) is not UNSET:
                raise InputError(f"{key} needs a core: it says how the CPU differs from its core")
        return QEMU_MAX
    with at("core"):
        midr = None if given.midr is UNSET else _number("midr", given.midr, 32)
        core = known_core(given.core, midr, GICV3 if given.gic is UNSET else given.gic)
        if (other := core_of_midr(core.midr)) not in {None, core.name} or not is_stepping_of(core.name, core.midr):
            if other == core.name:
                raise InputError(
                    f"midr is {core.midr:#010x}, which differs from {core.name}'s in more than variant and revision"
                )
            raise InputError(f"midr is {core.midr:#010x}, which is {other or 'another core'}, and not {core.name}")
    changes: dict[str, int] = {}
    for name, value in () if given.registers is UNSET else given.registers.items():
        with at(f"registers.{name[:40]}"):
            _check_register(name)
            changes[name] = _number("the value", value, 64)
    stated = _fields_of(given)
    implied = {field: value for field, value in implied_fields(stated).items() if field.register not in changes}
    fields: dict[IdField, int] = {}
    for field, number in (implied | stated).items():
        if core.knows(field.register) or field.register in changes:
            before = changes.get(field.register, core.id_registers.get(field.register, 0))
            changes[field.register] = field.put(before, number)
        elif field in stated:
            fields[field] = field.of(field.put(0, number))  # the register's other fields stay unknown
    _check_gic(given)
    _check_no_lengths(given)
    return _changed(core, tuple(sorted(changes.items())), tuple(fields.items()))


def _fields_of(given: CpuProperties) -> dict[IdField, int]:
    """Return the fields that the key `features` states.

    Raises:
        InputError: an unknown field, a field that is stated twice, or a value that is wider than the field.
    """
    names: dict[IdField, str] = {}
    fields: dict[IdField, int] = {}
    for name, value in () if given.features is UNSET else given.features.items():
        with at(f"features.{name[:40]}"):
            field = named_field(name)
            if (first := names.setdefault(field, name)) != name:
                raise InputError(f"is the same field as {first}: state it once")
            fields[field] = _field_value(field, value)
    return fields


def _check_gic(given: CpuProperties) -> None:
    """Check that stated fields say that there are system registers of the GIC if the stated GIC has them."""
    if given.gic is UNSET:
        return
    for field in GIC_FIELDS.values():
        value = _stated_value(given, field)
        if value is not None and bool(value) is not (given.gic >= GICV3):
            what = "has" if given.gic >= GICV3 else "has no"
            raise InputError(
                f"gic is {given.gic}, which {what} system registers, and {field.register}.{field.name} is {value}"
            )


def _check_no_lengths(given: CpuProperties) -> None:
    """Check that no stated field has an extension that an empty list of lengths denies.

    An extension that the core has by itself may be missing: not every system has it.
    """
    lengths = {VectorType.SVE: given.sve_bits, VectorType.SME: given.sme_bits}
    for vector_type in (one for one, bits in lengths.items() if bits == []):
        field = VECTOR_TYPES[vector_type].id_field
        if value := _stated_value(given, field):
            raise InputError(
                f"{vector_type.lower()}_bits is [], which says that there is no {vector_type}, and "
                f"{field.register}.{field.name} is {value}"
            )


def _stated_value(given: CpuProperties, field: IdField) -> int | None:
    """Return the value that keys state of a field, by its name or else in its register; None if they do not."""
    for name, value in () if given.features is UNSET else given.features.items():
        if named_field(name) == field:
            return field.of(field.put(0, _field_value(field, value)))
    whole = None if given.registers is UNSET else given.registers.get(field.register)
    return None if whole is None else field.of(_number("the value", whole, 64))


def check_agreement(given: CpuProperties) -> None:
    """Check that a table does not state a field twice, with different values.

    The fields of a CPU may differ from the registers of the cluster around it, which are then refined.

    Raises:
        InputError: a register and a field of the same table disagree.
    """
    if given.registers is UNSET or given.features is UNSET:
        return
    for name, value in given.features.items():
        with at(f"features.{name[:40]}"):
            field = named_field(name)
            if (whole := given.registers.get(field.register)) is None:
                continue
            stated, other = _field_value(field, value), field.of(_number("the register", whole, 64))
            if stated != other:
                raise InputError(
                    f"{field.register}.{field.name} is {stated}, and registers.{field.register} has {other} there"
                )


def el_of(given: int | UnsetType, core: Core) -> int | None:
    """Return the exception level at which a file says that firmware starts a CPU; None where it does not say.

    Raises:
        InputError: the file says EL2, and that the CPU has no EL2.
    """
    if given is UNSET:
        return None
    if given == EL2 and lacks_el2(core):
        raise InputError(f"el is {given}, and {EL2_FIELD.register}.{EL2_FIELD.name} is 0: the CPU has no EL2")
    return given


# CPUs with the same keys share one core, so that the kernel sees at once that they do not differ.
@lru_cache(maxsize=4096)
def _changed(core: Core, changes: tuple[tuple[str, int], ...], fields: tuple[tuple[IdField, int], ...]) -> Core:
    core = core.with_registers(core.midr, dict(changes)) if changes else core
    return core.with_fields(dict(fields)) if fields else core


def stated_fields(cpu: Cpu) -> dict[str, bool | int] | UnsetType:
    """Return the key `features` of a CPU: the fields that are stated of registers that are unknown otherwise."""
    known = {**cpu.features.core.stated_fields, **cpu.features.known_fields}
    stated = ((field, known[field]) for field in cpu.features.core.stated_fields)
    return {f"{field.register}.{field.name}": field.put(0, value) >> field.shift for field, value in stated} or UNSET


def stated_registers(cpu: Cpu) -> dict[str, int | str] | UnsetType:
    """Return the key `registers` of a CPU, with 0 in the fields of extensions that it lacks, in hexadecimal."""
    changes = cpu.features.core.changes
    return {name: f"{cpu.features.register(name):#x}" for name in sorted(changes)} or UNSET


def stated_gic(core: Core) -> Literal[2] | UnsetType:
    """Return the key `gic` of a core, where it is not the default and the core's registers do not say otherwise."""
    return 2 if core.gic == GICV2 and not any(map(core.known_value, GIC_FIELDS.values())) else UNSET


def _number(what: str, value: int | str, bits: int) -> int:
    number = int(value, 16) if isinstance(value, str) else value
    if number >> bits:
        raise InputError(f"{what} is {number:#x}, which is wider than {bits} bits")
    return number


def _check_register(name: str) -> None:
    if name in _KEYS_OF_REGISTERS:
        raise InputError(f"is not stated here: the key {_KEYS_OF_REGISTERS[name]} states it")
    known = (*kernel_tables(_NEWEST).registers, *UNKEPT_REGISTERS)
    if name not in known:
        close = closest(name, known)
        hint = f"did you mean {close!r}?" if close else f"{LISTED} shows those that there are"
        raise InputError(f"unknown register: {hint}")


def _field_value(field: IdField, value: bool | int) -> int:
    """Return the value of a field: true stands for the least value with the feature, false for that without it."""
    if isinstance(value, bool):
        without = -1 if field.signed else AARCH64_ONLY if field.name in {"EL0", "EL1"} else 0
        return without + value
    if value >> field.width:
        raise InputError(f"the value is {value}: {field.register}.{field.name} has {field.width} bits")
    return value


def lengths_of(bits: list[int] | UnsetType, core: Core, vector_type: VectorType) -> Sequence[int] | None:
    """Return a CPU's lengths of a vector type, in bits; None where it lacks the extension.

    Raises:
        InputError: the lengths contradict the core's ID registers, or are unknown.
    """
    field, key = VECTOR_TYPES[vector_type].id_field, f"{vector_type.lower()}_bits"
    given = bits if bits is not UNSET and bits else None
    if not core.has_all_features or bits is not UNSET:
        return _agreeing(given, core, vector_type)
    value = core.known_value(field)
    if value == 0:
        return None
    documented = core_table().cores.get(core.name)
    lengths = None if documented is None else documented.lengths(vector_type)
    if lengths is None or (value is not None and not lengths):
        raise InputError(f"no source tells which {vector_type} lengths {core.name} has: {key} must say it, [] for none")
    return lengths or None


def lacks_lengths(core: Core, vector_type: VectorType) -> bool:
    """Return True if a CPU whose file says nothing of a vector type lacks it."""
    try:
        return lengths_of(UNSET, core, vector_type) is None
    except InputError:
        return False


def _agreeing(given: Sequence[int] | None, core: Core, vector_type: VectorType) -> Sequence[int] | None:
    """Return lengths that a file states, if the core's ID registers allow them."""
    field = VECTOR_TYPES[vector_type].id_field
    if given is not None and core.has_all_features and core.known_value(field) == 0:
        key, place = f"{vector_type.lower()}_bits", f"{field.register}.{field.name}"
        raise InputError(f"{key} is {braces(vqs_from_bits(given))}, and {core.name} has no {vector_type}: {place} is 0")
    return given


def vhe_of(given: bool | UnsetType, core: Core) -> bool:
    """Return True if a CPU can run a kernel at EL2, as the file or else the table of cores says.

    Raises:
        InputError: the file contradicts the core's ID registers.
    """
    documented = core_table().cores.get(core.name) if core.has_all_features else None
    if given is UNSET:
        return documented is None or documented.vhe
    value = core.known_value(VH) if core.has_all_features else None
    if value is not None and bool(value) is not given:
        words = "true" if given else "false"
        raise InputError(f"vhe is {words}, and {VH.register}.{VH.name} of {core.name} says otherwise")
    return given


def hidden_fields(given: CpuProperties) -> tuple[IdField, ...]:
    """Return the fields that firmware hides.

    Raises:
        InputError: there is no field of a name.
    """
    with at("hides"):
        return () if given.hides is UNSET else tuple(named_field(name) for name in given.hides)


def cpu_of_core(name: str) -> Cpu:
    """Return a CPU of a known core, with the lengths that the core's documents state, and named by its core.

    Raises:
        InputError: there is no such core, or its lengths are unknown.
    """
    core = known_core(name)
    lengths = (lengths_of(UNSET, core, vector_type) for vector_type in (VectorType.SVE, VectorType.SME))
    return cpu(name, *lengths, core=core)


@cache
def complete_cores() -> tuple[Cpu, ...]:
    """Return a CPU of each core whose ID registers are all known."""
    return tuple(cpu_of_core(name) for name in core_names() if known_core(name).is_complete)
