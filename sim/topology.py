"""CPUs and clusters of one system: their features, their numbers, and which of them are brought up early.

A topology keeps its CPUs in the order of the file. Linux numbers them: the boot CPU is logical CPU 0, and the others
follow in the file's order. `Topology.graph` gives clusters and CPUs as a networkx graph.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from sim.arguments import checked, checked_fields
from sim.cpufeature_tables import aarch32_registers, newest_registers
from sim.errors import InputError, NamedChoice, check_printable
from sim.frames import FieldsShown, as_html, in_words
from sim.id_registers import QEMU_MAX, UNKNOWN, Core, IdField, implied_fields
from sim.units import counted
from sim.vector_types import VECTOR_TYPES
from sim.vectors import (
    LEN_FIELD,
    SveRule,
    VectorType,
    bits_from_vqs,
    braces,
    vqs_from_bits,
    vqs_up_to_len,
)

if TYPE_CHECKING:
    import networkx as nx

MOST_CPUS = 65_536
LONGEST_NAME = 60
"""The most characters in a name of a CPU or a cluster in a file."""
MPIDR_AFFINITY = 0xFF_00FF_FFFF
"""The bits of an MPIDR that say where a CPU is (MPIDR_HWID_BITMASK): Aff3, and Aff2 to Aff0."""
VH = IdField("ID_AA64MMFR1_EL1", "VH", shift=8)
EL2_FIELD = IdField("ID_AA64PFR0_EL1", "EL2", shift=8)
"""The field that is 0 on a CPU without EL2, and on a guest's virtual CPU."""
EVERY_BIT = (1 << 64) - 1
PARTS_OF_EXTENSIONS = {"ID_AA64ZFR0_EL1": (VectorType.SVE, VectorType.SME), "ID_AA64SMFR0_EL1": (VectorType.SME,)}
"""The registers that tell the parts of extensions, and read as 0 where a CPU has none of the extensions (Arm ARM)."""
_MOST_SETS_SHOWN = 4
_MOST_NAMES_SHOWN = 8


class EnableMethod(NamedChoice):
    """The way in which the kernel starts a CPU and takes it down, as a device tree states it.

    >>> EnableMethod("spin-table").name
    'SPIN_TABLE'
    """

    PSCI = "psci"
    SPIN_TABLE = "spin-table"
    """The CPU waits in a loop until the kernel writes an address to memory. It cannot go back."""


