"""The cores of an imported system, with the registers that a log states: all CPU features are then modelled.

A scenario models all features only if it names every CPU's core. The evidence must therefore tell the core of every CPU
that it shows. Where it does not, an import without a log has the cores that are known. An import with a log has none:
the boot of a CPU without a core leaves out lines, so that the log could not be compared with it.

A kernel log that goes on until all features are known must say something of them: a log that was cut to vector lengths
is compared with lengths alone.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from sim.cores import GICV2, GICV3, core_names, is_stepping_of, known_core, steppings
from sim.cores.core_table import core_named, core_table
from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.sanity_decoder import register_name
from sim.id_registers import Core
from sim.importer.cpu_evidence import CpuEvidence
from sim.importer.cpu_lengths import CpuLengths
from sim.importer.kernel_log import KernelLog
from sim.importer.log_lines import Phase
from sim.importer.machine_evidence import MachineEvidence
from sim.kernel.features.cache_type import CTR_WORD, NEEDS_CLEANING, effective_ctr
from sim.topology import cpu_list
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType

_GIC_INTERFACE = ("GIC system register CPU interface", "GICv3 CPU interface")
"""The names of the capability that tells of a GIC with system registers."""
_MOST_SUGGESTED = 3
_NEWEST = (99, 0)


class ImportedCores(msgspec.Struct, frozen=True):
    """The cores of CPUs, by logical number, as far as they are known."""

    cores: Mapping[int, Core] = msgspec.field(default_factory=dict)
    why_not: str = ""
    """A sentence that says why only vector lengths are modelled; empty where all features are."""
    of_log: frozenset[str] = frozenset()
    """The registers that have the values of the log's SANITY CHECK lines."""
    like_others: tuple[int, ...] = ()
    """The CPUs of which nothing is known, and which are taken to be like another."""
    without_revision: tuple[str, ...] = ()
    """The cores whose stepping no source states, as a device tree states none."""

    @property
    def are_known(self) -> bool:
        """True if every CPU's core is known, so that all features are modelled."""
        return bool(self.cores) and not self.why_not


def cores_of(cpus: Sequence[CpuEvidence], lengths: Mapping[int, CpuLengths], machine: MachineEvidence) -> ImportedCores:
    """Return the cores of CPUs, if the evidence contradicts none: of all of them, or of those with a known core."""
    log = machine.log
    # A kernel names features before it has finished them all. A log that goes on beyond that was cut to other lines.
    if log is not None and log.phase is Phase.FINAL and not (log.shown.names_features or log.variations):
        return ImportedCores(why_not="the log names no CPU feature besides those that decide on vector lengths")
    has_names = log is not None and log.shown.names_features
    names = {evidence.cpu: _known_name(evidence, log_names_features=has_names) for evidence in cpus}
    seen = [evidence for evidence in cpus if evidence.midr is not None or evidence.compatible]
    unseen = [evidence for evidence in cpus if evidence not in seen]
    unknown = [evidence for evidence in seen if names[evidence.cpu] is None]
    values = {} if log is None else _logged_values(log, cpus)
    gic = _gic(machine)
    found: dict[int, Core] = {}
    for evidence in seen:
        name = names[evidence.cpu]
        if name is None:
            continue
        found[evidence.cpu] = core = _as_stated(known_core(name, evidence.midr, gic), values.get(evidence.cpu, {}))
        if contradicted := _contradicted(core, lengths[evidence.cpu]):
            return ImportedCores(why_not=f"{evidence.name} is given {contradicted} lengths, and {name} has none")
    without_revision = _without_revision(seen, found)
    if unknown and log is not None:
        return ImportedCores(why_not=_of_unknown(unknown))
    if unknown or not seen:
        return ImportedCores(found, why_not=_of_unknown(unknown or cpus), without_revision=without_revision)
    for evidence in unseen:
        core = _like_others(evidence, found, lengths[evidence.cpu])
        found[evidence.cpu] = _as_stated(core, values.get(evidence.cpu, {}))
    return ImportedCores(
        dict(sorted(found.items())),
        of_log=frozenset(register for core in found.values() for register in core.changes),
        like_others=tuple(evidence.cpu for evidence in unseen),
        without_revision=without_revision,
    )


def _without_revision(seen: Sequence[CpuEvidence], found: Mapping[int, Core]) -> tuple[str, ...]:
    names = (found[evidence.cpu].name for evidence in seen if evidence.cpu in found and evidence.midr is None)
    return tuple(dict.fromkeys(names))


def _as_stated(core: Core, values: Mapping[str, int]) -> Core:
    """Return a core with the values that a log states."""
    return changed(core, tuple(sorted({**core.changes, **_changes(core, values)}.items())))


def _like_others(evidence: CpuEvidence, seen: Mapping[int, Core], lengths: CpuLengths) -> Core:
    """Return the core of a CPU of which nothing is known: that of a CPU before it that can have its lengths."""
    before = [core for cpu, core in sorted(seen.items(), reverse=True) if cpu < evidence.cpu] or [*seen.values()]
    return next((core for core in before if not _contradicted(core, lengths)), before[0])


# CPUs whose keys are the same share one core, so that each kind is judged once.
@lru_cache(maxsize=4096)
def changed(core: Core, changes: tuple[tuple[str, int], ...]) -> Core:
    """Return a core with other values of some registers."""
    return core.with_registers(core.midr, dict(changes)) if changes else core


