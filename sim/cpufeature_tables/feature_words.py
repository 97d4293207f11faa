"""The words of the kernel's command line that concern CPU features, and the configuration options of the tables.

Which names a series knows is read of 6.1.176, 6.12.107 and 7.3.4; 6.16 to 6.18 are taken to be between them, as their
recorded boots have it.

Source: arch/arm64/kernel/idreg-override.c, proton-pack.c, cpufeature.c;
Documentation/admin-guide/kernel-parameters.txt.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TypeVar

import msgspec

from sim.cpufeature_tables.tables import every_config_option
from sim.errors import InputError, check_printable, closest
from sim.kernel_release import Series

T = TypeVar("T")


class FieldOption(msgspec.Struct, frozen=True):
    """A field that the command line may name, as in id_aa64pfr0.sve=0."""

    register: str
    field: str
    shift: int
    since: Series = (6, 1)


FIELD_OPTIONS = {
    "id_aa64mmfr0.ecv": FieldOption("ID_AA64MMFR0_EL1", "ECV", 60, (6, 16)),
    "id_aa64mmfr1.vh": FieldOption("ID_AA64MMFR1_EL1", "VH", 8),
    "id_aa64mmfr1.hafdbs": FieldOption("ID_AA64MMFR1_EL1", "HAFDBS", 0, (6, 16)),
    "id_aa64mmfr2.varange": FieldOption("ID_AA64MMFR2_EL1", "VARange", 16, (6, 12)),
    "id_aa64mmfr4.nv_frac": FieldOption("ID_AA64MMFR4_EL1", "NV_frac", 20, (6, 16)),
    "id_aa64pfr0.sve": FieldOption("ID_AA64PFR0_EL1", "SVE", 32),
    "id_aa64pfr0.el0": FieldOption("ID_AA64PFR0_EL1", "EL0", 0, (6, 12)),
    "id_aa64pfr0.mpam": FieldOption("ID_AA64PFR0_EL1", "MPAM", 40, (6, 16)),
    "id_aa64pfr1.bt": FieldOption("ID_AA64PFR1_EL1", "BT", 0),
    "id_aa64pfr1.gcs": FieldOption("ID_AA64PFR1_EL1", "GCS", 44, (6, 16)),
    "id_aa64pfr1.mte": FieldOption("ID_AA64PFR1_EL1", "MTE", 8),
    "id_aa64pfr1.sme": FieldOption("ID_AA64PFR1_EL1", "SME", 24),
    "id_aa64pfr1.mpam_frac": FieldOption("ID_AA64PFR1_EL1", "MPAM_frac", 16, (6, 16)),
    "id_aa64isar1.gpi": FieldOption("ID_AA64ISAR1_EL1", "GPI", 28),
    "id_aa64isar1.gpa": FieldOption("ID_AA64ISAR1_EL1", "GPA", 24),
    "id_aa64isar1.api": FieldOption("ID_AA64ISAR1_EL1", "API", 8),
    "id_aa64isar1.apa": FieldOption("ID_AA64ISAR1_EL1", "APA", 4),
    "id_aa64isar2.wfxt": FieldOption("ID_AA64ISAR2_EL1", "WFxT", 0, (6, 18)),
    "id_aa64isar2.gpa3": FieldOption("ID_AA64ISAR2_EL1", "GPA3", 8),
    "id_aa64isar2.apa3": FieldOption("ID_AA64ISAR2_EL1", "APA3", 12),
    "id_aa64isar2.mops": FieldOption("ID_AA64ISAR2_EL1", "MOPS", 16, (6, 12)),
    "id_aa64smfr0.smever": FieldOption("ID_AA64SMFR0_EL1", "SMEver", 56),
    "id_aa64smfr0.fa64": FieldOption("ID_AA64SMFR0_EL1", "FA64", 63),
}
_NO_PAUTH = " ".join(
    f"id_aa64{field}=0" for field in ("isar1.gpi", "isar1.gpa", "isar1.api", "isar1.apa", "isar2.gpa3", "isar2.apa3")
)
ALIASES = {
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
ALIAS_SINCE = {"arm64.nompam": (6, 18)}
"""The first series with an alias, where it is not that of the field."""
WHOLE_REGISTERS = {"id_aa64pfr0.sve": "ID_AA64ZFR0_EL1", "id_aa64pfr1.sme": "ID_AA64SMFR0_EL1"}
"""Fields whose 0 takes a further register with it."""
ONE_BIT = frozenset({"id_aa64smfr0.fa64"})

SWITCHES = (
    "allow_mismatched_32bit_el0",
    "mitigations=off",
    "mitigations=auto",
    "mitigations=auto,nosmt",
    "nospectre_v2",
    "nospectre_bhb",
    "ssbd=force-off",
    "ssbd=force-on",
    "ssbd=kernel",
    "kpti=0",
    "kpti=1",
    "kpti=off",
    "kpti=on",
    "nokaslr",
    "irqchip.gicv3_pseudo_nmi=0",
    "irqchip.gicv3_pseudo_nmi=1",
)
"""Further words that have an effect on CPU features, or are known to have none."""
_SSBD = "no arm64 kernel reads it, and ssbd=force-off switches the mitigation of Spectre-v4 off"
_LEFT_OUT = "leave the CPUs that it keeps out, out of the topology"
_INSTEAD = {
    "nospectre_v4": _SSBD,
    "spectre_v4": _SSBD,
    "spec_store_bypass_disable": _SSBD,
    "spectre_v2": "no arm64 kernel reads it, and nospectre_v2 switches the mitigation of Spectre-v2 off",
    "maxcpus": "set maxcpus instead",
    "nr_cpus": _LEFT_OUT,
    "nosmp": _LEFT_OUT,
}
"""The advice on parameters that are likely to be tried and concern no CPU features here.

