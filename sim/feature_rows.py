"""The rows of CPU features: fields of ID registers by CPU, capabilities, and what a CPU has that the system cannot use.

They are made from the features' state at the end of a boot (`sim.feature_facts`) and from each CPU's own registers.
Where lengths alone are modelled there are none.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from sim.cpufeature_tables import Field, SafeType, unlisted_fields
from sim.facts import CpuState, Facts
from sim.feature_facts import FeatureState, RegisterState
from sim.id_registers import EL0, IdField
from sim.kernel.cpufeature import cpu_readings
from sim.kernel.features.cache_type import stored_bits
from sim.kernel.features.cpu_id import CpuId
from sim.rows import SCHEMA_VERSION, Row
from sim.topology import EVERY_BIT, EnableMethod, Firmware, Topology
from sim.unknown_features import UnknownRecord, unknown_record
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs

_UNLISTED = "unlisted"
_ASSUMED = "whether it depends on CPUs whose registers are unknown, and which are taken to be like others"
_LACKED_BY = "the CPUs without the register, which tells of 32-bit code"
_TAKEN_AS = "the values that the kernel takes them for, as it does of CTR_EL0; empty where it takes them as they are"
_HWCAP_WORDS = ("AT_HWCAP", "AT_HWCAP2", "AT_HWCAP3")


class FieldRow(Row, frozen=True, gc=False):
    """A field of an ID register: each CPU's value beside the system's."""

    register: Annotated[str, Meta(description="the ID register")]
    field: Annotated[str, Meta(description="the field, by the Arm ARM's name")]
    bits: Annotated[str, Meta(description="the field's bits in the register, highest and lowest")]
    values: Annotated[
        tuple[int | None, ...],
        Meta(description="the CPUs' own values, by logical number; missing where unknown, or without the register"),
    ]
    taken_as: Annotated[tuple[int | None, ...], Meta(description=_TAKEN_AS)]
    lacked_by: Annotated[tuple[int, ...], Meta(description=_LACKED_BY)]
    sanitised: Annotated[
        int | None,
        Meta(
            description="the system's value at the end; missing where unknown, of bits that no field lists, and if "
            "there never was one"
        ),
    ]
    rule: Annotated[
        str,
        Meta(description="how two values become one: the kernel's type of the field, or unlisted"),
    ]
    strict: Annotated[bool, Meta(description="whether the kernel logs a difference from the boot CPU")]
    visible: Annotated[bool, Meta(description="whether programs read it")]
    decided_by: Annotated[
        tuple[int, ...],
        Meta(description="the CPUs whose own value is the system's, where others have more or another; may be empty"),
    ]
    forced: Annotated[
        bool, Meta(description="whether the command line decided: its value is the system's, where CPUs have another")
    ]
    unused_by: Annotated[
        tuple[int, ...], Meta(description="the CPUs that have more than the system uses; none that was refused or lost")
    ]

    @property
    def differs(self) -> bool:
        """True if CPUs are known to have different values, or values that the kernel takes for different values."""
        return any(len(set(values) - {None}) > 1 for values in (self.values, self.taken_as))

    def taken(self, cpu: int) -> int | None:
        """Return the value that the kernel takes a CPU's own for, by its logical number."""
        return (self.taken_as or self.values)[cpu]

    def own_text(self, cpu: int, form: Callable[[int | None], str]) -> str:
        """Return a CPU's own value as text, with the value that the kernel takes it for where that is another."""
        own, taken = self.values[cpu], self.taken(cpu)
        return form(own) if own == taken else f"{form(own)} as {form(taken)}"

    @property
    def is_listed(self) -> bool:
        """True if the kernel lists the field."""
        return self.rule != _UNLISTED


class RegisterRow(Row, frozen=True, gc=False):
    """An ID register that the kernel keeps: each CPU's value beside the system's, in hexadecimal."""

    register: Annotated[str, Meta(description="the ID register")]
    values: Annotated[
        tuple[str | None, ...],
        Meta(description="the CPUs' own values, by logical number; missing where unknown, or without the register"),
    ]
    taken_as: Annotated[tuple[str | None, ...], Meta(description=_TAKEN_AS)]
    lacked_by: Annotated[tuple[int, ...], Meta(description=_LACKED_BY)]
    sanitised: Annotated[
        str | None,
        Meta(description="the system's value at the end; missing where a CPU's is unknown, and if there never was one"),
    ]
    user_value: Annotated[
        str | None,
        Meta(description="the value that the kernel has for programs at the end; missing where the system's is"),
    ]
    at_user_space: Annotated[
        str | None,
        Meta(description="the system's value when user space began; missing if it never did, or a CPU's is unknown"),
    ]
    strict_mask: Annotated[str, Meta(description="the bits in which the kernel logs a difference from the boot CPU")]