def _known_name(evidence: CpuEvidence, *, log_names_features: bool) -> str | None:
    """Return the name of a CPU's core if the table of ID registers has it.

    An emulator's core may have anything, which only a log that names features shows.
    """
    name = evidence.core_of_midr
    if name is None and evidence.midr is None:
        name = next((one for one in map(core_named, evidence.compatible) if one in core_names()), None)
    if name is None or name not in core_names():
        return None
    if evidence.midr is not None and not is_stepping_of(name, evidence.midr):
        return None
    documented = core_table().cores.get(name)
    return name if documented is None or not documented.is_model or log_names_features else None


def _of_unknown(unknown: Sequence[CpuEvidence]) -> str:
    cores: dict[str, list[int]] = {}
    for evidence in unknown:
        cores.setdefault(evidence.core_name, []).append(evidence.cpu)
    words = ", ".join(f"cpu{cpu_list(cpus)} ({name}{_suggestion(name)})" for name, cpus in cores.items())
    return f"the table of ID registers has no core of {words}"


def _suggestion(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, core_names(), n=_MOST_SUGGESTED, cutoff=0.8)
    return f", perhaps {' or '.join(close)}" if close and name not in close else ""


def _gic(machine: MachineEvidence) -> int:
    """Return the version of the GIC, 2 or 3: as the log shows it, else as the tree says, else 3."""
    log = machine.log
    # The boot CPU decides about the interface alone.
    if log is not None and (log.shown.is_complete or log.shown.boot_cpu_is_complete) and log.shown.names_features:
        return GICV3 if any(words in _GIC_INTERFACE for words in log.shown.detected) else GICV2
    return GICV3 if machine.tree is None or machine.tree.gic is None else machine.tree.gic


# Registers that a log states


def _logged_values(log: KernelLog, cpus: Sequence[CpuEvidence]) -> dict[int, dict[str, int]]:
    """Return the values that SANITY CHECK lines state, by CPU and register.

    A line states the boot CPU's value beside another CPU's. CPUs of the boot CPU's MIDR have its values, unless a line
    says otherwise, and so have CPUs that no line is on those of a CPU of their MIDR that has one.
    """
    by_cpu: dict[int, dict[str, int]] = {}
    tables = kernel_tables(_NEWEST)
    for one in log.variations:
        register = register_name(one.register, tables.registers)
        # A line may name a CPU that no other line does, and that is not among those that there are.
        if register in tables.registers and one.cpu < len(cpus):
            compared_with = log.shown.compared_in_32bit if register in tables.aarch32 else 0
            by_cpu.setdefault(compared_with, {}).setdefault(register, int(one.boot_value))
            by_cpu.setdefault(one.cpu, {})[register] = int(one.value)
    came = log.came | {0}
    by_midr: dict[int | None, dict[str, int]] = {}
    for cpu, values in by_cpu.items():
        by_midr.setdefault(cpus[cpu].midr, {}).update(values)
    boot = by_cpu.get(0, {})
    found = {}
    for evidence in cpus:
        cpu = evidence.cpu
        # A CPU that came and has no line differs from the boot CPU in nothing that the kernel compares strictly.
        alike = boot if evidence.midr == cpus[0].midr else {} if cpu in came else by_midr.get(evidence.midr, {})
        if evidence.midr is not None or cpu in by_cpu:
            found[cpu] = {**alike, **by_cpu.get(cpu, {})}
    return found


def _changes(core: Core, values: Mapping[str, int]) -> dict[str, int]:
    """Return the registers that a log states otherwise than the table of cores does."""
    changes = {register: value for register, value in values.items() if _as_logged(core, register) != value}
    ctr, clidr = changes.get("CTR_EL0"), core.id_registers.get("CLIDR_EL1")
    if ctr is not None and clidr is not None and effective_ctr(ctr, clidr) != ctr:
        changes["CLIDR_EL1"] = NEEDS_CLEANING
    return changes


def _as_logged(core: Core, register: str) -> int | None:
    """Return a register's value as a kernel would log it; None where it is unknown."""
    if register not in core.id_registers:
        return 0 if core.knows(register) else None
    value = core.id_registers[register]
    if register != "CTR_EL0":
        return value
    clidr = core.id_registers.get("CLIDR_EL1")
    return value & CTR_WORD if clidr is None else effective_ctr(value, clidr) & CTR_WORD


def _contradicted(core: Core, lengths: CpuLengths) -> VectorType | None:
    """Return the vector type of which a CPU has lengths although its ID register says that there is none."""
    for vector_type, bits in zip(VectorType, (lengths.sve_bits, lengths.sme_bits), strict=True):
        id_field = VECTOR_TYPES[vector_type].id_field
        is_known = core.is_complete or id_field.register in core.id_registers
        if bits is not None and is_known and not id_field.of(core.id_registers.get(id_field.register, 0)):
            return vector_type
    return None


def revision_words(midr: int) -> str:
    """Return the variant and the revision of a MIDR_EL1 as documents write them.

    >>> revision_words(0x412FD050)
    'r2p0'
    """
    return f"r{midr >> 20 & 0xF}p{midr & 0xF}"


def best_known_revision(name: str) -> str:
    """Return the stepping of a core that is simulated where no source states one."""
    return revision_words(steppings(name)[0])