def lacks_el2(core: Core) -> bool:
    """Return True if a core was given a register or a field that says that there is no EL2.

    A core whose value the table has may be that of a guest's virtual CPU, which shows no EL2 either.
    """
    given = core.changes.get(EL2_FIELD.register)
    value = core.stated_fields.get(EL2_FIELD) if given is None else EL2_FIELD.of(given)
    return value == 0


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Features:
    """The hardware of a CPU: its core, and a set of lengths for each vector type that it has.

    Args:
        lengths_bits: the vector lengths of each vector type that the CPU has, in bits.
        core: the core, which states the ID registers.
        vhe: it can run a kernel at EL2; cores before Armv8.1 cannot. A core whose registers are known says so
            itself.

    Raises:
        InputError: a length is not a vector length, or a set that no CPU can have, such as one of SVE without 128
            bits.

    >>> Features({VectorType.SVE: [128, 256]})
    <Features: SVE bits {128,256}, SME bits none, core 'max'>
    """

    lengths_bits: Mapping[VectorType, Sequence[int]] = field(default_factory=dict, hash=False)
    core: Core = QEMU_MAX
    vhe: bool = True
    vqs: Mapping[VectorType, int] = field(init=False, compare=False)
    """The sets of lengths as the kernel's bitmaps have them, in which bit n stands for 128·(n + 1) bits."""
    id_registers: Mapping[str, int] = field(init=False, compare=False)
    """The ID registers as the core states them, with 0 in the fields of vector types that the CPU lacks."""

    def __post_init__(self) -> None:
        sets = {vector_type: vqs_from_bits(lengths) for vector_type, lengths in self.lengths_bits.items()}
        for vector_type, vqs in sets.items():
            if (reason := _why_no_set(vector_type, vqs)) is not None:
                raise InputError(f"{vector_type} lengths {braces(vqs)}: {reason}")
        object.__setattr__(self, "vqs", sets)
        in_order = {vector_type: bits_from_vqs(vqs) for vector_type, vqs in sets.items()}
        object.__setattr__(self, "lengths_bits", in_order)
        registers = dict(self.core.id_registers)
        if self.core.has_all_features and (vhe := self.core.known_value(VH)) is not None:
            object.__setattr__(self, "vhe", bool(vhe))
        for vector_type, traits in VECTOR_TYPES.items():
            name = traits.id_field.register
            if vector_type not in self.vqs and self.core.knows(name):
                registers[name] = traits.id_field.put(registers.get(name, 0), 0)
        object.__setattr__(self, "id_registers", registers)

    def __repr__(self) -> str:
        sets = ", ".join(f"{one} bits {_lengths(self.vqs.get(one))}" for one in VectorType)
        return f"<Features: {sets}, core {self.core.name!r}>"

    def _repr_html_(self) -> str:
        rows = [{"field": str(one), "value": f"{_lengths(vqs)} bits"} for one, vqs in self.vqs.items()]
        rows += [{"field": "core", "value": self.core.name}, {"field": "VHE", "value": "yes" if self.vhe else "no"}]
        return as_html("Features", rows)

    def register(self, name: str) -> int:
        """Return the value of an ID register; 0 where the core does not state it.

        Args:
            name: the register, such as ``ID_AA64PFR0_EL1``.
        """
        return self.id_registers.get(name, 0)

    def lacks(self, name: str) -> bool:
        """Return True if a CPU is known to lack everything that an ID register tells of.

        Args:
            name: the register, such as ``ID_AA64ZFR0_EL1``.
        """
        if name in PARTS_OF_EXTENSIONS:
            return not any(one in self.vqs for one in PARTS_OF_EXTENSIONS[name])
        return name in aarch32_registers() and self.core.lacks_aarch32

    def knows(self, name: str) -> bool:
        """Return True if the value of an ID register is known, as that of a register is whose extension is missing.

        Args:
            name: the register, such as ``ID_AA64PFR0_EL1``.
        """
        return self.core.knows(name) or self.lacks(name)

    @property
    def known_fields(self) -> Mapping[IdField, int]:
        """The fields that are known of registers whose other fields are not."""
        of_core = {**implied_fields(self.core.known_fields), **self.core.known_fields}
        extensions = {traits.id_field: one in self.vqs for one, traits in VECTOR_TYPES.items()}
        has = {one: of_core.get(one, 1) if is_there else 0 for one, is_there in extensions.items()}
        fields = {**of_core, **has, VH: int(self.vhe)}
        return {one: value for one, value in fields.items() if not self.knows(one.register)}

    def known_parts(self) -> Iterator[tuple[str, int, int]]:
        """Yield a register with its value and the bits of it that are known: all, or a field's."""
        for name, value in self.id_registers.items():
            yield name, value, EVERY_BIT
        # Of a core that is known, a register that is not stated is 0.
        for name in newest_registers() if self.core.is_complete else ():
            if name not in self.id_registers and self.core.knows(name) and not self.lacks(name):
                yield name, 0, EVERY_BIT
        for one, value in self.known_fields.items():
            yield one.register, one.put(0, value), one.mask

    def unknown_bits(self, name: str) -> int:
        """Return the bits of an ID register that are unknown.

        Args:
            name: the register, such as ``ID_AA64PFR0_EL1``.
        """
        if self.knows(name):
            return 0
        return EVERY_BIT & ~sum(one.mask for one in self.known_fields if one.register == name)


class Weakness(NamedChoice):
    """A weakness of speculation on which the kernel asks firmware (SMCCC_ARCH_WORKAROUND_1 and _2).

    >>> [one.value for one in Weakness]
    ['spectre-v2', 'spectre-v4']
    """

    SPECTRE_V2 = "spectre-v2"
    SPECTRE_V4 = "spectre-v4"


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Firmware(FieldsShown):
    """The state in which firmware starts a CPU.

    Args:
        el3_len: the LEN fields of ZCR_EL3 and SMCR_EL3, 0 to 15; 15 if not given.
        trapped: the vector types that it does not enable: CPTR_EL3.EZ or CPTR_EL3.ESM is 0, and the first use traps
            to EL3.
        el: the exception level at which the CPU starts, 1 or 2; None: that of the scenario.
        enable_method: the way in which the kernel starts the CPU, or its name.
        hidden: the fields of ID registers that firmware, or a hypervisor, shows as if the CPU lacked the feature.
        unaffected: the weaknesses that firmware says the CPU does not have, or needs no help of the kernel's
            against.

    >>> Firmware(el3_len={VectorType.SVE: 1}, el=1)
    <Firmware: el3_len SVE: 1, el 1>
    """

    el3_len: Mapping[VectorType, int] = field(default_factory=dict, hash=False)
    trapped: frozenset[VectorType] = frozenset()
    el: int | None = None
    enable_method: EnableMethod = EnableMethod.PSCI
    hidden: tuple[IdField, ...] = ()
    unaffected: frozenset[Weakness] = frozenset()

    def __repr__(self) -> str:
        stated = [
            f"{one.name} {in_words(value)}"
            for one in fields(self)
            if (value := getattr(self, one.name)) and value is not EnableMethod.PSCI
        ]
        return f"<Firmware: {', '.join(stated) or 'no limits'}>"


