"""The CPUs of a log: which came, whose registers its lines state, and which are alike."""

from collections.abc import Iterable, Iterator

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.sanity_decoder import register_name
from sim.importer.kernel_log import KernelLog
from sim.scenario import Scenario


class LoggedCpus:
    """The CPUs of a log, by what its lines show of them; CPUs are logical numbers.

    Args:
        log: the log.
        scenario: its scenario, which gives CPUs of which no line tells the core of others.
        tables: the kernel's tables.
    """

    def __init__(self, log: KernelLog, scenario: Scenario, tables: KernelTables) -> None:
        cpus = scenario.topology.logical
        self._midrs = [cpu.features.core.midr for cpu in cpus]
        self.came = {cpu for cpu in log.came | {0} if cpu < len(cpus)}
        """The CPUs that came online at some time, and the boot CPU."""
        self.early = sorted(self.came & (log.came_early | {0}))
        """Those of them that the system's capabilities depend on."""
        self.told = self.came if log.shown.boot_cpu_is_complete else set[int]()
        """The CPUs of which the log names everything that a CPU decides alone: the kernel does before it is online."""
        self._stated = set(_stated(log, tables))
        self.run_32bit = {cpu for cpu, name in self._stated if name in tables.aarch32}
        """The CPUs that run 32-bit programs, since a line compares their registers of 32-bit code."""

    def is_stated(self, cpu: int, register: str | None) -> bool:
        """Return True if a SANITY CHECK line states a CPU's value of a register."""
        return (cpu, register) in self._stated

    def alike(self, cpus: Iterable[int]) -> list[int]:
        """Return some CPUs and all others of their core models."""
        midrs = {self._midrs[cpu] for cpu in cpus}
        return [cpu for cpu, midr in enumerate(self._midrs) if midr in midrs]


def _stated(log: KernelLog, tables: KernelTables) -> Iterator[tuple[int, str]]:
    """Yield CPUs with a register of which a line states the value: it has that of the CPU compared with as well."""
    for one in log.variations:
        name = register_name(one.register, tables.registers)
        yield log.shown.compared_in_32bit if name in tables.aarch32 else 0, name
        yield one.cpu, name