class HwcapRow(Row, frozen=True, gc=False):
    """A feature that the kernel promises to programs."""

    name: Annotated[str, Meta(description="its name in /proc/cpuinfo")]
    word: Annotated[str, Meta(description="the entry of the auxiliary vector: AT_HWCAP, AT_HWCAP2 or AT_HWCAP3")]
    bit: Annotated[int, Meta(description="its bit in that word")]
    assumed: Annotated[bool, Meta(description=_ASSUMED)]


class CapabilityRow(Row, frozen=True, gc=False):
    """A capability that the system has."""

    number: Annotated[int, Meta(description="its number in this kernel's list")]
    name: Annotated[str, Meta(description="its name in arch/arm64/tools/cpucaps, if that is known")]
    description: Annotated[str | None, Meta(description="the words of the log; missing if the log never names it")]
    scope: Annotated[
        str,
        Meta(description="who decides: the boot CPU, any early CPU, each of them, all together, or the command line"),
    ]
    decided_by: Annotated[int | None, Meta(description="the CPU that decided; missing if all did together")]
    cpus: Annotated[
        tuple[int, ...] | None, Meta(description="the CPUs that have it; missing where the kernel does not count them")
    ]
    refused: Annotated[
        tuple[int, ...], Meta(description="those of them that the kernel refused afterwards, and still counts")
    ]
    assumed: Annotated[bool, Meta(description=_ASSUMED)]

    def cpus_text(self, form: Callable[[list[int]], str]) -> str:
        """Return the CPUs that have it as text, the refused CPUs apart; empty where the kernel does not count them.

        Args:
            form: writes a list of CPUs.
        """
        accepted = [cpu for cpu in self.cpus or () if cpu not in self.refused]
        refused = f"refused: {form(list(self.refused))}" if self.refused else ""
        return "; ".join(filter(None, (form(accepted) if accepted else "", refused)))


def register_rows(facts: Facts) -> list[RegisterRow]:
    """Return a row for each ID register that the kernel keeps, in the order in which it compares them."""
    state, before = facts.features_at_end, facts.features_at_user_space
    if state is None:
        return []
    by_cpu = cpu_readings(facts.scenario)
    registers = state.registers.items()
    return [_register_row(name, one, by_cpu, before, facts.stored) for name, one in registers]


def _register_row(
    name: str, one: RegisterState, by_cpu: Sequence[CpuId], before: FeatureState | None, stored: frozenset[int]
) -> RegisterRow:
    lacked_by = _lacked_by(name, by_cpu)
    values = tuple(_value(cpu, name, EVERY_BIT) for cpu in by_cpu)
    taken = _taken(name, EVERY_BIT, by_cpu)
    is_known = bool(stored) and all(values[cpu] is not None for cpu in stored.difference(lacked_by))
    return RegisterRow(
        register=name,
        values=tuple(map(_hex_or_none, values)),
        taken_as=() if taken == values else tuple(map(_hex_or_none, taken)),
        lacked_by=lacked_by,
        sanitised=_hex(one.system_value) if is_known else None,
        user_value=_hex(one.user_value) if is_known else None,
        at_user_space=None if before is None or not is_known else _hex(before.registers[name].system_value),
        strict_mask=_hex(one.strict_mask),
    )


def _lacked_by(name: str, cpus: Sequence[CpuId]) -> tuple[int, ...]:
    return tuple(number for number, cpu in enumerate(cpus) if cpu.lacks(name))


def _value(cpu: CpuId, name: str, mask: int) -> int | None:
    """Return some bits of a CPU's register; None where one of them is unknown, or the CPU lacks the register."""
    return None if cpu.unknown.get(name, 0) & mask or cpu.lacks(name) else cpu.registers.get(name, 0) & mask


def _taken(name: str, mask: int, cpus: Sequence[CpuId]) -> tuple[int | None, ...]:
    """Return some bits of each CPU's register as the kernel stores it, which of CTR_EL0 is not as it reads."""
    return tuple(None if _value(cpu, name, mask) is None else cpu.value(name) & mask for cpu in cpus)


def _hex_or_none(value: int | None) -> str | None:
    return None if value is None else _hex(value)


