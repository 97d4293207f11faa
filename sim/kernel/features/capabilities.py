"""Capabilities: which the system has, when each is detected, and how a CPU that comes later is judged.

A set of capabilities is an int with a bit for each entry of the tables, in the order of their numbers.

Source: arch/arm64/kernel/cpufeature.c (``update_cpu_capabilities``, ``enable_cpu_capabilities``,
``verify_local_cpu_caps``, ``setup_system_capabilities``).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

import msgspec

from sim import rules
from sim.cpufeature_tables import Capability, KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.kernel.features.core_models import is_of_other_models
from sim.kernel.features.cpu_id import LocalReading
from sim.kernel.features.placed_entries import PlacedEntries
from sim.kernel.features.system_registers import SystemRegisters

WITH_EFFECTS = ("HW_DBM", "HAS_AMU_EXTN", "SPECTRE_V2", "SPECTRE_V4", "SPECTRE_BHB")
"""The capabilities whose enabling on a CPU shows in the log or in sysfs."""
Placed = PlacedEntries[Capability]


class Conflict(msgspec.Struct, frozen=True):
    """A contradiction between a CPU and the system in one capability."""

    capability: Capability
    system_has: bool

    @property
    def panics(self) -> bool:
        """True if the kernel panics, since it cannot go on with such a CPU."""
        return "PANIC" in self.capability.type


class CapabilityTable:
    """The entries of one kernel, sorted by what their types say.

    Args:
        tables: the kernel's tables.
        entries: the entries that the kernel is built with, in the order of their numbers.
    """

    def __init__(self, tables: KernelTables, entries: Iterable[Capability]) -> None:
        self.entries = tuple(entries)
        self._tables = tables
        self.place = {one.label: place for place, one in enumerate(self.entries)}
        self.all = PlacedEntries(tables, enumerate(self.entries))
        self.of_boot = self._having("BOOT")
        self.of_system = self._having("SYSTEM")
        self.of_all_early = self._having("MATCH_ALL_EARLY")
        self.at_boot = self._having("BOOT", "LOCAL")
        self.of_local = PlacedEntries(
            tables, ((place, one) for place, one in self._having("LOCAL") if "MATCH_ALL_EARLY" not in one.type)
        )
        self.of_late = self._having("LOCAL", "SYSTEM")
        self.counted = tuple(
            (place, one)
            for place, one in enumerate(self.entries)
            if one.per_cpu is not None or "MATCH_ALL_EARLY" in one.type
        )
        self.at_secondaries = self._having("LOCAL")
        self.boot_mask = self.of_boot.mask
        self.optional_late = self._having("OPTIONAL_LATE").mask
        self.permitted_late = self._having("PERMITTED_LATE").mask
        self.with_effects = tuple(placed for placed in enumerate(self.entries) if placed[1].name in WITH_EFFECTS)

    def _having(self, *words: str) -> Placed:
        """Return the entries whose types have any of these words."""
        having = ((place, one) for place, one in enumerate(self.entries) if not set(words).isdisjoint(one.type))
        return PlacedEntries(self._tables, having)

    def of_other_models(self, midr: int) -> int:
        """Return the capabilities that a core model cannot have, since their entries name other models."""
        return _of_other_models(self, midr)

    def absent(self, scope: Placed, cpu: LocalReading) -> int:
        """Return the capabilities of a scope that a CPU cannot have, by its model and its own registers."""
        return self.of_other_models(cpu.midr) | scope.of_fields.unmet(cpu.register)

    def names(self, members: int) -> list[str]:
        """Return the names of a set's members."""
        return [one.label for place, one in enumerate(self.entries) if members >> place & 1]


@lru_cache(maxsize=4096)
def _of_other_models(table: CapabilityTable, midr: int) -> int:
    return sum(1 << place for place, one in enumerate(table.entries) if is_of_other_models(midr, one))


