"""The table of cores whose ID registers are known, in whole or in part."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import msgspec

from sim.arguments import checked
from sim.cores.core_table import core_named, core_table
from sim.errors import InputError, closest
from sim.id_registers import AARCH32, AARCH64_ONLY, EL0, EL1, GIC, L1IP, PAN, PIPT, VIPT, Core, IdField

_STEPPING = 0x00F0_000F
"""The bits of MIDR_EL1 that tell steppings of one core apart."""
GICV2, GICV3 = 2, 3
GIC_FIELDS = {
    GIC.register: GIC,
    "ID_PFR1_EL1": IdField("ID_PFR1_EL1", "GIC", shift=28),
}
"""The fields that tell whether the GIC has system registers: they are the machine's, and not the core's."""
_SOURCES = {
    "dump": "a dump on silicon",
    "sanity": "a SANITY CHECK line on silicon",
    "log": "a kernel's log on silicon",
    "xen": "Xen's log on silicon",
    "freebsd": "FreeBSD's log on silicon, decoded",
    "cpuinfo": "/proc/cpuinfo on silicon, decoded",
    "emulator": "an emulator's source",
}


class _Value(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A register's value, the kind of its source, and other values that sources give."""

    value: str
    source: str
    others: list[str] = []


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The facts on one stepping of a core."""

    core: str
    midr: str
    registers: dict[str, _Value]
    complete: bool = False

    @property
    def number(self) -> int:
        """MIDR_EL1."""
        return int(self.midr, 16)


class CoreValue(msgspec.Struct, frozen=True):
    """The value of a register of a core."""

    value: int
    source: str
    """The kind of source, in words."""
    of_midr: int
    """MIDR_EL1 of the stepping that it was seen on."""
    others: tuple[int, ...] = ()
    """Other values that sources give."""


@cache
def _entries() -> list[_Entry]:
    text = Path(__file__).with_name("id_register_values.json").read_bytes()
    return msgspec.json.decode(text, type=list[_Entry])


@cache
def core_names() -> tuple[str, ...]:
    """Return the names of the cores whose MIDR_EL1 is known: compatible strings of device trees, or makers' names."""
    return tuple(sorted({*core_table().midrs.values(), *(entry.core for entry in _entries())}))


@cache
def steppings(name: str) -> tuple[int, ...]:
    """Return MIDR_EL1 of a core's steppings that are known, the best known first.

    Of a core with no known register it is that of variant and revision 0.
    """
    known = [entry for entry in _entries() if entry.core == name]
    if known:
        return tuple(one.number for one in sorted(known, key=lambda one: (-len(one.registers), one.number)))
    return tuple(int(midr, 16) for midr, core in core_table().midrs.items() if core == name)


def is_stepping_of(name: str, midr: int) -> bool:
    """Return True if MIDR_EL1 has the implementer and the part number of a core, in whatever stepping."""
    return any(not (one ^ midr) & ~_STEPPING for one in steppings(name))


@cache
def core_values(name: str, midr: int) -> Mapping[str, CoreValue]:
    """Return what is known of a core's ID registers, with the source of each value.

    Args:
        name: the core's compatible string.
        midr: MIDR_EL1; values of this stepping come before those of others.
    """
    of_core = [entry for entry in _entries() if entry.core == name and not (entry.number ^ midr) & ~_STEPPING]
    # The last to be put in stays: the stepping itself, and before it the steppings of which most is known.
    by_weight = sorted(of_core, key=lambda entry: (entry.number == midr, len(entry.registers)))
    found: dict[str, CoreValue] = {}
    for entry in by_weight:
        for register, one in entry.registers.items():
            others = tuple(int(other, 16) for other in one.others)
            found[register] = CoreValue(int(one.value, 16), _SOURCES[one.source], entry.number, others)
    return MappingProxyType(found)


@checked
@cache
def known_core(name: str, midr: int | None = None, gic: int = GICV3) -> Core:
    """Return a core of the table, as a machine with some interrupt controller shows it.

    Args:
        name: its compatible string, such as arm,cortex-a55.
        midr: MIDR_EL1, if it is another stepping than the best known.
        gic: the version of the GIC, 2 or 3: only from 3 on has a CPU system registers for it.

    Raises:
        InputError: no such core is known.

    >>> hex(known_core("arm,cortex-a76").midr)
    '0x414fd0b1'

    A CPU has it, and a system such CPUs:

    >>> from sim import Topology, cpu
    >>> Topology((cpu("cpu0", core=known_core("arm,cortex-a55")), cpu("cpu1", core=known_core("arm,cortex-a76"))))
    <Topology of 2 CPUs: SVE bits of 2 with none>
    """
    name = core_named(name)
    known = steppings(name)
    if not known:
        close = closest(name, core_names())
        hint = "" if close is None else f"did you mean {close!r}? "
        raise InputError(f"unknown core {name[:60]!r}: {hint}asymboot list cores shows them")
    midr = known[0] if midr is None else midr
    values = core_values(name, midr)
    is_complete = any(entry.complete for entry in _entries() if entry.core == name and entry.registers)
    sources = sorted({one.source for one in values.values()})
    registers = {register: _with_gic(register, one.value, gic) for register, one in values.items()}
    return Core(
        name,
        midr,
        MappingProxyType(registers),
        "; ".join(sources) or "no register is known to have been published",
        has_all_features=True,
        is_complete=is_complete,
        gic=gic,
        known_fields=MappingProxyType(_known_fields(name, gic)),
    )


def _known_fields(name: str, gic: int) -> dict[IdField, int]:
    """Return the fields that are known of every core of a name, whatever its registers are."""
    documented = core_table().cores.get(name)
    known = {GIC: int(gic >= GICV3)}
    if documented is not None and not documented.vhe:
        known[PAN] = 0  # the table's cores without VHE are of Armv8.0, and PAN came with Armv8.1 as VHE did
    if (policy := core_table().icaches.get(name)) is not None:
        known[L1IP] = PIPT if policy == "PIPT" else VIPT
    if documented is not None and documented.aarch32 is not None:
        known[EL0] = AARCH32 if documented.aarch32 else AARCH64_ONLY
    if documented is not None and documented.aarch32_el1 is not None:
        known[EL1] = AARCH32 if documented.aarch32_el1 else AARCH64_ONLY
    return known


def _with_gic(register: str, value: int, gic: int) -> int:
    """Return a register's value with the field of the GIC's system registers as the machine has it."""
    field = GIC_FIELDS.get(register)
    return value if field is None else field.put(value, gic >= GICV3)