def _hex(value: int) -> str:
    """Return a register's value as the kernel's log has it.

    >>> _hex(0x11)
    '0x00000000000011'
    """
    return f"{value:#016x}"


def hwcap_rows(facts: Facts) -> list[HwcapRow]:
    """Return a row for each feature that programs are promised, in the order of their bits."""
    state = facts.features_at_end
    if state is None or facts.features_at_user_space is None:
        return []
    names = iter(state.hwcaps)
    return [
        HwcapRow(name := next(names), _HWCAP_WORDS[word], bit, name in state.certainty.assumed_hwcaps)
        for word, value in enumerate(state.hwcap_words)
        for bit in range(64)
        if value >> bit & 1
    ]


def field_rows(facts: Facts, *, only_differing: bool = True) -> list[FieldRow]:
    """Return a row for each field of each ID register that the kernel keeps or that CPUs differ in.

    Args:
        facts: the facts of a boot.
        only_differing: leave out the fields in which all CPUs are alike.
    """
    state = facts.features_at_end
    if state is None:
        return []
    mixes_32bit = state.aarch32_cpus is not None
    cpus = _Cpus(tuple(cpu_readings(facts.scenario)), facts.stored, _gone(facts), mixes_32bit)
    rows = (row for name, one in state.registers.items() for row in _rows_of(name, one, cpus))
    return [row for row in rows if row.differs or not only_differing]


def _gone(facts: Facts) -> frozenset[int]:
    """Return the CPUs that run nothing at the end, and cannot come any more: those refused, and those lost."""
    lost = (cpu for cpu in range(len(facts.scenario.topology.cpus)) if facts.state(cpu) is CpuState.LOST)
    return frozenset({*(one.hw_cpu for one in facts.refused), *lost}) - {facts.hw_cpu(cpu) for cpu in facts.online}


class _Cpus(NamedTuple):
    """The CPUs of a boot, by logical number."""

    readings: tuple[CpuId, ...]
    stored: frozenset[int]
    """Those whose registers the system's values were made from."""
    gone: frozenset[int]
    """Those that run nothing at the end, and cannot come any more."""
    mixes_32bit: bool
    """True if 32-bit programs run on each CPU that can run them, whatever the system's value says."""


def _rows_of(name: str, register: RegisterState, cpus: _Cpus) -> Iterator[FieldRow]:
    listed = register.table.fields
    for one in sorted(listed, key=lambda each: -each.shift):
        yield _listed_row(name, one, register, cpus)
    values = [_value(cpu, name, EVERY_BIT & ~register.table.listed_mask) for cpu in cpus.readings]
    known = [value for value in values if value is not None]
    if len(set(known)) <= 1:
        return
    for one in _unlisted(name, known):
        yield FieldRow(
            register=name,
            field=one.name,
            bits=_bits(one),
            values=tuple(None if value is None else one.of(value) for value in values),
            taken_as=(),
            lacked_by=_lacked_by(name, cpus.readings),
            sanitised=None,
            rule=_UNLISTED,
            strict=bool(register.strict_mask & one.mask & stored_bits(name)),
            visible=False,
            decided_by=(),
            forced=False,
            unused_by=(),
        )


def _listed_row(name: str, one: Field, register: RegisterState, cpus: _Cpus) -> FieldRow:
    lacked_by = _lacked_by(name, cpus.readings)
    own = tuple(None if (bits := _value(cpu, name, one.mask)) is None else one.of(bits) for cpu in cpus.readings)
    taken = tuple(None if bits is None else one.of(bits) for bits in _taken(name, one.mask, cpus.readings))
    having = {cpu: value for cpu, value in enumerate(taken) if cpu not in lacked_by}
    counted = {cpu: value for cpu, value in having.items() if cpu in cpus.stored}
    sanitised = _known_system_value(one, one.of(register.system_value), counted.values()) if cpus.stored else None
    rule = f"{one.type}, signed" if one.signed else str(one.type)
    strict = bool(register.strict_mask & one.mask)
    forced = register.forced_to(one) == sanitised is not None and any(value != sanitised for value in having.values())
    is_decided = sanitised is not None and len(set(having.values())) > 1 and not forced
    # A register that never had a first value tells of nothing that the system could use: another register does.
    system = None if sanitised is None or not register.strict_mask else one.order(sanitised)
    staying = ((cpu, value) for cpu, value in enumerate(taken) if value is not None and cpu not in cpus.gone)
    is_used = one.type is not SafeType.LOWER_SAFE or ((name, one.name) == (EL0.register, EL0.name) and cpus.mixes_32bit)
    unused_by = tuple(cpu for cpu, value in staying if system is not None and one.order(value) > system)
    return FieldRow(
        register=name,
        field=one.name,
        bits=_bits(one),
        values=own,
        taken_as=() if taken == own else taken,
        lacked_by=lacked_by,
        sanitised=sanitised,
        rule=rule,
        strict=strict,
        visible=one.visible,
        decided_by=tuple(cpu for cpu, value in counted.items() if value == sanitised) if is_decided else (),
        forced=forced,
        unused_by=() if is_used else unused_by,
    )


