"""Hwcaps: what programs are promised, and the first promise that a late CPU would break.

Source: arch/arm64/kernel/cpufeature.c (``setup_elf_hwcaps``, ``verify_local_elf_hwcaps``).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

from sim.cpufeature_tables import Hwcap, KernelTables
from sim.kernel.features.placed_entries import PlacedEntries
from sim.kernel.features.system_registers import SystemRegisters

_CPUID, _EVTSTRM = 1 << 11, 1 << 2
"""HWCAP_CPUID, which every kernel of the series promises, and HWCAP_EVTSTRM, which the timer's driver does."""
_COMPAT_DEFAULT, _COMPAT_EVTSTRM = 0x16_8096, 0x20_0000
COMPAT_AES = 1
"""The bit for AES in the second word of 32-bit programs."""
_EXTRA_NAMES = {2: "evtstrm", 11: "cpuid"}
_COMPAT_EXTRA_NAMES = {
    1: "half",
    2: "thumb",
    4: "fastmult",
    7: "edsp",
    15: "tls",
    17: "idiva",
    18: "idivt",
    20: "lpae",
    21: "evtstrm",
}
"""The names of the bits that every 32-bit program is promised (``compat_hwcap_str`` of cpuinfo.c)."""


class HwcapTable:
    """The hwcaps that one kernel looks for.

    Args:
        tables: the kernel's tables.
        entries: those of their hwcaps that the kernel is built with, in its order.
    """

    def __init__(self, tables: KernelTables, entries: Iterable[Hwcap]) -> None:
        self.entries = tuple(entries)
        places = list(enumerate(self.entries))
        self.of_64_bit = PlacedEntries(tables, ((place, one) for place, one in places if not one.compat))
        self.of_32_bit = PlacedEntries(tables, ((place, one) for place, one in places if one.compat))
        names = {one.bit: one.cpuinfo_name for one in self.entries if one.bit is not None} | _EXTRA_NAMES
        self.cpuinfo_names = sorted(names.items())
        compat = {(one.word, one.mask): one.cpuinfo_name for one in self.entries if one.compat}
        compat |= {(1, 1 << bit): name for bit, name in _COMPAT_EXTRA_NAMES.items()}
        self.compat_cpuinfo_names = sorted(compat.items())


class Hwcaps:
    """The hwcaps of a system.

    Args:
        table: what the kernel looks for.
    """

    def __init__(self, table: HwcapTable) -> None:
        self._table = table
        self.elf = _CPUID | _EVTSTRM
        """AT_HWCAP, AT_HWCAP2 and AT_HWCAP3, 64 bits each."""
        self.compat = [_COMPAT_DEFAULT | _COMPAT_EVTSTRM, 0]
        """The words of 32-bit programs."""

    @property
    def entries(self) -> tuple[Hwcap, ...]:
        """Everything that the kernel looks for, in its order."""
        return self._table.entries

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.elf, tuple(self.compat)

    def setup(self, matches: Callable[[Hwcap], bool], registers: SystemRegisters) -> None:
        """Promise to 64-bit programs what the sanitised registers show."""
        self._setup(self._table.of_64_bit, matches, registers)

    def setup_compat(self, matches: Callable[[Hwcap], bool], registers: SystemRegisters, *, without_aes: bool) -> None:
        """Promise to 32-bit programs what the sanitised registers show."""
        self._setup(self._table.of_32_bit, matches, registers)
        # An erratum makes AES instructions of 32-bit programs wrong.
        if without_aes:
            self.compat[1] &= ~COMPAT_AES

    def _setup(
        self, entries: PlacedEntries[Hwcap], matches: Callable[[Hwcap], bool], registers: SystemRegisters
    ) -> None:
        of_fields = entries.of_fields
        absent = of_fields.unmet(registers.read) | of_fields.hidden(registers.user_mask)
        for place, one in entries.without(absent):
            if of_fields.alone >> place & 1 or matches(one):
                self._promise(one)

    def _promise(self, one: Hwcap) -> None:
        if one.compat:
            self.compat[one.word - 1] |= one.mask
        elif one.bit is not None:
            self.elf |= 1 << one.bit

    def missing(self, matches: Callable[[Hwcap], bool], *, has_aarch32: bool) -> Hwcap | None:
        """Return the first promise that a CPU does not keep; None where it keeps all.

        Args:
            matches: tells whether the CPU has what a promise needs.
            has_aarch32: the CPU runs 32-bit programs.
        """
        for one in self._table.entries:
            if self._is_promised(one) and (has_aarch32 or not one.compat) and not matches(one):
                return one
        return None

    def _is_promised(self, one: Hwcap) -> bool:
        if one.compat:
            return bool(self.compat[one.word - 1] & one.mask)
        return one.bit is not None and bool(self.elf >> one.bit & 1)

    @property
    def promised(self) -> int:
        """The entries that are promised, a bit for each."""
        return sum(1 << place for place, one in enumerate(self.entries) if self._is_promised(one))

    def words(self) -> list[int]:
        """Return AT_HWCAP, AT_HWCAP2 and AT_HWCAP3."""
        return [self.elf >> 64 * word & (1 << 64) - 1 for word in range(3)]

    def cpuinfo(self) -> list[str]:
        """Return the names in /proc/cpuinfo, in the order of their bits."""
        return list(_cpuinfo(self._table, self.elf))

    def compat_cpuinfo(self) -> list[str]:
        """Return the names that 32-bit programs read in /proc/cpuinfo, in the order of their bits."""
        return [name for (word, mask), name in self._table.compat_cpuinfo_names if self.compat[word - 1] & mask]


@lru_cache(maxsize=1024)
def _cpuinfo(table: HwcapTable, elf: int) -> tuple[str, ...]:
    return tuple(name for bit, name in table.cpuinfo_names if elf >> bit & 1)
