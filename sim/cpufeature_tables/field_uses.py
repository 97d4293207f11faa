"""The uses of ID fields that the tables of capabilities and hwcaps do not tell, and what a difference then costs.

Most fields are only looked at by capabilities and hwcaps, whose entries name them. The fields here have a matcher of
their own, or are read by the kernel's code, by KVM or by programs.

A CPU has passed the kernel's checks when a SANITY CHECK line tells of it: what the kernel refuses, or panics for, is
therefore no effect of a difference that is logged.

Source: arch/arm64/kernel/cpufeature.c, cpu_errata.c, proton-pack.c, hw_breakpoint.c, armv8_deprecated.c, arch/arm64/mm/
context.c, arch/arm64/kvm/reset.c and vmid.c; breakpoints, CTR_EL0 and PARange were booted on 6.1 to 7.3.
"""

from enum import StrEnum

import msgspec

from sim.cpufeature_tables.system_values import Comparison, LoggedDifference
from sim.cpufeature_tables.tables import Field, Requirement


class EffectKind(StrEnum):
    """The badness of the effect that a difference has."""

    NONE = "none"
    """Each CPU is treated by its own value, or the kernel copes with the difference."""
    LOSS = "loss"
    """No CPU uses something that the boot CPU has."""
    DANGER = "danger"
    """The kernel, or programs, take all CPUs to be alike in this, and fail where they are not."""


class _Than(StrEnum):
    """The values of another CPU that have an effect.

    An early CPU is compared with the boot CPU. A late CPU with less is compared with what the early CPUs left of the
    system's value, on which the kernel settled.
    """

    LESS = "less"
    OTHER = "other than the boot CPU's"


class _Disproof(StrEnum):
    """A thing that a log may show, and that rules an effect out."""

    CAME = "the CPU came online"
    OTHERS_CAME = "other CPUs came online after it"

    def is_in(self, line: LoggedDifference) -> bool:
        """Return True if the log shows it."""
        return line.came_online if self is _Disproof.CAME else line.others_came


class FieldEffect(msgspec.Struct, frozen=True):
    """The effect of a field's difference."""

    kind: EffectKind
    words: str
    """A clause; for a loss, the thing that is lost."""


class _FieldUse(msgspec.Struct, frozen=True):
    """The effects of an early and of a late CPU's difference; None: it has none."""

    than: _Than
    early: FieldEffect | None
    late: FieldEffect | None
    disproof: _Disproof | None = None
    """The thing that shows that a late CPU does not have the effect; None: nothing can."""
    disproved: FieldEffect | None = None
    """The effect that is left then."""


def _own(words: str) -> FieldEffect:
    return FieldEffect(EffectKind.NONE, words)


def _loss(words: str) -> FieldEffect:
    return FieldEffect(EffectKind.LOSS, words)


def _danger(words: str) -> FieldEffect:
    return FieldEffect(EffectKind.DANGER, words)


def _on_each(words: str) -> _FieldUse:
    """Return the use of a field by which every CPU is treated on its own."""
    return _FieldUse(_Than.OTHER, _own(words), _own(words))


_MISMATCHED = "the capability 'Mismatched cache type (CTR_EL0)': programs on {} read the system's value, by a trap{}"
_BREAKPOINT_LOSS = "{} that the boot CPU has more"
_BREAKPOINT_PANIC = (
    "the kernel resets as many {} as it counted when it booted, which is an undefined instruction here: it panics"
)
_NO_BREAKPOINT_PANIC = (
    "a kernel that resets as many {} as it counted when it booted would panic here, and this kernel did not: the CPU "
    "came online"
)
_OWN_RANGE = (
    "with KVM, kernels before 6.12 look at the CPU's own range, and refuse a CPU with less before it can log this line"
)
_GRANULE = "a CPU without the kernel's size of pages is stuck before the kernel can log this line"
_STAGE2 = _FieldUse(_Than.OTHER, _loss("KVM, in kernels with pages of this size"), None)
_ZEROED = (
    "memory is in danger: C libraries clear it by DC ZVA, in blocks of a size that they read once, and a program that "
    "moves between these CPUs clears more or less than it means to"
)
_PROHIBITED = "a program that clears memory by DC ZVA, since one of these CPUs allows it, gets SIGILL on the other"