def _why_no_set(vector_type: VectorType, vqs: int) -> str | None:
    """Return the reason why no CPU can have a set, whatever the architecture's rule about sets; None if some can."""
    traits = VECTOR_TYPES[vector_type]
    # A set needs a member, and that of SVE 128 bits: the length that a register selects must exist.
    if vqs and vqs & traits.always_in == traits.always_in:
        return None
    return traits.why_not(vqs, SveRule.MULTIPLES)


_NO_VECTORS = Features()
_NO_LIMITS = Firmware()


# CPUs that are alike share one object, so that systems of many CPUs stay small and the kernel sees at once that two
# CPUs do not differ.
@lru_cache(maxsize=4096)
def _features(sve_vqs: int | None, sme_vqs: int | None, core: Core, *, vhe: bool) -> Features:
    given = {VectorType.SVE: sve_vqs, VectorType.SME: sme_vqs}
    sets = {vector_type: bits_from_vqs(vqs) for vector_type, vqs in given.items() if vqs is not None}
    return Features(sets, core, vhe)


@lru_cache(maxsize=256)
def _firmware(
    zcr_el3_len: int,
    smcr_el3_len: int,
    *,
    cptr_el3_ez: bool,
    cptr_el3_esm: bool,
    el: int | None,
    enable_method: EnableMethod,
    hidden: tuple[IdField, ...],
    unaffected: frozenset[Weakness],
) -> Firmware:
    limits = {VectorType.SVE: zcr_el3_len, VectorType.SME: smcr_el3_len}
    enabled = {VectorType.SVE: cptr_el3_ez, VectorType.SME: cptr_el3_esm}
    return Firmware(
        {vector_type: length for vector_type, length in limits.items() if length != LEN_FIELD},
        frozenset(vector_type for vector_type, is_enabled in enabled.items() if not is_enabled),
        el,
        enable_method,
        hidden,
        unaffected,
    )


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Cpu:
    """One CPU: what its hardware has, and what its firmware leaves of it.

    Firmware that sets LEN differently on different CPUs makes identical hardware asymmetric. A CPU that is `late` is
    left out of the early bring-up even where ``maxcpus=`` would include it. `clusters` is the path of clusters around
    it, outermost first. `mpidr` None: its place in the file, see `Topology.mpidr`. `cpu()` makes a CPU from its parts.

    Args:
        name: the CPU's name, unique in its topology.
        features: its hardware: core and sets of lengths.
        firmware: the state in which firmware starts it.
        late: True if it is left out of the early bring-up.
        mpidr: the value of MPIDR_EL1; None: its place in the file.
        clusters: the path of clusters around it, outermost first.

    >>> cpu("big", [128, 256], clusters=("left",), late=True)
    <Cpu 'big' in left: SVE bits {128,256}, SME bits none, late>
    """

    name: str
    features: Features = _NO_VECTORS
    firmware: Firmware = _NO_LIMITS
    late: bool = False
    mpidr: int | None = None
    clusters: tuple[str, ...] = ()

    def __repr__(self) -> str:
        place = f" in {'/'.join(self.clusters)}" if self.clusters else ""
        sve, sme = _lengths(self.usable_sve_vqs), _lengths(self.usable_sme_vqs)
        return f"<Cpu {self.name!r}{place}: SVE bits {sve}, SME bits {sme}{', late' if self.late else ''}>"

    def _repr_html_(self) -> str:
        firmware = self.firmware
        rows = {
            "cluster": "/".join(self.clusters),
            "SVE, bits": _lengths(self.sve_vqs),
            "SVE that firmware leaves, bits": _lengths(self.usable_sve_vqs),
            "SME, bits": _lengths(self.sme_vqs),
            "SME that firmware leaves, bits": _lengths(self.usable_sme_vqs),
            "core": self.features.core.name,
            "exception level": "as the scenario says" if firmware.el is None else str(firmware.el),
            "enabled by": str(firmware.enable_method),
            "late": "yes" if self.late else "no",
        }
        return as_html(f"Cpu {self.name!r}", [{"field": name, "value": value} for name, value in rows.items()])

    @property
    def sve_bits(self) -> tuple[int, ...] | None:
        """The SVE lengths that the hardware supports, in bits; None without SVE."""
        return _in_bits(self.sve_vqs)

    @property
    def sme_bits(self) -> tuple[int, ...] | None:
        """The streaming lengths that the hardware supports, in bits; None without SME."""
        return _in_bits(self.sme_vqs)

    @property
    def usable_sve_bits(self) -> tuple[int, ...] | None:
        """The SVE lengths that firmware lets the kernel find, in bits; None without SVE."""
        return _in_bits(self.usable_sve_vqs)

    @property
    def usable_sme_bits(self) -> tuple[int, ...] | None:
        """The streaming lengths that firmware lets the kernel find, in bits; None without SME."""
        return _in_bits(self.usable_sme_vqs)

    def vqs(self, vector_type: VectorType) -> int | None:
        """Return the lengths that the hardware supports, as a set; None where it lacks the extension.

        Args:
            vector_type: the vector type, or its name.
        """
        return self.features.vqs.get(vector_type)

    def el3_len(self, vector_type: VectorType) -> int:
        """Return the LEN field of the firmware's ZCR_EL3 or SMCR_EL3.

        Args:
            vector_type: the vector type, or its name.
        """
        return self.firmware.el3_len.get(vector_type, LEN_FIELD)

    def is_enabled(self, vector_type: VectorType) -> bool:
        """Return True if EL3 lets lower levels use a vector type: CPTR_EL3.EZ, or CPTR_EL3.ESM, is 1.

        Args:
            vector_type: the vector type, or its name.
        """
        return vector_type not in self.firmware.trapped

    def usable_vqs(self, vector_type: VectorType) -> int | None:
        """Return the lengths that firmware lets the kernel find, as a set; None where the CPU lacks the extension.

        Args:
            vector_type: the vector type, or its name.
        """
        vqs = self.features.vqs.get(vector_type)
        if vqs is None:
            return None
        if vector_type not in self.firmware.el3_len:
            return vqs
        usable = vqs & vqs_up_to_len(self.firmware.el3_len[vector_type])
        # vqs & -vqs is the smallest member.
        return usable or (vqs & -vqs if VECTOR_TYPES[vector_type].selects_always else 0)

    @property
    def sve_vqs(self) -> int | None:
        """The SVE lengths that the hardware supports, as a set; None without SVE."""
        return self.vqs(VectorType.SVE)

    @property
    def sme_vqs(self) -> int | None:
        """The streaming lengths that the hardware supports, as a set; None without SME."""
        return self.vqs(VectorType.SME)

    @property
    def usable_sve_vqs(self) -> int | None:
        """The SVE lengths that firmware lets the kernel find, as a set; None without SVE."""
        return self.usable_vqs(VectorType.SVE)

    @property
    def usable_sme_vqs(self) -> int | None:
        """The streaming lengths that firmware lets the kernel find, as a set; None without SME.

        A streaming length is always selected: where LEN lets none through, it is the smallest.
        """
        return self.usable_vqs(VectorType.SME)

    @property
    def zcr_el3_len(self) -> int:
        """The firmware's ZCR_EL3.LEN."""
        return self.el3_len(VectorType.SVE)

    @property
    def smcr_el3_len(self) -> int:
        """The firmware's SMCR_EL3.LEN."""
        return self.el3_len(VectorType.SME)


