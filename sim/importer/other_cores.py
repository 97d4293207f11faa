"""Cores that have an erratum or a weakness by their MIDR_EL1, for CPUs of which a log shows that they have it."""

from collections.abc import Iterator, Sequence

from sim.cores import core_names, is_stepping_of, known_core, steppings
from sim.cores.core_table import core_of_midr, core_table
from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import Core
from sim.importer.imported_cores import revision_words
from sim.kernel.features.core_models import is_in_list, is_kryo, is_listed, is_mended
from sim.topology import Features
from sim.vector_types import VECTOR_TYPES
from sim.vectors import QUADWORD_BITS, VectorType

_LISTS = {"has_spectre_v3a": "spectre_v3a_unsafe_list", "has_bbml2_noabort": "supports_bbml2_noabort_list"}
_SAFE_LISTS = {
    "has_spectre_v2": "spectre_v2_safe_list",
    "has_spectre_v4": "spectre_v4_safe_list",
    "is_spectre_bhb_affected": "spectre_bhb_safe_list",
    "unmap_kernel_at_el0": "kpti_safe_list",
}
"""The lists of core models of matchers: of those that have what it looks for, and of those that have not."""
_OF_MODEL = {"is_affected_midr_range", "is_affected_midr_range_list", "is_kryo_midr", "has_spectre_v3a"}
"""The matchers that look at nothing but the core's model and revision."""
_NEOVERSE_N1 = {"has_neoverse_n1_erratum_1542419": (("410fd0c0", "0", "f0000f"),)}
_IMPLEMENTER = 0xFF00_0000
_EVERY_REVISION = 0x00F0_000F
_ONE_LENGTH = (QUADWORD_BITS,)


def asks_for_model(one: Requirement) -> bool:
    """Return True if MIDR_EL1 decides about an entry of the tables, alone or with other registers.

    >>> asks_for_model(Requirement(matcher="has_cpuid_feature"))
    False
    """
    of_list = one.matcher in {*_LISTS, *_SAFE_LISTS, *_NEOVERSE_N1}
    return of_list or bool(one.midr or one.any_of or one.model)


def model_decides(one: Requirement) -> bool:
    """Return True if MIDR_EL1 alone decides about an entry of the tables, or REVIDR_EL1 with it."""
    if one.any_of:
        return all(map(model_decides, one.any_of))
    return one.matcher in _OF_MODEL


def may_have(one: Requirement, tables: KernelTables, midr: int) -> bool:
    """Return True if a core model can have an erratum or a weakness, as far as MIDR_EL1 decides."""
    if one.any_of:
        return any(may_have(each, tables, midr) for each in one.any_of)
    if one.model is not None:
        return is_kryo(midr, one.model)
    if one.matcher in _LISTS:
        return is_listed(tables, _LISTS[one.matcher], midr)
    if one.matcher in _SAFE_LISTS:
        return not is_listed(tables, _SAFE_LISTS[one.matcher], midr)
    return is_in_list(midr, one.midr or _NEOVERSE_N1.get(one.matcher, ()))


def mending_bits(one: Requirement, midr: int) -> int:
    """Return the bits of REVIDR_EL1 that say of a core model that it no longer has an erratum; 0 if none do.

    >>> hex(mending_bits(Requirement(midr=(("410fd030", "0", "4"),), fixed=(("4", "100"),)), 0x410FD034))
    '0x100'
    """
    entries = [each for each in (one, *one.any_of) if is_in_list(midr, each.midr)]
    bits = [
        sum(
            int(mended, 16)
            for variant_revision, mended in each.fixed
            if is_mended(midr, -1, ((variant_revision, mended),))
        )
        for each in entries
    ]
    return sum(dict.fromkeys(bits)) if all(bits) else 0


def cores_with(one: Requirement, tables: KernelTables, own: Core) -> Iterator[Core]:
    """Yield cores that can have an erratum or a weakness, those first that are most like a system's own core.

    Args:
        one: the entry of the erratum or of the weakness.
        tables: the kernel's tables.
        own: the core of the system's other CPUs.
    """

    def distance(core: Core) -> tuple[object, ...]:
        is_of_maker = not (core.midr ^ own.midr) & _IMPLEMENTER
        return core.name != own.name, not is_of_maker, not core.is_complete, core.name, core.midr

    found = {known_core(name, midr, own.gic or 3) for name, midr in set(_models(one)) if may_have(one, tables, midr)}
    yield from sorted(found, key=distance)


def _models(one: Requirement) -> Iterator[tuple[str, int]]:
    """Yield cores with their MIDR_EL1: the steppings that are known, and the ends of an entry's ranges."""
    for name in core_names():
        documented = core_table().cores.get(name)
        if documented is None or not documented.is_model:
            yield from ((name, midr) for midr in steppings(name))
    for model, *ends in (each for entry in (one, *one.any_of) for each in entry.midr):
        for end in ends:
            midr = int(model, 16) | int(end, 16)
            named = core_of_midr(midr)
            if named is not None and is_stepping_of(named, midr):
                yield named, midr


def listed_cores(one: Requirement, tables: KernelTables) -> list[str]:
    """Return the cores that a kernel lists for an erratum, with their revisions where it lists some only.

    >>> from sim.cpufeature_tables import kernel_tables
    >>> listed_cores(Requirement(midr=(("410fd030", "0", "4"),)), kernel_tables((6, 12)))
    ['arm,cortex-a53 r0p0 to r0p4']
    """
    of_list = tables.midr_lists.get(_LISTS.get(one.matcher, ""), ()) or _NEOVERSE_N1.get(one.matcher, ())
    found = dict[str, None]()
    for model, first, last in (*of_list, *(each for entry in (one, *one.any_of) for each in entry.midr)):
        name = core_of_midr(int(model, 16)) or f"MIDR {model}"
        ends = dict.fromkeys((revision_words(int(first, 16)), revision_words(int(last, 16))))
        found[name if int(last, 16) == _EVERY_REVISION else f"{name} {' to '.join(ends)}"] = None
    return list(found)


def features_of(core: Core, like: Features) -> Features:
    """Return the hardware of a CPU of another core, with the lengths of a CPU where no document tells its own."""
    documented = core_table().cores.get(core.name)
    lengths: dict[VectorType, Sequence[int]] = {}
    for vector_type, traits in VECTOR_TYPES.items():
        value = core.known_value(traits.id_field)
        bits = None if documented is None else documented.lengths(vector_type)
        if value == 0 or bits == ():
            continue
        own = like.lengths_bits.get(vector_type) if bits is None else bits
        if own is not None or value:
            lengths[vector_type] = own or _ONE_LENGTH
    return Features(lengths, core, like.vhe)
