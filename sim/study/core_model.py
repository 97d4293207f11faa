"""Cores as one kernel sees them: what each has, as bits, and what it does beside each boot CPU.

Everything is asked of the kernel's own functions (`sim.kernel.cpufeature` and below), once for each core, and for each
pair where the boot CPU matters. A mixture of cores is then operations on bits (`sim.study.mixture_evaluation`), without
a boot. `tests/study/test_mixtures.py` compares mixtures with boots.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from sim.cpufeature_tables.tables import Capability, Requirement
from sim.errors import InputError
from sim.id_registers import AARCH32, EL0, EL1, IdField
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.feature_options import id_overrides
from sim.kernel.features.cpu_id import CpuId, LocalReading
from sim.kernel.features.hwcaps import COMPAT_AES
from sim.kernel.features.id_fields import BRPS, PARANGE, SVE, VMIDBITS, WRPS
from sim.kernel.features.matchers import CNP_ERRATA, OF_EXTENSIONS, matches
from sim.kernel.features.system_features import AES_ERRATUM, HIDDEN_BY, SystemFeatures, physical_bits
from sim.kernel.features.system_registers import SystemRegisters
from sim.kernel.hyp_mode import HypMode
from sim.kernel.printk import Printk
from sim.scenario import EL2, KvmMode, Scenario
from sim.study.core_lattice import CoreStatement, Lattice, Layout, Part, Statement, Values
from sim.topology import Cpu, Topology, lacks_el2
from sim.vectors import VectorType

LOST, PANICS, REFUSED, DIFFERS, DIFFERS_IN_32_BITS, DIFFERS_IN_LENGTHS, SILENT, RUNS_32_BITS = (
    1 << place for place in range(8)
)
"""The bits that tell what a core does beside a boot CPU: those of `CoreModel.beside`."""
_LEFT_OUT = ("MPAM1_EL1", "MPAMIDR_EL1")
_PHYSICAL_BITS_WITHOUT_LPA2 = 48


class _Watched(SystemRegisters):
    """Registers that record which of them are read."""

    def read(self, name: str) -> int:
        """Return the sanitised value of a register, and record that it was read."""
        self.seen.add(name)
        return super().read(name)

    @cached_property
    def seen(self) -> set[str]:
        """The registers that were read."""
        return set()


class _Beside:
    """The kernel with one core as its boot CPU, to be asked about all cores."""

    def __init__(self, cores: Sequence[Cpu], boot: int, kernel: str, kvm_mode: KvmMode) -> None:
        topology = Topology(tuple(cores), boot_cpu=cores[boot].name, any_vls=True)
        self.scenario = Scenario(topology, kernel=kernel, kvm_mode=kvm_mode)
        printk, hyp = Printk(lambda: 0), HypMode()
        hyp.levels.add(self.scenario.el(0))
        self.features = CpuFeatures(self.scenario, printk, hyp)
        system = self.features.system
        overrides = id_overrides(self.scenario, system.tables, self.features.reading(0).registers)
        self.registers = _Watched(system.tables, overrides, system.options.config, system.options.unknown)
        system.registers = self.registers
        self.numbers = [topology.number(one.name) for one in cores]
        self.readings = [self.features.reading(number) for number in self.numbers]
        self.boot = boot
        self.is_silent = self._is_lost(0)
        self.features.init_cpu_features()
        self.system: SystemFeatures = system
        self._first = [(reg, reg.system_value, reg.strict_mask) for reg in system.registers.regs.values()]

    def _is_lost(self, number: int) -> bool:
        features = self.features
        return (
            features.why_stuck(number) is not None
            or features.why_dies_without_mmu(number) is not None
            or features.cannot_run_at_el2(number)
        )

    def bits(self, core: int) -> int:
        """Return what a core does as a secondary."""
        number = self.numbers[core]
        bits = (SILENT if self.is_silent else 0) | (RUNS_32_BITS if self.readings[core].has_aarch32_el0 else 0)
        if self._is_lost(number):
            return bits | LOST
        refusal = self.features.verify_boot_cpu_capabilities(number, number)
        if refusal is not None:
            return bits | (PANICS if refusal.panics_because else REFUSED)
        if core == self.boot:
            return bits
        # Whether the kernel looks at 32-bit registers' details and at lengths depends on the CPUs so far.
        for bit, el1, has_sve in ((DIFFERS, 1, 0), (DIFFERS_IN_32_BITS, AARCH32, 0), (DIFFERS_IN_LENGTHS, 1, 1)):
            if self._taints(number, core, el1, has_sve):
                bits |= bit
        return bits

    def _taints(self, number: int, core: int, el1: int, has_sve: int) -> bool:
        system = self.system
        for reg, system_value, strict_mask in self._first:
            reg.system_value, reg.strict_mask = system_value, strict_mask
        pfr0 = system.registers.regs[EL1.register]
        pfr0.system_value = EL1.put(pfr0.system_value, el1)
        if not has_sve:
            pfr0.system_value = SVE.put(pfr0.system_value, 0)
        system.registers.version += 1
        system.is_out_of_spec = False
        system.store(number, self.readings[core])
        tainted = system.is_out_of_spec
        for reg, system_value, strict_mask in self._first:
            reg.system_value, reg.strict_mask = system_value, strict_mask
        return tainted


@dataclass(frozen=True, slots=True)
class Contextual:
    """A capability that is not told by one bit of each CPU."""

    place: int
    of_system: Statement | None
    """The statement that the system has it, by its sanitised values; None where CPUs by themselves decide."""
    late: Statement | None
    """The statement that a late CPU counts as having it, where the sanitised values decide even then."""
    of_cpu: CoreStatement | None
    """The statement that a CPU has it, beside the CPUs before it."""


def check_core(cpu: Cpu) -> None:
    """Refuse a core that mixtures leave out.

    Raises:
        InputError: its registers are not all known, or it has something that mixtures do not model.
    """
    core = cpu.features.core
    if not core.has_all_features or not core.is_complete:
        known = len(core.id_registers) if core.has_all_features else 0
        raise InputError(
            f"{known} of its ID registers are known, and a space of cores needs all; asymboot list cores shows which "
            "cores have all"
        )
    if cpu.firmware.el not in {None, EL2} or lacks_el2(core):
        raise InputError("it starts at EL1, which a space of cores leaves out")
    # The kernel takes a reserved value for 32-bit programs where it compares CPUs, and for none where it reads one.
    if EL0.of(cpu.features.register(EL0.register)) > AARCH32:
        raise InputError("its ID_AA64PFR0_EL1.EL0 is a reserved value, which a space of cores leaves out")
    if VectorType.SME in cpu.features.vqs:
        raise InputError("it has SME, which a space of cores leaves out")
    for name in _LEFT_OUT:
        if cpu.features.register(name):
            raise InputError(f"{name} is not 0, and a space of cores leaves MPAM's partitions out")


class CoreModel:
    """Some cores under one kernel.

    Args:
        cores: a CPU of each core; their names differ.
        kernel: the kernel.
        kvm_mode: ``kvm-arm.mode=``.

    Raises:
        InputError: there are fewer than two, or a core is left out.
    """

    def __init__(self, cores: Sequence[Cpu], kernel: str, kvm_mode: KvmMode = KvmMode.DEFAULT) -> None:
        self.cores, self.kernel = tuple(cores), kernel
        each = [_Beside(self.cores, boot, kernel, kvm_mode) for boot in range(len(cores))]
        # Where the boot CPU runs no 32-bit code, the registers of 32-bit code have no mask of what programs see.
        self._beside = next((one for one in each if one.readings[one.boot].has_aarch32_el0), each[0])
        self._system = self._beside.system
        self.has_pseudo_registers = each[0].scenario.flags.pseudo_registers
        self.compares_own_ipa_range = each[0].system.options.compares_own_ipa_range
        self.boot_capabilities = tuple(one.system.capabilities.system for one in each)
        """The capabilities that the system has once each core has booted, by itself."""
        self.dies_without = tuple(self._dies_without(core) for core in range(len(cores)))
        """The capabilities of the system's without which each core dies as a late CPU."""
        # After this nothing is asked of the first kernel but its matchers and its registers.
        self.beside = tuple(tuple(one.bits(core) for core in range(len(cores))) for one in each)
        """The bits of each core beside each boot CPU, by boot CPU and core."""
        self.vqs = tuple(cpu.usable_sve_vqs or 0 for cpu in self.cores)
        """The SVE lengths of each core."""
        self.values = Layout(len(cores))
        self.truths = [0] * len(cores)
        """The truths of each core's statements, in the places of the values' bits."""
        self._lattices: dict[tuple[Part, ...], Lattice] = {}
        self._set_capabilities()
        self._set_hwcaps()
        self._set_limits()

    # Capabilities

    def _set_capabilities(self) -> None:
        table = self._system.capabilities.table
        self.table = table
        self.tables = self._system.tables
        system = dict(table.of_system)
        local = dict(table.of_local)
        self.of_late = table.of_late.mask
        self.of_all_early = table.of_all_early.mask
        self.of_boot = table.boot_mask
        self.errata_against_cnp = sum(1 << table.place[name] for name in CNP_ERRATA if name in table.place)
        self.cnp = sum(1 << place for place, one in enumerate(table.entries) if one.matcher == "has_useable_cnp")
        self.has: list[int] = [0] * len(self.cores)
        """The capabilities that each core has by itself, a bit for each entry."""
        self.contextual: list[Contextual] = []
        self.of_system = self.of_local = 0
        with _having(self._system, OF_EXTENSIONS.values()):
            for place, one in table.of_late:
                if not self._is_plain(place, one, is_system=place in system):
                    continue
                if place in system:
                    self.of_system |= 1 << place
                elif place in local:
                    self.of_local |= 1 << place
        self.features = sum(
            1 << place for place, one in enumerate(table.entries) if one.is_of_system and one.words is not None
        )
        """The capabilities that are features and have words, which a mixture may lose."""

    def _is_plain(self, place: int, one: Capability, *, is_system: bool) -> bool:
        """Put a capability where it belongs, and return True if one bit of each CPU tells it."""
        own, seen = self._own(one)
        if seen and not is_system:
            lattice = self._lattice(one, seen)
            statement = CoreStatement(self.values, lattice, lambda core, values: self._of(lattice, values, one, core))
            self.truths = [known | more for known, more in zip(self.truths, statement.truths, strict=True)]
            self.contextual.append(Contextual(place, None, None, statement))
            return False
        for core, truth in enumerate(own):
            self.has[core] |= truth << place
        if not is_system:
            return True
        lattice, truths = self._truths_of(one)
        of_cores = [truths[lattice.elements.index(value)] for value in lattice.own]
        if not seen and of_cores == own and lattice.is_shared(truths):
            return True
        by_values = dict(zip(lattice.elements, truths, strict=True))
        statement_of_system = Statement(self.values, lattice, by_values.__getitem__)
        self.contextual.append(Contextual(place, statement_of_system, statement_of_system if seen else None, None))
        return False

    def _own(self, one: Requirement) -> tuple[list[bool], set[str]]:
        """Return whether each core has an entry by itself, and the sanitised registers that this depends on."""
        registers = self._beside.registers
        registers.seen.clear()
        own = [matches(self._system, one, self._local(reading)) for reading in self._beside.readings]
        return own, set(registers.seen)

    def _local(self, reading: CpuId) -> LocalReading:
        return LocalReading(reading, self._system.registers)

    def _truths_of(self, one: Requirement) -> tuple[Lattice, list[bool]]:
        """Return the values that an entry depends on, and whether the system has it with each."""
        registers = self._beside.registers
        registers.seen.clear()
        matches(self._system, one, None)
        # A matcher of several parts may stop at the first, so all parts are asked.
        for part in (one, *one.any_of, *self._algorithms(one)):
            if part.register is not None:
                registers.read(part.register)
        lattice = self._lattice(one, set(registers.seen))
        return lattice, [self._of(lattice, values, one, None) for values in lattice.elements]

    def _algorithms(self, one: Requirement) -> Iterator[Requirement]:
        """Yield the entries that a matcher of any algorithm of authentication asks in turn."""
        if one.matcher == "has_generic_auth":
            yield from (other for other in self._system.tables.capabilities if "GENERIC_AUTH_" in other.name)

    def _lattice(self, one: Requirement, seen: set[str]) -> Lattice:
        """Return the values of the registers that an entry reads, or of its field where that is all."""
        tables = self._system.tables
        known = sorted(name for name in seen if name in tables.registers)
        if known == [one.register] and one.field is not None and not one.any_of:
            mask = tables.field_of(one).mask & tables.registers[known[0]].listed_mask
            return self._lattice_of((Part(known[0], mask),))
        return self._lattice_of(tuple(Part(name, tables.registers[name].listed_mask) for name in known))

    def _lattice_of(self, parts: tuple[Part, ...]) -> Lattice:
        if parts not in self._lattices:
            values = [
                {part.register: reading.value(part.register) for part in parts} for reading in self._beside.readings
            ]
            self._lattices[parts] = Lattice(self._system.tables, parts, values)
        return self._lattices[parts]

    def _of(self, lattice: Lattice, values: Values, one: Requirement, core: int | None) -> bool:
        """Return whether the system, or a core beside it, has an entry with some sanitised values."""
        reading = None if core is None else self._local(self._beside.readings[core])
        with _with_values(self._system, lattice, values):
            return matches(self._system, one, reading)

    def _dies_without(self, core: int) -> int:
        """Return the capabilities of the system's without which a core dies as a late CPU."""
        features, capabilities = self._beside.features, self._system.capabilities
        before, features.final = capabilities.system, True
        found = 0
        for place in range(len(capabilities.table.entries)):
            capabilities.system = 1 << place
            if features.why_dies(self._beside.numbers[core]) is not None:
                found |= 1 << place
        capabilities.system, features.final = before, False
        return found

    # Hwcaps

    def _set_hwcaps(self) -> None:
        system = self._system
        self.hwcaps = system.hwcaps.entries
        names = [(one.compat, one.bit, one.word, one.mask) for one in self.hwcaps]
        assert len(set(names)) == len(names), "two entries promise one hwcap"
        self.name_of_32_bits = "HAS_32BIT_EL0_DO_NOT_USE"
        self.erratum_of_aes = system.capabilities.table.place.get(AES_ERRATUM)
        self.promised_always = system.hwcaps.promised
        self.of_32_bits = sum(1 << place for place, one in enumerate(self.hwcaps) if one.compat)
        self.aes_of_32_bits = sum(
            1 << place
            for place, one in enumerate(self.hwcaps)
            if one.compat and one.word > 1 and one.mask == COMPAT_AES
        )
        self.has_hwcaps: list[int] = [0] * len(self.cores)
        self.contextual_hwcaps: list[tuple[int, Statement]] = []
        self.of_extension: dict[str, int] = {}
        with _having(system, OF_EXTENSIONS.values()):
            for place, one in enumerate(self.hwcaps):
                self._set_hwcap(place, one)
            self.hidden_by = [
                (system.capabilities.table.place[erratum], self._hidden(register, name))
                for erratum, register, name in HIDDEN_BY
                if erratum in system.capabilities.table.place
            ]

    def _set_hwcap(self, place: int, one: Requirement) -> None:
        own, seen = self._own(one)
        assert not seen, one
        for core, truth in enumerate(own):
            self.has_hwcaps[core] |= truth << place
        if one.matcher in OF_EXTENSIONS:
            extension = OF_EXTENSIONS[one.matcher]
            self.of_extension[extension] = self.of_extension.get(extension, 0) | 1 << place
        lattice, truths = self._truths_of(one)
        of_cores = [truths[lattice.elements.index(value)] for value in lattice.own]
        if of_cores != own or not lattice.is_shared(truths):
            by_values = dict(zip(lattice.elements, truths, strict=True))
            self.contextual_hwcaps.append((place, Statement(self.values, lattice, by_values.__getitem__)))

    def _hidden(self, register: str, name: str) -> int:
        """Return the hwcaps that are no longer promised once a field is hidden from programs."""
        return sum(
            1 << place
            for place, one in enumerate(self.hwcaps)
            if one.register == register and one.field == name and one.matcher == "has_user_cpuid_feature"
        )

    # What KVM and breakpoints need

    def _set_limits(self) -> None:
        registers = self._system.registers
        self.el1_is_32_bits = self._statement((EL1,), lambda: registers.field(EL1) == AARCH32)
        self.has_sve = self._statement((SVE,), lambda: bool(registers.field(SVE)))
        self.has_wide_vmids = self._statement((VMIDBITS,), lambda: self._system.verify_hyp(0, _NARROW, 0) is not None)
        at_least = (*self._at_least(BRPS), *self._at_least(WRPS))
        # A statement that is the same of all values tells no two CPUs apart.
        self.breakpoints = [one for one in at_least if one.constant is None]
        """The statements that the CPUs share at least a number of breakpoints, or of watchpoints."""
        lattice = self._lattice_of((Part(PARANGE.register, PARANGE.mask),))
        bits = sorted({physical_bits(PARANGE.of(one[0])) for one in lattice.elements} | {_PHYSICAL_BITS_WITHOUT_LPA2})
        ranges = ((number, self._range_of(number)) for number in bits)
        self.ranges = [(number, reaches) for number, reaches in ranges if reaches.constant is None]
        """The statements that physical addresses have at least a number of bits, each with the number."""
        self.most_bits_without_lpa2 = _PHYSICAL_BITS_WITHOUT_LPA2
        self.lpa2 = self._system.capabilities.table.place.get("HAS_LPA2")
        self.kvm_has_pages = self._statement(
            tuple(self._beside.features.stage_2_fields), self._beside.features.kvm_set_ipa_limit
        )

    def _range_of(self, number: int) -> Statement:
        return self._statement((PARANGE,), lambda: physical_bits(self._system.registers.field(PARANGE)) >= number)

    def _at_least(self, field: IdField) -> Iterator[Statement]:
        numbers = {field.of(reading.value(field.register)) for reading in self._beside.readings}
        for number in sorted(numbers)[1:]:
            yield self._statement((field,), _is_at_least(self._system.registers, field, number))

    def _statement(self, fields: tuple[IdField, ...], holds: Callable[[], bool]) -> Statement:
        lattice = self._lattice_of(tuple(Part(field.register, field.mask) for field in fields))

        def of(values: Values) -> bool:
            with _with_values(self._system, lattice, values):
                return holds()

        return Statement(self.values, lattice, of)


def _is_at_least(registers: SystemRegisters, field: IdField, number: int) -> Callable[[], bool]:
    return lambda: registers.field(field) >= number


_NARROW = CpuId.of({}, 0, runs_at_el2=True)
"""A CPU with 8 bits of VMIDs, and the smallest range of addresses."""


@contextmanager
def _having(system: SystemFeatures, names: Iterable[str]) -> Iterator[None]:
    """Give the system some capabilities and no others, for a while."""
    capabilities = system.capabilities
    before, places = capabilities.system, capabilities.table.place
    capabilities.system = sum(1 << places[name] for name in names if name in places)
    try:
        yield
    finally:
        capabilities.system = before


@contextmanager
def _with_values(system: SystemFeatures, lattice: Lattice, values: Values) -> Iterator[None]:
    """Give the system some sanitised values, for a while."""
    regs = [
        (system.registers.regs[part.register], part, value) for part, value in zip(lattice.parts, values, strict=True)
    ]
    before = [reg.system_value for reg, _part, _value in regs]
    for reg, part, value in regs:
        reg.system_value = reg.system_value & ~part.mask | value
    try:
        yield
    finally:
        for (reg, _part, _value), value in zip(regs, before, strict=True):
            reg.system_value = value