@checked
def cpu(
    name: str,
    sve_bits: Iterable[int] | None = None,
    sme_bits: Iterable[int] | None = None,
    *,
    zcr_el3_len: int = LEN_FIELD,
    smcr_el3_len: int = LEN_FIELD,
    cptr_el3_ez: bool = True,
    cptr_el3_esm: bool = True,
    el: int | None = None,
    vhe: bool = True,
    enable_method: EnableMethod = EnableMethod.PSCI,
    core: Core = QEMU_MAX,
    hidden: tuple[IdField, ...] = (),
    unaffected: frozenset[Weakness] = frozenset(),
    late: bool = False,
    mpidr: int | None = None,
    clusters: tuple[str, ...] = (),
) -> Cpu:
    """Make a CPU from lengths in bits; None, and no lengths, mean that it lacks the extension.

    Args:
        name: the CPU's name, unique in its topology.
        sve_bits: SVE vector lengths, in bits.
        sme_bits: streaming vector lengths, in bits.
        zcr_el3_len: the firmware's ZCR_EL3.LEN, 0 to 15.
        smcr_el3_len: the firmware's SMCR_EL3.LEN, 0 to 15.
        cptr_el3_ez: whether EL3 enables SVE.
        cptr_el3_esm: whether EL3 enables SME.
        el: the exception level at which it starts, 1 or 2; None: that of the scenario.
        vhe: whether it can run a kernel at EL2.
        enable_method: how the kernel starts it.
        core: its core, which has the values of its ID registers, such as ``known_core("arm,cortex-a76")``.
        hidden: the fields of ID registers that firmware hides.
        unaffected: the weaknesses that firmware says it does not have.
        late: whether it is left out of the early bring-up.
        mpidr: the value of MPIDR_EL1; None: its place in the file.
        clusters: the path of clusters around it, outermost first.

    Raises:
        InputError: a length is not a multiple of 128 from 128 to 2048, or is given twice; no CPU can have a set, or a
            value is out of range.

    >>> cpu("a64fx", [128, 256, 512])
    <Cpu 'a64fx': SVE bits {128,256,512}, SME bits none>
    """
    firmware = _firmware(
        zcr_el3_len,
        smcr_el3_len,
        cptr_el3_ez=cptr_el3_ez,
        cptr_el3_esm=cptr_el3_esm,
        el=el,
        enable_method=enable_method,
        hidden=hidden,
        unaffected=unaffected,
    )
    try:
        sve_vqs, sme_vqs = (None if bits is None else vqs_from_bits(bits) or None for bits in (sve_bits, sme_bits))
        features = _features(sve_vqs, sme_vqs, core, vhe=vhe)
    except InputError as error:
        raise InputError(f"{name:.{LONGEST_NAME}}: {error}") from None
    return Cpu(name, features, firmware, late, mpidr, clusters)