Source: Documentation/admin-guide/kernel-parameters.txt; arch/arm64/kernel/smp.c (``smp_prepare_cpus``).
"""
_BOOLEANS = frozenset({"kpti", "irqchip.gicv3_pseudo_nmi"})
"""Parameters whose value the kernel reads as a truth value, in any of its spellings."""
_NUMBERS_SINCE = (6, 9)
"""The first series that takes a hexadecimal digit, with or without 0x; before, the number's form gives its base."""
_NAME_OF_FIELD = re.compile(r"id_aa64[a-z0-9]+\.\w+", re.ASCII)
_DIGIT = re.compile(r"(?:0x)?([0-9a-f])", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9]\d{0,18}", re.IGNORECASE | re.ASCII)


def asked_values(words: list[str], series: Series, *, nosve_hides_sme: bool) -> Iterator[tuple[str, int]]:
    """Yield the fields that a command line names, aliases resolved, with their values; the last value of each counts.

    Args:
        words: the command line's words.
        series: the kernel's series.
        nosve_hides_sme: ``arm64.nosve`` stands for ``id_aa64pfr1.sme=0`` as well.
    """
    for word in canonical_words(words):
        if ALIAS_SINCE.get(word, series) > series:
            continue
        also = " id_aa64pfr1.sme=0" if word == "arm64.nosve" and nosve_hides_sme else ""
        for one in (ALIASES.get(word, word) + also).split():
            name, _, text = one.partition("=")
            value = _number(text, series)
            if value is not None:
                yield name, value


def _number(text: str, series: Series) -> int | None:
    """Return the value that the kernel reads; None where it is not a number, so that the word has no effect.

    >>> _number("f", (6, 12)), _number("f", (6, 1)), _number("15", (6, 1))
    (15, None, 15)
    """
    if series >= _NUMBERS_SINCE:
        digit = _DIGIT.fullmatch(text)
        return None if digit is None else int(digit[1], 16)
    if _NUMBER.fullmatch(text) is None:
        return None
    return int(text, 8) if text.startswith("0") and text.isdecimal() else int(text, 0)