class Capabilities:
    """The capabilities of a system.

    Args:
        table: the kernel's entries.
        line: writes a line to the log.
    """

    def __init__(self, table: CapabilityTable, line: Callable[[str], None]) -> None:
        self.table = table
        self._line = line
        self.system = 0
        """The capabilities that the system has."""
        self.boot = 0
        """Those of them that the boot CPU decided for all."""
        self.decided_by: dict[int, int | None] = {}
        """The logical number of the CPU that decided each, by its place; None: all of them together."""
        self.by_option = frozenset[int]()
        """The places of those that the command line gives the system."""
        self.cpus: dict[int, list[int]] = {}
        """The CPUs that have a capability which the kernel counts by CPU, by its place."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.system, self.boot, tuple((place, tuple(sorted(cpus))) for place, cpus in sorted(self.cpus.items()))

    def has(self, name: str) -> bool:
        """Return True if the system has a capability, by its name."""
        place = self.table.place.get(name)
        return place is not None and bool(self.system >> place & 1)

    def entries(self) -> tuple[Capability, ...]:
        """Return the entries of the capabilities that the system has, in the order of their numbers."""
        return tuple(one for _place, one in self.of_system())

    def of_system(self) -> tuple[tuple[int, Capability], ...]:
        """Return the capabilities that the system has, in the order of their numbers, with their places."""
        return self.table.all.within(self.system)

    def detect_boot(self, matches: Callable[[Requirement], bool], cpu: LocalReading) -> None:
        """Detect what the boot CPU decides, and what it has itself."""
        scope = self.table.at_boot
        self._detect(scope, 0, matches, self.table.absent(scope, cpu), scope.of_fields.alone)
        self.boot = self.system & self.table.boot_mask

    def detect_local(self, number: int, matches: Callable[[Requirement], bool], midr: int) -> None:
        """Detect what an early CPU has itself; what all early CPUs must have, ends with the first that lacks it."""
        for place, one in self.table.of_all_early:
            if self.system >> place & 1 and not matches(one):
                self.system &= ~(1 << place)
        self._detect(self.table.of_local, number, matches, self.table.of_other_models(midr), 0)

    def detect_system(self, matches: Callable[[Requirement], bool], registers: SystemRegisters) -> None:
        """Detect what the sanitised registers show."""
        scope = self.table.of_system
        self._detect(scope, None, matches, scope.of_fields.unmet(registers.read), scope.of_fields.alone)

    def _detect(
        self, scope: Placed, number: int | None, matches: Callable[[Requirement], bool], absent: int, present: int
    ) -> None:
        """Detect the capabilities of a scope; an entry that is in neither set is asked for."""
        for place, one in scope.without(self.system | absent):
            if present >> place & 1 or matches(one):
                if one.description is not None and one.per_cpu is None and "MATCH_ALL_EARLY" not in one.type:
                    self._line(f"CPU features: detected: {one.description}")
                self.system |= 1 << place
                # What all early CPUs must have is detected on the boot CPU, and lost with the first that lacks it.
                self.decided_by[place] = None if "MATCH_ALL_EARLY" in one.type else number

    def log_counted(self, cpu_list: Callable[[list[int]], str]) -> None:
        """Log the capabilities that name CPUs, and those that all early CPUs turned out to have."""
        for place, one in self.table.counted:
            if not self.system >> place & 1 or one.description is None:
                continue
            if one.per_cpu is None:
                self._line(f"CPU features: detected: {one.description}")
            elif self.cpus.get(place):
                self._line(f"CPU features: detected: {one.description} on CPU{cpu_list(self.cpus[place])}")

    def verify_boot(self, matches: Callable[[Requirement], bool], cpu: LocalReading) -> Conflict | None:
        """Judge what every secondary must share with the boot CPU, and return the first contradiction."""
        return self._verify(self.table.of_boot, matches, cpu, _nothing)

    def verify_late(
        self, matches: Callable[[Requirement], bool], cpu: LocalReading, enable: Callable[[int, Capability], None]
    ) -> Conflict | None:
        """Judge a late CPU, and return the first contradiction.

        Args:
            matches: tells whether the CPU has a capability.
            cpu: the CPU.
            enable: called for each capability of the system's, up to the contradiction.
        """
        return self._verify(self.table.of_late, matches, cpu, enable)

    def _verify(
        self,
        scope: Placed,
        matches: Callable[[Requirement], bool],
        cpu: LocalReading,
        enable: Callable[[int, Capability], None],
    ) -> Conflict | None:
        table = self.table
        absent = table.absent(scope, cpu)
        # Where neither the system nor the CPU has it, they agree.
        for place, one in scope.without(absent & ~self.system):
            bit = 1 << place
            own = bit if not absent & bit and (scope.of_fields.alone & bit or matches(one)) else 0
            system = self.system & bit
            if system != own and rules.conflicts(system, own, table.optional_late, table.permitted_late):
                return Conflict(one, bool(system))
            if system:
                enable(place, one)
        return None


def _nothing(_place: int, _one: Capability) -> None:
    """Enable nothing: the boot CPU's capabilities are enabled in the first code."""