class AssumedRegisters(msgspec.Struct, frozen=True, eq=False):
    """The values that ID registers are taken to have on CPUs whose own are unknown."""

    values: Mapping[str, int]
    """By register; each field has the value of the first CPU, in logical order, whose own is known."""


_NOTHING_ASSUMED = AssumedRegisters({})


def _read_parts(features: Features, hidden: Iterable[IdField]) -> Iterator[tuple[str, int, int]]:
    """Yield the parts of registers that are known of a CPU as the kernel reads it: the hidden fields come first."""
    for one in hidden:
        yield one.register, one.put(0, one.hidden_value), one.mask
    yield from features.known_parts()


@dataclass(frozen=True, repr=False)
@checked_fields
class Topology:
    """The CPUs of one system, in the order of the file; 1 to 65,536 of them.

    Args:
        cpus: the CPUs, in the order of the file.
        boot_cpu: the boot CPU's name; the first CPU, if empty.
        sve_rule: the architecture's rule about SVE sets, or its name.
        any_vls: True to accept sets that the architecture forbids, as they are meant.

    Raises:
        InputError: no CPU or too many; a name twice; no such boot CPU; a set of lengths that the
            architecture forbids while `any_vls` is False, or one it can never be.

    >>> Topology((cpu("big", [128, 256, 512]), cpu("little", [128])), boot_cpu="little").number("big")
    1
    """

    cpus: tuple[Cpu, ...]
    boot_cpu: str = ""
    sve_rule: SveRule = SveRule.MULTIPLES
    any_vls: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.cpus) <= MOST_CPUS:
            raise InputError(f"a topology has 1 to {MOST_CPUS:,} CPUs, not {len(self.cpus):,}")
        object.__setattr__(self, "_index", {})
        if any(one.features.core.has_all_features for one in self.cpus):
            object.__setattr__(self, "cpus", tuple(map(_with_unknown_core, self.cpus)))
        boot_cpu = self.boot_cpu or self.cpus[0].name
        for one in self.cpus:
            if one.name in self._index:
                raise InputError(f"two CPUs are named {one.name!r}")
            self._index[one.name] = -1  # the numbers follow below, once the boot CPU is known to be among the names
            self._check(one)
        if boot_cpu not in self._index:
            raise InputError(f"the boot CPU {boot_cpu!r} is not among the CPUs")
        object.__setattr__(self, "boot_cpu", boot_cpu)
        for number, one in enumerate(self.logical):
            self._index[one.name] = number
        self._check_mpidrs()
        if self.logical[0].late:
            raise InputError(f"{boot_cpu!r} cannot be late: it is the boot CPU")

    def __repr__(self) -> str:
        sets = Counter(_lengths(one.usable_sve_vqs) for one in self.cpus)
        told = ", ".join(f"{count:,} with {lengths}" for lengths, count in sets.most_common(_MOST_SETS_SHOWN))
        more = ", ..." if len(sets) > _MOST_SETS_SHOWN else ""
        return f"<Topology of {counted(len(self.cpus), 'CPU')}: SVE bits of {told}{more}>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "CPU": number,
                "name": one.name,
                "cluster": "/".join(one.clusters),
                "SVE, bits": _lengths(one.usable_sve_vqs),
                "SME, bits": _lengths(one.usable_sme_vqs),
                "late": "late" if one.late else "",
            }
            for number, one in enumerate(self.logical)
        ]
        return as_html(repr(self)[1:-1], rows)

    @classmethod
    @checked
    def of(
        cls,
        sve_bits: Sequence[Iterable[int] | None],
        sme_bits: Sequence[Iterable[int] | None] | None = None,
        *,
        late: Iterable[int | str] = (),
    ) -> "Topology":
        """Make a topology from each CPU's lengths; the CPUs are named cpu0, cpu1, ...

        Args:
            sve_bits: the SVE vector lengths of each CPU, in bits; None, or no lengths, for a CPU without SVE.
            sme_bits: the streaming vector lengths of each CPU, in bits; None, or no lengths, for a CPU without SME. If
                not given, no CPU has SME.
            late: the CPUs that are left out of the early bring-up, by number or name. The boot CPU is number 0.

        Raises:
            InputError: a length is not a vector length, the architecture forbids a set, there are not as many
                streaming sets as SVE sets, or there is no such CPU to be late.

        >>> Topology.of([[128, 256], [128, 256, 512]], late=[1]).cpus
        (<Cpu 'cpu0': SVE bits {128,256}, SME bits none>, <Cpu 'cpu1': SVE bits {128,256,512}, SME bits none, late>)
        """
        sme = sme_bits if sme_bits is not None else [None] * len(sve_bits)
        if len(sme) != len(sve_bits):
            sets, cpus = counted(len(sme), "set"), counted(len(sve_bits), "CPU")
            raise InputError(f"Topology.of: sme_bits has {sets} for {cpus}: give one for each, None without SME")
        names = [f"cpu{number}" for number in range(len(sve_bits))]
        are_late = {f"cpu{one}" if isinstance(one, int) else one for one in late}
        for name in sorted(are_late - set(names)):
            raise InputError(f"Topology.of: late has {name!r:.60}: there are {_some_of(names)}")
        return cls(
            tuple(
                cpu(name, sve, streaming, late=name in are_late)
                for name, sve, streaming in zip(names, sve_bits, sme, strict=True)
            )
        )

    @cached_property
    def assumed_registers(self) -> AssumedRegisters:
        """The values that registers are taken to have on CPUs whose own are unknown, which are those of other CPUs."""
        if all(one.features.core.is_complete for one in self.cpus):
            return _NOTHING_ASSUMED
        values: dict[str, int] = {}
        known: dict[str, int] = {}
        for cpu in dict.fromkeys((one.features, one.firmware.hidden) for one in self.logical):
            for name, value, bits in _read_parts(*cpu):
                values[name] = values.get(name, 0) | value & bits & ~known.get(name, 0)
                known[name] = known.get(name, 0) | bits
        return AssumedRegisters(values)

    @cached_property
    def unknown_bits(self) -> Mapping[str, int]:
        """The bits of ID registers of the kernels' tables that are known of no CPU, by register."""
        if not all(one.features.core.has_all_features for one in self.cpus):
            return {}
        unknown = dict.fromkeys(newest_registers(), EVERY_BIT)
        for features, hidden in dict.fromkeys((one.features, one.firmware.hidden) for one in self.cpus):
            unknown = {name: bits & features.unknown_bits(name) for name, bits in unknown.items()}
            for one in hidden:  # what firmware hides is known
                unknown[one.register] = unknown.get(one.register, 0) & ~one.mask
        return {name: bits for name, bits in unknown.items() if bits}

    def _check(self, one: Cpu) -> None:
        check_printable("the name", one.name)
        if not 1 <= len(one.name) <= LONGEST_NAME:
            raise InputError(
                f"the name {one.name!r:.80} has {len(one.name)} characters: a name has 1 to {LONGEST_NAME}"
            )
        if one.firmware.el not in {None, 1, 2}:
            raise InputError(f"{one.name}: el is {one.firmware.el}: a CPU starts at exception level 1 or 2")
        for cluster in one.clusters:
            _check_cluster(cluster)
        for vector_type in VectorType:
            self._check_lengths(one, vector_type)

    def _check_lengths(self, one: Cpu, vector_type: VectorType) -> None:
        vqs, length, traits = one.vqs(vector_type), one.el3_len(vector_type), VECTOR_TYPES[vector_type]
        if not 0 <= length <= LEN_FIELD:
            raise InputError(f"{one.name}: {traits.el3_len_key} is {length}: the field holds 0 to {LEN_FIELD}")
        if vqs is None or self.any_vls:
            return
        reason = traits.why_not(vqs, self.sve_rule)
        if reason is not None:
            raise InputError(f"{one.name}: {vector_type} lengths {braces(vqs)}: {reason}")

    def _check_mpidrs(self) -> None:
        owners: dict[int, str] = {}
        for number, one in enumerate(self.logical):
            other = owners.setdefault(self.mpidr(number), one.name)
            if other != one.name:
                raise InputError(f"{other} and {one.name} have the same MPIDR, {self.mpidr(number):#x}")

    @cached_property
    def logical(self) -> tuple[Cpu, ...]:
        """The CPUs in the order of their logical numbers."""
        boot = next(one for one in self.cpus if one.name == self.boot_cpu)
        return (boot, *(one for one in self.cpus if one is not boot))

    def number(self, name: str) -> int:
        """Return the logical number of the CPU of a name.

        Args:
            name: the CPU's name.

        Raises:
            InputError: no CPU has the name.
        """
        if name not in self._index:
            names = [one.name for one in self.logical]
            raise InputError(f"there is no CPU {str(name)[:60]!r}: there are {_some_of(names)}")
        return self._index[name]

    @property
    def hypothetical(self) -> bool:
        """True if its hardware mixes sets of vector lengths, which no system known to us does.

        Firmware may limit CPUs differently on a shipping system, so its limits do not count.
        """
        return len({(one.sve_vqs, one.sme_vqs) for one in self.cpus}) > 1

    @cached_property
    def kinds(self) -> tuple[tuple[int, ...], ...]:
        """The CPUs that are alike in features and firmware, as logical numbers, in the order of their first CPUs."""
        kinds: dict[tuple[int, Firmware], list[int]] = {}
        for number, one in enumerate(self.logical):
            kinds.setdefault((id(one.features), one.firmware), []).append(number)
        return tuple(map(tuple, kinds.values()))

    def has_own_names(self, numbers: Iterable[int]) -> bool:
        """Return True if the file's name of any of these CPUs is not its logical number behind "cpu".

        Args:
            numbers: logical numbers of CPUs.
        """
        return any(self.logical[number].name != f"cpu{number}" for number in numbers)

    def label(self, number: int) -> str:
        """Return the name of a CPU in sentences: its logical number, with the file's name if that differs.

        Args:
            number: the CPU's logical number.
        """
        return self.labels([number])

    def labels(self, numbers: Sequence[int]) -> str:
        """Return the name of several CPUs in sentences: their logical numbers, with the file's names if those differ.

        Args:
            numbers: logical numbers, ascending; at least one.

        >>> from dataclasses import replace
        >>> own = replace(Topology.of([[128]] * 6), boot_cpu="cpu3")
        >>> own.labels([1, 2, 4, 5]), own.labels([0, 1, 3])
        ('cpu1-2,4-5 (cpu0 to cpu1, cpu4 to cpu5)', 'cpu0-1,3 (cpu3, cpu0, cpu2)')
        """
        told = f"cpu{cpu_list(numbers)}"
        return f"{told} ({self.names(numbers)})" if self.has_own_names(numbers) else told

    def names(self, numbers: Sequence[int]) -> str:
        """Return the file's names of CPUs in the order of their numbers, for where the numbers stand beside them.

        Those that follow each other in the file are a range.

        Args:
            numbers: logical numbers, ascending.

        >>> from dataclasses import replace
        >>> replace(Topology.of([[128]] * 6), boot_cpu="cpu3").names([0, 1, 2, 5])
        'cpu3, cpu0 to cpu1, cpu5'
        """
        runs: list[list[str]] = []
        for name in (self.logical[number].name for number in numbers):
            if runs and self._row[runs[-1][-1]] == self._row[name] - 1:
                runs[-1][1:] = [name]  # a run is its first name, or its first and last
            else:
                runs.append([name])
        return ", ".join(" to ".join(ends) for ends in runs)

    @cached_property
    def _row(self) -> dict[str, int]:
        """The place in the file of each CPU."""
        return {one.name: row for row, one in enumerate(self.cpus)}

    def mpidr(self, number: int) -> int:
        """Return MPIDR_EL1 of a logical CPU: as given, else its place in the file.

        Of the place, Aff0 is the lowest eight bits and Aff1 the next eight; `MOST_CPUS` do not need more.

        Args:
            number: the CPU's logical number.
        """
        one = self.logical[number]
        return one.mpidr if one.mpidr is not None else self._place[one.name]

    @cached_property
    def _place(self) -> dict[str, int]:
        """The place in the file of each CPU without an MPIDR, skipping the numbers that other CPUs have as theirs."""
        given = {one.mpidr for one in self.cpus}
        free = (place for place in count() if place not in given)
        return {one.name: next(free) for one in self.cpus if one.mpidr is None}

    @cached_property
    def graph(self) -> "nx.DiGraph[str | tuple[str, ...]]":
        """Clusters and CPUs as a directed graph, whose edges lead from the system over clusters to CPUs.

        A CPU's node is its name. A cluster's is its path, a tuple of names; the system's is the empty path.
        Nodes have ``kind`` (system, cluster, cpu); CPUs also ``number``, ``sve_bits``, ``sme_bits`` and ``late``.
        """
        import networkx as nx

        graph: nx.DiGraph[str | tuple[str, ...]] = nx.DiGraph()
        graph.add_node((), kind="system")
        for number, one in enumerate(self.logical):
            for depth in range(len(one.clusters)):
                graph.add_node(one.clusters[: depth + 1], kind="cluster")
                graph.add_edge(one.clusters[:depth], one.clusters[: depth + 1])
            graph.add_node(
                one.name,
                kind="cpu",
                number=number,
                sve_bits=one.sve_bits,
                sme_bits=one.sme_bits,
                late=one.late,
            )
            graph.add_edge(one.clusters, one.name)
        return graph


