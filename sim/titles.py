"""The titles of columns: what tables for people call a quantity that frames, JSON and files spell by a name.

A quantity has one title, whichever command shows it. `tests/test_vocabulary.py` holds the tables to it.
"""

from types import MappingProxyType

_UNITS = frozenset({"bits", "bytes", "ns"})
_TITLES = MappingProxyType(
    {
        "allocation_vl_bits": "for, bits",
        "asked_bytes": "asked, bytes",
        "boot_cpu": "boot CPU",
        "capabilities_lost": "capabilities lost",
        "command_line": "command line",
        "cpu": "CPU",
        "early": "early CPUs",
        "el": "EL",
        "host_max_vl_bytes": "ZCR_EL2 allows, bytes",
        "hw_cpu": "run by",
        "hwcaps_lost": "hwcaps lost",
        "kernel_flags": "kernel flags",
        "kvm_mode": "KVM mode",
        "late_because": "late because",
        "late_cpus": "late CPUs",
        "offered_bits": "offered to guests, bits",
        "page_order": "page order",
        "run_bytes": "run of pages, bytes",
        "save_bytes": "a save would need, bytes",
        "save_first_byte": "registers from byte",
        "sme_bits": "SME, bits",
        "sve_bits": "SVE, bits",
        "unused_bytes": "unused, bytes",
    }
)
"""The titles of columns whose name is not a word or a name of the kernel."""


def title(column: str) -> str:
    """Return the title of a column; without a title of its own, its name with the unit apart.

    >>> title("host_max_vl_bytes"), title("max_vl_bytes"), title("supported")
    ('ZCR_EL2 allows, bytes', 'max_vl, bytes', 'supported')
    """
    name, _, unit = column.rpartition("_")
    return _TITLES.get(column) or (f"{name}, {unit}" if unit in _UNITS else column)