def _known_system_value(one: Field, system: int, own: Collection[int | None]) -> int | None:
    """Return the system's value of a field; None where it depends on a CPU whose own is unknown."""
    is_lowest = one.type is SafeType.LOWER_SAFE and not one.signed and system == 0 and 0 in own
    return system if is_lowest or None not in own else None


def _unlisted(name: str, values: Sequence[int]) -> Iterator[Field]:
    """Yield the fields of differing bits: by name, and else four bits at a time."""
    differing = 0
    for value in values:
        differing |= value ^ values[0]
    for one in unlisted_fields(name):
        if one.mask & differing:
            differing &= ~one.mask
            yield one
    for shift in range(0, 64, 4):
        nibble = Field(name=f"bits {shift + 3}:{shift}", shift=shift)
        if nibble.mask & differing:
            yield nibble


def _bits(one: Field) -> str:
    return f"{one.shift + one.width - 1}:{one.shift}"


def capability_rows(facts: Facts) -> list[CapabilityRow]:
    """Return a row for each capability of the system at the end, in the order of their numbers."""
    state = facts.features_at_end
    if state is None:
        return []
    series = facts.scenario.release.series
    return [
        CapabilityRow(
            number=one.entry.number(series),
            name=one.entry.name,
            description=one.entry.words,
            scope=str(one.scope),
            decided_by=one.decided_by,
            cpus=None if one.entry.per_cpu is None else one.cpus,
            refused=tuple(cpu for cpu in one.cpus if facts.state(cpu) is CpuState.REFUSED),
            assumed=one.entry in state.certainty.assumed_capabilities,
        )
        for one in state.capabilities
    ]


class CpuKind(NamedTuple):
    """The CPUs that are alike in features and firmware."""

    cpus: tuple[int, ...]
    """Their logical numbers."""
    words: str
    """Their core, and everything that tells them from other CPUs of the core."""


def cpu_kinds(topology: Topology) -> list[CpuKind]:
    """Return the kinds of CPUs, in the order of their first CPUs."""
    of_kinds = [topology.logical[cpus[0]] for cpus in topology.kinds]
    kinds = []
    for cpus, one in zip(topology.kinds, of_kinds, strict=True):
        core = one.features.core
        others = [*core.changes, *map(_field_name, core.stated_fields)]
        parts = [f"{core.name} [{core.midr:#010x}]"]
        if others:
            parts.append(f"with other values of {', '.join(others)}")
        if any(other.features.vqs != one.features.vqs for other in of_kinds if other.features.core == core):
            parts.append(_lengths(one.features.vqs))
        kinds.append(CpuKind(cpus, ", ".join([*parts, *_of_firmware(one.firmware)])))
    return kinds


def _field_name(field: IdField) -> str:
    return f"{field.register}.{field.name}"


def _lengths(vqs: Mapping[VectorType, int]) -> str:
    told = (f"{kind} of {', '.join(map(str, bits_from_vqs(lengths)))} bits" for kind, lengths in vqs.items())
    return " and ".join(told) or "without vectors"


def _of_firmware(firmware: Firmware) -> Iterator[str]:
    """Yield the parts of a CPU's firmware that are not as usual, in words."""
    if firmware.hidden:
        yield f"firmware hides {', '.join(map(_field_name, firmware.hidden))}"
    if firmware.trapped:
        yield f"firmware traps {', '.join(sorted(map(str, firmware.trapped)))}"
    for kind, length in firmware.el3_len.items():
        yield f"firmware limits {kind} to {bits_from_vq(length + 1)} bits"
    if firmware.unaffected:
        yield f"firmware says that it lacks {', '.join(sorted(map(str, firmware.unaffected)))}"
    if firmware.el is not None:
        yield f"started at EL{firmware.el}"
    if firmware.enable_method is not EnableMethod.PSCI:
        yield f"started by {firmware.enable_method}"