def truth_value(text: str) -> bool | None:
    """Return the truth value that the kernel reads; None where it is none, so that the word has no effect.

    Source: lib/kstrtox.c (``kstrtobool``), which looks at the first letter alone, or at the first two of on and off.

    >>> truth_value("Y"), truth_value("on"), truth_value("0"), truth_value("maybe")
    (True, True, False, None)
    """
    for value, beginnings in ((True, ("y", "t", "1", "on")), (False, ("n", "f", "0", "of"))):
        if text.lower().startswith(beginnings):
            return value
    return None


def last_value(words: Iterable[str], name: str, read: Callable[[str], T | None]) -> T | None:
    """Return the last value of a parameter that the kernel can read; None if there is none.

    Args:
        words: the command line's words, as `canonical_words` returns them.
        name: the parameter's name.
        read: returns the value of a text; None where the kernel ignores it.
    """
    texts = (word.partition("=")[2] for word in words if word.startswith(f"{name}="))
    return next((value for text in reversed(list(texts)) if (value := read(text)) is not None), None)


def is_switch(word: str) -> bool:
    """Return True if a word, as `canonical_words` returns it, is one of the further words that concern CPU features."""
    name, equals, value = word.partition("=")
    return word in SWITCHES or (bool(equals) and name in _BOOLEANS and truth_value(value) is not None)


def canonical_words(words: Iterable[str]) -> list[str]:
    """Return the words of a command line as this module spells them: in a parameter's name, - and _ are the same.

    >>> canonical_words(["arm64.no32bit-el0", "irqchip.gicv3-pseudo-nmi=1", "ssbd=force-off"])
    ['arm64.no32bit_el0', 'irqchip.gicv3_pseudo_nmi=1', 'ssbd=force-off']
    """
    return [_spelt().get(one, one) for one in map(_canonical, words)]


@cache
def _spelt() -> Mapping[str, str]:
    return MappingProxyType({_canonical(word): word for word in (*ALIASES, *SWITCHES)})