_USES = {
    ("DCZID_EL0", "BS"): _FieldUse(_Than.OTHER, _danger(_ZEROED), _danger(_ZEROED)),
    ("DCZID_EL0", "DZP"): _FieldUse(_Than.OTHER, _danger(_PROHIBITED), _danger(_PROHIBITED)),
    ("ID_AA64DFR0_EL1", "BRPs"): _FieldUse(
        _Than.LESS,
        _loss(_BREAKPOINT_LOSS.format("hardware breakpoints")),
        _danger(_BREAKPOINT_PANIC.format("breakpoints")),
        _Disproof.CAME,
        _own(_NO_BREAKPOINT_PANIC.format("breakpoints")),
    ),
    ("ID_AA64DFR0_EL1", "WRPs"): _FieldUse(
        _Than.LESS,
        _loss(_BREAKPOINT_LOSS.format("hardware watchpoints")),
        _danger(_BREAKPOINT_PANIC.format("watchpoints")),
        _Disproof.CAME,
        _own(_NO_BREAKPOINT_PANIC.format("watchpoints")),
    ),
    ("ID_AA64DFR0_EL1", "PMUVer"): _on_each("the kernel drives each PMU by itself"),
    ("ID_AA64DFR0_EL1", "PMSVer"): _on_each("the kernel drives each profiling unit (SPE) by itself"),
    ("ID_AA64PFR0_EL1", "EL0"): _FieldUse(_Than.LESS, _loss("32-bit programs"), None),
    ("ID_AA64PFR0_EL1", "CSV2"): _on_each("decides for each CPU by itself about Spectre-v2 and Spectre-BHB"),
    ("ID_AA64PFR0_EL1", "CSV3"): _FieldUse(
        _Than.OTHER,
        _own("where it is 0, and the core is not known to be safe, the kernel isolates its page tables (KPTI)"),
        _own("a late CPU that needs isolated page tables (KPTI) is refused where the kernel has none"),
    ),
    ("ID_AA64PFR0_EL1", "MPAM"): _on_each("the kernel uses MPAM only if every early CPU has it"),
    ("ID_AA64PFR1_EL1", "RAS_frac"): _on_each("kernels that know RASv1p1 use it if every early CPU has it"),
    ("ID_AA64MMFR1_EL1", "VH"): _on_each("a kernel at EL2 (VHE) panics for a CPU without, before it can log this line"),
    ("ID_AA64MMFR2_EL1", "BBM"): _on_each("kernels that know BBM level 3 use it if every early CPU has it"),
    ("ID_AA64MMFR2_EL1", "NV"): _on_each("KVM has nested guests, where they are asked for, if every early CPU has it"),
    ("MPAMIDR_EL1", "HAS_HCR"): _on_each("the kernel uses MPAM's register of guests only if every early CPU has it"),
    ("ID_AA64PFR0_EL1", "AMU"): _on_each("the kernel uses the activity monitors of the CPUs that have them"),
    ("ID_AA64ISAR2_EL1", "CLRBHB"): _on_each("decides for each CPU by itself how Spectre-BHB is mitigated"),
    ("ID_AA64MMFR1_EL1", "ECBHB"): _on_each("decides for each CPU by itself how Spectre-BHB is mitigated"),
    ("ID_AA64MMFR1_EL1", "HAFDBS"): _on_each("the CPUs that can set the dirty state of pages do so, each by itself"),
    ("ID_AA64MMFR1_EL1", "VMIDBits"): _FieldUse(_Than.LESS, _loss("VMIDs of 16 bits, of which KVM uses 8"), None),
    ("ID_AA64MMFR0_EL1", "PARANGE"): _FieldUse(
        _Than.LESS,
        _loss("the boot CPU's range of physical addresses, for guests"),
        _danger(
            "with KVM, kernels from 6.12 on refuse every CPU that comes after it (`IPA range mismatch`), unless an "
            "early CPU has as small a range, which no line need show"
        ),
        _Disproof.OTHERS_CAME,
        _own("kernels from 6.12 on with KVM would refuse every CPU that comes after it, and CPUs came"),
    ),
    ("ID_AA64MMFR0_EL1", "ASIDBITS"): _FieldUse(
        _Than.OTHER,
        _own("the boot CPU decides, and for a CPU with fewer bits the kernel panics before it can log this line"),
        _own("the boot CPU decides, and for a CPU with fewer bits the kernel panics before it can log this line"),
    ),
    ("ID_AA64MMFR0_EL1", "BIGENDEL0"): _FieldUse(_Than.LESS, _loss("SETEND in 32-bit programs"), None),
    **{("ID_AA64MMFR0_EL1", field): _on_each(_GRANULE) for field in ("TGRAN4", "TGRAN16", "TGRAN64")},
    **{("ID_AA64MMFR0_EL1", field): _STAGE2 for field in ("TGRAN4_2", "TGRAN16_2", "TGRAN64_2")},
    ("ID_AA64MMFR2_EL1", "VARange"): _on_each(
        "the boot CPU decides, and a CPU without the kernel's 52-bit addresses is stuck before this line"
    ),
}