class UnusedRow(Row, frozen=True, gc=False):
    """A feature that a CPU has and the system cannot use, because another CPU lacks it."""

    cpu: Annotated[int, Meta(description="the CPU that has it")]
    register: Annotated[str, Meta(description="the ID register")]
    field: Annotated[str, Meta(description="the field")]
    value: Annotated[int, Meta(description="the CPU's own value")]
    sanitised: Annotated[int, Meta(description="the system's value")]
    lost_by: Annotated[tuple[int, ...], Meta(description="the CPUs whose own value is the system's")]


def unused_rows(facts: Facts) -> list[UnusedRow]:
    """Return a row for each feature of each online CPU that the system cannot use."""
    online = facts.online
    return [
        UnusedRow(cpu, row.register, row.field, value, row.sanitised, row.decided_by)
        for row in field_rows(facts)
        if row.sanitised is not None
        for cpu in online
        if facts.hw_cpu(cpu) in row.unused_by and (value := row.taken(facts.hw_cpu(cpu))) is not None
    ]


class FeaturesRecord(msgspec.Struct, frozen=True):
    """All features of a boot, as JSON has them."""

    schema_version: Literal[2]
    registers: Annotated[list[RegisterRow], Meta(description="the ID registers that the kernel keeps")]
    fields: Annotated[list[FieldRow], Meta(description="the fields in which CPUs differ, or all of them if asked for")]
    capabilities: Annotated[list[CapabilityRow], Meta(description="the capabilities that the system has")]
    unused: Annotated[list[UnusedRow], Meta(description="what CPUs have and the system cannot use")]
    hwcaps: Annotated[
        tuple[str, ...],
        Meta(description="the names of /proc/cpuinfo, in the order of their bits; none if user space was not reached"),
    ]
    compat_hwcaps: Annotated[
        tuple[str, ...],
        Meta(description="the names that 32-bit programs read there; none if no CPU runs any"),
    ]
    hwcap_words: Annotated[tuple[str, ...], Meta(description="AT_HWCAP, AT_HWCAP2 and AT_HWCAP3, in hexadecimal")]
    compat_hwcap_words: Annotated[
        tuple[str, ...], Meta(description="AT_HWCAP and AT_HWCAP2 of 32-bit programs, in hexadecimal")
    ]
    vulnerabilities: Annotated[
        Mapping[str, str | None],
        Meta(description="the files of /sys/devices/system/cpu/vulnerabilities; null where unknown registers decide"),
    ]
    taint: Annotated[int, Meta(description="the kernel's taint, as far as CPUs cause it")]
    tainted_by: Annotated[Mapping[int, int], Meta(description="the first CPU that caused each bit of the taint")]
    aarch32_cpus: Annotated[
        tuple[int, ...] | None,
        Meta(description="the CPUs that run 32-bit programs, under allow_mismatched_32bit_el0; missing without it"),
    ]
    pinned_cpu: Annotated[
        int | None, Meta(description="the CPU that must stay online, so that 32-bit programs have one")
    ]
    ipa_limit_bits: Annotated[
        int | None,
        Meta(description="KVM's limit of guests' physical addresses; 0 without KVM, null if no CPU's range is known"),
    ]
    unknown: Annotated[
        UnknownRecord | None,
        Meta(description="the features that depend on unknown registers; null where all registers are known"),
    ]


def features_record(facts: Facts, *, only_differing: bool = True) -> FeaturesRecord:
    """Return all features of a boot in which they are modelled, as JSON has them.

    Args:
        facts: the facts of the boot.
        only_differing: leave out the fields in which all CPUs are alike.
    """
    state, has_programs = facts.features_at_end, facts.features_at_user_space is not None
    assert state is not None
    return FeaturesRecord(
        schema_version=SCHEMA_VERSION,
        registers=register_rows(facts),
        fields=field_rows(facts, only_differing=only_differing),
        capabilities=capability_rows(facts),
        unused=unused_rows(facts),
        hwcaps=state.hwcaps if has_programs else (),
        compat_hwcaps=state.compat_hwcaps if has_programs else (),
        hwcap_words=tuple(map(hex, state.hwcap_words)) if has_programs else (),
        compat_hwcap_words=tuple(map(hex, state.compat_hwcap_words)) if has_programs else (),
        vulnerabilities=state.vulnerabilities if has_programs else {},
        taint=state.taint,
        tainted_by=state.tainted_by,
        aarch32_cpus=state.aarch32_cpus,
        pinned_cpu=state.pinned_cpu,
        ipa_limit_bits=state.ipa_limit_bits,
        unknown=unknown_record(facts),
    )