def _canonical(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.replace("-", "_") + equals + value


def check_options(options: str, series: Series) -> None:
    """Check that every word of a command line concerns CPU features.

    Args:
        options: the words.
        series: the kernel's series, whose own words are suggested.

    Raises:
        InputError: a word does not, or cannot be printed.
    """
    check_printable("options", options)
    for given, word in zip(options.split(), canonical_words(options.split()), strict=True):
        name, equals, value = word.replace("-", "_").partition("=")
        if name == "kvm_arm.mode" and value == "nested":
            raise InputError(f"options: {given[:60]!r} asks for nested virtualisation, which is not modelled")
        if name == "kvm_arm.mode":
            raise InputError(f"options: {given[:60]!r} decides on more than CPU features: set kvm_mode instead")
        is_field = name in FIELD_OPTIONS and bool(equals and value)
        if _NAME_OF_FIELD.fullmatch(name) and name not in FIELD_OPTIONS:
            raise InputError(
                f"options: {given[:60]!r}: the kernel has no override of that field{_other_fields(word, series)}"
            )
        if not is_field and word not in ALIASES and not is_switch(word):
            raise InputError(f"options: {given[:60]!r} does not concern CPU features{_instead(word, series)}")


_PREFIX = "CONFIG_"
_SELECTED_BY = {
    "CONFIG_ARM64_WORKAROUND_BROKEN_AMU_CONSTCNT": "ARM64_ERRATUM_2457168",
    "CONFIG_ARM64_WORKAROUND_CLEAN_CACHE": (
        "ARM64_ERRATUM_819472 ARM64_ERRATUM_824069 ARM64_ERRATUM_826319 ARM64_ERRATUM_827319"
    ),
    "CONFIG_ARM64_WORKAROUND_DISABLE_CNP": "HISILICON_ERRATUM_162100125 NVIDIA_CARMEL_CNP_ERRATUM",
    "CONFIG_ARM64_WORKAROUND_REPEAT_TLBI_SYNC": "QCOM_FALKOR_ERRATUM_1009",
    "CONFIG_ARM64_WORKAROUND_SPECULATIVE_AT": "ARM64_ERRATUM_1165522 ARM64_ERRATUM_1319367 ARM64_ERRATUM_1530923",
    "CONFIG_ARM64_WORKAROUND_SPECULATIVE_UNPRIV_LOAD": "ARM64_ERRATUM_2966298 ARM64_ERRATUM_3117295",
    "CONFIG_ARM64_WORKAROUND_TRBE_OVERWRITE_FILL_MODE": "ARM64_ERRATUM_2119858 ARM64_ERRATUM_2139208",
    "CONFIG_ARM64_WORKAROUND_TRBE_WRITE_OUT_OF_RANGE": "ARM64_ERRATUM_2224489 ARM64_ERRATUM_2253138",
    "CONFIG_ARM64_WORKAROUND_TSB_FLUSH_FAILURE": "ARM64_ERRATUM_2054223 ARM64_ERRATUM_2067961",
}
"""The options that select each option of the tables, by their names without CONFIG_.

Each adds cores of its own to a list that the tables know as a whole.

Source: arch/arm64/Kconfig; arch/arm64/kernel/cpu_errata.c (``erratum_speculative_at_list`` and the other lists).
"""


def selected_option(name: str) -> str | None:
    """Return the option of the tables that a configuration option selects; None if it selects none of them.

    >>> selected_option("CONFIG_ARM64_ERRATUM_2119858")
    'CONFIG_ARM64_WORKAROUND_TRBE_OVERWRITE_FILL_MODE'
    """
    own = name.removeprefix(_PREFIX)
    return next((option for option, names in _SELECTED_BY.items() if own in names.split()), None)


def check_config(config: Mapping[str, bool]) -> None:
    """Check that configuration options are those that entries of the tables depend on.

    Raises:
        InputError: there is no such option.
    """
    for name in config:
        if name in every_config_option():
            continue
        if (selected := selected_option(name)) is not None:
            raise InputError(
                f"config: {name!r} selects {selected} for some cores, and the tables know the list of all its cores as "
                f"a whole: state {selected} instead"
            )
        prefixed = name if name.startswith(_PREFIX) else _PREFIX + name
        hint = _hint(prefixed if prefixed in every_config_option() else name, every_config_option())
        raise InputError(f"config: no CPU feature that is modelled depends on {name[:60]!r}{hint}")


def _instead(word: str, series: Series) -> str:
    """Return the end of a message on a word that is not among those of CPU features: what may be meant."""
    name = word.partition("=")[0]
    if name in _INSTEAD:
        return f": {_INSTEAD[name]}"
    return _hint(word, _words(series))


def _other_fields(word: str, series: Series) -> str:
    """Return the end of a message on a field without an override: those of the register, or a field of that name."""
    register, _, field = word.partition("=")[0].partition(".")
    taken = [one.partition(".") for one in _fields_of(series)]
    of_register = [name for other, _, name in taken if other == register]
    if of_register:
        major, minor = series
        return f": of {register}, Linux {major}.{minor} takes {', '.join(of_register)}"
    return _hint(word, [f"{other}.{name}=0" for other, _, name in taken if name == field])


def _fields_of(series: Series) -> list[str]:
    return [name for name, option in FIELD_OPTIONS.items() if option.since <= series]


def _words(series: Series) -> list[str]:
    """Return the words that a series knows."""
    fields = [f"{name}=" for name in _fields_of(series)]
    aliases = [
        alias
        for alias, stands_for in ALIASES.items()
        if ALIAS_SINCE.get(alias, series) <= series and all(one.startswith(tuple(fields)) for one in stands_for.split())
    ]
    return [*aliases, *SWITCHES, *(f"{field}0" for field in fields)]


def _hint(word: str, known: Iterable[str]) -> str:
    close = closest(word, known)
    return f": did you mean {close!r}?" if close else ""
