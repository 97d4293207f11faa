"""The ID registers in which a log's CPUs differ from the boot CPU, decoded by the tables of the log's kernel."""

from dataclasses import dataclass

from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.sanity_decoder import RegisterDifference, decode_difference, register_name
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import modelled_kernel
from sim.kernel_release import kernel_release
from sim.vector_types import VECTOR_TYPES

_SIMULATED = {(traits.id_field.register, traits.id_field.name) for traits in VECTOR_TYPES.values()}


@dataclass(frozen=True, slots=True)
class DifferingCpus:
    """CPUs that differ from the boot CPU in the same way."""

    cpus: tuple[int, ...]
    """By ascending numbers."""
    register: RegisterDifference
    is_late: bool
    """True if they came after the kernel's capabilities were final."""
    is_return: bool
    """True if they had come before, and came back after the kernel's capabilities were final."""

    @property
    def is_simulated(self) -> bool:
        """True if the CPUs of a scenario can differ in this way: in having a vector extension, and in nothing else."""
        name = self.register.register
        return all((name, field.field.name) in _SIMULATED for field in self.register.fields if field.is_strict)


def register_differences(log: KernelLog) -> list[DifferingCpus]:
    """Return the registers that differ, in the order of the log."""
    kernel = modelled_kernel(log)
    tables = kernel_tables(kernel_release(kernel.release).series)
    is_own = kernel.in_log is not None and not kernel.stands_for_older
    came_early = log.came_early | {0}
    alike: dict[tuple[str, int, int, bool, bool], set[int]] = {}
    for one in log.variations:
        is_return = one.is_late and one.cpu in came_early
        key = (register_name(one.register, tables), one.boot_value, one.value, one.is_late, is_return)
        alike.setdefault(key, set()).add(one.cpu)
    return [
        DifferingCpus(
            tuple(sorted(cpus)),
            decode_difference(
                name,
                boot_value,
                value,
                tables,
                log.hidden_fields.get(name, ()),
                is_late=is_late,
                is_own=is_own,
                series=kernel.in_log,
            ),
            is_late,
            is_return,
        )
        for (name, boot_value, value, is_late, is_return), cpus in alike.items()
    ]