def _with_unknown_core(cpu: Cpu) -> Cpu:
    """Return a CPU as it is beside CPUs with cores: one without a core is then of an unknown core, and not QEMU's."""
    if cpu.features.core is not QEMU_MAX:
        return cpu
    return replace(cpu, features=_features(cpu.sve_vqs, cpu.sme_vqs, UNKNOWN, vhe=cpu.features.vhe))


def _check_cluster(name: str) -> None:
    check_printable("the cluster's name", name)
    if "/" in name:
        raise InputError(f"the cluster's name {name[:60]!r} has a /, which stands between clusters in what is shown")


def _some_of(names: Sequence[str]) -> str:
    """Return names as a list, or their number and the first and the last."""
    return ", ".join(names) if len(names) <= _MOST_NAMES_SHOWN else f"{len(names):,}, {names[0]} to {names[-1]}"


def _in_bits(vqs: int | None) -> tuple[int, ...] | None:
    return None if vqs is None else bits_from_vqs(vqs)


def _lengths(vqs: int | None) -> str:
    return "none" if vqs is None else braces(vqs)


def cpu_list(numbers: Iterable[int]) -> str:
    """Write ascending CPU numbers as sysfs does.

    >>> cpu_list([0, 1, 3, 5, 6, 7])
    '0-1,3,5-7'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]  # a range is its first number, or its first and last
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, ends)) for ends in ranges)
