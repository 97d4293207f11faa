"""Overrides of ID registers by the kernel's command line.

Source: arch/arm64/kernel/idreg-override.c. Which names a series knows is read of 6.1.176, 6.12.107 and 7.3.4; 6.16 to
6.18 are taken to be between them, as their recorded boots have it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.cpufeature_tables import Field, KernelTables

Series = tuple[int, int]
_FIELD_BITS = 0xF


@dataclass(slots=True)
class Override:
    """``struct arm64_ftr_override``: the values of some fields of a register.

    A field whose bits are all set in `value`, and none in `mask`, was given a value that it cannot have.
    """

    value: int = 0
    mask: int = 0

    def put(self, shift: int, width_mask: int, value: int) -> None:
        """Override a field."""
        self.value = (self.value & ~(width_mask << shift)) | (value << shift)
        self.mask |= width_mask << shift

    def refuse(self, shift: int, width_mask: int) -> None:
        """Mark a field as given a value that it cannot have."""
        self.value |= width_mask << shift
        self.mask &= ~(width_mask << shift)

    def covers(self, field: Field) -> bool:
        """Return True if a field is overridden."""
        return self.mask & field.mask == field.mask

    def is_impossible(self, field: Field) -> bool:
        """Return True if a field was given a value that it cannot have."""
        return not self.mask & field.mask and self.value & field.mask == field.mask

    def drop(self, field: Field) -> None:
        """Forget a field's override."""
        self.value &= ~field.mask
        self.mask &= ~field.mask

    def applied_to(self, value: int) -> int:
        """Return a register's value with the overridden fields replaced."""
        return (value & ~self.mask) | (self.value & self.mask)


@dataclass(frozen=True, slots=True)
class _Name:
    """A field that the command line may name."""

    register: str
    field: str
    shift: int
    since: Series = (6, 1)


_NAMES = {
    "id_aa64mmfr0.ecv": _Name("ID_AA64MMFR0_EL1", "ECV", 60, (6, 16)),
    "id_aa64mmfr1.vh": _Name("ID_AA64MMFR1_EL1", "VH", 8),
    "id_aa64mmfr1.hafdbs": _Name("ID_AA64MMFR1_EL1", "HAFDBS", 0, (6, 16)),
    "id_aa64mmfr2.varange": _Name("ID_AA64MMFR2_EL1", "VARange", 16, (6, 12)),
    "id_aa64mmfr4.nv_frac": _Name("ID_AA64MMFR4_EL1", "NV_frac", 20, (6, 16)),
    "id_aa64pfr0.sve": _Name("ID_AA64PFR0_EL1", "SVE", 32),
    "id_aa64pfr0.el0": _Name("ID_AA64PFR0_EL1", "EL0", 0, (6, 12)),
    "id_aa64pfr0.mpam": _Name("ID_AA64PFR0_EL1", "MPAM", 40, (6, 16)),
    "id_aa64pfr1.bt": _Name("ID_AA64PFR1_EL1", "BT", 0),
    "id_aa64pfr1.gcs": _Name("ID_AA64PFR1_EL1", "GCS", 44, (6, 16)),
    "id_aa64pfr1.mte": _Name("ID_AA64PFR1_EL1", "MTE", 8),
    "id_aa64pfr1.sme": _Name("ID_AA64PFR1_EL1", "SME", 24),
    "id_aa64pfr1.mpam_frac": _Name("ID_AA64PFR1_EL1", "MPAM_frac", 16, (6, 16)),
    "id_aa64isar1.gpi": _Name("ID_AA64ISAR1_EL1", "GPI", 28),
    "id_aa64isar1.gpa": _Name("ID_AA64ISAR1_EL1", "GPA", 24),
    "id_aa64isar1.api": _Name("ID_AA64ISAR1_EL1", "API", 8),
    "id_aa64isar1.apa": _Name("ID_AA64ISAR1_EL1", "APA", 4),
    "id_aa64isar2.wfxt": _Name("ID_AA64ISAR2_EL1", "WFxT", 0, (6, 18)),
    "id_aa64isar2.gpa3": _Name("ID_AA64ISAR2_EL1", "GPA3", 8),
    "id_aa64isar2.apa3": _Name("ID_AA64ISAR2_EL1", "APA3", 12),
    "id_aa64isar2.mops": _Name("ID_AA64ISAR2_EL1", "MOPS", 16, (6, 12)),
    "id_aa64smfr0.smever": _Name("ID_AA64SMFR0_EL1", "SMEver", 56),
    "id_aa64smfr0.fa64": _Name("ID_AA64SMFR0_EL1", "FA64", 63),
}
_NO_PAUTH = " ".join(
    f"id_aa64{field}=0" for field in ("isar1.gpi", "isar1.gpa", "isar1.api", "isar1.apa", "isar2.gpa3", "isar2.apa3")
)
_ALIASES = {
    "arm64.nosve": "id_aa64pfr0.sve=0",
    "arm64.nosme": "id_aa64pfr1.sme=0",
    "arm64.nobti": "id_aa64pfr1.bt=0",
    "arm64.nogcs": "id_aa64pfr1.gcs=0",
    "arm64.nomops": "id_aa64isar2.mops=0",
    "arm64.nowfxt": "id_aa64isar2.wfxt=0",
    "arm64.nomte": "id_aa64pfr1.mte=0",
    "arm64.nopauth": _NO_PAUTH,
    "arm64.nohaft": "id_aa64mmfr1.hafdbs=2",
    "arm64.nolva": "id_aa64mmfr2.varange=0",
    "arm64.no32bit_el0": "id_aa64pfr0.el0=1",
    "arm64.nompam": "id_aa64pfr0.mpam=0 id_aa64pfr1.mpam_frac=0",
    "kvm-arm.mode=nvhe": "id_aa64mmfr1.vh=0",
}
_ALIAS_SINCE = {"arm64.nompam": (6, 18)}
"""The first series with an alias, where it is not that of the field."""
_WHOLE = {"id_aa64pfr0.sve": "ID_AA64ZFR0_EL1", "id_aa64pfr1.sme": "ID_AA64SMFR0_EL1"}
"""Fields whose 0 takes a further register with it."""
_OPTION = re.compile(r"([a-z0-9_]+\.[a-z0-9_]+)=(?:0x)?([0-9a-f])", re.IGNORECASE)
_ONE_BIT = frozenset({"id_aa64smfr0.fa64"})
OPTIONS = (*_ALIASES, *_NAMES)
"""Every alias and field that some series knows."""


