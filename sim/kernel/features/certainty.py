"""The features of a system that depend on registers which no source tells.

A register that is unknown on some CPUs is taken to be as on the first CPU of which it is known; a register that is
unknown on all CPUs is 0. A feature that the system has is *assumed* if it depends on such a register. A feature that
the system lacks is *unknown* if the system may have it: all CPUs decide together, and the field is known of none, or a
single CPU decides, and its field is unknown.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sim.cpufeature_tables import Capability, KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import GIC, OF_FIRMWARE, IdField
from sim.kernel.features.core_models import is_in_list, is_of_other_models
from sim.kernel.features.cpu_id import CpuId
from sim.kernel.features.id_fields import ATOMIC, CSV2, HAS_HCR, MPAM, PARANGE, PMUVER, RAS, RAS_FRAC
from sim.kernel.features.matchers import ADDRESS_AUTH, GENERIC_AUTH, LPA2, MATCHERS, OF_EXTENSIONS, never
from sim.kernel.features.system_features import SystemFeatures

_CTR = IdField("CTR_EL0", "CTR_EL0", shift=0, width=32)
_READ_BY = {
    "has_cache_idc": (_CTR,),
    "has_cache_dic": (_CTR,),
    "has_mismatched_cache_type": (_CTR,),
    "has_neoverse_n1_erratum_1542419": (_CTR,),
    "has_pmuv3": (PMUVER,),
    "has_rasv1p1": (RAS, RAS_FRAC),
    "test_has_mpam": (MPAM,),
    "test_has_mpam_hcr": (MPAM, HAS_HCR),
    "can_trap_icv_dir_el1": (GIC, ATOMIC),
    "has_spectre_v2": (CSV2,),
    "is_spectre_bhb_affected": (CSV2,),
}
"""The fields that matchers read besides the field that their entry names; TDS is inferred from ATOMIC."""
_ANY_OF = {"has_address_auth_metacap": ADDRESS_AUTH, "has_generic_auth": GENERIC_AUTH}
_SAFE_LISTS = {
    "has_spectre_v2": "spectre_v2_safe_list",
    "is_spectre_bhb_affected": "spectre_bhb_safe_list",
    "unmap_kernel_at_el0": "kpti_safe_list",
}
"""The lists of cores for which a matcher reads no field."""


class Certainty(msgspec.Struct, frozen=True):
    """The features of a system that are not certain; nothing where every register is known."""

    unknown_capabilities: tuple[Capability, ...] = ()
    """The capabilities of which it is not known whether the system has them."""
    assumed_capabilities: tuple[Capability, ...] = ()
    """The capabilities that the system has if CPUs of unknown registers are like its other CPUs."""
    unknown_hwcaps: tuple[str, ...] = ()
    """The features of programs, by their names in /proc/cpuinfo, of which nothing is known."""
    assumed_hwcaps: tuple[str, ...] = ()
    """The features that programs are promised if CPUs of unknown registers are like the other CPUs."""
    compat_hwcaps_are_assumed: bool = False
    """True if some hwcap of 32-bit programs depends on a register that is unknown."""
    ipa_limit_is_assumed: bool = False
    """True if some CPU's range of physical addresses is unknown."""


def certainty_of(system: SystemFeatures, reading: Callable[[int], CpuId]) -> Certainty:
    """Return what is not certain of the features of a system whose early CPUs have come.

    Args:
        system: the system.
        reading: returns the registers of a CPU.
    """
    # No feature depends on what firmware writes.
    if not any(cpu.unknown.keys() - OF_FIRMWARE for cpu in system.early_kinds):
        return Certainty()
    unknown, assumed = _capabilities(system, reading)
    unknown_hwcaps, assumed_hwcaps = _hwcaps(system)
    kinds = list(system.early_kinds)
    return Certainty(
        unknown,
        assumed,
        unknown_hwcaps,
        assumed_hwcaps,
        compat_hwcaps_are_assumed=any(one.compat and _doubtful(system, one, kinds) for one in system.hwcaps.entries),
        ipa_limit_is_assumed=not all(cpu.knows(PARANGE) for cpu in kinds),
    )


def _capabilities(
    system: SystemFeatures, reading: Callable[[int], CpuId]
) -> tuple[tuple[Capability, ...], tuple[Capability, ...]]:
    """Return the capabilities that are unknown, and those that are assumed."""
    unknown, assumed, found = [], [], system.capabilities
    kinds = list(system.early_kinds)
    for place, one in enumerate(found.table.entries):
        is_counted = one.per_cpu is not None
        detected = bool(found.cpus.get(place)) if is_counted else bool(found.system >> place & 1)
        of_one_cpu = "SYSTEM" not in one.type and "MATCH_ALL_EARLY" not in one.type
        deciding = kinds[:1] if "BOOT" in one.type else kinds
        doubtful = _doubtful(system, one, deciding)
        # The CPU that decided may be certain although others are not.
        by = found.decided_by.get(place)
        if detected and doubtful and (by is None or reading(by) in doubtful):
            assumed.append(one)
        elif not detected and doubtful and (of_one_cpu or len(doubtful) == len(deciding)):
            unknown.append(one)
    return tuple(unknown), tuple(assumed)


def _hwcaps(system: SystemFeatures) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the hwcaps that are unknown, and of those that are assumed."""
    kinds, promised = list(system.early_kinds), set(system.hwcaps.cpuinfo())
    unknown, assumed, certain = dict[str, None](), dict[str, None](), set[str]()
    for one in system.hwcaps.entries:
        if one.compat:
            continue
        doubtful = _doubtful(system, one, kinds)
        if one.cpuinfo_name in promised:
            if doubtful:
                assumed[one.cpuinfo_name] = None
            elif system.is_met(one):
                certain.add(one.cpuinfo_name)
        elif doubtful and len(doubtful) == len(kinds):
            unknown[one.cpuinfo_name] = None
    return tuple(unknown), tuple(name for name in assumed if name not in certain)


def _doubtful(system: SystemFeatures, one: Requirement, kinds: Iterable[CpuId]) -> list[CpuId]:
    """Return the CPUs of which a field is unknown that an entry of the tables asks for."""
    extension = OF_EXTENSIONS.get(one.matcher)
    if extension is not None and not system.has(extension):
        return []  # a CPU without the extension has none of its parts
    return [cpu for cpu in kinds if not all(map(cpu.knows, _fields_read(system.tables, one, cpu)))]


def _fields_read(tables: KernelTables, one: Requirement, cpu: CpuId) -> Iterator[IdField]:
    """Yield the fields of a CPU that a matcher reads for an entry of the tables."""
    if is_of_other_models(cpu.midr, one) or MATCHERS[one.matcher] is never:
        return
    if is_in_list(cpu.midr, tables.midr_lists.get(_SAFE_LISTS.get(one.matcher, ""), ())):
        return
    yield from _READ_BY.get(one.matcher, ())
    if one.matcher == "has_lpa2":
        yield from (field for field, _ in LPA2.get(tables.page_bytes, ()))
    names = _ANY_OF.get(one.matcher, ())
    for each in (*one.any_of, *(other for other in tables.capabilities if other.name in names)):
        yield from _fields_read(tables, each, cpu)
    if one.register is not None:
        field = tables.field_of(one)
        # Floating point and Advanced SIMD are there unless the field says otherwise, and every known core has them.
        if not field.signed or one.min > 0:
            yield IdField(one.register, field.name, field.shift, field.width)