_CACHE_TYPE = "CTR_EL0"
_OF_CACHE_TYPE = {"bits31_31", "DIC", "IDC", "CWG", "ERG", "DminLine", "IminLine"}
"""The fields of CTR_EL0 whose difference makes a CPU's cache type a mismatched one."""
_PARANGE = ("ID_AA64MMFR0_EL1", "PARANGE")


def has_use(register: str, field: Field) -> bool:
    """Return True if the kernel's code, KVM or programs look at a field.

    >>> has_use("ID_AA64PFR0_EL1", Field(name="CSV3", shift=60)), has_use("CTR_EL0", Field(name="L1Ip", shift=14))
    (True, False)
    """
    return (register, field.name) in _USES or _is_of_cache_type(register, field)


def _is_of_cache_type(register: str, field: Field) -> bool:
    return register == _CACHE_TYPE and field.name in _OF_CACHE_TYPE


def field_effect(
    comparison: Comparison, field: Field, strict_mask: int, *, compares_own_range: bool | None
) -> FieldEffect | None:
    """Return the effect of a field's difference that capabilities and hwcaps do not tell; None if none is known.

    Args:
        comparison: the values of the register.
        field: the field.
        strict_mask: the bits of the register in which a difference is logged.
        compares_own_range: True if the kernel compares a late CPU's own PARange with KVM's limit, False if it compares
            the system's; None if that is not known.

    >>> line = LoggedDifference("DCZID_EL0", 4, 5)
    >>> block_size = Field(name="BS", shift=0)
    >>> field_effect(Comparison(line, 4, 4), block_size, 0xF, compares_own_range=None).kind
    <EffectKind.DANGER: 'danger'>
    """
    line, register = comparison.line, comparison.line.register
    if _is_of_cache_type(register, field):
        return _own(_trap_words(comparison, strict_mask))
    use = _USES.get((register, field.name))
    if use is None or not _has_effect(use.than, field, comparison):
        return None
    if not line.is_late:
        return use.early
    if (register, field.name) == _PARANGE and compares_own_range:
        return _own(_OWN_RANGE)
    return use.disproved if use.disproof is not None and use.disproof.is_in(line) else use.late


def _has_effect(than: _Than, field: Field, comparison: Comparison) -> bool:
    values = comparison.of(field)
    settled = values.at_boot if comparison.line.is_late else values.boot
    return than is _Than.OTHER or field.order(values.cpu) < field.order(settled)


def _trap_words(comparison: Comparison, strict_mask: int) -> str:
    """Return the CPUs on which programs read the system's CTR_EL0 by a trap: those that do not have that value.

    The kernel sets the trap on the early CPUs when all of them have come, and on a late CPU before it counts that CPU.

    Source: ``cpu_enable_trap_ctr_access`` of arch/arm64/kernel/cpu_errata.c.
    """
    line = comparison.line
    settled = comparison.before if line.is_late else comparison.at_boot
    is_here = bool((line.value ^ settled) & strict_mask)
    is_on_boot_cpu = bool((line.boot_value ^ comparison.at_boot) & strict_mask)
    if not is_here:
        return _MISMATCHED.format("the CPUs that differ from it, such as the boot CPU,", "; this CPU has that value")
    return _MISMATCHED.format("this CPU, and on the boot CPU," if is_on_boot_cpu else "this CPU", "")


_SIMD = tuple(Requirement(register="MVFR1_EL1", field=name, min=1) for name in ("SIMDInt", "SIMDLS", "SIMDSP"))
_LAST_PMUV3 = 14
_MATCHED = {
    "has_cache_idc": (Requirement(register="CTR_EL0", field="IDC", min=1),),
    "has_cache_dic": (Requirement(register="CTR_EL0", field="DIC", min=1),),
    "has_pmuv3": (Requirement(register="ID_AA64DFR0_EL1", field="PMUVer", shift=8, min=1, max=_LAST_PMUV3),),
    "compat_has_neon": _SIMD,
}
"""The fields that special matchers look at, all of which must have one of the values."""


def matched_fields(one: Requirement) -> tuple[Requirement, ...]:
    """Return what an entry's matcher looks for, a field each, all of which must have one of the values.

    >>> [each.field for each in matched_fields(Requirement(matcher="has_cache_idc"))]
    ['IDC']
    """
    return _MATCHED.get(one.matcher, (one,))


def matched_field(one: Requirement, register: str, field: str) -> Requirement | None:
    """Return what an entry's matcher looks for in a field, by its own words or its code's; None if it does not look.

    >>> matched_field(Requirement(matcher="has_cache_idc"), "CTR_EL0", "IDC").min
    1
    """
    return next((each for each in matched_fields(one) if (each.register, each.field) == (register, field)), None)