def is_option(word: str) -> bool:
    """Return True if a word of the command line is an override that some series knows."""
    name, _, value = word.partition("=")
    return word in _ALIASES or (name in _NAMES and bool(value))


def overrides(
    words: list[str], tables: KernelTables, series: Series, boot_cpu: Mapping[str, int], *, nosve_hides_sme: bool
) -> dict[str, Override]:
    """Return the overrides of a command line, by register.

    Args:
        words: the command line's words.
        tables: the kernel's tables.
        series: the kernel's series.
        boot_cpu: the boot CPU's registers.
        nosve_hides_sme: ``arm64.nosve`` stands for ``id_aa64pfr1.sme=0`` as well.
    """
    found: dict[str, Override] = {}
    for name, value in _asked(words, series, nosve_hides_sme=nosve_hides_sme):
        known = _NAMES.get(name)
        if known is None or known.since > series:
            continue
        width_mask = 1 if name in _ONE_BIT else _FIELD_BITS
        override = found.setdefault(known.register, Override())
        if name == "id_aa64mmfr2.varange":
            if value:
                override.refuse(known.shift, width_mask)
                continue
            _shrink_granule(found, boot_cpu, tables.page_bytes)
        override.put(known.shift, width_mask, value & width_mask)
        if value == 0 and name in _WHOLE and _WHOLE[name] in tables.registers:
            found[_WHOLE[name]] = Override(0, (1 << 64) - 1)
    return found


def _asked(words: list[str], series: Series, *, nosve_hides_sme: bool) -> Iterator[tuple[str, int]]:
    """Yield the fields that a command line names, aliases resolved, with their values."""
    for word in words:
        if _ALIAS_SINCE.get(word, series) > series:
            continue
        also = " id_aa64pfr1.sme=0" if word == "arm64.nosve" and nosve_hides_sme else ""
        for one in (_ALIASES.get(word, word) + also).split():
            match = _OPTION.fullmatch(one.replace("-", "_"))
            if match is not None:
                yield match[1].lower(), int(match[2], 16)


def _shrink_granule(found: dict[str, Override], boot_cpu: Mapping[str, int], page_bytes: int) -> None:
    """Hide LPA2 of the kernel's granule, where the boot CPU has it: without it there are no 52-bit addresses.

    Source: arch/arm64/kernel/idreg-override.c (``mmfr2_varange_filter``).
    """
    mmfr0 = boot_cpu.get("ID_AA64MMFR0_EL1", 0)
    shift, with_lpa2 = {4096: (28, range(1, 8)), 16384: (20, range(2, 16))}.get(page_bytes, (0, range(0)))
    if mmfr0 >> shift & _FIELD_BITS in with_lpa2:
        override = found.setdefault("ID_AA64MMFR0_EL1", Override())
        override.put(shift, _FIELD_BITS, with_lpa2.start - 1)
        override.put(0, _FIELD_BITS, 5)
