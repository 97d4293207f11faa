"""32-bit programs on some CPUs only: which CPUs run them, and the CPU that may no longer go offline.

Source: arch/arm64/kernel/cpufeature.c (``enable_mismatched_32bit_el0``, ``lazy_init_32bit_cpu_features``).
"""

from collections.abc import Callable, Collection

import msgspec


class Asymmetric32Bit(msgspec.Struct):
    """The record of CPUs that run 32-bit programs, under ``allow_mismatched_32bit_el0``."""

    cpus: set[int] = msgspec.field(default_factory=set)
    """The CPUs that were online at some time and run 32-bit programs, by logical number."""
    pinned: int | None = None
    """The CPU that can no longer be taken offline."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple(sorted(self.cpus)), self.pinned

    def online(self, number: int, online: Collection[int], line: Callable[[str], None], *, is_32bit: bool) -> bool:
        """Count a CPU that came online, and return True if CPUs turn out to differ.

        Args:
            number: the CPU.
            online: the CPUs that are online.
            line: writes a line to the log.
            is_32bit: the CPU runs 32-bit programs.
        """
        if is_32bit:
            self.cpus.add(number)
        if (0 in self.cpus) == is_32bit or self.pinned is not None:
            return False
        self.pinned = number if is_32bit else min(one for one in online if one in self.cpus)
        line(
            f"CPU features: Asymmetric 32-bit EL0 support detected on CPU {number}; "
            f"CPU hot-unplug disabled on CPU {self.pinned}"
        )
        return True
